"""The method of a heatmap, and its values over the examined part."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.records import FIRST_STEP, Heatmap, Placement

CamMethod = Literal["grad_cam", "hires_cam", "layer_cam"]
"""How a heatmap weighs the feature map; `inference.grad_cam` makes the heatmap."""


def strength(heatmap: Heatmap, width: int, height: int) -> NDArray[np.float32]:
    """The heatmap over the examined part as a share of full scale, float32 (height, width), 0 to 1.

    Values below the first step of the scale are 0: they would darken the photo without being visible.
    """
    value = np.clip(over_part(heatmap, width, height) / np.float32(heatmap.full_scale), 0, 1)
    return np.where(value < FIRST_STEP, np.float32(0), value)


def over_part(heatmap: Heatmap, width: int, height: int) -> NDArray[np.float32]:
    """The raw heatmap over the examined part, float32 (height, width), >= 0; bilinear between the centres of cells."""
    return over_frame(heatmap.raw, heatmap.placement, width, height)


def over_frame(cells: NDArray[np.float32], place: Placement, width: int, height: int) -> NDArray[np.float32]:
    """Cells (h, w) that tile a network's view, sampled over its area `place`: float32 (height, width)."""
    rows, columns = cells.shape
    down = _bilinear(place.top, place.height, height, rows)
    across = _bilinear(place.left, place.width, width, columns)
    return np.asarray(down @ cells @ across.T, np.float32)


def _bilinear(start: float, extent: float, pixels: int, cells: int) -> NDArray[np.float32]:
    """Weights (pixels, cells) of the two nearest cells for pixel centres along one side of the part."""
    at = np.clip((start + (np.arange(pixels) + 0.5) / pixels * extent) * cells - 0.5, 0, cells - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cells))).astype(np.float32)
