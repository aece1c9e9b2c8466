"""Degradations of pictures: compression, scaling, blur, noise, stripes, exposure, white balance."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inference.preprocessing import resize

Pixels = NDArray[np.uint8]


def jpeg(pixels: Pixels, quality: float) -> Pixels:
    """Written as JPEG of that quality, 1 to 100, and read again."""
    _, encoded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, round(quality)])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def scaled(pixels: Pixels, share: float) -> Pixels:
    """At a share of its size, at least a pixel."""
    height, width = (max(1, round(side * share)) for side in pixels.shape[:2])
    return resize(pixels, width, height)


def resized(pixels: Pixels, share: float) -> Pixels:
    """Scaled to a share of its size, and back."""
    return resize(scaled(pixels, share), pixels.shape[1], pixels.shape[0])


def blurred(pixels: Pixels, sigma: float) -> Pixels:
    """Out of focus by a Gaussian of that width, in thousandths of the long side."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), max(sigma * max(pixels.shape[:2]) / 1000, 0.05)), np.uint8)


def noisy(pixels: Pixels, spread: float, rng: Generator) -> Pixels:
    """With independent Gaussian noise of that spread, of 255, in each channel."""
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(spread)
    return np.clip(np.round(pixels + noise), 0, 255).astype(np.uint8)


def striped(pixels: Pixels, strength: float, period: float, angle: float) -> Pixels:
    """With waves of that height, of 255, and length in pixels, at an angle in radians, as a screen gives a camera."""
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    wave = np.sin(2 * np.pi * (rows * np.sin(angle) + columns * np.cos(angle)) / period)
    return np.clip(np.rint(pixels + strength * wave[..., None]), 0, 255).astype(np.uint8)


def exposed(pixels: Pixels, gamma: float) -> Pixels:
    """Values (0 to 1) raised to gamma: above 1 darker, below 1 brighter."""
    curve = np.round(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return curve[pixels]


def tinted(pixels: Pixels, warmth: float) -> Pixels:
    """Another white balance: red times `warmth`, blue divided by it."""
    gains = np.array([warmth, 1, 1 / warmth], np.float32)
    return np.clip(np.round(pixels * gains), 0, 255).astype(np.uint8)
