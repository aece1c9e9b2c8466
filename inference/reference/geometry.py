"""Homographies between pixels, and their effect on frames and pictures."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
# OpenCV's annotations do not distinguish dtypes; the docstrings do.
Plane = NDArray[Any]
Matrix = NDArray[Any]
# Least area in square pixels, for a frame that collapses onto a line.
LEAST_SEEN = 0.01


def enlargement(homography: Matrix, shape: tuple[int, ...]) -> float:
    """Pixels of a reference's frame of `shape` for a pixel of the part, along a side, > 0."""
    height, width = shape[:2]
    return float(
        np.sqrt(height * width / max(enclosed_area(frame_corners(np.linalg.inv(homography), shape)), LEAST_SEEN))
    )


def warp(part: Pixels, homography: Matrix, shape: tuple[int, ...]) -> tuple[Pixels, NDArray[np.bool_]]:
    """A part in a frame, sampled without aliasing, and the points that it covers, bool (h, w)."""
    height, width = shape[:2]
    shrink = 1 / enlargement(homography, shape)
    source, into = part, homography
    if shrink > 1.5:
        size = max(1, round(part.shape[1] / shrink)), max(1, round(part.shape[0] / shrink))
        source = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        into = homography @ scaling(part.shape[1] / size[0], part.shape[0] / size[1])
    laid = cv2.warpPerspective(source, into, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpPerspective(np.ones(source.shape[:2], np.float32), into, (width, height))
    return np.asarray(laid, np.uint8), inside > 0.99


def flipped(picture: Plane) -> Plane:
    """Mirrored left to right, (h, w) or (h, w, 3)."""
    return cv2.flip(picture, 1)


def scaling(x: float, y: float) -> Matrix:
    """Homography from pixels of a picture to pixels of the resized picture; the centre of the first pixel is at 0."""
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def flipping(width: int) -> Matrix:
    """Homography between pixels of a picture and of its mirror image, left to right."""
    return np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]], np.float64)


def quarter_turns(quarters: int, shape: tuple[int, ...]) -> Matrix:
    """A turn by `quarters` right angles about the middle of a frame of `shape`."""
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters]
    x, y = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    return np.array([[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y], [0, 0, 1]], np.float64)


def normalised(homography: Matrix) -> Matrix:
    """The same homography with a last element of 1."""
    return homography / homography[2, 2]


def frame_corners(homography: Matrix, shape: tuple[int, ...]) -> Matrix:
    """Images of a frame's corners, float64 (4, 2), clockwise from the top left."""
    height, width = shape[:2]
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64) - 0.5
    return np.asarray(cv2.perspectiveTransform(corners, homography)[0], np.float64)


def enclosed_area(corners: Matrix) -> float:
    """Area of a polygon (n, 2) that does not cross itself."""
    x, y = corners.T
    return float(abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2)
