"""Landmarks: distinctive places of edges, matched between a photo and a reference.

Source: SIFT (D. Lowe: Distinctive image features from scale-invariant keypoints. 2004).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inference.reference.edges import MIDDLE
from inference.reference.geometry import Matrix, Plane

_LANDMARKS = 800
_FAINTEST_LANDMARK = 0.01
_STRAIGHTEST_LANDMARK = 20
# Perspective, which the next step corrects, moves landmarks by up to this many pixels of a picture `MIDDLE` long.
_MATCH_TOLERANCE = 4
_MATCH_ROUNDS = 3000
_LEAST_PAIRS = 4
_PERSPECTIVE_TOLERANCE = 3
_LEAST_IN_PERSPECTIVE = 8
_LEAST_MATCHED_AREA = 0.02


@dataclass(frozen=True)
class Landmarks:
    """Places (n, 2) as x, y, and SIFT descriptors of the edges around each (n, 128), both float32."""

    places: Plane
    descriptors: Plane


def find_landmarks(smooth: Plane) -> Landmarks:
    """The most distinctive places of a blurred picture of edge strengths (h, w)."""
    levels = np.clip(smooth * (255 / max(float(np.quantile(smooth, 0.995)), 1e-3)), 0, 255).astype(np.uint8)
    sift = cv2.SIFT.create(_LANDMARKS, contrastThreshold=_FAINTEST_LANDMARK, edgeThreshold=_STRAIGHTEST_LANDMARK)
    points, descriptors = sift.detectAndCompute(levels, None)
    if not points:
        return Landmarks(np.empty((0, 2), np.float32), np.empty((0, 128), np.float32))
    return Landmarks(np.array([point.pt for point in points], np.float32), np.asarray(descriptors, np.float32))


def matched_similarity(photo: Landmarks, reference: Landmarks, side: int) -> Matrix:
    """The similarity transform from a photo to a reference on which most mutual nearest neighbours agree.

    With too few pairs it is the identity, whose low score shows the bad fit.
    """
    here, there = _mutual_pairs(photo, reference)
    if len(here) < _LEAST_PAIRS:
        return np.eye(3)
    similarity, _ = cv2.estimateAffinePartial2D(
        here, there, ransacReprojThreshold=_MATCH_TOLERANCE * side / MIDDLE, maxIters=_MATCH_ROUNDS
    )
    if similarity is None or abs(np.linalg.det(similarity[:, :2])) < _LEAST_MATCHED_AREA:
        return np.eye(3)
    return np.vstack([similarity, [0, 0, 1]])


def matched_homography(photo: Landmarks, reference: Landmarks, side: int) -> Matrix | None:
    """The homography from a photo to a reference on which most mutual nearest neighbours agree; None with too few.

    A strongly oblique view has no similarity transform on which its landmarks agree.
    Source: MAGSAC++ (D. Barath et al.: MAGSAC++, a fast, reliable and accurate robust estimator. 2020).
    """
    here, there = _mutual_pairs(photo, reference)
    if len(here) < _LEAST_IN_PERSPECTIVE:
        return None
    tolerance = _PERSPECTIVE_TOLERANCE * side / MIDDLE
    homography, _ = cv2.findHomography(here, there, cv2.USAC_MAGSAC, tolerance, maxIters=_MATCH_ROUNDS)
    return homography


def _mutual_pairs(photo: Landmarks, reference: Landmarks) -> tuple[Plane, Plane]:
    """The places (n, 2) of mutual nearest neighbours in a photo and in a reference."""
    if not (len(photo.places) and len(reference.places)):
        return np.empty((0, 2), np.float32), np.empty((0, 2), np.float32)
    pairs = cv2.BFMatcher(cv2.NORM_L2, crossCheck=True).match(photo.descriptors, reference.descriptors)
    here, there = [pair.queryIdx for pair in pairs], [pair.trainIdx for pair in pairs]
    return photo.places[here], reference.places[there]
