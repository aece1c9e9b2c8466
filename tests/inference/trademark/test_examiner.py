"""The trademark examiner: symmetry to the bit, outcomes, crops, batches, threads and provenance."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from inference.grad_cam import HeadGradCam
from inference.models.card import WeightsRefused
from inference.models.weights import Model, load_model
from inference.networks import build_network
from inference.networks.hms import PairFeature
from inference.records import Comparison, Crop, Exhibit, InconclusiveBand, Refusal, as_json
from inference.trademark.examiner import Crops, TrademarkExaminer, log_odds_similar
from inference.trademark.framing import frame_mark

MakeExhibit = Callable[..., Exhibit]

NARROW, WIDE = InconclusiveBand(0.5, 0.5, "by hand"), InconclusiveBand(0, 1, "by hand")
ALIKE, UNLIKE = ("blue/genuine", "blue/genuine"), ("blue/genuine", "red/counterfeit")


@pytest.fixture(scope="module")
def model(tiny_models: Path) -> Model:
    return load_model("tiny_marks", tiny_models)


@pytest.fixture(scope="module")
def examiner(model: Model) -> TrademarkExaminer:
    return TrademarkExaminer(model)


@pytest.fixture(scope="module")
def literal(model: Model) -> TrademarkExaminer:
    """The same backbone under the paper's literal head, which is not symmetric by itself."""
    arguments = {**model.card.arguments, "pair_feature": "concat"}
    network = build_network("siamese", arguments).eval()
    network.load_state_dict(model.network.state_dict())
    return TrademarkExaminer(Model(dataclasses.replace(model.card, arguments=arguments), network, model.card_sha256))


@pytest.fixture(scope="module")
def by_distance(model: Model) -> TrademarkExaminer:
    """The same backbone under a threshold on the distance."""
    arguments = {"backbone": model.card.arguments["backbone"], "pair_feature": "distance"}
    network: Any = build_network("siamese", arguments).eval()
    network.backbone.load_state_dict(model.network.backbone.state_dict())
    network.head.log_slope.fill_(1.0)
    return TrademarkExaminer(Model(dataclasses.replace(model.card, arguments=arguments), network, model.card_sha256))


@pytest.fixture(scope="module")
def of_head(
    examiner: TrademarkExaminer, literal: TrademarkExaminer, by_distance: TrademarkExaminer
) -> dict[PairFeature, TrademarkExaminer]:
    """Examiners by the head of their model."""
    return {"interacting": examiner, "concat": literal, "distance": by_distance}


def with_card(model: Model, **changed: Any) -> TrademarkExaminer:
    return TrademarkExaminer(dataclasses.replace(model, card=dataclasses.replace(model.card, **changed)))


def exhibit_of(pixels: np.ndarray, like: Exhibit) -> Exhibit:
    return dataclasses.replace(like, pixels=pixels.copy())


def test_log_odds_are_those_of_the_softmax() -> None:
    for dissimilar, similar in np.random.default_rng(0).normal(0, 3, (5, 2)).tolist():
        total = math.exp(dissimilar) + math.exp(similar)
        expected = math.log(math.exp(similar) / total) - math.log(math.exp(dissimilar) / total)
        assert float(log_odds_similar(torch.tensor([[dissimilar, similar]]))) == pytest.approx(expected, abs=1e-5)


def numbers(comparison: Comparison) -> tuple:
    return comparison.probability_similar, *(heatmap.raw.tobytes() for heatmap in comparison.heatmaps)


PAIRS: list[tuple[dict, dict]] = [
    ({"name": "blue/genuine", "seed": 1}, {"name": "blue/genuine", "seed": 2}),
    ({"name": "blue/genuine"}, {"name": "red/counterfeit"}),
    ({"name": "red/genuine", "width": 90, "height": 20}, {"name": "blue/genuine", "width": 33, "height": 70}),
    ({"name": "red/counterfeit", "width": 3, "height": 3}, {"name": "red/genuine"}),
]


