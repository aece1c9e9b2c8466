"""Scores to log10 likelihood ratios by a line, and the bounds that the data allow.

Source: logistic calibration with the targets of Platt (Probabilistic outputs for support vector machines, 1999),
bounded by ELUB (Vergeer et al. 2016). A source, such as an item, a seller or a mark family, weighs 1
however many photos or pairs it has, and both sides weigh the same.
"""

from __future__ import annotations

import math

import numpy as np

from inference.evidence.trials import Scores, Trial

_NEWTON_STEPS, _HALVINGS, _CONVERGED = 100, 40, 1e-10


def fit_logistic(samples: Trial, w_first: Scores, w_second: Scores) -> tuple[float, float, float, float]:
    """Intercept, slope, and lower and upper bound of log10 LRs."""
    first, second = samples.first.scores, samples.second.scores
    intercept, slope = platt(first, second, w_first, w_second)
    least, greatest = elub(intercept + slope * first, intercept + slope * second, w_first, w_second)
    return intercept, slope, least, greatest


def platt(first: Scores, second: Scores, w_first: Scores, w_second: Scores) -> tuple[float, float]:
    """The line from scores to log10 LRs, by a logistic regression with Platt's targets at equal priors.

    The targets are (N + 1) / (N + 2) and 1 / (N + 2), with N the sources of the side, so that sides which scores
    separate perfectly still have a finite slope.

    Args:
        first: Scores (n,).
        second: Scores (m,).
        w_first: Weight of each score (n,), N in sum.
        w_second: The same (m,).

    Returns:
        Intercept, and slope per unit of score.
    """
    scores = np.concatenate([first, second])
    centre, spread = float(scores.mean()), float(scores.std()) or 1.0
    design = np.stack([np.ones_like(scores), (scores - centre) / spread])
    of_first, of_second = w_first.sum(), w_second.sum()
    target = np.repeat([(of_first + 1) / (of_first + 2), 1 / (of_second + 2)], [len(first), len(second)])
    weights = np.concatenate([w_first / of_first, w_second / of_second])

    def cost(line: Scores) -> float:
        logit = line @ design
        return float(weights @ (np.logaddexp(0, logit) - target * logit))

    line = np.zeros(2)
    for _ in range(_NEWTON_STEPS):
        p = (1 + np.tanh(line @ design / 2)) / 2
        gradient = design @ (weights * (p - target))
        curvature = (design * (weights * p * (1 - p))) @ design.T + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        # A whole step can overshoot where the logistic is flat; repeated halving cannot.
        here = cost(line)
        size = next((0.5**k for k in range(_HALVINGS) if cost(line - 0.5**k * step) <= here), 0.0)
        line = line - size * step
        if size * float(np.abs(step).max()) < _CONVERGED:
            break
    slope = line[1] / spread
    return float((line[0] - slope * centre) / math.log(10)), float(slope / math.log(10))


def elub(first: Scores, second: Scores, w_first: Scores, w_second: Scores) -> tuple[float, float]:
    """Empirical lower and upper bound of log10 LRs, within which they are better than neutral evidence.

    At each decision threshold t, the expected cost of deciding by these LRs, with one misleading source added to each
    side, is compared with that of neutral evidence. The bounds are where it becomes greater, on either side of t = 1.
    Source: Vergeer et al. 2016.

    Args:
        first: Log10 LRs of the first side (n,).
        second: Log10 LRs of the second side (m,).
        w_first: Weight of each LR (n,), the number of sources in sum.
        w_second: The same (m,).

    Returns:
        Lower bound, <= 0, and upper bound, >= 0.
    """
    # Seen from the other side, a lower bound is an upper one.
    return -_upper_bound(-second, -first, w_second, w_first), _upper_bound(first, second, w_first, w_second)


def _upper_bound(first: Scores, second: Scores, w_first: Scores, w_second: Scores) -> float:
    levels, rank = np.unique(np.concatenate([first, second, [0.0]]), return_inverse=True)
    at_first = np.bincount(rank[: len(first)], w_first, len(levels))
    at_second = np.bincount(rank[len(first) : -1], w_second, len(levels))
    # Shares decided wrongly for a threshold between a level and the next, the first side being taken above it.
    missed = (np.cumsum(at_first) + 1) / (at_first.sum() + 1)
    false = (at_second.sum() - np.cumsum(at_second) + 1) / (at_second.sum() + 1)
    with np.errstate(divide="ignore"):
        # The cost missed + t * false stays below 1, that of neutral evidence at t >= 1, up to this t.
        reach = np.log10((1 - missed).clip(min=0)) - np.log10(false)
    above = levels >= 0
    levels, reach = levels[above], reach[above]
    ends = np.append(levels[1:], levels[-1])
    fails = np.flatnonzero(reach < ends)
    return float(max(levels[fails[0]], reach[fails[0]])) if len(fails) else float(levels[-1])
