"""Published witnesses that a collection's own are held against, by naive oracles."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
import pytest
import torch

from inference.collections.registered_photos import RegisteredPhotos
from inference.collections.witnesses import PatchFeatures, patch_levels
from inference.models.engines.engine import TorchEngine
from inference.networks.backbones import build_backbone
from inference.preprocessing import Preprocessing
from training.assessment.house_witnesses import PaDiM, PatchCore

HEIGHT, WIDTH, PHOTOS = 64, 96, 4


@pytest.fixture(scope="module")
def features() -> PatchFeatures:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PatchFeatures(TorchEngine(patch_levels(build_backbone("six_layer_cnn").eval())), Preprocessing(size=64))


@pytest.fixture(scope="module")
def photos() -> RegisteredPhotos:
    """Photos of one pattern, each with noise of its own; the last is questioned."""
    rng = np.random.default_rng(0)
    pattern = rng.integers(40, 216, (HEIGHT, WIDTH, 3))
    pixels = np.stack([pattern + rng.integers(-40, 40, pattern.shape) for _ in range(PHOTOS + 1)]).astype(np.uint8)
    shape = (PHOTOS + 1, HEIGHT, WIDTH)
    return RegisteredPhotos(pixels, np.ones(shape, np.uint8), np.zeros(shape, np.uint8))


def at_half(features: PatchFeatures, pixels: np.ndarray) -> np.ndarray:
    return features(cv2.resize(pixels, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA))


def enlarged(values: np.ndarray) -> np.ndarray:
    return cv2.resize(values.astype(np.float32), (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_LINEAR)


def test_patchcore_is_the_distance_to_the_nearest_patch_anywhere(
    features: PatchFeatures, photos: RegisteredPhotos
) -> None:
    own = at_half(features, photos.pixels[PHOTOS])
    known = [at_half(features, photos.pixels[one]) for one in range(PHOTOS)]
    nearest = np.zeros(own.shape[1:])
    for row, column in np.ndindex(nearest.shape):
        nearest[row, column] = min(
            np.linalg.norm(own[:, row, column] - other[:, r, c])
            for other, (r, c) in product(known, np.ndindex(nearest.shape))
        )
    witness = PatchCore(features)
    found = witness.map(photos.pixels[PHOTOS], photos.covered_by(PHOTOS), witness.keep(photos, range(PHOTOS)))
    assert found.values == pytest.approx(enlarged(nearest), abs=0.02)


def test_padim_is_the_mahalanobis_distance_at_a_place(features: PatchFeatures, photos: RegisteredPhotos) -> None:
    own = at_half(features, photos.pixels[PHOTOS])
    known = np.stack([at_half(features, photos.pixels[one]) for one in range(PHOTOS)])
    distances = np.zeros(own.shape[1:])
    for row, column in np.ndindex(distances.shape):
        there = known[:, :, row, column].astype(np.float64)
        covariance = np.cov(there, rowvar=False) + 0.01 * np.eye(there.shape[1])
        away = own[:, row, column] - there.mean(axis=0)
        distances[row, column] = np.sqrt(away @ np.linalg.inv(covariance) @ away)
    witness = PaDiM(features)
    found = witness.map(photos.pixels[PHOTOS], photos.covered_by(PHOTOS), witness.keep(photos, range(PHOTOS)))
    assert found.values == pytest.approx(enlarged(distances), rel=1e-3)
