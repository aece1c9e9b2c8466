"""The records of a comparison of two marks."""

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
    """A framed mark, which all else sees: its ink with a fixed border at a standard contrast.

    Attributes:
        ground: Its sRGB ground; None if the edge of the picture has no single colour, so that the whole picture is
            compared as it is.
        box: The box around the ink, in pixels of the examined picture.
        panel: The filled rectangle whose colour is the ground; None if the ground is that of the picture.
        contrast: Levels by which the strongest ink stands out from the ground, 0 to 255.
        noise: Levels by which the ground deviates from its own colour.
        drawings: Number of separate drawings in the box, >= 1.
        ground_is_sure: Whether the edge has one colour; false if the mark fills its picture.
        pixels: What is compared, uint8 (h, w, 3): white for ground, in each channel darker the more the ink stands out,
            and black for the strongest ink.
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
        require(self.pixels.shape == self.shown.shape, "the shown and the compared mark have one shape")

    @property
    def sentence(self) -> str:
        """A sentence on how the mark was framed."""
        if self.ground is None:
            return "no ground was found at the edge, so that the whole picture is compared as it is"
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
        number: Its number on both marks, from 1, the strongest first.
        places: Its middle in each examined mark, x and y as fractions of width and height, 0 to 1.
        strength: Similarity of the two areas to the network, weighed by their evidence for similarity; above 0, at most
            1.
    """

    number: int
    places: tuple[tuple[float, float], tuple[float, float]]
    strength: float

    def __post_init__(self) -> None:
        require(self.number >= 1, f"correspondences are numbered from 1, not {self.number}")
        inside = all(0 <= value <= 1 for place in self.places for value in place)
        require(inside, f"an area lies inside its mark, not at {self.places}")
        require(0 < self.strength <= 1, f"a strength lies above 0 and at most at 1, not at {self.strength}")


@dataclass(frozen=True)
class SubScore:
    """The best log odds over the variants of one kind; it says what to examine again, and is no verdict.

    Attributes:
        name: The kind of variant.
        log_odds: log P(similar) - log P(dissimilar) in nats, the best of its variants; finite, not calibrated.
        view: The two pictures of the best variant, in words.
    """

    name: str
    log_odds: float
    view: str

    def __post_init__(self) -> None:
        require(math.isfinite(self.log_odds), f"log odds are finite, not {self.log_odds}")


@dataclass(frozen=True)
class LocalAgreement:
    """The agreement of two marks: their local features that coincide under one shift, turn and size.

    Attributes:
        matched: Number of points that coincide, at most `of`; 0 if they are too few to mean anything.
        of: Number of points of the mark that has fewer.
        transform: From pixels of the first examined mark to pixels of the second: an affine matrix (2, 3), row by row;
            None if no point matches.
        negative: Whether the points coincide with the second mark in inverse polarity.
    """

    matched: int
    of: int
    transform: tuple[float, float, float, float, float, float] | None = None
    negative: bool = False

    def __post_init__(self) -> None:
        require(0 <= self.matched <= self.of, f"matched points number 0 to {self.of}, not {self.matched}")
        laid = self.transform is not None
        require(laid == (self.matched > 0), "one mark is laid over the other where points match, and only there")
        require(all(map(math.isfinite, self.transform or ())), "a transform is finite")
        require(laid or not self.negative, "a mark is laid in inverse polarity where points match, and only there")

    @property
    def turn(self) -> float:
        """Degrees clockwise by which the second mark is turned against the first, -180 to 180; 0 if none is laid."""
        return math.degrees(math.atan2(self.transform[3], self.transform[0])) if self.transform else 0.0

    @property
    def share(self) -> float:
        """The share of the points that match, 0 to 1; 0 for a mark without points."""
        return self.matched / self.of if self.of else 0.0

    def __str__(self) -> str:
        laid = f"{self.matched} of {self.of} points of the two marks lie on each other"
        turn = round(self.turn)
        seen = ["in inverse polarity"] if self.negative else []
        if turn:
            seen.append(f"turned {'counter' if turn < 0 else ''}clockwise by {abs(turn)} degrees")
        return f"{laid}, the second {' and '.join(seen)}" if seen else laid


