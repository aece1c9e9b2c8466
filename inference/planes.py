"""A part in the forms that several looks at it share, each made once."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Plane = NDArray[np.uint8]

NEAR_SIDE = 896
"""Least pixels on the long side of a part that was reduced to be near the sizes at which it is looked at."""


class Planes:
    """The pixels of a part, and what is made of them when it is first asked for.

    Args:
        pixels: uint8 (H, W, 3), which nobody changes.
    """

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels

    @cached_property
    def grey(self) -> Plane:
        """Luminance, uint8 (H, W)."""
        return np.asarray(cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY), np.uint8)

    @cached_property
    def channels(self) -> tuple[Plane, Plane, Plane]:
        """Red, green and blue, uint8 (H, W) each."""
        red, green, blue = (cv2.extractChannel(self.pixels, channel) for channel in range(3))
        return np.asarray(red, np.uint8), np.asarray(green, np.uint8), np.asarray(blue, np.uint8)

    @cached_property
    def near(self) -> Pixels:
        """The part for looks at up to half of `NEAR_SIDE`: reduced by a whole number to a long side of that or more.

        A part of less than twice `NEAR_SIDE` is left as it is. What is made of a larger one is made of a few hundred
        thousand pixels in place of many millions, and differs by rounding.
        """
        height, width = self.pixels.shape[:2]
        times = max(height, width) // NEAR_SIDE
        if times < 2:
            return self.pixels
        size = max(1, round(width / times)), max(1, round(height / times))
        return np.asarray(cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
