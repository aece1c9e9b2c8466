"""Evidence: words at each edge, bounds and intervals, the rules of the outcome, and curves against naive oracles."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.authenticity.examiner import AuthenticityExaminer
from inference.evidence.calibration import Calibration, as_ratio, outcome
from inference.evidence.figures import cllr, cllr_min, ece, pav, tippett
from inference.evidence.scale import ENFSI_2015, ScaleRefused, VerbalScale
from inference.models.card import WeightsRefused
from inference.models.catalogue import read_card
from inference.models.weights import Model, load_model, save_model
from inference.records import Evidence, Exhibit, as_json
from inference.trademark.examiner import TrademarkExaminer

MakeExhibit = Callable[..., Exhibit]

SIDES = ("genuine", "counterfeit")
H1, H2 = "it is real", "it is fake"
NEUTRAL = "The findings do not support one proposition over the other."


def calibration(**changed: Any) -> Calibration:
    fields: dict[str, Any] = {
        "sides": SIDES,
        "propositions": (H1, H2),
        "intercept": 0.1,
        "slope": 0.5,
        "least": -1.5,
        "greatest": 1.8,
        "replicates": tuple((0.1 + k / 100, 0.5 + k / 200, -1.5, 1.8) for k in range(-10, 11)),
        "accepts": (-1.0, 1.0),
        "error": 0.05,
        "sources": (40, 50),
        "population": "parts",
        "held_out": ((), ()),
    }
    return Calibration(**fields | changed)


def evidence(**changed: Any) -> Evidence:
    fields: dict[str, Any] = {
        "propositions": (H1, H2),
        "score": 2.0,
        "log10_lr": 1.0,
        "low": 0.5,
        "high": 1.5,
        "least": -2.0,
        "greatest": 2.0,
        "words": "",
        "scale": "",
        "sources": (40, 50),
        "population": "parts",
        "accepted": ("genuine",),
    }
    return Evidence(**fields | changed)


@pytest.mark.parametrize(
    ("lr", "word"),
    [
        (1, None),
        (2, None),
        (2.001, "weak"),
        (10, "weak"),
        (10.01, "moderate"),
        (100, "moderate"),
        (100.1, "moderately strong"),
        (1_000, "moderately strong"),
        (1_001, "strong"),
        (10_000, "strong"),
        (10_010, "very strong"),
        (1_000_000, "very strong"),
        (1_001_000, "extremely strong"),
        (1e300, "extremely strong"),
    ],
)
def test_an_edge_of_the_scale_belongs_to_the_band_below_it_for_either_side(lr: float, word: str | None) -> None:
    for log10_lr, favoured, other in ((math.log10(lr), H1, H2), (-math.log10(lr), H2, H1)):
        said = f"The findings provide {word} support for the proposition that {favoured} rather than that {other}."
        assert ENFSI_2015.sentence(log10_lr, (H1, H2)) == (said if word else NEUTRAL)


def test_a_laboratory_brings_its_own_words(tmp_path: Path) -> None:
    path = tmp_path / "scale.json"
    path.write_text(json.dumps({"name": "House", "source": "SOP 7", "above": {"some": 1, "much": 50}}))
    scale = VerbalScale.read(path)
    assert (scale.name, scale.support(0), scale.support(0.01), scale.support(-2)) == ("House", None, "some", "much")
    weighed = calibration().evidence(2.0, scale)
    assert (weighed.scale, "provide some support" in weighed.words) == ("House", True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("{", "is not a verbal scale"),
        ("[]", "is not a verbal scale"),
        ('{"name": "x", "source": "y"}', "above: "),
        ('{"name": "x", "source": "y", "above": {}}', "at least one band"),
        ('{"name": "x", "source": "y", "above": {"a": 0.5}}', "LR of 1 or more"),
        ('{"name": "x", "source": "y", "above": {"a": 1e999}}', "scale.json is not a verbal scale"),
        ('{"name": "x", "source": "y", "above": {"a": 10, "b": 2}}', "from the weakest to the strongest"),
        ('{"name": "x", "source": "y", "above": {"a": 2}, "more": 1}', "more: "),
    ],
)
def test_a_bad_scale_is_refused_in_a_sentence(content: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "scale.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ScaleRefused) as refused:
        VerbalScale.read(path)
    assert words in str(refused.value)
    assert str(refused.value).startswith(("scale.json ", "The verbal scale scale.json "))
    assert str(refused.value).endswith(".")


def test_evidence_is_the_bounded_line_with_the_replicates_own_interval() -> None:
    fitted = calibration()
    for score in np.linspace(-8, 8, 33).tolist():
        weighed = fitted.evidence(score)
        values = [min(max(a + b * score, low), high) for a, b, low, high in fitted.replicates]
        point = min(max(0.1 + 0.5 * score, -1.5), 1.8)
        assert (weighed.score, weighed.log10_lr) == (score, pytest.approx(point))
        assert weighed.low == pytest.approx(min(np.quantile(values, 0.025), point))
        assert weighed.high == pytest.approx(max(np.quantile(values, 0.975), point))
        assert weighed.words == ENFSI_2015.sentence(weighed.log10_lr, (H1, H2))
        assert weighed.at_bound == (weighed.log10_lr in (-1.5, 1.8))


def test_the_interval_stays_inside_the_bounds_and_holds_the_point() -> None:
    """Replicates with wider bounds of their own, and none near the point."""
    weighed = calibration(replicates=((0, 0.5, -9.0, 9.0),) * 3, greatest=0.4).evidence(8.0)
    assert (weighed.low, weighed.log10_lr, weighed.high) == (0.4, 0.4, 0.4)
    weighed = calibration(replicates=((1, 0.5, -9.0, 9.0),) * 3).evidence(0.0)
    assert (weighed.low, weighed.log10_lr, weighed.high) == (0.1, 0.1, 1.0)


def test_a_greater_score_never_weighs_less() -> None:
    weighed = [calibration().evidence(score) for score in np.linspace(-9, 9, 181).tolist()]
    for one, next_one in pairwise(weighed):
        assert one.log10_lr <= next_one.log10_lr
        assert one.low <= next_one.low
        assert one.high <= next_one.high


@pytest.mark.parametrize(
    ("score", "accepts", "accepted"),
    [
        (-1.01, (-1, 1), ("counterfeit",)),
        (-1.0, (-1, 1), SIDES),
        (1.0, (-1, 1), SIDES),
        (1.01, (-1, 1), ("genuine",)),
        (0.0, (1, -1), ()),
        (1.0, (1, -1), ("genuine",)),
        (-1.0, (1, -1), ("counterfeit",)),
    ],
)
def test_a_score_at_a_threshold_goes_with_its_side(
    score: float, accepts: tuple[float, float], accepted: tuple[str, ...]
) -> None:
    assert calibration(accepts=accepts).evidence(score).accepted == accepted


@pytest.mark.parametrize(
    ("changed", "expected", "reason"),
    [
        ({}, "genuine", "it supports genuine, and counterfeit calibration samples do not have such scores."),
        ({"log10_lr": -1.0, "low": -1.5, "high": -0.1, "accepted": ("counterfeit",)}, "counterfeit", "LR 1/10"),
        ({"log10_lr": math.log10(2), "low": 0.1}, "inconclusive", "an LR from 1/2 to 2 supports neither side."),
        ({"log10_lr": -math.log10(2), "low": -0.5, "high": -0.1}, "inconclusive", "LR 1/2.0"),
        ({"log10_lr": 0.302, "low": 0.1}, "genuine", "LR 2.0"),
        ({"low": 0.0}, "inconclusive", "95% interval 0.00 to 1.50); the interval contains 0"),
        ({"low": -0.1}, "inconclusive", "the interval contains 0, so that the side is not resolved."),
        ({"accepted": SIDES}, "inconclusive", "both genuine and counterfeit calibration samples have scores of 2.00."),
        ({"accepted": ("counterfeit",)}, "inconclusive", "genuine calibration samples do not have scores of 2.00."),
        (
            {"accepted": ()},
            "inconclusive",
            "lies between those of genuine and of counterfeit calibration samples.",
        ),
        ({"accepted": (), "low": -1.0}, "inconclusive", "a score of 2.00 lies between"),
        ({"greatest": 1.0, "high": 1.0}, "genuine", "(LR 10, limited by the calibration data; 95% interval 0.50"),
    ],
)
def test_one_rule_decides_and_is_said_with_its_numbers(changed: dict[str, Any], expected: str, reason: str) -> None:
    found, said = outcome(evidence(**changed), SIDES)
    assert found == expected
    assert reason in said
    assert said.startswith("The log10 LR is ")
    assert said.endswith(".")


@pytest.mark.parametrize(
    ("log10_lr", "text"),
    [(0, "1.0"), (0.4, "2.5"), (-0.4, "1/2.5"), (math.log10(9.96), "10"), (1.52, "33"), (-2, "1/100"), (3.2, "1,600")],
)
def test_a_ratio_is_written_with_two_digits_that_count(log10_lr: float, text: str) -> None:
    assert as_ratio(log10_lr) == text


@pytest.mark.parametrize(
    "changed",
    [
        {"slope": 0},
        {"slope": -1},
        {"least": 0.1},
        {"greatest": -0.1},
        {"replicates": ()},
        {"error": 0},
        {"sources": (19, 99)},
    ],
)
def test_a_calibration_that_promises_too_much_is_not_made(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        calibration(**changed)


def draw(seed: int, first: int = 12, second: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Log10 LRs with ties, on both sides of 0."""
    rng = np.random.default_rng(seed)
    return rng.normal(0.6, 1, first).round(1), rng.normal(-0.6, 1, second).round(1)


