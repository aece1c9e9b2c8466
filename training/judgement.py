"""What photos whose truth is known say of an authenticity model: its band, figures and likelihood ratios.

The series is stated: the propositions are about a part that is meant to be of a series. How a photo fares whose series
is left open is measured apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import multiclass_confusion_matrix

from inference.authenticity import AuthenticityExaminer
from inference.records import InconclusiveBand
from inference.registration import Reference
from inference.weights import Card, Confusion, Histogram, Metric, SeriesRule
from training.calibration import Trial, Weighing, trial, weigh, weigh_items
from training.data.photos import Photo, PhotoSet, Split
from training.evaluate import auc_metric, class_metrics, histogram, inconclusive_band, share_by_source
from training.open_series import left_open
from training.severities import LEAST_ITEMS, by_severity, count_items

_OTHERS = ("scope", "heatmap")


@dataclass(frozen=True)
class Scored:
    """What a model says of the photos of a split.

    Attributes:
        classes: Logit or probability of each class (N, C).
        log_odds: Log P(genuine) - log P(counterfeit) (N,), in nats.
        scores: What is weighed (N,), NaN where a scope check refuses the photo.
    """

    classes: NDArray[np.float32] | NDArray[np.float64]
    log_odds: NDArray[np.float64]
    scores: NDArray[np.float64]

    @property
    def genuine(self) -> NDArray[np.float64]:
        """P(genuine) (N,)."""
        return torch.sigmoid(torch.from_numpy(self.log_odds)).numpy()


@dataclass(frozen=True)
class Judgement:
    """What a card says of a model, by its validation and test photos."""

    band: InconclusiveBand
    metrics: dict[str, Metric]
    per_class: dict[str, dict[str, Metric]]
    confusion: Confusion
    histogram: Histogram
    series_rule: SeriesRule | None
    weighing: Weighing

    def stated_in(self, card: Card) -> Card:
        """The card with it in the place of what it said before; figures of scope and heatmaps stay."""
        others = {name: metric for name, metric in card.metrics.items() if name.startswith(_OTHERS)}
        return replace(
            card,
            band=self.band,
            metrics=self.weighing.figures(others | self.metrics),
            per_class=self.per_class,
            confusion=self.confusion,
            histogram=self.histogram,
            series_rule=self.series_rule,
            calibration=self.weighing.calibration,
            item_calibrations=self.weighing.of_items,
            limits=self.weighing.limits(card.limits),
        )


def judge_photos(
    photos: PhotoSet,
    classes: tuple[str, ...],
    validation: Scored,
    test: Scored,
    references: Sequence[Reference],
    data: str,
    *,
    leave_series_open: bool = True,
) -> Judgement:
    """Band, series rule and calibration from validation photos, figures from test photos, none disturbed.

    Args:
        photos: The set.
        classes: Those of the model, which all photos' classes are among.
        validation: What the model says of its validation photos.
        test: The same of its test photos.
        references: What the model lays photos beside; none for one that looks at them alone.
        data: What the set is called.
        leave_series_open: Fit the series rule, too, for which every photo is laid over every reference.
    """
    genuine = np.array([photo.label == "genuine" for photo in photos.of("val")])
    p = validation.genuine
    band = inconclusive_band(p[genuine], p[~genuine], AuthenticityExaminer.sides)

    tested, p = photos.of("test"), test.genuine
    genuine = np.array([photo.label == "genuine" for photo in tested])
    labels = np.array([classes.index(photo.class_name) for photo in tested])
    items = np.array([photo.item for photo in tested])
    known = ~unseen_counterfeiters(photos)
    metrics = counterfeit_metrics(tested, p, known)
    if not (known & ~genuine).any():
        # There are no other counterfeits to measure anything on.
        known = np.ones_like(known)
    likeliest = test.classes.argmax(1)
    metrics |= test_metrics(likeliest[known] == labels[known], p[known], genuine[known], items[known], band)
    if references:
        unfit = np.isnan(test.scores)
        metrics["refused share"] = share_by_source(
            unfit, items, "photos that are not weighed: they do not fit the reference, or another check refuses them"
        )
    rule, of_open_series = left_open(photos, references) if leave_series_open else (None, {})
    counted = torch.from_numpy(likeliest[known]), torch.from_numpy(labels[known])
    confusion = Confusion(
        f"{int(known.sum())} test photos, {data}",
        classes,
        tuple(map(tuple, multiclass_confusion_matrix(*counted, len(classes)).tolist())),
    )
    sides = {"genuine": histogram(p[known & genuine]), "counterfeit": histogram(p[known & ~genuine])}
    return Judgement(
        band=band,
        metrics=metrics | of_open_series,
        per_class=class_metrics(likeliest[known], labels[known], items[known], classes),
        confusion=confusion,
        histogram=Histogram(confusion.over, "P(genuine)", sides),
        series_rule=rule,
        weighing=weigh_photos(photos, validation.scores, test.scores, data),
    )


def weigh_photos(photos: PhotoSet, validation: NDArray[np.float64], test: NDArray[np.float64], data: str) -> Weighing:
    """How a model weighs photos of a set, calibrated on its validation photos.

    Args:
        photos: The set.
        validation: Log odds of the validation photos (n,), NaN where a scope check refuses one.
        test: The same of the test photos (m,).
        data: What the set is called.
    """
    tested = photos.of("test")
    forged = np.array([photo.label == "counterfeit" for photo in tested])
    unseen = forged & unseen_counterfeiters(photos)
    known = forged & ~unseen
    groups = {"known counterfeiters": known, "unseen counterfeiters": unseen}
    for grade, group in by_severity(tested, known).items():
        if count_items(tested, group & np.isfinite(test)) >= LEAST_ITEMS:
            groups[f"known counterfeiters, {grade}"] = group
    count = int(np.isfinite(validation).sum())
    fitted, judged = _trial(photos.of("val"), validation), _trial(tested, test, ~unseen if known.any() else None)
    weighing = weigh(
        fitted,
        judged,
        {name: _trial(tested, test, ~forged | group) for name, group in groups.items()},
        sides=AuthenticityExaminer.sides,
        propositions=AuthenticityExaminer.propositions,
        population=f"{count} validation photos of the series {', '.join(photos.series)}, {data}",
    )
    return weigh_items(weighing, fitted, judged)


def _trial(photos: Sequence[Photo], log_odds: NDArray[np.float64], chosen: NDArray[np.bool_] | None = None) -> Trial:
    genuine = np.array([photo.label == "genuine" for photo in photos])
    items = np.array([photo.item for photo in photos])
    kept = np.isfinite(log_odds) if chosen is None else np.isfinite(log_odds) & chosen
    return trial(log_odds[kept], genuine[kept], items[kept])


def unseen_counterfeiters(photos: PhotoSet, split: Split = "test") -> NDArray[np.bool_]:
    """Which photos of a split (N,) show work of a counterfeiter that is named and in no training photo."""
    met = {photo.truth.counterfeiter for photo in photos.of("train")}
    return np.array([bool(p.truth.counterfeiter) and p.truth.counterfeiter not in met for p in photos.of(split)])


def counterfeit_metrics(test: Sequence[Photo], p: NDArray[np.float64], known: NDArray[np.bool_]) -> dict[str, Metric]:
    """How many counterfeits are found, by what the set knows of them: unseen counterfeiters, severities.

    Args:
        test: All test photos.
        p: P(genuine) (N,).
        known: Whether a photo shows work of a counterfeiter that training photos show too (N,).
    """
    items = np.array([photo.item for photo in test])
    forged = np.array([photo.label == "counterfeit" for photo in test])
    metrics = {}

    def found(name: str, chosen: NDArray[np.bool_], over: str) -> None:
        if chosen.any():
            metrics[name] = share_by_source(p[chosen] < 0.5, items[chosen], over)

    found("known counterfeiters found", forged & known, "counterfeits with P(genuine) below 0.5")
    found("unseen counterfeiters found", forged & ~known, "the same, of counterfeiters in no training photo")
    if (forged & ~known).any():
        unseen = forged & ~known
        metrics["AUC on unseen counterfeiters"] = auc_metric(
            p[~forged], p[unseen], items[~forged], items[unseen], "P(genuine), genuine against unseen counterfeiters"
        )
    for grade, group in by_severity(test, forged & known).items():
        found(f"found when {grade}", group, f"counterfeits of severity {grade!r}")
    return metrics


def test_metrics(
    right_class: NDArray[np.bool_],
    p: NDArray[np.float64],
    genuine: NDArray[np.bool_],
    items: NDArray[np.str_],
    band: InconclusiveBand,
) -> dict[str, Metric]:
    """Figures of undisturbed test photos.

    Args:
        right_class: Whether the likeliest of all classes is the right one (N,).
        p: P(genuine) with the series stated (N,).
        genuine: The truth (N,).
        items: The item each photo shows (N,), whose photos are not independent.
        band: The inconclusive band, from validation.
    """
    conclusive = np.array([band.side(value) is not None for value in p])
    right = (p > 0.5) == genuine
    metrics = {
        "class accuracy": share_by_source(right_class, items, "the likeliest of all classes is right"),
        "authenticity accuracy": share_by_source(
            right, items, "authenticity right, the series stated, at P(genuine) = 0.5"
        ),
        "authenticity AUC": auc_metric(
            p[genuine], p[~genuine], items[genuine], items[~genuine], "P(genuine), the series stated"
        ),
        "inconclusive share": share_by_source(~conclusive, items, "P(genuine) inside the band"),
    }
    if conclusive.any():
        metrics["accuracy where conclusive"] = share_by_source(
            right[conclusive], items[conclusive], "authenticity right, outside the band"
        )
    return metrics
