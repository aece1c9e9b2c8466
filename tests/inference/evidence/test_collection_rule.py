"""How the deviations that two witnesses find become one score, and which calibration weighs it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inference.evidence.calibration import Calibration
from inference.evidence.collection_rule import CollectionRule, EnrolledCalibration

GENUINE = {"shape": [1.0, 2.0, 4.0, 1.5], "surface": [0.1, 0.1, 0.2, 0.4]}


def test_the_score_is_the_sum_of_z_scores_whose_spread_leans_on_that_of_many_houses() -> None:
    rule = CollectionRule({"shape": 0.5, "surface": 0.2}, counts_as=3)
    expected = 0.0
    for name, questioned, usual in (("shape", 5.0, 0.5), ("surface", 0.0, 0.2)):
        own = GENUINE[name]
        mean = sum(own) / 4
        # Three photos of the usual spread, and four own ones of which the mean took one degree of freedom.
        variance = (3 * usual**2 + sum((one - mean) ** 2 for one in own)) / (3 + 3)
        expected += (questioned - mean) / variance**0.5
    assert rule.score({"shape": 5.0, "surface": 0.0}, GENUINE) == pytest.approx(expected)
    mean = {name: float(np.mean(own)) for name, own in GENUINE.items()}
    assert rule.score(mean, GENUINE) == pytest.approx(0)


def test_an_enrolled_photo_is_held_against_the_others_of_its_witness() -> None:
    rule = CollectionRule({"shape": 0.5, "surface": 0.2}, counts_as=3)
    found = rule.left_out(GENUINE)
    for name, own in GENUINE.items():
        for photo, deviation in enumerate(own):
            others = [one for other, one in enumerate(own) if other != photo]
            assert found[name][photo] == pytest.approx(rule.standardised(name, deviation, others))


@pytest.mark.parametrize(("patches", "heard"), [(-2.0, 0.0), (0.9, 0.0), (1.0, 0.0), (1.5, 0.5), (9.0, 8.0)])
def test_patches_are_heard_from_one_standard_deviation_on(patches: float, heard: float) -> None:
    rule = CollectionRule({"comparator": 1.0, "patches": 1.0}, 1e6)
    genuine = {"comparator": [0.0, 0.0], "patches": [0.0, 0.0]}
    found = rule.score({"comparator": -3.0, "patches": patches}, genuine)
    assert found == pytest.approx(-3.0 + heard, abs=1e-4)


def test_each_photo_is_scored_beside_all_the_others() -> None:
    rule = CollectionRule({"shape": 0.5, "surface": 0.2}, counts_as=3)
    asked = {"shape": 9.0, "surface": 0.3}
    questioned, enrolled = rule.among(asked, GENUINE)
    assert questioned == pytest.approx(rule.score(asked, GENUINE))
    assert len(enrolled) == 4
    others = {"shape": [1.0, 4.0, 1.5, 9.0], "surface": [0.1, 0.2, 0.4, 0.3]}
    assert enrolled[1] == pytest.approx(rule.score({"shape": 2.0, "surface": 0.1}, others))


def test_a_new_genuine_item_is_beyond_all_as_often_as_promised() -> None:
    rng, rule, beyond = np.random.default_rng(0), CollectionRule({"shape": 1.0, "surface": 0.5}, counts_as=5), 0
    for _ in range(4000):
        own = rng.normal(rng.normal(size=2), rng.uniform(0.5, 2), size=(6, 2))
        enrolled = {"shape": own[:5, 0].tolist(), "surface": own[:5, 1].tolist()}
        questioned, others = rule.among({"shape": float(own[5, 0]), "surface": float(own[5, 1])}, enrolled)
        beyond += questioned > max(others)
    assert beyond / 4000 == pytest.approx(1 / 6, abs=0.02)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    line, sides = (0.0, 1.0, -1.0, 1.0), ("deviates", "does not")
    return Calibration(sides, ("it does", "it does not"), *line, (line,), (1, -1), 0.05, (20, 20), "houses", ((), ()))


@pytest.mark.parametrize(("photos", "chosen"), [(4, None), (5, 5), (9, 5), (10, 10), (99, 10)])
def test_the_calibration_is_that_for_as_many_photos_or_fewer(
    calibration: Calibration, photos: int, chosen: int | None
) -> None:
    listed = tuple(EnrolledCalibration(count, replace(calibration, population=str(count))) for count in (5, 10))
    found = CollectionRule({"shape": 1.0}, 5, listed).calibration_of(photos)
    assert (found.population if found else None) == (str(chosen) if chosen else None)


REFUSED = {
    "no witness": ({}, 5, ()),
    "no spread": ({"shape": 0.0}, 5, ()),
    "counting as none": ({"shape": 1.0}, 0, ()),
    "out of order": ({"shape": 1.0}, 5, (10, 5)),
    "twice": ({"shape": 1.0}, 5, (5, 5)),
    "one photo": ({"shape": 1.0}, 5, (1,)),
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_a_rule_that_cannot_be_is_refused(calibration: Calibration, fields: Any) -> None:
    spreads, counts_as, numbers = fields
    with pytest.raises(ValueError, match=r"names its|is above|more than 0|each once|photos"):
        CollectionRule(spreads, counts_as, tuple(EnrolledCalibration(count, calibration) for count in numbers))
