"""Calibrators that the logistic line is held against, each inside the bounds that the data allow."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from inference.evidence.figures import pav
from inference.evidence.logistic import elub, platt
from inference.evidence.trials import Scores, Side, Trial

Calibrator = Callable[[Trial], Callable[[Scores], Scores]]


def bounded(calibrator: Calibrator, fitted: Trial) -> Callable[[Scores], Scores]:
    """A calibrator fitted to a trial: scores to log10 LRs inside the bounds that the trial allows."""
    first, second = fitted.first, fitted.second
    line = calibrator(fitted)
    least, greatest = elub(line(first.scores), line(second.scores), first.weights, second.weights)
    return lambda scores: np.clip(line(scores), least, greatest)


def logistic(fitted: Trial) -> Callable[[Scores], Scores]:
    """A straight line; see `platt`."""
    first, second = fitted.first, fitted.second
    intercept, slope = platt(first.scores, second.scores, first.weights, second.weights)
    return lambda scores: intercept + slope * scores


def kde(fitted: Trial) -> Callable[[Scores], Scores]:
    """Gaussian kernels with Silverman's bandwidth, of either side."""
    first, second = (_log_density(side) for side in (fitted.first, fitted.second))
    return lambda scores: (first(scores) - second(scores)) / math.log(10)


def _log_density(side: Side) -> Callable[[Scores], Scores]:
    weights = side.weights / side.weights.sum()
    spread = float(np.sqrt(weights @ (side.scores - weights @ side.scores) ** 2)) or 1.0
    width = spread * (3 * len(side.names) / 4) ** -0.2

    def log_density(scores: Scores) -> Scores:
        kernels = np.log(weights) - ((scores[:, None] - side.scores) / width) ** 2 / 2
        return np.asarray(np.logaddexp.reduce(kernels, axis=1) - math.log(width))

    return log_density


def pav_calibrator(fitted: Trial) -> Callable[[Scores], Scores]:
    """Pool-adjacent-violators with one misleading source added beyond either end, so that no LR is infinite."""
    first, second = fitted.first, fitted.second
    both = np.concatenate([first.scores, second.scores])
    misleading = both.min() - 1, both.max() + 1
    sides = np.append(first.scores, misleading[0]), np.append(second.scores, misleading[1])
    lrs = np.concatenate(pav(*sides, (np.append(first.weights, 1), np.append(second.weights, 1))))
    order = np.argsort(np.concatenate(sides), kind="stable")
    levels, values = np.concatenate(sides)[order], lrs[order]
    return lambda scores: values[np.searchsorted(levels, scores, "right").clip(1) - 1]