@pytest.mark.parametrize("crops", [(None, None), (Crop(0, 0, 3, 2), None), (Crop(0, 0, 2, 3), Crop(1, 0, 2, 3))])
@pytest.mark.parametrize("pair", PAIRS, ids=["alike", "unlike", "of two shapes", "tiny"])
@pytest.mark.parametrize("pair_feature", get_args(PairFeature))
def test_a_comparison_is_the_same_whichever_mark_comes_first(
    pair_feature: PairFeature,
    pair: tuple[dict, dict],
    crops: Crops,
    of_head: dict[PairFeature, TrademarkExaminer],
    striped: MakeExhibit,
) -> None:
    chosen = of_head[pair_feature]
    first, second = (striped(**mark) for mark in pair)
    there = chosen.compare(first, second, crops)
    back = chosen.compare(second, first, (crops[1], crops[0]))
    assert back.probability_similar == there.probability_similar
    assert [heatmap.raw.tobytes() for heatmap in back.heatmaps[::-1]] == [
        heatmap.raw.tobytes() for heatmap in there.heatmaps
    ]
    assert [heatmap.placement for heatmap in back.heatmaps[::-1]] == [heatmap.placement for heatmap in there.heatmaps]
    assert (back.outcome, back.reason) == (there.outcome, there.reason)
    assert back.scope_checks[::-1] == there.scope_checks
    assert (back.agreement.matched, back.agreement.of) == (there.agreement.matched, there.agreement.of)
    assert back.score == there.score
    assert back.crops[::-1] == there.crops == crops
    assert there.exhibits[0] is back.exhibits[1] is first
    assert there.exhibits[1] is back.exhibits[0] is second


def test_the_literal_head_alone_would_not_be_symmetric(literal: TrademarkExaminer, striped: MakeExhibit) -> None:
    """So that the test above proves the examiner's canonical order."""
    tensors = [torch.from_numpy(literal.card.preprocessing(striped(name).pixels).values) for name in UNLIKE]
    with torch.no_grad():
        feature_maps = literal._network.features(torch.stack(tensors))
        there, back = (log_odds_similar(literal._network.head(maps)) for maps in (feature_maps, feature_maps.flip(0)))
    assert abs(float(there - back)) > 1e-3


@pytest.mark.parametrize("pair_feature", get_args(PairFeature))
def test_crops_of_one_exhibit_are_compared_the_same_both_ways(
    pair_feature: PairFeature, of_head: dict[PairFeature, TrademarkExaminer], striped: MakeExhibit
) -> None:
    chosen = of_head[pair_feature]
    sheet, left, right = striped("blue/genuine", width=80), Crop(0, 0, 40, 40), Crop(40, 3, 40, 30)
    there, back = (chosen.compare(sheet, sheet, crops) for crops in ((left, right), (right, left)))
    assert numbers(there)[0] == numbers(back)[0]
    assert numbers(there)[1:] == numbers(back)[:0:-1]


def test_identical_marks_are_compared_too(examiner: TrademarkExaminer, striped: MakeExhibit) -> None:
    mark = striped("blue/genuine")
    comparison = examiner.compare(mark, mark)
    assert comparison.outcome == "similar"
    assert np.array_equal(comparison.heatmaps[0].raw, comparison.heatmaps[1].raw)
    assert numbers(comparison) == numbers(examiner.compare(striped("blue/genuine"), mark))


