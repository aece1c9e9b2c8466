"""Models: what a card states, the models of a folder, and their weights."""
