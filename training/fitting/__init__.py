"""Fitting a network: the loop, its run folder, where it starts, what it minimises."""
