"""Reference collections: which photos are enrolled, what is said of the others, and how rare a deviation is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inference.collections.collection import Collection, EnrolledPhoto
from inference.collections.enrolling import Enrolment, KnownPhoto, enrol
from inference.collections.left_out import left_out_maps
from inference.collections.registered_photos import RegisteredPhotos
from inference.collections.witnesses import DeviationMap, Kept, Mask, Plane, Witness, beside, usual_of
from inference.evidence.collection_rule import CollectionRule
from inference.intake.exhibit import exhibit_from_pixels
from inference.records import Crop, Refusal, Typicality, WitnessName
from inference.reference.cells import wholly
from inference.reference.geometry import Pixels, flipped

LONG_SIDE = 96


class Brightness:
    """A witness that is known: how far each cell's brightness lies from the genuine photos' mean."""

    def keep(self, photos: RegisteredPhotos, chosen: Sequence[int]) -> Kept:
        return {"mean": np.mean([self._cells(photos.pixels[photo]) for photo in chosen], axis=0)}

    def map(self, pixels: Pixels, covered: Mask, kept: Kept) -> DeviationMap:
        away = np.abs(self._cells(pixels) - kept["mean"])
        return DeviationMap(away.astype(np.float32), wholly(covered))

    def _cells(self, pixels: Pixels) -> Plane:
        grey = pixels[..., 0].astype(np.float32)
        height, width = (side // 4 for side in grey.shape)
        return grey[: height * 4, : width * 4].reshape(height, 4, width, 4).mean((1, 3))


WITNESS = Brightness()
WITNESSES: dict[WitnessName, Witness] = {"patches": WITNESS}
MADE_WITH: dict[WitnessName, str] = {"patches": "a" * 64}
RULE = CollectionRule({"patches": 1.0}, 5)


@pytest.fixture(scope="module")
def photos(lettered: Any) -> list[KnownPhoto]:
    return [KnownPhoto(lettered("quorum/genuine", seed), f"item {seed // 2}") for seed in range(8)]


@pytest.fixture(scope="module")
def collection(photos: list[KnownPhoto]) -> Collection:
    return enrol(
        Enrolment("label", "quorum", photos, keep_pictures=True), WITNESSES, MADE_WITH, RULE, long_side=LONG_SIDE
    )


@pytest.fixture(scope="module")
def pictures(collection: Collection) -> RegisteredPhotos:
    assert collection.pictures is not None
    return collection.pictures


def test_photos_that_fit_each_other_are_enrolled(
    collection: Collection, pictures: RegisteredPhotos, photos: list[KnownPhoto]
) -> None:
    assert [photo.sha256 for photo in collection.photos] == [photo.exhibit.sha256 for photo in photos]
    assert len(collection.enrolled) >= 7
    assert collection.card.items == ("item 0", "item 1", "item 2", "item 3")
    assert max(pictures.pixels.shape[1:3]) == LONG_SIDE
    assert collection.reference.photos == len(collection.enrolled)
    assert collection.reference.mean == pytest.approx(pictures.mean_edges(range(len(collection.enrolled))), abs=1e-3)


def test_a_collection_keeps_no_picture_unless_asked_to(photos: list[KnownPhoto], collection: Collection) -> None:
    found = enrol(Enrolment("label", "quorum", photos), WITNESSES, MADE_WITH, RULE, long_side=LONG_SIDE)
    assert found.pictures is None
    assert found.photos == collection.photos


def test_each_photo_deviates_from_those_of_other_items(collection: Collection, pictures: RegisteredPhotos) -> None:
    items = [photo.item for photo in collection.enrolled]
    maps = left_out_maps(WITNESS, pictures, items)
    for number, (photo, found) in enumerate(zip(collection.enrolled, maps, strict=True)):
        others = [other for other, item in enumerate(items) if item != photo.item]
        assert number not in others
        assert found.values == pytest.approx(beside(WITNESS, pictures, number, others).values)
        own = found.beyond(usual_of([maps[other] for other in others]))
        assert dict(photo.deviations)["patches"] == pytest.approx(own.score, rel=1e-4)
    alone = left_out_maps(WITNESS, pictures, ["one"] * len(items))
    assert alone[0].values == pytest.approx(beside(WITNESS, pictures, 0, range(1, len(items))).values)


def test_what_does_not_fit_is_left_out_with_the_reason(photos: list[KnownPhoto], lettered: Any) -> None:
    mirrored = exhibit_from_pixels(flipped(lettered.photo("quorum/genuine", 30)), "mirrored.png")
    noise = exhibit_from_pixels(np.random.default_rng(0).integers(0, 256, (92, 148, 3), np.uint8), "noise.png")
    handed_in = [*photos, KnownPhoto(mirrored, "m"), KnownPhoto(noise, "n"), photos[0]]
    found = enrol(Enrolment("label", "quorum", handed_in), WITNESSES, MADE_WITH, RULE, long_side=LONG_SIDE)
    why = {photo.name: photo.left_out for photo in found.photos}
    assert why["mirrored.png"] == "it shows the part mirrored"
    assert "does not fit the other photos" in why["noise.png"]
    assert len(found.photos) == len(photos) + 2
    assert all(bool(photo.deviations) != bool(photo.left_out) for photo in found.photos)


def test_a_photo_is_enrolled_by_its_crop(photos: list[KnownPhoto], lettered: Any) -> None:
    part = photos[5].exhibit.pixels
    wide = np.full((part.shape[0] + 120, part.shape[1] + 200, 3), 127, np.uint8)
    crop = Crop(150, 30, part.shape[1], part.shape[0])
    wide[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width] = part
    cropped = KnownPhoto(exhibit_from_pixels(wide, "wide.png"), photos[5].item, crop)
    found = enrol(Enrolment("label", "quorum", [*photos[:5], cropped]), WITNESSES, MADE_WITH, RULE, long_side=LONG_SIDE)
    whole = enrol(Enrolment("label", "quorum", photos[:6]), WITNESSES, MADE_WITH, RULE, long_side=LONG_SIDE)
    assert found.photos[5].crop == crop
    assert found.photos[5].fit == pytest.approx(whole.photos[5].fit)
    assert found.packed == whole.packed


def test_a_collection_is_named_by_its_part_and_series(collection: Collection) -> None:
    assert collection.name == "label_quorum"
    assert replace(collection, part="Kleeblatt-Etikett", series="No. 5 / ß").name == "kleeblatt_etikett_no_5_ss"
    assert replace(collection, part="皮标", series="2").name == "皮标_2"


def test_progress_is_told_to_its_end(photos: list[KnownPhoto]) -> None:
    told: list[tuple[str, float]] = []

    def tell(what: str, share: float) -> None:
        told.append((what, share))

    enrol(Enrolment("label", "quorum", photos[:6]), WITNESSES, MADE_WITH, RULE, tell, LONG_SIDE)
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
def test_too_few_are_refused(photos: list[KnownPhoto], chosen: tuple[int, ...], message: str) -> None:
    with pytest.raises(Refusal, match=message):
        enrol(
            Enrolment("label", "quorum", [photos[number] for number in chosen]),
            WITNESSES,
            MADE_WITH,
            RULE,
            long_side=LONG_SIDE,
        )


def enrolled(item: str, deviation: float) -> EnrolledPhoto:
    return EnrolledPhoto("a.png", "0" * 64, item, None, 0.9, "", (("comparator", deviation),))


@pytest.mark.parametrize(
    ("deviation", "as_far", "most"),
    [(0.5, 3, 1.0), (1.5, 2, 0.75), (2.9, 1, 0.5), (3.1, 0, 0.25), (99.0, 0, 0.25)],
)
def test_typicality_is_never_finer_than_the_items_allow(
    collection: Collection, deviation: float, as_far: int, most: float
) -> None:
    photos = [enrolled("a", 1.0), enrolled("b", 2.0), enrolled("b", 0.1), enrolled("c", 3.0), enrolled("c", 2.5)]
    known, made_with = {"comparator": collection.known["patches"]}, {"comparator": collection.made_with["patches"]}
    own = replace(collection, photos=tuple(photos), pictures=None, known=known, made_with=made_with)
    found = own.typicality(CollectionRule({"comparator": 1.0}, 5), {"comparator": deviation})
    assert found == Typicality(as_far, 3)
    assert found.most == most
    assert f"at most 1 in {1 / most:.3g}" in str(found)


def test_a_genuine_item_is_as_rare_as_promised() -> None:
    """Of exchangeable items at most one in n deviates as rarely as 1 in n."""
    rng = np.random.default_rng(0)
    rare = 0
    for _ in range(2000):
        scores = rng.normal(size=10)
        rare += Typicality(int((scores[:9] >= scores[9]).sum()), 9).most <= 0.1
    assert rare / 2000 == pytest.approx(0.1, abs=0.02)


REFUSED = {
    "a fit beyond 1": lambda: EnrolledPhoto("a", "", "", None, 1.5),
    "left out and compared": lambda: EnrolledPhoto("a", "", "", None, 0.5, "why", (("patches", 1.0),)),
    "more items than there are": lambda: Typicality(4, 3),
}
UNWHOLE = {
    "four photos": lambda whole: replace(whole, photos=whole.photos[:4], pictures=None),
    "a picture too few": lambda whole: replace(whole, photos=(*whole.photos, whole.photos[0])),
    "a witness that judged nothing": lambda whole: replace(
        whole, known={**whole.known, "comparator": None}, made_with={**whole.made_with, "comparator": "b" * 64}
    ),
    "weights of no name": lambda whole: replace(whole, made_with={}),
    "no name": lambda whole: replace(whole, part="-", series="_ "),
}


@pytest.mark.parametrize("changed", UNWHOLE.values(), ids=UNWHOLE)
def test_a_collection_that_is_not_whole_is_refused(collection: Collection, changed: Any) -> None:
    with pytest.raises(ValueError, match=r"photos or more|is registered|each witness|names its part"):
        changed(collection)


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_a_record_that_cannot_be_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"correlation|left out|deviate as far"):
        make()
