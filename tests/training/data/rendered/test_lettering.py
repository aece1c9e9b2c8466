"""Lettering: letters stand where a ruler and a pair of compasses put them, and tools do what they are said to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from training.data.rendered.house import PARTS
from training.data.rendered.lettering import edge_distance
from training.data.rendered.specification import (
    ALTERATIONS,
    GRADES,
    HOUSE,
    PART_WIDTH,
    Counterfeiter,
    Grade,
    Leather,
    Line,
    Specification,
)
from training.data.rendered.typefaces import Glyph, Typefaces

Raster = NDArray[Any]
Place = tuple[float, float]

HEIGHT = 600
MIDDLE = np.array([PART_WIDTH / 2, HEIGHT / 2])
LEATHER = Leather((0.1, 0.1, 0.1), (0.2, 0.2, 0.2), (0.5, 0.5, 0.5), 17)
SECOND = Line("IIIII", "Jost", 40, 0.8, 200)


def specified(house: Line | None = None, second: Line = SECOND, **values: Any) -> Specification:
    """A part with the house's name above its middle and five bars below it."""
    house = house or Line("HI", "Jost", 60, 0.3, -100)
    values.setdefault("lifted", (0.0,) * len(house.text))
    return Specification(HEIGHT, 20, LEATHER, house, second, depth=3.0, **values)


def pieces(ink: Raster) -> list[tuple[Place, tuple[int, int, int, int], int]]:
    """Centre (x, y), box (left, top, right, bottom) and pixels of every connected piece, from the left."""
    count, _, stats, centres = cv2.connectedComponentsWithStats(ink.astype(np.uint8))
    found = []
    for piece in range(1, count):
        left, top, width, height, pixels = stats[piece].tolist()
        x, y = (centres[piece] + 0.5).tolist()
        found.append(((x, y), (left, top, left + width, top + height), pixels))
    return sorted(found)


def extent(glyph: Glyph) -> tuple[float, float, float, float]:
    points = np.concatenate(glyph.filled)
    return *points.min(0).tolist(), *points.max(0).tolist()


def walk(line: Line, typefaces: Typefaces) -> list[float]:
    """Where each letter of a line starts, when one walks along it: the line's middle is 0."""
    at, starts = 0.0, []
    for number, letter in enumerate(line.text):
        at += line.tracking * line.size if number else 0
        starts.append(at)
        at += typefaces.glyph(line.typeface, letter).advance * line.size
    return [start - at / 2 for start in starts]


def bars(line: Line, typefaces: Typefaces) -> list[Place]:
    """Centres of the bars of a second line."""
    ink = edge_distance(specified(second=line), typefaces) > 0
    ink[:250] = False  # the house's name and its sign
    found = [centre for centre, _, _ in pieces(ink)]
    assert len(found) == len(line.text)
    return found


@pytest.mark.parametrize("typeface", ["Cinzel", "Jost", "Bodoni"])
@pytest.mark.parametrize("shift", [0.0, -31.0])
def test_letters_on_a_line_stand_where_a_walk_along_it_puts_them(
    typeface: str, shift: float, typefaces: Typefaces
) -> None:
    line = Line("PARIS", typeface, 50, 0.7, 180, shift=shift)
    ink = edge_distance(specified(second=line), typefaces) > 0
    ink[:400] = False
    boxes = [box for _, box, _ in pieces(ink)]
    for letter, start, box in zip(line.text, walk(line, typefaces), boxes, strict=True):
        left, top, right, bottom = (line.size * edge for edge in extent(typefaces.glyph(typeface, letter)))
        x, y = PART_WIDTH / 2 + start + shift, HEIGHT / 2 + line.below
        assert box == pytest.approx((x + left, y + top, x + right, y + bottom), abs=1.0)


