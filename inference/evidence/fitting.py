"""From scores whose truth is known to the calibration of a card, with its intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from inference.evidence.calibration import LEAST_SOURCES, Calibration
from inference.evidence.logistic import elub, fit_logistic
from inference.evidence.trials import Side, Trial
from inference.records import Refusal

Groups = tuple[Mapping[str, Side], Mapping[str, Side]]
"""Scores of the first and of the second side in groups, by name."""

WELL_REPRESENTED = 100
"""Sources of a group that limits a bound: the bound of fewer would tell of their number, not of their scores."""
_REPLICATES = 200
_ERROR = 0.05


class CalibrationRefused(Refusal):
    """Scores that give no likelihood ratio."""


def calibrate(
    validation: Trial,
    *,
    sides: tuple[str, str],
    propositions: tuple[str, str],
    population: str,
    groups: Groups = ({}, {}),
) -> Calibration:
    """Fit a calibration to scores of samples that the network was not trained on.

    The line is that of the mixture. Each bound is the narrowest of the mixture's and of those of every well represented
    group by itself against the whole other side; the population names the group that sets it. The interval comes from
    200 bootstraps that draw sources within each side and fit line and bounds again.

    Args:
        validation: The scores.
        sides: Names of the two sides.
        propositions: H1 and H2, in words.
        population: The samples, in words.
        groups: The same scores in groups.

    Raises:
        CalibrationRefused: if a side has fewer than 20 sources, or the scores do not separate the sides.
    """
    first, second = validation.first, validation.second
    counts = len(first.names), len(second.names)
    if min(counts) < LEAST_SOURCES:
        msg = (
            f"No likelihood ratio is given: {counts[0]} {sides[0]} and {counts[1]} {sides[1]} sources stand behind the "
            f"calibration, but it needs {LEAST_SOURCES} a side."
        )
        raise CalibrationRefused(msg)
    intercept, slope, least, greatest = fit_logistic(validation, first.weights, second.weights)
    if slope <= 0:
        msg = f"No likelihood ratio is given: the scores do not separate {sides[0]} from {sides[1]} samples."
        raise CalibrationRefused(msg)
    least, greatest, limited = _limited_by_groups(validation, (intercept, slope), (least, greatest), groups)
    rng = np.random.default_rng(0)
    draws = [rng.multinomial(count, np.full(count, 1 / count), size=_REPLICATES).astype(np.float64) for count in counts]
    return Calibration(
        sides=sides,
        propositions=propositions,
        intercept=intercept,
        slope=slope,
        least=least,
        greatest=greatest,
        replicates=tuple(
            fit_logistic(validation, first.weights_of(of_first), second.weights_of(of_second))
            for of_first, of_second in zip(*draws, strict=True)
        ),
        accepts=(conformal_threshold(first), -conformal_threshold(replace(second, scores=-second.scores))),
        error=_ERROR,
        sources=counts,
        population=population + limited,
        held_out=((), ()),
    )


def _limited_by_groups(
    validation: Trial, line: tuple[float, float], bounds: tuple[float, float], groups: Groups
) -> tuple[float, float, str]:
    """The bounds that hold for every well represented group too, and a clause on the groups that set them."""
    first, second = validation.first, validation.second

    def elub_of(one: Side, other: Side) -> tuple[float, float]:
        scores, others = (line[0] + line[1] * side.scores for side in (one, other))
        return elub(scores, others, one.weights, other.weights)

    of_first, of_second = (
        {name: side for name, side in named.items() if len(side.names) >= WELL_REPRESENTED} for named in groups
    )
    lower = [(bounds[0], ""), *((elub_of(side, second)[0], name) for name, side in of_first.items())]
    upper = [(bounds[1], ""), *((elub_of(first, side)[1], name) for name, side in of_second.items())]
    (least, lowest), (greatest, highest) = max(lower), min(upper)
    by = [f"{what} of {name} samples" for what, name in (("lower bound", lowest), ("upper bound", highest)) if name]
    return least, greatest, f"; {' and '.join(by)}" if by else ""


def conformal_threshold(side: Side, error: float = _ERROR) -> float:
    """The conformal threshold of a side: a new source's score falls below it with a probability of at most `error`.

    Split conformal prediction with the finite-sample correction, one vote a source (Lee, Barber and Willett:
    Distribution-free inference with hierarchical data, 2023); it needs 19 sources at 5%.
    """
    order = np.argsort(side.scores, kind="stable")
    # The 1 is the vote of the new source.
    share = (np.cumsum(side.weights[order]) + 1) / (len(side.names) + 1)
    return float(side.scores[order][np.argmax(share > error + 1e-12)])
