"""Scope: what a model may examine."""
