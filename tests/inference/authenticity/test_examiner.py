"""The authenticity examiner: probabilities, outcomes, crops, batches, threads and provenance."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.authenticity.examiner import AuthenticityExaminer, log_odds_genuine
from inference.examiner import as_probability
from inference.grad_cam import HeadGradCam
from inference.models.card import WeightsRefused
from inference.models.weights import Model, load_model
from inference.records import Crop, Exhibit, InconclusiveBand, Refusal, Verdict
from inference.request import Request

MakeExhibit = Callable[..., Exhibit]

CLASSES = ("blue/genuine", "blue/counterfeit", "red/genuine", "red/counterfeit")
SHUFFLED = (
    "red/counterfeit",
    "blue/genuine",
    "red/genuine",
    "green/x/genuine",
    "blue/counterfeit",
    "green/x/counterfeit",
)
NARROW, WIDE = InconclusiveBand(0.5, 0.5, "by hand"), InconclusiveBand(0, 1, "by hand")


@pytest.fixture(scope="module")
def model(tiny_models: Path) -> Model:
    return load_model("tiny_parts", tiny_models)


@pytest.fixture(scope="module")
def examiner(model: Model) -> AuthenticityExaminer:
    return AuthenticityExaminer(model)


def with_card(model: Model, **changed: Any) -> AuthenticityExaminer:
    return AuthenticityExaminer(dataclasses.replace(model, card=dataclasses.replace(model.card, **changed)))


def exhibit_of(pixels: np.ndarray, like: Exhibit) -> Exhibit:
    return dataclasses.replace(like, pixels=pixels.copy())


def softmax(logits: list[float]) -> list[float]:
    powers = [math.exp(logit) for logit in logits]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize(
    ("classes", "series"),
    [(CLASSES, None), (CLASSES, "blue"), (CLASSES, "red"), (SHUFFLED, None), (SHUFFLED, "blue"), (SHUFFLED, "green/x")],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_log_odds_are_those_of_the_summed_softmax(classes: tuple[str, ...], series: str | None) -> None:
    logits = torch.from_numpy(np.random.default_rng(0).normal(0, 3, (5, len(classes))))
    found = log_odds_genuine(logits, classes, series)
    for row, odds in zip(logits.tolist(), found.tolist(), strict=True):
        probabilities = [
            (name.split("/"), probability)
            for name, probability in zip(classes, softmax(row), strict=True)
            if series is None or name.startswith(f"{series}/")
        ]
        genuine = sum(probability for name, probability in probabilities if name[-1] == "genuine")
        counterfeit = sum(probability for name, probability in probabilities if name[-1] == "counterfeit")
        assert odds == pytest.approx(math.log(genuine) - math.log(counterfeit))


def test_log_odds_stay_finite_for_a_network_that_is_sure() -> None:
    logits = torch.tensor([[500.0, -500.0, -500.0, -500.0]])
    assert log_odds_genuine(logits, CLASSES).tolist() == pytest.approx([1000 - math.log(2)])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "< 0.001"),
        (0.00099, "< 0.001"),
        (0.001, "0.001"),
        (0.5, "0.500"),
        (0.999, "0.999"),
        (0.99901, "> 0.999"),
        (1.0, "> 0.999"),
    ],
)
def test_a_probability_is_never_rounded_to_certainty(value: float, text: str) -> None:
    assert as_probability(value) == text


@pytest.mark.parametrize("name", CLASSES)
def test_a_verdict_sums_the_classes_and_names_the_likeliest_series(
    name: str, examiner: AuthenticityExaminer, striped: MakeExhibit
) -> None:
    verdict = examiner.examine(striped(name))
    probabilities = verdict.class_probabilities
    series, label = name.split("/")
    assert tuple(probabilities) == CLASSES
    assert verdict.probability_genuine == pytest.approx(probabilities["blue/genuine"] + probabilities["red/genuine"])
    assert (verdict.outcome, verdict.series, verdict.series_fixed) == (label, series, False)


@pytest.mark.parametrize("series", ["blue", "red"])
@pytest.mark.parametrize("name", CLASSES)
def test_a_fixed_series_is_renormalised_over_its_two_classes(
    name: str, series: str, examiner: AuthenticityExaminer, striped: MakeExhibit
) -> None:
    free, fixed = examiner.examine(striped(name)), examiner.examine(striped(name), series)
    genuine, counterfeit = (fixed.class_probabilities[f"{series}/{label}"] for label in ("genuine", "counterfeit"))
    assert fixed.probability_genuine == pytest.approx(genuine / (genuine + counterfeit))
    assert (fixed.series, fixed.series_fixed) == (series, True)
    assert fixed.class_probabilities == free.class_probabilities
    assert fixed.provenance.settings["series"] == series
    assert free.provenance.settings["series"] == "not fixed"


def test_the_likeliest_series_is_summed_over_both_of_its_classes(examiner: AuthenticityExaminer) -> None:
    logits = torch.tensor([0.4, 0.0, 0.3, 0.3]).log()
    assert examiner._series(logits) == "red"


@pytest.mark.parametrize("series", ["green", "", "blue/genuine", "Blue"])
def test_an_unknown_series_is_refused_in_one_sentence(
    series: str, examiner: AuthenticityExaminer, striped: MakeExhibit
) -> None:
    with pytest.raises(Refusal) as refusal:
        examiner.examine(striped("blue/genuine"), series)
    assert str(refusal.value) == f"tiny_parts does not know the series {series!r}; it knows blue, red."


def test_a_crop_outside_the_picture_is_refused(examiner: AuthenticityExaminer, striped: MakeExhibit) -> None:
    with pytest.raises(Refusal, match="reaches outside"):
        examiner.examine(striped("blue/genuine"), crop=Crop(0, 0, 57, 40))
    with pytest.raises(Refusal, match="reaches outside"):
        examiner.examine_batch(
            [Request(striped("blue/genuine")), Request(striped("blue/genuine"), crop=Crop(50, 0, 7, 40))]
        )


@pytest.mark.parametrize("crop", [Crop(5, 3, 40, 20), Crop(10, 0, 16, 40), Crop(0, 0, 56, 40)], ids=str)
def test_a_crop_is_examined_like_a_picture_of_its_own(
    crop: Crop, examiner: AuthenticityExaminer, striped: MakeExhibit
) -> None:
    whole = striped("red/genuine")
    cropped = examiner.examine(whole, crop=crop)
    alone = examiner.examine(exhibit_of(whole.crop(crop), whole))
    assert cropped.class_probabilities == alone.class_probabilities
    assert np.array_equal(cropped.heatmap.raw, alone.heatmap.raw)
    assert cropped.heatmap.placement == alone.heatmap.placement
    assert cropped.scope_checks == alone.scope_checks
    assert (cropped.crop, alone.crop) == (crop, None)
    assert cropped.exhibit is whole
    assert cropped.provenance.settings["crop"] == str(crop)
    assert alone.provenance.settings["crop"] == "whole picture"


@pytest.mark.parametrize(
    ("name", "band", "outcome", "reason"),
    [
        ("blue/genuine", NARROW, "genuine", "above the inconclusive band of 0.500 to 0.500"),
        ("blue/counterfeit", NARROW, "counterfeit", "below the inconclusive band of 0.500 to 0.500"),
        ("blue/genuine", WIDE, "inconclusive", "inside the inconclusive band of < 0.001 to > 0.999"),
        ("blue/counterfeit", WIDE, "inconclusive", "inside the inconclusive band"),
    ],
)
def test_the_band_decides_the_outcome(
    name: str, band: InconclusiveBand, outcome: str, reason: str, model: Model, striped: MakeExhibit
) -> None:
    verdict = with_card(model, band=band).examine(striped(name))
    assert verdict.outcome == outcome
    assert verdict.reason.startswith(f"P(genuine), uncalibrated, is {as_probability(verdict.probability_genuine)}, ")
    assert reason in verdict.reason
    assert verdict.band == band


def test_a_side_begins_just_beyond_the_edge_of_the_band(model: Model, striped: MakeExhibit) -> None:
    for name, label in (("red/genuine", "genuine"), ("red/counterfeit", "counterfeit")):
        at = with_card(model, band=WIDE).examine(striped(name)).probability_genuine
        beyond = float(np.nextafter(at, 0.5))
        for edge, outcome in ((at, "inconclusive"), (beyond, label)):
            band = InconclusiveBand(0, edge, "") if label == "genuine" else InconclusiveBand(edge, 1, "")
            assert with_card(model, band=band).examine(striped(name)).outcome == outcome


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.full((40, 56, 3), 200, np.uint8), "The part is blank"),
        (np.arange(27, dtype=np.uint8).reshape(3, 3, 3) * 9, "The part is only 3 pixels long"),
    ],
    ids=["blank", "tiny"],
)
@pytest.mark.parametrize("band", [NARROW, WIDE], ids=["narrow", "wide"])
def test_what_cannot_be_judged_is_out_of_scope_whatever_the_network_says(
    pixels: np.ndarray, reason: str, band: InconclusiveBand, model: Model, striped: MakeExhibit
) -> None:
    verdict = with_card(model, band=band).examine(exhibit_of(pixels, striped("blue/genuine")))
    assert verdict.outcome == "out of scope"
    assert verdict.reason.startswith(reason)
    assert [check.text for check in verdict.scope_checks if check.status == "refuse"] == [verdict.reason]


def test_the_scope_is_judged_on_the_crop(examiner: AuthenticityExaminer, striped: MakeExhibit) -> None:
    pixels = striped("blue/genuine").pixels.copy()
    pixels[:, :20] = 255
    exhibit = exhibit_of(pixels, striped("blue/genuine"))
    assert examiner.examine(exhibit).outcome == "genuine"
    assert examiner.examine(exhibit, crop=Crop(0, 0, 20, 40)).outcome == "out of scope"


@pytest.mark.parametrize("band", [NARROW, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("red/genuine", "log P(genuine) - log P(counterfeit)"),
        ("red/counterfeit", "log P(counterfeit) - log P(genuine)"),
    ],
)
def test_the_heatmap_is_evidence_for_the_side_the_part_leans_to(
    name: str, target: str, band: InconclusiveBand, model: Model, striped: MakeExhibit
) -> None:
    heatmap = with_card(model, band=band).examine(striped(name)).heatmap
    assert heatmap.target == target
    assert heatmap.shows_evidence


@pytest.mark.parametrize("series", [None, "blue", "red"])
@pytest.mark.parametrize("name", CLASSES)
def test_the_map_is_grad_cam_of_the_signed_log_odds(
    name: str, series: str | None, model: Model, examiner: AuthenticityExaminer, striped: MakeExhibit
) -> None:
    exhibit = striped(name)
    verdict = examiner.examine(exhibit, series)
    prepared = model.card.preprocessing(exhibit.pixels)
    network: Any = model.network
    with torch.no_grad():
        feature_map = network.features(torch.from_numpy(prepared.values)[None])
    sign = 1 if verdict.probability_genuine >= 0.5 else -1
    _, maps = HeadGradCam(network.head)(feature_map, lambda logits: sign * log_odds_genuine(logits, CLASSES, series))
    np.testing.assert_allclose(verdict.heatmap.raw, maps[0], rtol=1e-5, atol=1e-6)
    assert verdict.heatmap.placement == prepared.placement
    assert verdict.heatmap.full_scale == model.card.heatmap_full_scale


def test_a_batch_equals_its_exhibits_one_by_one(examiner: AuthenticityExaminer, striped: MakeExhibit) -> None:
    exhibits = [
        striped("blue/genuine", 1),
        striped("red/counterfeit", 2, 30, 70),
        striped("red/genuine", 3, 200, 20),
        striped("blue/counterfeit", 4, 40, 40),
    ]
    crops = [None, Crop(2, 3, 25, 50), None, Crop(0, 0, 40, 39)]
    together = examiner.examine_batch(
        [Request(exhibit, crop=crop) for exhibit, crop in zip(exhibits, crops, strict=True)]
    )
    assert [verdict.exhibit.name for verdict in together] == [exhibit.name for exhibit in exhibits]
    for verdict, exhibit, crop in zip(together, exhibits, crops, strict=True):
        alone = examiner.examine(exhibit, crop=crop)
        assert verdict.class_probabilities == pytest.approx(alone.class_probabilities, abs=1e-5)
        assert verdict.probability_genuine == pytest.approx(alone.probability_genuine, abs=1e-5)
        np.testing.assert_allclose(verdict.heatmap.raw, alone.heatmap.raw, atol=1e-5)
        assert verdict.heatmap.placement == alone.heatmap.placement
        assert (verdict.outcome, verdict.series, verdict.crop) == (alone.outcome, alone.series, crop)
        assert verdict.scope_checks == alone.scope_checks
        assert verdict.provenance == alone.provenance


def numbers(verdict: Verdict) -> tuple:
    return tuple(verdict.class_probabilities.items()), verdict.probability_genuine, verdict.heatmap.raw.tobytes()


def test_threads_share_an_examiner_and_get_the_same_to_the_bit(
    examiner: AuthenticityExaminer, striped: MakeExhibit
) -> None:
    rounds = [striped(name, seed) for seed in range(4) for name in CLASSES] * 2
    expected = [numbers(examiner.examine(exhibit)) for exhibit in rounds]
    with ThreadPoolExecutor(8) as pool:
        found = [numbers(verdict) for verdict in pool.map(examiner.examine, rounds)]
    assert len(set(expected)) == 16
    assert found == expected


def test_a_model_for_another_task_is_refused(tiny_models: Path) -> None:
    with pytest.raises(WeightsRefused, match="tiny_marks is a model for trademark, not for authenticity; choose"):
        AuthenticityExaminer.load("tiny_marks", tiny_models)


@pytest.mark.parametrize("missing", ["band", "heatmap_full_scale"])
def test_a_card_without_what_a_verdict_needs_is_refused(missing: str, model: Model) -> None:
    with pytest.raises(WeightsRefused, match="The card of tiny_parts lacks its inconclusive band or heatmap scale"):
        with_card(model, **{missing: None})


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsRefused, match=r"absent\.json cannot be read"):
        AuthenticityExaminer.load("absent", tmp_path)


def test_provenance_names_the_files_by_their_hashes(
    tiny_models: Path, examiner: AuthenticityExaminer, striped: MakeExhibit
) -> None:
    provenance = examiner.examine(striped("blue/genuine")).provenance
    assert provenance.model == "tiny_parts"
    assert provenance.weights_sha256 == sha256(tiny_models / "tiny_parts.safetensors")
    assert provenance.card_sha256 == sha256(tiny_models / "tiny_parts.json")
    assert re.fullmatch(r"\d+\.\d+\.\d+\+[0-9a-f]{12}", provenance.code_version)
    assert provenance.libraries["torch"].startswith(torch.__version__.split("+")[0])
    assert provenance.device == "cpu"
    assert provenance.preprocessing == examiner.card.preprocessing(striped("blue/genuine").pixels).sentences


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_verdict_holds_the_very_exhibit(examiner: AuthenticityExaminer, striped: MakeExhibit) -> None:
    exhibit = striped("blue/genuine")
    assert examiner.examine(exhibit).exhibit is exhibit