@pytest.mark.parametrize("half", ["upper", "lower"])
@pytest.mark.parametrize(("shift", "tilt"), [(0.0, 0.0), (40.0, 0.0), (0.0, 25.0)])
def test_letters_on_a_circle_stand_where_compasses_put_them(
    half: Any, shift: float, tilt: float, typefaces: Typefaces
) -> None:
    line = Line("IIIII", "Jost", 40, 1.2, 250, half, shift, tilt)
    house = Line("I", "Jost", 20, 0, 0)
    made = specified(house, line)
    ink = edge_distance(made, typefaces) > 0
    ink[250:350, 300:450] = False  # the house's name and its sign
    advance = line.size * typefaces.glyph("Jost", "I").advance
    upright = -1 if half == "upper" else 1
    middle_of_bars = line.below - upright * line.size / 2
    expected = []
    for start in walk(line, typefaces):
        # An arc as long as the way along the line; then, for the tilt, a turn of the whole circle.
        angle = (start + advance / 2 + shift) / line.below + 2 * tilt / PART_WIDTH
        expected.append((*(MIDDLE + middle_of_bars * np.array([np.sin(angle), upright * np.cos(angle)])), angle))
    found = pieces(ink)
    assert len(found) == len(expected)
    labels = cv2.connectedComponents(ink.astype(np.uint8))[1]
    for (centre, (left, top, right, bottom), _), (x, y, angle) in zip(found, sorted(expected), strict=True):
        assert centre == pytest.approx((x, y), abs=0.9)
        # A bar stands along the radius through its middle.
        window = labels[top:bottom, left:right]
        rows, columns = np.nonzero(window == np.bincount(window[window > 0]).argmax())
        axis = np.linalg.eigh(np.cov(columns, rows))[1][:, 1]
        assert abs(axis @ np.array([np.sin(angle), upright * np.cos(angle)])) > np.cos(np.deg2rad(2))


def test_a_tilted_line_falls_evenly_to_its_right_end(typefaces: Typefaces) -> None:
    level, tilted = bars(SECOND, typefaces), bars(replace(SECOND, tilt=20), typefaces)
    for (x, y), (tilted_x, tilted_y) in zip(level, tilted, strict=True):
        fall = 20 / (PART_WIDTH / 2)
        assert tilted_y - y == pytest.approx(fall * (x - PART_WIDTH / 2), abs=0.5)
        # The letters lean with their line, about the baseline.
        assert tilted_x - x == pytest.approx(fall * SECOND.size / 2, abs=0.5)


def house_pieces(made: Specification, typefaces: Typefaces) -> list[tuple[Place, tuple[int, int, int, int], int]]:
    ink = edge_distance(made, typefaces) > 0
    ink[400:] = False
    return pieces(ink)[: len(made.house.text)]


def test_one_letter_is_lifted_and_one_let_down(typefaces: Typefaces) -> None:
    house = Line("III", "Jost", 60, 1.0, -100)
    level = house_pieces(specified(house), typefaces)
    moved = house_pieces(specified(house, lifted=(6.0, 0.0, -4.0)), typefaces)
    assert [a[0][1] - b[0][1] for a, b in zip(moved, level, strict=True)] == pytest.approx([-6, 0, 4], abs=0.1)
    assert [a[0][0] for a in moved] == [a[0][0] for a in level]


