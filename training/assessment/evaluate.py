"""Evaluates a finished model, by its examiner, on photos or marks whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.authenticity.examiner import AuthenticityExaminer
from inference.files import write_whole
from inference.models.card import Card, Metric
from inference.models.weights import Model, load_model, save_model
from inference.records import Verdict
from training.assessment.collection_rule import assess_comparator
from training.assessment.finished import FinishedModelSettings
from training.assessment.heatmaps import measure
from training.assessment.marks import assess_marks
from training.assessment.photos import (
    class_probabilities,
    counterfeit_metrics,
    examine_all,
    test_metrics,
    unseen_counterfeiters,
)
from training.assessment.tables import Table, json_bytes
from training.data.photos.photo import PhotoSet, Split
from training.data.photos.photo_set import read_photo_set
from training.figures.metrics import auc_metric
from training.fitting.run_folder import require_another_folder, require_setting, set_name


@dataclass(frozen=True)
class AssessmentSettings(FinishedModelSettings):
    """Examine the photos or marks of a set with a finished model, and compare with the truth."""

    data: Path
    """The set, as for training."""
    out: Path
    """Folder for the figures; with --heatmaps also for a contact sheet and, on test, for the model's two files."""
    split: Split = "test"
    """Split of the samples: choose on val, report on test."""
    heatmaps: bool = False
    """Score the heatmaps instead, and state the scores in the card: on photos by the masks of the set, on marks by
    hiding the area that a heatmap claims."""
    choices: bool = False
    """With --heatmaps: score every layer and method instead of the model's own."""
    limit: int = 150
    """Most heatmaps, and most transformed marks, to score; they are evenly spaced over the set."""


def assess(settings: AssessmentSettings) -> Table:
    """The figures, which are also written into the folder.

    Raises:
        Refusal: if the model or the data cannot be used.
    """
    model = load_model(settings.model, settings.weights)
    if settings.heatmaps:
        require_another_folder(settings.out, settings.weights)
    if model.card.task == "trademark":
        table = assess_marks(
            model, settings.data, settings.split, settings.out, heatmaps=settings.heatmaps, limit=settings.limit
        )
        if settings.heatmaps:
            _state_in_card(model, table["hiding"], settings)
        return table
    if model.card.task == "comparator":
        return assess_comparator(model, settings.data, settings.split, settings.out)
    photos = read_photos_for(model.card, settings.data)
    if settings.choices or settings.heatmaps:
        table = measure(model, photos.of(settings.split), settings.out, settings.choices, settings.limit)
        if not settings.choices:
            _state_in_card(model, table["heatmap"], settings)
        return table
    verdicts = examine_all(AuthenticityExaminer(model), photos.of(settings.split))
    table = figures(model, photos, settings.split, verdicts)
    write_whole(settings.out / "figures.json", json_bytes(table))
    return table


def _state_in_card(model: Model, scores: Mapping[str, Metric], settings: AssessmentSettings) -> None:
    """Write a copy of the model whose card states its heatmaps' scores on test, by which nothing is chosen."""
    if settings.split != "test":
        return
    samples = "pairs" if model.card.task == "trademark" else "photos"
    looked = f"among at most {settings.limit} test {samples} of {set_name(settings.data)}"
    stated = {f"heatmap {name}": replace(metric, over=f"{metric.over}; {looked}") for name, metric in scores.items()}
    card = replace(model.card, metrics={**model.card.metrics, **stated})
    save_model(card, model.network.state_dict(), settings.out, model.references, model.gate)


def read_photos_for(card: Card, data: Path) -> PhotoSet:
    """The set, with the split of the model's own set.

    Raises:
        Refusal: if the set cannot be read, or shows a class that the model does not know.
    """
    photos = read_photo_set(data, seed=card.seed)
    unknown = ", ".join(name for name in photos.classes if name not in card.classes)
    require_setting(not unknown, f"{data} shows {unknown}, which {card.name} does not know; leave that class out.")
    return photos


def figures(model: Model, photos: PhotoSet, split: Split, verdicts: list[Verdict]) -> Table:
    """The figures of a card, and the AUC of each score for counterfeits against genuine photos."""
    chosen, classes, band = photos.of(split), model.card.classes, model.card.band
    if band is None:
        msg = f"the card of {model.card.name} states no band"
        raise ValueError(msg)
    p = np.array([verdict.probability_genuine for verdict in verdicts])
    genuine = np.array([photo.label == "genuine" for photo in chosen])
    items = np.array([photo.item for photo in chosen])
    labels = np.array([classes.index(photo.class_name) for photo in chosen])
    right = class_probabilities(verdicts, classes).argmax(1) == labels
    known = ~unseen_counterfeiters(photos, split)
    metrics = test_metrics(right[known], p[known], genuine[known], items[known], band)
    table: Table = {"network": metrics | counterfeit_metrics(chosen, p, known)}
    views = [verdict.reference for verdict in verdicts if verdict.reference is not None]
    scores = {"log odds of the network": [-verdict.log_odds for verdict in verdicts]}
    if len(views) == len(verdicts):
        scores[f"deviation of {views[0].measured} from genuine ones"] = [view.deviation for view in views]
    if model.card.fusion is not None:
        scores["both, as they are weighed"] = [-verdict.score for verdict in verdicts]
    for name, listed in scores.items():
        values = np.array(listed)
        table[name] = {
            "authenticity AUC": _strange_auc(values, genuine, items, known, "known counterfeiters"),
            "AUC on unseen counterfeiters": _strange_auc(values, genuine, items, ~known, "unseen counterfeiters"),
        }
    return table


def _strange_auc(
    values: NDArray[np.float64],
    genuine: NDArray[np.bool_],
    items: NDArray[np.str_],
    chosen: NDArray[np.bool_],
    over: str,
) -> Metric:
    """AUC of values that are high for counterfeits: chosen counterfeits against all genuine photos."""
    forged = chosen & ~genuine
    if not forged.any():
        return Metric(float("nan"), None, None, f"no {over}")
    return auc_metric(values[forged], values[genuine], items[forged], items[genuine], f"{over} against genuine photos")
