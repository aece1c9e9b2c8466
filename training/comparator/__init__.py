"""The comparator: its samples, its loss, its training."""
