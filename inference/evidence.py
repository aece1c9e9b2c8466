"""Score to likelihood ratio: how much the findings support one proposition over the other.

The card of a calibrated model holds a `Calibration`, fitted by `training.calibration`; here it is only applied.
Source of the method: Platt-target logistic calibration with empirical lower and upper bounds (Vergeer et al.: Numerical
likelihood ratios outputted by LR systems are often based on extrapolation: When to stop extrapolating? 2016).

Also here is what is said of likelihood ratios whose truth is known, for reports: Cllr (Brümmer and du Preez, 2006), its
least value over all monotone recalibrations by pool-adjacent-violators, and the points of Tippett and ECE curves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from inference.card_numbers import Range
from inference.records import Evidence, Refusal, require

Values = NDArray[np.float64]

LEAST_SOURCES = 20
"""Of either side; under so many no likelihood ratio is given."""

LOG10_LR = Range(-20, 20)
"""The bounds follow from how many sources were met, and nobody has met more."""

NEUTRAL_LR = 2.0
"""Up to this likelihood ratio, for either side, the findings support neither."""


class ScaleRefused(Refusal):
    """A verbal scale that cannot be read or used."""


@dataclass(frozen=True)
class VerbalScale:
    """Words for likelihood ratios; they stand beside the number, never for it.

    Attributes:
        name: What the scale is called in a report.
        source: Where it was published.
        above: Words of support, each with the likelihood ratio above which it holds (>= 1, ascending): an edge belongs
            to the band below it. Up to the first edge the findings support neither side.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    source: str
    above: dict[str, float]

    def __post_init__(self) -> None:
        edges = [*self.above.values()]
        require(bool(edges), "a verbal scale needs at least one band")
        require(all(math.isfinite(edge) and edge >= 1 for edge in edges), "a band begins at a finite LR of 1 or more")
        require(all(low < high for low, high in pairwise(edges)), "bands are listed from the weakest to the strongest")

    @classmethod
    def read(cls, path: Path) -> VerbalScale:
        """A laboratory's own scale, from JSON such as {"name": "...", "source": "...", "above": {"weak": 2, ...}}.

        Raises:
            ScaleRefused: if the file cannot be read, or is no such scale.
        """
        try:
            return _SCALE.validate_json(path.read_bytes(), strict=True)
        except OSError as error:
            msg = f"The verbal scale {path.name} cannot be read in {path.parent}; check its name and its permissions."
            raise ScaleRefused(msg) from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(step) for step in first["loc"]) or "the file"
            msg = (
                f"{path.name} is no verbal scale: {where}: {first['msg']}; it needs a name, a source, and under "
                f'"above" each word of support with the likelihood ratio above which it holds.'
            )
            raise ScaleRefused(msg) from error

    def support(self, log10_lr: float) -> str | None:
        """The word for how strong the support is, whichever side it is for; None where there is none."""
        words = [word for word, edge in self.above.items() if abs(log10_lr) > math.log10(edge)]
        return words[-1] if words else None

    def sentence(self, log10_lr: float, propositions: tuple[str, str]) -> str:
        """What a likelihood ratio of H1 against H2 says in words; of the findings, never of a proposition itself."""
        support = self.support(log10_lr)
        if support is None:
            return "The findings do not support one proposition over the other."
        favoured, other = propositions if log10_lr > 0 else propositions[::-1]
        return f"The findings provide {support} support for the proposition that {favoured} rather than that {other}."


_SCALE = TypeAdapter(VerbalScale)

ENFSI_2015 = VerbalScale(
    name="ENFSI 2015",
    source="European Network of Forensic Science Institutes: Guideline for Evaluative Reporting in Forensic Science, "
    "2015",
    above={
        "weak": NEUTRAL_LR,
        "moderate": 10,
        "moderately strong": 100,
        "strong": 1_000,
        "very strong": 10_000,
        "extremely strong": 1_000_000,
    },
)
"""The scale of the guideline; its band of 1 to 2 has no word of support."""


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


def pav(first: Values, second: Values, weights: tuple[Values, Values] | None = None) -> tuple[Values, Values]:
    """Log10 LRs of scores by pool-adjacent-violators: the best that any monotone calibration makes of them.

    Args:
        first: Scores of the first side (n,), higher the more they speak for it.
        second: Scores of the second side (m,).
        weights: How much each score counts, > 0; None for all alike.

    Returns:
        Log10 LRs (n,) and (m,); infinite where only one side has scores.
    """
    w_first, w_second = weights or (np.ones(len(first)), np.ones(len(second)))
    levels, rank = np.unique(np.concatenate([first, second]), return_inverse=True)
    of_first = np.bincount(rank[: len(first)], w_first / w_first.sum(), len(levels))
    of_second = np.bincount(rank[len(first) :], w_second / w_second.sum(), len(levels))
    blocks: list[tuple[float, float, int]] = []
    for one, other in zip(of_first.tolist(), of_second.tolist(), strict=True):
        block = (one, other, 1)
        # Odds compared crosswise: a block with nothing of the second side has infinite odds.
        while blocks and blocks[-1][0] * block[1] >= block[0] * blocks[-1][1]:
            before = blocks.pop()
            block = (before[0] + block[0], before[1] + block[1], before[2] + block[2])
        blocks.append(block)
    shares = np.array([block[:2] for block in blocks])
    with np.errstate(divide="ignore"):
        by_block = np.log10(shares[:, 0]) - np.log10(shares[:, 1])
    lrs = np.repeat(by_block, [block[2] for block in blocks])[rank]
    return lrs[: len(first)], lrs[len(first) :]


def cllr(first: Values, second: Values) -> float:
    """Cost of log10 LRs (n,) and (m,) of either side, in bits: 0 is perfect, 1 what saying nothing costs."""
    return float(ece(first, second, np.zeros(1))[0])


def cllr_min(first: Values, second: Values) -> float:
    """Least Cllr that a monotone recalibration of scores or log10 LRs (n,) and (m,) reaches: their discrimination."""
    return cllr(*pav(first, second))


def ece(first: Values, second: Values, log10_prior_odds: Values) -> Values:
    """Empirical cross-entropy in bits (k,) of log10 LRs (n,) and (m,), at prior log10 odds (k,) of the first side.

    Source: Ramos and Gonzalez-Rodriguez: Reliable support: Measuring calibration of likelihood ratios, 2013. Log10 LRs
    of 0 give the curve of evidence that says nothing.
    """
    nats = math.log(10)
    prior = np.exp(-np.logaddexp(0, -nats * log10_prior_odds))
    of_first = np.logaddexp(0, -nats * (first + log10_prior_odds[:, None])).mean(axis=1)
    of_second = np.logaddexp(0, nats * (second + log10_prior_odds[:, None])).mean(axis=1)
    return np.asarray((prior * of_first + (1 - prior) * of_second) / math.log(2))


def tippett(first: Values, second: Values) -> tuple[Values, Values, Values]:
    """Points of a Tippett plot of log10 LRs (n,) and (m,).

    Returns:
        The log10 LRs that occur, ascending (k,), and the share of the first and of the second side, 0 to 1, whose log10
        LR is at least so great, (k,) each.
    """
    levels = np.unique(np.concatenate([first, second]))
    shares = [1 - np.searchsorted(np.sort(side), levels, "left") / len(side) for side in (first, second)]
    return levels, shares[0], shares[1]
