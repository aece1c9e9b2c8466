"""Lookalikes made on the drawing itself: what an imitator does to a mark, element by element.

A drawing of plain filled shapes is taken apart into elements (a shape with whatever lies inside its box), which are
then left out, moved, swapped for another brand's, stretched, outlined, coloured or joined by a word. Drawings with
strokes, gradients, masks or transforms are left as they are.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from xml.etree import ElementTree

import numpy as np
from fontTools.pens.basePen import BasePen
from fontTools.svgLib.path import parse_path
from fontTools.svgLib.path.shapes import PathBuilder
from numpy.typing import NDArray

from inference.groups import connected_groups
from training.data.rendered.typefaces import Typefaces

Polygon = NDArray[np.float64]
Rng = np.random.Generator

_STEPS = 10
_LIGHTEST_INK = 0.9
"""Lightness from which on a colour is lost on white paper."""
_MINOR_SHARE = 0.35
"""Share of a mark, by boxes, up to which an element is a minor one: two of three like elements stay."""
_PLAIN = {"svg", "g", "path", "circle", "rect", "ellipse", "polygon", "title", "desc", "defs"}
_SHAPES = {"path", "circle", "rect", "ellipse", "polygon"}
_FACES = ("Jost", "Outfit", "Montserrat", "Urbanist", "Garamond", "Playfair")
_SYLLABLES = ("ka", "lo", "mi", "ren", "tos", "vel", "bra", "nu", "sol", "dex", "qui", "far")


@dataclass(frozen=True)
class Element:
    """Part of a drawing: closed polygons under one fill.

    Attributes:
        polygons: Float64 (n, 2) each, x rightwards and y downwards; the drawing fills the unit square.
        fill: Its colour, #rrggbb.
        rule: SVG fill rule.
        stroke: Above 0 it is drawn as an outline so wide, in sides of the square.
    """

    polygons: tuple[Polygon, ...]
    fill: str
    rule: str = "nonzero"
    stroke: float = 0.0

    @property
    def box(self) -> tuple[Polygon, Polygon]:
        """Least and greatest x and y."""
        points = np.concatenate(self.polygons)
        return points.min(axis=0), points.max(axis=0)

    def moved(self, matrix: Polygon, by: Polygon) -> Element:
        """Every point as matrix @ point + by."""
        return replace(self, polygons=tuple(polygon @ matrix.T + by for polygon in self.polygons))


Elements = tuple[Element, ...]
Edit = Callable[[Elements, Elements, Rng], Elements]


def read_elements(svg: str) -> Elements | None:
    """The elements of a drawing, or None where it is more than plain filled shapes."""
    root = ElementTree.fromstring(svg)  # noqa: S314 - from a package whose hash is pinned
    leaves: list[tuple[ElementTree.Element, str, str]] = []
    if not _collect(root, "#000000", "nonzero", leaves):
        return None
    found: list[Element] = []
    for leaf, fill, rule in leaves:
        polygons = _polygons(leaf)
        if polygons is None:
            return None
        found += [Element(group, fill, rule) for group in _apart(polygons)]
    if found and found[0].fill == "#ffffff" and _is_ground(found[0], tuple(found)):
        found = found[1:]  # white paper is no part of a mark
    return fitted(tuple(found)) if found else None


def _collect(
    node: ElementTree.Element, fill: str, rule: str, leaves: list[tuple[ElementTree.Element, str, str]]
) -> bool:
    """All shapes below a node with the fill they inherit; False where something is not plain."""
    tag = node.tag.rpartition("}")[2]
    known = {"transform", "style", "class", "mask", "clip-path", "filter", "opacity", "fill-opacity"} & {*node.attrib}
    if tag not in _PLAIN or known or node.get("stroke", "none") != "none" or (tag == "defs" and len(node)):
        return False
    fill, rule = node.get("fill", fill), node.get("fill-rule", rule)
    fill = "#000000" if fill.lower() in ("currentcolor", "black") else "#ffffff" if fill == "white" else fill
    if tag in _SHAPES:
        if re.fullmatch(r"#[0-9a-fA-F]{3}", fill):
            fill = "#" + "".join(2 * digit for digit in fill[1:])
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", fill):
            return False
        leaves.append((node, fill.lower(), rule))
    return all(_collect(child, fill, rule, leaves) for child in node)


class _Flat(BasePen):
    """A pen that keeps outlines as polygons."""

    def __init__(self) -> None:
        super().__init__(None)
        self.polygons: list[list[tuple[float, float]]] = []

    def _moveTo(self, pt: tuple[float, float]) -> None:  # noqa: N802 - fontTools' name
        self.polygons.append([pt])

    def _lineTo(self, pt: tuple[float, float]) -> None:  # noqa: N802 - fontTools' name
        self.polygons[-1].append(pt)

    def _curveToOne(  # noqa: N802 - fontTools' name
        self, pt1: tuple[float, float], pt2: tuple[float, float], pt3: tuple[float, float]
    ) -> None:
        t = np.linspace(0, 1, _STEPS + 1)[1:, None]
        start = np.array(self.polygons[-1][-1])
        curve = (1 - t) ** 3 * start + 3 * (1 - t) ** 2 * t * pt1 + 3 * (1 - t) * t**2 * pt2 + t**3 * np.array(pt3)
        self.polygons[-1] += [(float(x), float(y)) for x, y in curve]


def _polygons(leaf: ElementTree.Element) -> list[Polygon] | None:
    """The outlines of a shape; None where they cannot be read, as of lengths with a unit."""
    builder, pen = PathBuilder(), _Flat()
    try:
        builder.add_path_from_element(leaf)
        for path in builder.paths:
            parse_path(path, pen)
    except (ValueError, IndexError, AssertionError):
        return None
    return [np.array(polygon, np.float64) for polygon in pen.polygons if len(polygon) > 2]


def _apart(polygons: Sequence[Polygon]) -> list[tuple[Polygon, ...]]:
    """Outlines by what belongs together: one whose box lies in another's box goes with it, as a hole does."""
    boxes = [(polygon.min(axis=0), polygon.max(axis=0)) for polygon in polygons]
    inside = [
        (i, j)
        for i, (low, high) in enumerate(boxes)
        for j, (least, greatest) in enumerate(boxes)
        if i != j and (low >= least - 1e-9).all() and (high <= greatest + 1e-9).all()
    ]
    groups: dict[int, list[Polygon]] = {}
    for polygon, group in zip(polygons, connected_groups(len(polygons), inside), strict=True):
        groups.setdefault(group, []).append(polygon)
    return [tuple(group) for group in groups.values()]


