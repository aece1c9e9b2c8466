"""Fitting a network: the training loop, its run folder, its start, its losses."""
