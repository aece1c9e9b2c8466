"""Edge strength, by which parts are compared whatever the direction of light."""

from __future__ import annotations

import cv2
import numpy as np

from inference.records import require
from inference.reference.geometry import Pixels, Plane

COARSE, MIDDLE, FINE = 112, 224, 448


def local_contrast(pixels: Pixels) -> Plane:
    """Luminance against its surroundings, in their standard deviations: float32 (H, W), -3 to 3.

    This removes shadows, gradients of light and the tone of a material. Surroundings are about a thirtieth of the long
    side, so that pictures of one part at several sizes give the same contrast.
    """
    require_pixels(pixels, "a picture")
    scale = max(pixels.shape[:2]) / FINE
    grey: Plane = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    grey = blurred(grey, 0.6 * scale)
    around = max(14 * scale, 2.0)
    mean = local_mean(grey, around)
    deviation = np.sqrt(np.maximum(local_mean(grey * grey, around) - mean * mean, 0))
    return np.clip((grey - mean) / (deviation + np.float32(0.05)), -3, 3)


def edge_strength(pixels: Pixels) -> Plane:
    """Strength of the edge through each point, whatever its direction and sign.

    Args:
        pixels: uint8 (H, W, 3).

    Returns:
        float32 (H, W), 0 to 1.
    """
    contrast = local_contrast(pixels)
    x, y = (cv2.Sobel(contrast, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    return np.tanh(np.hypot(x, y) * np.float32(1.2 * max(1.0, max(pixels.shape[:2]) / FINE)))


def require_pixels(pixels: Pixels, what: str) -> None:
    """Check a picture.

    Raises:
        ValueError: if `what` is not uint8 (H, W, 3).
    """
    require(
        pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size > 0,
        f"{what} is uint8 (H, W, 3), not {pixels.dtype} {pixels.shape}",
    )


def tolerant(edges: Plane) -> Plane:
    """Edge strength (h, w), blurred by the error of a registration."""
    return blurred(edges, 1.3 * max(edges.shape) / FINE)


def blurred(plane: Plane, sigma: float) -> Plane:
    """A plane (h, w) under a Gaussian of `sigma` pixels, at least .3."""
    return cv2.GaussianBlur(plane, (0, 0), max(sigma, 0.3))


def local_mean(plane: Plane, reach: float) -> Plane:
    """The mean around each point of a plane (h, w), by two box filters that reach `reach` pixels each way."""
    side = 2 * round(reach) + 1
    return cv2.blur(cv2.blur(plane, (side, side)), (side, side))


def shrunk(plane: Plane, side: int) -> Plane:
    """A plane (h, w) with a long side of at most `side` pixels."""
    height, width = plane.shape
    ratio = min(1.0, side / max(height, width))
    return cv2.resize(
        plane, (max(4, round(width * ratio)), max(4, round(height * ratio))), interpolation=cv2.INTER_AREA
    )