def isotonic_naively(first: np.ndarray, second: np.ndarray) -> dict[float, float]:
    """Share of the first side at each level by the min-max formula of isotonic regression, sides weighing the same."""
    levels = sorted({*first.tolist(), *second.tolist()})
    ones = [float((first == level).sum()) / len(first) for level in levels]
    totals = [one + float((second == level).sum()) / len(second) for one, level in zip(ones, levels, strict=True)]

    def mean(start: int, end: int) -> float:
        return sum(ones[start : end + 1]) / sum(totals[start : end + 1])

    ends = range(len(levels))
    return {
        levels[k]: max(min(mean(start, end) for end in ends if end >= k) for start in ends if start <= k) for k in ends
    }


@pytest.mark.parametrize(("first", "second"), [(12, 9), (40, 30), (1, 25), (25, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_pav_is_isotonic_regression_at_equal_priors(seed: int, first: int, second: int) -> None:
    assert_isotonic(*draw(seed, first, second))


def assert_isotonic(first: np.ndarray, second: np.ndarray) -> None:
    shares = isotonic_naively(first, second)
    for scores, lrs in zip((first, second), pav(first, second), strict=True):
        expected = [shares[score] for score in scores.tolist()]
        assert 1 / (1 + 10.0**-lrs) == pytest.approx(expected)


def test_a_weight_counts_as_so_many_equal_scores() -> None:
    first, second = draw(7)
    counts = np.arange(1, 13), np.arange(1, 10)
    weighted = pav(first, second, (counts[0].astype(float), counts[1].astype(float)))
    repeated = pav(first.repeat(counts[0]), second.repeat(counts[1]))
    for one, other, count in zip(weighted, repeated, counts, strict=True):
        assert np.allclose(one.repeat(count), other)


@pytest.mark.parametrize("seed", range(4))
def test_cllr_and_ece_equal_their_definitions(seed: int) -> None:
    first, second = draw(seed)
    assert cllr(first, second) == pytest.approx(
        sum(math.log2(1 + 10**-x) for x in first) / len(first) / 2
        + sum(math.log2(1 + 10**x) for x in second) / len(second) / 2
    )
    priors = np.array([-2.0, 0.0, 1.5])
    for log10_odds, found in zip(priors.tolist(), ece(first, second, priors).tolist(), strict=True):
        odds = 10**log10_odds
        prior = odds / (1 + odds)
        expected = prior * np.mean([math.log2(1 + 1 / (10**x * odds)) for x in first])
        assert found == pytest.approx(expected + (1 - prior) * np.mean([math.log2(1 + 10**x * odds) for x in second]))


def test_cllr_is_0_for_the_truth_1_for_silence_and_least_after_pav() -> None:
    silent, sure = np.zeros(3), np.full(3, np.inf)
    assert (cllr(silent, silent), cllr(sure, -sure)) == (1, 0)
    assert cllr(-sure, sure) == math.inf
    for seed in range(4):
        first, second = draw(seed)
        assert cllr_min(first, second) <= cllr(first, second)
        assert cllr_min(first, second) == pytest.approx(cllr_min(3 * first + 1, 3 * second + 1))
        least = min(
            cllr(a + b * first, a + b * second) for a, b in product(np.linspace(-1, 1, 9), np.linspace(0, 3, 13))
        )
        assert cllr_min(first, second) <= least
    assert cllr_min(np.array([1.0, 2.0]), np.array([0.0])) == 0


@pytest.mark.parametrize("seed", range(4))
def test_tippett_points_are_counted_shares(seed: int) -> None:
    first, second = draw(seed)
    levels, of_first, of_second = tippett(first, second)
    assert levels.tolist() == sorted({*first.tolist(), *second.tolist()})
    for level, one, other in zip(levels, of_first, of_second, strict=True):
        assert one == pytest.approx(sum(x >= level for x in first) / len(first))
        assert other == pytest.approx(sum(x >= level for x in second) / len(second))


@pytest.fixture(scope="module")
def parts(tiny_models: Path) -> Model:
    return load_model("tiny_parts", tiny_models)


@pytest.fixture(scope="module")
def marks(tiny_models: Path) -> Model:
    return load_model("tiny_marks", tiny_models)


def calibrated(model: Model, **changed: Any) -> Model:
    return dataclasses.replace(model, card=dataclasses.replace(model.card, calibration=calibration(**changed)))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"accepts": (0.0, -0.0), "slope": 5.0, "intercept": 0.0, "replicates": ((0.0, 5.0, -1.5, 1.8),)}, None),
        ({"accepts": (-99.0, 99.0)}, "inconclusive"),
        ({"accepts": (99.0, -99.0)}, "inconclusive"),
        ({"least": 0.0, "greatest": 0.0}, "inconclusive"),
    ],
    ids=["clear", "both sides", "neither side", "bounds that allow nothing"],
)
@pytest.mark.parametrize("label", SIDES)
def test_a_calibrated_examiner_goes_by_the_evidence(
    label: str, changed: dict[str, Any], expected: str | None, parts: Model, striped: MakeExhibit
) -> None:
    examiner = AuthenticityExaminer(calibrated(parts, **changed))
    verdict = examiner.examine(striped(f"blue/{label}"))
    assert examiner.card.calibration is not None
    assert verdict.evidence == examiner.card.calibration.evidence(verdict.log_odds)
    assert (verdict.outcome, verdict.reason) == outcome(verdict.evidence, SIDES)
    assert verdict.outcome == (expected or label)
    assert as_json(verdict)["evidence"]["log10_lr"] == verdict.evidence.log10_lr


