"""The records of authenticity examinations."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.records.exhibit import UNSTATED, BoxChoice, Crop, Exhibit, Located, chosen_by
from inference.records.findings import Evidence, Heatmap, InconclusiveBand, Provenance, ReferenceComparison, ScopeCheck
from inference.records.validation import require

AuthenticityOutcome = Literal["genuine", "counterfeit", "inconclusive", "out of scope"]


def _require_distribution(probabilities: dict[str, float]) -> None:
    total = sum(probabilities.values())
    require(all(0 <= p <= 1 for p in probabilities.values()), "probabilities lie between 0 and 1")
    require(abs(total - 1) < 1e-4, f"class probabilities sum to 1, not {total:.6f}")


@dataclass(frozen=True)
class Verdict:
    """The outcome of one examination for authenticity.

    Attributes:
        outcome: The outcome.
        reason: Why, in one sentence.
        exhibit: The exhibit.
        crop: The examined crop; None for the whole picture.
        series: The one the examiner fixed; else the one whose reference fits best, or the most probable one.
        series_fixed: Whether the examiner fixed it.
        score: The calibrated number: the log odds, or the fused score; finite.
        probability_genuine: Uncalibrated, 0 to 1: the sum over the genuine classes, renormalised over the two classes
            of its series if that is fixed or the view is a reference view.
        log_odds: log P(genuine) - log P(counterfeit) in nats; exact even if the probability is close to 0 or 1;
            finite.
        class_probabilities: Uncalibrated, from class name to probability, over all classes of the model; sums to 1.
        band: The inconclusive band that decides without evidence.
        evidence: The evidence; None for a model without a calibration, and if a scope check refuses.
        heatmap: Evidence for the side to which the probability leans, over the registered part if there is one.
        scope_checks: The scope checks of the input.
        reference: The part beside the genuine reference; None in a photo view.
        provenance: What is needed to repeat it.
        located: The locator's proposal; None if no locator was asked. If the examiner corrected it, the examined
            crop is a different one.
        box: Who chose the examined rectangle; a turn alone leaves it the locator's.
    """

    outcome: AuthenticityOutcome
    reason: str
    exhibit: Exhibit
    crop: Crop | None
    series: str
    series_fixed: bool
    probability_genuine: float
    log_odds: float
    score: float
    class_probabilities: dict[str, float]
    band: InconclusiveBand
    heatmap: Heatmap
    scope_checks: tuple[ScopeCheck, ...]
    provenance: Provenance
    reference: ReferenceComparison | None = None
    evidence: Evidence | None = None
    located: Located | None = None
    box: BoxChoice = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", chosen_by(self.crop, self.located))
        require(0 <= self.probability_genuine <= 1, "a probability lies between 0 and 1")
        for name, value in (("log odds", self.log_odds), ("a score", self.score)):
            require(math.isfinite(value), f"{name} must be finite, not {value}")
        _require_distribution(self.class_probabilities)

    @property
    def every_heatmap(self) -> tuple[Heatmap, ...]:
        """Its heatmap alone."""
        return (self.heatmap,)

    @property
    def series_basis(self) -> str:
        """Why it is this series, in words."""
        if self.series_fixed:
            return "fixed by the examiner"
        return "left open; the most probable one" if self.reference is None else "left open; its reference fits best"

    @property
    def seen(self) -> NDArray[np.uint8]:
        """The picture the heatmap lies over, (h, w, 3): the registered part, or else the part itself."""
        return self.exhibit.crop(self.crop) if self.reference is None else self.reference.registered


@dataclass(frozen=True)
class PartFinding:
    """The part finding of several photos of one part of one item.

    Photos of one item are not independent findings, so that their likelihood ratios are never multiplied: the part's
    score is the mean of its photos' scores. Each part of an item has a finding of its own.

    Attributes:
        outcome: The outcome.
        reason: Why, in one sentence.
        model: Name of the model that judged the photos.
        rule: How they were weighed together, in a sentence.
        photos: For each photo, the lower-case hex SHA-256 of its file.
        counts_as: For each photo, the number from 1 of the first photo of which it is a copy (its own if it is none);
            copies count once. None if a scope check refuses it.
        score: Mean of the scores of the photos that count; None if none counts.
        calibrated_for: Number of photos of one item that the calibration was fitted to; None without evidence.
        evidence: The evidence; None for a model without a calibration, and if no photo counts.
        verdicts: The verdict on each photo.
    """

    outcome: AuthenticityOutcome
    reason: str
    model: str
    rule: str
    photos: tuple[str, ...]
    counts_as: tuple[int | None, ...]
    score: float | None
    calibrated_for: int | None
    evidence: Evidence | None
    verdicts: tuple[Verdict, ...] = field(repr=False, metadata=UNSTATED)

    def __post_init__(self) -> None:
        require(len(self.verdicts) > 0, "a finding needs a photo")
        require(
            len(self.photos) == len(self.counts_as) == len(self.verdicts), "each verdict has one photo and one count"
        )
        require(self.score is None or math.isfinite(self.score), f"a score is finite, not {self.score}")

    @property
    def distinct(self) -> int:
        """Number of photos that count, copies once."""
        return len({number for number in self.counts_as if number is not None})
