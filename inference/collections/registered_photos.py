"""Photos of one part, registered to one genuine reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference.records import require
from inference.reference.edges import edge_strength, tolerant
from inference.reference.geometry import Matrix, Pixels, warp

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class RegisteredPhotos:
    """Photos in the frame of their reference.

    Attributes:
        pixels: uint8 (n, h, w, 3).
        covered: Points that each covers, 0 or 1, uint8 (n, h, w).
        edges: Edge strength of each, blurred by the error of a registration, 0 to 255, uint8 (n, h, w).
    """

    pixels: Bytes = field(repr=False)
    covered: Bytes = field(repr=False)
    edges: Bytes = field(repr=False)

    def __post_init__(self) -> None:
        shape = self.covered.shape
        require(
            self.pixels.shape == (*shape, 3) and self.edges.shape == shape,
            f"photos, what they cover and their edges have one frame, not {self.pixels.shape}, {shape} and "
            f"{self.edges.shape}",
        )

    @classmethod
    def laid(cls, parts: Sequence[Pixels], homographies: Sequence[Matrix], shape: tuple[int, ...]) -> RegisteredPhotos:
        """Photos (H, W, 3), each laid into a frame of a shape by its homography."""
        pixels, covered, edges = [], [], []
        for part, homography in zip(parts, homographies, strict=True):
            own, inside = warp(part, homography, shape)
            strength = np.clip(tolerant(edge_strength(own)) * inside, 0, 1)
            pixels.append(own)
            covered.append(inside.astype(np.uint8))
            edges.append(np.round(255 * strength).astype(np.uint8))
        return cls(np.stack(pixels), np.stack(covered), np.stack(edges))

    def covered_by(self, photo: int) -> Mask:
        """Points that a photo covers, bool (h, w)."""
        return self.covered[photo] > 0

    def edges_of(self, photo: int) -> Plane:
        """The edge strength of a photo, float32 (h, w), 0 to 1."""
        return self.edges[photo].astype(np.float32) / 255

    def mean_edges(self, photos: Sequence[int]) -> Plane:
        """The mean edge strength of some photos over those that cover a point, float32 (h, w), 0 to 1."""
        chosen = list(photos)
        count = np.maximum(self.covered[chosen].sum(axis=0, dtype=np.float32), 1)
        return np.asarray(self.edges[chosen].sum(axis=0, dtype=np.float32) / (255 * count), np.float32)
