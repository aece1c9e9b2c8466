"""The features of genuine parts behind a trained network, and how far photos stray from them.

Only genuine training photos are used: what strays is found without a counterfeit, and one by a counterfeiter never met
strays like any other.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from tqdm import tqdm

from inference.authenticity.examiner import AuthenticityExaminer
from inference.models.card import Card
from inference.models.weights import Model, load_model, save_model
from inference.networks.kag_mtln import KagMtln
from inference.records import Refusal
from inference.reference.features import Fusion, GenuineFeatures
from inference.reference.reference import Reference
from training.assessment.finished import FinishedModelSettings
from training.assessment.photos import examine_all
from training.authenticity.views import REFERENCE_CACHE, RegisteredView, Seen
from training.data.photos.photo import Photo, PhotoSet
from training.data.photos.photo_set import read_photo_set
from training.data.set_files import DataRefused
from training.fitting.run_folder import require_setting

logger = logging.getLogger(__name__)

LEAST_PHOTOS = 5
_FLOOR = 0.05
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class DeviationSettings(FinishedModelSettings):
    """Give a finished reference-guided model the features of genuine parts, and a score that weighs them too.

    Its likelihood ratios were of another score and are taken out: calibrate it anew.
    """

    model: tyro.conf.Positional[str]
    """Name of an authenticity model that sees the genuine reference."""
    out: Path
    """Folder for the model's two files."""
    cache: Path = REFERENCE_CACHE
    """Folder that keeps how photos were registered, from run to run."""


def add_deviation(settings: DeviationSettings) -> Card:
    """Fit features and fusion, and write the model.

    Raises:
        Refusal: if the model cannot be loaded or has no reference, or the set is not the one it was trained on.
    """
    model = load_model(settings.model, settings.weights)
    card, network = model.card, model.network
    if card.stack is None or not isinstance(network, KagMtln):
        msg = f"{card.name} sees no genuine reference; train one with --view reference."
        raise DataRefused(msg)
    photos = read_photo_set(settings.data, seed=card.seed)
    require_setting(
        photos.manifest_sha256 == card.data_sha256,
        f"{settings.data} is not the set {card.name} was trained on, whose genuine photos are needed; name it.",
    )
    how = RegisteredView(model.references, card.stack, settings.cache)
    model = replace(model, references=with_features(network, how, photos))
    card = replace(card, fusion=fit_fusion(model, photos), calibration=None, item_calibrations=())
    return save_model(card, network.state_dict(), settings.out, model.references, model.gate)


def fit_fusion(model: Model, photos: PhotoSet, device: str = "cpu") -> Fusion:
    """How log odds and deviation make one score, from what the model's examiner finds on genuine validation photos.

    Args:
        model: A model whose references have features; what its card says of a fusion has no part in this.
        photos: The set.
        device: Where the model runs.

    Raises:
        DataRefused: if fewer than five genuine photos stand in validation.
    """
    verdicts = examine_all(AuthenticityExaminer(model, device), _genuine_validation(photos))
    away = [verdict.reference.deviation for verdict in verdicts if verdict.reference]
    return Fusion.of(np.array([verdict.log_odds for verdict in verdicts]), np.array(away))


def _genuine_validation(photos: PhotoSet) -> list[Photo]:
    genuine = [photo for photo in photos.of("val") if photo.label == "genuine"]
    if len(genuine) < LEAST_PHOTOS:
        msg = f"The score is standardised over genuine validation photos, and there are {len(genuine)}; add some."
        raise DataRefused(msg)
    return genuine


def features_or_none(network: KagMtln, how: RegisteredView, photos: PhotoSet) -> tuple[Reference, ...] | None:
    """The references with features, for a network just trained; none, with a warning, where there can be no score.

    No long run is lost for want of genuine photos: then only the network is weighed.
    """
    try:
        _genuine_validation(photos)
        return with_features(network, how, photos)
    except Refusal as refusal:
        logger.warning("Only the network is weighed, not the deviation. %s", refusal)
        return None


def with_features(network: KagMtln, how: RegisteredView, photos: PhotoSet) -> tuple[Reference, ...]:
    """The references with the features of the genuine training photos that fit them.

    Args:
        network: A trained network, in evaluation mode.
        how: How it sees photos.
        photos: The set.

    Raises:
        DataRefused: if fewer than five photos of a series fit its reference.
    """
    genuine = [photo for photo in photos.of("train") if photo.label == "genuine"]
    seen = how.read(genuine)
    found = []
    for reference in how.references:
        own = [
            one for photo, one in zip(genuine, seen, strict=True) if photo.series == reference.series and how.fits(one)
        ]
        if len(own) < LEAST_PHOTOS:
            msg = f"Only {len(own)} genuine training photos of {reference.series} fit its reference; add some."
            raise DataRefused(msg)
        found.append(replace(reference, features=fit_features(network, how, own)))
    return tuple(found)


def fit_features(network: KagMtln, how: RegisteredView, seen: Sequence[Seen]) -> GenuineFeatures:
    """Mean and spread of the features of photos of one series, each place over the photos that cover it.

    A twentieth of a channel's mean variance is added to each of its variances: where all photos are alike, a little
    difference is no deviation yet.
    """
    count, total, squares = (np.zeros(()) for _ in range(3))
    for one in tqdm(seen, "genuine features", unit="photo", leave=False):
        features, cells = _features(network, how, one)
        count = count + cells
        total = total + features * cells
        squares = squares + np.square(features, dtype=np.float64) * cells
    known = count >= LEAST_PHOTOS
    mean = total / np.maximum(count, 1)
    variance = np.maximum(squares / np.maximum(count, 1) - np.square(mean), 0)
    floor = _FLOOR * variance[:, known].mean(1)[:, None, None] + _LEAST_VARIANCE
    spread = np.where(known, np.sqrt(variance + floor), np.inf)
    # As an examiner will have it: the weights file keeps fewer bits.
    fitted = GenuineFeatures(mean.astype(np.float32), spread.astype(np.float32))
    kept = GenuineFeatures.from_arrays(fitted.arrays())
    assert kept is not None  # noqa: S101 - it was just made
    return kept


def _features(network: KagMtln, how: RegisteredView, seen: Seen) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The features (C, h, w) of a photo, and which of their cells (h, w) it covers."""
    image = how.tensor(seen, seen.pixels)[None].to(next(network.parameters()).device)
    with torch.no_grad():
        features = network.backbone.quarter(image)[0].cpu().numpy()
    return features, how.covered_cells(seen)
