"""The genuine features of a trained network, and the fused score from them.

Only genuine training photos are used. So deviations are found without a counterfeit to learn from, and a counterfeit by
an unseen counterfeiter deviates like any other.
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
from inference.networks.cut_backbone import CutBackbone
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
    """Give a finished model with a reference view the features of genuine parts, and a fused score.

    Its likelihood ratios belong to the earlier score and are removed; calibrate it again.
    """

    model: tyro.conf.Positional[str]
    """Name of an authenticity model with a reference view."""
    out: Path
    """Folder for the model's two files."""
    cache: Path = REFERENCE_CACHE
    """Folder that keeps registrations of photos from run to run."""


def add_deviation(settings: DeviationSettings) -> Card:
    """Fit features and fusion, and write the model.

    Raises:
        Refusal: if the model cannot be loaded or has no reference, or the set is not the one it was trained on.
    """
    model = load_model(settings.model, settings.weights)
    card, network = model.card, model.network
    if card.stack is None or not isinstance(network, CutBackbone):
        msg = f"{card.name} has no reference view; train a model with --view reference."
        raise DataRefused(msg)
    photos = read_photo_set(settings.data, seed=card.seed)
    require_setting(
        photos.manifest_sha256 == card.data_sha256,
        f"{settings.data} is not the set {card.name} was trained on; name that set, whose genuine photos are needed.",
    )
    how = RegisteredView(model.references, card.stack, settings.cache)
    model = replace(model, references=with_features(network, how, photos))
    card = replace(card, fusion=fit_fusion(model, photos), calibration=None, item_calibrations=())
    return save_model(card, network.state_dict(), settings.out, model.references, model.gate)


def fit_fusion(model: Model, photos: PhotoSet, device: str = "cpu") -> Fusion:
    """The fusion of log odds and deviation, from the examiner's findings on genuine validation photos.

    Args:
        model: A model whose references have features; a fusion in its card is ignored.
        photos: The set.
        device: Device of the model.

    Raises:
        DataRefused: if validation has fewer than five genuine photos.
    """
    verdicts = examine_all(AuthenticityExaminer(model, device), _genuine_validation(photos))
    away = [verdict.reference.deviation for verdict in verdicts if verdict.reference]
    return Fusion.of(np.array([verdict.log_odds for verdict in verdicts]), np.array(away))


def _genuine_validation(photos: PhotoSet) -> list[Photo]:
    genuine = [photo for photo in photos.of("val") if photo.label == "genuine"]
    if len(genuine) < LEAST_PHOTOS:
        msg = f"The fused score is standardised over genuine validation photos, but there are {len(genuine)}; add some."
        raise DataRefused(msg)
    return genuine


def features_or_none(network: CutBackbone, how: RegisteredView, photos: PhotoSet) -> tuple[Reference, ...] | None:
    """The references with features for a newly trained network; None, with a warning, if no fused score is possible.

    So no long run is lost for want of genuine photos: the log odds are then the score.
    """
    try:
        _genuine_validation(photos)
        return with_features(network, how, photos)
    except Refusal as refusal:
        logger.warning("The score is the log odds, without the deviation. %s", refusal)
        return None


def with_features(network: CutBackbone, how: RegisteredView, photos: PhotoSet) -> tuple[Reference, ...]:
    """The references with the features of the genuine training photos that fit them.

    Args:
        network: A trained network, in evaluation mode.
        how: Its view.
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


def fit_features(network: CutBackbone, how: RegisteredView, seen: Sequence[Seen]) -> GenuineFeatures:
    """Mean and standard deviation of the features of photos of one series, at each place over the photos that cover it.

    A twentieth of a channel's mean variance is added to each of its variances, so that where all photos are alike, a
    small difference does not count as a deviation.
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
    # As the weights file stores it, with fewer bits.
    fitted = GenuineFeatures(mean.astype(np.float32), spread.astype(np.float32))
    kept = GenuineFeatures.from_arrays(fitted.arrays())
    assert kept is not None  # noqa: S101 - it was just made
    return kept


def _features(network: CutBackbone, how: RegisteredView, seen: Seen) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The features (C, h, w) of a photo, and a mask of the cells (h, w) that it covers."""
    image = how.tensor(seen, seen.pixels)[None].to(next(network.parameters()).device)
    with torch.no_grad():
        features = network.backbone.quarter(image)[0].cpu().numpy()
    return features, how.covered_cells(seen)
