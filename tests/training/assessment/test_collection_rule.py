"""How a comparator's witnesses are weighed: the rule from validation houses, and its figures on others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.assessment.collection_rule import fit_collection_rule
from training.assessment.houses import TOGETHER, Examined, ExaminedHouse, house_metrics, weighed_together
from training.figures.metrics import auc

SPREADS = {"comparator": 2.0, "patches": 0.01}
HOUSES, ENROLLED, EACH = 40, 10, 8


def houses(seed: int, **shift: float) -> Examined:
    """Houses whose genuine items have a known spread, and whose counterfeits lie so many of them away."""
    rng = np.random.default_rng(seed)
    levels = {name: rng.normal(scale=5 * spread, size=HOUSES) for name, spread in SPREADS.items()}

    def house(witness: str, number: int) -> ExaminedHouse:
        level, spread = levels[witness][number], SPREADS[witness]
        away = shift.get(witness, 0.0) * spread
        own, genuine, forged = (rng.normal(level, spread, size) for size in (ENROLLED, EACH, EACH))
        unknown = np.full(EACH, np.nan)
        return ExaminedHouse(f"house {number}", own, forged + away, genuine, ("fine",) * EACH, unknown, unknown)

    return {ENROLLED: {name: [house(name, number) for number in range(HOUSES)] for name in SPREADS}}


def test_spreads_are_those_of_genuine_items_inside_a_house() -> None:
    fitted = fit_collection_rule(houses(0, comparator=3.0, patches=3.0), "a set")
    assert fitted.limits == ()
    assert fitted.rule.spreads == pytest.approx(SPREADS, rel=0.15)
    (one,) = fitted.rule.calibrations
    assert (one.photos, one.calibration.sources) == (ENROLLED, (HOUSES, HOUSES))
    assert "a set, 10 genuine items enrolled; a source is a house" in one.calibration.population


def test_both_witnesses_together_tell_more_than_either() -> None:
    rule = fit_collection_rule(houses(0, comparator=1.5, patches=1.5), "a set").rule
    metrics = house_metrics(houses(1, comparator=1.5, patches=1.5), rule)
    found = {name: metrics[f"AUC, {name}, 10 enrolled"].value for name in (*SPREADS, TOGETHER)}
    assert found[TOGETHER] > max(found[name] for name in SPREADS) + 0.02
    assert metrics["Cllr, 10 enrolled"].value < 0.7
    assert metrics["genuine items beyond all 10 enrolled"].value == pytest.approx(1 / 11, abs=0.04)
    assert f"pointing, {TOGETHER}, 10 enrolled" not in metrics


def test_photos_are_scored_one_by_one_beside_the_enrolled_ones_of_their_house() -> None:
    examined = houses(2, comparator=2.0)
    rule = fit_collection_rule(examined, "a set").rule
    by_witness = examined[ENROLLED]
    for number, one in enumerate(weighed_together(by_witness, rule)):
        own = {name: by_witness[name][number] for name in SPREADS}
        genuine = {name: house.enrolled.tolist() for name, house in own.items()}
        scores = {
            side: [
                rule.score({name: getattr(house, side)[photo] for name, house in own.items()}, genuine)
                for photo in range(EACH)
            ]
            for side in ("forged", "genuine")
        }
        assert one.forged == pytest.approx(scores["forged"])
        assert one.auc == pytest.approx(auc(np.array(scores["forged"]), np.array(scores["genuine"])))


@pytest.mark.parametrize(
    ("kept", "shift", "message"),
    [
        (10, {"comparator": 3.0}, "it needs 20 a side"),
        (40, {"comparator": -3.0, "patches": -3.0}, "do not separate"),
    ],
)
def test_without_a_calibration_the_card_says_why(kept: int, shift: Any, message: str) -> None:
    few: Examined = {ENROLLED: {name: found[:kept] for name, found in houses(3, **shift)[ENROLLED].items()}}
    fitted = fit_collection_rule(few, "a set")
    assert fitted.rule.calibrations == ()
    assert fitted.limits[0].startswith("Beside 10 genuine items: No likelihood ratio is given")
    assert message in fitted.limits[0]
    assert "Cllr, 10 enrolled" not in house_metrics(few, fitted.rule)


def test_a_single_house_has_the_auc_of_its_items_with_an_interval_by_item() -> None:
    examined = houses(4, comparator=0.8)
    one = examined[ENROLLED]["comparator"][0]
    found = house_metrics({ENROLLED: {"comparator": [one]}}, None)["AUC, comparator, 10 enrolled"]
    assert found.value == pytest.approx(auc(one.forged, one.genuine))
    assert found.low < found.value <= found.high
    assert f"bootstrap over {2 * EACH} sources" in found.over
