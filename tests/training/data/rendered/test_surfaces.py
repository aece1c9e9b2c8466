"""Surfaces: what a part is before light falls on it, and what of it a counterfeiter alters."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from training.data.rendered.build import altered_area
from training.data.rendered.house import PARTS
from training.data.rendered.making import make_surface
from training.data.rendered.specification import PART_WIDTH, Part, Series, Specification
from training.data.rendered.surfaces import Surface, ramp, rounded_rectangle, smooth_noise
from training.data.rendered.typefaces import Typefaces

EVERY_PART = pytest.mark.parametrize("part", PARTS.values(), ids=list(PARTS))
SERIES = [(part, series) for part in PARTS.values() for series in part.series]
IDS = [f"{part.name}, {series.name}" for part, series in SERIES]


def made(part: Part, specification: Specification, typefaces: Typefaces, seed: int = 5) -> Surface:
    return make_surface(part.name, specification, typefaces, np.random.default_rng(seed))


@EVERY_PART
def test_a_surface_is_as_large_as_specified_and_in_range(part: Part, typefaces: Typefaces) -> None:
    specification = part.series[0].specification
    surface = made(part, specification, typefaces)
    shape = (specification.height, PART_WIDTH)
    for field in fields(Surface):
        raster = getattr(surface, field.name)
        assert raster.dtype == np.float32, field.name
        assert raster.shape == ((*shape, 3) if field.name == "colour" else shape), field.name
        assert np.isfinite(raster).all(), field.name
        if field.name != "height":
            assert raster.min() >= 0, field.name
            assert raster.max() <= (2 if field.name == "colour" else 1), field.name
    assert surface.cover[0].max() == surface.cover[:, 0].max() == 0
    assert surface.cover.max() == 1


def test_a_buckle_is_open_and_a_disc_is_round(typefaces: Typefaces) -> None:
    buckle, label = (
        made(PARTS[name], PARTS[name].series[0].specification, typefaces).cover
        for name in ("metal_buckle", "round_label")
    )
    height, width = buckle.shape
    assert buckle[height // 2 - 60, width // 2] == 0  # the opening
    assert buckle[height // 2, width // 2] == buckle[30, width // 2] == 1  # the prong and the bar
    y, x = (np.arange(side) - (side - 1) / 2 for side in label.shape)
    radius = np.hypot(x, y[:, None])
    assert (label[radius < 352] == 1).all()
    assert (label[radius > 356] == 0).all()


@EVERY_PART
def test_one_seed_makes_one_item(part: Part, typefaces: Typefaces) -> None:
    specification = part.series[0].specification
    first, again, other = (made(part, specification, typefaces, seed) for seed in (5, 5, 6))
    for field in fields(Surface):
        assert np.array_equal(getattr(first, field.name), getattr(again, field.name)), field.name
    assert not np.array_equal(first.height, other.height)


@EVERY_PART
def test_chance_does_not_depend_on_the_specification(part: Part, typefaces: Typefaces) -> None:
    """As much is drawn for a counterfeit as for its twin: what comes after is the same for both."""
    genuine = part.series[0].specification
    states = []
    for specification in (genuine, replace(genuine, depth=1.0, weight=3.0, roundness=0.8, slant=9.0, sign_gap=20)):
        rng = np.random.default_rng(5)
        make_surface(part.name, specification, typefaces, rng)
        states.append(rng.bit_generator.state)
    assert states[0] == states[1]


@pytest.mark.parametrize(("part", "series"), SERIES, ids=IDS)
def test_every_counterfeit_is_altered_somewhere_even_when_hardly_visible(
    part: Part, series: Series, typefaces: Typefaces
) -> None:
    genuine = made(part, series.specification, typefaces)
    assert not altered_area(genuine, genuine).any()
    for hand in series.counterfeiters:
        falsified = hand.falsify(series.specification, "hardly visible", np.random.default_rng(2))
        where = altered_area(made(part, falsified, typefaces), genuine)
        assert set(np.unique(where)) == {0, 1}, hand.name
        assert 100 < where.sum() < 0.2 * where.size, hand.name


@EVERY_PART
def test_shallower_lettering_is_altered_more_from_grade_to_grade(part: Part, typefaces: Typefaces) -> None:
    specification = part.series[0].specification
    genuine = made(part, specification, typefaces).height
    hand = replace(part.series[0].counterfeiters[0], strays={"depth": 1}, lookalike="")
    grades: tuple[Any, ...] = ("hardly visible", "fine", "clear", "plain")
    changes = [
        np.abs(made(part, hand.falsify(specification, grade, np.random.default_rng(0)), typefaces).height - genuine)
        for grade in grades
    ]
    totals = [float(change.sum()) for change in changes]
    # Altogether as the scale has it: it is the same lettering, pressed less deep.
    assert [total / totals[-1] for total in totals] == pytest.approx([0.25, 0.4, 0.6, 1.0], rel=0.01)
    assert changes[-1].max() == pytest.approx(0.85 * specification.depth, rel=0.05)


def flat(value: float = 0.0) -> Surface:
    plane = np.full((60, 80), value, np.float32)
    return Surface(plane, np.stack([plane] * 3, 2), plane, plane, plane)


@pytest.mark.parametrize(("field", "least"), [("height", 0.12), ("colour", 0.03), ("metal", 0.1)])
def test_the_altered_area_is_where_a_surface_differs(field: str, least: float) -> None:
    plain = flat()
    for change, seen in ((1.2 * least, 1.0), (0.8 * least, 0.0)):
        raster = getattr(plain, field).copy()
        raster[20:30, 40:60, ...][..., 0] += change
        where = altered_area(replace(plain, **{field: raster}), plain)
        expected = np.zeros((60, 80), np.float32)
        expected[20:30, 40 : 60 if field == "colour" else 41] = seen
        assert np.array_equal(where, expected)


def test_what_a_moved_edge_leaves_between_is_altered_too() -> None:
    plain = flat()
    raster = plain.height.copy()
    raster[10:50, 30:33] = raster[10:50, 38:41] = raster[10:50, 70:73] = 1
    where = altered_area(replace(plain, height=raster), plain)
    assert where[30, 30:41].all()
    assert not where[30, 42:69].any()


def test_a_rounded_rectangle_is_the_distance_to_its_edge() -> None:
    """Against a walk along the edge."""
    half_height, half_width, corner = 20.0, 33.0, 9.0
    distance = rounded_rectangle((60, 90), half_height, half_width, corner)
    turn = np.linspace(0, 2 * np.pi, 4001)
    x = np.sign(np.cos(turn)) * (half_width - corner) + corner * np.cos(turn)
    y = np.sign(np.sin(turn)) * (half_height - corner) + corner * np.sin(turn)
    straight = np.linspace(-1, 1, 2001)
    edge = np.concatenate(
        [
            np.stack([x, y], 1),
            *(np.stack([straight * (half_width - corner), np.full(2001, s * half_height)], 1) for s in (-1, 1)),
            *(np.stack([np.full(2001, s * half_width), straight * (half_height - corner)], 1) for s in (-1, 1)),
        ]
    )
    for row in range(0, 60, 5):
        for column in range(0, 90, 7):
            at = np.array([column - 44.5, row - 29.5])
            nearest = np.hypot(*(edge - at).T).min()
            assert abs(distance[row, column]) == pytest.approx(nearest, abs=0.05)
    assert distance[30, 45] > 0 > distance[0, 0]


def test_a_ramp_climbs_smoothly_over_its_width() -> None:
    climb = ramp(np.linspace(-5, 5, 101, dtype=np.float32), 2.0)
    assert climb[30] == climb[0] == 0
    assert climb[70] == climb[-1] == 1
    assert climb[50] == pytest.approx(0.5)
    assert (np.diff(climb) >= 0).all()
    assert np.diff(climb).max() < 0.04


@pytest.mark.parametrize("cell", [2.5, 12.0, 60.0])
def test_noise_has_about_unit_variance_and_features_of_its_size(cell: float) -> None:
    rng = np.random.default_rng(0)
    noise = np.stack([smooth_noise((240, 360), cell, rng) for _ in range(20)])
    assert noise.dtype == np.float32
    assert 0.5 < noise.std() < 1.2
    near, far = (np.mean(noise[:, :, : -int(k * cell)] * noise[:, :, int(k * cell) :]) for k in (0.5, 3))
    assert near > 0.3 * noise.var()
    assert abs(far) < 0.25 * noise.var()
