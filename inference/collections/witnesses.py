"""The two witnesses of a collection: what a comparator sees, and what a memory of frozen patches does not know.

Each keeps something of the genuine photos and judges another photo by it, so that a collection needs no picture of
them. The comparator sees shape: letters, spacing, outlines. The memory sees what else is unlike the genuine photos:
colour, print, texture, damage. Each makes a map of its own, and tells of it what genuine photos do not usually show.

Source of the memory: PatchCore, K. Roth et al.: Towards total recall in industrial anomaly detection, 2022; here a
registered photo is searched near the same place only, and the memory is not thinned, since a collection is small.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol, get_args

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inference.collections.registered_photos import RegisteredPhotos
from inference.models.engines.engine import Engine, Run
from inference.networks.backbones import Backbone
from inference.networks.comparator import most_altered
from inference.preprocessing import Preprocessing
from inference.records import WitnessName, require
from inference.reference import channels
from inference.reference.cells import wholly
from inference.reference.features import CELL
from inference.reference.geometry import Pixels

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

WITNESSES: tuple[WitnessName, ...] = get_args(WitnessName)

_STRIDE = 32
_REMEMBERED = 128
"""Photos whose features are remembered, so that those of a collection are made once while it is enrolled."""
_LEANS_ON = 0.5
"""Photos as which the spread of all cells counts beside what is seen in one; chosen on validation houses."""
_NEIGHBOURS = (3, 3)
_REACH = 2
"""Cells of an eighth of the frame by which a patch may lie elsewhere in a genuine photo: the error of registration."""


@dataclass(frozen=True)
class Usual:
    """What a witness usually sees on genuine photos, cell by cell.

    Attributes:
        mean: Mean of their maps, float32 (h, w); 0 at cells that none covers.
        spread: Their standard deviation, float32 (h, w), > 0.
    """

    mean: Plane = field(repr=False)
    spread: Plane = field(repr=False)

    def __post_init__(self) -> None:
        require(self.mean.shape == self.spread.shape, "what is usual is a mean and a spread of each cell")
        require(bool((self.spread > 0).all()), "a spread is above 0")


@dataclass(frozen=True)
class DeviationMap:
    """What a witness sees of one photo.

    Attributes:
        values: How far each cell deviates from genuine ones, float32 (h, w); a cell is 4 pixels of the frame. Log odds
            in nats, or a distance of features; or standard deviations of genuine photos.
        covered: Cells that the photo covers wholly, bool (h, w).
    """

    values: Plane
    covered: Mask

    def __post_init__(self) -> None:
        require(self.values.shape == self.covered.shape, "a map says of each of its cells whether it is covered")

    def beyond(self, usual: Usual) -> DeviationMap:
        """The map less what genuine photos usually show, in their standard deviations, cell by cell."""
        return DeviationMap((self.values - usual.mean) / usual.spread, self.covered)

    @property
    def score(self) -> float:
        """The mean of the most deviating hundredth of the covered cells; of a photo that covers none, of all."""
        seen = self.covered if self.covered.any() else np.ones_like(self.covered)
        return float(most_altered(torch.from_numpy(self.values)[None], torch.from_numpy(seen)[None])[0])


Kept = Mapping[str, NDArray[Any]]
"""What a witness keeps of genuine photos, as a file holds it."""


class Witness(Protocol):
    """What judges a registered photo by what it keeps of genuine ones."""

    def keep(self, photos: RegisteredPhotos, chosen: Sequence[int]) -> Kept:
        """What it keeps of the chosen photos, at least one."""
        ...

    def map(self, pixels: Pixels, covered: Mask, kept: Kept) -> DeviationMap:
        """How far each cell of a photo (H, W, 3), which covers points (H, W) of the frame, deviates from them."""
        ...


def beside(witness: Witness, photos: RegisteredPhotos, photo: int, others: Sequence[int]) -> DeviationMap:
    """The map of a photo beside some of the others."""
    return witness.map(photos.pixels[photo], photos.covered_by(photo), witness.keep(photos, others))


class ComparatorWitness:
    """What a comparator sees: log odds that each cell is altered.

    Args:
        engine: Runs the comparator, in evaluation mode, to its maps of log odds.
        device: Where it runs.
    """

    def __init__(self, engine: Engine, device: str = "cpu") -> None:
        self._engine = engine
        self._device = device

    def keep(self, photos: RegisteredPhotos, chosen: Sequence[int]) -> Kept:
        """Their mean edges."""
        return {"edges": photos.mean_edges(chosen).astype(np.float16)}

    def map(self, pixels: Pixels, covered: Mask, kept: Kept) -> DeviationMap:
        """Log odds in nats."""
        stack = channels.beside(pixels, covered, kept["edges"].astype(np.float32))
        height, width = covered.shape
        image = torch.from_numpy(_padded(stack))[None].to(self._device, memory_format=torch.channels_last)
        (maps,) = self._engine.features(image)
        log_odds = maps[0].float().cpu().numpy()
        return DeviationMap(np.ascontiguousarray(log_odds[: height // CELL, : width // CELL]), wholly(covered))


def patch_levels(backbone: Backbone) -> Run:
    """The pass of a backbone to the feature maps in which patches are compared: an eighth and a sixteenth."""
    return lambda images: backbone.levels(images)[:2]


class PatchFeatures:
    """Features of patches by a frozen ImageNet network.

    Args:
        engine: Runs `patch_levels` of the network, in evaluation mode.
        preprocessing: Of its input.
    """

    def __init__(self, engine: Engine, preprocessing: Preprocessing) -> None:
        self._engine = engine
        self._preprocessing = preprocessing

    def __call__(self, registered: Pixels) -> Plane:
        """Unit features of each eighth of a registered photo, uint8 (H, W, 3), with their neighbours: (C, h, w)."""
        height, width = (side // (2 * CELL) for side in registered.shape[:2])
        stack = self._preprocessing.normalised(registered)
        finer, coarser = self._engine.features(torch.from_numpy(_padded(stack))[None])
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


class RememberedFeatures:
    """Features of patches, those of the latest photos kept to eleven bits. Threads may share it."""

    def __init__(self, features: PatchFeatures) -> None:
        self._features = features
        self._remembered: OrderedDict[bytes, NDArray[np.float16]] = OrderedDict()
        self._lock = Lock()

    def __call__(self, pixels: Pixels) -> NDArray[np.float16]:
        """Of a photo, uint8 (H, W, 3): (C, h, w)."""
        picture = hashlib.sha256(pixels.tobytes()).digest()
        with self._lock:
            if picture not in self._remembered:
                self._remembered[picture] = self._features(pixels).astype(np.float16)
                while len(self._remembered) > _REMEMBERED:
                    self._remembered.popitem(last=False)
            return self._remembered[picture]


class PatchWitness:
    """What a memory of the genuine photos' patches does not know. Threads may share it."""

    def __init__(self, features: PatchFeatures) -> None:
        self._features = RememberedFeatures(features)

    def keep(self, photos: RegisteredPhotos, chosen: Sequence[int]) -> Kept:
        """Features of each photo, (n, C, h, w), and the patches that it covers wholly, (n, h, w)."""
        return {
            "features": np.stack([self._features(photos.pixels[photo]) for photo in chosen]),
            "covered": np.stack([patches_in(photos.covered_by(photo)) for photo in chosen]),
        }

    def map(self, pixels: Pixels, covered: Mask, kept: Kept) -> DeviationMap:
        """Distances of features of unit length, 0 to 2."""
        memory = PatchMemory(kept["features"].astype(np.float32), kept["covered"])
        return memory.map(self._features(pixels).astype(np.float32), covered)


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


