"""The data of training: reading, splitting, disturbing and rendering pictures."""
