"""The record of a search: which marks of a register a mark resembles most."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from inference.records.exhibit import UNSTATED, Crop, Exhibit
from inference.records.findings import Provenance
from inference.records.validation import require

RankingName = Literal["as it is", "without colour", "turned or mirrored", "part of it"]


@dataclass(frozen=True)
class FoundMark:
    """A registered mark in a ranking.

    Attributes:
        rank: Its place, from 1; marks that show one picture share it.
        source: The folder, ZIP or CSV that lists it.
        path: The file's path from there, with forward slashes.
        columns: What else the register says of it.
        sha256: Of its file.
        width: Of the upright picture, in pixels.
        height: The same.
        log_odds: log P(similar) - log P(dissimilar) of both marks, in nats. It orders marks, and is no evidence.
        how: Which views of both it is of, in words.
        thumbnail: A small JPEG of the picture.
    """

    rank: int
    source: str
    path: str
    columns: Mapping[str, str]
    sha256: str
    width: int
    height: int
    log_odds: float
    how: str
    thumbnail: bytes = field(repr=False, metadata=UNSTATED)

    def __post_init__(self) -> None:
        require(self.rank >= 1, f"ranks count from 1, not {self.rank}")
        require(math.isfinite(self.log_odds), f"log odds are finite, not {self.log_odds}")


@dataclass(frozen=True)
class RankedMarks:
    """One ranking.

    Attributes:
        name: What both marks are seen as.
        marks: The marks, the most similar first.
    """

    name: RankingName
    marks: tuple[FoundMark, ...]


@dataclass(frozen=True)
class MarkSearch:
    """The outcome of one search.

    Attributes:
        exhibit: The mark that was searched for.
        crop: What of it; None for the whole picture.
        register: Digest of all that the register held.
        marks: How many marks that were.
        filters: Text that a column holds in every mark that was looked at, by the column.
        looked_at: How many marks these filters left.
        most: How many pictures of each ranking were asked for.
        candidates: How many views of registered marks vectors found for each view of the mark, at least; these were
            ranked.
        rankings: The rankings.
        provenance: What is needed to repeat it.
    """

    exhibit: Exhibit
    crop: Crop | None
    register: str
    marks: int
    filters: Mapping[str, str]
    looked_at: int
    most: int
    candidates: int
    rankings: tuple[RankedMarks, ...]
    provenance: Provenance

    def __post_init__(self) -> None:
        require(0 <= self.looked_at <= self.marks, "no more marks are looked at than the register holds")
        require(self.most >= 1, f"a ranking has a first mark, and {self.most} were asked for")
