"""The two witnesses of a collection: what a comparator sees, and what a memory of frozen patches does not know.

The comparator sees shape: letters, spacing, outlines. The memory sees what else is unlike the genuine photos: colour,
print, texture, damage. Each makes a map of its own, and what genuine photos usually show is taken off it.

Source of the memory: PatchCore, K. Roth et al.: Towards total recall in industrial anomaly detection, 2022; here a
registered photo is searched near the same place only, and the memory is not thinned, since a collection is small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inference.collections.registered_photos import RegisteredPhotos
from inference.networks.backbones import Backbone
from inference.networks.comparator import Comparator, most_altered
from inference.preprocessing import Preprocessing
from inference.records import require
from inference.reference.cells import wholly
from inference.reference.channels import beside
from inference.reference.features import CELL
from inference.reference.geometry import Pixels

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

_STRIDE = 32
_KEPT = 256
"""Photos whose patches are kept: more than a collection has."""
_REACH = 2
"""Cells of an eighth of the frame by which a patch may lie elsewhere in a genuine photo: the error of registration."""


@dataclass(frozen=True)
class DeviationMap:
    """What a witness sees of one photo.

    Attributes:
        values: How far each cell deviates from genuine ones, float32 (h, w); a cell is 4 pixels of the frame. Log odds
            in nats, or a distance of features.
        covered: Cells that the photo covers wholly, bool (h, w).
    """

    values: Plane
    covered: Mask

    def __post_init__(self) -> None:
        require(self.values.shape == self.covered.shape, "a map says of each of its cells whether it is covered")

    def less(self, usual: Plane) -> DeviationMap:
        """The map less what genuine photos usually show, float32 (h, w)."""
        return DeviationMap(self.values - usual, self.covered)

    @property
    def score(self) -> float:
        """The mean of the most deviating hundredth of the covered cells; of a photo that covers none, of all."""
        seen = self.covered if self.covered.any() else np.ones_like(self.covered)
        return float(most_altered(torch.from_numpy(self.values)[None], torch.from_numpy(seen)[None])[0])


def alteration_map(network: Comparator, stack: Plane, covered: Mask, device: str = "cpu") -> DeviationMap:
    """The comparator's map of one photo: log odds that each cell is altered.

    Args:
        network: The comparator, in evaluation mode.
        stack: The photo beside its reference, float32 (3, H, W), see `channels.beside`.
        covered: Points that the photo covers, bool (H, W).
        device: Device of the network.
    """
    height, width = covered.shape
    with torch.no_grad():
        image = torch.from_numpy(_padded(stack))[None].to(device, memory_format=torch.channels_last)
        log_odds = network(image)[0].float().cpu().numpy()
    return DeviationMap(np.ascontiguousarray(log_odds[: height // CELL, : width // CELL]), wholly(covered))


class PatchFeatures:
    """Features of patches by a frozen ImageNet network.

    Args:
        backbone: The network, in evaluation mode.
        preprocessing: Of its input.
    """

    def __init__(self, backbone: Backbone, preprocessing: Preprocessing) -> None:
        self._backbone = backbone
        self._preprocessing = preprocessing

    def __call__(self, registered: Pixels) -> Plane:
        """Unit features of each eighth of a registered photo, uint8 (H, W, 3), with their neighbours: (C, h, w)."""
        height, width = (side // (2 * CELL) for side in registered.shape[:2])
        stack = self._preprocessing.normalised(registered)
        with torch.no_grad():
            finer, coarser = self._backbone.levels(torch.from_numpy(_padded(stack))[None])[:2]
            coarser = functional.interpolate(coarser, size=finer.shape[-2:], mode="bilinear", align_corners=False)
            joined = torch.cat([functional.normalize(_with_neighbours(one)) for one in (finer, coarser)], dim=1)
        return np.ascontiguousarray((joined[0, :, :height, :width] / 2**0.5).numpy())


def _with_neighbours(features: Tensor) -> Tensor:
    return functional.avg_pool2d(features, 3, stride=1, padding=1, count_include_pad=False)


def _padded(stack: Plane) -> Plane:
    """A stack (3, H, W) with sides that are multiples of a network's stride; 0 where it was added."""
    height, width = stack.shape[1:]
    padded = np.zeros((3, -(-height // _STRIDE) * _STRIDE, -(-width // _STRIDE) * _STRIDE), np.float32)
    padded[:, :height, :width] = stack
    return padded


@dataclass(frozen=True)
class PatchMemory:
    """The patches of genuine photos, place by place.

    Attributes:
        features: Of each photo, float32 (n, C, h, w), of unit length.
        covered: Which of them a photo covers wholly, bool (n, h, w).
    """

    features: Plane = field(repr=False)
    covered: Mask = field(repr=False)

    def __post_init__(self) -> None:
        require(self.features.ndim == 4 and len(self.features) >= 1, "a memory holds the patches of a photo or more")
        require(self.features[:, 0].shape == self.covered.shape, "a memory says of each patch whether it is covered")

    @classmethod
    def of(cls, photos: Sequence[tuple[Plane, Mask]]) -> PatchMemory:
        """From the features of photos, each with the points that it covers, bool (H, W)."""
        return cls(np.stack([one for one, _ in photos]), np.stack([patches_in(seen) for _, seen in photos]))

    def map(self, features: Plane, covered: Mask) -> DeviationMap:
        """How far each patch of a photo lies from the nearest near the same place in any genuine photo, 0 to 2.

        Args:
            features: The photo's, (C, h, w).
            covered: Points that it covers, bool (H, W).
        """
        _, height, width = features.shape
        nearest = np.full((height, width), -np.inf, np.float32)
        for own, seen in zip(self.features, self.covered, strict=True):
            around = np.pad(own, ((0, 0), (_REACH, _REACH), (_REACH, _REACH)))
            known = np.pad(seen, _REACH)
            for down in range(2 * _REACH + 1):
                for across in range(2 * _REACH + 1):
                    near = slice(down, down + height), slice(across, across + width)
                    similarity = np.einsum("chw,chw->hw", features, around[(slice(None), *near)])
                    nearest = np.maximum(nearest, np.where(known[near], similarity, -np.inf))
        # What no genuine photo shows near a place says nothing there.
        away = np.sqrt(np.maximum(2 - 2 * np.where(np.isfinite(nearest), nearest, 1), 0)).astype(np.float32)
        cells = wholly(covered)
        return DeviationMap(cv2.resize(away, cells.shape[::-1], interpolation=cv2.INTER_LINEAR), cells)


def patches_in(covered: Mask) -> Mask:
    """The patches (h / 8, w / 8) of a frame that a photo covers wholly, from the points that it covers (h, w)."""
    return wholly(covered, side=2 * CELL)


Witness = Callable[[RegisteredPhotos, int, Sequence[int]], DeviationMap]
"""The map of a photo beside some of the others, its reference."""


def comparator_witness(network: Comparator, device: str = "cpu") -> Witness:
    """What a comparator, in evaluation mode, sees."""

    def seen(photos: RegisteredPhotos, photo: int, reference: Sequence[int]) -> DeviationMap:
        covered = photos.covered_by(photo)
        stack = beside(photos.pixels[photo], covered, photos.mean_edges(reference))
        return alteration_map(network, stack, covered, device)

    return seen


def patch_witness(features: PatchFeatures) -> Witness:
    """What a memory of the reference's patches does not know."""

    @lru_cache(_KEPT)
    def of(photos: RegisteredPhotos, photo: int) -> Plane:
        return features(photos.pixels[photo])

    def seen(photos: RegisteredPhotos, photo: int, reference: Sequence[int]) -> DeviationMap:
        memory = PatchMemory.of([(of(photos, one), photos.covered_by(one)) for one in reference])
        return memory.map(of(photos, photo), photos.covered_by(photo))

    return seen


def usual_map(maps: Sequence[DeviationMap]) -> Plane:
    """What genuine photos show on average, cell by cell, float32 (h, w); 0 at cells that none covers.

    Args:
        maps: Of genuine photos, each beside the others; at least one.
    """
    seen = np.stack([one.covered for one in maps])
    total = np.where(seen, np.stack([one.values for one in maps]), 0).sum(axis=0)
    return np.asarray(total / np.maximum(seen.sum(axis=0), 1), np.float32)