def extent(elements: Elements) -> tuple[Polygon, Polygon]:
    """Least and greatest x and y of a drawing."""
    lows, highs = zip(*(element.box for element in elements), strict=True)
    return np.min(lows, axis=0), np.max(highs, axis=0)


def fitted(elements: Elements, low: Sequence[float] = (0, 0), high: Sequence[float] = (1, 1)) -> Elements:
    """A drawing scaled, its proportions kept, into the middle of a box."""
    least, greatest = extent(elements)
    room = np.subtract(high, low)
    scale = float((room / np.maximum(greatest - least, 1e-9)).min())
    by = np.add(low, high) / 2 - scale * (least + greatest) / 2
    return _all(elements, scale * np.eye(2), by)


def _all(elements: Elements, matrix: Polygon, by: Polygon) -> Elements:
    return tuple(element.moved(matrix, by) for element in elements)


def _about_middle(elements: Elements, matrix: Polygon) -> Elements:
    middle = np.array([0.5, 0.5])
    return _all(elements, matrix, middle - matrix @ middle)


def as_svg(elements: Elements) -> str:
    """The drawing as SVG."""
    shapes = []
    for element in elements:
        outline = "".join(
            "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in 1000 * polygon) + "Z" for polygon in element.polygons
        )
        paint = (
            f'fill="none" stroke="{element.fill}" stroke-width="{1000 * element.stroke:.1f}" stroke-linejoin="round"'
            if element.stroke
            else f'fill="{element.fill}" fill-rule="{element.rule}"'
        )
        shapes.append(f'<path d="{outline}" {paint}/>')
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-400 -400 1800 1800">{"".join(shapes)}</svg>'


def _points(polygon: Polygon) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in polygon)


def _is_ground(element: Element, elements: Elements) -> bool:
    """Whether an element reaches as far as the whole drawing, as a tile does."""
    (low, high), (least, greatest) = element.box, extent(elements)
    return bool(((high - low) >= 0.95 * (greatest - least)).all())


def movable(elements: Elements) -> list[int]:
    """Indices of the elements that are no ground; all of them where there is nothing else."""
    several = len(elements) > 1
    inner = [i for i, element in enumerate(elements) if not (several and _is_ground(element, elements))]
    return inner or [*range(len(elements))]


def minor(elements: Elements) -> list[int]:
    """Indices of what an edit may take and leave the same mark: about a third of it by boxes, or less."""
    inner = movable(elements)
    whole = sum(_size(elements[i]) for i in inner)
    return [i for i in inner if _size(elements[i]) <= _MINOR_SHARE * whole]


def possible(kind: str, elements: Elements) -> bool:
    """Whether a kind of edit leaves of a drawing what an eye would still call alike."""
    if kind in ("element removed", "element swapped"):
        return bool(minor(elements))
    return kind != "element moved" or len(movable(elements)) > 1


