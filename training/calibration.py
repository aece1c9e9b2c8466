"""From scores whose truth is known to likelihood ratios: the fit, its bounds, its intervals, and what it is worth.

Source: logistic calibration with the targets of Platt (Probabilistic outputs for support vector machines, 1999),
bounded by ELUB (Vergeer et al. 2016, see `inference.evidence`). A source, such as an item, a seller or a family of
marks, weighs 1 however many photos or pairs it has, and both sides weigh the same.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inference.evidence import LEAST_SOURCES, Calibration, cllr, cllr_min, outcome, pav
from inference.records import Refusal
from inference.weights import Metric
from training.evaluate import auc_metric, share_by_source

logger = logging.getLogger(__name__)

Scores = NDArray[np.float64]
Counts = NDArray[np.float64]

CHALLENGED_FROM = 150
"""Sources a side from which calibrators with more freedom are tried beside the logistic one."""

_REPLICATES = 200
_ERROR = 0.05
_DRAWS = 500
_FOLDS = 5
_MOST_PHOTOS = 5
_ABSTENTION = 0.03
_NEWTON_STEPS, _HALVINGS, _CONVERGED = 100, 40, 1e-10
BAND_FIGURES = ("inconclusive share", "accuracy where conclusive")
"""What a card states of a model that is read against its inconclusive band."""
_LIMIT = "Probabilities are uncalibrated: "


class CalibrationRefused(Refusal):
    """Scores that no likelihood ratio can be based on."""


@dataclass(frozen=True)
class Side:
    """Scores of one side.

    Attributes:
        scores: Log odds of the first side, in nats (n,), finite.
        sources: The source of each (n,): scores of one source are not independent.
    """

    scores: Scores
    sources: NDArray[np.str_]

    def __post_init__(self) -> None:
        if self.scores.shape != self.sources.shape or not np.isfinite(self.scores).all():
            msg = f"{len(self.scores)} finite scores need as many sources, not {len(self.sources)}"
            raise ValueError(msg)

    @cached_property
    def names(self) -> NDArray[np.str_]:
        """The sources, each once, sorted."""
        return np.unique(self.sources)

    @cached_property
    def weights(self) -> Scores:
        """How much each score counts (n,): 1 a source, however many scores it has."""
        return self.weights_of(np.ones(len(self.names)))

    def weights_of(self, counts: Counts) -> Scores:
        """The same (n,), where sources count as often as they were drawn, (names,)."""
        index = np.searchsorted(self.names, self.sources)
        return (counts / np.bincount(index, minlength=len(self.names)))[index]

    def of(self, chosen: NDArray[np.bool_]) -> Side:
        """Some of its scores, chosen by a mask (n,)."""
        return Side(self.scores[chosen], self.sources[chosen])


@dataclass(frozen=True)
class Trial:
    """Scores whose truth is known: the first side's (genuine, similar) and the second's."""

    first: Side
    second: Side

    @property
    def is_whole(self) -> bool:
        """Whether there are scores of both sides."""
        return bool(len(self.first.scores) and len(self.second.scores))


def trial(scores: Scores, of_first: NDArray[np.bool_], sources: Sequence[str] | NDArray[np.str_]) -> Trial:
    """A trial from log odds (n,), which of them are the first side's (n,), and the source of each (n,)."""
    both = Side(np.asarray(scores, dtype=np.float64), np.asarray(sources, dtype=np.str_))
    return Trial(both.of(of_first), both.of(~of_first))


def calibrate(
    validation: Trial, *, sides: tuple[str, str], propositions: tuple[str, str], population: str
) -> Calibration:
    """Fit scores of samples that the network was not trained on.

    The interval comes from 200 bootstraps that draw sources within each side, and fit line and bounds anew.

    Args:
        validation: The scores.
        sides: Names of the two sides.
        propositions: H1 and H2, in words.
        population: What the samples were, in words.

    Raises:
        CalibrationRefused: if a side has fewer than 20 sources, or the scores do not separate the sides.
    """
    first, second = validation.first, validation.second
    counts = len(first.names), len(second.names)
    if min(counts) < LEAST_SOURCES:
        msg = (
            f"No likelihood ratio is given: {counts[0]} {sides[0]} and {counts[1]} {sides[1]} sources stand behind the "
            f"calibration, and it needs {LEAST_SOURCES} a side."
        )
        raise CalibrationRefused(msg)
    intercept, slope, least, greatest = _fit(validation, first.weights, second.weights)
    if slope <= 0:
        msg = f"No likelihood ratio is given: the scores do not separate {sides[0]} from {sides[1]} samples."
        raise CalibrationRefused(msg)
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
            _fit(validation, first.weights_of(of_first), second.weights_of(of_second))
            for of_first, of_second in zip(*draws, strict=True)
        ),
        accepts=(conformal_threshold(first), -conformal_threshold(replace(second, scores=-second.scores))),
        error=_ERROR,
        sources=counts,
        population=population,
        held_out=((), ()),
    )


