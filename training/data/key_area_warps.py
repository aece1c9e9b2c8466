"""Key-area warps: as in KAG, new samples from disturbed key areas, but disturbed as a counterfeiter would.

A key area has strong edges in the genuine reference: a letter, a stretch of a line, the R sign. It is scaled, turned,
shifted or emboldened a little, and blended into its surroundings, so that no seam gives the disturbance away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inference.records import Refusal

Pixels = NDArray[np.uint8]
WarpKind = Literal["scale", "turn", "shift", "weight"]


class WarpsRefused(Refusal):
    """Settings with which no warps can be drawn."""


@dataclass(frozen=True)
class WarpSettings:
    """Kinds and sizes of the warps.

    Raises:
        WarpsRefused: if there is no kind, or not 0 < smallest_area <= largest_area <= 1, or not 0 < least <= 1.
    """

    kinds: tuple[WarpKind, ...] = get_args(WarpKind)
    """Ways to disturb an area."""
    smallest_area: float = 0.05
    """Least width and height of an area, as a share of the picture's long side."""
    largest_area: float = 0.5
    """Greatest width of an area; its height is at most a third of that."""
    least: float = 0.15
    """Weakest disturbance, as a share of the strongest."""

    def __post_init__(self) -> None:
        if not self.kinds:
            msg = "Key-area warps need at least one kind; name some or leave the kinds out."
            raise WarpsRefused(msg)
        if not 0 < self.smallest_area <= self.largest_area <= 1:
            msg = (
                f"Warped areas from {self.smallest_area} to {self.largest_area} of the long side are no range; "
                "give a smallest one above 0 and a largest one from there to 1."
            )
            raise WarpsRefused(msg)
        if not 0 < self.least <= 1:
            msg = f"The weakest warp cannot be {self.least} of the strongest; give a share above 0 and at most 1."
            raise WarpsRefused(msg)


# The strongest disturbances: by a third, by 14 degrees, by 2.2 per cent of the long side, by two pixels of edge.
_SCALE, _TURN, _SHIFT, _WEIGHT = 0.33, 14.0, 0.022, 2.0
_WIDE = 3


def warp_key_areas(pixels: Pixels, edges: NDArray[np.float32], settings: WarpSettings, rng: Generator) -> Pixels:
    """One or two key areas of a registered photo, disturbed.

    Args:
        pixels: The registered photo, uint8 (H, W, 3).
        edges: Mean edge strength of its reference, float32 (H, W), >= 0; locates the key areas.
        settings: Kinds and sizes of the warps.
        rng: Draws the warps.

    Returns:
        uint8 (H, W, 3).
    """
    for _ in range(int(rng.integers(1, 3))):
        pixels = _warp(pixels, _draw_area(edges, settings, rng), settings, rng)
    return pixels


@dataclass(frozen=True)
class Area:
    """A rectangle around a key point, in pixels; nothing outside it changes."""

    x: float
    y: float
    half_width: float
    half_height: float


def _draw_area(edges: NDArray[np.float32], settings: WarpSettings, rng: Generator) -> Area:
    """An area around a point drawn in proportion to squared edge strength; around the middle if there are no edges."""
    height, width = edges.shape
    weight = np.cumsum(np.square(edges, dtype=np.float64).ravel())
    middle = height // 2 * width + width // 2
    point = int(np.searchsorted(weight, rng.uniform() * weight[-1])) if weight[-1] > 0 else middle
    y, x = divmod(min(point, edges.size - 1), width)
    long_side = max(height, width)
    smallest, largest = settings.smallest_area * long_side, settings.largest_area * long_side
    wide = float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))
    high = float(np.exp(rng.uniform(np.log(smallest), np.log(max(smallest, min(wide * 1.5, largest / _WIDE))))))
    return Area(x, y, wide / 2, high / 2)


def window(area: Area, height: int, width: int) -> NDArray[np.float32]:
    """1 in the inner two thirds of an area, 0 outside it, smooth between: float32 (H, W)."""

    def along(centre: float, half: float, pixels: int) -> NDArray[np.float64]:
        t = np.clip((1 - np.abs(np.arange(pixels) - centre) / max(half, 1.0)) * 3, 0, 1)
        return t * t * (3 - 2 * t)

    return np.outer(along(area.y, area.half_height, height), along(area.x, area.half_width, width)).astype(np.float32)


def _warp(pixels: Pixels, area: Area, settings: WarpSettings, rng: Generator) -> Pixels:
    """One area of a photo, uint8 (H, W, 3), disturbed in a way and to a degree that are drawn."""
    height, width = pixels.shape[:2]
    kind = settings.kinds[int(rng.integers(len(settings.kinds)))]
    share = float(np.exp(rng.uniform(np.log(settings.least), 0))) * (1 if rng.uniform() < 0.5 else -1)
    cover = window(area, height, width)
    if kind == "weight":
        return _embolden(pixels, cover, _WEIGHT * share * max(height, width) / 448)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    off_x, off_y = x - np.float32(area.x), y - np.float32(area.y)
    match kind:
        case "scale":
            # One axis alone is scaled as often as both: an O that is too round, a line that is too long.
            axes = ((1, 1), (1, 0), (0, 1))[int(rng.integers(3))]
            move_x, move_y = (-off * (_SCALE * share * axis) for off, axis in zip((off_x, off_y), axes, strict=True))
        case "turn":
            angle = np.deg2rad(_TURN * share)
            cos, sin = np.float32(np.cos(angle) - 1), np.float32(np.sin(angle))
            move_x, move_y = off_x * cos - off_y * sin, off_x * sin + off_y * cos
        case "shift":
            reach, direction = _SHIFT * abs(share) * max(height, width), rng.uniform(0, 2 * np.pi)
            move_x = np.full_like(x, reach * np.cos(direction))
            move_y = np.full_like(y, reach * np.sin(direction))
    moved = cv2.remap(
        pixels, x + cover * move_x, y + cover * move_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(moved, np.uint8)


def _embolden(pixels: Pixels, cover: NDArray[np.float32], edge: float) -> Pixels:
    """What is lighter (edge > 0) or darker (edge < 0) than its surroundings grows by about |edge| pixels."""
    grow, reach = cv2.dilate if edge > 0 else cv2.erode, max(abs(edge), 1.0)
    whole = int(reach)
    grown, further = (grow(pixels, np.ones((2 * by + 1, 2 * by + 1), np.uint8)) for by in (whole, whole + 1))
    grown = cv2.addWeighted(grown, whole + 1 - reach, further, reach - whole, 0)
    share = cover[..., None] * np.float32(min(abs(edge), 1))
    return np.round(pixels * (1 - share) + grown * share).astype(np.uint8)