def test_without_a_calibration_nothing_is_weighed_and_the_reason_says_so(parts: Model, striped: MakeExhibit) -> None:
    verdict = AuthenticityExaminer(parts).examine(striped("blue/genuine"))
    assert verdict.evidence is None
    assert verdict.reason.endswith("; the model has no calibration, so that no likelihood ratio is given.")


def test_what_a_scope_check_refuses_is_not_weighed(parts: Model, striped: MakeExhibit) -> None:
    blank = dataclasses.replace(striped("blue/genuine"), pixels=np.full((40, 56, 3), 200, np.uint8))
    verdict = AuthenticityExaminer(calibrated(parts)).examine(blank)
    assert (verdict.outcome, verdict.evidence) == ("out of scope", None)
    assert verdict.reason.startswith("The part is blank")


def test_a_calibration_for_other_sides_is_refused(parts: Model) -> None:
    with pytest.raises(WeightsRefused, match="is not calibrated for genuine and counterfeit"):
        AuthenticityExaminer(calibrated(parts, sides=("counterfeit", "genuine")))


def test_log_odds_agree_with_the_probability(parts: Model, striped: MakeExhibit) -> None:
    for series in (None, "blue"):
        verdict = AuthenticityExaminer(parts).examine(striped("blue/genuine"), series)
        p = verdict.probability_genuine
        assert verdict.log_odds == pytest.approx(math.log(p) - math.log1p(-p))


