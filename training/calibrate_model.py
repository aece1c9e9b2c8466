"""Calibrating a finished model with scores of the examiner that is used in earnest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from inference.authenticity import AuthenticityExaminer
from inference.evidence import Calibration
from inference.exhibit import read_exhibit
from inference.files import write_whole
from inference.mark_framing import FRAMING
from inference.preprocessing import Preprocessing
from inference.records import Comparison, Verdict
from inference.scope import refusal
from inference.trademarks import TrademarkExaminer
from inference.weights import WEIGHTS_FOLDER, Card, Model, load_model, save_model
from training.assessment import class_probabilities, examine_all, read_photos_for
from training.calibration import CalibrationRefused, Weighing
from training.data.pairs import MarkSet, Pair, read_mark_set
from training.data.photos import Split
from training.evaluate import full_scale
from training.evidence_plots import draw_evidence
from training.heatmaps import json_bytes
from training.judgement import Scored, judge_photos
from training.mark_trials import frozen_embeddings, trial_pairs
from training.runs import require_another_folder, require_setting, set_name
from training.trademark import JudgedPairs, read_pictures, weigh_pairs

_BATCH = 16


@dataclass(frozen=True)
class CalibrationSettings:
    """Calibrate a finished model on the validation samples of a set, and judge it on the test samples."""

    model: tyro.conf.Positional[str]
    """Name of an authenticity or trademark model."""
    data: Path
    """The set, as for training; best the one the model was trained on, whose split is then the same."""
    out: Path
    """Folder for the model's two files, the figures and the plots."""
    weights: Path = WEIGHTS_FOLDER
    """Folder of the models."""


def calibrate_finished(settings: CalibrationSettings) -> Card:
    """Write the model with its calibration, figures.json, tippett.png, pav.png and ece.png into the folder.

    Raises:
        Refusal: if the model or the data cannot be used, or no likelihood ratio can be based on the scores.
    """
    require_another_folder(settings.out, settings.weights)
    model = load_model(settings.model, settings.weights)
    require_setting(
        model.card.task != "pretrained", f"{model.card.name} is a start for training; there is nothing to calibrate."
    )
    weighing, card = (_judge_photos if model.card.task == "authenticity" else _judge_pairs)(model, settings.data)
    calibration = weighing.calibration
    if calibration is None:
        raise CalibrationRefused(weighing.limit)
    settings.out.mkdir(parents=True, exist_ok=True)
    write_whole(settings.out / "figures.json", json_bytes({"likelihood ratios": weighing.metrics}))
    _draw(calibration, settings.out)
    return save_model(card, model.network.state_dict(), settings.out, model.references, model.gate)


def _draw(calibration: Calibration, folder: Path) -> None:
    first, second = (np.array(side) for side in calibration.held_out)
    if len(first) and len(second):
        draw_evidence(first, second, calibration.sides, folder)


def _judge_photos(model: Model, data: Path) -> tuple[Weighing, Card]:
    """How photos are weighed, and the card that says so, with the figures and heatmap scale of the same verdicts."""
    card, examiner = model.card, AuthenticityExaminer(model)
    photos = read_photos_for(card, data)

    def scored(verdicts: Sequence[Verdict]) -> Scored:
        log_odds = np.array([verdict.log_odds for verdict in verdicts])
        return Scored(class_probabilities(verdicts, card.classes), log_odds, _scores(verdicts))

    validation, test = (examine_all(examiner, photos.of(split)) for split in ("val", "test"))
    named = _named(data, card, photos.manifest_sha256)
    judgement = judge_photos(photos, card.classes, scored(validation), scored(test), model.references, named)
    peaks = np.array([verdict.heatmap.peak for verdict in validation])
    return judgement.weighing, replace(judgement.stated_in(card), heatmap_full_scale=full_scale(peaks))


def _judge_pairs(model: Model, data: Path) -> tuple[Weighing, Card]:
    """How pairs are weighed, and the card that says so; what was framed in another way is so no more."""
    model = replace(model, card=replace(model.card, mark_framing=FRAMING))
    every, examiner = read_mark_set(data, seed=model.card.seed), TrademarkExaminer(model)

    def judged(split: Split) -> JudgedPairs:
        marks = every.subset(every.of(split))
        pairs = trial_pairs(marks, looks_of(marks, model.card.preprocessing), split)
        compared = {kind: _compare_all(examiner, marks, listed) for kind, listed in pairs.items()}
        log_odds = {
            kind: np.array([np.nan if refusal(sum(one.scope_checks, ())) else one.log_odds for one in found])
            for kind, found in compared.items()
        }
        shares = {kind: np.array([one.agreement.share for one in found]) for kind, found in compared.items()}
        return JudgedPairs.of(marks, pairs, log_odds, shares)

    validation, test = judged("val"), judged("test")
    weight = validation.agreement_weight()
    named = _named(data, model.card, every.manifest_sha256)
    weighing = weigh_pairs(validation.raised(weight), test.raised(weight), named)
    card = replace(
        model.card,
        agreement_weight=weight,
        calibration=weighing.calibration,
        item_calibrations=weighing.of_items,
        metrics=weighing.figures(model.card.metrics),
        limits=weighing.limits(model.card.limits),
    )
    return weighing, card


def looks_of(marks: MarkSet, preprocessing: Preprocessing) -> Tensor:
    """What marks look like to the frozen network (n, C), at the size in which the examiner sees them."""
    return frozen_embeddings(read_pictures(marks.marks, preprocessing), preprocessing.size, torch.device("cpu"))


def _compare_all(examiner: TrademarkExaminer, marks: MarkSet, pairs: Sequence[Pair]) -> list[Comparison]:
    comparisons: list[Comparison] = []
    for start in tqdm(range(0, len(pairs), _BATCH), "comparing", leave=False):
        chosen = pairs[start : start + _BATCH]
        exhibits = [tuple(read_exhibit(marks.marks[index].path) for index in pair) for pair in chosen]
        comparisons += examiner.compare_batch([(first, second) for first, second in exhibits], in_other_ways=False)
    return comparisons


def _scores(verdicts: Sequence[Verdict]) -> NDArray[np.float64]:
    """Scores (n,); NaN where a scope check refuses, as nothing is weighed there."""
    return np.array([np.nan if refusal(verdict.scope_checks) else verdict.score for verdict in verdicts])


def _named(data: Path, card: Card, manifest_sha256: str) -> str:
    """What the set is called; another one than the model's own may hold what the model was trained on."""
    if manifest_sha256 == card.data_sha256:
        return set_name(data)
    return f"{set_name(data)}, which is not the set it was trained on"