def _fit(samples: Trial, w_first: Scores, w_second: Scores) -> tuple[float, float, float, float]:
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
        w_first: How much each counts (n,), N in sum.
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
        # A whole step can overshoot where the logistic is flat; half of one, often enough, cannot.
        here = cost(line)
        size = next((0.5**k for k in range(_HALVINGS) if cost(line - 0.5**k * step) <= here), 0.0)
        line = line - size * step
        if size * float(np.abs(step).max()) < _CONVERGED:
            break
    slope = line[1] / spread
    return float((line[0] - slope * centre) / math.log(10)), float(slope / math.log(10))


def elub(first: Scores, second: Scores, w_first: Scores, w_second: Scores) -> tuple[float, float]:
    """Empirical lower and upper bound of log10 LRs: how far they stay better than saying nothing.

    At each decision threshold t the expected cost of deciding by these LRs, with one misleading source added to either
    side, is held against that of neutral evidence; the bounds are where it is exceeded, on either side of t = 1.
    Source: Vergeer et al. 2016.

    Args:
        first: Log10 LRs of the first side (n,).
        second: Log10 LRs of the second side (m,).
        w_first: How much each counts (n,), the number of sources in sum.
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
    # Between a level and the next, deciding for the first side above the threshold, these shares are decided wrongly.
    missed = (np.cumsum(at_first) + 1) / (at_first.sum() + 1)
    false = (at_second.sum() - np.cumsum(at_second) + 1) / (at_second.sum() + 1)
    with np.errstate(divide="ignore"):
        # There the cost, missed + t * false, stays below 1, that of neutral evidence at t >= 1, up to here.
        reach = np.log10((1 - missed).clip(min=0)) - np.log10(false)
    above = levels >= 0
    levels, reach = levels[above], reach[above]
    ends = np.append(levels[1:], levels[-1])
    fails = np.flatnonzero(reach < ends)
    return float(max(levels[fails[0]], reach[fails[0]])) if len(fails) else float(levels[-1])


def conformal_threshold(side: Side, error: float = _ERROR) -> float:
    """The least score that goes with a side: a new source's falls below it with a probability of at most `error`.

    Split conformal prediction with the finite-sample correction, one vote a source (Lee, Barber and Willett:
    Distribution-free inference with hierarchical data, 2023); it needs 19 sources at 5%.
    """
    order = np.argsort(side.scores, kind="stable")
    # The new source's own vote is the 1.
    share = (np.cumsum(side.weights[order]) + 1) / (len(side.names) + 1)
    return float(side.scores[order][np.argmax(share > error + 1e-12)])


def evidence_metrics(calibration: Calibration, test: Trial, over: str) -> dict[str, Metric]:
    """What the likelihood ratios are worth on samples that neither training nor calibration saw.

    Args:
        calibration: The calibration.
        test: Their scores.
        over: What they are, in words.

    Returns:
        AUC of the score, Cllr, its parts, misleading evidence, abstention, AURC and the coverage of the conformal sets,
        with 95% intervals from bootstraps by source.
    """
    first, second = (calibration.log10_lrs(side.scores) for side in (test.first, test.second))
    metrics = {"AUC of the score": score_auc(test, over), **_interval_metrics(calibration, test, over)}
    for name, misled, side in zip(calibration.sides, (first < 0, second > 0), (test.first, test.second), strict=True):
        metrics[f"misleading evidence, {name}"] = share_by_source(
            misled, side.sources, f"{name} samples whose LR favours the other side"
        )
    strongest = float(max(-first.min(), second.max(), 0))
    bounds = f"{calibration.least:.2f} and {calibration.greatest:.2f}"
    metrics["strongest misleading log10 LR"] = Metric(strongest, None, None, f"{over}; size, with bounds of {bounds}")
    scores = np.concatenate([test.first.scores, test.second.scores])
    sources = np.concatenate([test.first.sources, test.second.sources])
    outcomes = [outcome(calibration.evidence(score), calibration.sides)[0] for score in scores.tolist()]
    metrics["abstained share"] = share_by_source(
        [found not in calibration.sides for found in outcomes], sources, f"{over}; inconclusive or out of scope"
    )
    accepted = test.first.scores >= calibration.accepts[0], test.second.scores <= calibration.accepts[1]
    for name, goes, side in zip(calibration.sides, accepted, (test.first, test.second), strict=True):
        metrics[f"conformal coverage, {name}"] = share_by_source(
            goes, side.sources, f"{name} samples that go with their side, {1 - calibration.error:.0%} promised"
        )
    return metrics


def score_auc(samples: Trial, over: str) -> Metric:
    """How well the score tells the sides apart, with a 95% interval from a bootstrap by source."""
    first, second = samples.first, samples.second
    return auc_metric(first.scores, second.scores, first.sources, second.sources, over)


def cllr_metric(log10_lrs: Trial, over: str) -> Metric:
    """Cllr of what samples were weighed as, with a 95% interval from a bootstrap by source."""
    return _bootstrapped(lambda first, second: [cllr(first, second)], log10_lrs, over)[0]


def weighed(calibration: Calibration, samples: Trial) -> Trial:
    """The samples by their log10 LRs in place of their scores."""
    first, second = (
        replace(side, scores=calibration.log10_lrs(side.scores)) for side in (samples.first, samples.second)
    )
    return Trial(first, second)


def _interval_metrics(calibration: Calibration, test: Trial, over: str) -> dict[str, Metric]:
    def figures(first: Scores, second: Scores) -> list[float]:
        lrs = calibration.log10_lrs(first), calibration.log10_lrs(second)
        cost, least = cllr(*lrs), cllr_min(first, second)
        # The unbounded LRs order by confidence where the bounds make many equal.
        line = [calibration.intercept + calibration.slope * side for side in (first, second)]
        return [cost, least, cost - least, *risks(line[0], line[1])]

    names = ("Cllr", "Cllr min", "Cllr cal", f"error at {_ABSTENTION:.0%} abstention", "AURC")
    return dict(zip(names, _bootstrapped(figures, test, over), strict=True))


def risks(first: Scores, second: Scores, abstention: float = _ABSTENTION) -> tuple[float, float]:
    """Error share where the least confident share of log10 LRs (n,) and (m,) is given up, and AURC.

    AURC is the mean, over all numbers of samples that could be kept, of the error share among the most confident ones.
    """
    confidence = np.abs(np.concatenate([first, second]))
    wrong = np.concatenate([first <= 0, second >= 0])[np.argsort(-confidence, kind="stable")]
    shares = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    kept = len(wrong) - round(abstention * len(wrong))
    return float(shares[kept - 1]), float(shares.mean())


def _bootstrapped(figures: Callable[[Scores, Scores], list[float]], samples: Trial, over: str) -> list[Metric]:
    """Figures (>= 0) of both sides' scores, with 95% intervals from a bootstrap that draws whole sources."""
    first, second = samples.first, samples.second
    names, index = np.unique(np.concatenate([first.sources, second.sources]), return_inverse=True)
    index_first, index_second = index[: len(first.scores)], index[len(first.scores) :]
    rng = np.random.default_rng(0)
    drawn = []
    for counts in rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=_DRAWS):
        again = np.repeat(first.scores, counts[index_first]), np.repeat(second.scores, counts[index_second])
        if all(map(len, again)):
            drawn.append(figures(*again))
    over = (
        f"{over}; {len(first.scores)} and {len(second.scores)} samples, bootstrap over {len(names)} sources, "
        f"{_DRAWS} draws"
    )
    values = figures(first.scores, second.scores)
    # Moved onto the figure: draws repeat scores, and pool-adjacent-violators fits repeated scores too well.
    moved = np.clip(np.array(drawn) + values - np.median(drawn, axis=0), 0, None)
    low, high = np.quantile(moved, [0.025, 0.975], axis=0)
    return [
        Metric(float(value), float(lower), float(upper), over)
        for value, lower, upper in zip(values, low, high, strict=True)
    ]


