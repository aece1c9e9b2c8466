"""Key-area warps: as in KAG, new samples from disturbed key areas, but disturbed as a counterfeiter would.

A key area has strong edges in the genuine reference: a letter, a stretch of a line, the R sign. It is scaled, turned,
shifted or emboldened a little, and blended into its surroundings, so that no seam gives the disturbance away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inference.collections.alterations import Area, emboldened, scaled, shifted, turned
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


def _warp(pixels: Pixels, area: Area, settings: WarpSettings, rng: Generator) -> Pixels:
    """One area of a photo, uint8 (H, W, 3), disturbed in a way and to a degree that are drawn."""
    long_side = max(pixels.shape[:2])
    kind = settings.kinds[int(rng.integers(len(settings.kinds)))]
    share = float(np.exp(rng.uniform(np.log(settings.least), 0))) * (1 if rng.uniform() < 0.5 else -1)
    match kind:
        case "scale":
            # One axis alone is scaled as often as both: an O that is too round, a line that is too long.
            across, down = ((1, 1), (1, 0), (0, 1))[int(rng.integers(3))]
            return scaled(pixels, area, _SCALE * share * across, _SCALE * share * down)
        case "turn":
            return turned(pixels, area, _TURN * share)
        case "shift":
            reach, direction = _SHIFT * abs(share) * long_side, rng.uniform(0, 2 * np.pi)
            return shifted(pixels, area, reach * np.cos(direction), reach * np.sin(direction))
        case "weight":
            return emboldened(pixels, area, _WEIGHT * share * long_side / 448)