def test_slanted_letters_lean_over_a_baseline_that_stays(typefaces: Typefaces) -> None:
    house = Line("I", "Jost", 100, 0, 0)
    ink = edge_distance(specified(house, slant=12.0), typefaces) > 0
    ink[350:] = False
    _, (left, top, _, bottom), _ = pieces(ink)[0]
    upright = house_pieces(specified(house), typefaces)[0][1][0]
    foot, head = (np.flatnonzero(ink[row, : PART_WIDTH // 2 + 40])[0] for row in (bottom - 1, top))
    assert foot == pytest.approx(upright, abs=1)
    assert head - foot == pytest.approx(12, abs=1)
    assert left == foot


@pytest.mark.parametrize("roundness", [0.8, 1.2])
def test_a_rounder_o_is_wider_and_the_name_stays_centred(roundness: float, typefaces: Typefaces) -> None:
    house = Line("HOH", "Jost", 60, 0.5, -100)
    plain = house_pieces(specified(house), typefaces)
    made = house_pieces(specified(house, roundness=roundness), typefaces)
    width, wider = (piece[1][1][2] - piece[1][1][0] for piece in (plain, made))
    assert wider == pytest.approx(width * roundness, abs=1.5)
    grown = typefaces.glyph("Jost", "O").advance * house.size * (roundness - 1)
    moved = [ours[0][0] - theirs[0][0] for ours, theirs in zip(made, plain, strict=True)]
    assert moved == pytest.approx([-grown / 2, 0, grown / 2], abs=0.6)
    assert made[1][1][1::2] == plain[1][1][1::2]


def test_a_substituted_letter_stands_in_the_middle_of_its_place(typefaces: Typefaces) -> None:
    house = Line("HIH", "Jost", 60, 0.5, -100)
    plain = house_pieces(specified(house), typefaces)
    made = house_pieces(specified(house, substitute="Montserrat", substituted=(1,)), typefaces)
    assert [piece[1] for piece in made[::2]] == [piece[1] for piece in plain[::2]]
    assert made[1][2] > 1.2 * plain[1][2]
    own, other = (typefaces.glyph(name, "I") for name in ("Jost", "Montserrat"))
    start = PART_WIDTH / 2 + walk(house, typefaces)[1]
    left, _, right, _ = extent(other)
    spare = (own.advance - other.advance) / 2
    edges = start + house.size * (spare + left), start + house.size * (spare + right)
    assert made[1][1][::2] == pytest.approx(edges, abs=1.0)


def test_the_sign_hangs_behind_the_name_as_specified(typefaces: Typefaces) -> None:
    house = Line("HI", "Jost", 60, 0.3, -100)
    end = PART_WIDTH / 2 - walk(house, typefaces)[0]
    cap_line = HEIGHT / 2 + house.below - house.size
    for radius, gap, drop in ((17.0, 13.0, 0.0), (24.0, 30.0, 9.0)):
        made = specified(house, sign_radius=radius, sign_gap=gap, sign_drop=drop)
        ink = edge_distance(made, typefaces) > 0
        ink[400:] = False
        left, top = end + gap, cap_line + drop
        letter, circle = sorted((box for _, box, _ in pieces(ink) if box[0] > end), key=lambda box: box[3] - box[1])
        assert circle == pytest.approx((left, top, left + 2 * radius, top + 2 * radius), abs=1.0)
        # The R is as tall as the circle's radius, nearly, and stands in the middle.
        assert letter[1::2] == pytest.approx((top + radius * 0.525, top + radius * 1.475), abs=1.0)
        assert (letter[0] + letter[2]) / 2 == pytest.approx(left + radius, abs=2.0)


def boxes(*corners: tuple[float, float, float, float]) -> tuple[NDArray[np.float32], ...]:
    return tuple(
        np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)
        for left, top, right, bottom in corners
    )


class Drawn(Typefaces):
    """A typeface whose every letter is one drawing."""

    def __init__(self, glyph: Glyph) -> None:
        super().__init__(typefaces=())
        self.glyph = lambda *_: glyph  # type: ignore[assignment]


def test_outlines_that_overlap_are_one() -> None:
    """Two bars cross; what is cut is cut out of both."""
    cross = Glyph(boxes((0, -0.6, 1, -0.4), (0.4, -1, 0.6, 0)), boxes((0.45, -0.55, 0.55, -0.45)), 1.0)
    ink = edge_distance(specified(Line("I", "", 100, 0, 0), Line("I", "", 20, 0, 250)), Drawn(cross)) > 0
    left, top = PART_WIDTH // 2 - 50, HEIGHT // 2 - 100
    letter = ink[top : top + 100, left : left + 100]
    expected = np.zeros((100, 100), bool)
    expected[40:60] = expected[:, 40:60] = True
    expected[45:55, 45:55] = False
    near_edge = cv2.dilate(expected.astype(np.uint8), np.ones((3, 3))) != cv2.erode(
        expected.astype(np.uint8), np.ones((3, 3))
    )
    assert np.array_equal(letter[~near_edge], expected[~near_edge])
    assert letter.sum() == pytest.approx(expected.sum(), rel=0.05)


def test_the_distance_is_the_distance_to_the_nearest_edge() -> None:
    """Against a loop over the edges of one bar; inside is positive."""
    bar = Glyph(boxes((0, -1, 0.4, 0)), (), 0.4)
    made = specified(Line("I", "", 100, 0, 0), Line("I", "", 1, 0, 299), sign_radius=1.0, sign_gap=250.0)
    distance = edge_distance(made, Drawn(bar))
    left, top, right, bottom = PART_WIDTH / 2 - 20, HEIGHT / 2 - 100, PART_WIDTH / 2 + 20, HEIGHT / 2
    for row in range(170, 330, 7):
        for column in range(310, 410, 7):
            x, y = column + 0.5, row + 0.5
            outside = np.hypot(max(left - x, 0, x - right), max(top - y, 0, y - bottom))
            inside = min(x - left, right - x, y - top, bottom - y)
            expected = -outside if outside else inside
            assert distance[row, column] == pytest.approx(expected, abs=0.8)


def test_weight_moves_every_edge_by_half(typefaces: Typefaces) -> None:
    plain, bold = (edge_distance(specified(weight=weight), typefaces) for weight in (0.0, 3.0))
    assert np.allclose(bold - plain, 1.5, atol=1e-5)


@pytest.mark.parametrize("cut", [2.0, 7.0])
def test_cutting_serifs_only_shortens_and_spares_the_o(cut: float, typefaces: Typefaces) -> None:
    house = Line(HOUSE, "Cinzel", 62, 0.3, -100)
    whole, shortened = (specified(house, serif_cut=by) for by in (0.0, cut))
    before, after = (edge_distance(made, typefaces) > 0 for made in (whole, shortened))
    assert not (after & ~before).any()
    for letter, ours, theirs in zip(
        HOUSE, house_pieces(shortened, typefaces), house_pieces(whole, typefaces), strict=True
    ):
        by = 0 if letter == "O" else cut
        assert (ours[1][0] - theirs[1][0], theirs[1][2] - ours[1][2]) == pytest.approx((by, by), abs=1.0)
    assert np.array_equal(after[400:], before[400:])


def corners_of_an_h(typefaces: Typefaces, line: Line) -> tuple[Raster, Raster]:
    """Outer and inner corners of the H at the start of a line, in pixels (n, 2), by which way the outline turns."""
    (outline,) = typefaces.glyph(line.typeface, "H").filled
    outline = outline[np.hypot(*(outline - np.roll(outline, 1, 0)).T) > 1e-6]
    into, out_of = outline - np.roll(outline, 1, 0), np.roll(outline, -1, 0) - outline
    turn = into[:, 0] * out_of[:, 1] - into[:, 1] * out_of[:, 0]
    signed = np.sum(outline[:, 0] * np.roll(outline[:, 1], -1) - np.roll(outline[:, 0], -1) * outline[:, 1])
    at = outline * line.size + (PART_WIDTH / 2 + walk(line, typefaces)[0], HEIGHT / 2 + line.below)
    outer = np.sign(turn) == np.sign(signed)
    assert (outer.sum(), (~outer).sum()) == (8, 4)
    return at[outer], at[~outer]


@pytest.mark.parametrize(("tool", "radius"), [("corner_cut", 2.0), ("joint_fill", 3.0), ("joint_fill", 7.0)])
def test_blunt_tools_change_corners_only(tool: str, radius: float, typefaces: Typefaces) -> None:
    house = Line("H", "Jost", 80, 0, 0)
    distances = [edge_distance(specified(house, **{tool: by}), typefaces) for by in (0.0, radius)]
    before, after = (distance > 0 for distance in distances)
    outer, inner = corners_of_an_h(typefaces, house)
    if tool == "corner_cut":
        corners, changed, wrong = outer, before & ~after, after & ~before
    else:
        corners, changed, wrong = inner, after & ~before, before & ~after
    assert not wrong.any()
    y, x = np.nonzero(changed)
    away = np.hypot(x[:, None] + 0.5 - corners[:, 0], y[:, None] + 0.5 - corners[:, 1])
    assert away.min(axis=1).max() <= radius + 1.5
    # A right corner rounded at a radius loses (1 - pi / 4) of its square; the raster is half a pixel fine.
    whole = (1 - np.pi / 4) * radius**2
    cover_before, cover_after = (np.clip(distance + 0.5, 0, 1) for distance in distances)
    for x, y in corners:
        around = np.s_[int(y) - 9 : int(y) + 9, int(x) - 9 : int(x) + 9]
        moved = np.abs(cover_after[around] - cover_before[around]).sum()
        assert 0.6 * whole - 0.5 < moved < 2 * whole + 2.5


def change(made: Specification, genuine: Specification, typefaces: Typefaces) -> float:
    """How far edges lie from where they were, over all pixels within 24 pixels of one."""
    ours, theirs = (np.clip(edge_distance(one, typefaces), -24, 24) for one in (made, genuine))
    return float(np.abs(ours - theirs).sum())


@pytest.mark.parametrize("direction", [-1, 1])
@pytest.mark.parametrize("name", [name for name in ALTERATIONS if name != "depth"])
@pytest.mark.parametrize("part", [PARTS["leather_tag"], PARTS["round_label"]], ids=lambda part: part.name)
def test_an_alteration_alters_more_from_grade_to_grade(
    part: Any, name: str, direction: int, typefaces: Typefaces
) -> None:
    if direction < 0 and name in ("serifs", "corners", "joints"):
        pytest.skip("blunt tools go one way")
    genuine = part.series[0].specification
    hand = Counterfeiter("one", {name: direction})
    changes = [
        change(hand.falsify(genuine, grade, np.random.default_rng(0)), genuine, typefaces) for grade in reversed(GRADES)
    ]
    assert changes == sorted(changes)
    assert changes[0] > 20
    assert changes[-1] > 1.3 * changes[0]


def test_a_lookalike_alters_more_from_grade_to_grade(typefaces: Typefaces) -> None:
    genuine = PARTS["leather_tag"].series[0].specification
    hand = Counterfeiter("one", {}, "Marcellus")
    grades: list[Grade] = ["hardly visible", "fine", "clear", "plain"]
    changes = [change(hand.falsify(genuine, grade, np.random.default_rng(0)), genuine, typefaces) for grade in grades]
    assert 20 < changes[0] < changes[1] < changes[2] < changes[3]


def test_the_other_lines_are_untouched_by_what_alters_the_name(typefaces: Typefaces) -> None:
    genuine = PARTS["leather_tag"].series[0].specification
    below = genuine.height // 2 + 44
    before = edge_distance(genuine, typefaces)[below:] > 0
    for name in ("size", "baseline", "roundness", "slant", "serifs", "corners", "joints", "sign size", "sign gap"):
        made = ALTERATIONS[name].apply(genuine, 1, "plain", np.random.default_rng(0))
        assert np.array_equal(edge_distance(made, typefaces)[below:] > 0, before), name


def test_a_stroke_too_thin_for_a_radius_keeps_its_middle(typefaces: Typefaces) -> None:
    """Rounding at a radius of half a stroke or more leaves round ends, not nothing."""
    house = Line("I", "Jost", 60, 0, 0)
    before, after = (edge_distance(specified(house, corner_cut=by), typefaces) > 0 for by in (0.0, 12.0))
    (_, whole, pixels), (_, left, kept) = (pieces(ink[: HEIGHT // 2 + 20])[0] for ink in (before, after))
    assert left == whole
    assert 0.9 * pixels < kept < pixels
