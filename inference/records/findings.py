"""The findings of an examination: heatmaps, the part beside its reference, scope checks, evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.records.exhibit import UNSTATED
from inference.records.validation import require

CheckStatus = Literal["ok", "warn", "refuse"]
EngineName = Literal["torch", "openvino"]
EngineChoice = Literal["auto", "torch", "openvino"]
FIRST_STEP = 1 / 256
"""Share of full scale below which a heatmap shows nothing."""
LEAST_HANDEDNESS = 0.04
"""Least handedness of a reference that can distinguish a part from its mirror image. References that are their own
mirror image were measured at .01 to .035, the shipped ones at .12 to .37."""
NEARLY_AS_WELL = 0.05
"""Share of a reference's handedness by which a part must fit better than its mirror image; genuine and counterfeit
validation photos do so by a share of at least .10."""


@dataclass(frozen=True)
class Placement:
    """Where the examined part lies in the network's square input, in fractions of its side, 0 to 1."""

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self) -> None:
        inside = min(self.left, self.top, 1 - self.left - self.width, 1 - self.top - self.height) >= -1e-9
        require(
            inside and self.width > 0 and self.height > 0, f"a placement lies inside the unit square, unlike {self}"
        )


@dataclass(frozen=True)
class Heatmap:
    """Grad-CAM evidence for one stated target.

    Attributes:
        raw: float32 (h, w), one value a cell of the feature map, >= 0, before any rescaling.
        layer: The feature map at which it was taken.
        target: What it is evidence for, in words.
        full_scale: The raw value drawn with the last colour, > 0; the model's card fixes it, never
            this photo, so that heatmaps can be compared.
        placement: Where the examined part lies in the heatmap.
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
        least_score: Score that genuine photos reach.
        handedness: How much distinguishes that reference from its own mirror image, 0 (nothing) to 1.
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
        """Whether the reference differs enough from its own mirror image to distinguish the two."""
        return self.handedness >= LEAST_HANDEDNESS

    @property
    def fits(self) -> bool:
        """Whether the mirror image fits the reference as genuine photos do."""
        return self.score >= self.least_score


@dataclass(frozen=True)
class ReferenceComparison:
    """A part laid beside the genuine reference of its series.

    Attributes:
        series: The series whose reference fits best, or the one the examiner fixed.
        score: Correlation of the part's edges with the reference's, -1 to 1.
        least_score: Score that genuine photos reach; a fit below it is not used.
        enlarged: Pixels of the reference for a pixel of the part, along a side, > 0.
        most_enlarged: The greatest enlargement of genuine photos; beyond it the part shows too little detail.
        blurred: Blur (`measures.blur`) of the registered part, 0 to 1.
        most_blurred: Blur that all but 1% of genuine photos stay below; beyond it the part is too soft.
        covered: Share of the reference that the examined part covers, 0 to 1.
        runner_up: Score of each other reference that was tried, best first.
        mirror: The mirror trial over the same references.
        least_lead: Least lead of the best fit over the runner-up for its series to be taken; >= 0.
        homography: From pixels of the part to pixels of the reference, row by row.
        measured: What the difference map compares: the part's edges, its network features, or what the witnesses of a
            collection see.
        deviation: Mean of the difference map over the most deviating places, in standard deviations.
        registered: The part in the frame of the reference, uint8 (h, w, 3).
        reference: Mean of registered genuine photos, uint8 (h, w, 3).
        difference: The difference map in standard deviations, float32 (h, w), >= 0.
        photos: Number of genuine photos behind the reference.
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
    measured: Literal["edges", "features", "witnesses"]
    registered: NDArray[np.uint8] = field(repr=False, metadata=UNSTATED)
    reference: NDArray[np.uint8] = field(repr=False, metadata=UNSTATED)
    difference: NDArray[np.float32] = field(repr=False, metadata=UNSTATED)
    photos: int

    def __post_init__(self) -> None:
        require(-1.001 <= self.score <= 1.001, f"a correlation lies between -1 and 1, not {self.score}")
        require(self.enlarged > 0 < self.most_enlarged, "an enlargement is above 0")
        require(min(self.blurred, self.most_blurred) >= 0, "blur is 0 or more")
        require(self.least_lead >= 0, f"the best fit leads by 0 or more, not {self.least_lead}")
        require(0 <= self.covered <= 1, f"a share lies between 0 and 1, not {self.covered}")
        shape = self.registered.shape[:2]
        require(self.reference.shape[:2] == shape == self.difference.shape, "the three pictures have one frame")
        for picture in (self.registered, self.reference, self.difference):
            picture.setflags(write=False)

    @property
    def fits(self) -> bool:
        """Whether the part fits the reference as genuine photos do."""
        return self.score >= self.least_score

    @property
    def mirrored(self) -> bool:
        """Whether the part's mirror image fits a genuine reference better than the part, or nearly as well.

        It is never true for a reference that is its own mirror image, which cannot distinguish the two.
        """
        nearly = NEARLY_AS_WELL * self.mirror.handedness
        return self.mirror.tells and self.mirror.fits and self.score - self.mirror.score < nearly

    @property
    def rival(self) -> str | None:
        """The series whose reference fits nearly as well as the best, so that it must be stated; None without one."""
        return next((name for name, score in self.runner_up.items() if self.score - score < self.least_lead), None)


