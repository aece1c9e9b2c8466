"""The judging of an authenticity model by photos whose truth is known: its band, figures and likelihood ratios.

The series is stated, since the propositions are about a part that claims to be of a series. Photos whose series is left
open are measured separately.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import multiclass_confusion_matrix
from tqdm import tqdm

from inference.authenticity.examiner import AuthenticityExaminer
from inference.evidence.trials import Trial, trial
from inference.intake.exhibit import read_exhibit
from inference.models.card import Card, Confusion, Histogram, Metric, SeriesRule
from inference.models.weights import Model
from inference.records import InconclusiveBand, Verdict
from inference.request import Request
from inference.scope.checks import refusal
from training.assessment.open_series import left_open
from training.assessment.severities import LEAST_ITEMS, by_severity, count_items
from training.data.photos.photo import Photo, PhotoSet, Split
from training.figures.calibration_result import CalibrationResult, weigh, weigh_items
from training.figures.metrics import (
    auc_metric,
    class_metrics,
    full_scale,
    histogram,
    inconclusive_band,
    share_by_source,
)

_BATCH = 16


@dataclass(frozen=True)
class Scored:
    """A model's results on the photos of a split.

    Attributes:
        classes: Logit or probability of each class (N, C).
        log_odds: Log P(genuine) - log P(counterfeit) (N,), in nats.
        scores: Scores (N,), NaN where a scope check refuses the photo.
    """

    classes: NDArray[np.float32] | NDArray[np.float64]
    log_odds: NDArray[np.float64]
    scores: NDArray[np.float64]

    @property
    def genuine(self) -> NDArray[np.float64]:
        """P(genuine) (N,)."""
        return torch.sigmoid(torch.from_numpy(self.log_odds)).numpy()

    @classmethod
    def of(cls, verdicts: Sequence[Verdict], classes: Sequence[str]) -> Scored:
        """From an examiner's verdicts on the photos."""
        refused = [refusal(verdict.scope_checks) is not None for verdict in verdicts]
        scores = [np.nan if out else verdict.score for verdict, out in zip(verdicts, refused, strict=True)]
        log_odds = np.array([verdict.log_odds for verdict in verdicts])
        return cls(class_probabilities(verdicts, classes), log_odds, np.array(scores))


@dataclass(frozen=True)
class Judgement:
    """The statements of a card that follow from validation and test photos."""

    band: InconclusiveBand
    metrics: dict[str, Metric]
    per_class: dict[str, dict[str, Metric]]
    confusion: Confusion
    histogram: Histogram
    series_rule: SeriesRule | None
    calibration_result: CalibrationResult

    def stated_in(self, card: Card) -> Card:
        """The card with these statements in place of earlier ones; figures of scope and heatmaps stay."""
        return replace(
            self.calibration_result.stated_in(card, self.metrics),
            band=self.band,
            per_class=self.per_class,
            confusion=self.confusion,
            histogram=self.histogram,
            series_rule=self.series_rule,
        )


def judged_by_photos(
    model: Model, photos: PhotoSet, data: str, device: str = "cpu", *, leave_series_open: bool = True
) -> tuple[Card, Judgement]:
    """The model's card with band, scale and calibration from validation photos, and figures on test photos.

    Args:
        model: The model; its card's band, heatmap scale and calibration are replaced.
        photos: The set.
        data: Name of the set.
        device: Device of the model.
        leave_series_open: Whether to fit the series rule too, which registers every photo to every reference.
    """
    examiner, classes = AuthenticityExaminer(model, device), model.card.classes
    validation, test = (examine_all(examiner, photos.of(split)) for split in ("val", "test"))
    scored = Scored.of(validation, classes), Scored.of(test, classes)
    judgement = judge_photos(photos, examiner, *scored, data, leave_series_open=leave_series_open)
    peaks = np.array([verdict.heatmap.peak for verdict in validation])
    return replace(judgement.stated_in(model.card), heatmap_full_scale=full_scale(peaks)), judgement


def examine_all(examiner: AuthenticityExaminer, photos: Iterable[Photo]) -> list[Verdict]:
    """A verdict on each photo, its series stated."""
    listed = list(photos)
    verdicts: list[Verdict] = []
    for start in tqdm(range(0, len(listed), _BATCH), "examining", leave=False):
        chosen = listed[start : start + _BATCH]
        verdicts += examiner.examine_batch([Request(read_exhibit(photo.path), photo.series) for photo in chosen])
    return verdicts


def class_probabilities(verdicts: Sequence[Verdict], classes: Sequence[str]) -> NDArray[np.float64]:
    """Probability of each class (N, C)."""
    return np.array([[verdict.class_probabilities[name] for name in classes] for verdict in verdicts])