def challenger_metrics(validation: Trial, over: str) -> dict[str, Metric]:
    """Cllr of the calibrator in use and of two with more freedom, each bounded by ELUB, cross-validated by source.

    They are reported so that a better one does not go unnoticed; only the logistic one is used. Below 150 sources a
    side they are no challengers, and nothing is reported.
    """
    if min(len(validation.first.names), len(validation.second.names)) < CHALLENGED_FROM:
        return {}
    rng = np.random.default_rng(0)
    # A source that stands on both sides lies in one fold.
    names = np.unique(np.concatenate([validation.first.names, validation.second.names]))
    fold_of = rng.permutation(len(names)) % _FOLDS
    folds = [fold_of[np.searchsorted(names, side.sources)] for side in (validation.first, validation.second)]
    metrics = {}
    for name, calibrator in (("logistic", _logistic), ("KDE", _kde), ("PAV", _pav)):
        lrs = [np.empty_like(validation.first.scores), np.empty_like(validation.second.scores)]
        for fold in range(_FOLDS):
            fitted = Trial(validation.first.of(folds[0] != fold), validation.second.of(folds[1] != fold))
            evaluate = _bounded(calibrator, fitted)
            for values, side, own in zip(lrs, (validation.first, validation.second), folds, strict=True):
                values[own == fold] = evaluate(side.scores[own == fold])
        held_out = Trial(Side(lrs[0], validation.first.sources), Side(lrs[1], validation.second.sources))
        metrics[f"Cllr cross-validated, {name}"] = _bootstrapped(
            lambda first, second: [cllr(first, second)], held_out, f"{over}, {name} with ELUB, {_FOLDS} folds by source"
        )[0]
    return metrics