def test_evidence_on_two_marks_is_the_same_to_the_bit_whichever_comes_first(marks: Model, striped: MakeExhibit) -> None:
    similar = calibrated(marks, sides=("similar", "dissimilar"))
    examiner = TrademarkExaminer(similar)
    names = ("blue/genuine", "blue/counterfeit", "red/genuine")
    for first, second in combinations([striped(name, seed) for seed, name in enumerate(names)], 2):
        there, back = examiner.compare(first, second), examiner.compare(second, first)
        assert there.evidence == back.evidence is not None
        assert (there.outcome, there.reason, there.log_odds) == (back.outcome, back.reason, back.log_odds)


def test_an_examiner_speaks_in_its_laboratorys_words(parts: Model, striped: MakeExhibit) -> None:
    house = VerbalScale("House", "SOP 7", {"some": 1})
    verdict = AuthenticityExaminer(calibrated(parts), scale=house).examine(striped("blue/genuine"))
    assert verdict.evidence is not None
    assert (verdict.evidence.scale, "provide some support" in verdict.evidence.words) == ("House", True)


def test_a_card_keeps_its_calibration_to_the_last_digit(parts: Model, tmp_path: Path) -> None:
    held = calibration(intercept=1 / 3, held_out=((0.1, 2 / 3), (-1.5,)))
    card = save_model(dataclasses.replace(parts.card, calibration=held), parts.network.state_dict(), tmp_path)
    assert read_card(tmp_path / f"{card.name}.json").calibration == held
