"""Scope: what may be examined at all."""
