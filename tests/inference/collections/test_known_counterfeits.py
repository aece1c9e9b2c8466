"""Known counterfeits of a collection: what they calibrate, and of how many it says that they deviate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.collections.collection import Collection, EnrolledPhoto
from inference.collections.enrolling import Enrolment, KnownPhoto
from inference.collections.examiner import CollectionExaminer
from inference.collections.files import load_collection, save_collection
from inference.collections.known_counterfeits import own_calibration, power_over_known
from inference.evidence.calibration import LEAST_SOURCES
from inference.evidence.collection_rule import SIDES, CollectionRule, EnrolledCalibration
from inference.intake.exhibit import exhibit_from_pixels
from inference.records import Power, Refusal
from inference.request import Request

RULE = CollectionRule({"patches": 1.0}, 5)
rng = np.random.default_rng(0)


def photos(name: str, deviations: Any) -> list[EnrolledPhoto]:
    """A photo of an item for each deviation."""
    return [
        EnrolledPhoto(f"{name} {number}.png", "a" * 64, f"{name} {number}", None, 0.9, "", (("patches", float(one)),))
        for number, one in enumerate(deviations)
    ]


GENUINE = photos("genuine", rng.normal(0, 1, 30))
FORGED = photos("forged", rng.normal(4, 1, 25))


def test_its_own_items_calibrate_its_scores() -> None:
    found = own_calibration(GENUINE, FORGED, RULE)
    assert found is not None
    assert found.sides == SIDES
    assert found.sources == (25, 30)
    assert found.population == "30 genuine items of the collection and 25 known counterfeits"
    among = {"patches": [dict(photo.deviations)["patches"] for photo in GENUINE]}
    assert found.log10_lrs(np.array(RULE.score({"patches": 5.0}, among))) > 1
    assert found.log10_lrs(np.array(RULE.score({"patches": 0.0}, among))) < -1


@pytest.mark.parametrize(
    ("genuine", "forged"),
    [
        (GENUINE, []),
        (GENUINE[: LEAST_SOURCES - 1], FORGED),
        (GENUINE, FORGED[: LEAST_SOURCES - 1]),
        # Photos of few items are few sources.
        (GENUINE, [replace(photo, item="one") for photo in FORGED]),
        (FORGED[:20], GENUINE),
    ],
)
def test_too_few_or_no_better_than_genuine_ones_calibrate_nothing(
    genuine: list[EnrolledPhoto], forged: list[EnrolledPhoto]
) -> None:
    assert own_calibration(genuine, forged, RULE) is None


def test_the_share_that_is_found_is_that_of_a_calibration_that_never_met_them() -> None:
    calibration = own_calibration(photos("g", rng.normal(0, 1, 60)), photos("f", rng.normal(5, 1, 60)), RULE)
    assert calibration is not None
    rule = replace(RULE, calibrations=(EnrolledCalibration(20, calibration),))
    met = photos("met", [0.0, 9.0, 9.0])
    assert power_over_known(GENUINE, met, rule) == (Power("counterfeit", 0.0, 2, 3),)
    assert power_over_known(GENUINE[:10], met, rule) == (), "no calibration beside so few"
    assert power_over_known(GENUINE, [], rule) == ()


@pytest.fixture(scope="module")
def forged_photos(lettered: Any) -> list[KnownPhoto]:
    noise = np.random.default_rng(0).integers(0, 256, (92, 148, 3), np.uint8)
    return [
        *(KnownPhoto(lettered("quorum/counterfeit", 50 + number), f"seized {number}") for number in range(2)),
        KnownPhoto(exhibit_from_pixels(noise, "noise.png"), "noise"),
    ]


@pytest.fixture(scope="module")
def collection(
    examiner: CollectionExaminer, genuine_photos: list[KnownPhoto], forged_photos: list[KnownPhoto]
) -> Collection:
    return examiner.enrol(Enrolment("Label", "Quorum 2", genuine_photos, forged_photos))


def test_a_known_counterfeit_is_judged_as_a_questioned_photo_is(
    collection: Collection, labels: Collection, forged_photos: list[KnownPhoto], examiner: CollectionExaminer
) -> None:
    assert collection.photos == labels.photos, "they are no part of the reference"
    *judged, noise = collection.counterfeits
    assert "does not fit the other photos" in noise.left_out
    assert len(collection.known_counterfeits) == len(judged)
    for known, photo in zip(judged, forged_photos, strict=False):
        found = examiner.examine(collection, Request(photo.exhibit))
        deviations = {one.witness: one.deviation for one in found.witnesses}
        assert dict(known.deviations) == pytest.approx(deviations)


def test_they_are_kept_and_its_own_calibration_decides(
    collection: Collection, examiner: CollectionExaminer, lettered: Any, tmp_path: Path
) -> None:
    own = own_calibration(GENUINE, FORGED, RULE)
    save_collection(replace(collection, calibration=own), tmp_path)
    found = load_collection(collection.name, tmp_path)
    assert (found.counterfeits, found.calibration) == (collection.counterfeits, own)
    evidence = examiner.examine(found, Request(lettered("quorum/genuine", 40))).evidence
    assert evidence is not None
    assert evidence.population == "30 genuine items of the collection and 25 known counterfeits"


@pytest.mark.parametrize(("item", "words"), [("other", "handed in as genuine and"), ("item 0", "is named both")])
def test_what_is_said_to_be_both_is_refused(
    item: str,
    words: str,
    genuine_photos: list[KnownPhoto],
    forged_photos: list[KnownPhoto],
    examiner: CollectionExaminer,
) -> None:
    exhibit = genuine_photos[0].exhibit if item == "other" else forged_photos[0].exhibit
    with pytest.raises(Refusal, match=words):
        examiner.enrol(Enrolment("Label", "Quorum 2", genuine_photos, [KnownPhoto(exhibit, item)]))


def test_one_whose_lines_do_not_lie_on_the_genuine_ones_is_left_out_with_the_reason(
    examiner: CollectionExaminer,
    genuine_photos: list[KnownPhoto],
    forged_photos: list[KnownPhoto],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("inference.collections.enrolling.LEAST_AGREEMENT", 0.999)
    found = examiner.enrol(Enrolment("Label", "Quorum 2", genuine_photos, forged_photos[:1]))
    (stray,) = found.counterfeits
    assert "its lines do not lie on those of the others" in stray.left_out
    assert (found.known_counterfeits, stray.deviations) == ((), ())