@dataclass(frozen=True)
class ScopeCheck:
    """One question about an input, with its number and its answer."""

    name: str
    status: CheckStatus
    value: float
    text: str


@dataclass(frozen=True)
class InconclusiveBand:
    """The probabilities between which no side is taken, found on validation data only.

    Attributes:
        lower: The second side (counterfeit, dissimilar) is taken below it; 0 to 0.5.
        upper: The first side (genuine, similar) is taken above it; 0.5 to 1.
        rule: How the edges were found, in a sentence.
    """

    lower: float
    upper: float
    rule: str

    def __post_init__(self) -> None:
        require(
            0 <= self.lower <= 0.5 <= self.upper <= 1,
            f"an inconclusive band contains 0.5, unlike [{self.lower}, {self.upper}]",
        )

    def side(self, probability: float) -> Literal["first", "second"] | None:
        """The side that `probability` (of the first side) decides; None inside the band and on its edges."""
        if probability > self.upper:
            return "first"
        return "second" if probability < self.lower else None


@dataclass(frozen=True)
class Evidence:
    """The evidence of the findings: how much more probable they are under one proposition than under the other.

    It speaks of the probability of the findings given each proposition, never of the probability of a proposition.

    Attributes:
        propositions: H1 and H2, in words.
        score: The calibrated number: log P(first side) - log P(second side) in nats, or what a card makes of it.
        log10_lr: Log10 of the likelihood ratio for H1 against H2, inside the bounds.
        low: Lower end of its 95% interval, from a bootstrap by source.
        high: Upper end.
        least: Lower bound that the calibration data allow (ELUB), <= 0.
        greatest: Upper bound, >= 0.
        words: The verbal equivalent, as a sentence.
        scale: Name of that verbal scale.
        sources: Number of sources of each side behind the calibration.
        population: The sources, in words.
        accepted: The sides whose calibration samples have such scores (class-conditional conformal set); may be empty.
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
        require(self.least <= 0 <= self.greatest, "the bounds enclose 0, the neutral evidence")
        require(self.least <= self.log10_lr <= self.greatest, f"log10 LR {self.log10_lr} lies outside its bounds")
        require(self.low <= self.log10_lr <= self.high, f"log10 LR {self.log10_lr} lies outside its interval")

    @property
    def at_bound(self) -> bool:
        """Whether the calibration data limit the likelihood ratio, and not the finding."""
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
        libraries: Versions of the libraries the numbers depend on, the engine's among them.
        engine: What ran the networks' passes without a graph; a record that states none was made by torch.
    """

    model: str
    weights_sha256: str
    card_sha256: str
    code_version: str
    settings: dict[str, str]
    preprocessing: tuple[str, ...]
    device: str
    libraries: dict[str, str]
    engine: EngineName = "torch"
