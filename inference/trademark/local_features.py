"""Agreement: local features that coincide under one shift, turn and size, as when one mark is laid over the other.

The network embeds a mark as a whole: it loses where things lie, and a quarter turn changes its result much. Local
features show what coincides in two drawings, but nothing of what is only similar.

Source: D. Lowe: Distinctive image features from scale-invariant keypoints, 2004 (SIFT, ratio test); M. Fischler, R.
Bolles: Random sample consensus, 1981.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.records import LocalAgreement

Pixels = NDArray[np.uint8]

_LONG_SIDE = 256
_SMOOTH = 1.5
"""Standard deviation in pixels of the blur of the scaled mark: without it, noise and compression have points of their
own."""
_MOST_POINTS = 300
_RATIO = 0.8
_NEAR = 4.0
"""Greatest distance between coinciding points, in pixels of the scaled mark."""
_MOST_RESIZED = 5.0
"""Range of the scale: framed marks have about one size, and a mark that is shrunk to a speck fits anything."""
LEAST_MATCHED = 4
"""Least number of places: fewer may coincide by chance and count as none, since two decide shift, turn and size."""


@dataclass(frozen=True)
class LocalFeatures:
    """The local features of a mark.

    Attributes:
        points: Their places (n, 2), x and y in pixels of the scaled mark.
        descriptors: Their SIFT descriptors (n, 128).
        scaling: Homogeneous matrix (3, 3) from pixels of the mark to pixels of the scaled mark.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]
    scaling: NDArray[np.float64]


def local_features(mark: Pixels) -> LocalFeatures:
    """The local features of a framed mark, uint8 (H, W, 3); see `inference.trademark.framing`."""
    scaled, there = _scaled(mark)
    found, descriptors = cv2.SIFT.create(_MOST_POINTS).detectAndCompute(scaled, None)
    if not found:
        return LocalFeatures(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32), there)
    points = np.array([point.pt for point in found], np.float32)
    return LocalFeatures(points, np.asarray(descriptors, np.float32), there)


def negative_of(mark: LocalFeatures) -> LocalFeatures:
    """The local features of a mark in inverse polarity.

    Every gradient is reversed, and so is the direction by which SIFT turns each neighbourhood. So its four by four
    cells change places across the middle, and the gradients within each cell keep their description.
    """
    cells = mark.descriptors.reshape(-1, 4, 4, 8)[:, ::-1, ::-1]
    return replace(mark, descriptors=np.ascontiguousarray(cells.reshape(-1, 128)))


def local_agreement(first: LocalFeatures, second: LocalFeatures) -> LocalAgreement:
    """The agreement of two marks, with the second in either polarity, under one similarity transform.

    In the other order the same points agree, and the transform is the inverse.
    """
    if _order(second) < _order(first):
        return inverse(local_agreement(second, first))
    as_drawn, on_negative = _laid(first, second), _laid(first, negative_of(second))
    return replace(on_negative, negative=True) if on_negative.matched > as_drawn.matched else as_drawn


def inverse(agreement: LocalAgreement) -> LocalAgreement:
    """The agreement of the same marks in the other order."""
    if agreement.transform is None:
        return agreement
    there = np.vstack([np.reshape(agreement.transform, (2, 3)), [0, 0, 1]])
    return replace(agreement, transform=_stated(np.linalg.inv(there)))


def _order(mark: LocalFeatures) -> tuple[int, bytes]:
    """The key that decides which mark is laid on the other: the one with fewer points."""
    return len(mark.points), mark.descriptors.tobytes()


def _laid(first: LocalFeatures, second: LocalFeatures) -> LocalAgreement:
    """The agreement with the second mark as it is given."""
    fewer = min(len(first.points), len(second.points))
    if fewer < LEAST_MATCHED:
        return LocalAgreement(0, fewer)
    here, there = _ratio_matches(first.descriptors, second.descriptors)
    if len(here) < LEAST_MATCHED:
        return LocalAgreement(0, fewer)
    transform, fits = cv2.estimateAffinePartial2D(first.points[here], second.points[there], ransacReprojThreshold=_NEAR)
    # Without a transform no point matches, and `transform` is not read.
    kept = fits.ravel().astype(bool)
    # Several points may match one point, and several may lie at one place with different directions.
    matched = min(len(set(here[kept])), len(set(there[kept])))
    places = min(len(np.unique(points[kept], axis=0)) for points in (first.points[here], second.points[there]))
    if places < LEAST_MATCHED or not 1 / _MOST_RESIZED <= np.hypot(*transform[:, 0]) <= _MOST_RESIZED:
        return LocalAgreement(0, fewer)
    between_scaled = np.vstack([transform, [0, 0, 1]])
    return LocalAgreement(matched, fewer, _stated(np.linalg.inv(second.scaling) @ between_scaled @ first.scaling))


def _stated(transform: NDArray[np.float64]) -> tuple[float, float, float, float, float, float]:
    """A homogeneous affine matrix (3, 3) as a record holds it."""
    a, b, x, c, d, y = transform[:2].ravel().tolist()
    return a, b, x, c, d, y


def _ratio_matches(first: NDArray[np.float32], second: NDArray[np.float32]) -> tuple[NDArray[np.intp], ...]:
    """Indices of pairs of descriptors (n, 128) and (m, 128) that pass the ratio test: nearest by far."""
    nearest = cv2.BFMatcher().knnMatch(first, second, k=2)
    good = [best for best, next_best in nearest if best.distance < _RATIO * next_best.distance]
    pairs = np.array([(match.queryIdx, match.trainIdx) for match in good], np.intp).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _scaled(mark: Pixels) -> tuple[Pixels, NDArray[np.float64]]:
    """A framed mark in grey, scaled for the search of its points, and the matrix (3, 3) of that scaling."""
    height, width = mark.shape[:2]
    scale = _LONG_SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    scaled = cv2.resize(mark, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    across, down = size[0] / width, size[1] / height
    # The middle of the first pixel lies at 0, and resizing scales about its corner at -.5.
    there = np.array([[across, 0, across * 0.5 - 0.5], [0, down, down * 0.5 - 0.5], [0, 0, 1]])
    grey = cv2.GaussianBlur(cv2.cvtColor(scaled, cv2.COLOR_RGB2GRAY), (0, 0), _SMOOTH)
    return np.asarray(grey, np.uint8), there
