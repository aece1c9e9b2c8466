"""Score to likelihood ratio: how much the findings support one proposition over the other.

The card of a calibrated model holds a `Calibration`, fitted by `training.figures.calibration`; here it is only applied.
Source of the method: Platt-target logistic calibration with empirical lower and upper bounds (Vergeer et al.: Numerical
likelihood ratios outputted by LR systems are often based on extrapolation: When to stop extrapolating? 2016).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from inference.evidence.figures import Values
from inference.evidence.scale import ENFSI_2015, NEUTRAL_LR, VerbalScale
from inference.records import Evidence, require
from inference.records.bounds import Range

LEAST_SOURCES = 20
"""Of either side; under so many no likelihood ratio is given."""
LOG10_LR = Range(-20, 20)
"""The bounds follow from how many sources were met, and nobody has met more."""


@dataclass(frozen=True)
class Calibration:
    """How a model's score becomes a likelihood ratio, and what stands behind it.

    The score is log P(first side) - log P(second side) in nats, or what a model's card makes of it and of what it finds
    beside it; of several photos of one source, the mean of theirs.

    Attributes:
        sides: Their names: (genuine, counterfeit) or (similar, dissimilar).
        propositions: H1 (first side) and H2, in words.
        intercept: Log10 LR at score 0.
        slope: Log10 LR per nat, > 0.
        least: Lower bound of the log10 LR (ELUB), <= 0.
        greatest: Upper bound, >= 0.
        replicates: (intercept, slope, least, greatest) of each bootstrap by source.
        accepts: Of each side, the least (first) or greatest (second) score that goes with it: the class-conditional
            conformal threshold at `error`.
        error: Share of a side's own scores that its threshold may turn away, 0 to 1.
        sources: Sources of either side, at least 20.
        population: What they were, in words.
        held_out: Bounded log10 LRs of photos or pairs that neither training nor calibration saw, of either side; empty
            where there were none.
        photos: How many photos of one source each score is the mean of, >= 1.
    """

    sides: tuple[str, str]
    propositions: tuple[str, str]
    intercept: float
    slope: float
    least: float
    greatest: float
    replicates: tuple[tuple[float, float, float, float], ...]
    accepts: tuple[float, float]
    error: float
    sources: tuple[int, int]
    population: str
    held_out: tuple[tuple[float, ...], tuple[float, ...]]
    photos: int = 1

    def __post_init__(self) -> None:
        require(self.slope > 0, f"a calibration keeps the order of scores: slope {self.slope}")
        for name, bound in (("least", self.least), ("greatest", self.greatest)):
            LOG10_LR.require(name, bound)
        require(self.least <= 0 <= self.greatest, "the bounds hold 0, the neutral evidence")
        require(len(self.replicates) > 0, "an interval needs replicates")
        require(0 < self.error < 1, f"a share of errors lies between 0 and 1, not {self.error}")
        # So many photos of one item are a film.
        Range(1, 1000).require("photos", self.photos)
        require(min(self.sources) >= LEAST_SOURCES, f"a calibration stands on {LEAST_SOURCES} sources a side")

    def log10_lrs(self, scores: Values) -> Values:
        """Log10 LRs of scores, of the same shape, inside the bounds."""
        return np.clip(self.intercept + self.slope * scores, self.least, self.greatest)

    def evidence(self, score: float, scale: VerbalScale = ENFSI_2015) -> Evidence:
        """What a score weighs.

        Args:
            score: High for the first side, finite.
            scale: Whose words state it.
        """
        log10_lr = float(self.log10_lrs(np.array(score)))
        intercepts, slopes, least, greatest = np.array(self.replicates).T
        low, high = np.quantile(np.clip(intercepts + slopes * score, least, greatest), [0.025, 0.975]).tolist()
        accepted = (score >= self.accepts[0], score <= self.accepts[1])
        return Evidence(
            propositions=self.propositions,
            score=score,
            log10_lr=log10_lr,
            low=max(min(low, log10_lr), self.least),
            high=min(max(high, log10_lr), self.greatest),
            least=self.least,
            greatest=self.greatest,
            words=scale.sentence(log10_lr, self.propositions),
            scale=scale.name,
            sources=self.sources,
            population=self.population,
            accepted=tuple(side for side, goes in zip(self.sides, accepted, strict=True) if goes),
        )


def outcome(evidence: Evidence, sides: tuple[str, str]) -> tuple[str, str]:
    """What the evidence comes to, and which rule decided, in one sentence.

    It is a side where that side's calibration samples have such scores, the other side's have not, and the likelihood
    ratio is resolved; else inconclusive. A score between the two sides' samples is inconclusive as well: what is out of
    scope is told by the picture, not by the score.

    Args:
        evidence: What the findings weigh.
        sides: Names of the first and the second side.

    Returns:
        One of the sides, or `inconclusive`; and the reason.
    """
    log10_lr, stated = evidence.log10_lr, _stated(evidence)
    first, second = sides
    side = first if log10_lr > 0 else second
    if not evidence.accepted:
        reason = f"a score of {evidence.score:.2f} lies between those of {first} and of {second} calibration samples"
        return "inconclusive", f"{stated}, but {reason}."
    if abs(log10_lr) <= math.log10(NEUTRAL_LR):
        return "inconclusive", f"{stated}; from 1/2 to 2 the findings support neither side."
    if evidence.low <= 0 <= evidence.high:
        return "inconclusive", f"{stated}; the interval holds 0, so that the side is not resolved."
    if len(evidence.accepted) == len(sides):
        reason = f"{first} and {second} calibration samples alike have scores of {evidence.score:.2f}"
        return "inconclusive", f"{stated}, but {reason}."
    if side not in evidence.accepted:
        reason = f"a score of {evidence.score:.2f} is strange to {side} calibration samples"
        return "inconclusive", f"{stated}, but {reason}."
    other = second if side == first else first
    return side, f"{stated}; it supports {side}, and {other} calibration samples do not have such scores."


def as_ratio(log10_lr: float) -> str:
    """A likelihood ratio as text with two digits that count: `33`, or `1/33` where it favours H2."""
    size = 10 ** abs(log10_lr)
    text = f"{size:.1f}" if size < 9.95 else f"{float(f'{size:.2g}'):,.0f}"
    return text if log10_lr >= 0 else f"1/{text}"


def _stated(evidence: Evidence) -> str:
    """The number with its interval, and whether the data behind the calibration limit it."""
    interval = f"95% interval {evidence.low:.2f} to {evidence.high:.2f}"
    limited = ", as far as the calibration data reach" if evidence.at_bound else ""
    return f"The log10 LR is {evidence.log10_lr:.2f} (LR {as_ratio(evidence.log10_lr)}{limited}; {interval})"
