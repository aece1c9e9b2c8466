"""Specifications: what a counterfeiter alters, by how much, and what everybody's tolerances are."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from training.data.rendered.house import PARTS
from training.data.rendered.specification import (
    ALTERATIONS,
    DEPTH_TOLERANCE,
    EXAMINED_WIDTH,
    GRADES,
    HOUSE,
    LINE_TOLERANCES,
    PART_WIDTH,
    SUBSTITUTED_LETTERS,
    TOLERANCES,
    Counterfeiter,
    Series,
    Specification,
    within_tolerances,
)

SERIES = [series for part in PARTS.values() for series in part.series]
IDS = [f"{part.name}, {series.name}" for part in PARTS.values() for series in part.series]
GENUINE = SERIES[0].specification
REACHES = {
    "letterform": {"substitute", "substituted"},
    "tracking": {"house.tracking"},
    "weight": {"weight"},
    "size": {"house.size"},
    "baseline": {"lifted"},
    "roundness": {"roundness"},
    "slant": {"slant"},
    "tilt": {"house.tilt"},
    "serifs": {"serif_cut"},
    "corners": {"corner_cut"},
    "joints": {"joint_fill"},
    "depth": {"depth"},
    "sign size": {"sign_radius"},
    "sign gap": {"sign_gap"},
    "sign drop": {"sign_drop"},
    "second shift": {"second.shift"},
    "second size": {"second.size"},
    "second tilt": {"second.tilt"},
}


def values(made: Specification) -> dict[str, Any]:
    """Every value of a specification, those of its lines by name.field."""
    flat = {field.name: getattr(made, field.name) for field in fields(made)}
    for name in ("house", "second"):
        line = flat.pop(name)
        flat |= {f"{name}.{field.name}": getattr(line, field.name) for field in fields(line)}
    return flat


def altered(made: Specification, genuine: Specification) -> set[str]:
    ours, theirs = values(made), values(genuine)
    return {name for name in ours if ours[name] != theirs[name]}


@pytest.mark.parametrize("grade", GRADES)
@pytest.mark.parametrize("series", SERIES, ids=IDS)
def test_a_counterfeiter_changes_what_it_names_and_nothing_else(series: Series, grade: Any) -> None:
    for hand in series.counterfeiters:
        falsified = hand.falsify(series.specification, grade, np.random.default_rng(0))
        expected = set().union(*(REACHES[name] for name in hand.alterations))
        assert altered(falsified, series.specification) == expected, hand.name


@pytest.mark.parametrize("grade", GRADES)
def test_what_nobody_falsifies_is_unchanged(grade: Any) -> None:
    assert Counterfeiter("nobody", {}).falsify(GENUINE, grade, np.random.default_rng(0)) == GENUINE


@pytest.mark.parametrize("direction", [-1, 1])
@pytest.mark.parametrize(
    ("name", "field", "plain"),
    [
        ("weight", "weight", 3.0),
        ("size", "house.size", 5.0),
        ("slant", "slant", 6.0),
        ("tilt", "house.tilt", 6.0),
        ("serifs", "serif_cut", 4.5),
        ("corners", "corner_cut", 4.5),
        ("joints", "joint_fill", 4.0),
        ("sign size", "sign_radius", 4.0),
        ("sign gap", "sign_gap", 9.0),
        ("sign drop", "sign_drop", 9.0),
        ("second shift", "second.shift", 14.0),
        ("second size", "second.size", 4.0),
        ("second tilt", "second.tilt", 6.0),
    ],
)
def test_an_alteration_is_as_large_as_the_scale_says(name: str, field: str, plain: float, direction: int) -> None:
    """The scale is frozen: sets that were rendered with it would otherwise mean something else."""
    for grade, share in {"plain": 1.0, "clear": 0.6, "fine": 0.4, "hardly visible": 0.25}.items():
        made = ALTERATIONS[name].apply(GENUINE, direction, grade, np.random.default_rng(0))  # type: ignore[arg-type]
        examined = (values(made)[field] - values(GENUINE)[field]) * EXAMINED_WIDTH / PART_WIDTH
        assert examined == pytest.approx(direction * plain * share)


def test_alterations_that_are_not_a_plain_sum_are_as_large_as_the_scale_says() -> None:
    def plain(name: str) -> Specification:
        return ALTERATIONS[name].apply(GENUINE, 1, "plain", np.random.default_rng(0))

    pixel = PART_WIDTH / EXAMINED_WIDTH
    house = GENUINE.house
    spread = (plain("tracking").house.tracking - house.tracking) * house.size * (len(HOUSE) - 1)
    assert spread == pytest.approx(10 * pixel)
    assert (plain("roundness").roundness - GENUINE.roundness) * house.size == pytest.approx(8 * pixel)
    assert plain("depth").depth == pytest.approx(0.15 * GENUINE.depth)
    lifted = sorted(plain("baseline").lifted)
    assert lifted == pytest.approx([-4.5 * pixel, *[0] * (len(HOUSE) - 2), 4.5 * pixel])


@pytest.mark.parametrize("grade", GRADES)
def test_a_lookalike_gives_as_many_letters_as_the_scale_says(grade: Any) -> None:
    hand = Counterfeiter("A1", {}, "Marcellus")
    drawn = [hand.falsify(GENUINE, grade, np.random.default_rng(seed)).substituted for seed in range(60)]
    assert {len(set(places)) for places in drawn} == {SUBSTITUTED_LETTERS[grade]}
    assert set().union(*drawn) == set(range(len(HOUSE)))


def test_grades_fall() -> None:
    for scale in (list(GRADES.values()), list(SUBSTITUTED_LETTERS.values())):
        assert scale == sorted(set(scale), reverse=True)
    assert list(SUBSTITUTED_LETTERS) == list(GRADES)


def test_tolerances_have_their_spread_around_the_specification() -> None:
    rng = np.random.default_rng(0)
    drawn = [values(within_tolerances(GENUINE, rng)) for _ in range(4000)]
    spreads = TOLERANCES | {f"{line}.{f}": sd for line in ("house", "second") for f, sd in LINE_TOLERANCES.items()}
    spreads["depth"] = DEPTH_TOLERANCE * GENUINE.depth
    assert altered(within_tolerances(GENUINE, rng), GENUINE) == set(spreads)
    for name, spread in spreads.items():
        errors = np.array([one[name] for one in drawn]) - values(GENUINE)[name]
        assert errors.std() == pytest.approx(spread, rel=0.05), name
        assert abs(errors.mean()) < 0.06 * spread, name


def test_tolerances_are_drawn_alike_whatever_the_specification() -> None:
    other = replace(GENUINE, weight=2.0, depth=2 * GENUINE.depth, house=replace(GENUINE.house, size=70.0, tilt=9.0))
    ours, theirs = (values(within_tolerances(made, np.random.default_rng(1))) for made in (GENUINE, other))
    for name in [*TOLERANCES, *(f"{line}.{field}" for line in ("house", "second") for field in LINE_TOLERANCES)]:
        assert ours[name] - values(GENUINE)[name] == pytest.approx(theirs[name] - values(other)[name]), name
    assert theirs["depth"] == pytest.approx(2 * ours["depth"])


@pytest.mark.parametrize("part", PARTS.values(), ids=list(PARTS))
def test_every_part_is_counterfeited_by_known_and_unseen_hands(part: Any) -> None:
    assert sum(series.genuine + series.counterfeit for series in part.series) == pytest.approx(1)
    for series in part.series:
        names = [hand.name for hand in series.counterfeiters]
        assert len(set(names)) == len(names)
        assert {hand.unseen for hand in series.counterfeiters} == {False, True}
        assert len({(hand.alterations, hand.lookalike) for hand in series.counterfeiters}) == len(names)
