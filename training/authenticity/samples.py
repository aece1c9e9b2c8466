"""Which photos a training draws, and which of them with disturbed key areas. Source: KAG-MTLN paper, section 3.1."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from inference.preprocessing import resize
from training.authenticity.settings import AuthenticitySettings
from training.authenticity.views import RegisteredView
from training.data.kag import disturb, on_grid
from training.data.key_area_warps import WarpSettings, warp_key_areas
from training.data.photos.photo import Photo, PhotoSet
from training.fitting.fit import derive_seed
from training.fitting.fusion_loss import UNLABELLED

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]


def training_share(photos: PhotoSet, share: float) -> PhotoSet:
    """The set with a share of the training items of each class, at least one; a larger share contains a smaller one."""
    if share == 1:
        return photos
    items: dict[str, list[str]] = {}
    for photo in photos.of("train"):
        items.setdefault(photo.class_name, []).append(photo.item)
    kept = set()
    for name, listed in items.items():
        # By hash, so that the order of the items does not decide which are kept.
        ordered = sorted({*listed}, key=lambda item: hashlib.sha256(item.encode()).digest())
        kept |= {(name, item) for item in ordered[: max(1, round(len(ordered) * share))]}
    chosen = tuple(p for p in photos.photos if p.split != "train" or (p.class_name, p.item) in kept)
    rule = f"{photos.split_rule} Of the training items {share:.0%} of each class were used."
    return replace(photos, photos=chosen, split_rule=rule)


def genuine_training(photos: PhotoSet) -> PhotoSet:
    """The set without its counterfeits in training; they stay in validation and test."""
    kept = tuple(photo for photo in photos.photos if photo.split != "train" or photo.label == "genuine")
    return replace(photos, photos=kept, split_rule=f"{photos.split_rule} Counterfeits were left out of training.")


@dataclass(frozen=True)
class Draw:
    """What becomes of a photo when it is drawn.

    Attributes:
        index: The photo.
        generator: Decides all that is random from here on.
        swapped: Whether KAG swaps its patches.
        warped: Whether its key areas are warped.
        label: Its main class, or `UNLABELLED`.
    """

    index: int
    generator: torch.Generator
    swapped: bool
    warped: bool
    label: int

    @property
    def disturbed(self) -> bool:
        """Whether its key areas are disturbed in either way."""
        return self.swapped or self.warped

    def warp(self, pixels: Pixels, edges: Plane, warps: WarpSettings) -> Pixels:
        """The photo, uint8 (h, w, 3), with one or two key areas warped; `edges` (h, w) locate them."""
        rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=self.generator)))
        return warp_key_areas(pixels, edges, warps, rng)


class Draws:
    """Which training photos are disturbed, and what they then count as; (epoch, index) decides all of it."""

    def __init__(self, photos: PhotoSet, settings: AuthenticitySettings) -> None:
        self.photos = photos.of("train")
        self._classes = photos.classes
        self._settings = settings

    def __call__(self, epoch: int, index: int) -> Draw:
        """A photo in an epoch."""
        settings, photo = self._settings, self.photos[index]
        generator = torch.Generator().manual_seed(derive_seed(settings.fit.seed, epoch, index))
        swapped = bool(torch.rand(1, generator=generator) < settings.disturbed_share)
        warped = bool(torch.rand(1, generator=generator) < settings.warped_share) and photo.label == "genuine"
        warped = warped and not swapped
        return Draw(index, generator, swapped, warped, self._label(photo, swapped or warped))

    def _label(self, photo: Photo, disturbed: bool) -> int:
        if not disturbed:
            return self._classes.index(photo.class_name)
        known = self._settings.disturbed_are_counterfeits
        return self._classes.index(f"{photo.series}/counterfeit") if known else UNLABELLED


class RegisteredSamples(Dataset[dict[str, Tensor]]):
    """Registered photos beside their references as they are drawn in training, one by one.

    Photos are read once and kept as pixels. Then they are disturbed, and then the network's input is made.
    """

    def __init__(self, photos: PhotoSet, settings: AuthenticitySettings, how: RegisteredView) -> None:
        self._draws = Draws(photos, settings)
        self._settings = settings
        self._how = how
        self._seen = how.read(self._draws.photos)

    def __len__(self) -> int:
        return len(self._seen)

    def __getitem__(self, drawn: tuple[int, int]) -> dict[str, Tensor]:
        """One sample: `image` (3, H, W), its main class `label`, and `disturbed` (0 or 1)."""
        draw, settings, seen = self._draws(*drawn), self._settings, self._seen[drawn[1]]
        pixels = seen.pixels
        if draw.swapped:
            pixels = disturb(pixels, settings.segment_degree, draw.generator)
        elif draw.warped:
            pixels = draw.warp(pixels, self._how.key_edges(seen), settings.warps)
        if settings.disturbed_share > 0 and not draw.swapped:
            # KAG's grid costs a little sharpness, which must not give disturbed photos away.
            pixels = on_grid(pixels, settings.segment_degree)
        pixels = resize(pixels, seen.pixels.shape[1], seen.pixels.shape[0])
        return {
            "image": self._how.tensor(seen, pixels, draw.generator if settings.augment else None),
            "label": torch.tensor(draw.label),
            "disturbed": torch.tensor(int(draw.disturbed)),
        }


def class_weights(photos: PhotoSet, settings: AuthenticitySettings) -> Tensor:
    """Weights (classes,) that give all classes equal influence, although disturbed photos may be counterfeits.

    A weight is the inverse of the expected frequency of its class; their mean is 1.
    """
    drawn = dict.fromkeys(photos.classes, 0.0)
    for photo in photos.of("train"):
        intact = (1 - settings.disturbed_share) * (1 - settings.warped_share if photo.label == "genuine" else 1)
        drawn[photo.class_name] += intact
        if settings.disturbed_are_counterfeits:
            drawn[f"{photo.series}/counterfeit"] += 1 - intact
    inverse = 1 / torch.tensor([drawn[name] for name in photos.classes]).clamp(min=1)
    return inverse / inverse.mean()
