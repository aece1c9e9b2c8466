"""The elements of a drawing: its shapes as polygons with their fills."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from xml.etree import ElementTree

import numpy as np
from fontTools.pens.basePen import BasePen
from fontTools.svgLib.path import parse_path
from fontTools.svgLib.path.shapes import PathBuilder
from numpy.typing import NDArray

from inference.groups import connected_groups

Polygon = NDArray[np.float64]
_STEPS = 10
_MINOR_SHARE = 0.35
"""Share of a mark, by boxes, up to which an element is a minor one: two of three like elements stay."""
_PLAIN = {"svg", "g", "path", "circle", "rect", "ellipse", "polygon", "title", "desc", "defs"}
_SHAPES = {"path", "circle", "rect", "ellipse", "polygon"}


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


def about_middle(elements: Elements, matrix: Polygon) -> Elements:
    """Elements under a linear map (2, 2) about the middle of the drawing."""
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
    (left, top), (right, bottom) = extent(elements)
    box = (-400, -400, 1800, 1800)
    if min(left, top) < -0.35 or max(right, bottom) > 1.35:  # a lockup: its word reaches beyond the symbol's square
        box = tuple(round(1000 * side) for side in (left - 0.1, top - 0.1, right - left + 0.2, bottom - top + 0.2))
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{" ".join(map(str, box))}">{"".join(shapes)}</svg>'


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
    whole = sum(size(elements[i]) for i in inner)
    return [i for i in inner if size(elements[i]) <= _MINOR_SHARE * whole]


def possible(kind: str, elements: Elements) -> bool:
    """Whether a kind of edit leaves of a drawing what an eye would still call alike."""
    if kind in ("element removed", "element swapped"):
        return bool(minor(elements))
    return kind != "element moved" or len(movable(elements)) > 1


def principal(elements: Elements) -> Element:
    """The largest element that is no ground."""
    return max((elements[i] for i in movable(elements)), key=size)


def size(element: Element) -> float:
    """Area of an element's box, as a share of the drawing's."""
    low, high = element.box
    return float(np.prod(high - low))
