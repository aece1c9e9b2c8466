"""Frames that many marks share and that tell none of them apart: ovals, shields, rings, wings, wreaths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from training.data.marks.elements import Element, Elements, Polygon, fitted

Rng = np.random.Generator
Room = tuple[float, float, float, float]
Frame = Callable[[str, Rng], tuple[Elements, Room]]


def in_frame(own: Elements, frame: tuple[Elements, Room], light: str = "") -> Elements:
    """A drawing inside a frame's room; in one light colour where one is given, for a frame that is filled."""
    around, (left, top, right, bottom) = frame
    inside = fitted(own, (left, top), (right, bottom))
    return *around, *(replace(element, fill=light) if light else element for element in inside)


def _outline(points: Polygon, fill: str, stroke: float = 0.0) -> Element:
    return Element((points,), fill, stroke=stroke)


def _ellipse(width: float, height: float) -> Polygon:
    t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    return np.stack([0.5 + width / 2 * np.cos(t), 0.5 + height / 2 * np.sin(t)], axis=1)


def _polygon(*points: tuple[float, float]) -> Polygon:
    return np.array(points, np.float64)


def _drawn(points: Polygon, fill: str, rng: Rng) -> Elements:
    """A frame as one line or as two."""
    width = rng.uniform(0.02, 0.045)
    outer = _outline(points, fill, width)
    if rng.random() < 0.4:
        inner = 0.5 + (points - 0.5) * (1 - rng.uniform(0.1, 0.16))
        return outer, _outline(inner, fill, width / 2)
    return (outer,)


def _oval(fill: str, rng: Rng) -> tuple[Elements, Room]:
    height = rng.uniform(0.55, 0.75)
    return _drawn(_ellipse(1.0, height), fill, rng), (0.26, 0.5 - 0.31 * height, 0.74, 0.5 + 0.31 * height)


def _ring(fill: str, rng: Rng) -> tuple[Elements, Room]:
    return _drawn(_ellipse(1.0, 1.0), fill, rng), (0.26, 0.26, 0.74, 0.74)


def _shield(fill: str, rng: Rng) -> tuple[Elements, Room]:
    t = np.linspace(0, 1, 16)
    waist = rng.uniform(0.45, 0.6)
    right = np.stack([1 - 0.5 * t**2.2, waist + (1 - waist) * t], axis=1)
    left = np.stack([0.5 * t[::-1] ** 2.2, waist + (1 - waist) * t[::-1]], axis=1)
    points = np.concatenate([_polygon((0, 0.05), (0.5, rng.uniform(0, 0.08)), (1, 0.05)), right, left])
    return _drawn((points - 0.5) * [0.85, 1] + 0.5, fill, rng), (0.27, 0.2, 0.73, 0.64)


def _hexagon(fill: str, rng: Rng) -> tuple[Elements, Room]:
    t = np.linspace(0, 2 * np.pi, 6, endpoint=False) + (np.pi / 6 if rng.random() < 0.5 else 0)
    points = np.stack([0.5 + 0.5 * np.cos(t), 0.5 + 0.5 * np.sin(t)], axis=1)
    return _drawn(points, fill, rng), (0.27, 0.27, 0.73, 0.73)


def _lozenge(fill: str, rng: Rng) -> tuple[Elements, Room]:
    points = _polygon((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5))
    return _drawn((points - 0.5) * [1, rng.uniform(0.75, 1)] + 0.5, fill, rng), (0.31, 0.33, 0.69, 0.67)


def _filled_shield(fill: str, rng: Rng) -> tuple[Elements, Room]:
    (outer, *_), room = _shield(fill, rng)
    return (replace(outer, stroke=0.0),), room


def _disc(fill: str, _: Rng) -> tuple[Elements, Room]:
    return (_outline(_ellipse(1.0, 1.0), fill),), (0.24, 0.24, 0.76, 0.76)


def _wings(fill: str, rng: Rng) -> tuple[Elements, Room]:
    """Feathers to both sides, the drawing between."""
    feathers = int(rng.integers(3, 6))
    found = []
    for row in range(feathers):
        y, reach = 0.36 + 0.3 * row / feathers, 0.5 * (1 - 0.16 * row)
        thick = 0.2 / feathers
        right = _polygon((0.66, y), (0.66 + 0.9 * reach, y - 0.1), (0.66 + reach, y - 0.08), (0.66, y + thick))
        found += [_outline(right, fill), _outline(np.array([1.0, 0]) + right[::-1] * [-1, 1], fill)]
    return tuple(found), (0.36, 0.3, 0.64, 0.72)


def _wreath(fill: str, rng: Rng) -> tuple[Elements, Room]:
    """Leaves along two arcs that are open above."""
    leaves = int(rng.integers(7, 11))
    leaf = _ellipse(0.17, 0.07) - 0.5
    found = []
    for place in np.linspace(-0.28 * np.pi, 0.46 * np.pi, leaves):
        for side in (1, -1):
            angle = place + 0.7
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            at = 0.43 * np.array([np.cos(place), np.sin(place)])
            found.append(_outline((leaf @ turn.T + at) * [side, 1] + 0.5, fill))
    return tuple(found), (0.29, 0.27, 0.71, 0.7)


FRAMES: dict[str, Frame] = {
    "oval": _oval,
    "ring": _ring,
    "shield": _shield,
    "hexagon": _hexagon,
    "lozenge": _lozenge,
    "filled shield": _filled_shield,
    "disc": _disc,
    "wings": _wings,
    "wreath": _wreath,
}
"""Each from a fill, #rrggbb, and a generator to its elements in the unit square, and the room inside: left, top, right,
bottom."""
FILLED = {"filled shield", "disc"}
"""Frames on which a drawing stands in a light colour."""
