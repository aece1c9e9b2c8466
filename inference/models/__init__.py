"""Models: cards, the catalogue of a folder, and weights."""
