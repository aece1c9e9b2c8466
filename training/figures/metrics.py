"""Figures with intervals, the inconclusive band and the heatmap scale: what a card states of a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import binomtest

from inference.models.card import HISTOGRAM_BINS, Confusion, Metric
from inference.records import InconclusiveBand
from training.figures.plots import png_of

Scores = NDArray[np.float64]
Sources = Sequence[str] | NDArray[np.str_]

_BOOTSTRAPS = 2000
_PEAK_QUANTILE = 0.9
_BAND_ERROR = 0.05


def _draws_of(*sources: Sources) -> tuple[NDArray[np.str_], NDArray[np.intp], NDArray[np.int64]]:
    """The sources, each once (k,); which of them each case is of (n,); and how often each draw takes them (R, k)."""
    names, index = np.unique(np.concatenate([np.asarray(one, np.str_) for one in sources]), return_inverse=True)
    draws = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), size=_BOOTSTRAPS)
    return names, index, draws


def _with_interval(value: float, drawn: Scores | Sequence[float], over: str) -> Metric:
    """A figure with the 95% interval of what draws of the sources gave (R,); a draw that gave none counts nowhere."""
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Metric(float(value), float(low), float(high), over)


def auc(first: Scores, second: Scores) -> float:
    """Probability that a score of the first side exceeds one of the second, ties counted half."""
    return float(_weighted_auc(first, second, np.ones((1, len(first))), np.ones((1, len(second))))[0])


def auc_metric(first: Scores, second: Scores, first_sources: Sources, second_sources: Sources, over: str) -> Metric:
    """AUC with a 95% interval from a bootstrap by source (item or brand).

    Args:
        first: Scores of the first side (n,).
        second: Scores of the second side (m,).
        first_sources: The source of each score of the first side.
        second_sources: The source of each score of the second side.
        over: What was measured, in words.
    """
    names, index, draws = _draws_of(first_sources, second_sources)
    weights = draws[:, index].astype(np.float64)
    weights_first, weights_second = weights[:, : len(first)], weights[:, len(first) :]
    both_sides = (weights_first.sum(1) > 0) & (weights_second.sum(1) > 0)
    values = _weighted_auc(first, second, weights_first[both_sides], weights_second[both_sides])
    over = f"{over}; bootstrap over {len(names)} sources, {_BOOTSTRAPS} draws"
    return _with_interval(auc(first, second), values, over)


def _weighted_auc(first: Scores, second: Scores, w_first: Scores, w_second: Scores) -> Scores:
    """AUC for each row of weights: (R, n) and (R, m) to (R,)."""
    levels, rank = np.unique(np.concatenate([first, second]), return_inverse=True)
    rank_first, rank_second = rank[: len(first)], rank[len(first) :]
    result = np.empty(len(w_first))
    for row, (weights_first, weights_second) in enumerate(zip(w_first, w_second, strict=True)):
        at_level = np.bincount(rank_second, weights_second, len(levels))
        below = np.cumsum(at_level) - at_level
        wins = (weights_first * (below + at_level / 2)[rank_first]).sum()
        result[row] = wins / (weights_first.sum() * weights_second.sum())
    return result


def most_accurate_threshold(first: Scores, second: Scores) -> float:
    """The most accurate threshold: most scores of the first side (n,) above it, of the second side (m,) not.

    Returns:
        Halfway between two scores, the lowest of equally good ones; infinite if it is best to take one side always.
    """
    scores = np.unique([*first, *second])
    thresholds = np.array([-np.inf, *(scores[:-1] + scores[1:]) / 2, np.inf])
    above = len(first) - np.searchsorted(np.sort(first), thresholds, side="right")
    right = above + np.searchsorted(np.sort(second), thresholds, side="right")
    return float(thresholds[right.argmax()])


def tpr_at_tnr(
    first: Scores, second: Scores, first_sources: Sources, second_sources: Sources, tnr: float, over: str
) -> Metric:
    """Share of the first side above the threshold at or below which a share `tnr` of the second side lies.

    Args:
        first: Scores of the first side (n,).
        second: Scores of the second side (m,).
        first_sources: The source of each score of the first side.
        second_sources: The source of each score of the second side.
        tnr: The share of the second side, 0 to 1.
        over: What was measured, in words.

    Returns:
        The share with a 95% interval from a bootstrap by source, which draws the threshold as well.
    """
    names, index, draws = _draws_of(first_sources, second_sources)
    order = np.argsort(second, kind="stable")
    values = []
    for weights in [np.ones(len(index)), *draws[:, index]]:
        of_first, of_second = weights[: len(first)], weights[len(first) :][order]
        if of_first.sum() > 0 and of_second.sum() > 0:
            below = np.cumsum(of_second)
            threshold = second[order][np.searchsorted(below, tnr * below[-1] * (1 - 1e-12))]
            values.append((of_first * (first > threshold)).sum() / of_first.sum())
    over = f"{over}; bootstrap over {len(names)} sources, {_BOOTSTRAPS} draws"
    return _with_interval(values[0], values[1:], over)


def share(successes: int, total: int, over: str) -> Metric:
    """A share with its 95% Wilson interval."""
    interval = binomtest(successes, total).proportion_ci(method="wilson")
    over = f"{over}; {total} counted, Wilson interval"
    return Metric(successes / total, float(interval.low), float(interval.high), over)


def share_by_source(right: Sequence[bool] | NDArray[np.bool_], sources: Sources, over: str) -> Metric:
    """A share of photos with a 95% interval from a bootstrap by source: photos of one item are not independent."""
    if all(right) or not any(right):
        # A bootstrap of equal values has no width; the Wilson interval by source does.
        count = len({*sources})
        bound = share(count if all(right) else 0, count, over)
        return replace(bound, over=f"{over}; {len(right)} cases of {count} sources, Wilson interval by source")
    return mean_by_source(np.array(right, float), sources, over)


def share_of_pairs(right: Sequence[bool], first_sources: Sources, second_sources: Sources, over: str) -> Metric:
    """A share of pairs with a 95% interval from a bootstrap by source: a pair counts if both its sources are drawn.

    Args:
        right: Whether each pair counts as a success (n,).
        first_sources: The source of each pair's first member (n,).
        second_sources: The source of each pair's second member (n,).
        over: What was measured, in words.
    """
    if all(right) or not any(right):
        return share_by_source(right, first_sources, over)
    names, index, draws = _draws_of(first_sources, second_sources)
    first, second = np.split(index, 2)
    weights = np.where(first == second, draws[:, first], draws[:, first] * draws[:, second])
    counted = weights.sum(1)
    with np.errstate(invalid="ignore"):
        drawn = weights @ np.array(right, float) / counted
    over = f"{over}; {len(right)} pairs of {len(names)} sources, bootstrap by source, {_BOOTSTRAPS} draws"
    return _with_interval(float(np.mean(right)), drawn, over)


def mean_by_source(values: Scores, sources: Sources, over: str) -> Metric:
    """A mean over photos with a 95% interval from a bootstrap by source; non-finite values do not count."""
    known = np.isfinite(values)
    values, sources = values[known], np.asarray(sources)[known]
    names, index, draws = _draws_of(sources)
    over = f"{over}; {len(values)} cases of {len(names)} sources, bootstrap by source, {_BOOTSTRAPS} draws"
    means = (draws @ np.bincount(index, values, len(names))) / (draws @ np.bincount(index, minlength=len(names)))
    return _with_interval(values.mean(), means, over)


def over_seeds(metrics: Sequence[Metric]) -> str:
    """One run's figure with its interval; of several the mean, and the least and greatest; nothing of none."""
    values = [metric.value for metric in metrics]
    if len(values) == 1:
        return f"{values[0]:.3f} [{metrics[0].low:.3f}, {metrics[0].high:.3f}]"
    return f"{sum(values) / len(values):.3f} ({min(values):.3f} to {max(values):.3f})" if values else ""


