"""What judges a photo beside genuine ones of its house: a collection's witnesses, and what they are held against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.collections.registered_photos import RegisteredPhotos
from inference.collections.witnesses import (
    DeviationMap,
    Kept,
    Mask,
    PatchFeatures,
    Plane,
    RememberedFeatures,
    Witness,
    both_witnesses,
)
from inference.models.engines.engine import TorchEngine
from inference.networks.comparator import Comparator
from inference.planes import Planes
from inference.reference.cells import wholly
from inference.reference.difference import deviation_from
from inference.reference.edges import edge_strength, tolerant
from inference.reference.geometry import Pixels
from inference.scope.measures import blur
from training.fitting.pretrained import frozen_patches


def collection_witnesses(network: Comparator, device: str = "cpu") -> dict[str, Witness]:
    """Those of a collection, the memory of patches by the frozen network that is shipped."""
    return {
        str(name): witness for name, witness in both_witnesses(TorchEngine(network), frozen_patches(), device).items()
    }


def witnesses_of(network: Comparator, device: str = "cpu") -> dict[str, Witness]:
    """Those of a collection, two published ones on the same frozen features, edges alone, and blur alone."""
    frozen = frozen_patches()
    return collection_witnesses(network, device) | {
        "PatchCore": PatchCore(frozen),
        "PaDiM": PaDiM(frozen),
        "edges alone": EdgesAlone(),
        "blur alone": BlurAlone(),
    }


class _SmallFeatures:
    """Features of patches of a photo at half its size, as anomalib looks at pictures: an eighth of 224 pixels."""

    def __init__(self, features: PatchFeatures) -> None:
        self._features = RememberedFeatures(features)

    def of(self, photos: RegisteredPhotos, chosen: Sequence[int]) -> Plane:
        """Of each photo, (n, C, h, w)."""
        return np.stack([self(photos.pixels[photo]) for photo in chosen])

    def __call__(self, pixels: Pixels) -> Plane:
        """Of a registered photo (H, W, 3): (C, h, w)."""
        half = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        return self._features(np.asarray(half, np.uint8)).astype(np.float32)


class PatchCore:
    """How far each patch lies from the nearest of any genuine photo, wherever it is: no registration is needed.

    Source: K. Roth et al.: Towards total recall in industrial anomaly detection, 2022; the memory is not thinned, since
    few photos make it.
    """

    def __init__(self, features: PatchFeatures) -> None:
        self._features = _SmallFeatures(features)

    def keep(self, photos: RegisteredPhotos, chosen: Sequence[int]) -> Kept:
        """Every patch, (N, C)."""
        every = self._features.of(photos, chosen)
        return {"patches": every.transpose(0, 2, 3, 1).reshape(-1, every.shape[1])}

    def map(self, pixels: Pixels, covered: Mask, kept: Kept) -> DeviationMap:
        """Distances of features of unit length, 0 to 2."""
        own = self._features(pixels)
        nearest = (own.reshape(len(own), -1).T @ kept["patches"].T).max(axis=1)
        return _by_cell(np.sqrt(np.maximum(2 - 2 * nearest, 0)).reshape(own.shape[1:]), covered)


class PaDiM:
    """How far each patch lies from those of genuine photos at its place, by their mean and covariance.

    Source: T. Defard et al.: PaDiM, a patch distribution modeling framework for anomaly detection and localization,
    2021, with its regularisation of .01 and all features in place of some drawn at random.
    """

    regularisation = 0.01

    def __init__(self, features: PatchFeatures) -> None:
        self._features = _SmallFeatures(features)

    def keep(self, photos: RegisteredPhotos, chosen: Sequence[int]) -> Kept:
        """Features at each place, (h, w, n, C)."""
        return {"features": self._features.of(photos, chosen).transpose(2, 3, 0, 1)}

    def map(self, pixels: Pixels, covered: Mask, kept: Kept) -> DeviationMap:
        """Mahalanobis distances; the covariance is inverted by Woodbury's identity, in the space of the photos."""
        genuine = kept["features"].astype(np.float64)
        mean = genuine.mean(axis=2)
        away = self._features(pixels).transpose(1, 2, 0) - mean
        centred = genuine - mean[:, :, None]
        photos = centred.shape[2]
        inner = centred @ centred.swapaxes(2, 3) + self.regularisation * max(photos - 1, 1) * np.eye(photos)
        projected = centred @ away[..., None]
        explained = (projected * np.linalg.solve(inner, projected)).sum(axis=(2, 3))
        squared = (np.square(away).sum(axis=2) - explained) / self.regularisation
        return _by_cell(np.sqrt(np.maximum(squared, 0)), covered)


class EdgesAlone:
    """How far edges lie from the genuine ones, in their standard deviations, without any network."""

    def keep(self, photos: RegisteredPhotos, chosen: Sequence[int]) -> Kept:
        """Mean and standard deviation of their edges."""
        spread = np.std([photos.edges_of(one) for one in chosen], axis=0, dtype=np.float32)
        return {"mean": photos.mean_edges(chosen), "spread": spread}

    def map(self, pixels: Pixels, covered: Mask, kept: Kept) -> DeviationMap:
        """Standard deviations."""
        edges = np.clip(tolerant(edge_strength(pixels)) * covered, 0, 1)
        away = deviation_from(edges, kept["mean"], kept["spread"])
        return _by_cell(away, covered, cv2.INTER_AREA)


class BlurAlone:
    """How blurred a photo is: where this tells counterfeits, a set tells them by its photography."""

    def keep(self, photos: RegisteredPhotos, chosen: Sequence[int]) -> Kept:
        """Nothing."""
        del photos, chosen
        return {}

    def map(self, pixels: Pixels, covered: Mask, kept: Kept) -> DeviationMap:
        """Blur, 0 to 1, the same everywhere."""
        del kept
        return _by_cell(np.full((1, 1), blur(Planes(pixels))), covered)


def _by_cell(values: NDArray[Any], covered: Mask, interpolation: int = cv2.INTER_LINEAR) -> DeviationMap:
    """A map of any size (h, w) with a value for each cell."""
    cells = wholly(covered)
    enlarged = cv2.resize(values.astype(np.float32), cells.shape[::-1], interpolation=interpolation)
    return DeviationMap(np.asarray(enlarged, np.float32), cells)
