"""The locator in use: what it finds, what it proposes, and what a verdict records of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from inference.authenticity.examiner import AuthenticityExaminer
from inference.locator.examiner import Locator, non_maximum_suppression
from inference.models.card import WeightsRefused
from inference.models.catalogue import read_catalogue
from inference.models.weights import load_model
from inference.networks.locator import Locator as LocatorNetwork
from inference.records import Crop, Exhibit, as_json

BLUE, RED = "blue/genuine", "red/counterfeit"


@pytest.fixture(scope="module")
def locator(goods_models: Path) -> Locator:
    return Locator.load("tiny_locator", goods_models)


def ruled(locator: Locator, goods_models: Path, **changed: Any) -> Locator:
    """The same locator with another rule in its card."""
    model = load_model("tiny_locator", goods_models)
    return Locator(replace(model, card=replace(model.card, find_rule=replace(locator.rule, **changed))))


def overlap(one: Any, other: Any) -> float:
    """Intersection over union of two boxes, counted pixel by pixel."""
    masks = np.zeros((2, 96, 128), bool)
    for mask, (left, top, right, bottom) in zip(masks, (one, other), strict=True):
        mask[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
    return float((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())


def corners(crop: Crop) -> tuple[int, int, int, int]:
    return crop.x, crop.y, crop.x + crop.width, crop.y + crop.height


@pytest.mark.parametrize("seed", [100, 103, 106])
@pytest.mark.parametrize("names", [(), (BLUE,), (RED, BLUE)], ids=["none", "one", "two"])
def test_every_part_is_found_and_nothing_else(locator: Locator, goods: Any, seed: int, names: tuple[str, ...]) -> None:
    detections = locator.locate(goods(seed, names))
    _, boxes = goods.photo(seed, names)
    assert len(detections) == len(boxes)
    assert {find.part for find in detections} <= {"striped_part"}
    assert [find.score for find in detections] == sorted((find.score for find in detections), reverse=True)
    for box in boxes:
        assert max(overlap(box, corners(find.crop)) for find in detections) > 0.55


def test_the_two_halves_give_the_boxes_of_fcos(goods_models: Path) -> None:
    network = cast("LocatorNetwork", load_model("tiny_locator", goods_models).network)
    pictures = [torch.randn(3, 64, 96), torch.randn(3, 80, 50)]
    with torch.no_grad():
        for ours, theirs in zip(network(pictures), network.fcos(pictures), strict=True):
            assert len(ours["boxes"]) > 0
            assert ours.keys() == theirs.keys()
            assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_boxes_are_in_pixels_of_the_picture_whatever_its_size(locator: Locator, goods: Any) -> None:
    pixels, boxes = goods.photo(100, (BLUE,))
    found, labels, scores = locator.detect(pixels)
    larger, _, _ = locator.detect(np.repeat(np.repeat(pixels, 3, 0), 3, 1))
    assert (found.shape[1], labels[0], scores[0] <= 1) == (4, 0, True)
    assert overlap(found[0], boxes[0]) > 0.6
    assert overlap(larger[0] / 3, boxes[0]) > 0.6


def test_finds_do_not_depend_on_thread_or_repetition(locator: Locator, goods: Any) -> None:
    exhibits = [goods(seed, (BLUE, RED)) for seed in range(100, 104)]
    alone = [locator.locate(exhibit) for exhibit in exhibits]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(locator.locate, exhibits * 2)) == alone * 2


def test_a_crop_is_the_box_with_its_margin_inside_the_picture(locator: Locator, goods_models: Path, goods: Any) -> None:
    exhibit = goods(1, ())
    wide = ruled(locator, goods_models, margin=0.1)
    for box, expected in (
        ((20.0, 30.0, 60.0, 50.0), Crop(16, 26, 48, 28)),
        ((0.0, 0.0, 127.5, 20.0), Crop(0, 0, 128, 33)),
        ((120.4, 90.0, 128.0, 96.0), Crop(119, 89, 9, 7)),
    ):
        assert wide.proposed_crop(exhibit, box) == expected


def test_a_close_up_is_proposed_whole(locator: Locator, goods_models: Path, goods: Any) -> None:
    exhibit, several = goods(100, (BLUE,)), goods(100, (BLUE, RED))
    (find,) = locator.locate(exhibit)
    assert not find.close_up
    spans = max(find.crop.width / exhibit.width, find.crop.height / exhibit.height)
    near = ruled(locator, goods_models, close_up=spans - 0.15)
    (whole,) = near.locate(exhibit)
    assert (whole.close_up, whole.crop, whole.score) == (True, Crop(0, 0, exhibit.width, exhibit.height), find.score)
    # With two parts on it, a photo is of neither.
    assert [found.close_up for found in near.locate(several)] == [False, False]


def test_the_threshold_and_the_overlap_are_the_cards(locator: Locator, goods_models: Path, goods: Any) -> None:
    exhibit = goods(100, (BLUE,))
    assert len(ruled(locator, goods_models, least_score=0.02).locate(exhibit)) > 1
    assert ruled(locator, goods_models, least_score=0.999).locate(exhibit) == ()
    boxes, _, scores = ruled(locator, goods_models, overlap=0.2).detect(exhibit.pixels)
    assert list(scores) == sorted(scores, reverse=True)
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    for index, box in enumerate(boxes):
        assert all(overlap(box, other) < 0.35 for other in boxes[:index])


BOXES = {
    "far from each other": ([(0, 0, 10, 10), (20, 0, 30, 10)], [0.6, 0.9], [1, 0]),
    "nearly the same": ([(0, 0, 10, 10), (1, 0, 11, 10)], [0.6, 0.9], [1]),
    "one within the other, union by far larger": ([(0, 0, 40, 40), (5, 5, 15, 15)], [0.9, 0.6], [0]),
    "the inner one surer": ([(0, 0, 40, 40), (5, 5, 15, 15)], [0.6, 0.9], [1]),
    "side by side, a little over each other": ([(0, 0, 10, 10), (7, 0, 17, 10)], [0.6, 0.9], [1, 0]),
    "what a dropped one hid": ([(0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10)], [0.9, 0.8, 0.7], [0, 2]),
    "equally sure, the first one": ([(0, 0, 10, 10), (1, 0, 11, 10)], [0.9, 0.9], [0]),
    "none": ([], [], []),
}


@pytest.mark.parametrize(("boxes", "scores", "kept"), BOXES.values(), ids=BOXES)
def test_of_boxes_that_share_most_of_the_smaller_the_best_one_counts(
    boxes: list[tuple[int, int, int, int]], scores: list[float], kept: list[int]
) -> None:
    assert (
        non_maximum_suppression(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), 0.5) == kept
    )


def test_other_models_are_no_locators(goods_models: Path) -> None:
    with pytest.raises(WeightsRefused, match="tiny_parts is a model for authenticity, not a locator"):
        Locator.load("tiny_parts", goods_models)
    model = load_model("tiny_locator", goods_models)
    with pytest.raises(WeightsRefused, match="does not state what counts as a detection"):
        Locator(replace(model, card=replace(model.card, find_rule=None)))
    with pytest.raises(WeightsRefused, match="tiny_locator is a model for locator, not for authenticity"):
        AuthenticityExaminer.load("tiny_locator", goods_models)


def test_a_find_leads_to_the_models_of_its_part(goods_models: Path) -> None:
    catalogue = read_catalogue(goods_models)
    assert catalogue.names("locator") == ("tiny_locator",)
    assert catalogue.names("authenticity", "striped_part") == ("tiny_parts",)
    assert catalogue.names("authenticity", "metal_buckle") == ()
    assert catalogue.names("authenticity") == ("tiny_parts",)


def test_a_verdict_records_who_chose_its_box(locator: Locator, goods_models: Path, goods: Any) -> None:
    examiner = AuthenticityExaminer.load("tiny_parts", goods_models)
    exhibit: Exhibit = goods(100, (BLUE,))
    (find,) = locator.locate(exhibit)
    proposal = locator.located(find)
    turned, corrected = replace(find.crop, turn=90), replace(find.crop, x=find.crop.x + 1)
    for crop, located, box in (
        (None, None, "whole picture"),
        (None, proposal, "whole picture"),
        (find.crop, None, "examiner"),
        (find.crop, proposal, "locator"),
        (turned, proposal, "locator"),
        (corrected, proposal, "examiner"),
    ):
        verdict = examiner.examine(exhibit, crop=crop, located=located)
        assert (verdict.box, verdict.crop, verdict.located) == (box, crop, located)
        stated = as_json(verdict)
        assert stated["box"] == box
        if located:
            assert stated["located"]["find"]["score"] == find.score
            assert stated["located"]["weights_sha256"] == locator.card.weights_sha256


def test_a_turned_crop_is_examined_as_the_upright_photo_is(goods_models: Path, goods: Any) -> None:
    examiner = AuthenticityExaminer.load("tiny_parts", goods_models)
    exhibit: Exhibit = goods(100, (BLUE,))
    upright = replace(exhibit, pixels=np.ascontiguousarray(np.rot90(exhibit.pixels, -1)))
    turned = examiner.examine(exhibit, crop=Crop(0, 0, exhibit.width, exhibit.height, 90))
    assert turned.log_odds == examiner.examine(upright).log_odds


def test_batch_normalisation_keeps_its_statistics_in_training(goods: Any) -> None:
    network = LocatorNetwork("efficientnet_lite0", 1, 64, 1)
    before = {name: value.clone() for name, value in network.backbone.state_dict().items() if "running" in name}
    pixels, boxes = goods.photo(0, (BLUE,))
    image = torch.from_numpy(pixels.transpose(2, 0, 1) / np.float32(255))
    network.train()
    loss = network.loss(
        [image] * 2, [{"boxes": torch.from_numpy(boxes), "labels": torch.zeros(1, dtype=torch.long)}] * 2
    )
    after = network.backbone.state_dict()
    assert loss.isfinite()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    # Where there is nothing, there is still something to learn.
    nothing = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)}
    assert network.loss([image], [nothing]) > 0
