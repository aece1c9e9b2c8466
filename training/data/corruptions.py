"""Corruptions of photos on their way to an examiner, each in five severities: compression, lamps, hands, screens.

Every corruption is a function of pixels, an amount and a random generator; equal generators give equal pixels. Training
on parts uses none of them; training on marks and scenes uses some of the same kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.preprocessing import resize
from training.data.degradations import blurred, exposed, jpeg, noisy, resized, scaled, striped

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels, Any, np.random.Generator], Pixels]


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption.

    Attributes:
        change: Changes the pixels.
        amounts: Its amount at severities 1 to 5.
        moves: Whether it moves things in the picture, so that a mask must be moved with them.
    """

    change: Change
    amounts: tuple[Any, Any, Any, Any, Any]
    moves: bool = False

    def __call__(self, pixels: Pixels, severity: int, rng: np.random.Generator) -> Pixels:
        """The pixels (H, W, 3) at a severity from 1 to 5; some corruptions change height and width."""
        return self.change(pixels, self.amounts[severity - 1], rng)

    def on_mask(self, mask: Pixels, severity: int, rng: np.random.Generator, shape: tuple[int, ...]) -> Pixels:
        """A mask (H, W) moved into the corrupted picture (h, w), with the same random numbers."""
        if self.moves:
            return self(np.repeat(mask[..., None], 3, 2), severity, rng)[..., 0].copy()
        return resize(mask, shape[1], shape[0])


def _compressed(pixels: Pixels, quality: int, _: np.random.Generator) -> Pixels:
    return jpeg(pixels, quality)


def _compressed_twice(pixels: Pixels, qualities: tuple[int, int], _: np.random.Generator) -> Pixels:
    return jpeg(jpeg(pixels, qualities[0]), qualities[1])


def _resized_and_back(pixels: Pixels, share: float, _: np.random.Generator) -> Pixels:
    return resized(pixels, share)


def _blurred(pixels: Pixels, thousandths: float, _: np.random.Generator) -> Pixels:
    return blurred(pixels, thousandths)


def _gamma(pixels: Pixels, exponent: float, _: np.random.Generator) -> Pixels:
    return exposed(pixels, exponent)


def _overexposed(pixels: Pixels, factor: float, _: np.random.Generator) -> Pixels:
    return _clipped(pixels * factor)


def _off_white(pixels: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Warmer or colder light."""
    warm = share * rng.choice([-1, 1])
    return _clipped(pixels * np.array([1 + warm, 1, 1 - warm]))


def _turned(pixels: Pixels, degrees: float, rng: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees * float(rng.choice([-1, 1])), 1)
    return np.asarray(cv2.warpAffine(pixels, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _tilted(pixels: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Each corner moves by up to a share of the sides."""
    height, width = pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = corners + (rng.uniform(-share, share, (4, 2)) * (width, height)).astype(np.float32)
    view = cv2.getPerspectiveTransform(corners, seen)
    return np.asarray(cv2.warpPerspective(pixels, view, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _cropped(pixels: Pixels, share: float, _: np.random.Generator) -> Pixels:
    """A share of the sides is cut off all round."""
    down, across = (round(side * share) for side in pixels.shape[:2])
    return pixels[down : pixels.shape[0] - down, across : pixels.shape[1] - across].copy()


def _framed_wider(pixels: Pixels, share: float, _: np.random.Generator) -> Pixels:
    """The edge is continued by a share of the sides all round."""
    down, across = (round(side * share) for side in pixels.shape[:2])
    wider = cv2.copyMakeBorder(pixels, down, down, across, across, cv2.BORDER_REPLICATE)
    return np.asarray(wider, np.uint8)


def _moire(pixels: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 9)
    return striped(pixels, strength, period, angle)


def _screenshot(pixels: Pixels, seen: tuple[float, float], _: np.random.Generator) -> Pixels:
    """Shown at a share of its size on a screen with a gamma of its own, and stored without loss."""
    share, exponent = seen
    return exposed(scaled(pixels, share), exponent)


def _messenger(pixels: Pixels, sent: tuple[int, int], _: np.random.Generator) -> Pixels:
    """Reduced to a long side in pixels and compressed to a JPEG quality, as chat programs do."""
    long_side, quality = sent
    return jpeg(scaled(pixels, min(1.0, long_side / max(pixels.shape[:2]))), quality)


def _clipped(values: NDArray[np.floating[Any]]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


CORRUPTIONS: dict[str, Corruption] = {
    "JPEG": Corruption(_compressed, (95, 75, 50, 30, 10)),
    "JPEG twice": Corruption(_compressed_twice, ((95, 90), (75, 90), (50, 85), (30, 80), (10, 75))),
    "resized and back": Corruption(_resized_and_back, (0.75, 0.5, 0.35, 0.25, 0.125)),
    "blur": Corruption(_blurred, (1.0, 1.5, 2.5, 4.0, 8.0)),
    "noise": Corruption(noisy, (4, 8, 16, 24, 40)),
    "gamma": Corruption(_gamma, (1.1, 1.25, 1.5, 1.9, 2.5)),
    "overexposure": Corruption(_overexposed, (1.1, 1.25, 1.45, 1.7, 2.0)),
    "white balance": Corruption(_off_white, (0.05, 0.1, 0.15, 0.22, 0.3)),
    "rotation": Corruption(_turned, (2, 5, 8, 11, 15), moves=True),
    "perspective": Corruption(_tilted, (0.01, 0.02, 0.04, 0.06, 0.08), moves=True),
    "tighter crop": Corruption(_cropped, (0.02, 0.04, 0.06, 0.08, 0.1), moves=True),
    "wider crop": Corruption(_framed_wider, (0.02, 0.04, 0.06, 0.08, 0.1), moves=True),
    "moire": Corruption(_moire, (4, 8, 14, 22, 32)),
    "screenshot": Corruption(_screenshot, ((0.9, 1.05), (0.75, 1.1), (0.6, 1.15), (0.45, 1.2), (0.3, 1.3))),
    "messenger": Corruption(_messenger, ((1600, 75), (1280, 75), (960, 65), (720, 55), (480, 45))),
}
"""The corruptions by name."""

SEVERITIES = (1, 2, 3, 4, 5)
