"""Elements of a mark, and which of them lies in another mark."""

from __future__ import annotations

import dataclasses
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inference.grad_cam import HeadGradCam
from inference.intake.exhibit import exhibit_from_pixels
from inference.models.card import ElementRule
from inference.models.weights import Model, load_model
from inference.records import Comparison, Crop, as_json
from inference.trademark.elements import MOST, _groups, elements
from inference.trademark.examiner import TrademarkExaminer, log_odds_similar
from inference.trademark.framing import MARGIN
from inference.trademark.local_features import local_features
from inference.trademark.scores import EmbeddedMark, pair_score
from inference.trademark.windows import box_of

Pixels = NDArray[np.uint8]
SYMBOL = Crop(20, 20, 100, 100)


def sheet(width: int, height: int) -> Pixels:
    return np.full((height, width, 3), 255, np.uint8)


def symbol(seed: int, side: int = 100) -> Pixels:
    """Bars and a disc in a square, of one piece."""
    rng = np.random.default_rng(seed)
    drawn = sheet(100, 100)
    cv2.rectangle(drawn, (2, 2), (97, 97), (20, 20, 20), 6)
    for _ in range(5):
        (x, y), size = rng.integers(10, 60, 2).tolist(), int(rng.integers(15, 35))
        cv2.rectangle(drawn, (x, y), (x + size, y + 12), rng.integers(0, 120, 3).tolist(), -1)
    cv2.circle(drawn, tuple(rng.integers(30, 70, 2).tolist()), 14, (10, 60, 120), -1)
    return cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA)


def lockup(seed: int) -> Pixels:
    """The symbol beside two bars, which stand for a word and are no letters to the lettering check."""
    drawn = sheet(420, 140)
    drawn[20:120, 20:120] = symbol(seed)
    cv2.rectangle(drawn, (170, 40), (399, 60), (30, 30, 30), -1)
    cv2.rectangle(drawn, (170, 68), (350, 99), (30, 30, 30), -1)
    return drawn


def two_discs() -> Pixels:
    drawn = sheet(400, 160)
    for x in (80, 320):
        cv2.circle(drawn, (x, 80), 50, (0, 0, 0), -1)
    return drawn


def ringed_star() -> Pixels:
    drawn = sheet(300, 300)
    cv2.circle(drawn, (150, 150), 130, (0, 0, 0), 12)
    cv2.rectangle(drawn, (100, 100), (200, 200), (150, 0, 0), -1)
    return drawn


def disc() -> Pixels:
    drawn = sheet(200, 200)
    cv2.circle(drawn, (100, 100), 80, (0, 0, 0), -1)
    return drawn


