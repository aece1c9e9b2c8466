"""Calibration: the fit, its bounds, what counts as a source, what is promised and what is refused."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.optimize import minimize  # type: ignore[import-untyped]

from inference.evidence.calibration import Calibration
from inference.evidence.figures import cllr, cllr_min
from inference.evidence.fitting import CalibrationRefused, calibrate, conformal_threshold
from inference.evidence.logistic import elub, platt
from inference.evidence.trials import Side, Trial, trial
from inference.models.card import Metric
from inference.models.catalogue import read_card
from inference.models.format_2 import with_keys
from training.figures.calibration_result import CalibrationResult, of_several, weigh, weigh_items
from training.figures.evidence import CHALLENGED_FROM, challenger_metrics, evidence_metrics, risks
from training.figures.evidence_plots import draw_evidence

Scores = np.ndarray

ORACLE = json.loads((Path(__file__).parent / "lir_oracle.json").read_text())
SIDES = ("genuine", "counterfeit")
PROPOSITIONS = ("it is real", "it is fake")


def samples(seed: int, sources: int = 30, photos: int = 1, distance: float = 3.0) -> Trial:
    """Normal scores: sources differ, and photos of a source by a fifth of that."""
    rng = np.random.default_rng(seed)
    sides = []
    for name, sign in zip(SIDES, (1, -1), strict=True):
        means = sign * distance / 2 + rng.normal(0, 1, sources)
        scores = means.repeat(photos) + rng.normal(0, 0.2, sources * photos)
        sides.append(Side(scores, np.array([f"{name} {k}" for k in range(sources)]).repeat(photos)))
    return Trial(*sides)


def fitted(validation: Trial) -> Calibration:
    return calibrate(validation, sides=SIDES, propositions=PROPOSITIONS, population="parts")


def copied(side: Side, times: int) -> Side:
    return Side(side.scores.repeat(times), side.sources.repeat(times))


def numbers(calibration: Calibration) -> list[float]:
    line = calibration.intercept, calibration.slope, calibration.least, calibration.greatest
    return [*line, *calibration.accepts, *np.ravel(calibration.replicates).tolist()]


def bound_naively(first: Scores, second: Scores, w_first: Scores, w_second: Scores) -> tuple[float, float]:
    """The bounds by trying thresholds from 1 outwards, in steps of a thousandth of log10 LR."""

    def is_worse(log10_t: float) -> bool:
        t = 10**log10_t
        missed = (sum(w for x, w in zip(first, w_first, strict=True) if x <= log10_t) + 1) / (w_first.sum() + 1)
        false = (sum(w for x, w in zip(second, w_second, strict=True) if x > log10_t) + 1) / (w_second.sum() + 1)
        return bool(missed + t * false > min(1, t) + 1e-12)

    found = []
    for sign in (-1, 1):
        steps = 0
        while not is_worse(sign * (steps + 0.5) / 1000):
            steps += 1
        found.append(sign * steps / 1000)
    return found[0], found[1]


@pytest.mark.parametrize("row", ORACLE, ids=lambda row: f"{len(row['first'])} and {len(row['second'])}")
def test_bounds_and_costs_are_those_of_lir(row: dict) -> None:
    first, second = np.array(row["first"]), np.array(row["second"])
    found = elub(first, second, np.ones(len(first)), np.ones(len(second)))
    # lir tries thresholds a hundredth apart and takes the inner one.
    assert found == pytest.approx((row["least"], row["greatest"]), abs=0.0101)
    assert cllr(first, second) == pytest.approx(row["cllr"])
    assert cllr_min(first, second) == pytest.approx(row["cllr_min"])


@pytest.mark.parametrize("seed", range(5))
def test_weighted_bounds_are_those_of_a_search(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(0.8, 0.8, 25), rng.normal(-0.8, 0.8, 30)
    weights = rng.integers(0, 3, 25) / 2, rng.integers(0, 3, 30) / 2
    assert elub(first, second, *weights) == pytest.approx(bound_naively(first, second, *weights), abs=0.0011)


@pytest.mark.parametrize("count", [10, 25, 100, 1000])
def test_sides_that_are_apart_are_bounded_by_their_number(count: int) -> None:
    first, second = np.linspace(5, 6, count), np.linspace(-6, -5, count)
    assert elub(first, second, np.ones(count), np.ones(count)) == pytest.approx((-math.log10(count), math.log10(count)))


def test_scores_the_wrong_way_round_leave_no_evidence() -> None:
    first, second, one = np.linspace(-2, -1, 30), np.linspace(1, 2, 30), np.ones(30)
    assert elub(first, second, one, one) == (0, 0)


@pytest.mark.parametrize("scale", [0.01, 1, 100])
@pytest.mark.parametrize("distance", [0.5, 3, 20], ids=["mixed", "usual", "apart"])
def test_the_line_is_the_least_of_platts_cost(distance: float, scale: float) -> None:
    drawn = samples(0, 25, distance=distance)
    first, second = drawn.first.scores * scale, drawn.second.scores * scale
    weights = np.linspace(0.5, 1.5, 25)
    intercept, slope = platt(first, second, weights, weights)

    def cost(line: Scores) -> float:
        total = 0.0
        for scores, target in ((first, 26 / 27), (second, 1 / 27)):
            logit = line[0] + line[1] * scores / scale
            total += float(weights @ (np.logaddexp(0, logit) - target * logit)) / 25
        return total

    best = minimize(cost, [0.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-14, "maxiter": 4000}).x
    assert (intercept, slope * scale) == pytest.approx(tuple(best / math.log(10)), rel=1e-4, abs=1e-4)


def test_a_far_score_does_not_upset_the_fit() -> None:
    first, second = np.append(np.linspace(1, 2, 40), 900.0), np.append(np.linspace(-2, -1, 40), -900.0)
    intercept, slope = platt(first, second, np.ones(41), np.ones(41))
    assert abs(intercept) < 1e-6
    assert 0 < slope < 10


@pytest.mark.parametrize("times", [2, 5])
def test_copies_of_a_sources_photos_change_nothing(times: int) -> None:
    drawn = samples(1, 24)
    again = Trial(copied(drawn.first, times), copied(drawn.second, times))
    assert numbers(fitted(again)) == pytest.approx(numbers(fitted(drawn)), abs=1e-6)


def test_copies_of_one_sources_photos_change_nothing_either() -> None:
    drawn = samples(1, 24, photos=2)
    one = drawn.first.sources == drawn.first.names[3]
    order = [*range(48), *np.flatnonzero(one).tolist(), *np.flatnonzero(one).tolist()]
    again = Trial(Side(drawn.first.scores[order], drawn.first.sources[order]), drawn.second)
    assert numbers(fitted(again)) == pytest.approx(numbers(fitted(drawn)), abs=1e-6)


def test_a_bootstrap_draws_whole_sources() -> None:
    """Four photos each of 24 items tell less than one each of 96."""
    drawn = samples(2, 24, photos=4)
    apart = Trial(
        *(Side(side.scores, np.array([str(k) for k in range(96)])) for side in (drawn.first, drawn.second)),
    )
    widths = []
    for one in (drawn, apart):
        intercepts, slopes, _, _ = np.array(fitted(one).replicates).T
        widths.append(float((-intercepts / slopes).std()))  # of where the LR is 1
    assert widths[0] > 1.5 * widths[1]
    assert len(fitted(drawn).replicates) == 200
    assert fitted(drawn) == fitted(drawn)


def of(side: Side, chosen: slice) -> Side:
    return side.of(np.isin(side.sources, side.names[chosen]))


def test_bounds_hold_for_the_worst_group_that_is_well_represented() -> None:
    """Of 360 sources a side, 120 are as weak as the other side's strong ones; 50 weaker ones are too few to count."""
    mixture = samples(3, sources=360, distance=8.0)
    first, second = mixture.first, mixture.second
    scores = first.scores.copy()
    scores[np.isin(first.sources, first.names[:120])] -= 3.0
    scores[np.isin(first.sources, first.names[120:170])] -= 5.0
    first = Side(scores, first.sources)
    whole = Trial(first, second)
    groups = {"hard": of(first, slice(120)), "few": of(first, slice(120, 170)), "easy": of(first, slice(170, None))}
    found = calibrate(
        whole, sides=SIDES, propositions=PROPOSITIONS, population="parts", groups=(groups, {"all": second})
    )
    mixed = fitted(whole)
    assert (found.intercept, found.slope) == (mixed.intercept, mixed.slope)

    def least(side: Side) -> float:
        lrs = (found.intercept + found.slope * one.scores for one in (side, second))
        return elub(*lrs, side.weights, second.weights)[0]

    assert found.least == least(groups["hard"]) > mixed.least
    assert least(groups["few"]) > found.least
    assert found.greatest == mixed.greatest
    assert found.population == "parts; lower bound of hard samples"
    assert mixed.population == "parts"


