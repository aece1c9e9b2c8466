"""Genuine references: what genuine parts look like, and how a photo is laid over them."""
