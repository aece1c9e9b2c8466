"""Cells of a feature map at a quarter of its input's size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.reference.features import CELL

Mask = NDArray[np.bool_]


def wholly(mask: Mask, side: int = CELL) -> Mask:
    """The cells of so many pixels a side, bool (h / side, w / side), that a mask (h, w) covers wholly.

    What is left over at an edge is cut.
    """
    return np.asarray(_in_cells(mask, side).all((1, 3)))


def partly(mask: Mask) -> Mask:
    """The cells, bool (h / 4, w / 4), of which a mask (h, w) covers any point."""
    return np.asarray(_in_cells(mask, CELL).any((1, 3)))


def _in_cells(mask: Mask, side: int) -> Mask:
    down, across = (length // side for length in mask.shape)
    return mask[: down * side, : across * side].reshape(down, side, across, side)
