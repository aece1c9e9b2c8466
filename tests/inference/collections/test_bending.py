"""The smooth bend: it lays a curled photo onto the mean of flat ones, and undoes no alteration."""

from __future__ import annotations

import dataclasses
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from inference.collections.alterations import Area, scaled, shifted, turned
from inference.collections.bending import bend, bent, bent_mask, straightened
from inference.collections.collection import Collection
from inference.collections.enrolling import Enrolment, KnownPhoto, enrol
from inference.collections.examiner import CollectionExaminer
from inference.evidence.collection_rule import CollectionRule
from inference.files import png_bytes
from inference.intake.exhibit import read_exhibit
from inference.reference.edges import edge_strength, tolerant
from inference.reference.geometry import Pixels
from inference.request import Request
from training.assessment.house_witnesses import EdgesAlone

HEIGHT, WIDTH = 224, 448
WHOLE = np.ones((HEIGHT, WIDTH), bool)


@pytest.fixture(scope="module")
def flat() -> Pixels:
    """A printed label: lines of lettering, a frame and rings."""
    page = np.full((HEIGHT, WIDTH, 3), 225, np.uint8)
    cv2.rectangle(page, (14, 14), (WIDTH - 15, HEIGHT - 15), (40, 60, 90), 3)
    for row, words in enumerate(("GENUINE 50000", "NOTA ALBA 17", "QUORUM XK 93")):
        cv2.putText(page, words, (34, 70 + 58 * row), cv2.FONT_HERSHEY_DUPLEX, 1.3, (30, 40, 60), 3, cv2.LINE_AA)
    for place in (380, 410):
        cv2.circle(page, (place, 120), 22, (90, 30, 30), 3, cv2.LINE_AA)
    return page


@pytest.fixture(scope="module")
def mean(flat: Pixels) -> np.ndarray:
    return tolerant(edge_strength(flat))


def curl(most: float, picture: Pixels) -> Pixels:
    """The left third lifts, most at the edge, and the middle sags a little."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    along = columns / picture.shape[1]
    down = most * np.clip(1 - 2.2 * along, 0, 1) ** 1.5 + 0.3 * most * np.sin(np.pi * along)
    return np.asarray(cv2.remap(picture, columns, rows + down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def correlation(picture: Pixels, mean: np.ndarray) -> float:
    return float(np.corrcoef(tolerant(edge_strength(picture)).ravel(), mean.ravel())[0, 1])


@pytest.mark.parametrize("most", [-16.0, 8.0, 20.0])
def test_a_curl_is_taken_away(flat: Pixels, mean: np.ndarray, most: float) -> None:
    curled = curl(most, flat)
    straight, seen = straightened(curled, WHOLE, mean)
    assert correlation(straight, mean) > max(0.9, correlation(curled, mean) + 0.1)
    assert seen.mean() > 0.9


def test_points_come_from_where_they_moved_to(flat: Pixels) -> None:
    """By hand: each point is looked up."""
    moves = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    moves[..., 0], moves[..., 1] = 5, -3
    found, seen = bent(flat, moves), bent_mask(WHOLE, moves)
    for row, column in [(10, 10), (100, 300), (200, 400), (60, 40)]:
        assert (found[row, column] == flat[row - 3, column + 5]).all()
    assert not seen[:3].any()
    assert not seen[:, -5:].any()
    assert seen[3:, :-5].all()


@pytest.mark.parametrize("seed", range(3))
def test_a_flat_photo_is_left_as_it_is(flat: Pixels, mean: np.ndarray, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 12, flat.shape)
    photo = np.clip(flat + noise, 0, 255).astype(np.uint8)
    assert bend(photo, WHOLE, mean) is None
    assert straightened(photo, WHOLE, mean)[0] is photo


@pytest.mark.parametrize("curled", [False, True], ids=["flat", "curled"])
@pytest.mark.parametrize("how", ["wider", "turned", "shifted"])
def test_an_alteration_survives(flat: Pixels, mean: np.ndarray, how: str, curled: bool) -> None:
    area = Area(150, 115, 36, 30)
    altered = {
        "wider": lambda: scaled(flat, area, 0.17, 0),
        "turned": lambda: turned(flat, area, 8),
        "shifted": lambda: shifted(flat, area, 8, 0),
    }[how]()
    asked = curl(12.0, altered) if curled else altered
    within = np.s_[90:140, 120:180]

    def deviates(picture: Pixels) -> float:
        return float(np.abs(tolerant(edge_strength(picture)) - mean)[within].mean())

    found, _ = straightened(asked, WHOLE, mean)
    assert deviates(found) > 0.8 * deviates(altered)


@pytest.mark.parametrize(
    "nothing", [np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.full((HEIGHT, WIDTH, 3), 128, np.uint8)]
)
def test_without_an_edge_nothing_is_bent(mean: np.ndarray, nothing: Pixels) -> None:
    assert bend(nothing, WHOLE, mean) is None
    assert bend(nothing, ~WHOLE, 0 * mean) is None


def test_a_collection_of_items_that_bend_lays_photos_on_each_other(flat: Pixels) -> None:
    noise = np.random.default_rng(0)

    def photo(number: int) -> KnownPhoto:
        curled = curl(9.0 * (number - 2), flat) + noise.normal(0, 6, flat.shape)
        encoded = png_bytes(Image.fromarray(np.clip(curled, 0, 255).astype(np.uint8)))
        return KnownPhoto(read_exhibit(encoded, f"{number}.png"), f"item {number}")

    photos, rule = [photo(number) for number in range(6)], CollectionRule({"patches": 1.0}, 5)
    stiff, bending = (
        enrol(
            Enrolment("Label", "Alba", photos, bends=bends),
            {"patches": EdgesAlone()},
            {"patches": "a" * 64},
            rule,
            long_side=224,
        )
        for bends in (False, True)
    )
    assert (stiff.card.bends, bending.card.bends) == (False, True)
    assert bending.reference.mean.std() > 1.01 * stiff.reference.mean.std(), "edges on each other are stronger"


def test_the_record_says_that_a_photo_was_bent(examiner: CollectionExaminer, labels: Collection, lettered: Any) -> None:
    request = Request(lettered("quorum/genuine", 40))
    how = [
        examiner.examine(dataclasses.replace(labels, bends=bends), request).provenance.preprocessing[0]
        for bends in (False, True)
    ]
    assert how[0].endswith("by a homography")
    assert how[1] == f"{how[0]} and a smooth bend"
