"""The key areas of a deviation: where witnesses see most that genuine photos do not show."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.records import Crop, KeyArea, WitnessName
from inference.reference.features import CELL

MOST_AREAS = 6
"""Areas that an examiner is shown, at most."""
LEAST_SCORE = 2.0
"""Standard deviations of genuine photos from which a cell counts."""
_OF_PEAK = 0.5
_MARGIN = 2
"""Cells around an area, so that a letter is seen whole."""


def key_areas(maps: Mapping[WitnessName, NDArray[np.float32]], shape: tuple[int, ...]) -> tuple[KeyArea, ...]:
    """The areas that deviate most, the most deviating first.

    Around the cell of the greatest value its area grows over joined cells of half that value or more; then the next
    greatest outside it.

    Args:
        maps: By witness its map in standard deviations of genuine photos, (h, w); 0 at cells that are not covered.
        shape: Height and width of the reference in pixels.
    """
    greatest = np.max([*maps.values()], axis=0)
    left, areas = greatest.copy(), list[KeyArea]()
    while len(areas) < MOST_AREAS and left.max() >= LEAST_SCORE:
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        peak = float(greatest[row, column])
        _, joined = cv2.connectedComponents((left >= max(LEAST_SCORE, _OF_PEAK * peak)).astype(np.uint8))
        area = joined == joined[row, column]
        witness = max(maps, key=lambda name: float(maps[name][row, column]))
        box = _box_around(area, shape)
        areas.append(KeyArea(len(areas) + 1, box, peak, witness))
        left[area | _inside(box, left.shape)] = 0
    return tuple(areas)


def _box_around(area: NDArray[np.bool_], shape: tuple[int, ...]) -> Crop:
    """The box around cells, widened, in pixels inside a frame."""
    rows, columns = np.nonzero(area)
    top, left = (max(int(cells.min()) - _MARGIN, 0) * CELL for cells in (rows, columns))
    bottom, right = (
        min((int(cells.max()) + 1 + _MARGIN) * CELL, extent)
        for cells, extent in zip((rows, columns), shape[:2], strict=True)
    )
    return Crop(left, top, right - left, bottom - top)


def _inside(box: Crop, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Cells of a map that lie in a box."""
    inside = np.zeros(shape, bool)
    inside[box.y // CELL : -(-(box.y + box.height) // CELL), box.x // CELL : -(-(box.x + box.width) // CELL)] = True
    return inside