@pytest.mark.parametrize("pair", [ALIKE, UNLIKE])
def test_numbers_are_those_of_the_network(
    pair: tuple[str, str], model: Model, examiner: TrademarkExaminer, striped: MakeExhibit
) -> None:
    first, second = striped(pair[0], 50), striped(pair[1], 51)
    prepared = [model.card.preprocessing(frame_mark(mark.pixels).pixels) for mark in (first, second)]
    network: Any = model.network
    with torch.no_grad():
        feature_maps = network.features(torch.stack([torch.from_numpy(part.values) for part in prepared]))
        dissimilar, similar = network.head(feature_maps)[0].tolist()
    sign = 1 if similar >= dissimilar else -1
    _, maps = HeadGradCam(network.head)(feature_maps, lambda logits: sign * log_odds_similar(logits))

    comparison = examiner.compare(first, second)
    expected = math.exp(similar) / (math.exp(similar) + math.exp(dissimilar))
    assert comparison.probability_similar == pytest.approx(expected, abs=1e-5)
    for heatmap, raw, part in zip(comparison.heatmaps, maps, prepared, strict=True):
        np.testing.assert_allclose(heatmap.raw, raw, rtol=1e-4, atol=1e-5)
        assert heatmap.placement == part.placement
        assert heatmap.full_scale == model.card.heatmap_full_scale


@pytest.mark.parametrize(
    ("pair", "band", "outcome", "reason"),
    [
        (ALIKE, NARROW, "similar", "above the inconclusive band of 0.500 to 0.500"),
        (UNLIKE, NARROW, "dissimilar", "below the inconclusive band of 0.500 to 0.500"),
        (ALIKE, WIDE, "inconclusive", "inside the inconclusive band"),
        (UNLIKE, WIDE, "inconclusive", "inside the inconclusive band"),
    ],
)
def test_the_band_decides_the_outcome_and_the_leaning_side_the_heatmaps(
    pair: tuple[str, str], band: InconclusiveBand, outcome: str, reason: str, model: Model, striped: MakeExhibit
) -> None:
    comparison = with_card(model, band=band).compare(striped(pair[0], 50), striped(pair[1], 51))
    assert comparison.outcome == outcome
    assert comparison.reason.startswith("P(similar), uncalibrated, is ")
    assert reason in comparison.reason
    assert comparison.band == band
    leaning = ("similar", "dissimilar") if pair == ALIKE else ("dissimilar", "similar")
    assert {heatmap.target for heatmap in comparison.heatmaps} == {"log P({}) - log P({})".format(*leaning)}


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (
            np.full((40, 56, 3), 200, np.uint8),
            "The mark is too faint: it stands out from its ground by 0.0 of 255",
        ),
        (np.arange(27, dtype=np.uint8).reshape(3, 3, 3) * 9, "The part is only 3 pixels long"),
    ],
    ids=["blank", "tiny"],
)
def test_one_mark_that_cannot_be_judged_puts_the_pair_out_of_scope(
    pixels: np.ndarray, reason: str, position: int, examiner: TrademarkExaminer, striped: MakeExhibit
) -> None:
    marks = [striped("blue/genuine", 1), striped("blue/genuine", 2)]
    marks[position] = exhibit_of(pixels, marks[position])
    comparison = examiner.compare(marks[0], marks[1])
    assert comparison.outcome == "out of scope"
    assert comparison.reason.startswith(reason)
    refused = ["refuse" in {check.status for check in checks} for checks in comparison.scope_checks]
    assert refused == [position == 0, position == 1]


def test_a_crop_is_compared_like_a_mark_of_its_own(examiner: TrademarkExaminer, striped: MakeExhibit) -> None:
    first, second, crop = striped("red/genuine", 1, 80, 60), striped("red/counterfeit", 2), Crop(10, 5, 40, 50)
    cropped = examiner.compare(first, second, (crop, None))
    alone = examiner.compare(exhibit_of(first.crop(crop), first), second)
    assert numbers(cropped) == numbers(alone)
    assert cropped.scope_checks == alone.scope_checks
    assert cropped.crops == (crop, None)
    assert cropped.provenance.settings == {"crop of mark 1": "10,5,40,50", "crop of mark 2": "whole picture"}


def test_a_crop_outside_its_mark_is_refused(examiner: TrademarkExaminer, striped: MakeExhibit) -> None:
    small, large = striped("blue/genuine", width=20), striped("red/genuine", width=60)
    examiner.compare(small, large, (None, Crop(0, 0, 50, 40)))
    with pytest.raises(Refusal, match=r"reaches outside blue_genuine_0\.png"):
        examiner.compare(small, large, (Crop(0, 0, 50, 40), None))


