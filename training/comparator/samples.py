"""Registered photos as a comparator's training draws them: squares of photo and reference, with what is altered."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from inference.reference.cells import partly, wholly
from inference.reference.channels import beside
from training.comparator.settings import ComparatorSettings
from training.data.key_area_warps import warp_key_areas
from training.data.registered import Mask, Pixels, RegisteredHouse
from training.data.variations import vary_registered
from training.fitting.fit import derive_seed

Plane = NDArray[np.float32]
_AROUND_ALTERED = 0.7
_CHANGED = 12
"""Levels by which a warp changes a pixel that counts as altered."""


class TrainingCrops(Dataset[dict[str, Tensor]]):
    """Squares of registered photos; (epoch, index) decides all randomness of a sample.

    Each is stacked with a reference of other genuine photos of its house, as many as an examiner may hold.
    """

    def __init__(self, houses: Sequence[RegisteredHouse], settings: ComparatorSettings) -> None:
        self._settings = settings
        self._listed = [(house, photo) for house in houses for photo in range(len(house.items))]

    def __len__(self) -> int:
        return len(self._listed)

    def __getitem__(self, drawn: tuple[int, int]) -> dict[str, Tensor]:
        """One square: `image` (3, S, S), and `altered` and `covered` (S / 4, S / 4), bool."""
        epoch, index = drawn
        settings = self._settings
        rng = np.random.default_rng(derive_seed(settings.fit.seed, epoch, index))
        house, photo = self._listed[index]
        pixels, altered, covered = house.photos.pixels[photo], house.altered(photo), house.photos.covered_by(photo)
        genuine_edges = house.photos.mean_edges(self._enrolled(house, photo, rng))
        if house.genuine[photo] and rng.random() < settings.warped_share:
            warped = warp_key_areas(pixels, genuine_edges, settings.warps, rng)
            pixels, altered = warped, changed(pixels, warped)
        if settings.augment:
            pixels = vary_registered(pixels, torch.Generator().manual_seed(int(rng.integers(2**31))))
        image = beside(pixels, covered, genuine_edges)
        if settings.augment:
            image, altered, covered = _turned(image, altered, covered, rng)
        top, left = _corner(altered, covered, settings.view, rng)
        return {
            "image": torch.from_numpy(_square(image, top, left, settings.view)),
            "altered": torch.from_numpy(partly(_square(altered[None], top, left, settings.view)[0])),
            "covered": torch.from_numpy(wholly(_square(covered[None], top, left, settings.view)[0])),
        }

    def _enrolled(self, house: RegisteredHouse, photo: int, rng: np.random.Generator) -> list[int]:
        """Genuine photos of other items than a photo's own."""
        others = [index for index in house.genuine_photos if house.items[index] != house.items[photo]]
        most = min(self._settings.most_enrolled, len(others))
        count = int(rng.integers(min(self._settings.least_enrolled, most), most + 1))
        return rng.permutation(others)[:count].tolist()


def changed(before: Pixels, after: Pixels) -> Mask:
    """Where a disturbance shows, bool (h, w), with the gaps inside it closed."""
    apart = np.abs(before.astype(np.int16) - after.astype(np.int16)).max(axis=2) > _CHANGED
    closing = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    return cv2.morphologyEx(apart.astype(np.uint8), cv2.MORPH_CLOSE, closing) > 0


def _turned(image: Plane, altered: Mask, covered: Mask, rng: np.random.Generator) -> tuple[Plane, Mask, Mask]:
    """Photo and reference together, mirrored and turned by half or not: lettering that no house has."""
    for axis in (1, 2):
        if rng.random() < 0.5:
            image = np.flip(image, axis)
            altered, covered = np.flip(altered, axis - 1), np.flip(covered, axis - 1)
    return image, altered, covered


def _corner(altered: Mask, covered: Mask, side: int, rng: np.random.Generator) -> tuple[int, int]:
    """Top and left of a square: around an altered point mostly, else around any that the photo covers."""
    places = altered if altered.any() and rng.random() < _AROUND_ALTERED else covered
    rows, columns = np.nonzero(places)
    if not len(rows):
        return 0, 0
    point = int(rng.integers(len(rows)))
    corner = []
    for middle, length in ((rows[point], altered.shape[0]), (columns[point], altered.shape[1])):
        start = int(middle - side * rng.uniform(0.15, 0.85))
        corner.append(int(np.clip(start, min(0, length - side), max(0, length - side))))
    return corner[0], corner[1]


def _square(planes: NDArray[np.generic], top: int, left: int, side: int) -> NDArray[np.generic]:
    """A square (c, side, side) of planes (c, h, w); 0 or False where it reaches beyond them."""
    out = np.zeros((len(planes), side, side), planes.dtype)
    height, width = planes.shape[1:]
    rows, columns = slice(max(top, 0), min(top + side, height)), slice(max(left, 0), min(left + side, width))
    into = out[:, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    into[...] = planes[:, rows, columns]
    return out
