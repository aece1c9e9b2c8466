"""Reference collections: which photos are enrolled, what is said of the others, and how rare a deviation is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inference.collections.collection import Collection, EnrolledPhoto, Typicality, left_out_maps
from inference.collections.enrolling import GenuinePhoto, enrol
from inference.collections.registered_photos import RegisteredPhotos
from inference.collections.witnesses import DeviationMap, Witness
from inference.intake.exhibit import exhibit_from_pixels
from inference.records import Refusal
from inference.reference.geometry import flipped

LONG_SIDE = 96


def brightness(photos: RegisteredPhotos, photo: int, reference: Any) -> DeviationMap:
    """A witness that is known: how far each cell's brightness lies from the reference's mean."""
    cells = photos.pixels[..., 0].astype(np.float32)[
        :, : photos.pixels.shape[1] // 4 * 4, : photos.pixels.shape[2] // 4 * 4
    ]
    count, height, width = cells.shape
    cells = cells.reshape(count, height // 4, 4, width // 4, 4).mean((2, 4))
    return DeviationMap(np.abs(cells[photo] - cells[list(reference)].mean(axis=0)), np.ones(cells.shape[1:], bool))


WITNESSES: dict[str, Witness] = {"brightness": brightness}


@pytest.fixture(scope="module")
def photos(lettered: Any) -> list[GenuinePhoto]:
    return [GenuinePhoto(lettered("quorum/genuine", seed), f"item {seed // 2}") for seed in range(8)]


@pytest.fixture(scope="module")
def collection(photos: list[GenuinePhoto]) -> Collection:
    return enrol(photos, "label", "quorum", WITNESSES, long_side=LONG_SIDE)


def test_photos_that_fit_each_other_are_enrolled(collection: Collection, photos: list[GenuinePhoto]) -> None:
    assert [photo.sha256 for photo in collection.photos] == [photo.exhibit.sha256 for photo in photos]
    assert len(collection.enrolled) >= 7
    assert collection.items == ("item 0", "item 1", "item 2", "item 3")
    assert max(collection.registered.pixels.shape[1:3]) == LONG_SIDE
    assert collection.reference.photos == len(collection.enrolled)
    assert collection.reference.mean == pytest.approx(
        collection.registered.mean_edges(range(len(collection.enrolled))), abs=1e-6
    )


def test_each_photo_deviates_from_those_of_other_items(collection: Collection) -> None:
    items = [photo.item for photo in collection.enrolled]
    maps = left_out_maps(brightness, collection.registered, items)
    for number, (photo, found) in enumerate(zip(collection.enrolled, maps, strict=True)):
        others = [other for other, item in enumerate(items) if item != photo.item]
        assert number not in others
        assert found.values == pytest.approx(brightness(collection.registered, number, others).values)
        usual = np.mean([maps[other].values for other in others], axis=0)
        own = DeviationMap((found.values - usual).astype(np.float32), found.covered)
        assert dict(photo.deviations)["brightness"] == pytest.approx(own.score, rel=1e-4)
    alone = left_out_maps(brightness, collection.registered, ["one"] * len(items))
    assert alone[0].values == pytest.approx(brightness(collection.registered, 0, range(1, len(items))).values)


def test_what_does_not_fit_is_left_out_with_the_reason(photos: list[GenuinePhoto], lettered: Any) -> None:
    mirrored = exhibit_from_pixels(flipped(lettered.photo("quorum/genuine", 30)), "mirrored.png")
    noise = exhibit_from_pixels(np.random.default_rng(0).integers(0, 256, (92, 148, 3), np.uint8), "noise.png")
    handed_in = [*photos, GenuinePhoto(mirrored, "m"), GenuinePhoto(noise, "n"), photos[0]]
    found = enrol(handed_in, "label", "quorum", WITNESSES, long_side=LONG_SIDE)
    why = {photo.name: photo.left_out for photo in found.photos}
    assert why["mirrored.png"] == "it shows the part mirrored"
    assert "does not fit the other photos" in why["noise.png"]
    assert len(found.photos) == len(photos) + 2
    assert all(bool(photo.deviations) != bool(photo.left_out) for photo in found.photos)


def test_progress_is_told_to_its_end(photos: list[GenuinePhoto]) -> None:
    told: list[tuple[str, float]] = []
    enrol(photos[:6], "label", "quorum", WITNESSES, lambda what, share: told.append((what, share)), LONG_SIDE)
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert any(photos[3].exhibit.name in what for what, _ in told)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ((0, 1, 2, 3), "needs 5 genuine photos, and 4 were handed in; add"),
        ((0, 1, 2, 3, 3), "5 were handed in, 1 of them twice"),
    ],
)
def test_too_few_are_refused(photos: list[GenuinePhoto], chosen: tuple[int, ...], message: str) -> None:
    with pytest.raises(Refusal, match=message):
        enrol([photos[number] for number in chosen], "label", "quorum", WITNESSES, long_side=LONG_SIDE)


def enrolled(item: str, deviation: float) -> EnrolledPhoto:
    return EnrolledPhoto("a.png", "0" * 64, item, 0.9, "", (("brightness", deviation),))


@pytest.mark.parametrize(
    ("deviation", "as_far", "most"),
    [(0.5, 3, 1.0), (1.5, 2, 0.75), (3.0, 1, 0.5), (3.1, 0, 0.25), (99.0, 0, 0.25)],
)
def test_typicality_is_never_finer_than_the_items_allow(
    collection: Collection, deviation: float, as_far: int, most: float
) -> None:
    photos = [enrolled("a", 1.0), enrolled("b", 2.0), enrolled("b", 0.1), enrolled("c", 3.0), enrolled("c", 2.5)]
    few = RegisteredPhotos(*(plane[:5] for plane in _planes(collection.registered)))
    own = Collection("label", "quorum", tuple(photos), collection.reference, few, collection.usual)
    found = own.typicality("brightness", deviation)
    assert found == Typicality(as_far, 3)
    assert found.most == most
    assert f"at most 1 in {1 / most:.3g}" in str(found)


def _planes(photos: RegisteredPhotos) -> tuple[np.ndarray, ...]:
    return photos.pixels, photos.covered, photos.edges


def test_a_genuine_item_is_as_rare_as_promised() -> None:
    """Of exchangeable items at most one in n deviates as rarely as 1 in n."""
    rng = np.random.default_rng(0)
    rare = 0
    for _ in range(2000):
        scores = rng.normal(size=10)
        rare += Typicality(int((scores[:9] >= scores[9]).sum()), 9).most <= 0.1
    assert rare / 2000 == pytest.approx(0.1, abs=0.02)


REFUSED = {
    "a fit beyond 1": lambda: EnrolledPhoto("a", "", "", 1.5),
    "left out and compared": lambda: EnrolledPhoto("a", "", "", 0.5, "why", (("brightness", 1.0),)),
    "more items than there are": lambda: Typicality(4, 3),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_a_record_that_cannot_be_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"correlation|left out|deviate as far"):
        make()
