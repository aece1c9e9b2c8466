"""A photo of a part, what it shows, and the set it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from training.data.manifest import Entry, Manifest

Label = Literal["genuine", "counterfeit"]
Split = Literal["train", "val", "test"]

LABELS: dict[str, Label] = {
    "genuine": "genuine",
    "real": "genuine",
    "authentic": "genuine",
    "original": "genuine",
    "counterfeit": "counterfeit",
    "fake": "counterfeit",
    "replica": "counterfeit",
    "forged": "counterfeit",
}
"""Names of a label, in upper or lower case."""

SPLITS: dict[str, Split] = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
}
"""Names of a split, in upper or lower case."""
SHARES: dict[Split, int] = {"train": 8, "val": 1, "test": 1}
"""Shares of the items in each split. Source: KAG-MTLN paper, section 4.1."""


@dataclass(frozen=True)
class Truth:
    """The truth of a counterfeit beyond its label; empty or None if the set does not state it.

    Attributes:
        counterfeiter: Who made it.
        severity: Severity of its alteration, in the set's own words.
        mask: A picture of the photo's size, white where the counterfeit was altered.
        twin: The same photo without the alteration.
    """

    counterfeiter: str = ""
    severity: str = ""
    mask: Path | None = None
    twin: Path | None = None


@dataclass(frozen=True)
class Photo:
    """One photo of a set.

    Attributes:
        path: Path of the file.
        series: The series that it shows.
        label: Genuine or counterfeit.
        item: The item that it shows, as the set states it for the photo, else for one of its
            near-duplicates; else the relative path of the first of these.
        split: Its split.
        sha256: Lower-case hex SHA-256 of the file.
        truth: Its further truth.
        name: Its path relative to the data folder (or the CSV's), with forward slashes.
    """

    path: Path
    series: str
    label: Label
    item: str
    split: Split
    sha256: str = ""
    truth: Truth = Truth()
    name: str = ""

    @property
    def class_name(self) -> str:
        """Name of its class, `series/label`."""
        return f"{self.series}/{self.label}"


@dataclass(frozen=True)
class PhotoSet:
    """The photos of a set, each in one split.

    Attributes:
        photos: Every photo, in the order of their relative paths.
        split_rule: How the split was made, for the model card.
        manifest_sha256: Lower-case hex SHA-256 over one line a photo, in this order: its path relative to
            the data folder (or the CSV's), SHA-256 of its bytes, series, label, item and split, with
            tabs between.
        called: Name of a single series without a folder of its own, if there is one.
    """

    photos: tuple[Photo, ...]
    split_rule: str
    manifest_sha256: str
    called: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, `series/label`, sorted."""
        return tuple(sorted({photo.class_name for photo in self.photos}))

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the series, sorted."""
        return tuple(sorted({photo.series for photo in self.photos}))

    def of(self, split: Split) -> tuple[Photo, ...]:
        """The photos of one split."""
        return tuple(photo for photo in self.photos if photo.split == split)

    @property
    def manifest(self) -> Manifest:
        """The manifest of the set, which a run keeps."""
        files = tuple(
            Entry(photo.name, photo.sha256, _stated(photo), f"{photo.item}, {photo.split}") for photo in self.photos
        )
        return Manifest(self.manifest_sha256, files, called=self.called)


def _stated(photo: Photo) -> str:
    """The set's statement on a photo, without item and split, which may be drawn."""
    return ", ".join(filter(None, (photo.class_name, photo.truth.counterfeiter, photo.truth.severity)))
