"""What the comparison of two marks comes to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.records.exhibit import UNSTATED, Crop, Exhibit
from inference.records.findings import Evidence, Heatmap, InconclusiveBand, Provenance, ScopeCheck
from inference.records.validation import require

SimilarityOutcome = Literal["similar", "dissimilar", "inconclusive", "out of scope"]


@dataclass(frozen=True)
class FramedMark:
    """A framed mark, which is what everything sees: what is drawn, with a fixed border, at a standard contrast.

    Attributes:
        ground: The sRGB colour that it stands on; None where the edge of the picture is of no one colour, and the whole
            picture is looked at as it is.
        box: Around what is drawn, in pixels of the examined picture.
        panel: The filled rectangle that the mark stands on, where its ground is that of a field in the picture.
        contrast: By how many levels, 0 to 255, the strongest ink stands out from the ground.
        noise: By how many the ground strays from its own colour.
        drawings: How many separate drawings the box holds, >= 1.
        ground_is_sure: Whether the edge is of one colour; not where the mark fills its picture.
        pixels: What is compared, uint8 (h, w, 3): white where the ground is, and in each channel darker by how far the
            mark stands out, black for what stands out most.
        shown: The same in its own colours, uint8 (h, w, 3).
    """

    ground: tuple[int, int, int] | None
    box: Crop
    panel: Crop | None
    contrast: float
    noise: float
    drawings: int
    ground_is_sure: bool
    pixels: NDArray[np.uint8] = field(repr=False, metadata=UNSTATED)
    shown: NDArray[np.uint8] = field(repr=False, metadata=UNSTATED)

    def __post_init__(self) -> None:
        require(0 <= self.contrast <= 255, f"a contrast is 0 to 255 levels, not {self.contrast}")
        require(self.drawings >= 1, f"a mark is at least one drawing, not {self.drawings}")
        require(self.pixels.shape == self.shown.shape, "what is shown is what is compared")

    @property
    def sentence(self) -> str:
        """What was done, in a sentence."""
        if self.ground is None:
            return "no ground was found at the edge: the whole picture is compared as it is"
        panel = f" in the field {self.panel}" if self.panel else ""
        red, green, blue = self.ground
        return (
            f"framed to the drawing at {self.box}{panel}, its ground {red}, {green}, {blue} (red, green, blue) made "
            f"white and its contrast of {self.contrast:.0f} levels brought to 255"
        )


@dataclass(frozen=True)
class Correspondence:
    """An area of a mark and the corresponding area of the other mark.

    Attributes:
        number: What it is called on both marks, from 1, the strongest first.
        places: Where its middle lies in each examined mark: x and y as fractions of its width and height, 0 to 1.
        strength: How similar the network finds the two areas, weighed by how much each speaks for similarity; above 0,
            at most 1.
    """

    number: int
    places: tuple[tuple[float, float], tuple[float, float]]
    strength: float

    def __post_init__(self) -> None:
        require(self.number >= 1, f"correspondences are numbered from 1, not {self.number}")
        inside = all(0 <= value <= 1 for place in self.places for value in place)
        require(inside, f"an area lies inside its mark, not at {self.places}")
        require(0 < self.strength <= 1, f"a strength lies above 0 and up to 1, not {self.strength}")


@dataclass(frozen=True)
class SubScore:
    """The score of two marks in one variant; it says where to look again and is no verdict.

    Attributes:
        name: Which way.
        log_odds: log P(similar) - log P(dissimilar) in nats, the best of its variants; finite, not calibrated.
        view: What was laid beside what, in words.
    """

    name: str
    log_odds: float
    view: str

    def __post_init__(self) -> None:
        require(math.isfinite(self.log_odds), f"log odds are finite, not {self.log_odds}")


@dataclass(frozen=True)
class LocalAgreement:
    """Points of two marks that lie on each other under one shift, turn and size.

    Attributes:
        matched: How many do, at most `of`; 0 where they are too few to mean anything.
        of: How many points the mark with fewer of them has.
        transform: Where a place of the first mark lies on the second, in pixels of the examined marks: an affine matrix
            (2, 3), row by row; None where no point matches.
        negative: Whether they lie on the second mark with light and dark exchanged, rather than on it as it is drawn.
    """

    matched: int
    of: int
    transform: tuple[float, float, float, float, float, float] | None = None
    negative: bool = False

    def __post_init__(self) -> None:
        require(0 <= self.matched <= self.of, f"{self.matched} of {self.of} points cannot match")
        laid = self.transform is not None
        require(laid == (self.matched > 0), "one mark is laid over the other where points match, and only there")
        require(all(map(math.isfinite, self.transform or ())), "a transform is finite")
        require(laid or not self.negative, "a negative is laid over a mark where points match, and only there")

    @property
    def turn(self) -> float:
        """By how many degrees clockwise the second mark is turned against the first, -180 to 180; 0 of none laid."""
        return math.degrees(math.atan2(self.transform[3], self.transform[0])) if self.transform else 0.0

    @property
    def share(self) -> float:
        """The share of the points that match, 0 to 1; 0 of a mark without points."""
        return self.matched / self.of if self.of else 0.0

    def __str__(self) -> str:
        laid = f"{self.matched} of {self.of} points of the two marks lie on each other"
        turn = round(self.turn)
        seen = ["as a negative"] if self.negative else []
        if turn:
            seen.append(f"turned {'counter' if turn < 0 else ''}clockwise by {abs(turn)} degrees")
        return f"{laid}, the second {' and '.join(seen)}" if seen else laid


@dataclass(frozen=True)
class Comparison:
    """The outcome of comparing two marks: the visual similarity of the signs, never infringement.

    Attributes:
        outcome: What the findings come to.
        reason: Why, in one sentence.
        exhibits: The two marks.
        crops: What of each was compared; None for the whole picture.
        marks: Each as it was framed, which is what everything looked at.
        probability_similar: Uncalibrated, 0 to 1.
        log_odds: log P(similar) - log P(dissimilar) in nats, finite.
        agreement: What of the two drawings coincides, told without the network.
        score: What is weighed: the log odds, raised by as much as the model's card says for full agreement; finite.
        band: The inconclusive band it was read against where there is no evidence.
        evidence: What the findings weigh; None for a model that is not calibrated, and where a scope check refuses.
        heatmaps: One a mark, evidence for the side the probability leans to.
        scope_checks: Physical checks, one tuple a mark.
        provenance: What is needed to repeat it.
        correspondences: Parts that answer to each other, whichever side the probability leans to, the strongest first.
        sub_scores: Overall, without colour, turned or mirrored, and one inside the other.
    """

    outcome: SimilarityOutcome
    reason: str
    exhibits: tuple[Exhibit, Exhibit]
    crops: tuple[Crop | None, Crop | None]
    marks: tuple[FramedMark, FramedMark]
    probability_similar: float
    log_odds: float
    agreement: LocalAgreement
    score: float
    band: InconclusiveBand
    heatmaps: tuple[Heatmap, Heatmap]
    scope_checks: tuple[tuple[ScopeCheck, ...], tuple[ScopeCheck, ...]]
    provenance: Provenance
    evidence: Evidence | None = None
    correspondences: tuple[Correspondence, ...] = ()
    sub_scores: tuple[SubScore, ...] = ()

    def __post_init__(self) -> None:
        require(0 <= self.probability_similar <= 1, "a probability lies between 0 and 1")
        require(math.isfinite(self.log_odds), f"log odds are finite, not {self.log_odds}")
        require(math.isfinite(self.score), f"a score is finite, not {self.score}")
        numbers = [one.number for one in self.correspondences]
        require(numbers == [*range(1, len(numbers) + 1)], f"correspondences are numbered 1, 2, 3, not {numbers}")

    @property
    def seen(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Each framed mark in its own colours (h, w, 3); heatmaps and places lie over these."""
        return self.marks[0].shown, self.marks[1].shown

    @property
    def compared(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Each framed mark at the standard contrast (h, w, 3), as it was compared."""
        return self.marks[0].pixels, self.marks[1].pixels

    @property
    def maps_show(self) -> str:
        """What the two heatmaps point at, in words."""
        return "what the marks share" if self.probability_similar >= 0.5 else "where the marks differ"

    @property
    def weighed(self) -> str:
        """What the score is made of, in a sentence."""
        raised = self.score - self.log_odds
        if not raised:
            return f"{self.agreement}. The network's log odds of {self.log_odds:.2f} are weighed alone."
        adds = f"That adds {raised:.2f} to the network's log odds of {self.log_odds:.2f}, and the sum is weighed."
        return f"{self.agreement}. {adds}"
