"""Scenes: photos of whole goods with the boxes of their parts."""
