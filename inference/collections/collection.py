"""A reference collection: what an examiner's own genuine photos of one part say of a questioned photo of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from pydantic import ConfigDict

from inference.collections.registered_photos import RegisteredPhotos
from inference.collections.witnesses import Kept, Usual
from inference.evidence.calibration import Calibration
from inference.evidence.collection_rule import CollectionRule
from inference.files import sha256
from inference.records import Crop, Power, Typicality, WitnessName, as_json, require
from inference.reference.reference import Reference

COLLECTION_FORMAT = 2
LEAST_PHOTOS = 5
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class EnrolledPhoto:
    """A photo that was handed in for a collection: of a genuine item, or of a known counterfeit.

    Attributes:
        name: Name of its file.
        sha256: SHA-256 of its file, lower-case hex.
        item: The item that it shows.
        crop: What of it was enrolled; None for the whole picture.
        fit: How well it fits the reference, a correlation from -1 to 1.
        left_out: Why it is not in the collection, in one sentence; empty if it is.
        deviations: How far it deviates, by witness: a genuine one beside those of other items, a counterfeit beside
            all genuine ones.
    """

    name: str
    sha256: str
    item: str
    crop: Crop | None
    fit: float
    left_out: str = ""
    deviations: tuple[tuple[WitnessName, float], ...] = ()

    def __post_init__(self) -> None:
        require(-1.001 <= self.fit <= 1.001, f"a correlation lies between -1 and 1, not {self.fit}")
        require(not (self.left_out and self.deviations), "a photo that is left out is compared with nothing")


def deviations_by_witness(photos: Sequence[EnrolledPhoto]) -> dict[WitnessName, list[float]]:
    """How far each photo deviates, by witness; all were judged by the same ones."""
    judged = [dict(photo.deviations) for photo in photos]
    return {name: [own[name] for own in judged] for name in judged[0]}


@dataclass(frozen=True)
class Known:
    """What a witness knows of the genuine photos of a collection.

    Attributes:
        kept: What it keeps of them.
        usual: What it usually sees on them.
    """

    kept: Kept = field(repr=False)
    usual: Usual = field(repr=False)


@dataclass(frozen=True)
class CollectionCard:
    """What a collection states of itself, as a file beside its arrays.

    Attributes:
        part: The part.
        series: The series.
        photos: Every genuine photo that was handed in.
        made_with: By witness, the SHA-256 of its weights; only they can judge by what it keeps.
        code_version: Version of Assay that enrolled it.
        made: When, ISO 8601.
        power: What share of known alterations of its photos it finds.
        bends: Whether photos are laid onto each other by a smooth bend, too.
        arrays_sha256: SHA-256 of the file of arrays.
        counterfeits: Every photo of a known counterfeit that was handed in.
        calibration: Of its scores, by its own items; None where the comparator's card calibrates them.
        assay_collection: Format of the card.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    part: str
    series: str
    photos: tuple[EnrolledPhoto, ...]
    made_with: dict[WitnessName, str]
    code_version: str
    made: str
    power: tuple[Power, ...]
    bends: bool
    arrays_sha256: str
    counterfeits: tuple[EnrolledPhoto, ...] = ()
    calibration: Calibration | None = None
    assay_collection: int = COLLECTION_FORMAT

    @property
    def items(self) -> tuple[str, ...]:
        """The items of the photos that are in it, each once."""
        return tuple(dict.fromkeys(photo.item for photo in self.photos if not photo.left_out))

    @property
    def packed(self) -> bytes:
        """The card as its file holds it."""
        return (json.dumps(as_json(self), indent=1, ensure_ascii=False) + "\n").encode()

    @property
    def sha256(self) -> str:
        """SHA-256 of its file, and so of all that an examination rests on: it names the hash of the arrays."""
        return sha256(self.packed)


