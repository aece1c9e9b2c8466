"""Figures of likelihood ratios whose truth is known.

Cllr (Brümmer and du Preez, 2006), its least value over all monotone recalibrations by pool-adjacent-violators (PAV),
and the points of Tippett and ECE curves.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def pav(first: Values, second: Values, weights: tuple[Values, Values] | None = None) -> tuple[Values, Values]:
    """Log10 LRs of scores by pool-adjacent-violators, the best of all monotone calibrations.

    Args:
        first: Scores of the first side (n,); a higher score speaks more for it.
        second: Scores of the second side (m,).
        weights: Weight of each score, > 0; None for equal weights.

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
        # Odds are compared by cross-multiplication: a block without the second side has infinite odds.
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
    """Cost of log10 LRs (n,) and (m,) of either side, in bits: 0 is perfect, 1 is the cost of saying nothing."""
    return float(ece(first, second, np.zeros(1))[0])


def cllr_min(first: Values, second: Values) -> float:
    """Least Cllr of all monotone recalibrations of scores or log10 LRs (n,) and (m,); it measures discrimination."""
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
        LR is at least that, (k,) each.
    """
    levels = np.unique(np.concatenate([first, second]))
    shares = [1 - np.searchsorted(np.sort(side), levels, "left") / len(side) for side in (first, second)]
    return levels, shares[0], shares[1]
