"""A reference collection: what an examiner's own genuine photos of one part say of a questioned photo of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from inference.collections.registered_photos import RegisteredPhotos
from inference.collections.witnesses import DeviationMap, Plane, Witness, usual_map
from inference.records import require
from inference.reference.reference import Reference

LEAST_PHOTOS = 5


@dataclass(frozen=True)
class EnrolledPhoto:
    """A genuine photo that was handed in for a collection.

    Attributes:
        name: Name of its file.
        sha256: SHA-256 of its file, lower-case hex.
        item: The item that it shows.
        fit: How well it fits the reference, a correlation from -1 to 1.
        left_out: Why it is not in the collection, in one sentence; empty if it is.
        deviations: Of an enrolled photo, beside those of other items: how far it deviates, by witness.
    """

    name: str
    sha256: str
    item: str
    fit: float
    left_out: str = ""
    deviations: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        require(-1.001 <= self.fit <= 1.001, f"a correlation lies between -1 and 1, not {self.fit}")
        require(not (self.left_out and self.deviations), "a photo that is left out is compared with nothing")


@dataclass(frozen=True)
class Typicality:
    """How rare a deviation is among a collection's own items.

    Attributes:
        as_far: Items, left out one by one, that deviate as far.
        of: All items.
    """

    as_far: int
    of: int

    def __post_init__(self) -> None:
        require(0 <= self.as_far <= self.of, f"0 to {self.of} items deviate as far, not {self.as_far}")

    @property
    def most(self) -> float:
        """The share of genuine items that deviate as far, at most: never finer than the items allow, above 0 to 1.

        A conformal p-value: one more genuine item is as likely to take any rank among the others.
        """
        return (self.as_far + 1) / (self.of + 1)

    def __str__(self) -> str:
        return f"{self.as_far} of {self.of} genuine items deviate as far: at most 1 in {1 / self.most:.3g} would"


@dataclass(frozen=True)
class Collection:
    """Genuine photos of one part of one series, and what each witness sees on them.

    Attributes:
        part: The part.
        series: The series, in the lab's own words.
        photos: Every photo that was handed in; those that are left out say why.
        reference: The genuine reference of those that are enrolled.
        registered: These in its frame, in the order of `photos`.
        usual: By witness, what genuine photos usually show, float32 (h, w).
    """

    part: str
    series: str
    photos: tuple[EnrolledPhoto, ...]
    reference: Reference
    registered: RegisteredPhotos = field(repr=False)
    usual: dict[str, Plane] = field(repr=False)

    def __post_init__(self) -> None:
        count = len(self.enrolled)
        require(count >= LEAST_PHOTOS, f"a collection has {LEAST_PHOTOS} photos or more, not {count}")
        require(len(self.registered.pixels) == count, "each enrolled photo is registered")

    @property
    def enrolled(self) -> tuple[EnrolledPhoto, ...]:
        """The photos that are in the collection."""
        return tuple(photo for photo in self.photos if not photo.left_out)

    @property
    def items(self) -> tuple[str, ...]:
        """The items of its photos, each once."""
        return tuple(dict.fromkeys(photo.item for photo in self.enrolled))

    def typicality(self, witness: str, deviation: float) -> Typicality:
        """How rare a deviation is, by one witness; of an item with several photos the one that deviates most counts."""
        farthest: dict[str, float] = {}
        for photo in self.enrolled:
            own = dict(photo.deviations)[witness]
            farthest[photo.item] = max(own, farthest.get(photo.item, -np.inf))
        return Typicality(sum(own >= deviation for own in farthest.values()), len(farthest))


def left_out_maps(witness: Witness, registered: RegisteredPhotos, items: Sequence[str]) -> list[DeviationMap]:
    """What a witness sees on each photo beside those of other items."""
    return [witness(registered, photo, others_of(photo, items)) for photo in range(len(items))]


def deviations_of(maps: Sequence[DeviationMap], items: Sequence[str]) -> list[float]:
    """How far each photo deviates, by its map less what the photos of other items usually show.

    A photo that took part in what is usual would deviate less than a new one.
    """
    return [
        one.less(usual_map([maps[other] for other in others_of(photo, items)])).score for photo, one in enumerate(maps)
    ]


def others_of(photo: int, items: Sequence[str]) -> list[int]:
    """The photos of other items than a photo's; all other photos where every one is of one item."""
    others = [other for other, item in enumerate(items) if item != items[photo]]
    return others or [other for other in range(len(items)) if other != photo]
