"""What an examination finds: heatmaps, the part beside its reference, scope checks, evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.records.exhibit import UNSTATED
from inference.records.validation import require

CheckStatus = Literal["ok", "warn", "refuse"]
FIRST_STEP = 1 / 256
"""Share of full scale below which a heatmap shows nothing."""
LEAST_HANDEDNESS = 0.04
"""Handedness of a reference from which on it can tell a part from its mirror image; those that are their own mirror
image were measured at .01 to .035, the shipped ones at .12 to .37."""
NEARLY_AS_WELL = 0.05
"""Share of a reference's handedness by which a part must fit better than its mirror image; genuine and counterfeit
validation photos do so by .10 of it or more."""


@dataclass(frozen=True)
class Placement:
    """Where the examined part lies in the square the network saw; fractions of its side, 0 to 1."""

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self) -> None:
        inside = min(self.left, self.top, 1 - self.left - self.width, 1 - self.top - self.height) >= -1e-9
        require(inside and self.width > 0 and self.height > 0, f"{self} does not lie in the unit square")


@dataclass(frozen=True)
class Heatmap:
    """Grad-CAM evidence for one stated target.

    Attributes:
        raw: float32 (h, w), one value a cell of the feature map, >= 0, before any rescaling.
        layer: The feature map it was taken at.
        target: What the map is evidence for, in words.
        full_scale: The raw value drawn with the last colour, > 0; a property of the model
            (its card), never of this photo, so that pictures can be compared.
        placement: Where the examined part lies in the map.
    """

    raw: NDArray[np.float32] = field(repr=False)
    layer: str
    target: str
    full_scale: float
    placement: Placement

    def __post_init__(self) -> None:
        require(self.raw.dtype == np.float32 and self.raw.ndim == 2, "a raw map is float32 (h, w)")
        require(bool(np.isfinite(self.raw).all()) and bool((self.raw >= 0).all()), "a raw map is finite and >= 0")
        require(self.full_scale > 0, "the colour scale ends above zero")
        self.raw.setflags(write=False)

    @property
    def peak(self) -> float:
        """Largest raw value."""
        return float(self.raw.max())

    @property
    def shows_evidence(self) -> bool:
        """Whether any cell reaches the first visible step of the fixed colour scale."""
        return self.peak >= self.full_scale * FIRST_STEP


@dataclass(frozen=True)
class MirrorTrial:
    """The mirror image of a part laid over genuine references.

    Attributes:
        series: Whose reference it fits best.
        score: Correlation of its edges with the reference's, -1 to 1.
        least_score: What genuine photos reach.
        handedness: How much tells that reference from its own mirror image, 0 (nothing) to 1.
    """

    series: str
    score: float
    least_score: float
    handedness: float

    def __post_init__(self) -> None:
        require(-1.001 <= self.score <= 1.001, f"a correlation lies between -1 and 1, not {self.score}")
        require(0 <= self.handedness <= 1, f"handedness lies between 0 and 1, not {self.handedness}")

    @property
    def tells(self) -> bool:
        """Whether the reference differs enough from its own mirror image to tell the two."""
        return self.handedness >= LEAST_HANDEDNESS

    @property
    def fits(self) -> bool:
        """Whether the mirror image fits the reference as genuine photos do."""
        return self.score >= self.least_score


@dataclass(frozen=True)
class ReferenceComparison:
    """A part laid beside the genuine reference of its series.

    Attributes:
        series: Whose reference fits best, or the one the examiner fixed.
        score: Correlation of the part's edges with the reference's, -1 to 1.
        least_score: What genuine photos reach; below it the fit is not used.
        enlarged: How many pixels of the reference a pixel of the part becomes along a side, > 0.
        most_enlarged: The most that genuine photos were enlarged; beyond it the part shows too little detail.
        blurred: Blur (`measures.blur`) of the registered part, 0 to 1.
        most_blurred: What all but 1% of genuine photos stay below; beyond it the part is too soft.
        covered: Share of the reference that lies inside the examined part, 0 to 1.
        runner_up: Score of each other reference that was tried, best first.
        mirror: What the part's mirror image comes to over the same references.
        least_lead: By how much the best fit must lead the next one for its series to be taken; >= 0.
        homography: From pixels of the part to pixels of the reference, row by row.
        measured: What the difference is taken of: the part's edges, or the network's features of it.
        deviation: How far these stray from genuine ones, in standard deviations, over the most deviating areas.
        registered: The part in the frame of the reference, uint8 (h, w, 3).
        reference: Mean of registered genuine photos, uint8 (h, w, 3).
        difference: Deviation of each point in standard deviations, float32 (h, w), >= 0.
        photos: How many genuine photos made the reference.
    """

    series: str
    score: float
    least_score: float
    enlarged: float
    most_enlarged: float
    blurred: float
    most_blurred: float
    covered: float
    runner_up: dict[str, float]
    mirror: MirrorTrial
    least_lead: float
    homography: tuple[tuple[float, float, float], ...]
    deviation: float
    measured: Literal["edges", "features"]
    registered: NDArray[np.uint8] = field(repr=False, metadata=UNSTATED)
    reference: NDArray[np.uint8] = field(repr=False, metadata=UNSTATED)
    difference: NDArray[np.float32] = field(repr=False, metadata=UNSTATED)
    photos: int

    def __post_init__(self) -> None:
        require(-1.001 <= self.score <= 1.001, f"a correlation lies between -1 and 1, not {self.score}")
        require(self.enlarged > 0 < self.most_enlarged, "a part is enlarged some number of times above 0")
        require(min(self.blurred, self.most_blurred) >= 0, "blur is 0 or more")
        require(self.least_lead >= 0, f"the best fit leads by 0 or more, not {self.least_lead}")
        require(0 <= self.covered <= 1, f"a share lies between 0 and 1, not {self.covered}")
        shape = self.registered.shape[:2]
        require(self.reference.shape[:2] == shape == self.difference.shape, "one frame for all three pictures")
        for picture in (self.registered, self.reference, self.difference):
            picture.setflags(write=False)

    @property
    def fits(self) -> bool:
        """Whether the part fits the reference as genuine photos do."""
        return self.score >= self.least_score

    @property
    def mirrored(self) -> bool:
        """Whether the part's mirror image fits a genuine reference better than the part, or nearly as well.

        A reference that is its own mirror image cannot tell, and never says so.
        """
        nearly = NEARLY_AS_WELL * self.mirror.handedness
        return self.mirror.tells and self.mirror.fits and self.score - self.mirror.score < nearly

    @property
    def rival(self) -> str | None:
        """The series whose reference fits too well to take the best one without asking; None where there is none."""
        return next((name for name, score in self.runner_up.items() if self.score - score < self.least_lead), None)


@dataclass(frozen=True)
class ScopeCheck:
    """One physical check of the input, with the number behind it."""

    name: str
    status: CheckStatus
    value: float
    text: str


@dataclass(frozen=True)
class InconclusiveBand:
    """The probabilities between which no side is taken, found on validation data only.

    Attributes:
        lower: Below it the second side is taken (counterfeit, dissimilar); 0 to 0.5.
        upper: Above it the first side is taken (genuine, similar); 0.5 to 1.
        rule: How the edges were found, in a sentence.
    """

    lower: float
    upper: float
    rule: str

    def __post_init__(self) -> None:
        require(0 <= self.lower <= 0.5 <= self.upper <= 1, f"a band holds 0.5, not [{self.lower}, {self.upper}]")

    def side(self, probability: float) -> Literal["first", "second"] | None:
        """The side that `probability` (of the first side) falls on; None inside the band and on its edges."""
        if probability > self.upper:
            return "first"
        return "second" if probability < self.lower else None


@dataclass(frozen=True)
class Evidence:
    """What the findings weigh: how much more probable they are under one proposition than under the other.

    It is a probability of the findings given each proposition, never of a proposition.

    Attributes:
        propositions: H1 and H2, in words.
        score: What was calibrated: log P(first side) - log P(second side) in nats, or what a card made of it.
        log10_lr: Log10 of the likelihood ratio for H1 against H2, inside the bounds.
        low: Lower end of its 95% interval, from a bootstrap by source.
        high: Upper end.
        least: Lower bound that the calibration data allow (ELUB), <= 0.
        greatest: Upper bound, >= 0.
        words: The verbal equivalent, as a sentence.
        scale: Which verbal scale that is.
        sources: Sources of either side behind the calibration.
        population: What they were, in words.
        accepted: The sides whose own calibration scores go with this one (class-conditional conformal set); none where
            it is strange to both.
    """

    propositions: tuple[str, str]
    score: float
    log10_lr: float
    low: float
    high: float
    least: float
    greatest: float
    words: str
    scale: str
    sources: tuple[int, int]
    population: str
    accepted: tuple[str, ...]

    def __post_init__(self) -> None:
        require(self.least <= 0 <= self.greatest, "the bounds hold 0, the neutral evidence")
        require(self.least <= self.log10_lr <= self.greatest, f"log10 LR {self.log10_lr} lies outside its bounds")
        require(self.low <= self.log10_lr <= self.high, f"log10 LR {self.log10_lr} lies outside its interval")

    @property
    def at_bound(self) -> bool:
        """Whether the data behind the calibration, not the finding, limit the likelihood ratio."""
        return self.log10_lr in (self.least, self.greatest)


@dataclass(frozen=True)
class Provenance:
    """What is needed to repeat an examination.

    Attributes:
        model: Name of the model.
        weights_sha256: SHA-256 of the weights file.
        card_sha256: SHA-256 of the card file.
        code_version: Version of Assay, and a hash of the code that computes findings.
        settings: What the examiner chose (series, crop), as text.
        preprocessing: What was done to the pixels, in order, as sentences.
        device: Where it ran.
        libraries: Versions of the libraries the numbers depend on.
    """

    model: str
    weights_sha256: str
    card_sha256: str
    code_version: str
    settings: dict[str, str]
    preprocessing: tuple[str, ...]
    device: str
    libraries: dict[str, str]
