"""Collections on disk: NAME.safetensors beside NAME.json, which lists the photos; one pair to hand to a colleague."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.numpy
from numpy.typing import NDArray
from pydantic import TypeAdapter

from inference.collections.collection import COLLECTION_FORMAT, Collection, CollectionCard, Known, name_of
from inference.collections.registered_photos import RegisteredPhotos
from inference.collections.witnesses import Usual
from inference.files import sha256, write_whole
from inference.models.stated_files import StatedFile
from inference.places import REFERENCES_FOLDER
from inference.records import Refusal
from inference.reference.reference import Reference

logger = logging.getLogger(__name__)
BEST_FIT = "best-fit"
"""In place of a name, the collection whose reference a part fits best. No name has a hyphen."""


class CollectionRefused(Refusal):
    """A collection that is damaged, foreign, newer than this Assay, or missing."""


CARD_FILE = StatedFile(
    TypeAdapter(CollectionCard), "collection", "arrays", "assay_collection", COLLECTION_FORMAT, CollectionRefused
)


@dataclass(frozen=True)
class Collections:
    """The collections of a folder, by name, and a sentence for each that could not be read."""

    cards: dict[str, CollectionCard]
    refusals: tuple[str, ...]


def read_collections(folder: Path = REFERENCES_FOLDER) -> Collections:
    """The cards of a folder; one bad card hides no other."""
    cards, refusals = {}, []
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stem):
        try:
            cards[path.stem] = _read_card(path)
        except CollectionRefused as refusal:
            logger.warning("%s", refusal)
            refusals.append(str(refusal))
    return Collections(cards, tuple(refusals))


def save_collection(collection: Collection, folder: Path = REFERENCES_FOLDER) -> Path:
    """Write both files, the card last and each whole, so that an interruption leaves no card without its arrays.

    Returns:
        Where the card lies.
    """
    path = folder / f"{collection.name}.json"
    write_whole(path.with_suffix(".safetensors"), collection.packed)
    write_whole(path, collection.card.packed)
    return path


def load_collection(name: str, folder: Path = REFERENCES_FOLDER) -> Collection:
    """A collection by name, its arrays checked against the hash in its card.

    Raises:
        CollectionRefused: if it is missing, damaged, foreign or newer than this Assay.
    """
    path = folder / f"{name}.json"
    card, packed = _read_card(path), CARD_FILE.bytes_of(path.with_suffix(".safetensors"))
    if sha256(packed) != card.arrays_sha256:
        msg = f"{name}.safetensors is not the file that {path.name} describes; restore both files from one source."
        raise CollectionRefused(msg)
    try:
        arrays = safetensors.numpy.load(packed)
        pictures = _of(arrays, "pictures")
        return Collection(
            card.part,
            card.series,
            card.photos,
            Reference.from_arrays(card.series, _of(arrays, "reference")),
            {
                witness: Known(_of(arrays, f"{witness}.kept"), Usual(**_of(arrays, f"{witness}.usual")))
                for witness in card.made_with
            },
            RegisteredPhotos(**pictures) if pictures else None,
            card.made_with,
            card.code_version,
            card.made,
            card.power,
            card.bends,
            card.counterfeits,
            card.calibration,
        )
    except (safetensors.SafetensorError, LookupError, ValueError, TypeError) as error:
        logger.info("%s does not fit", path, exc_info=True)
        msg = f"{name}.safetensors does not hold what {path.name} describes; restore both files from one source."
        raise CollectionRefused(msg) from error


def _read_card(path: Path) -> CollectionCard:
    card = CARD_FILE.parse(path, CARD_FILE.content(path))
    if card.assay_collection < COLLECTION_FORMAT:
        msg = f"{path.name} was enrolled by an earlier Assay, which judged otherwise; enrol its photos again."
        raise CollectionRefused(msg)
    if name_of(card.part, card.series) != path.stem:
        name = name_of(card.part, card.series)
        msg = f"{path.name} is the collection {name!r}; rename its two files to that name."
        raise CollectionRefused(msg)
    return card


def _of(arrays: Mapping[str, NDArray[Any]], group: str) -> dict[str, NDArray[Any]]:
    """The arrays of a group, without its name."""
    return {key.removeprefix(f"{group}."): one for key, one in arrays.items() if key.startswith(f"{group}.")}
