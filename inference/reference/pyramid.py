"""Edge strengths of a part or of a reference at several sizes, and what registration finds in them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from inference.planes import Planes
from inference.reference.edges import blurred, edge_strength, shrunk
from inference.reference.geometry import Matrix, Plane, flipped, scaling
from inference.reference.landmarks import Landmarks, find_landmarks


class EdgePyramid:
    """Edge strengths at several sizes; each plane and what is found in it is made once, whoever asks for it.

    Args:
        edges: Edge strength at full size, float32 (h, w).
    """

    def __init__(self, edges: Plane) -> None:
        self._full = edges
        self._made: dict[Hashable, Any] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width at full size, in pixels."""
        return self._full.shape[0], self._full.shape[1]

    def edges(self, side: int) -> Plane:
        """Edge strength at a long side of at most `side` pixels."""
        return self._once(("edges", side), lambda: self._reduced(side))

    def blurred(self, side: int, sigma: float) -> Plane:
        """The same under a Gaussian of `sigma` pixels."""
        return self._once(("blurred", side, sigma), lambda: blurred(self.edges(side), sigma))

    def landmarks(self, side: int, sigma: float) -> Landmarks:
        """The landmarks of the same."""
        return self._once(("landmarks", side, sigma), lambda: find_landmarks(self.blurred(side, sigma)))

    def scaling(self, side: int) -> Matrix:
        """Homography from pixels at full size to pixels of `edges(side)`."""
        height, width = self.edges(side).shape
        return scaling(width / self.shape[1], height / self.shape[0])

    def scaling_up(self, side: int) -> Matrix:
        """Homography from pixels of `edges(side)` to pixels at full size."""
        height, width = self.edges(side).shape
        return scaling(self.shape[1] / width, self.shape[0] / height)

    def _reduced(self, side: int) -> Plane:
        return shrunk(self._full, side)

    def _once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


class PartPyramid(EdgePyramid):
    """Edge strengths of a part at several sizes, each of the part at that size."""

    def __init__(self, part: Planes) -> None:
        super().__init__(part.pixels)
        self.part = part

    @cached_property
    def mirrored(self) -> PartPyramid:
        """The pyramid of the part flipped left to right."""
        mirror = Planes(self.part.pixels[:, ::-1])
        mirror.near = flipped(self.part.near)
        return PartPyramid(mirror)

    def _reduced(self, side: int) -> Plane:
        height, width = self.shape
        ratio = min(1.0, side / max(height, width))
        size = max(8, round(width * ratio)), max(8, round(height * ratio))
        near = self.part.near
        small = cv2.resize(near, size, interpolation=cv2.INTER_AREA) if ratio < 1 else near
        return edge_strength(np.asarray(small, np.uint8))
