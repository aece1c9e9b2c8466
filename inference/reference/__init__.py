"""Genuine references: how they are made, and how a part is registered to them and compared."""
