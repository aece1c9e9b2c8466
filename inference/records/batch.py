"""The records of a batch: many photos, examined by the same means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from inference.records.exhibit import UNSTATED
from inference.records.validation import require

NOT_EXAMINED = "not examined"
RowOrder = Literal["as listed", "least like genuine first", "most like genuine first", "by name"]


@dataclass(frozen=True)
class BatchRow:
    """One examination of a batch, or why a photo was not examined.

    Attributes:
        photo: Number of the photo in the batch, from 1.
        part: Number of the examined part on it, from 1; 0 where nothing was examined.
        path: The file's path from its source, with forward slashes.
        columns: What else the source says of it.
        sha256: Of its file; empty if it could not be read.
        outcome: The outcome of the examination, or `not examined`.
        reason: Why, in one sentence.
        by: Model and series, or the collection.
        box: The examined crop, in words.
        score: The score; None where nothing was examined.
        log10_lr: log10 of the likelihood ratio and its 95% interval: value, low, high; None without evidence.
        against: log10 of the likelihood ratio for not being genuine; None without evidence.
        thumbnail: A small JPEG; empty if it could not be read.
    """

    photo: int
    part: int
    path: str
    columns: Mapping[str, str]
    sha256: str
    outcome: str
    reason: str
    by: str
    box: str
    score: float | None
    log10_lr: tuple[float, float, float] | None
    against: float | None
    thumbnail: bytes = field(repr=False, metadata=UNSTATED)

    def __post_init__(self) -> None:
        require(self.photo >= 1, f"photos count from 1, not {self.photo}")
        examined = self.outcome != NOT_EXAMINED
        require(examined == (self.part >= 1) == (self.score is not None), "an examination has a part and a score")

    @property
    def key(self) -> str:
        """Tells it from the other rows of its batch."""
        return f"{self.photo}.{self.part}"


@dataclass(frozen=True)
class BatchState:
    """How far a batch is.

    Attributes:
        name: Its name.
        means: By what its photos are examined, in words.
        photos: All photos.
        done: Photos that were examined, or could not be.
        outcomes: How many examinations had each outcome, `not examined` among them.
        cases: The numbers of the cases that hold it.
    """

    name: str
    means: str
    photos: int
    done: int
    outcomes: Mapping[str, int]
    cases: tuple[str, ...]

    def __post_init__(self) -> None:
        require(0 <= self.done <= self.photos, f"{self.done} of {self.photos} photos cannot be done")

    @property
    def finished(self) -> bool:
        """Whether no photo waits."""
        return self.done == self.photos
