"""What stands on a part beside its lettering: emblems, borders and guilloches, drawn as vectors or by formula.

Lengths are pixels of a part `PART_WIDTH` wide, positions are from its middle, x rightwards and y downwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Raster = NDArray[Any]
Polygon = NDArray[np.float32]
EmblemShape = Literal["star", "rosette", "shield", "leaf", "sun", "knot"]


@dataclass(frozen=True)
class Emblem:
    """A device of one shape.

    Attributes:
        shape: Its shape.
        points: Points, petals, rays or loops, >= 2; a shield and a leaf have none.
        inner: How far it is drawn in between them, 0 to 1.
        radius: Its outer radius.
        x: Place of its middle.
        y: Place of its middle.
        turn: Degrees clockwise.
        ring: Thickness of a ring around it; 0 for none.
    """

    shape: EmblemShape
    points: int
    inner: float
    radius: float
    x: float
    y: float
    turn: float = 0.0
    ring: float = 0.0


@dataclass(frozen=True)
class Border:
    """A line along the edge of a part, or two.

    Attributes:
        inset: Distance of its middle from the part's edge.
        stroke: Its thickness.
        second: Distance of a second, half as thick line inside it; 0 for none.
    """

    inset: float
    stroke: float
    second: float = 0.0


@dataclass(frozen=True)
class Guilloche:
    """Fine waves across a part, in two families that cross.

    Attributes:
        pitch: Distance of neighbouring lines.
        wave: How far a line swings to either side.
        length: Length of a wave.
        stroke: Thickness of a line, as a share of the pitch, 0 to 1.
    """

    pitch: float
    wave: float
    length: float
    stroke: float


def emblem_distance(emblem: Emblem, shape: tuple[int, int]) -> Raster:
    """Signed distance in pixels to the edge of an emblem, positive inside, float32 (h, w)."""
    filled, cut = outline(emblem)
    drawn = np.zeros((2 * shape[0], 2 * shape[1]), np.uint8)
    middle = np.array([shape[1] / 2 + emblem.x, shape[0] / 2 + emblem.y])
    cos, sin = np.cos(np.deg2rad(emblem.turn)), np.sin(np.deg2rad(emblem.turn))
    placed = emblem.radius * np.array([[cos, sin], [-sin, cos]])
    for polygons, value in ((filled, 255), (cut, 0)):
        for polygon in polygons:
            points = 2 * (polygon @ placed + middle)
            cv2.fillPoly(drawn, [np.rint(points * 16).astype(np.int32)], value, cv2.LINE_8, 4)
    inside, outside = (cv2.distanceTransform(mask, cv2.DIST_L2, 5) for mask in (drawn, 255 - drawn))
    return np.asarray(cv2.resize(inside - outside, shape[::-1], interpolation=cv2.INTER_AREA) / 2, np.float32)


def outline(emblem: Emblem) -> tuple[list[Polygon], list[Polygon]]:
    """An emblem of radius 1 around 0: polygons (n, 2) of ink, and those that are cut out of it."""
    inner = 1.0 - emblem.ring / emblem.radius - 0.08 if emblem.ring else 1.0
    body, cut = _SHAPES[emblem.shape](emblem.points, emblem.inner)
    filled = [inner * polygon for polygon in body]
    cut = [inner * polygon for polygon in cut]
    if not emblem.ring:
        return filled, cut
    # The ring is drawn first, so that what lies inside its hole stays ink.
    hole = circle(1.0 - emblem.ring / emblem.radius)
    ring = np.concatenate([circle(1.0), circle(1.0)[:1], hole[::-1], hole[-1:]])
    return [ring, *filled], cut


def circle(radius: float, points: int = 96) -> Polygon:
    """A circle around 0, (n, 2)."""
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return (radius * np.stack([np.cos(turn), np.sin(turn)], 1)).astype(np.float32)


def _polar(turn: Raster, radius: Raster) -> Polygon:
    """Points (n, 2) at angles from straight up, clockwise."""
    return np.stack([radius * np.sin(turn), -radius * np.cos(turn)], 1).astype(np.float32)


def _star(points: int, inner: float) -> tuple[list[Polygon], list[Polygon]]:
    turn = np.arange(2 * points) * np.pi / points
    return [_polar(turn, np.where(np.arange(2 * points) % 2, inner, 1.0))], []


def _rosette(points: int, inner: float) -> tuple[list[Polygon], list[Polygon]]:
    turn = np.linspace(0, 2 * np.pi, 60 * points, endpoint=False)
    radius = inner + (1 - inner) * np.abs(np.cos(points * turn / 2))
    return [_polar(turn, radius)], [circle(0.35 * inner)]


def _sun(points: int, inner: float) -> tuple[list[Polygon], list[Polygon]]:
    width = 0.5 * np.pi / points
    rays = [
        _polar(np.array([at - width, at, at + width]), np.array([inner + 0.08, 1.0, inner + 0.08]))
        for at in np.arange(points) * 2 * np.pi / points
    ]
    return [circle(inner), *rays], []


def _shield(_: int, inner: float) -> tuple[list[Polygon], list[Polygon]]:
    down = np.linspace(0, 1, 24)
    side = np.stack([0.7 * np.cos(down * np.pi / 2) ** 0.6, -0.3 + 1.3 * down], 1)
    outer = np.concatenate([[(-0.7, -0.7), (0.7, -0.7)], side, (side * (-1, 1))[::-1]]).astype(np.float32)
    return [outer], [(outer * np.float32(inner)).astype(np.float32)]


def _leaf(_: int, inner: float) -> tuple[list[Polygon], list[Polygon]]:
    along = np.linspace(0, 1, 40)
    half = 0.55 * np.sin(np.pi * along**0.8)
    right, left = np.stack([half, 1 - 2 * along], 1), np.stack([-half, 1 - 2 * along], 1)
    vein = np.array([(-0.04, 0.7), (0.04, 0.7), (0.02, -0.8 * inner), (-0.02, -0.8 * inner)])
    return [np.concatenate([right, left[::-1]]).astype(np.float32)], [vein.astype(np.float32)]


def _knot(points: int, inner: float) -> tuple[list[Polygon], list[Polygon]]:
    loops, holes = [], []
    for at in np.arange(points) * 2 * np.pi / points:
        middle = 0.5 * np.array([np.sin(at), -np.cos(at)], np.float32)
        loops.append(circle(0.5) + middle)
        holes.append(circle(0.5 * (0.5 + 0.4 * inner)) + middle)
    return loops, holes


_SHAPES: dict[EmblemShape, Callable[[int, float], tuple[list[Polygon], list[Polygon]]]] = {
    "star": _star,
    "rosette": _rosette,
    "shield": _shield,
    "leaf": _leaf,
    "sun": _sun,
    "knot": _knot,
}


def border_distance(border: Border, inside: Raster) -> Raster:
    """Signed distance to the edge of a border's lines, from the distance to the part's own edge (h, w)."""
    lines = border.stroke / 2 - np.abs(inside - border.inset)
    if border.second:
        lines = np.maximum(lines, border.stroke / 4 - np.abs(inside - border.inset - border.second))
    return np.asarray(lines, np.float32)


def guilloche_cover(pattern: Guilloche, shape: tuple[int, int]) -> Raster:
    """Where its lines are, 0 to 1, float32 (h, w)."""
    y = np.arange(shape[0], dtype=np.float32)[:, None] - shape[0] / 2
    x = np.arange(shape[1], dtype=np.float32) - shape[1] / 2
    swing = pattern.wave * np.sin(2 * np.pi * x / pattern.length)
    cover = np.zeros(shape, np.float32)
    for side in (-1, 1):
        phase = (y + side * swing) / pattern.pitch
        away = np.abs(phase - np.rint(phase)) * pattern.pitch
        cover = np.maximum(cover, np.clip(pattern.stroke * pattern.pitch / 2 - away + 0.5, 0, 1))
    return cover