Calibrator = Callable[[Trial], Callable[[Scores], Scores]]


def _bounded(calibrator: Calibrator, fitted: Trial) -> Callable[[Scores], Scores]:
    first, second = fitted.first, fitted.second
    line = calibrator(fitted)
    least, greatest = elub(line(first.scores), line(second.scores), first.weights, second.weights)
    return lambda scores: np.clip(line(scores), least, greatest)


def _logistic(fitted: Trial) -> Callable[[Scores], Scores]:
    first, second = fitted.first, fitted.second
    intercept, slope = platt(first.scores, second.scores, first.weights, second.weights)
    return lambda scores: intercept + slope * scores


def _kde(fitted: Trial) -> Callable[[Scores], Scores]:
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


def _pav(fitted: Trial) -> Callable[[Scores], Scores]:
    """Pool-adjacent-violators with one misleading source added beyond either end, so that no LR is infinite."""
    first, second = fitted.first, fitted.second
    both = np.concatenate([first.scores, second.scores])
    misleading = both.min() - 1, both.max() + 1
    sides = np.append(first.scores, misleading[0]), np.append(second.scores, misleading[1])
    lrs = np.concatenate(pav(*sides, (np.append(first.weights, 1), np.append(second.weights, 1))))
    order = np.argsort(np.concatenate(sides), kind="stable")
    levels, values = np.concatenate(sides)[order], lrs[order]
    return lambda scores: values[np.searchsorted(levels, scores, "right").clip(1) - 1]


@dataclass(frozen=True)
class Weighing:
    """How a model weighs evidence, for its card.

    Attributes:
        calibration: None where no likelihood ratio can be given.
        metrics: What it is worth on held-out samples; none without a calibration.
        limit: What holds of its probabilities and likelihood ratios, in a sentence.
        of_items: Calibrations of the mean score of two photos of one item, of three, and so on.
    """

    calibration: Calibration | None
    metrics: dict[str, Metric]
    limit: str
    of_items: tuple[Calibration, ...] = ()

    def figures(self, others: Mapping[str, Metric]) -> dict[str, Metric]:
        """A card's figures with these; a likelihood ratio takes the place of the band, and of what the band reached."""
        kept = others if self.calibration is None else {k: v for k, v in others.items() if k not in BAND_FIGURES}
        return {**kept, **self.metrics}

    def limits(self, others: Sequence[str]) -> tuple[str, ...]:
        """A card's limits with this one for what stood there of the model's probabilities before."""
        return *(limit for limit in others if not limit.startswith(_LIMIT)), self.limit


