"""What an examination beside a collection says, and when it says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import cv2
import numpy as np
import pytest

from inference.collections.collection import Collection
from inference.collections.enrolling import KnownPhoto
from inference.collections.examiner import CollectionExaminer
from inference.collections.witnesses import PatchFeatures, PatchWitness, patch_levels
from inference.evidence.collection_rule import PATCHES_HEARD_FROM, SIDES
from inference.intake.exhibit import exhibit_from_pixels
from inference.models.card import WeightsRefused
from inference.models.embedding import frozen_embedding
from inference.models.engines.engine import TorchEngine
from inference.models.weights import Model
from inference.networks.backbones import Backbone
from inference.records import Crop, Deviation, Refusal
from inference.reference.geometry import flipped
from inference.request import Request


@pytest.fixture(scope="module")
def altered(examiner: CollectionExaminer, labels: Collection, lettered: Any) -> Deviation:
    return examiner.examine(labels, Request(lettered("quorum/counterfeit", 40), "Quorum 2"))


def test_each_witness_is_judged_beside_what_it_keeps(labels: Collection, altered: Deviation) -> None:
    frozen = frozen_embedding()
    levels = TorchEngine(patch_levels(cast("Backbone", frozen.backbone)))
    witness = PatchWitness(PatchFeatures(levels, frozen.preprocessing))
    known = labels.known["patches"]
    height, width = labels.reference.mean.shape
    homography = np.array(altered.reference.homography)
    inside = cv2.warpPerspective(np.ones(altered.exhibit.pixels.shape[:2], np.float32), homography, (width, height))
    alone = witness.map(altered.reference.registered, inside > 0.99, known.kept).beyond(known.usual)
    shape, patches = altered.witnesses
    assert (shape.witness, patches.witness) == ("comparator", "patches")
    assert patches.deviation == pytest.approx(alone.score, abs=1e-3)
    assert altered.score == pytest.approx(shape.score + max(patches.score - PATCHES_HEARD_FROM, 0))
    assert altered.reference.deviation == altered.score


def test_an_altered_part_deviates_where_it_is_altered(labels: Collection, altered: Deviation, lettered: Any) -> None:
    both = (lettered.drawing(f"quorum/{label}") for label in ("genuine", "counterfeit"))
    flat = (next(both).astype(int) != next(both)).any(axis=2).astype(np.float32)
    photo = cv2.warpPerspective(flat, lettered.view(40), altered.exhibit.pixels.shape[1::-1])
    height, width = labels.reference.mean.shape
    where = cv2.warpPerspective(photo, np.array(altered.reference.homography), (width, height)) > 0.5
    assert altered.areas
    box = altered.areas[0].box
    assert where[box.y : box.y + box.height, box.x : box.x + box.width].any()


def test_evidence_is_weighed_by_the_calibration_beside_so_many_photos(
    altered: Deviation, labels: Collection, comparator: Model
) -> None:
    rule = comparator.card.collection_rule
    assert rule is not None
    (only,) = rule.calibrations
    assert altered.evidence is not None
    assert altered.evidence.log10_lr == only.calibration.evidence(altered.score).log10_lr
    assert altered.outcome in (*SIDES, "inconclusive")
    assert altered.typicality.of == len(labels.card.items) == 7
    assert altered.provenance.settings["collection_sha256"] == labels.sha256


def test_without_a_calibration_no_side_is_taken(comparator: Model, labels: Collection, lettered: Any) -> None:
    rule = comparator.card.collection_rule
    assert rule is not None
    alone = replace(comparator, card=replace(comparator.card, collection_rule=replace(rule, calibrations=())))
    found = CollectionExaminer(alone).examine(labels, Request(lettered("quorum/counterfeit", 40)))
    assert (found.outcome, found.evidence) == ("inconclusive", None)
    assert found.reason.startswith(f"{found.typicality}; tiny_comparator has no calibration beside 7 photos")


def test_what_is_no_such_part_is_out_of_scope(examiner: CollectionExaminer, labels: Collection, lettered: Any) -> None:
    mirrored = exhibit_from_pixels(flipped(lettered.photo("quorum/genuine", 30)), "mirrored.png")
    noise = exhibit_from_pixels(np.random.default_rng(0).integers(0, 256, (92, 148, 3), np.uint8), "noise.png")
    blank = exhibit_from_pixels(np.full((92, 148, 3), 90, np.uint8), "blank.png")
    for exhibit, name in ((mirrored, "mirrored"), (noise, "reference"), (blank, "content")):
        found = examiner.examine(labels, Request(exhibit))
        assert (found.outcome, found.evidence) == ("out of scope", None)
        refused = [check.name for check in found.scope_checks if check.status == "refuse"]
        assert refused[0] == name


def test_a_crop_is_examined_alone(examiner: CollectionExaminer, labels: Collection, lettered: Any) -> None:
    part = lettered.photo("quorum/genuine", 21)
    wide = np.full((part.shape[0] + 90, part.shape[1] + 110, 3), 127, np.uint8)
    crop = Crop(70, 50, part.shape[1], part.shape[0])
    wide[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width] = part
    found = examiner.examine(labels, Request(exhibit_from_pixels(wide, "wide.png"), crop=crop))
    alone = examiner.examine(labels, Request(exhibit_from_pixels(part, "part.png")))
    assert found.score == alone.score
    assert (found.box, alone.box) == ("examiner", "whole picture")
    with pytest.raises(Refusal, match="reaches outside"):
        examiner.examine(labels, Request(exhibit_from_pixels(part, "part.png"), crop=crop))


def test_a_collection_of_other_weights_or_another_series_is_refused(
    examiner: CollectionExaminer, labels: Collection, genuine_photos: list[KnownPhoto]
) -> None:
    exhibit = genuine_photos[0].exhibit
    other = replace(labels, made_with={**labels.made_with, "comparator": "e" * 64})
    with pytest.raises(Refusal, match="was made with other weights than those of tiny_comparator; enrol its photos"):
        examiner.examine(other, Request(exhibit))
    with pytest.raises(Refusal, match="holds Quorum 2, not Avelo"):
        examiner.examine(labels, Request(exhibit, "Avelo"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"task": "authenticity"}, "not a comparator"), ({"collection_rule": None}, "finish its training")],
)
def test_a_model_that_cannot_judge_is_refused(comparator: Model, changed: Any, message: str) -> None:
    with pytest.raises(WeightsRefused, match=message):
        CollectionExaminer(replace(comparator, card=replace(comparator.card, **changed)))