def test_a_batch_equals_its_pairs_one_by_one(examiner: TrademarkExaminer, striped: MakeExhibit) -> None:
    pairs = [(striped(**first), striped(**second)) for first, second in PAIRS]
    pairs += [(second, first) for first, second in pairs]
    crops: list[Crops] = [(None, None)] * 7 + [(Crop(0, 0, 20, 20), None)]
    for pair, both, together in zip(pairs, crops, examiner.compare_batch(pairs, crops), strict=True):
        alone = examiner.compare(pair[0], pair[1], both)
        assert together.exhibits == pair
        assert together.crops == both
        assert together.probability_similar == pytest.approx(alone.probability_similar, abs=1e-5)
        for heatmap, heatmap_alone in zip(together.heatmaps, alone.heatmaps, strict=True):
            np.testing.assert_allclose(heatmap.raw, heatmap_alone.raw, atol=1e-5)
            assert heatmap.placement == heatmap_alone.placement
        assert (together.outcome, together.scope_checks) == (alone.outcome, alone.scope_checks)
        assert together.provenance == alone.provenance
        assert (together.agreement, together.score) == (alone.agreement, pytest.approx(alone.score, abs=1e-5))


def test_a_finding_is_the_same_without_the_other_ways_of_looking(
    examiner: TrademarkExaminer, striped: MakeExhibit
) -> None:
    pair = striped("blue/genuine", 1), striped("red/genuine", 2)
    (short,), whole = examiner.compare_batch([pair], in_other_ways=False), examiner.compare(*pair)
    assert short.sub_scores == ()
    assert as_json(short) == as_json(whole) | {"sub_scores": []}


def test_threads_share_an_examiner_and_get_the_same_to_the_bit(
    examiner: TrademarkExaminer, striped: MakeExhibit
) -> None:
    marks = [striped(name, seed) for seed in range(2) for name in ("blue/genuine", "red/genuine", "red/counterfeit")]
    pairs = [(first, second) for first in marks for second in marks if first is not second]
    expected = [numbers(examiner.compare(*pair)) for pair in pairs]
    with ThreadPoolExecutor(8) as pool:
        found = [numbers(comparison) for comparison in pool.map(lambda pair: examiner.compare(*pair), pairs)]
    assert len({probability for probability, *_ in expected}) == len(pairs) // 2
    assert found == expected


def test_a_model_for_another_task_is_refused(tiny_models: Path) -> None:
    with pytest.raises(WeightsRefused, match="tiny_parts is a model for authenticity, not for trademark; choose"):
        TrademarkExaminer.load("tiny_parts", tiny_models)


@pytest.mark.parametrize("missing", ["band", "heatmap_full_scale"])
def test_a_card_without_what_a_comparison_needs_is_refused(missing: str, model: Model) -> None:
    with pytest.raises(WeightsRefused, match="The card of tiny_marks lacks its inconclusive band or heatmap scale"):
        with_card(model, **{missing: None})


def test_provenance_names_the_files_and_what_was_done_to_each_mark(
    tiny_models: Path, examiner: TrademarkExaminer, striped: MakeExhibit
) -> None:
    first, second = striped("blue/genuine"), striped("red/genuine", width=90)
    provenance = examiner.compare(first, second).provenance
    weights, card = (tiny_models / f"tiny_marks.{ending}" for ending in ("safetensors", "json"))
    assert provenance.model == "tiny_marks"
    assert provenance.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert provenance.card_sha256 == hashlib.sha256(card.read_bytes()).hexdigest()
    assert provenance.preprocessing == tuple(
        f"mark {number}: {sentence}"
        for number, mark in ((1, frame_mark(first.pixels)), (2, frame_mark(second.pixels)))
        for sentence in (mark.sentence, *examiner.card.preprocessing(mark.pixels).sentences)
    )
