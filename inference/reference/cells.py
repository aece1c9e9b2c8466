"""Cells of a feature map at a quarter of its input's size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.reference.features import CELL

Mask = NDArray[np.bool_]


def wholly(mask: Mask) -> Mask:
    """The cells, bool (h / 4, w / 4), that a mask (h, w) covers wholly; what is left over at an edge is cut."""
    return np.asarray(_in_cells(mask).all((1, 3)))


def partly(mask: Mask) -> Mask:
    """The same of cells with any point in the mask."""
    return np.asarray(_in_cells(mask).any((1, 3)))


def _in_cells(mask: Mask) -> Mask:
    down, across = (side // CELL for side in mask.shape)
    return mask[: down * CELL, : across * CELL].reshape(down, CELL, across, CELL)
