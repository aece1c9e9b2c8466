"""Photos of one part, registered to one genuine reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference.collections.bending import straightened
from inference.records import require
from inference.reference.edges import edge_strength, tolerant
from inference.reference.geometry import Matrix, Pixels, warp

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

LEAST_AGREEMENT = 0.4
"""Least correlation of a photo's edges with the genuine mean. A pattern that repeats can lay a photo one period off, or
at another size, with a good fit. In 28 of 30 rendered validation houses every photo is above; in two some lie wrongly,
most of them below .3."""
_STRAYS_LEAVE = 2
"""How often strays are looked for: a mean with many of them hides some."""


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
        laid = [warp(part, homography, shape) for part, homography in zip(parts, homographies, strict=True)]
        return cls.of_pixels(*zip(*laid, strict=True))

    @classmethod
    def of_pixels(cls, pixels: Sequence[Pixels], covered: Sequence[Mask]) -> RegisteredPhotos:
        """Photos (h, w, 3) in one frame, and the points that each covers (h, w)."""
        edges = [
            np.round(255 * np.clip(tolerant(edge_strength(own)) * inside, 0, 1)).astype(np.uint8)
            for own, inside in zip(pixels, covered, strict=True)
        ]
        return cls(np.stack(pixels), np.stack(covered).astype(np.uint8), np.stack(edges))

    def bent_to(self, mean: Plane) -> RegisteredPhotos:
        """The photos, each laid onto the mean edges of genuine ones (h, w) by a smooth bend too, where it needs one."""
        pixels, covered = [], []
        for photo, own in enumerate(self.pixels):
            straight, seen = straightened(own, self.covered_by(photo), mean)
            pixels.append(straight)
            covered.append(seen)
        return type(self).of_pixels(pixels, covered)

    def arrays(self) -> dict[str, Bytes]:
        """The arrays that a file holds; they make it again."""
        return {"pixels": self.pixels, "covered": self.covered, "edges": self.edges}

    def covered_by(self, photo: int) -> Mask:
        """Points that a photo covers, bool (h, w)."""
        return self.covered[photo] > 0

    def edges_of(self, photo: int) -> Plane:
        """The edge strength of a photo, float32 (h, w), 0 to 1."""
        return self.edges[photo].astype(np.float32) / 255

    def agreeing(self, chosen: Sequence[int]) -> list[int]:
        """Those of some photos that lie on the mean of them, which is taken again without those that do not."""
        for _ in range(_STRAYS_LEAVE):
            mean = self.mean_edges(chosen)
            chosen = [photo for photo in chosen if self.agreement(photo, mean) >= LEAST_AGREEMENT]
        return [*chosen]

    def agreement(self, photo: int, mean: Plane) -> float:
        """Correlation of a photo's edges with mean edges (h, w), where it covers the frame, -1 to 1."""
        return agreement(self.edges_of(photo), mean, self.covered_by(photo))

    def only(self, chosen: Sequence[int]) -> RegisteredPhotos:
        """Some of the photos."""
        return type(self)(*(one[[*chosen]] for one in (self.pixels, self.covered, self.edges)))

    def nearest(self, edges: Plane, covered: Mask) -> int:
        """The photo whose edges correlate most with those of another, where both cover the frame.

        Args:
            edges: Edge strength of the other, blurred alike, float32 (h, w).
            covered: Points that it covers, bool (h, w).
        """
        photos = range(len(self.pixels))
        alike = [agreement(self.edges_of(photo), edges, covered & self.covered_by(photo)) for photo in photos]
        return int(np.argmax(alike))

    def mean_edges(self, photos: Sequence[int]) -> Plane:
        """The mean edge strength of some photos over those that cover a point, float32 (h, w), 0 to 1."""
        chosen = list(photos)
        count = np.maximum(self.covered[chosen].sum(axis=0, dtype=np.float32), 1)
        return np.asarray(self.edges[chosen].sum(axis=0, dtype=np.float32) / (255 * count), np.float32)


def agreement(edges: Plane, others: Plane, seen: Mask) -> float:
    """Correlation of two planes of edges (h, w) at the points that both show, -1 to 1; -1 without any."""
    if not seen.any():
        return -1.0
    own, other = (one[seen] - one[seen].mean() for one in (edges, others))
    return float((own * other).sum() / max(np.sqrt(np.square(own).sum() * np.square(other).sum()), 1e-9))