def usual_of(maps: Sequence[DeviationMap]) -> Usual:
    """What genuine photos show, cell by cell.

    Few photos say little of the spread in one cell, so that it leans on the neighbours' and on that of all cells.

    Args:
        maps: Of genuine photos, each beside the others; at least one.
    """
    seen = np.stack([one.covered for one in maps])
    values = np.where(seen, np.stack([one.values for one in maps]), 0)
    count = seen.sum(axis=0)
    mean = values.sum(axis=0) / np.maximum(count, 1)
    squares = np.where(seen, np.square(values - mean), 0).sum(axis=0)
    freedom = np.maximum(count - 1, 0).astype(np.float64)
    everywhere = squares.sum() / max(freedom.sum(), 1)
    # Photos that are all alike say nothing of a spread; it is 1 then.
    usual = _LEANS_ON * (everywhere or 1.0)
    around, of = (cv2.blur(one, _NEIGHBOURS) for one in (squares.astype(np.float64), freedom))
    spread = np.sqrt((usual + around) / (_LEANS_ON + of))
    return Usual(mean.astype(np.float32), spread.astype(np.float32))


def both_witnesses(comparator: Engine, patches: PatchFeatures, device: str = "cpu") -> dict[WitnessName, Witness]:
    """The witnesses of a collection: what runs a comparator on its device, and a memory of patches."""
    return {"comparator": ComparatorWitness(comparator, device), "patches": PatchWitness(patches)}
