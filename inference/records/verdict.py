"""What authenticity examinations come to."""

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
        outcome: What the findings come to.
        reason: Why, in one sentence.
        exhibit: What was examined.
        crop: The part of it that was; None for the whole picture.
        series: The one the examiner fixed; else the one whose reference fits best, or the most probable one.
        series_fixed: Whether the examiner fixed it.
        score: What is weighed: the log odds, or what the model's fusion makes of them and the deviation; finite.
        probability_genuine: Uncalibrated, 0 to 1: the sum over the genuine classes, renormalised over the two of its
            series where that is fixed or the part lies beside its reference.
        log_odds: log P(genuine) - log P(counterfeit) in nats, which stays exact where the probability is close to 0
            or 1; finite.
        class_probabilities: Uncalibrated, class name to 0..1, over all classes of the model; sums to 1.
        band: The inconclusive band it was read against where there is no evidence.
        evidence: What the findings weigh; None for a model that is not calibrated, and where a scope check refuses.
        heatmap: Evidence for the side the probability leans to, over the registered part where there is one.
        scope_checks: Physical checks of the input.
        reference: The part beside the genuine reference; None for a model that sees the part alone.
        provenance: What is needed to repeat it.
        located: The locator's proposal; None where no locator was asked. Where the examiner corrected it, the crop
            that was examined is another one.
        box: Who chose the rectangle that was examined; a turn alone leaves it the locator's.
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
    """What several photos of one part of one item come to together.

    Photos of one thing are not independent findings, so that their likelihood ratios are never multiplied: the part's
    score is the mean of its photos' scores. Different parts of an item have findings of their own.

    Attributes:
        outcome: What the findings come to.
        reason: Why, in one sentence.
        model: Name of the model that judged the photos.
        rule: How they were weighed together, in a sentence.
        photos: Of each photo, the lower-case hex SHA-256 of its file.
        counts_as: Of each photo, the number from 1 of the first photo that it is a copy of (its own where it is none),
            which count once together; None where a scope check refuses it.
        score: Mean of the scores of the photos that count; None where none does.
        calibrated_for: How many photos of one item the calibration was fitted to; None without evidence.
        evidence: What they weigh; None for a model that is not calibrated, and where no photo counts.
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
        require(len(self.photos) == len(self.counts_as) == len(self.verdicts), "each photo counts as one, or not")
        require(self.score is None or math.isfinite(self.score), f"a score is finite, not {self.score}")

    @property
    def distinct(self) -> int:
        """How many photos count, copies once."""
        return len({number for number in self.counts_as if number is not None})
