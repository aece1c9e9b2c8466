"""Lockups: drawings of a brand that hold its symbol beside, above or within its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inference.records import Crop
from inference.trademark.framing import frame_mark
from training.data.marks.edits import BESIDE_WORD, PARTLY_COPIED
from training.data.marks.rasters import open_picture
from training.data.marks.rows import LOCKUP, RowPair

PART_KINDS = (LOCKUP, BESIDE_WORD, PARTLY_COPIED)
"""Kinds of pairs of which the second mark holds the first beside something else."""
Pixels = NDArray[np.uint8]

_SIDE = 160
"""Short side in pixels at which a lockup is searched."""
_SIZES = np.geomspace(0.28, 1.0, 16)
"""Sizes of the symbol that are tried, as shares of the lockup's short side."""
_HELD = 0.75
"""From this correlation on a lockup holds the symbol; of 158 symbols of another brand two reached it."""
_DRAWN = 0.4
"""Share of a symbol's edges that must be where it is looked for."""
_WHOLE = 0.8
"""A symbol that covers more of the picture than this share is the picture."""


def boxes_of_parts(pairs: Sequence[RowPair], out: Path) -> dict[RowPair, Crop]:
    """Where the first mark lies in the second, for pairs of `PART_KINDS` in a set's folder, if it is found there."""
    found = {}
    for pair in tqdm([pair for pair in pairs if pair[2] in PART_KINDS], desc="places of parts", unit="pair"):
        symbol, whole = (open_picture(out / row.path) for row in pair[:2])
        box = frame_mark(symbol).box
        place = place_of(symbol[box.y : box.y + box.height, box.x : box.x + box.width], whole)
        if place is not None:
            found[pair] = place
    return found


def place_of(symbol: Pixels, lockup: Pixels) -> Crop | None:
    """Where a lockup holds a symbol, in pixels of the lockup; None where it does not, or is hardly more than it.

    Args:
        symbol: uint8 (h, w, 3), cropped to what is drawn, on white.
        lockup: The same of the drawing that may hold it.
    """
    scale = _SIDE / min(lockup.shape[:2])
    searched = _edges(_resized(lockup, scale))
    best = (0.0, 0.0, (0, 0), (0, 0))
    for share in _SIZES:
        size = share * _SIDE / max(symbol.shape[:2])
        # A wide symbol may be wider than the lockup is high.
        for sized in {size, share * _SIDE / min(symbol.shape[:2])}:
            template = _edges(_resized(symbol, sized))
            if (
                template.shape[0] > searched.shape[0]
                or template.shape[1] > searched.shape[1]
                or min(template.shape) < 8
            ):
                continue
            _, value, _, at = cv2.minMaxLoc(_correlation(searched, template))
            best = max(best, (value, sized, (at[0], at[1]), (template.shape[1], template.shape[0])))
    value, _, (x, y), (width, height) = best
    if value < _HELD or width * height > _WHOLE * searched.size:
        return None
    return Crop(round(x / scale), round(y / scale), max(1, round(width / scale)), max(1, round(height / scale)))


def _correlation(searched: NDArray[np.float32], template: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of a template with every place of a plane; 0 where next to nothing is drawn, and a correlation means nothing."""
    height, width = template.shape
    found = cv2.matchTemplate(searched, template, cv2.TM_CCOEFF_NORMED)
    drawn = cv2.boxFilter(searched, -1, (width, height), anchor=(0, 0), normalize=True, borderType=cv2.BORDER_CONSTANT)
    enough = drawn[: found.shape[0], : found.shape[1]] > _DRAWN * template.mean()
    return np.where(enough & np.isfinite(found), found, np.float32(0))


def _resized(pixels: Pixels, scale: float) -> Pixels:
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return np.asarray(
        cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), np.uint8
    )


def _edges(pixels: Pixels) -> NDArray[np.float32]:
    """Where any channel changes, softened: the same for a drawing in another colour."""
    smooth = cv2.GaussianBlur(pixels, (0, 0), 1.5).astype(np.float32)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *way).max(axis=2, initial=0) for way in ((1, 0), (0, 1)))
    backwards, upwards = (-cv2.Sobel(smooth, cv2.CV_32F, *way).min(axis=2, initial=0) for way in ((1, 0), (0, 1)))
    return np.hypot(np.maximum(across, backwards), np.maximum(down, upwards))