@dataclass(frozen=True)
class Collection:
    """Genuine photos of one part of one series, and what each witness knows of them.

    Attributes:
        part: The part.
        series: The series, in the lab's own words.
        photos: Every genuine photo that was handed in; those that are left out say why.
        reference: The genuine reference of those that are enrolled.
        known: What each witness knows of these, by its name.
        pictures: These in the frame of the reference, in the order of `photos`; None where a collection keeps none.
        made_with: By witness, the SHA-256 of its weights.
        code_version: Version of Assay that enrolled it.
        made: When, ISO 8601.
        power: What share of known alterations of its photos it finds.
        bends: Whether photos are laid onto each other by a smooth bend, too.
        counterfeits: Every photo of a known counterfeit that was handed in; those that are left out say why.
        calibration: Of its scores, by its own items; None where the comparator's card calibrates them.
    """

    part: str
    series: str
    photos: tuple[EnrolledPhoto, ...]
    reference: Reference
    known: Mapping[WitnessName, Known] = field(repr=False)
    pictures: RegisteredPhotos | None = field(repr=False)
    made_with: Mapping[WitnessName, str]
    code_version: str
    made: str
    power: tuple[Power, ...]
    bends: bool = False
    counterfeits: tuple[EnrolledPhoto, ...] = ()
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        count = len(self.enrolled)
        require(count >= LEAST_PHOTOS, f"a collection has {LEAST_PHOTOS} photos or more, not {count}")
        require(bool(self.name), "a collection names its part and series")
        require(self.pictures is None or len(self.pictures.pixels) == count, "each enrolled photo is registered")
        require(self.made_with.keys() == self.known.keys(), "each witness names its weights")
        for photo in (*self.enrolled, *self.known_counterfeits):
            require({name for name, _ in photo.deviations} == {*self.known}, "each witness judged each photo that fits")

    @property
    def name(self) -> str:
        """What it is called in files and lists: part and series in lower case, with underscores between words."""
        return name_of(self.part, self.series)

    @cached_property
    def card(self) -> CollectionCard:
        """What it states of itself."""
        return CollectionCard(
            self.part,
            self.series,
            self.photos,
            dict(self.made_with),
            self.code_version,
            self.made,
            self.power,
            self.bends,
            sha256(self.packed),
            self.counterfeits,
            self.calibration,
        )

    @property
    def sha256(self) -> str:
        """SHA-256 of its card and, through it, of its arrays."""
        return self.card.sha256

    @cached_property
    def packed(self) -> bytes:
        """Its arrays as a safetensors file."""
        arrays: dict[str, NDArray[Any]] = {f"reference.{key}": one for key, one in self.reference.arrays().items()}
        for witness, known in self.known.items():
            arrays |= {f"{witness}.kept.{key}": one for key, one in known.kept.items()}
            arrays |= {f"{witness}.usual.mean": known.usual.mean, f"{witness}.usual.spread": known.usual.spread}
        if self.pictures:
            arrays |= {f"pictures.{key}": one for key, one in self.pictures.arrays().items()}
        return safetensors.numpy.save({key: np.ascontiguousarray(one) for key, one in arrays.items()})

    @property
    def enrolled(self) -> tuple[EnrolledPhoto, ...]:
        """The photos that are in the collection."""
        return tuple(photo for photo in self.photos if not photo.left_out)

    @property
    def genuine(self) -> dict[WitnessName, list[float]]:
        """By witness, how far each enrolled photo deviates from those of other items."""
        return deviations_by_witness(self.enrolled)

    @property
    def known_counterfeits(self) -> tuple[EnrolledPhoto, ...]:
        """The photos of known counterfeits that fit its reference."""
        return tuple(photo for photo in self.counterfeits if not photo.left_out)

    def typicality(self, rule: CollectionRule, deviations: Mapping[WitnessName, float]) -> Typicality:
        """How rare it is that a photo deviates so far, by all witnesses; of an item its farthest photo counts."""
        score, enrolled = rule.among(deviations, self.genuine)
        farthest: dict[str, float] = {}
        for photo, own in zip(self.enrolled, enrolled, strict=True):
            farthest[photo.item] = max(own, farthest.get(photo.item, own))
        return Typicality(sum(own >= score for own in farthest.values()), len(farthest))


def name_of(*words: str) -> str:
    """The name of a part, as a locator names it; or with its series, that of their collection."""
    return "_".join(_WORD.findall(" ".join(words).casefold()))
