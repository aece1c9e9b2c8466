"""FWD: a part is padded to a square before it is scaled, so that letters keep their shape.

Source: KAG-MTLN paper, section 3.5 and Fig. 8.
"""

from __future__ import annotations

import zlib
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.records import Placement

Padding = Literal["none", "black", "white", "gray", "random", "uniform"]
Pixels = NDArray[np.uint8]
_FIXED_COLOURS = {"black": (0, 0, 0), "white": (255, 255, 255), "gray": (128, 128, 128)}


def pad_to_square(pixels: Pixels, padding: Padding) -> tuple[Pixels, Placement]:
    """FWD: pad a picture to a centred square, so that scaling does not deform letters.

    `random` draws one colour from the picture's own bytes, so that a picture always gets the same
    padding; `uniform` fills each side with the mean colour of the edge it continues.

    Args:
        pixels: uint8 (H, W, 3).
        padding: The colour; `none` returns the picture as it is.

    Returns:
        uint8 (S, S, 3) with S = max(H, W), and where the picture lies in it.

    Source: KAG-MTLN paper, section 3.5 and Fig. 8.
    """
    height, width = pixels.shape[:2]
    side = max(height, width)
    if padding == "none" or height == width:
        return pixels, Placement(0, 0, 1, 1)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.empty((side, side, 3), np.uint8)
    before, after = _padding_colours(pixels, padding)
    if height < width:
        square[:top], square[top + height :] = before, after
    else:
        square[:, :left], square[:, left + width :] = before, after
    square[top : top + height, left : left + width] = pixels
    return square, Placement(left / side, top / side, width / side, height / side)


def _padding_colours(pixels: Pixels, padding: Padding) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Colours before (top or left of) and after (bottom or right of) the picture."""
    if padding == "uniform":
        wide = pixels.shape[0] < pixels.shape[1]
        edges = (pixels[0], pixels[-1]) if wide else (pixels[:, 0], pixels[:, -1])
        first, last = (np.round(edge.mean(axis=0)).astype(np.uint8) for edge in edges)
        return first, last
    if padding == "random":
        seed = zlib.crc32(np.ascontiguousarray(pixels).tobytes())
        colour = np.random.default_rng(seed).integers(0, 256, 3, dtype=np.uint8)
    else:
        colour = np.array(_FIXED_COLOURS[padding], np.uint8)
    return colour, colour
