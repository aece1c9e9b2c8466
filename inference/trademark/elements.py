"""Elements of a mark: what of it may be another mark by itself, cut out as a mark is framed.

A symbol beside a word, a device inside a ring, a crest above a motto: each is a group of ink that stands apart from the
rest. Where a mark is of one piece, square windows over it stand in for its elements.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.records import Crop
from inference.trademark.framing import MARGIN, darkest
from inference.trademark.windows import box_of, windows_over

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

MOST = 8
"""Elements of a mark at most: each costs a pass of the network."""
_INK = 48
"""Levels by which ink stands out from the white of a framed mark."""
_LONG_SIDE = 240
_GAPS = (0.0, 0.03, 0.08)
"""Groups of ink are parted by gaps of more than these shares of the mark's long side."""
_LEAST_INK = 0.04
"""Of all ink, in an element."""
_LEAST_SIDE = 0.1
"""Of the mark's long side, the long side of an element."""
_WHOLE = 0.8
"""A box that covers more of the mark's box is the mark."""
_SAME = 0.75
"""Boxes that overlap by more (intersection over union) are one element."""


def elements(mark: Pixels) -> tuple[Crop, ...]:
    """The elements of a framed mark, uint8 (H, W, 3), with a margin, the most ink first; at most `MOST`.

    A blank mark has none.
    """
    scale = min(1.0, _LONG_SIDE / max(mark.shape[:2]))
    size = max(1, round(mark.shape[1] * scale)), max(1, round(mark.shape[0] * scale))
    ink = darkest(np.asarray(cv2.resize(mark, size, interpolation=cv2.INTER_AREA), np.uint8)) < 255 - _INK
    if not ink.any():
        return ()
    whole = box_of(ink)
    found: list[tuple[float, Crop]] = []
    for box in (*_groups(ink), *_windows(ink, whole)):
        drawn = float(ink[box.y : box.y + box.height, box.x : box.x + box.width].sum() / ink.sum())
        large = max(box.width, box.height) >= _LEAST_SIDE * max(whole.width, whole.height)
        is_whole = box.width * box.height > _WHOLE * whole.width * whole.height
        if drawn < _LEAST_INK or not large or is_whole or any(_overlap(box, other) > _SAME for _, other in found):
            continue
        found.append((drawn, box))
    found.sort(key=lambda element: -element[0])
    return tuple(_with_margin(box, mark.shape, scale) for _, box in found[:MOST])


def _groups(ink: Mask) -> list[Crop]:
    """Boxes around the groups of ink that each gap leaves apart, the narrowest gap first."""
    found = []
    for gap in _GAPS:
        reach = 1 + 2 * round(gap * max(ink.shape) / 2)
        joined = cv2.dilate(ink.astype(np.uint8), np.ones((reach, reach), np.uint8))
        _, labels = cv2.connectedComponents(joined, connectivity=8)
        found += [
            Crop(across.start, down.start, across.stop - across.start, down.stop - down.start)
            for down, across in ndimage.find_objects(labels * ink)
        ]
    return found


def _windows(ink: Mask, whole: Crop) -> list[Crop]:
    """Boxes around the ink in each window over the mark."""
    found = []
    for window in windows_over(whole):
        drawn = ink[window.y : window.y + window.height, window.x : window.x + window.width]
        if drawn.any():
            inner = box_of(drawn)
            found.append(Crop(window.x + inner.x, window.y + inner.y, inner.width, inner.height))
    return found


def _overlap(first: Crop, second: Crop) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    across = min(first.x + first.width, second.x + second.width) - max(first.x, second.x)
    down = min(first.y + first.height, second.y + second.height) - max(first.y, second.y)
    both = max(across, 0) * max(down, 0)
    return both / (first.width * first.height + second.width * second.height - both)


def _with_margin(box: Crop, shape: tuple[int, ...], scale: float) -> Crop:
    """A box in pixels of the mark, with the margin of a framed one as far as the picture reaches."""
    margin = MARGIN * max(box.width, box.height)
    left, top = max(0, round((box.x - margin) / scale)), max(0, round((box.y - margin) / scale))
    right = min(shape[1], round((box.x + box.width + margin) / scale))
    bottom = min(shape[0], round((box.y + box.height + margin) / scale))
    return Crop(left, top, max(1, right - left), max(1, bottom - top))
