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

from inference.authenticity import log_odds_each
from inference.genuine_features import Fusion, GenuineFeatures, deviation_of
from inference.networks.kag_mtln import KagMtln
from inference.records import Refusal
from inference.registration import Reference
from inference.weights import WEIGHTS_FOLDER, Card, load_model, save_model
from training.data.photos import PhotoSet, read_photo_set
from training.data.set_files import DataRefused
from training.looks import REFERENCE_CACHE, ReferenceLook, Seen
from training.runs import require_setting

logger = logging.getLogger(__name__)

LEAST_PHOTOS = 5
_FLOOR = 0.05
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class DeviationSettings:
    """Give a finished reference-guided model the features of genuine parts, and a score that weighs them too.

    Its likelihood ratios were of another score and are taken out: calibrate it anew.
    """

    model: tyro.conf.Positional[str]
    """Name of an authenticity model that looks beside the genuine reference."""
    data: Path
    """The set it was trained on."""
    out: Path
    """Folder for the model's two files."""
    weights: Path = WEIGHTS_FOLDER
    """Folder of the model."""
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
        msg = f"{card.name} does not look beside a genuine reference; train one with --look reference."
        raise DataRefused(msg)
    photos = read_photo_set(settings.data, seed=card.seed)
    require_setting(
        photos.manifest_sha256 == card.data_sha256,
        f"{settings.data} is not the set {card.name} was trained on, whose genuine photos are needed; name it.",
    )
    how = ReferenceLook(model.references, card.stack, settings.cache)
    seen = how.read(photos.of("val"))
    series = [photo.series for photo in photos.of("val")]
    fused = FusedScore.fit(network, how, photos, seen, seen_log_odds(network, how, seen, card.classes, series))
    card = replace(card, fusion=fused.fusion, calibration=None, item_calibrations=())
    return save_model(card, network.state_dict(), settings.out, fused.how.references, model.gate)


@dataclass(frozen=True)
class FusedScore:
    """What a trained network and the features of genuine parts make of photos together.

    Attributes:
        network: The network, in evaluation mode.
        how: How it sees photos, beside references that have features.
        fusion: How both make one score.
    """

    network: KagMtln
    how: ReferenceLook
    fusion: Fusion

    @classmethod
    def fit(
        cls,
        network: KagMtln,
        how: ReferenceLook,
        photos: PhotoSet,
        validation: Sequence[Seen],
        log_odds: NDArray[np.float64],
    ) -> FusedScore:
        """Features from genuine training photos, the fusion from genuine validation photos.

        Args:
            network: A trained network, in evaluation mode.
            how: How it sees photos.
            photos: The set.
            validation: Its validation photos as seen (n,).
            log_odds: Their log odds (n,).

        Raises:
            DataRefused: if fewer than five genuine photos of a series fit its reference, or stand in validation.
        """
        genuine = np.array([photo.label == "genuine" for photo in photos.of("val")])
        if genuine.sum() < LEAST_PHOTOS:
            msg = f"The score is standardised over genuine validation photos, and there are {genuine.sum()}; add some."
            raise DataRefused(msg)
        how = how.with_references(with_features(network, how, photos))
        away = deviations(network, how, validation)
        return cls(network, how, Fusion.of(log_odds[genuine], away[genuine]))

    @classmethod
    def or_none(
        cls,
        network: KagMtln,
        how: ReferenceLook,
        photos: PhotoSet,
        validation: Sequence[Seen],
        log_odds: NDArray[np.float64],
    ) -> FusedScore | None:
        """The same for a model just trained; none, with a warning, where there can be none: no long run is lost."""
        try:
            return cls.fit(network, how, photos, validation, log_odds)
        except Refusal as refusal:
            logger.warning("Only the network is weighed, not the deviation. %s", refusal)
            return None

    def __call__(self, seen: Sequence[Seen], log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores of photos (n,) with these log odds."""
        away = deviations(self.network, self.how, seen).tolist()
        return np.array([self.fusion.score(odds, far) for odds, far in zip(log_odds.tolist(), away, strict=True)])


def with_features(network: KagMtln, how: ReferenceLook, photos: PhotoSet) -> tuple[Reference, ...]:
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


def fit_features(network: KagMtln, how: ReferenceLook, seen: Sequence[Seen]) -> GenuineFeatures:
    """Mean and spread of the features of photos of one series, each place over the photos that cover it.

    A twentieth of a channel's mean variance is added to each of its variances: where all photos look alike, a little
    difference is not strange yet.
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


def deviations(network: KagMtln, how: ReferenceLook, seen: Sequence[Seen]) -> NDArray[np.float64]:
    """How far photos (n,) stray from the genuine features of their series."""
    found = []
    for one in tqdm(seen, "measuring deviations", unit="photo", leave=False):
        own = how.reference(one).features
        assert own is not None  # noqa: S101 - `with_features` gave it
        features, cells = _features(network, how, one)
        found.append(deviation_of(own.difference(features, cells), cells))
    return np.array(found)


def seen_log_odds(
    network: KagMtln, how: ReferenceLook, seen: Sequence[Seen], classes: Sequence[str], series: Sequence[str]
) -> NDArray[np.float64]:
    """Log P(genuine) - log P(counterfeit) of photos (n,) of these series, in nats."""
    device = next(network.parameters()).device
    with torch.no_grad():
        logits = [network.head(network.features(how.tensor(one, one.pixels)[None].to(device))).cpu() for one in seen]
    return log_odds_each(torch.cat(logits).double(), classes, series).numpy()


def _features(network: KagMtln, how: ReferenceLook, seen: Seen) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The features (C, h, w) of a photo, and which of their cells (h, w) it covers."""
    image = how.tensor(seen, seen.pixels)[None].to(next(network.parameters()).device)
    with torch.no_grad():
        features = network.backbone.quarter(image)[0].cpu().numpy()
    return features, how.covered_cells(seen)
