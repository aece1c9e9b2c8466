"""Lettering: a specification's lines and its R sign as distances to the edge of what is stamped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.rendered.ornaments import emblem_distance
from training.data.rendered.specification import PART_WIDTH, Line, Specification
from training.data.rendered.typefaces import Glyph, Typefaces

# OpenCV's annotations do not tell one dtype from another; the docstrings do.
Raster = NDArray[Any]

_OVERSAMPLING = 2
_WORD_SPACE = 0.45
# Letters stand a little lower in the R's circle than its middle says.
_SIGN_LETTER = 0.95


def edge_distance(made: Specification, typefaces: Typefaces) -> Raster:
    """Signed distance in pixels to the edge of lettering and emblem, positive inside, float32 (h, w)."""
    mask = np.zeros((made.height * _OVERSAMPLING, PART_WIDTH * _OVERSAMPLING), np.uint8)
    for glyph, place in _house(made, typefaces):
        _draw(mask, glyph, place)
    mask = _cut(mask, made)
    for glyph, place in (*_sign(made, typefaces), *_second(made, typefaces)):
        _draw(mask, glyph, place)
    inside, outside = (cv2.distanceTransform(m, cv2.DIST_L2, 5) for m in (mask, 255 - mask))
    distance = cv2.resize(inside - outside, (PART_WIDTH, made.height), interpolation=cv2.INTER_AREA)
    lettered = np.asarray(distance / _OVERSAMPLING + made.weight / 2, np.float32)
    if made.emblem is None:
        return lettered
    return np.maximum(lettered, emblem_distance(made.emblem, (made.height, PART_WIDTH)))


def _house(made: Specification, typefaces: Typefaces) -> Iterator[tuple[Glyph, Raster]]:
    """The letters of the house's name, each with the matrix (2, 3) that places it."""
    line = made.house
    glyphs, widths = _house_letters(made, typefaces)
    letters = zip(line.text, glyphs, _starts(widths, line), widths, made.lifted, strict=True)
    for letter, glyph, start, width, lift in letters:
        stretch = made.roundness if letter == "O" else 1.0
        # A substituted letter is centred in the place of the genuine one.
        spare = line.size * (width - glyph.advance * stretch) / 2
        shape = np.array([[line.size * stretch, -made.slant, spare], [0, line.size, -lift], [0, 0, 1]])
        trimmed = glyph if letter == "O" else _without_serif_ends(glyph, made.serif_cut / line.size)
        yield trimmed, _place(made, line, start, width * line.size) @ shape


def _sign(made: Specification, typefaces: Typefaces) -> Iterator[tuple[Glyph, Raster]]:
    """The R in its circle, behind the house's name."""
    line, radius = made.house, made.sign_radius
    _, widths = _house_letters(made, typefaces)
    start = _starts(widths, line)[-1] + widths[-1] * line.size + made.sign_gap
    middle = np.array([[1, 0, radius], [0, 1, radius + made.sign_drop - line.size], [0, 0, 1]])
    centre = _place(made, line, start, 2 * radius) @ middle
    yield _ring(made.sign_stroke / radius), centre @ np.diag([radius, radius, 1.0])
    letter, size = typefaces.glyph(line.typeface, "R"), radius * _SIGN_LETTER
    yield letter, centre @ np.array([[size, 0, -size * letter.advance / 2], [0, size, size / 2], [0, 0, 1]])


def _house_letters(made: Specification, typefaces: Typefaces) -> tuple[list[Glyph], list[float]]:
    """The glyphs of the house's name, and the widths of their places in cap heights."""
    house = made.house
    glyphs = [
        typefaces.glyph(made.substitute if place in made.substituted else house.typeface, letter)
        for place, letter in enumerate(house.text)
    ]
    widths = [
        typefaces.glyph(house.typeface, letter).advance * (made.roundness if letter == "O" else 1.0)
        for letter in house.text
    ]
    return glyphs, widths


def _without_serif_ends(glyph: Glyph, cut: float) -> Glyph:
    """A glyph cut off straight at both sides, where its serifs end."""
    x = np.concatenate(glyph.filled)[:, 0]
    limits = np.array([x.min() + cut, -np.inf], np.float32), np.array([x.max() - cut, np.inf], np.float32)
    filled, cut_out = (tuple(np.clip(p, *limits) for p in polygons) for polygons in (glyph.filled, glyph.cut))
    return Glyph(filled, cut_out, glyph.advance)


