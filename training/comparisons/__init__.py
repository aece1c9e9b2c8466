"""The papers' other methods, one file each."""
