"""Calibrates a finished model with the scores of its examiner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from inference.evidence.calibration import Calibration
from inference.evidence.fitting import CalibrationRefused
from inference.files import write_whole
from inference.models.card import Card
from inference.models.weights import Model, load_model, save_model
from inference.trademark.framing import FRAMING
from training.assessment.evaluate import read_photos_for
from training.assessment.finished import FinishedModelSettings
from training.assessment.mark_trials import judged_element_trials, judged_trials, mark_embeddings, shows_lettering
from training.assessment.pairs import judge_pairs
from training.assessment.photos import judged_by_photos
from training.assessment.tables import json_bytes
from training.data.marks.mark_set import read_mark_set
from training.figures.calibration_result import CalibrationResult
from training.figures.evidence_plots import draw_evidence
from training.fitting.run_folder import require_another_folder, require_setting, set_name


@dataclass(frozen=True)
class CalibrationSettings(FinishedModelSettings):
    """Calibrate a finished model on the validation samples of a set, and assess it on the test samples."""

    data: Path
    """The set, as for training; best the one the model was trained on, which has the same split."""
    out: Path
    """Folder for the model's two files, the figures and the plots."""


def calibrate_finished(settings: CalibrationSettings) -> Card:
    """Write the model with its calibration, figures.json, tippett.png, pav.png and ece.png into the folder.

    Raises:
        Refusal: if the model or the data cannot be used, or the scores give no likelihood ratio.
    """
    require_another_folder(settings.out, settings.weights)
    model = load_model(settings.model, settings.weights)
    require_setting(
        model.card.task in ("authenticity", "trademark"),
        f"{model.card.name} is a model for {model.card.task}, which weighs nothing; name one for authenticity or for "
        "trademarks.",
    )
    card, calibration_result = (_judge_photos if model.card.task == "authenticity" else _judge_pairs)(
        model, settings.data
    )
    calibration = calibration_result.calibration
    if calibration is None:
        raise CalibrationRefused(calibration_result.limit)
    settings.out.mkdir(parents=True, exist_ok=True)
    write_whole(settings.out / "figures.json", json_bytes({"likelihood ratios": calibration_result.metrics}))
    _draw(calibration, settings.out)
    return save_model(card, model.network.state_dict(), settings.out, model.references, model.gate)


def _draw(calibration: Calibration, folder: Path) -> None:
    first, second = (np.array(side) for side in calibration.held_out)
    if len(first) and len(second):
        draw_evidence(first, second, calibration.sides, folder)


def _judge_photos(model: Model, data: Path) -> tuple[Card, CalibrationResult]:
    photos = read_photos_for(model.card, data)
    card, judgement = judged_by_photos(model, photos, _named(data, model.card, photos.manifest_sha256))
    return card, judgement.calibration_result


def _judge_pairs(model: Model, data: Path) -> tuple[Card, CalibrationResult]:
    """The card with the calibration of pairs, and its result; the card states the present framing rule.

    Of its own set it is known too whether it was trained on lettering.
    """
    every = read_mark_set(data, seed=model.card.seed)
    own = every.manifest_sha256 == model.card.data_sha256
    words = shows_lettering(every) if own else model.card.lettering
    model = replace(model, card=replace(model.card, mark_framing=FRAMING, lettering=words))
    marks = every.subset([*every.of("val"), *every.of("test")])
    embedding = mark_embeddings(marks, model.card.preprocessing)
    trials, parts = judged_trials(marks, embedding), judged_element_trials(marks, embedding)
    return judge_pairs(model, marks, trials, parts, _named(data, model.card, every.manifest_sha256))


def _named(data: Path, card: Card, manifest_sha256: str) -> str:
    """The name of the set; a set other than the model's own is named as such, since it may hold training samples."""
    if manifest_sha256 == card.data_sha256:
        return set_name(data)
    return f"{set_name(data)}, which is not the set it was trained on"
