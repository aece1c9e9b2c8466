"""Photos of many houses, each registered to a genuine reference of its house, once and for all runs.

Registration takes most of a second a photo, and training looks at each photo many times. So what is registered is kept
in a folder, one file a house, and read when it is used.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from tqdm import tqdm

from inference.collections.registered_photos import LEAST_AGREEMENT, RegisteredPhotos
from inference.files import write_whole
from inference.intake.exhibit import read_exhibit
from inference.models.provenance import hash_of_findings_code
from inference.records import Refusal
from inference.reference import building
from inference.reference.building import build_reference
from inference.reference.registration import register
from training.data.photos.photo import Photo
from training.data.processes import worker_processes

logger = logging.getLogger(__name__)

HOUSE_CACHE = Path.home() / ".cache" / "assay" / "houses"
REFERENCE_PHOTOS = 8
"""Genuine photos that give a house its frame."""

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RegisteredHouse:
    """The photos of a house that fit its reference, in the reference's frame.

    Attributes:
        name: The house.
        genuine: Which photos are genuine, bool (n,).
        items: The item of each photo.
        severities: The severity of each photo's alterations; empty for genuine ones.
        left_out: Photos that did not fit.
        file: Where the pictures are.
    """

    name: str
    genuine: Mask
    items: tuple[str, ...]
    severities: tuple[str, ...]
    left_out: int
    file: Path

    @cached_property
    def photos(self) -> RegisteredPhotos:
        """The photos."""
        with safe_open(self.file, "numpy") as opened:
            return RegisteredPhotos(*(opened.get_tensor(key) for key in ("pixels", "covered", "edges")))

    @cached_property
    def _altered(self) -> NDArray[np.uint8]:
        with safe_open(self.file, "numpy") as opened:
            return opened.get_tensor("altered")

    def altered(self, photo: int) -> Mask:
        """Where a counterfeit is altered, bool (h, w); nowhere for a genuine photo."""
        return self._altered[photo] > 0

    @property
    def genuine_photos(self) -> list[int]:
        """The genuine photos."""
        return np.flatnonzero(self.genuine).tolist()

    def one_of_each_item(self, *, genuine: bool) -> list[int]:
        """The first photo of each genuine item, or of each counterfeit: photos of one item are not independent."""
        chosen = np.flatnonzero(self.genuine == genuine).tolist()
        return sorted({self.items[photo]: photo for photo in reversed(chosen)}.values())


def register_houses(photos: Sequence[Photo], long_side: int, folder: Path = HOUSE_CACHE) -> list[RegisteredHouse]:
    """The houses whose photos fit each other; the others are named in the log.

    Args:
        photos: Photos of any houses; a house is a series.
        long_side: Long side of the frames in pixels.
        folder: Folder that keeps what is registered.
    """
    by_house: dict[str, list[Photo]] = {}
    for photo in photos:
        by_house.setdefault(photo.series, []).append(photo)
    with worker_processes() as pool:
        found = pool.map(_registered_once, by_house, by_house.values(), repeat(long_side), repeat(folder))
        houses = [*tqdm(found, "registering houses", total=len(by_house), unit="house", leave=False)]
    kept = [house for house in houses if house is not None]
    if len(kept) < len(houses):
        logger.info(
            "%d of %d houses are left out: their photos do not fit each other", len(houses) - len(kept), len(houses)
        )
    strays = sum(house.left_out for house in kept)
    if strays:
        logger.info("%d photos are left out: they do not fit the genuine reference of their house", strays)
    return kept


def _registered_once(name: str, photos: Sequence[Photo], long_side: int, folder: Path) -> RegisteredHouse | None:
    of = json.dumps([_registration_code(), long_side, [photo.sha256 for photo in photos]])
    kept = folder / f"{hashlib.sha256(of.encode()).hexdigest()[:24]}.safetensors"
    if not kept.exists():
        arrays = _registered(name, photos, long_side)
        write_whole(kept, safetensors.numpy.save(arrays))
    with safe_open(kept, "numpy") as opened:
        fitting = opened.get_tensor("fitting").tolist()
    if not fitting:
        return None
    chosen = [photos[index] for index in fitting]
    return RegisteredHouse(
        name,
        np.array([photo.label == "genuine" for photo in chosen]),
        tuple(photo.item for photo in chosen),
        tuple(photo.truth.severity for photo in chosen),
        len(photos) - len(chosen),
        kept,
    )


@cache
def _registration_code() -> str:
    """A hash of the code that registers."""
    return hash_of_findings_code(Path(building.__file__).parent)


def _registered(name: str, photos: Sequence[Photo], long_side: int) -> dict[str, NDArray[np.int32] | Pixels]:
    """The photos that fit, in one frame; without any where no reference can be built."""
    pictures = [read_exhibit(photo.path).pixels for photo in photos]
    genuine = [index for index, photo in enumerate(photos) if photo.label == "genuine"]
    spread = np.unique(np.linspace(0, len(genuine) - 1, min(len(genuine), REFERENCE_PHOTOS)).astype(int))
    try:
        reference = build_reference(name, [pictures[genuine[index]] for index in spread], long_side)
    except Refusal:
        logger.info("no reference for %s", name, exc_info=True)
        return {"fitting": np.zeros(0, np.int32)}
    shape = reference.mean.shape
    fits = [register(pixels, reference) for pixels in pictures]
    fitting = [index for index, fit in enumerate(fits) if fit.score >= reference.least_score]
    if not fitting:
        return {"fitting": np.zeros(0, np.int32)}
    laid = RegisteredPhotos.laid(
        [pictures[index] for index in fitting], [fits[index].homography for index in fitting], shape
    )
    agreeing = agreeing_with_genuine(laid, [photos[index].label == "genuine" for index in fitting])
    if not agreeing:
        return {"fitting": np.zeros(0, np.int32)}
    laid, fitting = laid.only(agreeing), [fitting[place] for place in agreeing]
    altered = [_laid_mask(photos[index], fits[index].homography, shape) for index in fitting]
    return {
        "fitting": np.array(fitting, np.int32),
        "pixels": laid.pixels,
        "covered": laid.covered,
        "edges": laid.edges,
        "altered": np.stack(altered),
    }


def agreeing_with_genuine(laid: RegisteredPhotos, genuine: Sequence[bool]) -> list[int]:
    """The photos that lie on the genuine ones; none where genuine ones do not lie on each other."""
    own = laid.agreeing([photo for photo, is_genuine in enumerate(genuine) if is_genuine])
    if not own:
        return []
    mean = laid.mean_edges(own)
    return [photo for photo in range(len(genuine)) if laid.agreement(photo, mean) >= LEAST_AGREEMENT]


def _laid_mask(photo: Photo, homography: NDArray[np.float64], shape: tuple[int, ...]) -> Pixels:
    """Where a photo is altered, in a frame, uint8 (h, w), 0 or 1."""
    height, width = shape[:2]
    if photo.truth.mask is None:
        return np.zeros((height, width), np.uint8)
    with Image.open(photo.truth.mask) as opened:
        mask = np.asarray(opened.convert("L"), np.float32) / 255
    return (cv2.warpPerspective(mask, homography, (width, height)) > 0.5).astype(np.uint8)
