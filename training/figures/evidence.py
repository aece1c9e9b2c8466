"""The figures of likelihood ratios on samples whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from inference.evidence.calibration import Calibration, outcome
from inference.evidence.figures import cllr, cllr_min
from inference.evidence.trials import Scores, Side, Trial
from inference.models.card import Metric
from training.figures.calibrators import bounded, kde, logistic, pav_calibrator
from training.figures.metrics import auc_metric, share_by_source

CHALLENGED_FROM = 150
"""Least sources a side for trying more flexible calibrators beside the logistic one."""
_DRAWS = 500
_FOLDS = 5
_ABSTENTION = 0.03


def evidence_metrics(calibration: Calibration, test: Trial, over: str) -> dict[str, Metric]:
    """The figures of likelihood ratios on samples that neither training nor calibration saw.

    Args:
        calibration: The calibration.
        test: Scores of the samples.
        over: The samples, in words.

    Returns:
        AUC of the score, Cllr, its parts, misleading evidence, abstention, AURC and the coverage of the conformal sets,
        with 95% intervals from bootstraps by source.
    """
    first, second = (calibration.log10_lrs(side.scores) for side in (test.first, test.second))
    metrics = {
        "AUC of the score": score_auc(test, over).named("score_auc"),
        **_interval_metrics(calibration, test, over),
    }
    for name, misled, side in zip(calibration.sides, (first < 0, second > 0), (test.first, test.second), strict=True):
        metrics[f"misleading evidence, {name}"] = share_by_source(
            misled, side.sources, f"{name} samples whose LR favours the other side"
        ).named("misleading_evidence", name)
    strongest = float(max(-first.min(), second.max(), 0))
    bounds = f"{calibration.least:.2f} and {calibration.greatest:.2f}"
    worst = Metric(strongest, None, None, f"{over}; size, with bounds of {bounds}")
    metrics["strongest misleading log10 LR"] = worst.named("strongest_misleading_evidence")
    scores = np.concatenate([test.first.scores, test.second.scores])
    sources = np.concatenate([test.first.sources, test.second.sources])
    outcomes = [outcome(calibration.evidence(score), calibration.sides)[0] for score in scores.tolist()]
    metrics["abstained share"] = share_by_source(
        [found not in calibration.sides for found in outcomes], sources, f"{over}; inconclusive or out of scope"
    ).named("abstained")
    accepted = test.first.scores >= calibration.accepts[0], test.second.scores <= calibration.accepts[1]
    for name, goes, side in zip(calibration.sides, accepted, (test.first, test.second), strict=True):
        metrics[f"conformal coverage, {name}"] = share_by_source(
            goes, side.sources, f"{name} samples that go with their side, {1 - calibration.error:.0%} promised"
        ).named("conformal_coverage", name)
    return metrics


def score_auc(samples: Trial, over: str) -> Metric:
    """AUC of the score, with a 95% interval from a bootstrap by source."""
    first, second = samples.first, samples.second
    return auc_metric(first.scores, second.scores, first.sources, second.sources, over)


def cllr_metric(log10_lrs: Trial, over: str) -> Metric:
    """Cllr of log10 LRs, with a 95% interval from a bootstrap by source."""
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
        # The unbounded LRs give an order of confidence, since the bounds make many LRs equal.
        line = [calibration.intercept + calibration.slope * side for side in (first, second)]
        return [cost, least, cost - least, *risks(line[0], line[1])]

    keys = {
        "Cllr": "cllr",
        "Cllr min": "cllr_min",
        "Cllr cal": "cllr_cal",
        f"error at {_ABSTENTION:.0%} abstention": "error_at_abstention",
        "AURC": "aurc",
    }
    metrics = _bootstrapped(figures, test, over)
    return {name: metric.named(key) for (name, key), metric in zip(keys.items(), metrics, strict=True)}


def risks(first: Scores, second: Scores, abstention: float = _ABSTENTION) -> tuple[float, float]:
    """Error share without the least confident share of log10 LRs (n,) and (m,), and AURC.

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
    # The interval is moved onto the figure: draws repeat scores, which pool-adjacent-violators fits too well.
    moved = np.clip(np.array(drawn) + values - np.median(drawn, axis=0), 0, None)
    low, high = np.quantile(moved, [0.025, 0.975], axis=0)
    return [
        Metric(float(value), float(lower), float(upper), over)
        for value, lower, upper in zip(values, low, high, strict=True)
    ]


def challenger_metrics(validation: Trial, over: str) -> dict[str, Metric]:
    """Cllr of the logistic calibrator and of two more flexible ones, each bounded by ELUB, cross-validated by source.

    They are reported so that a better one does not go unnoticed; only the logistic one is used. With fewer than 150
    sources a side, nothing is reported.
    """
    if min(len(validation.first.names), len(validation.second.names)) < CHALLENGED_FROM:
        return {}
    rng = np.random.default_rng(0)
    # A source on both sides lies in one fold.
    names = np.unique(np.concatenate([validation.first.names, validation.second.names]))
    fold_of = rng.permutation(len(names)) % _FOLDS
    folds = [fold_of[np.searchsorted(names, side.sources)] for side in (validation.first, validation.second)]
    metrics = {}
    for name, calibrator in (("logistic", logistic), ("KDE", kde), ("PAV", pav_calibrator)):
        lrs = [np.empty_like(validation.first.scores), np.empty_like(validation.second.scores)]
        for fold in range(_FOLDS):
            fitted = Trial(validation.first.of(folds[0] != fold), validation.second.of(folds[1] != fold))
            evaluate = bounded(calibrator, fitted)
            for values, side, own in zip(lrs, (validation.first, validation.second), folds, strict=True):
                values[own == fold] = evaluate(side.scores[own == fold])
        held_out = Trial(Side(lrs[0], validation.first.sources), Side(lrs[1], validation.second.sources))
        cost = cllr_metric(held_out, f"{over}, {name} with ELUB, {_FOLDS} folds by source")
        metrics[f"Cllr cross-validated, {name}"] = cost.named("cllr_cross_validated", name)
    return metrics
