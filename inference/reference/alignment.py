"""Alignment of a part's edges with those of a reference, coarse to fine, and its fit.

The last step is ECC (Evangelidis and Psarakis: Parametric image alignment using enhanced correlation coefficient
maximization. 2008).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.records import require
from inference.reference.edges import COARSE, FINE, MIDDLE, require_pixels
from inference.reference.geometry import Matrix, Pixels, enclosed_area, frame_corners, normalised, warp
from inference.reference.landmarks import Landmarks, matched_homography, matched_similarity
from inference.reference.pyramid import EdgePyramid
from inference.reference.tiles import moved_by_tiles

# Blur of a photo and of a mean, which is smooth already; it removes the grain of a material.
_LANDMARK_BLURS = (1.5, 1.0)
_REACHES = (12, 10, 8)
_ITERATIONS = 40
_SURE = 0.6
"""A fit that perspective would not raise much: landmarks agree on a similarity transform already."""
_LEAST_COVERED, _FULLY_COVERED = 0.4, 0.75
# Shares of the photo's area: a frame that is a speck or far exceeds the photo fits something other than the part.
_LEAST_AREA, _MOST_AREA = 0.08, 2.2


@dataclass(frozen=True)
class Registration:
    """The registration of a part to a reference.

    Attributes:
        series: The series of the reference.
        homography: From pixels of the part to pixels of the reference, float64 (3, 3), read-only.
        score: Correlation of edge strengths where the part covers the reference, -1 to 1; reduced if it covers little.
            All scores are taken at one size, so that those of several references are comparable.
        covered: Share of the reference that the part's picture covers, 0 to 1.

    Raises:
        ValueError: if a field is out of range or shape.
    """

    series: str
    homography: Matrix
    score: float
    covered: float

    def __post_init__(self) -> None:
        require(self.homography.shape == (3, 3), f"a homography is (3, 3), not {self.homography.shape}")
        require(bool(np.isfinite(self.homography).all()), "a homography is finite")
        require(-1.001 <= self.score <= 1.001, f"a correlation lies between -1 and 1, not {self.score}")
        require(0 <= self.covered <= 1, f"a share lies between 0 and 1, not {self.covered}")
        self.homography.setflags(write=False)

    def apply(self, part: Pixels, shape: tuple[int, ...]) -> tuple[Pixels, NDArray[np.bool_]]:
        """The part in the frame of a reference of `shape`, uint8 (h, w, 3), and the covered points, bool (h, w)."""
        require_pixels(part, "a part")
        return warp(part, self.homography, shape)

    def rows(self) -> tuple[tuple[float, float, float], ...]:
        """The homography row by row."""
        return tuple((float(a), float(b), float(c)) for a, b, c in self.homography)

    def stated(self) -> dict[str, Any]:
        """The registration as JSON values."""
        return {"series": self.series, "homography": self.rows(), "score": self.score, "covered": self.covered}

    @classmethod
    def parse(cls, stated: Mapping[str, Any]) -> Registration:
        """The registration from JSON values.

        Raises:
            KeyError: if a value is missing.
            ValueError: if the values make no registration.
        """
        homography = np.array(stated["homography"], np.float64)
        return cls(stated["series"], homography, stated["score"], stated["covered"])


def align(views: EdgePyramid, means: Mapping[str, EdgePyramid], side: int = MIDDLE) -> list[Registration]:
    """Registrations to all references, the best first; only the best is refined at full size.

    Args:
        views: The part.
        means: The reference of each series.
        side: Long side in pixels of the pictures whose landmarks are matched.
    """
    fits = []
    for series, mean in means.items():
        matched = matched_similarity(*_landmarks(views, mean, side), side)
        start = normalised(mean.scaling_up(side) @ matched @ views.scaling(side))
        fits.append(_careful(series, views, mean, start))
    fits.sort(key=lambda fit: -fit.score)
    first = fits[0]
    if first.score < _SURE:
        first = max((first, _in_perspective(first.series, views, means[first.series])), key=lambda fit: fit.score)
    fine = polished_by_ecc(views, means[first.series], first.homography, FINE)
    return [scored(first.series, views, means[first.series], fine), *fits[1:]]


def _in_perspective(series: str, views: EdgePyramid, mean: EdgePyramid) -> Registration:
    """A registration that starts from the landmarks of an oblique view."""
    matched = matched_homography(*_landmarks(views, mean, FINE), FINE)
    # Without agreement the photo stays as it lies, whose low score shows the bad fit.
    seen = matched is not None and is_view(matched, mean.edges(FINE).shape, views.edges(FINE).size)
    start = mean.scaling_up(FINE) @ (matched if seen else np.eye(3)) @ views.scaling(FINE)
    return _careful(series, views, mean, normalised(start))


def _landmarks(views: EdgePyramid, mean: EdgePyramid, side: int) -> tuple[Landmarks, Landmarks]:
    """The landmarks of a part and of a reference."""
    return views.landmarks(side, _LANDMARK_BLURS[0]), mean.landmarks(side, _LANDMARK_BLURS[1])


def align_from(series: str, views: EdgePyramid, mean: EdgePyramid, start: Matrix) -> Registration:
    """A registration improved by tiles and ECC, then refined at full size."""
    return scored(
        series, views, mean, polished_by_ecc(views, mean, _careful(series, views, mean, start).homography, FINE)
    )


def _careful(series: str, views: EdgePyramid, mean: EdgePyramid, start: Matrix) -> Registration:
    """A registration improved by tiles, then by ECC."""
    coarse = max(
        (start, moved_by_tiles(views, mean, start, _REACHES[0])),
        key=lambda h: edge_correlation(views, mean, h, COARSE)[0],
    )
    homography = coarse
    for reach in _REACHES[1:]:
        homography = moved_by_tiles(views, mean, homography, reach)
    # Tiles of a strongly altered part can mislead.
    polished = [polished_by_ecc(views, mean, one, MIDDLE) for one in (homography, coarse)]
    return max((scored(series, views, mean, one) for one in polished), key=lambda fit: fit.score)


def polished_by_ecc(views: EdgePyramid, mean: EdgePyramid, homography: Matrix, side: int) -> Matrix:
    """A homography improved by ECC at a long side of `side`, or unchanged if that scores no better."""
    up, down = mean.scaling_up(side), views.scaling(side)
    blur = 1.5 if side < FINE else 1.0
    template, edges = mean.blurred(side, blur), views.blurred(side, blur)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ITERATIONS, 1e-4)
    start = normalised(down @ np.linalg.inv(homography) @ up).astype(np.float32)
    seen = np.ones(edges.shape, np.uint8)
    try:
        _, found = cv2.findTransformECC(template, edges, start, cv2.MOTION_HOMOGRAPHY, criteria, seen, 1)
    except cv2.error:
        # ECC did not converge from here.
        return homography
    if not np.isfinite(found).all() or abs(np.linalg.det(found)) < 1e-6:
        return homography
    polished = normalised(up @ np.linalg.inv(found.astype(np.float64)) @ down)
    return max((homography, polished), key=lambda tried: edge_correlation(views, mean, tried, side)[0])


def scored(series: str, views: EdgePyramid, mean: EdgePyramid, homography: Matrix) -> Registration:
    """A homography as a registration, with its score at the common size of all scores."""
    return Registration(series, homography, *edge_correlation(views, mean, homography, MIDDLE))


def edge_correlation(views: EdgePyramid, mean: EdgePyramid, homography: Matrix, side: int) -> tuple[float, float]:
    """Correlation of edge strengths where the part covers the reference, and the covered share."""
    template, edges = mean.edges(side), views.blurred(side, 1.0)
    inner = np.linalg.inv(mean.scaling_up(side)) @ homography @ np.linalg.inv(views.scaling(side))
    size = template.shape[::-1]
    seen = cv2.warpPerspective(np.ones_like(edges), inner, size) > 0.99
    covered = float(seen.mean())
    if covered < _LEAST_COVERED or not is_view(inner, template.shape, edges.size):
        return -1.0, covered
    laid = cv2.warpPerspective(edges, inner, size)
    a, b = laid[seen] - laid[seen].mean(), template[seen] - template[seen].mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    if norm == 0:
        return -1.0, covered
    return float((a * b).sum()) / norm * min(1.0, covered / _FULLY_COVERED), covered


def is_view(homography: Matrix, shape: tuple[int, ...], photo_area: int) -> bool:
    """Whether a camera could have seen a frame like this: from the front, wholly before it, at a likely size."""
    height, width = shape
    seen_from = np.linalg.inv(homography)
    ahead = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]]) @ seen_from[2]
    if not (ahead * ahead[0] > 0).all():
        return False
    corners = frame_corners(seen_from, shape)
    sides = np.roll(corners, -1, axis=0) - corners
    after = np.roll(sides, -1, axis=0)
    convex = (sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0] > 0).all()
    return bool(convex) and _LEAST_AREA < enclosed_area(corners) / photo_area < _MOST_AREA