@dataclass(frozen=True)
class ElementFinding:
    """Whether one mark contains the other: one of them whole, and the element of the other that is most similar to it.

    Attributes:
        places: Where the element lies in its framed mark, in its pixels; None for the mark that is compared whole.
        log_odds: log P(similar) - log P(dissimilar) of mark and element in nats, finite.
        agreement: Agreement of their local features.
        score: The calibrated score: the log odds, raised by the agreement as the card states; finite.
        heatmaps: The evidence of each for similarity; they lie over their places.
        decides: Whether it is stronger evidence of similarity than the wholes are, so that the comparison is based on
            it.
        evidence: Its likelihood ratio; None if a scope check refuses.
    """

    places: tuple[Crop | None, Crop | None]
    log_odds: float
    agreement: LocalAgreement
    score: float
    heatmaps: tuple[Heatmap, Heatmap]
    decides: bool = False
    evidence: Evidence | None = None

    def __post_init__(self) -> None:
        require(self.places.count(None) == 1, "one mark is compared whole with an element of the other")
        require(math.isfinite(self.log_odds), f"log odds are finite, not {self.log_odds}")
        require(math.isfinite(self.score), f"a score is finite, not {self.score}")

    @property
    def relation(self) -> str:
        """What would contain what, in words."""
        return "mark 2 contains mark 1" if self.places[0] is None else "mark 1 contains mark 2"


@dataclass(frozen=True)
class Comparison:
    """The outcome of comparing two marks: the visual similarity of the signs, never infringement.

    Attributes:
        outcome: The outcome.
        reason: Why, in one sentence.
        exhibits: The two marks.
        crops: The crop of each that was compared; None for the whole picture.
        marks: Each framed mark, which is what was compared.
        probability_similar: Uncalibrated, 0 to 1.
        log_odds: log P(similar) - log P(dissimilar) in nats, finite.
        agreement: The agreement of local features, found without the network.
        score: The score of the wholes: log odds + agreement_weight of the card * share of agreement, finite. It is the
            calibrated number, unless an element rule of the card weighs it beside that of the elements.
        band: The inconclusive band that decides without evidence.
        evidence: The evidence; None for a model without a calibration, and if a scope check refuses.
        heatmaps: One a mark, evidence for the side to which the probability leans.
        scope_checks: The scope checks, one tuple a mark.
        provenance: What is needed to repeat it.
        correspondences: Corresponding areas, whatever the outcome, the strongest first.
        whole: The likelihood ratio of the two wholes alone; None for a model that weighs nothing else, and if a scope
            check refuses.
        element: Whether one contains the other; None for a model that does not weigh it, and without elements.
        sub_scores: Sub-scores: overall, without colour, and turned or mirrored.
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
    whole: Evidence | None = None
    element: ElementFinding | None = None

    def __post_init__(self) -> None:
        require(0 <= self.probability_similar <= 1, "a probability lies between 0 and 1")
        require(math.isfinite(self.log_odds), f"log odds are finite, not {self.log_odds}")
        require(math.isfinite(self.score), f"a score is finite, not {self.score}")
        numbers = [one.number for one in self.correspondences]
        require(numbers == [*range(1, len(numbers) + 1)], f"correspondences are numbered 1, 2, 3, not {numbers}")

    @property
    def seen(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Each framed mark in its own colours (h, w, 3); heatmaps and places refer to these."""
        return self.marks[0].shown, self.marks[1].shown

    @property
    def compared(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Each framed mark at the standard contrast (h, w, 3), as it was compared."""
        return self.marks[0].pixels, self.marks[1].pixels

    @property
    def every_heatmap(self) -> tuple[Heatmap, ...]:
        """The heatmaps of both wholes, and of both elements if there are any."""
        return self.heatmaps if self.element is None else (*self.heatmaps, *self.element.heatmaps)

    @property
    def found(self) -> str:
        """The outcome, and for similar marks what of them is similar, if the model weighs more than the wholes."""
        if self.outcome != "similar" or self.whole is None:
            return self.outcome
        element = self.element
        return f"similar: {element.relation}" if element is not None and element.decides else "similar as wholes"

    @property
    def basis(self) -> str:
        """On which of two findings the comparison is based, in words; empty where only the wholes are weighed."""
        if self.whole is None:
            return ""
        if self.element is None or not self.element.decides:
            return "the marks as wholes"
        return f"one in the other: {self.element.relation}"

    @property
    def maps_show(self) -> str:
        """What the two heatmaps show, in words."""
        return "what the marks share" if self.probability_similar >= 0.5 else "where the marks differ"

    @property
    def weighed(self) -> str:
        """How the score is made, in sentences."""
        raised = self.score - self.log_odds
        if not raised:
            return f"{self.agreement}. The network's log odds of {self.log_odds:.2f} are weighed alone."
        adds = f"That adds {raised:.2f} to the network's log odds of {self.log_odds:.2f}, and the sum is weighed."
        return f"{self.agreement}. {adds}"
