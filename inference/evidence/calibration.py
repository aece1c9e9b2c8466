"""Score to likelihood ratio: how much the findings support one proposition over the other.

The card of a calibrated model holds a `Calibration`, fitted by `inference.evidence.fitting`; here it is only applied.
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
"""Sources of each side; with fewer, no likelihood ratio is given."""
LOG10_LR = Range(-20, 20)
"""Range of a bound of the log10 LR; no set has enough sources for more."""


@dataclass(frozen=True)
class Calibration:
    """How a model's score becomes a likelihood ratio, and the data behind it.

    The score is log P(first side) - log P(second side) in nats, or what the card makes of it (a fused score). Of
    several photos of one source it is the mean of their scores.

    Attributes:
        sides: Their names: (genuine, counterfeit) or (similar, dissimilar).
        propositions: H1 (first side) and H2, in words.
        intercept: Log10 LR at score 0.
        slope: Log10 LR per nat, > 0.
        least: Lower bound of the log10 LR (ELUB), <= 0.
        greatest: Upper bound, >= 0.
        replicates: (intercept, slope, least, greatest) of each bootstrap by source.
        accepts: Least score accepted for the first side, greatest for the second: class-conditional conformal
            thresholds at `error`.
        error: Share of a side's own scores that its threshold may reject, 0 to 1.
        sources: Number of sources of each side, at least 20.
        population: The sources, in words.
        held_out: Bounded log10 LRs of photos or pairs of each side that neither training nor calibration saw; may be
            empty.
        photos: Number of photos of one source whose mean each score is, >= 1.
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
        require(self.slope > 0, f"a calibration keeps the order of scores: its slope is above 0, not {self.slope}")
        for name, bound in (("least", self.least), ("greatest", self.greatest)):
            LOG10_LR.require(name, bound)
        require(self.least <= 0 <= self.greatest, "the bounds enclose 0, the neutral evidence")
        require(len(self.replicates) > 0, "an interval needs replicates")
        require(0 < self.error < 1, f"a share of errors lies between 0 and 1, not {self.error}")
        # More photos of one item are a film.
        Range(1, 1000).require("photos", self.photos)
        require(min(self.sources) >= LEAST_SOURCES, f"a calibration needs {LEAST_SOURCES} sources a side")

    def unbounded(self, score: float) -> float:
        """The log10 LR of a score without the bounds: it keeps the order of scores that the bounds make equal."""
        return self.intercept + self.slope * score

    def log10_lrs(self, scores: Values) -> Values:
        """Log10 LRs of scores, of the same shape, inside the bounds."""
        return np.clip(self.intercept + self.slope * scores, self.least, self.greatest)

    def evidence(self, score: float, scale: VerbalScale = ENFSI_2015) -> Evidence:
        """The evidence of a score.

        Args:
            score: High for the first side, finite.
            scale: The verbal scale that words it.
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
    """The outcome of the evidence, and a sentence on the rule that decided.

    A side is taken if its calibration samples have such scores, those of the other side have not, and the interval of
    the likelihood ratio excludes 0; else the outcome is inconclusive. So is a score between the samples of both sides,
    because the picture decides what is out of scope, not the score.

    Args:
        evidence: The evidence of the findings.
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
        return "inconclusive", f"{stated}; an LR from 1/2 to 2 supports neither side."
    if evidence.low <= 0 <= evidence.high:
        return "inconclusive", f"{stated}; the interval contains 0, so that the side is not resolved."
    if len(evidence.accepted) == len(sides):
        reason = f"both {first} and {second} calibration samples have scores of {evidence.score:.2f}"
        return "inconclusive", f"{stated}, but {reason}."
    if side not in evidence.accepted:
        reason = f"{side} calibration samples do not have scores of {evidence.score:.2f}"
        return "inconclusive", f"{stated}, but {reason}."
    other = second if side == first else first
    return side, f"{stated}; it supports {side}, and {other} calibration samples do not have such scores."


def as_ratio(log10_lr: float) -> str:
    """A likelihood ratio as text with two significant digits: `33`, or `1/33` if it favours H2."""
    size = 10 ** abs(log10_lr)
    text = f"{size:.1f}" if size < 9.95 else f"{float(f'{size:.2g}'):,.0f}"
    return text if log10_lr >= 0 else f"1/{text}"


def _stated(evidence: Evidence) -> str:
    """The log10 LR with its interval, and whether the calibration data limit it."""
    interval = f"95% interval {evidence.low:.2f} to {evidence.high:.2f}"
    limited = ", limited by the calibration data" if evidence.at_bound else ""
    return f"The log10 LR is {evidence.log10_lr:.2f} (LR {as_ratio(evidence.log10_lr)}{limited}; {interval})"
