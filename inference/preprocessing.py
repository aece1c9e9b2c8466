"""From the pixels of a part to the numbers a network sees: tone, FWD padding, scale.

There is one implementation for training and use. A card states the `Preprocessing` that its model was trained with, and
a verdict states in sentences what was done to its photo. Source: KAG-MTLN paper, sections
3.5 (FWD) and 4.2 (gamma correction, auto-contrast).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from inference.fwd import Padding, Pixels, pad_to_square
from inference.records import Placement, require

RGB = tuple[float, float, float]
IMAGENET_MEAN: RGB = (0.485, 0.456, 0.406)
IMAGENET_STD: RGB = (0.229, 0.224, 0.225)
HALF: RGB = (0.5, 0.5, 0.5)
LARGEST_SIDE = 2048
"""Most pixels on a side of a network's input; at this size, a first feature map of ResNet50 takes 270 MB."""
_MOST_GAMMA = 100
"""Above this gamma every value becomes white."""
_LEAST_STD = 0.001
"""Below this standard deviation a photo becomes all noise."""


@dataclass(frozen=True)
class Preprocessing:
    """What is done to the pixels of a part before a network sees them."""

    size: int
    """Side of the network's square input in pixels."""
    padding: Padding = "gray"
    """What FWD pads the square with; `none` stretches the part to the square instead."""
    gamma: float = 1.0
    """Gamma correction: values (0 to 1) are raised to 1/gamma; 1 changes nothing, more brightens."""
    auto_contrast: float | None = None
    """Per cent of the darkest and of the brightest pixels that auto-contrast clips; None for no auto-contrast."""
    mean: RGB = IMAGENET_MEAN
    """Subtracted from each channel (0 to 1)."""
    std: RGB = IMAGENET_STD
    """Divides each channel after the mean was subtracted."""

    def __post_init__(self) -> None:
        require(
            8 <= self.size <= LARGEST_SIDE,
            f"size lies between 8 and {LARGEST_SIDE} pixels, not at {self.size}",
        )
        require(0 < self.gamma <= _MOST_GAMMA, f"gamma is above 0 and at most {_MOST_GAMMA}, not {self.gamma}")
        require(
            self.auto_contrast is None or 0 <= self.auto_contrast < 50,
            f"auto-contrast clips 0 to 50 % at each end, not {self.auto_contrast}",
        )
        require(
            all(0 <= value <= 1 for value in self.mean),
            f"mean lies between 0 and 1 in each channel, not at {self.mean}",
        )
        require(
            all(_LEAST_STD <= value <= 1 for value in self.std),
            f"std lies between {_LEAST_STD} and 1 in each channel, not at {self.std}",
        )

    def tone_and_scale(self, part: Pixels) -> Pixels:
        """Apply gamma and auto-contrast, and scale the part to a long side of `size`."""
        return self.scale(self.tone(part))

    def tone(self, part: Pixels) -> Pixels:
        """Apply gamma and auto-contrast to a part, uint8 (H, W, 3)."""
        return auto_contrast(gamma_correction(part, self.gamma), self.auto_contrast)

    def scale(self, toned: Pixels) -> Pixels:
        """Scale a part to a long side of `size`; without padding it is stretched to `size` x `size`.

        Args:
            toned: uint8 (H, W, 3).

        Returns:
            uint8 (h, w, 3) with max(h, w) = `size`.
        """
        height, width = toned.shape[:2]
        if self.padding == "none":
            return resize(toned, self.size, self.size)
        ratio = self.size / max(height, width)
        return resize(toned, max(1, round(width * ratio)), max(1, round(height * ratio)))

    def frame(self, scaled: Pixels) -> tuple[Pixels, Placement]:
        """FWD: the square the network sees, uint8 (`size`, `size`, 3), and where the part lies in it."""
        square, placement = pad_to_square(scaled, self.padding)
        return resize(square, self.size, self.size), placement

    def normalised(self, framed: Pixels) -> NDArray[np.float32]:
        """Framed pixels, uint8 (`size`, `size`, 3), as a network's input, float32 (3, `size`, `size`)."""
        import cv2  # here, because cards are read without it

        values = _normalised_values(self.mean, self.std)
        planes = np.empty((3, *framed.shape[:2]), np.float32)
        for channel, plane in enumerate(cv2.split(framed)):
            cv2.LUT(plane, values[channel], planes[channel])
        return planes

    def __call__(self, part: Pixels) -> Prepared:
        """The prepared part, with sentences on what was done."""
        framed, placement = self.frame(self.tone_and_scale(part))
        return Prepared(self.normalised(framed), placement, self._sentences(part))

    def _sentences(self, part: Pixels) -> tuple[str, ...]:
        done = []
        if self.gamma != 1:
            done.append(f"gamma correction: values raised to 1/{self.gamma:g}")
        if self.auto_contrast is not None:
            done.append(f"auto-contrast: {self.auto_contrast:g} % clipped at each end")
        framing = "stretched to the square" if self.padding == "none" else f"FWD padding {self.padding}"
        done.append(f"{part.shape[1]} x {part.shape[0]} to {self.size} x {self.size} pixels, {framing}")
        done.append(f"normalised with mean {_listed(self.mean)}, std {_listed(self.std)}")
        return tuple(done)


@dataclass(frozen=True)
class Prepared:
    """A part as the network sees it.

    Attributes:
        values: float32 (3, size, size), normalised.
        placement: Where the part lies in the square.
        sentences: What was done to the pixels, in order.
    """

    values: NDArray[np.float32]
    placement: Placement
    sentences: tuple[str, ...]


@cache
def _normalised_values(mean: RGB, std: RGB) -> NDArray[np.float32]:
    """What each of the 256 values of a channel becomes, (3, 256)."""
    levels = np.arange(256, dtype=np.float32) / np.float32(255)
    return (levels - np.array(mean, np.float32)[:, None]) / np.array(std, np.float32)[:, None]


def gamma_correction(pixels: Pixels, gamma: float) -> Pixels:
    """uint8 pixels with their values (as 0 to 1) raised to 1/gamma."""
    if gamma == 1:
        return pixels
    curve = np.round(255 * (np.arange(256) / 255) ** (1 / gamma)).astype(np.uint8)
    return curve[pixels]


def auto_contrast(pixels: Pixels, clipped: float | None) -> Pixels:
    """Stretch luminance to the full range, ignoring `clipped` per cent at each end; hue is kept."""
    if clipped is None:
        return pixels
    return np.asarray(ImageOps.autocontrast(Image.fromarray(pixels), cutoff=clipped, preserve_tone=True))


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Antialiased bicubic resampling of uint8 (H, W, 3) to (height, width, 3)."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def at_most(pixels: Pixels, long_side: int) -> Pixels:
    """A picture (H, W, 3) with no side longer than so many pixels."""
    height, width = pixels.shape[:2]
    ratio = min(1.0, long_side / max(height, width))
    return resize(pixels, max(1, round(width * ratio)), max(1, round(height * ratio)))


def _listed(values: RGB) -> str:
    return ", ".join(f"{value:g}" for value in values)
