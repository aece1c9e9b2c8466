"""Which drawings are one design, and which names are one brand."""

from __future__ import annotations

import json
import string
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.groups import connected_groups
from training.data.marks.edits import word
from training.data.marks.elements import as_svg, fitted
from training.data.marks.packages import Drawing
from training.data.marks.rasters import render
from training.data.marks.shapes import SHAPE_SIDE, Shape, overlaps, shape_of
from training.data.rendered.typefaces import Typefaces

SAME_TRACING = 0.97
"""Above this IoU of the silhouettes two drawings are one tracing, published twice."""
SAME_DESIGN = 0.30
"""From this IoU on two drawings can show one design; a symbol and a wordmark stay below it."""
SAME_CONTOURS = 0.10
"""From this correlation of the contours on they do; other designs of one name stay below it."""
SAME_SHAPE = 0.70
"""From this IoU on they do whatever their contours, as a solid and an outlined drawing."""
SAME_MARK = 0.90
"""Above this agreement (the lesser of silhouette IoU and contour correlation) two names are one brand."""
SAME_MARK_LIKE_NAMES = 0.60
"""The same where one name begins or ends with the other, as "ember" and "emberjs" do."""
OTHER_DESIGNS: dict[str, list[list[str]]] = json.loads(Path(__file__).with_name("other_designs.json").read_text())
"""By brand: groups of drawings that show another design than its rest, which no measure of shape tells apart.

A relaunched mark, a second symbol. Judged once, by eye and before any training on this list, among the 372 brands with
a pair whose contours correlate by less than .3 and whose silhouettes overlap by less than .8, or .4 whatever the
contours. Drawings of two groups are no similar pair, and as marks of one brand no dissimilar one."""

SAME_LETTER = 0.60
"""From this agreement with a capital of a typeface on a drawing is that letter."""
LETTER_FACES = ("Jost", "Montserrat", "Garamond")


def design_of(brand: str, stem: str) -> int:
    """Which design of its brand a drawing shows, as far as they were judged by eye: 0 for all that is not listed."""
    groups = OTHER_DESIGNS.get(brand, [])
    return next((number for number, stems in enumerate(groups, 1) if stem in stems), 0)


def letter_of(shape: Shape, letters_as: Sequence[Shape]) -> str:
    """The capital letter a drawing is, or nothing."""
    silhouettes, contours = np.stack([a.silhouette for a in letters_as]), np.stack([a.contours for a in letters_as])
    agreement = np.minimum(overlaps(shape.silhouette[None], silhouettes)[0], contours @ shape.contours)
    best = int(agreement.argmax())
    return string.ascii_uppercase[best // len(LETTER_FACES)] if agreement[best] >= SAME_LETTER else ""


def alphabet(typefaces: Typefaces) -> list[Shape]:
    """What the capitals shape like, A in each of `LETTER_FACES`, then B."""
    drawn = [
        render(as_svg(fitted(word(letter, face, typefaces, "#000000"))), SHAPE_SIDE)
        for letter in string.ascii_uppercase
        for face in LETTER_FACES
    ]
    return [shape_of(rgba) for rgba in drawn if rgba is not None]


def one_design(shapes: Sequence[Shape]) -> NDArray[np.bool_]:
    """Which drawings show one design, bool (n, n): overlapping silhouettes, and contours or much of the shape."""
    silhouettes = np.stack([shape.silhouette for shape in shapes])
    contours = np.stack([shape.contours for shape in shapes])
    iou = overlaps(silhouettes, silhouettes)
    return (iou >= SAME_DESIGN) & ((contours @ contours.T >= SAME_CONTOURS) | (iou >= SAME_SHAPE))


def family_of(shapes: Sequence[Shape]) -> list[int]:
    """Which drawings of a brand to keep: the largest group that shows one design, each tracing once.

    Of one tracing the coloured drawing is kept, then the one that shows on white, then the earlier.

    Returns:
        Indices into `shapes`, ascending; never empty where there are shapes.
    """
    silhouettes = np.stack([shape.silhouette for shape in shapes])
    iou = overlaps(silhouettes, silhouettes)
    kept: list[int] = []
    for i in sorted(range(len(shapes)), key=lambda i: (not shapes[i].coloured, shapes[i].white, i)):
        if all(iou[i, j] <= SAME_TRACING for j in kept):
            kept.append(i)
    group_of = connected_groups(len(kept), np.argwhere(one_design([shapes[i] for i in kept])).tolist())
    largest = max(group_of, key=lambda group: (group_of.count(group), -group))
    return sorted(kept[k] for k, group in enumerate(group_of) if group == largest)


def joined_names(drawings: Sequence[Drawing], shapes: Sequence[Shape]) -> dict[str, str]:
    """For every brand name the one name of its brand: the packages call many marks by two names.

    Left apart, the same mark would be its own dissimilar pair, and could lie on both sides of the split.
    The name with most drawings stands for its group, then the first in the alphabet.
    """
    silhouettes = np.stack([shape.silhouette for shape in shapes])
    contours = np.stack([shape.contours for shape in shapes])
    names = sorted({drawing.brand for drawing in drawings})
    number = {name: i for i, name in enumerate(names)}
    links = []
    for start in range(0, len(drawings), 512):  # a block of rows at a time, for the memory
        block = slice(start, start + 512)
        agreement = np.minimum(overlaps(silhouettes[block], silhouettes), contours[block] @ contours.T)
        for row, b in np.argwhere(agreement > SAME_MARK_LIKE_NAMES):
            first, second = drawings[start + row].brand, drawings[b].brand
            if first < second and (agreement[row, b] > SAME_MARK or names_alike(first, second)):
                links.append((number[first], number[second]))
    count = Counter(drawing.brand for drawing in drawings)
    joined: dict[str, str] = {}
    members: dict[int, list[str]] = defaultdict(list)
    for name, group in zip(names, connected_groups(len(names), links), strict=True):
        members[group].append(name)
    for group_names in members.values():
        chosen = min(group_names, key=lambda name: (-count[name], name))
        joined |= dict.fromkeys(group_names, chosen)
    return joined


def names_alike(first: str, second: str) -> bool:
    """Whether the shorter of two names, of three letters or more, begins or ends the longer one."""
    short, long = sorted((first, second), key=len)
    return len(short) >= 3 and (long.startswith(short) or long.endswith(short))


def brand_of_each(drawings: Sequence[Drawing], joined: Mapping[str, str]) -> dict[str, list[int]]:
    """Brand to the indices of its drawings, both in order; names are joined by `joined_names`."""
    members: dict[str, list[int]] = defaultdict(list)
    for i, drawing in enumerate(drawings):
        members[joined[drawing.brand]].append(i)
    return dict(sorted(members.items()))