def _second(made: Specification, typefaces: Typefaces) -> Iterator[tuple[Glyph, Raster]]:
    line = made.second
    glyphs = [typefaces.glyph(line.typeface, letter) if letter != " " else None for letter in line.text]
    widths = [glyph.advance if glyph else _WORD_SPACE for glyph in glyphs]
    for glyph, start, width in zip(glyphs, _starts(widths, line), widths, strict=True):
        if glyph:
            yield glyph, _place(made, line, start, width * line.size) @ np.diag([line.size, line.size, 1.0])


def _starts(widths: list[float], line: Line) -> list[float]:
    """Where each letter starts along its line, whose middle is 0."""
    ends = np.cumsum([width + line.tracking for width in widths])
    return ((np.concatenate([[0.0], ends[:-1]]) - (ends[-1] - line.tracking) / 2) * line.size).tolist()


def _place(made: Specification, line: Line, start: float, width: float) -> Raster:
    """The matrix (2, 3) from a letter's own pixels (its left end on the baseline is 0) to the part's."""
    x, y = PART_WIDTH / 2, made.height / 2
    if line.circle is None:
        turn = line.tilt / PART_WIDTH * 2
        along = start + line.shift
        return np.array([[1, -turn, x + along], [turn, 1, y + line.below + turn * along]])
    upper = line.circle == "upper"
    angle = (start + width / 2 + line.shift) / line.below + line.tilt / PART_WIDTH * 2
    cos, sin = np.cos(angle), np.sin(angle)
    if upper:
        middle = (x + line.below * sin, y - line.below * cos)
        turned = np.array([[cos, -sin], [sin, cos]])
    else:
        middle = (x + line.below * sin, y + line.below * cos)
        turned = np.array([[cos, sin], [-sin, cos]])
    origin = np.array(middle) - turned @ (width / 2, 0)
    return np.column_stack([turned, origin])


def _ring(thickness: float) -> Glyph:
    """A circle of radius 1 around 0."""
    turn = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], 1).astype(np.float32)
    return Glyph((circle,), (circle * np.float32(1 - thickness),), 2.0)


def _draw(mask: Raster, glyph: Glyph, place: Raster) -> None:
    """Fill a glyph; its outlines are first united, then what is cut out of them is cut."""
    corners = np.concatenate(glyph.filled) @ place[:, :2].T + place[:, 2]
    left, top = np.floor(corners.min(0) * _OVERSAMPLING).astype(int) - 1
    right, bottom = np.ceil(corners.max(0) * _OVERSAMPLING).astype(int) + 2
    left, top = max(left, 0), max(top, 0)
    window = mask[top:bottom, left:right]
    if not window.size:
        return
    ink = np.zeros(window.shape, np.uint8)
    for polygons, value in ((glyph.filled, 255), (glyph.cut, 0)):
        for polygon in polygons:
            points = (polygon @ place[:, :2].T + place[:, 2]) * _OVERSAMPLING - (left, top)
            cv2.fillPoly(ink, [np.rint(points * 16).astype(np.int32)], value, cv2.LINE_8, 4)
    np.maximum(window, ink, out=window)


def _cut(mask: Raster, made: Specification) -> Raster:
    """What blunt tools do to the house's name: rounded outer and filled inner corners."""
    if made.corner_cut > 0:
        mask = _open(mask, made.corner_cut)
    if made.joint_fill > 0:
        mask = 255 - _open(255 - mask, made.joint_fill, keep=0.0)
    return mask


def _open(mask: Raster, radius: float, keep: float = 0.55) -> Raster:
    """Corners rounded to a radius; strokes too thin for it keep `keep` of their thickness's share of it."""
    reach = radius * _OVERSAMPLING
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    if keep:
        thickness = cv2.dilate(depth, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (25, 25)))
        reach = np.minimum(reach, thickness * keep)
    kernel = depth - reach
    core = (kernel > 0).astype(np.uint8)
    away = cv2.distanceTransform(1 - core, cv2.DIST_L2, 5)
    return np.where((mask > 0) & (away <= reach), 255, 0).astype(np.uint8)
