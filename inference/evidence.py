"""Score to likelihood ratio: how much the findings support one proposition over the other.

The card of a calibrated model holds a `Calibration`, fitted by `training.calibration`; here it is only applied.
Source of the method: Platt-target logistic calibration with empirical lower and upper bounds (Vergeer et al.: Numerical
likelihood ratios outputted by LR systems are often based on extrapolation: When to stop extrapolating? 2016).
"""

from __future__ import annotations

from dataclasses import dataclass

from inference.records import require


@dataclass(frozen=True)
class Calibration:
    """How a model's score becomes a likelihood ratio, and what stands behind it.

    The score is log P(first side) - log P(second side), in nats; sides are (genuine, counterfeit) or (similar,
    dissimilar).

    Attributes:
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
    """

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

    def __post_init__(self) -> None:
        require(self.slope > 0, f"a calibration keeps the order of scores: slope {self.slope}")
        require(self.least <= 0 <= self.greatest, "the bounds hold 0, the neutral evidence")
        require(len(self.replicates) > 0, "an interval needs replicates")
        require(0 < self.error < 1, f"a share of errors lies between 0 and 1, not {self.error}")
        require(min(self.sources) >= LEAST_SOURCES, f"a calibration stands on {LEAST_SOURCES} sources a side")


LEAST_SOURCES = 20
"""Of either side; under so many no likelihood ratio is given."""
