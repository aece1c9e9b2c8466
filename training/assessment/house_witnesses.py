"""What judges a photo beside genuine ones of its house: a collection's witnesses, and what they are held against."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from inference.collections.registered_photos import RegisteredPhotos
from inference.collections.witnesses import DeviationMap, Witness, comparator_witness, patch_witness
from inference.networks.comparator import Comparator
from inference.reference.cells import wholly
from inference.reference.difference import deviation_from
from inference.scope.measures import blur
from training.fitting.pretrained import frozen_patches


def witnesses_of(network: Comparator, device: str = "cpu") -> dict[str, Witness]:
    """The comparator, the memory of patches, edges alone, and blur alone."""
    return {
        "comparator": comparator_witness(network, device),
        "patches": patch_witness(frozen_patches()),
        "edges alone": edges_alone,
        "blur alone": blur_alone,
    }


def edges_alone(photos: RegisteredPhotos, photo: int, reference: Sequence[int]) -> DeviationMap:
    """How far edges lie from the reference's, in its standard deviations, without any network."""
    spread = np.std([photos.edges_of(one) for one in reference], axis=0, dtype=np.float32)
    away = deviation_from(photos.edges_of(photo), photos.mean_edges(reference), spread)
    cells = wholly(photos.covered_by(photo))
    return DeviationMap(cv2.resize(away, cells.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32), cells)


def blur_alone(photos: RegisteredPhotos, photo: int, reference: Sequence[int]) -> DeviationMap:
    """How blurred the photo is: where this tells counterfeits, a set tells them by its photography."""
    del reference
    cells = wholly(photos.covered_by(photo))
    return DeviationMap(np.full(cells.shape, blur(photos.pixels[photo]), np.float32), cells)
