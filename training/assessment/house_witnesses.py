"""What judges a photo beside genuine ones of its house: a collection's witnesses, and what they are held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import cv2
import numpy as np

from inference.collections.witnesses import DeviationMap, PatchFeatures, PatchMemory, Plane, alteration_map
from inference.networks.comparator import Comparator
from inference.reference.cells import wholly
from inference.reference.channels import beside
from inference.reference.difference import deviation_from
from inference.scope.measures import blur
from training.data.registered import RegisteredHouse
from training.fitting.pretrained import frozen_patches

Witness = Callable[[RegisteredHouse, int, Sequence[int]], DeviationMap]
"""The map of a photo of a house beside some of its genuine photos."""

_KEPT = 256
"""Photos whose patches are kept: more than a house has."""


def witnesses_of(network: Comparator, device: str = "cpu") -> dict[str, Witness]:
    """The comparator, the memory of patches, edges alone, and blur alone."""
    return {
        "comparator": comparator(network, device),
        "patches": patches(frozen_patches()),
        "edges alone": edges_alone,
        "blur alone": blur_alone,
    }


def comparator(network: Comparator, device: str = "cpu") -> Witness:
    """What a comparator, in evaluation mode, sees."""

    def seen(house: RegisteredHouse, photo: int, reference: Sequence[int]) -> DeviationMap:
        covered = house.covered(photo)
        stack = beside(house.pixels(photo), covered, house.mean_edges(reference))
        return alteration_map(network, stack, covered, device)

    return seen


def patches(features: PatchFeatures) -> Witness:
    """What a memory of the reference's patches does not know."""

    @lru_cache(_KEPT)
    def of(house: RegisteredHouse, photo: int) -> Plane:
        return features(house.pixels(photo))

    def seen(house: RegisteredHouse, photo: int, reference: Sequence[int]) -> DeviationMap:
        memory = PatchMemory.of([(of(house, one), house.covered(one)) for one in reference])
        return memory.map(of(house, photo), house.covered(photo))

    return seen


def edges_alone(house: RegisteredHouse, photo: int, reference: Sequence[int]) -> DeviationMap:
    """How far edges lie from the reference's, in its standard deviations, without any network."""
    away = deviation_from(house.edges(photo), house.mean_edges(reference), house.spread_of_edges(reference))
    cells = wholly(house.covered(photo))
    return DeviationMap(cv2.resize(away, cells.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32), cells)


def blur_alone(house: RegisteredHouse, photo: int, reference: Sequence[int]) -> DeviationMap:
    """How blurred the photo is: where this tells counterfeits, a set tells them by its photography."""
    del reference
    cells = wholly(house.covered(photo))
    return DeviationMap(np.full(cells.shape, blur(house.pixels(photo)), np.float32), cells)
