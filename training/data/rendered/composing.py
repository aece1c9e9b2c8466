"""Composing a scene: goods, parts and clutter, each where there is room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.random import Generator

from training.data.photos.photo import Split
from training.data.rendered.goods import LOOKALIKES, bag, belt, box, garment
from training.data.rendered.house import PARTS
from training.data.rendered.lettering import Raster
from training.data.rendered.making import make_surface
from training.data.rendered.photography import Photography, develop, ground, light, shade, under_the_lamp
from training.data.rendered.plan import LABELS
from training.data.rendered.specification import (
    GRADES,
    Counterfeiter,
    PartName,
    Series,
    Specification,
    within_tolerances,
)
from training.data.rendered.surfaces import Surface, in_colour
from training.data.rendered.typefaces import Typefaces

WIDTH, HEIGHT = 1280, 960
Kind = Literal["goods", "close-up", "empty"]
KINDS: dict[Kind, float] = {"goods": 0.55, "close-up": 0.15, "empty": 0.3}
_COVERED_SHARE = 0.2
MOST_COVERED = 0.4
_TRIES = 12


@dataclass(frozen=True)
class Found:
    """A part in a scene.

    Attributes:
        part: Its kind.
        box: Left, top, width and height of its visible area, in pixels.
        visible: Share of it that nothing covers, 0 to 1.
        series: Its series.
        label: Genuine or counterfeit.
        counterfeiter: Who made it; empty for a genuine one.
        severity: Severity of its alterations; empty for a genuine one.
    """

    part: PartName
    box: tuple[int, int, int, int]
    visible: float
    series: str
    label: str
    counterfeiter: str
    severity: str


@dataclass(frozen=True)
class Placed:
    """A thing in a scene: its middle and width in pixels, and its turn in degrees."""

    surface: Surface
    x: float
    y: float
    width: float
    turn: float


class Scene:
    """A photo while things are laid into it, from the table upwards.

    Args:
        rng: Draws all of it.
    """

    def __init__(self, rng: Generator) -> None:
        self._rng = rng
        drawn = Photography.draw(rng)
        self._seen = replace(drawn, camera=replace(drawn.camera, width=WIDTH, ratio=HEIGHT / WIDTH))
        self._tilt = _tilted(self._seen)
        self._light = in_colour(ground(self._seen, (WIDTH, HEIGHT), rng), self._seen.ground_colour)

    def lay(self, thing: Placed) -> Raster:
        """Lay a thing on top; gives its visible area until something covers it, 0 to 1, float32 (h, w)."""
        surface = thing.surface
        height, width = surface.cover.shape
        scale, turn = thing.width / width, np.deg2rad(thing.turn)
        # The lamp does not move when the thing is turned under it.
        lit = light(surface, replace(self._seen, azimuth=self._seen.azimuth - thing.turn), self._rng)
        cover = surface.cover
        if scale < 0.7:
            size = max(8, round(width * scale * 1.2)), max(8, round(height * scale * 1.2))
            lit, cover = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (lit, cover))
        to_middle = np.array([[1, 0, -cover.shape[1] / 2], [0, 1, -cover.shape[0] / 2], [0, 0, 1]])
        zoom = thing.width / cover.shape[1]
        cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
        into = self._tilt @ np.array([[cos, -sin, thing.x], [sin, cos, thing.y], [0, 0, 1]]) @ to_middle
        laid = cv2.warpPerspective(lit, into, (WIDTH, HEIGHT))
        covering = np.asarray(cv2.warpPerspective(cover, into, (WIDTH, HEIGHT)))
        self._light = self._light * in_colour(shade(covering, self._seen) * (1 - covering)) + laid
        return covering

    def photograph(self) -> bytes:
        """The photo, as JPEG."""
        return develop(under_the_lamp(self._light, self._seen), self._seen, self._rng)


def compose(kind: Kind, split: Split, typefaces: Typefaces, rng: Generator) -> tuple[bytes, list[Found]]:
    """One photo, and the visible parts on it."""
    scene = Scene(rng)
    if kind == "close-up":
        surface, found = _part(split, typefaces, rng)
        fills = rng.uniform(0.55, 0.9) * min(WIDTH, HEIGHT * surface.cover.shape[1] / surface.cover.shape[0])
        middle = WIDTH / 2 + rng.normal(0, 30), HEIGHT / 2 + rng.normal(0, 25)
        return _finished(scene, [(Placed(surface, *middle, fills, _turn(rng)), found)], rng)
    for thing in _clutter(rng):
        scene.lay(thing)
    for thing in _goods(rng):
        scene.lay(thing)
    taken: list[tuple[float, float, float]] = []
    for surface, width in _lookalikes(int(rng.integers(0, 6)), rng):
        place = _free(taken, width, rng)
        if place:
            scene.lay(Placed(surface, *place, width, rng.uniform(0, 360)))
    parts = []
    for _ in range(int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15])) if kind == "goods" else 0):
        width = float(np.exp(rng.uniform(np.log(90), np.log(480))))
        place = _free(taken, width, rng)
        if place:
            surface, found = _part(split, typefaces, rng)
            parts.append((Placed(surface, *place, width, _turn(rng)), found))
    return _finished(scene, parts, rng)


def _finished(scene: Scene, parts: list[tuple[Placed, Found]], rng: Generator) -> tuple[bytes, list[Found]]:
    covers = [scene.lay(placed) for placed, _ in parts]
    whole = [float(cover.sum()) for cover in covers]
    for (placed, _), cover in zip(parts, covers, strict=True):
        if rng.uniform() < _COVERED_SHARE:
            hidden = scene.lay(_strap_over(placed, cover, rng))
            covers = [np.minimum(each, 1 - hidden) for each in covers]
    found = []
    for (_, one), cover, area in zip(parts, covers, whole, strict=True):
        seen = cover > 0.5
        visible = float(cover.sum()) / max(area, 1)
        if visible >= 1 - MOST_COVERED and seen.any():
            left, top, width, height = cv2.boundingRect(seen.astype(np.uint8))
            found.append(replace(one, box=(left, top, width, height), visible=visible))
    return scene.photograph(), found


def _part(split: Split, typefaces: Typefaces, rng: Generator) -> tuple[Surface, Found]:
    """A part of any kind, series and label, made as in the rendered sets; unseen counterfeiters in test only."""
    part = PARTS[list(PARTS)[int(rng.integers(len(PARTS)))]]
    series = part.series[int(rng.integers(len(part.series)))]
    label = LABELS[int(rng.integers(2))]
    made: Specification = series.specification
    who, severity = "", ""
    if label == "counterfeit":
        hands = may_counterfeit(series, split)
        hand = hands[int(rng.integers(len(hands)))]
        grade = list(GRADES)[int(rng.integers(len(GRADES)))]
        made, who, severity = hand.falsify(made, grade, rng), f"{series.name} {hand.name}", grade
    surface = make_surface(part.name, within_tolerances(made, rng), typefaces, rng)
    return surface, Found(part.name, (0, 0, 0, 0), 1.0, series.name, label, who, severity)


def may_counterfeit(series: Series, split: Split) -> list[Counterfeiter]:
    """The counterfeiters of a split; unseen ones are in test only."""
    return [hand for hand in series.counterfeiters if split == "test" or not hand.unseen]


def _clutter(rng: Generator) -> Iterator[Placed]:
    """Things on the table, beside or under the goods."""
    for _ in range(int(rng.integers(0, 4))):
        width, height = int(rng.uniform(200, 700)), int(rng.uniform(150, 500))
        place = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
        yield Placed(box((height, width), rng), *place, width, rng.uniform(0, 360))


def _goods(rng: Generator) -> Iterator[Placed]:
    """A bag, a belt, a garment, or nothing but the table."""
    middle = WIDTH / 2 + rng.normal(0, 60), HEIGHT / 2 + rng.normal(0, 50)
    match rng.choice(["bag", "belt", "garment", "table"], p=[0.5, 0.15, 0.25, 0.1]):
        case "bag":
            width, height = int(rng.uniform(750, 1300)), int(rng.uniform(550, 950))
            handle = int(rng.uniform(40, 80))
            for side in (-0.22, 0.22):
                strap = belt((handle, int(height * rng.uniform(0.5, 0.9))), rng)
                yield Placed(strap, middle[0] + side * width, middle[1] - height / 2, strap.cover.shape[1], 90)
            yield Placed(bag((height, width), rng), *middle, width, rng.normal(0, 6))
        case "belt":
            for _ in range(int(rng.integers(1, 3))):
                strap = belt((int(rng.uniform(110, 230)), 1500), rng)
                yield Placed(strap, middle[0], middle[1] + rng.normal(0, 150), 1500, rng.uniform(-40, 40))
        case "garment":
            yield Placed(
                garment((HEIGHT + 100, WIDTH + 100), rng), WIDTH / 2, HEIGHT / 2, WIDTH + 100, rng.normal(0, 3)
            )


def _lookalikes(count: int, rng: Generator) -> Iterator[tuple[Surface, float]]:
    for _ in range(count):
        make, (least, greatest) = LOOKALIKES[list(LOOKALIKES)[int(rng.integers(len(LOOKALIKES)))]]
        width = float(np.exp(rng.uniform(np.log(40), np.log(300))))
        drawn = int(np.clip(width * 1.4, 80, 400))
        yield make((max(24, round(drawn * rng.uniform(least, greatest))), drawn), rng), width


def _free(taken: list[tuple[float, float, float]], width: float, rng: Generator) -> tuple[float, float] | None:
    """A free place for a thing of this width, which is then taken; None if no place is found."""
    reach = 0.55 * width
    for _ in range(_TRIES):
        x, y = rng.uniform(reach, WIDTH - reach), rng.uniform(reach, HEIGHT - reach)
        if all(np.hypot(x - other_x, y - other_y) > reach + other for other_x, other_y, other in taken):
            taken.append((x, y, reach))
            return float(x), float(y)
    return None


def _strap_over(placed: Placed, cover: Raster, rng: Generator) -> Placed:
    """A strap across an edge of a part."""
    left, top, width, height = cv2.boundingRect((cover > 0.5).astype(np.uint8))
    breadth = max(16, int(rng.uniform(0.1, 0.3) * min(width, height)))
    strap = belt((breadth, max(60, int(2.2 * max(width, height)))), rng)
    x, y = left + rng.choice([0.12, 0.88]) * width, top + rng.uniform(0.1, 0.9) * height
    return Placed(strap, float(x), float(y), strap.cover.shape[1], placed.turn + 90 + rng.normal(0, 20))


def _turn(rng: Generator) -> float:
    """A turn in degrees: parts hang upright on most photos, and any way on the others."""
    return float(rng.normal(0, 10) if rng.uniform() < 0.6 else rng.uniform(0, 360))


def _tilted(seen: Photography) -> Raster:
    """The table as the camera sees it: a homography of the photo into itself."""
    corners = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], np.float32)
    x, y = (corners - (WIDTH / 2, HEIGHT / 2)).T
    nod, swing = np.deg2rad(seen.tilt)
    distance = 2400 + y * np.sin(nod) + x * np.sin(swing)
    moved = np.stack([x * np.cos(swing), y * np.cos(nod)], 1) * (2400 / distance)[:, None] * 1.06
    seen_at = moved + np.array((WIDTH / 2, HEIGHT / 2))
    return np.asarray(cv2.getPerspectiveTransform(corners, seen_at.astype(np.float32)))
