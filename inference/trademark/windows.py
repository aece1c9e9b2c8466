"""Square windows over a mark, which stand in for its parts where nothing stands apart."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from inference.records import Crop

_WIDE = 1.6
_WINDOW = 0.65


def box_of(ink: NDArray[np.bool_]) -> Crop:
    """The box around a mask (h, w) with any ink."""
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    left, top = int(columns[0]), int(rows[0])
    return Crop(left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1)


def windows_over(box: Crop) -> list[Crop]:
    """Three windows along a wide or tall box, such as a symbol beside a word; in each corner of any other one."""
    short, long = sorted((box.width, box.height))
    side = short if long >= _WIDE * short else round(_WINDOW * long)
    return [
        Crop(x, y, min(side, box.x + box.width - x), min(side, box.y + box.height - y))
        for y, x in product(_starts(box.y, box.height, side), _starts(box.x, box.width, side))
    ]


def _starts(start: int, extent: int, side: int) -> list[int]:
    """Where windows begin along one side: one, two, or three along a length."""
    count = 1 if extent <= side else 2 if extent < _WIDE * side else 3
    return [start + round(step) for step in np.linspace(0, max(extent - side, 0), count)]
