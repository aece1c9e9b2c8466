"""Alterations of a key area of a registered photo, as a counterfeiter's letter differs: wider, turned, shifted, bolder.

Each is blended into its surroundings, so that no seam gives it away. Training draws them at random; the power of a
collection is measured by known ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Area:
    """A rectangle around a key point, in pixels; nothing outside it changes."""

    x: float
    y: float
    half_width: float
    half_height: float


def window(area: Area, height: int, width: int) -> Plane:
    """1 in the inner two thirds of an area, 0 outside it, smooth between: float32 (H, W)."""

    def along(centre: float, half: float, pixels: int) -> NDArray[np.float64]:
        t = np.clip((1 - np.abs(np.arange(pixels) - centre) / max(half, 1.0)) * 3, 0, 1)
        return t * t * (3 - 2 * t)

    return np.outer(along(area.y, area.half_height, height), along(area.x, area.half_width, width)).astype(np.float32)


def scaled(pixels: Pixels, area: Area, across: float, down: float) -> Pixels:
    """An area enlarged by 1 / (1 - share) across and down, uint8 (H, W, 3); a share below 0 reduces it."""
    off_x, off_y = _offsets(pixels, area)
    return _moved(pixels, area, -off_x * across, -off_y * down)


def turned(pixels: Pixels, area: Area, degrees: float) -> Pixels:
    """An area turned, uint8 (H, W, 3)."""
    off_x, off_y = _offsets(pixels, area)
    angle = np.deg2rad(degrees)
    cos, sin = np.float32(np.cos(angle) - 1), np.float32(np.sin(angle))
    return _moved(pixels, area, off_x * cos - off_y * sin, off_x * sin + off_y * cos)


def shifted(pixels: Pixels, area: Area, across: float, down: float) -> Pixels:
    """An area that shows what lies so many pixels further across and down, uint8 (H, W, 3)."""
    shape = pixels.shape[:2]
    return _moved(pixels, area, np.full(shape, across, np.float32), np.full(shape, down, np.float32))


def emboldened(pixels: Pixels, area: Area, edge: float) -> Pixels:
    """An area where what is lighter (edge > 0) or darker (edge < 0) than around it grows by about |edge| pixels."""
    grow, reach = cv2.dilate if edge > 0 else cv2.erode, max(abs(edge), 1.0)
    whole = int(reach)
    grown, further = (grow(pixels, np.ones((2 * by + 1, 2 * by + 1), np.uint8)) for by in (whole, whole + 1))
    grown = cv2.addWeighted(grown, whole + 1 - reach, further, reach - whole, 0)
    share = window(area, *pixels.shape[:2])[..., None] * np.float32(min(abs(edge), 1))
    return np.round(pixels * (1 - share) + grown * share).astype(np.uint8)


def _offsets(pixels: Pixels, area: Area) -> tuple[Plane, Plane]:
    """How far each pixel lies from the middle of an area, across and down, float32 (H, W)."""
    y, x = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]].astype(np.float32)
    return x - np.float32(area.x), y - np.float32(area.y)


def _moved(pixels: Pixels, area: Area, move_x: Plane, move_y: Plane) -> Pixels:
    """Each pixel of an area shows what lies so far from it, float32 (H, W), fading out towards its edge."""
    cover = window(area, *pixels.shape[:2])
    y, x = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]].astype(np.float32)
    moved = cv2.remap(
        pixels, x + cover * move_x, y + cover * move_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(moved, np.uint8)