def _principal(elements: Elements) -> Element:
    """The largest element that is no ground."""
    return max((elements[i] for i in movable(elements)), key=_size)


def _size(element: Element) -> float:
    low, high = element.box
    return float(np.prod(high - low))


def _colour(rng: Rng) -> str:
    return _as_fill(colorsys.hls_to_rgb(rng.random(), rng.uniform(0.3, 0.55), rng.uniform(0.6, 1)))


def _as_fill(rgb: Sequence[float] | Polygon) -> str:
    red, green, blue = (round(255 * channel) for channel in rgb)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _rgb(fill: str) -> Polygon:
    return np.array([int(fill[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def _lightness(fill: str) -> float:
    return colorsys.rgb_to_hls(*_rgb(fill))[1]


def _ink(elements: Elements) -> str:
    """The colour of the largest element that shows on white paper; dark grey where none does."""
    shown = [element for element in elements if _lightness(element.fill) < _LIGHTEST_INK]
    return max(shown, key=_size).fill if shown else "#202428"


def _recoloured(own: Elements, _: Elements, rng: Rng) -> Elements:
    """Every colour becomes another one."""
    new = {fill: _colour(rng) for fill in sorted({element.fill for element in own})}
    return tuple(replace(element, fill=new[element.fill]) for element in own)


def _outlined(own: Elements, _: Elements, rng: Rng) -> Elements:
    """Filled shapes become their outlines; what was white on a ground takes the ground's colour to be seen."""
    width, ink = rng.uniform(0.02, 0.045), _ink(own)
    shown = {fill: fill if _lightness(fill) < _LIGHTEST_INK else ink for fill in {element.fill for element in own}}
    return tuple(replace(element, stroke=width, fill=shown[element.fill]) for element in own)


def _negative(own: Elements, _: Elements, rng: Rng) -> Elements:
    """On a tile: the largest colour and white change places, and other colours go between by their lightness."""
    ground = _ink(own)
    depth = 1 - _lightness(ground)
    white = {fill: min(1.0, (1 - _lightness(fill)) / depth) for fill in {element.fill for element in own}}
    inverted = {fill: _as_fill(share + (1 - share) * _rgb(ground)) for fill, share in white.items()}
    return _tile(ground, 0.16, rng), *(
        replace(each, fill=inverted[each.fill]) for each in fitted(own, (0.17, 0.17), (0.83, 0.83))
    )


def _turned(own: Elements, _: Elements, rng: Rng) -> Elements:
    """By a quarter, a half, or somewhat."""
    degrees = float(rng.choice([90, 180, 270, rng.uniform(15, 60), -rng.uniform(15, 60)]))
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return _about_middle(own, np.array([[cos, -sin], [sin, cos]]))


def _mirrored(own: Elements, _: Elements, __: Rng) -> Elements:
    """Left to right."""
    return _about_middle(own, np.diag([-1.0, 1.0]))


def _tile(fill: str, corner: float, rng: Rng) -> Element:
    """A square with rounded corners, or a disc."""
    radius = 0.5 if rng.random() < 0.4 else corner
    t = np.linspace(0, np.pi / 2, 13)
    quarter = np.stack([np.cos(t), np.sin(t)], axis=1) * radius
    inner = 0.5 - radius
    turns = [np.array([[c, -s], [s, c]]) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    corners = [(quarter + inner) @ turn.T for turn in turns]
    return Element((np.concatenate(corners) + 0.5,), fill)


def _framed(own: Elements, _: Elements, rng: Rng) -> Elements:
    """Inside a ring or a rounded square."""
    frame = replace(_tile(_ink(own), 0.16, rng), stroke=rng.uniform(0.03, 0.06))
    return frame, *fitted(own, (0.24, 0.24), (0.76, 0.76))


def word(letters: str, face: str, typefaces: Typefaces, fill: str) -> Elements:
    """A word in a typeface."""
    elements, x = [], 0.0
    for letter in letters:
        glyph = typefaces.glyph(face, letter)
        polygons = tuple(polygon + np.array([x, 0]) for polygon in (*glyph.filled, *glyph.cut))
        elements.append(Element(tuple(np.asarray(polygon, np.float64) for polygon in polygons), fill))
        x += glyph.advance
    return tuple(elements)


def _with_word(own: Elements, letters: str, face: str, typefaces: Typefaces) -> Elements:
    below = fitted(word(letters, face, typefaces, _ink(own)), (0.05, 0.78), (0.95, 0.98))
    return *fitted(own, (0.15, 0.0), (0.85, 0.7)), *below


def _invented(rng: Rng) -> str:
    return "".join(rng.choice(_SYLLABLES, int(rng.integers(2, 4)), replace=False)).upper()


def _word_added(typefaces: Typefaces, own: Elements, _: Elements, rng: Rng) -> Elements:
    """A word below."""
    return _with_word(own, _invented(rng), str(rng.choice(_FACES)), typefaces)


def _left_out(own: Elements, _: Elements, rng: Rng) -> Elements:
    """One minor element less."""
    gone = int(rng.choice(minor(own)))
    return *own[:gone], *own[gone + 1 :]


def _added(own: Elements, other: Elements, rng: Rng) -> Elements:
    """Another brand's largest element in a corner, and the mark a little smaller, away from it."""
    x, y = rng.choice([0.0, 0.72]), rng.choice([0.0, 0.72])
    element = replace(_principal(other), fill=_ink(own))
    away = np.where(np.array([x, y]) == 0, 0.2, 0.0)
    return *fitted(own, away.tolist(), (away + 0.8).tolist()), *fitted((element,), (x, y), (x + 0.28, y + 0.28))


def _element(own: Elements, rng: Rng) -> int:
    """One of the elements that are no ground, the larger the likelier."""
    inner = movable(own)
    sizes = np.array([_size(own[i]) + 1e-6 for i in inner])
    return int(rng.choice(inner, p=sizes / sizes.sum()))


def _shifted(own: Elements, _: Elements, rng: Rng) -> Elements:
    """One element elsewhere."""
    chosen, angle = _element(own, rng), rng.uniform(0, 2 * np.pi)
    by = rng.uniform(0.15, 0.3) * np.array([np.cos(angle), np.sin(angle)])
    return tuple(element.moved(np.eye(2), by) if i == chosen else element for i, element in enumerate(own))


def _swapped(own: Elements, other: Elements, rng: Rng) -> Elements:
    """One minor element gives way to another brand's, in its place."""
    chosen = int(rng.choice(minor(own)))
    low, high = own[chosen].box
    strange = fitted((replace(_principal(other), fill=own[chosen].fill),), low.tolist(), high.tolist())
    return *own[:chosen], *strange, *own[chosen + 1 :]


def _partly_copied(own: Elements, other: Elements, rng: Rng) -> Elements:
    """The whole mark small in another brand's company."""
    left = fitted(own, (0.0, 0.2), (0.58, 0.78))
    right = fitted(other, (0.66, 0.25), (1.0, 0.75))
    fill = _ink(own) if rng.random() < 0.5 else _colour(rng)
    return *left, *(replace(element, fill=fill) for element in right)


def _stretched(own: Elements, _: Elements, rng: Rng) -> Elements:
    """Narrower, flatter or slanted."""
    squeeze, slant = rng.uniform(0.55, 0.8), rng.uniform(-0.25, 0.25)
    matrix = np.diag([squeeze, 1.0]) if rng.random() < 0.5 else np.diag([1.0, squeeze])
    return _about_middle(own, np.array([[1.0, slant], [0.0, 1.0]]) @ matrix)


def _redesigned(own: Elements, other: Elements, rng: Rng) -> Elements:
    """Several things at once: proportions, colours, and an element or the outline."""
    own = _recoloured(_stretched(own, other, rng), other, rng)
    last = _swapped if minor(own) else _outlined
    return last(own, other, rng)


def edits(typefaces: Typefaces) -> dict[str, Edit]:
    """Every kind of edit: a drawing's elements, another brand's, and a generator to the edited drawing."""
    return {
        "recoloured": _recoloured,
        "outline": _outlined,
        "negative": _negative,
        "rotated": _turned,
        "mirrored": _mirrored,
        "framed": _framed,
        "word added": partial(_word_added, typefaces),
        "element removed": _left_out,
        "element added": _added,
        "element moved": _shifted,
        "element swapped": _swapped,
        "partly copied": _partly_copied,
        "proportions changed": _stretched,
        "redesigned": _redesigned,
    }


TAKES_AN_ELEMENT = {"element added", "element swapped", "partly copied", "redesigned"}
"""Kinds after which a drawing may bear another brand's element: beside that brand it is no stranger."""


def glyph_changed(own: Elements, typefaces: Typefaces, rng: Rng) -> tuple[Elements, Elements]:
    """The mark above a word, and above the same word with one letter changed: two drawings, alike."""
    name, face = _invented(rng), str(rng.choice(_FACES))
    place = int(rng.integers(len(name)))
    other = str(rng.choice([letter for letter in "ABDEFKLMNORSTUV" if letter != name[place]]))
    changed = name[:place] + other + name[place + 1 :]
    return _with_word(own, name, face, typefaces), _with_word(own, changed, face, typefaces)
