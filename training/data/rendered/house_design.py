"""Houses without end: each with a name, a typeface, a part of its own design, and who counterfeits it how.

A house is decided by its number and the seed alone. Typefaces that look alike are found by the outlines of their
letters, so that a substituted letter is as near as a counterfeiter's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator

from training.data.rendered.lettering import Raster
from training.data.rendered.names import invented
from training.data.rendered.ornaments import Border, Emblem, Guilloche
from training.data.rendered.plan import generator
from training.data.rendered.specification import (
    ALTERATIONS,
    GOLD,
    ORNAMENT_ALTERATIONS,
    PART_WIDTH,
    ROSE,
    SILVER,
    Colour,
    Counterfeiter,
    Leather,
    Line,
    Metal,
    PartName,
    Print,
    Specification,
)
from training.data.rendered.typefaces import TYPEFACES, Glyph, Typefaces
from training.data.rendered.word_faces import WORD_FACES

_UNSUITED = ("Press Start 2p", "Monoton")
HOUSE_FACES = (*TYPEFACES, *(face for face in WORD_FACES if face.name not in _UNSUITED))
"""Typefaces of houses; those that are left out have strokes that no tool could stamp."""
_SECOND_LINES = (
    *("MADE BY HAND", "FINE GOODS", "PARIS", "MILANO", "AUTHENTIC", "LIMITED SERIES", "MAISON FONDEE"),
    *("GENUINE LEATHER", "QUALITY CONTROL", "SERIES A", "REGISTERED", "CERTIFICATE", "LONDON", "ATELIER", "PURE WOOL"),
)
_NEAREST = 4
"""Counterfeiters take one of so many typefaces that look most alike."""
_HANDS = 4
_SIDE = 48
_LEAST_EMBLEM = 14.0


@dataclass(frozen=True)
class House:
    """A house with one kind of part.

    Attributes:
        name: Unique within a set.
        part: The outline of its part.
        specification: How genuine items are made.
        counterfeiters: Who counterfeits it.
    """

    name: str
    part: PartName
    specification: Specification
    counterfeiters: tuple[Counterfeiter, ...]


def house_of(seed: int, number: int, typefaces: Typefaces) -> House:
    """A house of a set."""
    rng = generator("house", seed, number)
    part: PartName = rng.choice(["leather_tag", "round_label", "metal_buckle"], p=[0.72, 0.18, 0.10])
    word = _name(rng)
    face = str(rng.choice(typefaces.names))
    specification = _specification(part, word, face, typefaces, rng)
    hands = tuple(_counterfeiter(index, specification, typefaces, rng) for index in range(_HANDS))
    return House(f"house{number:04d}", part, specification, hands)


def _name(rng: Generator) -> str:
    """A name of four to nine capitals."""
    while True:
        word = invented(rng).upper()
        if 4 <= len(word) <= 9:
            return word


def _specification(part: PartName, word: str, face: str, typefaces: Typefaces, rng: Generator) -> Specification:
    second_face = face if rng.random() < 0.6 else str(rng.choice(typefaces.names))
    second = str(rng.choice(_SECOND_LINES))
    tracking = float(rng.uniform(0.04, 0.3))
    if part == "round_label":
        height, corner = PART_WIDTH, PART_WIDTH / 2
        size = min(78.0, 1000 / _width(word, face, tracking, typefaces))
        lines = (
            Line(word, face, size, tracking, 222, "upper"),
            Line(second, second_face, min(56.0, 700 / _width(second, second_face, 0.3, typefaces)), 0.3, 280, "lower"),
        )
    else:
        height, corner = int(rng.integers(330, 470)), float(rng.choice([6, 14, 34, 64]))
        if part == "metal_buckle":
            height, corner = int(rng.integers(470, 540)), float(rng.uniform(50, 110))
        lines = _straight_lines(part, height, word, face, second, second_face, tracking, typefaces, rng)
    material = _material(part, rng)
    made = Specification(
        height,
        corner,
        material,
        *lines,
        depth=float(rng.uniform(2.4, 4.0)),
        finish=_ink(material, rng),
        gloss=float(rng.choice([0.0, 0.6, 0.9, 1.0])),
        weight=float(rng.uniform(-0.4, 1.6)),
        lifted=(0.0,) * len(word),
        sign_radius=float(rng.uniform(13, 20)),
        sign_gap=float(rng.uniform(9, 18)),
    )
    return _ornamented(part, made, rng)


def _straight_lines(
    part: PartName,
    height: int,
    word: str,
    face: str,
    second: str,
    second_face: str,
    tracking: float,
    typefaces: Typefaces,
    rng: Generator,
) -> tuple[Line, Line]:
    if part == "metal_buckle":
        bar = height / 2 - 56
        size = min(48.0, 480 / _width(word, face, tracking, typefaces))
        small = min(34.0, 480 / _width(second, second_face, 0.3, typefaces))
        return Line(word, face, size, tracking, -bar + size / 2), Line(second, second_face, small, 0.3, bar + small / 2)
    size = min(float(rng.uniform(52, 84)), 500 / _width(word, face, tracking, typefaces))
    small = min(float(rng.uniform(19, 30)), 480 / _width(second, second_face, 0.35, typefaces))
    return Line(word, face, size, tracking, 12), Line(second, second_face, small, 0.35, 12 + 1.1 * small + 34)


def _width(text: str, face: str, tracking: float, typefaces: Typefaces) -> float:
    """Width of a line in cap heights."""
    return sum(typefaces.glyph(face, letter).advance if letter != " " else 0.45 for letter in text) + tracking * (
        len(text) - 1
    )


def _material(part: PartName, rng: Generator) -> Leather | Metal | Print:
    if part != "leather_tag":
        tint = [GOLD, SILVER, ROSE, (0.22, 0.22, 0.24)][int(rng.integers(4))]
        enamel = (0.02, 0.02, 0.025) if rng.random() < 0.3 else None
        return Metal(tint, float(rng.uniform(0, 1)), enamel)
    if rng.random() < 0.4:
        hue = rng.uniform(0.05, 1.0, 3)
        deep = rng.uniform(0.02, 0.4)
        dark = (float(deep * hue[0]), float(0.7 * deep * hue[1]), float(0.6 * deep * hue[2]))
        light = (1.9 * dark[0] + 0.02, 1.9 * dark[1] + 0.02, 1.9 * dark[2] + 0.02)
        return Leather(dark, light, _colour(rng, 0.05, 0.7), float(rng.uniform(12, 22)))
    stock = ("paper", "card", "cloth", "foil")[int(rng.choice(4, p=[0.4, 0.3, 0.15, 0.15]))]
    ground = [GOLD, SILVER, ROSE][int(rng.integers(3))] if stock == "foil" else _colour(rng, 0.45, 0.9)
    if stock != "foil" and rng.random() < 0.25:
        ground = _colour(rng, 0.02, 0.15)
    return Print(stock, ground, _colour(rng, 0.1, 0.6))  # type: ignore[arg-type]


def _ink(material: Leather | Metal | Print, rng: Generator) -> Colour:
    if isinstance(material, Print):
        bright = sum(material.ground) > 1.2
        return _colour(rng, 0.005, 0.12) if bright else _colour(rng, 0.5, 0.9)
    return [GOLD, SILVER, ROSE, (0.05, 0.04, 0.04)][int(rng.integers(4))]


def _colour(rng: Generator, least: float, greatest: float) -> Colour:
    level, tint = rng.uniform(least, greatest), rng.uniform(0.6, 1.0, 3)
    red, green, blue = (level * tint / tint.max()).tolist()
    return red, green, blue


def _ornamented(part: PartName, made: Specification, rng: Generator) -> Specification:
    """The same with an emblem, a border and a pattern where there is room, each on some houses only."""
    if rng.random() < 0.65:
        made = replace(made, emblem=_emblem(part, made, rng))
    if part != "metal_buckle" and rng.random() < 0.4:
        least = 34 if isinstance(made.material, Leather) else 12
        border = Border(
            float(rng.uniform(least, least + 12)), float(rng.uniform(2, 5)), float(rng.choice([0.0, 8.0, 11.0]))
        )
        made = replace(made, border=border)
    if isinstance(made.material, Print) and rng.random() < 0.5:
        pitch = float(rng.uniform(9, 20))
        waves = Guilloche(pitch, float(rng.uniform(8, 50)), float(rng.uniform(60, 260)), float(rng.uniform(0.08, 0.2)))
        made = replace(made, pattern=waves)
    return made


def _emblem(part: PartName, made: Specification, rng: Generator) -> Emblem | None:
    if part == "metal_buckle":
        return None
    shape = ("star", "rosette", "shield", "leaf", "sun", "knot")[int(rng.integers(6))]
    points, inner = int(rng.integers(3, 9)), float(rng.uniform(0.35, 0.75))
    turn, ring = float(rng.choice([0.0, rng.uniform(-20, 20)])), float(rng.choice([0.0, 3.0, 5.0]))
    if part == "round_label":
        return Emblem(shape, points, inner, float(rng.uniform(70, 115)), 0.0, 0.0, turn, ring)  # type: ignore[arg-type]
    # Between the upper edge and the house's name.
    above = made.house.size - made.house.below + 12
    radius = min(float(rng.uniform(28, 46)), (made.height / 2 - 24 - above) / 2)
    if radius < _LEAST_EMBLEM:
        return None
    return Emblem(shape, points, inner, radius, 0.0, -above - radius, turn, ring)  # type: ignore[arg-type]


def _counterfeiter(index: int, made: Specification, typefaces: Typefaces, rng: Generator) -> Counterfeiter:
    """One hand: a lookalike typeface, or one or two alterations that show on this part."""
    lookalike = ""
    if rng.random() < 0.25:
        lookalike = str(rng.choice(lookalikes(made.house.typeface, typefaces)[:_NEAREST]))
    possible = _alterations_of(made)
    count = int(rng.integers(0 if lookalike else 1, 3))
    strays = {name: float(rng.choice([-1.0, 1.0])) for name in rng.permutation(possible)[:count].tolist()}
    return Counterfeiter(f"H{index + 1}", strays, lookalike)


def _alterations_of(made: Specification) -> list[str]:
    """Alterations that change something of a part."""
    without = {"roundness"} if "O" not in made.house.text else set()
    if isinstance(made.material, Print):
        without |= {"depth"}
    names = [name for name in ALTERATIONS if name not in without]
    owned = {"emblem": made.emblem, "border": made.border, "pattern": made.pattern}
    names += [name for name in ORNAMENT_ALTERATIONS if owned.get(name.split()[0]) is not None]
    return names + (["ink", "bleed", "mottle"] if isinstance(made.material, Print) else [])


def lookalikes(face: str, typefaces: Typefaces) -> Sequence[str]:
    """The other typefaces of houses, the one whose capitals differ least first."""
    others = [name for name in typefaces.names if name != face]
    return sorted(others, key=lambda other: outline_distance(face, other, typefaces))


def outline_distance(first: str, second: str, typefaces: Typefaces) -> float:
    """Mean share of ink by which the capitals of two typefaces differ, 0 to 1."""
    ours, theirs = _capitals(first, typefaces), _capitals(second, typefaces)
    return float(np.mean([np.abs(a - b).sum() / max((a + b).sum(), 1) for a, b in zip(ours, theirs, strict=True)]))


@cache
def _capitals(face: str, typefaces: Typefaces) -> tuple[Raster, ...]:
    return tuple(_drawn(typefaces.glyph(face, letter)) for letter in "AEGHMNORST")


def _drawn(glyph: Glyph) -> Raster:
    """A letter in a field, 0 or 1, float32 (h, w)."""
    field = np.zeros((_SIDE, 2 * _SIDE), np.uint8)
    for polygons, value in ((glyph.filled, 1), (glyph.cut, 0)):
        for polygon in polygons:
            points = (polygon + np.array([0.2, 1.1])) * (_SIDE / 1.3)
            cv2.fillPoly(field, [np.rint(points * 16).astype(np.int32)], value, cv2.LINE_8, 4)
    return field.astype(np.float32)