def class_metrics(
    predicted: NDArray[np.intp], labels: NDArray[np.intp], items: Sources, classes: Sequence[str]
) -> dict[str, dict[str, Metric]]:
    """Precision, recall and F1 of each class, as in Table 1 of the KAG-MTLN paper, with intervals by item.

    Args:
        predicted: Predicted class of each photo (N,).
        labels: Its true class (N,).
        items: Its item (N,).
        classes: Names of the classes.
    """
    _, index, draws = _draws_of(items)
    # One row of weights for the photos themselves, and one for each draw of items.
    weights = np.vstack([np.ones(len(labels)), draws[:, index]])
    table = {}
    for number, name in enumerate(classes):
        hit = weights @ ((predicted == number) & (labels == number))
        claimed, present = weights @ (predicted == number), weights @ (labels == number)
        with np.errstate(invalid="ignore"):
            values = {"precision": hit / claimed, "recall": hit / present, "F1": 2 * hit / (claimed + present)}
        over = f"{int(present[0])} photos of the class, {int(claimed[0])} taken for it; bootstrap by item"
        table[name] = {
            figure: _with_interval(drawn[0], drawn[1:], over)
            for figure, drawn in values.items()
            if np.isfinite(drawn[0])
        }
    return table


def inconclusive_band(first: Scores, second: Scores, sides: tuple[str, str]) -> InconclusiveBand:
    """The band between the 95% quantiles of both sides' validation scores.

    The first side is taken only above the score that 95% of the second side's scores stay below, and the
    other way round; in between, both sides or neither would explain the score. Each quantile has the
    finite-sample correction of split conformal prediction; with fewer than 19 scores a side it is that
    side's most extreme score, without a guaranteed rate.

    Args:
        first: P(first side) of validation samples of the first side.
        second: The same of the second side.
        sides: Names of the sides.
    """
    of_first = -_conformal_quantile(-first)
    of_second = _conformal_quantile(second)
    if of_second < of_first:
        # There is a gap between the sides; the scores at its ends still belong to their own side.
        lower, upper = np.nextafter(of_second, 1), np.nextafter(of_first, 0)
    else:
        lower, upper = of_first, of_second
    rule = (
        f"Between the probabilities that 95% of the {len(first)} {sides[0]} and of the {len(second)} {sides[1]} "
        f"validation samples reach (class-conditional conformal quantiles), widened to hold 0.5."
    )
    if min(len(first), len(second)) < round(1 / _BAND_ERROR) - 1:
        rule += " With fewer than 19 samples a side the edges are the most extreme scores, and promise no rate."
    return InconclusiveBand(float(min(lower, 0.5)), float(max(upper, 0.5)), rule)


def _conformal_quantile(scores: Scores) -> float:
    rank = math.ceil((len(scores) + 1) * (1 - _BAND_ERROR))
    return float(np.sort(scores)[min(rank, len(scores)) - 1])


def histogram(probabilities: Scores) -> tuple[int, ...]:
    """Counts of probabilities in equal bins from 0 to 1."""
    return tuple(np.histogram(probabilities, HISTOGRAM_BINS, (0, 1))[0].tolist())


def full_scale(peaks: NDArray[np.floating]) -> float:
    """The raw value drawn with the last colour, > 0: the 90% quantile of the peaks.

    With the 99% quantile, a few very strong heatmaps make all others too pale to be visible on a photo.
    """
    return float(max(np.quantile(peaks, _PEAK_QUANTILE), 1e-6))


def draw_confusion(confusion: Confusion) -> bytes:
    """A confusion matrix as a PNG: counts, shaded by their share of the true class."""
    counts = np.array(confusion.counts)
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    side = 2.5 + 0.6 * len(confusion.classes)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(confusion.classes))
    axes.set_xticks(ticks, confusion.classes, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, confusion.classes)
    axes.set(xlabel="predicted", ylabel="true", title=confusion.over)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour)
    return png_of(figure, 150)
