"""A drawing drawn anew, as a hand does that has the other mark before its eyes, and not its file.

Computed edits keep most of a drawing to the point. A real imitation keeps the idea: every line runs a little otherwise,
parts sit and measure otherwise, and often it is drawn in another style.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from training.data.marks.elements import Element, Elements, Polygon, fitted

Rng = np.random.Generator
_STEP = 0.02
"""No line of a drawing that is bent is longer than this, in sides of the square."""
_WAVES = ((1.0, 0.030), (2.0, 0.018), (5.0, 0.008))
"""How a hand strays: waves a side of the square, and their spread in sides of the square."""


def hand_drawn(own: Elements, rng: Rng) -> Elements:
    """Every point strays smoothly, and each element sits, turns and measures a little otherwise."""
    bent = _Bend(rng, rng.uniform(0.6, 1.5))
    return fitted(tuple(_astray(element, bent, rng) for element in own))


def in_another_style(own: Elements, rng: Rng) -> Elements:
    """All in one colour, in outlines, or with corners cut to few lines."""
    style = rng.choice(["one colour", "outlines", "few corners"])
    if style == "one colour":
        ink = max(own, key=lambda each: len(each.polygons)).fill if rng.random() < 0.5 else "#181818"
        return tuple(replace(element, fill=element.fill if _light(element.fill) else ink) for element in own)
    if style == "outlines":
        width = rng.uniform(0.015, 0.035)
        return tuple(
            replace(element, stroke=width, fill="#202428" if _light(element.fill) else element.fill) for element in own
        )
    return tuple(_with_few_corners(element, rng.uniform(0.008, 0.025)) for element in own)


def _light(fill: str) -> bool:
    return min(int(fill[i : i + 2], 16) for i in (1, 3, 5)) > 200


def _astray(element: Element, bent: _Bend, rng: Rng) -> Element:
    low, high = element.box
    middle = (low + high) / 2
    angle, size = np.radians(rng.normal(0, 4)), np.exp(rng.normal(0, 0.06, 2))
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]]) * size
    by = middle - matrix @ middle + rng.normal(0, 0.015, 2)
    moved = element.moved(matrix, by)
    return replace(moved, polygons=tuple(bent(_divided(polygon)) for polygon in moved.polygons))


class _Bend:
    """A smooth displacement of the plane: sums of waves in random directions."""

    def __init__(self, rng: Rng, strength: float) -> None:
        count = 4
        self._waves = [
            (2 * np.pi * per * _directions(rng, count), rng.uniform(0, 2 * np.pi, (2, count)), strength * spread)
            for per, spread in _WAVES
        ]

    def __call__(self, polygon: Polygon) -> Polygon:
        strayed = polygon.copy()
        for directions, phases, spread in self._waves:
            along = polygon @ directions
            strayed += spread * np.stack([np.sin(along + phase).mean(axis=1) for phase in phases], axis=1)
        return strayed


def _directions(rng: Rng, count: int) -> Polygon:
    angles = rng.uniform(0, 2 * np.pi, count)
    return np.stack([np.cos(angles), np.sin(angles)])


def _divided(polygon: Polygon) -> Polygon:
    """The same outline with more points on its long lines."""
    following = np.roll(polygon, -1, axis=0)
    counts = np.maximum(1, np.ceil(np.linalg.norm(following - polygon, axis=1) / _STEP)).astype(int)
    parts = [
        start + (end - start) * (np.arange(count) / count)[:, None]
        for start, end, count in zip(polygon, following, counts.tolist(), strict=True)
    ]
    return np.concatenate(parts)


def _with_few_corners(element: Element, miss: float) -> Element:
    """Outlines of fewer points that miss the drawn ones by no more than that, in sides of the square."""
    rough = (
        cv2.approxPolyDP(polygon.astype(np.float32)[:, None], miss, closed=True)[:, 0].astype(np.float64)
        for polygon in element.polygons
    )
    return replace(
        element, polygons=tuple(few if len(few) > 2 else own for few, own in zip(rough, element.polygons, strict=True))
    )