def judge_photos(
    photos: PhotoSet,
    examiner: AuthenticityExaminer,
    validation: Scored,
    test: Scored,
    data: str,
    *,
    leave_series_open: bool = True,
) -> Judgement:
    """Band, series rule and calibration from validation photos, figures from test photos, none disturbed.

    Args:
        photos: The set.
        examiner: Of the model, which knows all photos' classes.
        validation: What it says of its validation photos.
        test: The same on test photos.
        data: Name of the set.
        leave_series_open: Whether to fit the series rule too, which registers every photo to every reference.
    """
    genuine = np.array([photo.label == "genuine" for photo in photos.of("val")])
    p = validation.genuine
    band = inconclusive_band(p[genuine], p[~genuine], examiner.sides)

    classes = examiner.card.classes
    tested, p = photos.of("test"), test.genuine
    genuine = np.array([photo.label == "genuine" for photo in tested])
    labels = np.array([classes.index(photo.class_name) for photo in tested])
    items = np.array([photo.item for photo in tested])
    known = ~unseen_counterfeiters(photos)
    metrics = counterfeit_metrics(tested, p, known)
    if not (known & ~genuine).any():
        # There are no other counterfeits to measure.
        known = np.ones_like(known)
    likeliest = test.classes.argmax(1)
    metrics |= test_metrics(likeliest[known] == labels[known], p[known], genuine[known], items[known], band)
    if examiner.card.stack:
        unfit = np.isnan(test.scores)
        metrics["refused share"] = share_by_source(
            unfit, items, "photos that are not weighed: they do not fit the reference, or another check refuses them"
        ).named("unweighed")
    rule, of_open_series = left_open(photos, examiner) if leave_series_open else (None, {})
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
        calibration_result=weigh_photos(photos, validation.scores, test.scores, data),
    )


def weigh_photos(
    photos: PhotoSet, validation: NDArray[np.float64], test: NDArray[np.float64], data: str
) -> CalibrationResult:
    """The calibration result of a model on validation and test photos of a set.

    Args:
        photos: The set.
        validation: Log odds of the validation photos (n,), NaN where a scope check refuses one.
        test: The same of the test photos (m,).
        data: Name of the set.
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
    calibration_result = weigh(
        fitted,
        judged,
        {name: _trial(tested, test, ~forged | group) for name, group in groups.items()},
        sides=AuthenticityExaminer.sides,
        propositions=AuthenticityExaminer.propositions,
        population=f"{count} validation photos of the series {', '.join(photos.series)}, {data}",
    )
    return weigh_items(calibration_result, fitted, judged)


def _trial(photos: Sequence[Photo], log_odds: NDArray[np.float64], chosen: NDArray[np.bool_] | None = None) -> Trial:
    genuine = np.array([photo.label == "genuine" for photo in photos])
    items = np.array([photo.item for photo in photos])
    kept = np.isfinite(log_odds) if chosen is None else np.isfinite(log_odds) & chosen
    return trial(log_odds[kept], genuine[kept], items[kept])


def unseen_counterfeiters(photos: PhotoSet, split: Split = "test") -> NDArray[np.bool_]:
    """Mask (N,) of the photos of a split by a named counterfeiter who is in no training photo."""
    met = {photo.truth.counterfeiter for photo in photos.of("train")}
    return np.array([bool(p.truth.counterfeiter) and p.truth.counterfeiter not in met for p in photos.of(split)])


def counterfeit_metrics(test: Sequence[Photo], p: NDArray[np.float64], known: NDArray[np.bool_]) -> dict[str, Metric]:
    """Shares of counterfeits that are found, by counterfeiter (known, unseen) and severity.

    Args:
        test: All test photos.
        p: P(genuine) (N,).
        known: Mask of the photos by a counterfeiter who is in training photos too (N,).
    """
    items = np.array([photo.item for photo in test])
    forged = np.array([photo.label == "counterfeit" for photo in test])
    metrics = {}

    def found(name: str, of: tuple[str, ...], chosen: NDArray[np.bool_], over: str) -> None:
        if chosen.any():
            metrics[name] = share_by_source(p[chosen] < 0.5, items[chosen], over).named("found", *of)

    of_known, of_unseen = "known counterfeiters", "unseen counterfeiters"
    found(f"{of_known} found", (of_known,), forged & known, "counterfeits with P(genuine) below 0.5")
    found(f"{of_unseen} found", (of_unseen,), forged & ~known, "the same, of counterfeiters in no training photo")
    if (forged & ~known).any():
        unseen = forged & ~known
        metrics["AUC on unseen counterfeiters"] = auc_metric(
            p[~forged], p[unseen], items[~forged], items[unseen], "P(genuine), genuine against unseen counterfeiters"
        ).named("auc", of_unseen)
    for grade, group in by_severity(test, forged & known).items():
        found(f"found when {grade}", (of_known, grade), group, f"counterfeits of severity {grade!r}")
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
        right_class: Whether the most probable class is the true one (N,).
        p: P(genuine) with the series stated (N,).
        genuine: The truth (N,).
        items: The item of each photo (N,); photos of one item are not independent.
        band: The inconclusive band, from validation.
    """
    conclusive = np.array([band.side(value) is not None for value in p])
    right = (p > 0.5) == genuine
    metrics = {
        "class accuracy": share_by_source(right_class, items, "the likeliest of all classes is right").named(
            "class_accuracy"
        ),
        "authenticity accuracy": share_by_source(
            right, items, "authenticity right, the series stated, at P(genuine) = 0.5"
        ).named("accuracy"),
        "authenticity AUC": auc_metric(
            p[genuine], p[~genuine], items[genuine], items[~genuine], "P(genuine), the series stated"
        ).named("auc"),
        "inconclusive share": share_by_source(~conclusive, items, "P(genuine) inside the band").named("inconclusive"),
    }
    if conclusive.any():
        metrics["accuracy where conclusive"] = share_by_source(
            right[conclusive], items[conclusive], "authenticity right, outside the band"
        ).named("accuracy_where_conclusive")
    return metrics
