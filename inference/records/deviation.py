"""The records of an examination beside a reference collection."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.records.exhibit import UNSTATED, BoxChoice, Crop, Exhibit, Located, chosen_by
from inference.records.findings import Evidence, Heatmap, Provenance, ReferenceComparison, ScopeCheck
from inference.records.validation import require

DeviationOutcome = Literal["deviates from genuine", "no deviation found", "inconclusive", "out of scope"]
WitnessName = Literal["comparator", "patches"]
AlterationKind = Literal["none", "wider", "turned", "shifted"]
PowerKind = Literal[AlterationKind, "counterfeit"]


@dataclass(frozen=True)
class Typicality:
    """How rare a deviation is among a collection's own items.

    Attributes:
        as_far: Items, each left out in turn, that deviate as far.
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
class WitnessFinding:
    """What one witness of a collection finds.

    Attributes:
        witness: The comparator, which sees shape; or the memory of patches, which sees colour, print and texture too.
        deviation: Mean of its map over the most deviating hundredth of the part; each cell of the map is in standard
            deviations of what the genuine photos show there.
        score: The same in standard deviations of the genuine photos' own deviations, above their mean.
        heatmap: Its map over the registered part, in the unit of the score; 0 where it is at most the mean.
    """

    witness: WitnessName
    deviation: float
    score: float
    heatmap: Heatmap

    def __post_init__(self) -> None:
        for name in ("deviation", "score"):
            require(math.isfinite(getattr(self, name)), f"a {name} is finite, not {getattr(self, name)}")


@dataclass(frozen=True)
class KeyArea:
    """An area of the registered part that deviates most.

    Attributes:
        number: From 1, the most deviating first.
        box: Where it lies, in pixels of the reference.
        score: The greatest value of a witness in it, in standard deviations of genuine photos.
        witness: That witness.
    """

    number: int
    box: Crop
    score: float
    witness: WitnessName

    def __post_init__(self) -> None:
        require(self.number >= 1, f"areas are numbered from 1, not {self.number}")
        require(
            math.isfinite(self.score) and self.score > 0, f"an area deviates, so that its score is not {self.score}"
        )


@dataclass(frozen=True)
class Power:
    """Of how many photos a collection says that they deviate: its own, altered in one way, or known counterfeits.

    Attributes:
        kind: How a key area of its own photos was altered, each judged beside the others; "none" tells how often it
            says so of what is genuine. "counterfeit" are known counterfeits as they are.
        size: By how much: per cent of its width, degrees, or per cent of the part's long side; 0 where nothing was
            altered.
        found: Photos that are said to deviate.
        of: All of this kind.
    """

    kind: PowerKind
    size: float
    found: int
    of: int

    def __post_init__(self) -> None:
        require(0 <= self.found <= self.of >= 1, f"0 to {self.of} alterations are found, not {self.found}")
        sized = self.size == 0 if self.kind in ("none", "counterfeit") else 0 < self.size < math.inf
        require(sized, f"{self.kind} is no alteration of size {self.size}")

    @property
    def alteration(self) -> str:
        """The alteration in words."""
        if self.kind == "none":
            return "nothing altered"
        if self.kind == "counterfeit":
            return "known counterfeits"
        units = {"wider": "% wider", "turned": " degrees turned", "shifted": "% of the long side shifted"}
        return f"a letter's area {self.size:g}{units[self.kind]}"

    def __str__(self) -> str:
        return f"{self.alteration}: {self.found} of {self.of}"


@dataclass(frozen=True)
class NearestPhoto:
    """The genuine photo of a collection that is most like the questioned one.

    Attributes:
        name: Its name.
        item: The item that it shows.
        pixels: The photo in the frame of the reference, uint8 (h, w, 3).
    """

    name: str
    item: str
    pixels: NDArray[np.uint8] = field(repr=False, metadata=UNSTATED)


@dataclass(frozen=True)
class Deviation:
    """The outcome of one examination beside a reference collection.

    It says whether a part deviates from the genuine items that the collection holds, never whether it is genuine.

    Attributes:
        outcome: The outcome.
        reason: Why, in one sentence.
        exhibit: The exhibit.
        crop: The examined crop; None for the whole picture.
        collection: Name of the collection.
        part: Its part.
        series: Its series.
        score: How far the part deviates, by both witnesses; about 0 for a genuine photo.
        typicality: How rare that is among the collection's own items.
        witnesses: What each witness finds.
        areas: The areas that deviate most, the most deviating first; none may be.
        power: What share of known alterations of its own photos the collection finds.
        evidence: The evidence; None without a calibration for so few photos, and if a scope check refuses.
        scope_checks: The scope checks of the input.
        reference: The part beside the collection's reference; its difference map is the greater of both witnesses'.
        provenance: What is needed to repeat it.
        nearest: The genuine photo that is most like it; None where the collection holds no photos.
        located: The locator's proposal; None if no locator was asked.
        box: Who chose the examined rectangle.
    """

    outcome: DeviationOutcome
    reason: str
    exhibit: Exhibit
    crop: Crop | None
    collection: str
    part: str
    series: str
    score: float
    typicality: Typicality
    witnesses: tuple[WitnessFinding, ...]
    areas: tuple[KeyArea, ...]
    power: tuple[Power, ...]
    evidence: Evidence | None
    scope_checks: tuple[ScopeCheck, ...]
    reference: ReferenceComparison
    provenance: Provenance
    nearest: NearestPhoto | None = None
    located: Located | None = None
    box: BoxChoice = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", chosen_by(self.crop, self.located))
        require(math.isfinite(self.score), f"a score is finite, not {self.score}")
        require(bool(self.witnesses), "a collection has a witness")
        numbers = [area.number for area in self.areas]
        require(numbers == [*range(1, len(numbers) + 1)], "areas are numbered in their order")

    @property
    def every_heatmap(self) -> tuple[Heatmap, ...]:
        """The map of each witness."""
        return tuple(one.heatmap for one in self.witnesses)