def weigh(
    validation: Trial,
    test: Trial,
    subgroups: dict[str, Trial],
    *,
    sides: tuple[str, str],
    propositions: tuple[str, str],
    population: str,
) -> Weighing:
    """Calibrate on validation scores and say what it is worth on test scores, or say why there is no calibration.

    Args:
        validation: Scores that the network was not trained on.
        test: Scores that nothing was chosen by.
        subgroups: Further test scores that have a Cllr of their own, by name.
        sides: Names of the two sides.
        propositions: H1 and H2, in words.
        population: What the validation samples were, in words.
    """
    try:
        calibration = calibrate(validation, sides=sides, propositions=propositions, population=population)
    except CalibrationRefused as refusal:
        logger.warning("%s", refusal)
        return Weighing(None, {}, f"{_LIMIT}they order samples, they do not weigh evidence. {refusal}")
    held_out = tuple(tuple(calibration.log10_lrs(side.scores).tolist()) for side in (test.first, test.second))
    metrics = evidence_metrics(calibration, test, "test samples") if test.is_whole else {}
    for name, samples in subgroups.items():
        if samples.is_whole:
            metrics[f"AUC of the score, {name}"] = score_auc(samples, f"{name}, test samples")
            metrics[f"Cllr, {name}"] = cllr_metric(weighed(calibration, samples), f"{name}, test samples")
    limit = (
        f"{_LIMIT}they order samples. Evidence is weighed by the likelihood ratio, which is based on the score alone: "
        "it holds for samples like those it was calibrated on, and ignores how typical their features are (Morrison "
        "and Enzinger 2018)."
    )
    return Weighing(
        replace(calibration, held_out=(held_out[0], held_out[1])),
        metrics | challenger_metrics(validation, "validation samples"),
        limit,
    )


def weigh_items(weighing: Weighing, validation: Trial, test: Trial) -> Weighing:
    """The same with what several photos of one source weigh together, by the mean of their scores.

    There is a calibration for two photos, for three, and so on, as far as 20 sources a side have so many. Beside the
    Cllr of each stands that of the same means read as the score of a single photo.

    Args:
        weighing: Of single photos.
        validation: Scores that the network was not trained on.
        test: Scores that nothing was chosen by.
    """
    single = weighing.calibration
    if single is None:
        return weighing
    fitted: list[Calibration] = []
    metrics: dict[str, Metric] = {}
    for photos in range(2, _MOST_PHOTOS + 1):
        means, tested = of_several(validation, photos), of_several(test, photos)
        population = f"means of {photos} photos of one item; {single.population}"
        try:
            fit = calibrate(means, sides=single.sides, propositions=single.propositions, population=population)
        except CalibrationRefused as refusal:
            logger.info("Of %d photos of an item: %s", photos, refusal)
            break
        held_out = tuple(tuple(fit.log10_lrs(side.scores).tolist()) for side in (tested.first, tested.second))
        fitted.append(replace(fit, photos=photos, held_out=(held_out[0], held_out[1])))
        if tested.is_whole:
            name, over = f"several photos: Cllr of {photos}", f"mean scores of {photos} photos of one item, test"
            metrics[name] = cllr_metric(weighed(fit, tested), over)
            metrics[f"{name}, read as one"] = cllr_metric(weighed(single, tested), over)
    return replace(weighing, metrics=weighing.metrics | metrics, of_items=tuple(fitted))


def of_several(samples: Trial, photos: int) -> Trial:
    """Mean scores of every `photos` consecutive photos of a source, in a ring; sources with fewer have none.

    So every photo of a source counts alike, and a source weighs 1 as before.
    """
    return Trial(_means(samples.first, photos), _means(samples.second, photos))


def _means(side: Side, photos: int) -> Side:
    scores: list[float] = []
    sources: list[str] = []
    for name in side.names.tolist():
        own = side.scores[side.sources == name]
        if len(own) >= photos:
            rings = np.concatenate([own, own[: photos - 1]]) if len(own) > photos else own
            means = np.convolve(rings, np.full(photos, 1 / photos), "valid").tolist()
            scores += means
            sources += [name] * len(means)
    return Side(np.array(scores), np.array(sources, dtype=np.str_))