def test_a_calibration_keeps_the_order_of_scores_inside_its_bounds() -> None:
    calibration = fitted(samples(3))
    lrs = calibration.log10_lrs(np.linspace(-40, 40, 201))
    assert all(low <= high for low, high in pairwise(lrs.tolist()))
    assert (lrs[0], lrs[-1]) == (calibration.least, calibration.greatest)
    assert -math.log10(31) < calibration.least < 0 < calibration.greatest < math.log10(31)


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (samples(0, 19, photos=9), "19 genuine and 19 counterfeit sources stand behind the calibration"),
        (samples(0, 30, distance=-3), "the scores do not separate genuine from counterfeit samples."),
        (dataclasses.replace(samples(0), second=samples(0, 3).second), "30 genuine and 3 counterfeit sources"),
    ],
    ids=["too few, however many photos", "the wrong way round", "one side too few"],
)
def test_what_no_likelihood_ratio_can_stand_on_is_said(
    drawn: Trial, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(CalibrationRefused, match=words):
        fitted(drawn)
    with caplog.at_level(logging.WARNING):
        calibration_result = weighed(drawn)
    assert (calibration_result.calibration, calibration_result.metrics) == (None, {})
    assert words in calibration_result.limit
    assert words in caplog.text


def weighed(validation: Trial) -> CalibrationResult:
    test, empty = samples(9), samples(8).second.of(np.zeros(30, bool))
    groups = {"clear": test, "absent": Trial(test.first, empty)}
    return weigh(validation, test, groups, sides=SIDES, propositions=PROPOSITIONS, population="parts")


def test_twenty_sources_a_side_are_enough() -> None:
    assert fitted(samples(0, 20)).sources == (20, 20)


@pytest.mark.parametrize(
    ("count", "expected"), [(19, 0), (20, 0), (38, 0), (39, 1), (58, 1), (59, 2), (99, 4)], ids=lambda value: str(value)
)
def test_the_conformal_threshold_has_the_finite_sample_correction(count: int, expected: int) -> None:
    """The score of rank floor(0.05 (n + 1)), from 1; with 19 the least."""
    scores = np.random.default_rng(count).permutation(count).astype(float)
    assert conformal_threshold(Side(scores, np.array([str(k) for k in range(count)]))) == expected


def test_conformal_sets_cover_new_sources_as_promised() -> None:
    covered = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        # A few sources have many photos, and low scores.
        photos = rng.choice([1, 10], 40, p=[0.8, 0.2])
        means = rng.normal(0, 1, 41) - np.append(photos > 1, rng.random() < 0.2)
        side = Side(means[:40].repeat(photos), np.array([str(k) for k in range(40)]).repeat(photos))
        covered.append(means[40] >= conformal_threshold(side))
    assert 0.92 <= np.mean(covered) <= 0.985


def test_a_source_with_many_photos_has_one_vote() -> None:
    scores = np.arange(39.0)
    side = Side(np.append(scores, np.full(60, -5.0)), np.array([*map(str, range(39)), *["0"] * 60]))
    assert conformal_threshold(side) == 1.0


def test_figures_say_what_they_count() -> None:
    calibration, test = fitted(samples(0)), samples(5, 25, photos=2)
    metrics = evidence_metrics(calibration, test, "test photos")
    first, second = (calibration.log10_lrs(side.scores) for side in (test.first, test.second))
    expected = {
        "Cllr": cllr(first, second),
        "Cllr min": cllr_min(test.first.scores, test.second.scores),
        "misleading evidence, genuine": float((first < 0).mean()),
        "misleading evidence, counterfeit": float((second > 0).mean()),
        "strongest misleading log10 LR": max(-min(first), max(second), 0),
        "conformal coverage, genuine": float((test.first.scores >= calibration.accepts[0]).mean()),
        "conformal coverage, counterfeit": float((test.second.scores <= calibration.accepts[1]).mean()),
    }
    for name, value in expected.items():
        assert metrics[name].value == pytest.approx(value), name
    assert metrics["Cllr cal"].value == pytest.approx(expected["Cllr"] - expected["Cllr min"])
    assert set(metrics) - set(expected) == {
        "AUC of the score",
        "Cllr cal",
        "error at 3% abstention",
        "AURC",
        "abstained share",
    }
    for name, metric in metrics.items():
        if name != "strongest misleading log10 LR":
            assert metric.low is not None
            assert metric.high is not None
            assert metric.low - 1e-9 <= metric.value <= metric.high + 1e-9, name


def test_no_misleading_evidence_is_bounded_by_the_number_of_sources() -> None:
    calibration = fitted(samples(0, distance=9))
    metrics = evidence_metrics(calibration, samples(1, 60, photos=3, distance=9), "")
    never = metrics["misleading evidence, genuine"]
    assert (never.value, metrics["strongest misleading log10 LR"].value) == (0, 0)
    assert never.high == pytest.approx(1.96**2 / (60 + 1.96**2), abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_risk_is_counted_over_the_most_confident(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(0.7, 1, 40), rng.normal(-0.7, 1, 60)
    ranked = sorted([(-abs(x), x <= 0) for x in first] + [(-abs(x), x >= 0) for x in second])
    wrong = [bool(one) for _, one in ranked]
    shares = [sum(wrong[:kept]) / kept for kept in range(1, 101)]
    assert risks(first, second) == pytest.approx((shares[96], sum(shares) / 100))


def test_a_calibration_result_keeps_the_held_out_ratios_and_judges_each_subgroup(tiny_models: Path) -> None:
    calibration_result = weighed(samples(0))
    calibration = calibration_result.calibration
    assert calibration is not None
    test = samples(9)
    assert calibration.held_out[0] == tuple(calibration.log10_lrs(test.first.scores).tolist())
    assert calibration.held_out[1] == tuple(calibration.log10_lrs(test.second.scores).tolist())
    assert calibration_result.metrics["Cllr, clear"].value == calibration_result.metrics["Cllr"].value
    assert "Cllr, absent" not in calibration_result.metrics
    before = ("A remark.", "Probabilities are uncalibrated: they order photos, they do not weigh evidence.")
    names = ("scope, far: AUC", "heatmap lift", "authenticity AUC")
    figures = with_keys({name: Metric(0.5, None, None, "before") for name in names})
    card = dataclasses.replace(read_card(tiny_models / "tiny_parts.json"), limits=before, metrics=figures)
    new = with_keys({"authenticity accuracy": Metric(0.9, None, None, "now")})
    stated = calibration_result.stated_in(card, new)
    assert stated.limits == ("A remark.", calibration_result.limit)
    assert stated.calibration is calibration
    assert {*stated.metrics} == {"scope, far: AUC", "heatmap lift", *new, *calibration_result.metrics}
    assert calibration_result.stated_in(stated, new) == stated


def test_challengers_come_with_enough_sources_and_are_no_worse_than_saying_nothing() -> None:
    assert challenger_metrics(samples(0, CHALLENGED_FROM - 1), "") == {}
    metrics = challenger_metrics(samples(0, CHALLENGED_FROM), "validation")
    assert list(metrics) == [f"Cllr cross-validated, {name}" for name in ("logistic", "KDE", "PAV")]
    values = [metric.value for metric in metrics.values()]
    assert max(values) < 0.4
    assert max(values) - min(values) < 0.1


def test_a_trial_sorts_scores_by_truth() -> None:
    mixed = trial(np.array([1.0, -1.0, 2.0]), np.array([True, False, True]), ["a", "b", "a"])
    assert (mixed.first.scores.tolist(), mixed.second.scores.tolist()) == ([1, 2], [-1])
    assert (mixed.first.names.tolist(), mixed.first.weights.tolist()) == (["a"], [0.5, 0.5])


@pytest.mark.parametrize("scores", [[1.0], [1.0, math.nan]], ids=["one too few", "not a number"])
def test_a_side_is_finite_and_has_a_source_for_each_score(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="finite scores"):
        Side(np.array(scores), np.array(["a", "b"]))


def test_three_plots_are_drawn(tmp_path: Path) -> None:
    drawn = samples(4, 20)
    draw_evidence(drawn.first.scores, drawn.second.scores, SIDES, tmp_path)
    for name in ("tippett", "pav", "ece"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.format == "PNG"


def test_means_are_of_photos_that_lie_together_in_a_ring() -> None:
    three, two, one = (("a", [1.0, 2.0, 6.0]), ("b", [4.0, 8.0]), ("c", [5.0]))
    named = [(name, score) for name, scores in (three, two, one) for score in scores]
    side = Side(np.array([score for _, score in named]), np.array([name for name, _ in named]))
    means = of_several(Trial(side, side), 2).first
    naive = {name: sorted((s[i] + s[(i + 1) % len(s)]) / 2 for i in range(len(s))) for name, s in (three,)}
    assert sorted(means.scores[means.sources == "a"]) == pytest.approx(naive["a"])
    assert means.scores[means.sources == "b"] == pytest.approx([6.0])
    assert {*means.sources} == {"a", "b"}
    assert means.weights.sum() == pytest.approx(2)


def test_several_photos_weigh_by_their_mean_as_far_as_there_are_sources_with_so_many() -> None:
    """Photos of a source differ little, so that the mean of three says hardly more than one."""
    validation, test = samples(0, photos=3), samples(1, photos=3)
    calibration_result = weigh(validation, test, {}, sides=SIDES, propositions=PROPOSITIONS, population="parts")
    several = weigh_items(calibration_result, validation, test)
    assert several.calibration == calibration_result.calibration
    assert [one.photos for one in several.of_items] == [2, 3]
    assert several.of_items[1].population == "means of 3 photos of one item; parts"
    assert [len(side) for side in several.of_items[1].held_out] == [30, 30]
    assert several.metrics["several photos: Cllr of 3"].value == pytest.approx(
        several.metrics["several photos: Cllr of 3, read as one"].value, abs=0.05
    )


def test_items_are_not_weighed_where_photos_are_not() -> None:
    few = samples(0, sources=5, photos=3)
    calibration_result = weigh(few, few, {}, sides=SIDES, propositions=PROPOSITIONS, population="parts")
    assert weigh_items(calibration_result, few, few) == calibration_result
