"""Batches: many photos, examined by the same means one after the other, and kept row by row."""