def overlap(first: Crop, second: Crop) -> float:
    """Intersection over union, by masks."""
    masks = np.zeros((2, 700, 700), bool)
    for mask, box in zip(masks, (first, second), strict=True):
        mask[box.y : box.y + box.height, box.x : box.x + box.width] = True
    return float((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())


@pytest.mark.parametrize(
    ("mark", "box"),
    [
        (lockup(1), SYMBOL),
        (lockup(1), Crop(170, 40, 230, 60)),
        (two_discs(), Crop(30, 30, 100, 100)),
        (two_discs(), Crop(270, 30, 100, 100)),
        (ringed_star(), Crop(100, 100, 101, 101)),
    ],
    ids=["symbol of a lockup", "word of a lockup", "left disc", "right disc", "device in a ring"],
)
def test_what_stands_apart_is_an_element(mark: Pixels, box: Crop) -> None:
    margin = round(MARGIN * max(box.width, box.height))
    left, top = max(0, box.x - margin), max(0, box.y - margin)
    right, bottom = (
        min(extent, start + length + margin)
        for extent, start, length in zip(mark.shape[1::-1], (box.x, box.y), (box.width, box.height), strict=True)
    )
    box = Crop(left, top, right - left, bottom - top)
    assert max(overlap(found, box) for found in elements(mark)) > 0.7


@pytest.mark.parametrize("mark", [lockup(1), two_discs(), ringed_star(), disc(), symbol(3)])
def test_elements_are_few_lie_inside_and_are_not_the_mark(mark: Pixels) -> None:
    found = elements(mark)
    height, width = mark.shape[:2]
    assert len(found) <= MOST
    for box in found:
        assert box.x >= 0
        assert box.x + box.width <= width
        assert box.y >= 0
        assert box.y + box.height <= height
        assert (mark[box.y : box.y + box.height, box.x : box.x + box.width] < 200).any()
    for first, second in product(found, found):
        assert first == second or overlap(first, second) < 0.95


def test_a_blank_sheet_has_none() -> None:
    assert elements(sheet(50, 40)) == ()


@pytest.mark.parametrize("share", [0.002, 0.02, 0.5])
def test_groups_are_boxes_around_the_ink_that_a_gap_leaves_together(share: float) -> None:
    ink = np.random.default_rng(0).random((70, 100)) < share
    expected = []
    for reach in (1, 1 + 2 * round(0.03 * 50), 1 + 2 * round(0.08 * 50)):
        joined = cv2.dilate(ink.astype(np.uint8), np.ones((reach, reach), np.uint8))
        _, labels = cv2.connectedComponents(joined, connectivity=8)
        expected += [box_of(ink & (labels == label)) for label in range(1, labels.max() + 1)]
    assert _groups(ink) == expected


def test_the_most_ink_comes_first_and_size_does_not_matter() -> None:
    mark = lockup(2)
    found = elements(mark)
    inks = [
        float((mark[box.y : box.y + box.height, box.x : box.x + box.width].min(axis=2) < 207).sum()) for box in found
    ]
    assert all(before > 0.9 * after for before, after in pairwise(inks))
    twice = elements(cv2.resize(mark, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST))
    for box, large in zip(found, twice, strict=True):
        assert overlap(box, Crop(large.x // 2, large.y // 2, large.width // 2, large.height // 2)) > 0.85


def embedded(order: str, embeddings: torch.Tensor) -> EmbeddedMark:
    """A blank mark with these embeddings of itself and its elements."""
    pixels = np.full((40, 40, 3), 255, np.uint8)
    places = (None, *(Crop(x, 0, 9, 9) for x in range(len(embeddings) - 1)))
    return EmbeddedMark((order, "", ""), pixels, local_features(pixels), (), places, embeddings)


@pytest.mark.parametrize(("firsts", "seconds"), [(1, 4), (4, 1), (3, 5), (1, 1)])
def test_an_element_meets_the_whole_other_mark_alone(firsts: int, seconds: int) -> None:
    generator = torch.Generator().manual_seed(firsts)
    first, second = (torch.randn((count, 3), generator=generator) for count in (firsts, seconds))
    second[0] = first[0]  # the wholes are the most similar, and do not count
    one, other = embedded("a", first), embedded("b", second)
    there, back = (
        pair_score(*pair, lambda pairs: [float(a @ b) for a, b in pairs]) for pair in ((one, other), (other, one))
    )
    assert there.whole.log_odds == back.whole.log_odds == float(first[0] @ first[0])
    if firsts == seconds == 1:
        assert there.element is back.element is None
        return
    best, of_best = -np.inf, (0, 0)
    for a in range(firsts):
        for b in range(seconds):
            if (a == 0) != (b == 0) and float(first[a] @ second[b]) > best:
                best, of_best = float(first[a] @ second[b]), (a, b)
    assert there.element is not None
    assert back.element is not None
    assert there.element.numbers == back.element.numbers[::-1] == of_best
    assert there.element.log_odds == back.element.log_odds == best


@pytest.mark.parametrize(
    ("whole", "element", "score"),
    [(2.0, -4.0, 1.5), (2.0, 4.0, 3.0), (-20.0, 4.0, 3.0), (2.0, None, 1.5), (50.0, 0.0, 25.5)],
    ids=["the wholes", "the element", "only the element", "without an element", "beyond the bounds"],
)
def test_both_findings_are_weighed_by_the_greater(
    whole: float, element: float | None, score: float, model: Model
) -> None:
    """Log10 LRs of .5 + .5 * whole and 2 + .25 * element."""
    assert rule_of(model).combined(whole, element) == pytest.approx(score)


@pytest.fixture(scope="module")
def model(weighing_models: Path) -> Model:
    return load_model("tiny_marks", weighing_models)


def rule_of(model: Model) -> ElementRule:
    assert model.card.element_rule is not None
    return model.card.element_rule


@pytest.fixture(scope="module")
def examiner(model: Model) -> TrademarkExaminer:
    return TrademarkExaminer(model)


def compared(examiner: TrademarkExaminer, first: Pixels, second: Pixels) -> Comparison:
    return examiner.compare(exhibit_from_pixels(first, "a.png"), exhibit_from_pixels(second, "b.png"))


def large(pixels: Pixels) -> Pixels:
    return cv2.resize(pixels, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)


def test_a_symbol_is_found_in_its_lockup(examiner: TrademarkExaminer, model: Model) -> None:
    rule = rule_of(model)
    found = compared(examiner, large(np.pad(symbol(1), ((20, 20), (20, 20), (0, 0)), constant_values=255)), lockup(1))
    element = found.element
    assert element is not None
    assert found.whole is not None
    assert element.evidence is not None
    assert element.score == element.log_odds + rule.agreement_weight * element.agreement.share
    assert found.score == found.log_odds + examiner.card.agreement_weight * found.agreement.share
    assert found.whole.score == found.score
    assert found.evidence is not None
    assert found.evidence.score == rule.combined(found.score, element.score)
    assert element.decides == (found.evidence.score > rule.whole.unbounded(found.score))
    assert found.evidence.log10_lr == pytest.approx(np.clip(found.evidence.score, -1, 2))
    for place, mark in zip(element.places, found.marks, strict=True):
        if place is not None:
            assert place.x + place.width <= mark.pixels.shape[1]
            assert place.y + place.height <= mark.pixels.shape[0]
    assert "places" in as_json(found)["element"]


@pytest.mark.parametrize("seeds", [(1, 1), (1, 2)])
def test_elements_are_the_same_whichever_mark_comes_first(examiner: TrademarkExaminer, seeds: tuple[int, int]) -> None:
    first, second = lockup(seeds[0]), large(symbol(seeds[1]))
    there, back = compared(examiner, first, second), compared(examiner, second, first)
    assert there.element is not None
    assert back.element is not None
    assert back.element.places[::-1] == there.element.places
    assert back.element.score == there.element.score
    assert back.score == there.score
    assert [heatmap.raw.tobytes() for heatmap in back.element.heatmaps[::-1]] == [
        heatmap.raw.tobytes() for heatmap in there.element.heatmaps
    ]
    assert there.element.agreement.matched == back.element.agreement.matched


def test_the_element_that_is_shown_is_the_most_similar_to_the_whole_other_mark(examiner: TrademarkExaminer) -> None:
    exhibits = [exhibit_from_pixels(drawn, "mark.png") for drawn in (lockup(1), large(symbol(1)))]
    views = [examiner.view(exhibit) for exhibit in exhibits]
    found = examiner.compare(exhibits[0], exhibits[1]).element
    assert found is not None
    every = {}
    places = [(None, *(element.place for element in view.elements)) for view in views]
    for first, of_first in zip((views[0], *views[0].elements), places[0], strict=True):
        for second, of_second in zip((views[1], *views[1].elements), places[1], strict=True):
            if (of_first is None) != (of_second is None):
                seen = examiner.embed([first.image, second.image])
                every[of_first, of_second] = examiner.compare_embedded([(seen[0], seen[1])])[0]
    assert found.log_odds == pytest.approx(max(every.values()), abs=1e-3)
    assert every[found.places] == pytest.approx(found.log_odds, abs=1e-3)


@pytest.mark.parametrize("swapped", [False, True])
def test_the_heatmaps_of_an_element_are_those_of_a_pass_of_their_own(
    examiner: TrademarkExaminer, swapped: bool
) -> None:
    """The whole mark beside it was seen before; here the network sees both again."""
    drawn = [lockup(1), large(symbol(1))]
    views = [examiner.view(exhibit_from_pixels(mark, "mark.png")) for mark in (drawn[::-1] if swapped else drawn)]
    element = examiner.judge([(views[0], views[1])])[0].element
    assert element is not None
    images = []
    for view, place in zip(views, element.places, strict=True):
        images.append(next((one for one in view.elements if one.place == place), view).image)
    canonical = views[0].order <= views[1].order
    network: Any = examiner.model.network
    with torch.no_grad():
        feature_maps = network.features(torch.stack(images if canonical else images[::-1]))
    _, raw = HeadGradCam(network.head)(feature_maps, log_odds_similar)
    for heatmap, expected in zip(element.heatmaps, raw if canonical else raw[::-1], strict=True):
        np.testing.assert_allclose(heatmap.raw, expected, rtol=1e-4, atol=1e-5)


def test_several_pairs_have_the_elements_of_each_alone(examiner: TrademarkExaminer) -> None:
    marks = [examiner.view(exhibit_from_pixels(mark, "mark.png")) for mark in (lockup(1), large(symbol(1)), lockup(2))]
    pairs = [(marks[0], marks[1]), (marks[1], marks[2]), (marks[2], marks[0])]
    for together, pair in zip(examiner.judge(pairs), pairs, strict=True):
        alone = examiner.judge([pair])[0]
        assert (together.element is None) == (alone.element is None)
        if together.element is not None and alone.element is not None:
            assert together.element.places == alone.element.places
            for one, other in zip(together.element.heatmaps, alone.element.heatmaps, strict=True):
                np.testing.assert_allclose(one.raw, other.raw, rtol=1e-4, atol=1e-5)


def test_a_model_without_the_rule_weighs_only_wholes(model: Model) -> None:
    plain = TrademarkExaminer(dataclasses.replace(model, card=dataclasses.replace(model.card, element_rule=None)))
    found = compared(plain, lockup(1), large(symbol(1)))
    assert found.element is None
    assert found.whole is None
    assert found.score == found.log_odds + plain.card.agreement_weight * found.agreement.share
