"""The ground under transparent pixels: by default the one from which the visible pixels stand out most."""

from __future__ import annotations

from typing import get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.intake.notes import Notes
from inference.records import Ground, Refusal

GROUNDS: dict[Ground, int] = {"white": 255, "black": 0, "grey": 176}
"""The sRGB level of each ground, in order of preference.

The grey is not the middle grey: black lies 176 levels from it and white 79, so that black and white areas
also differ in their distance from the ground.
"""

FAINTEST = 0.02
"""Share of the visible pixels that may be fainter than measured, such as single pixels of an edge."""

PLAIN = 128
"""Levels from the ground beyond which a colour does not stand out better: half of the full scale."""

AS_GOOD = 16
"""Levels within which two grounds count as equally good."""


def check_ground(ground: str | None) -> None:
    """Check a ground.

    Raises:
        Refusal: unless it is None, white, black or grey.
    """
    if ground is not None and ground not in get_args(Ground):
        msg = f"The ground {ground!r} is not white, black or grey; choose one of these, or none."
        raise Refusal(msg)


def lay_on_ground(
    colours: NDArray[np.uint8], alpha: NDArray[np.uint8], asked: Ground | None, notes: Notes
) -> tuple[NDArray[np.uint8], Ground | None]:
    """The picture without transparency.

    Args:
        colours: uint8 (H, W, 3), sRGB, not multiplied by the alpha values.
        alpha: uint8 (H, W); 0 is transparent, 255 opaque.
        asked: The examiner's choice, or None for the ground that shows most.
        notes: Record of the conversion.

    Returns:
        uint8 (H, W, 3), and the ground; None if nothing is transparent, so that nothing was done.
    """
    if alpha.min() == 255:
        return colours, None
    ground = asked or ground_that_shows_most(colours, alpha)
    why = "as the examiner chose" if asked else "from which the picture stands out most"
    notes.conversions.append(f"Transparent pixels were laid on {ground}, {why}.")
    if not alpha.any():
        notes.warnings.append("Every pixel of the picture is transparent, so that nothing in it is visible.")
    laid = Image.new("RGB", (colours.shape[1], colours.shape[0]), (GROUNDS[ground],) * 3)
    laid.paste(Image.fromarray(colours), mask=Image.fromarray(alpha))
    return np.asarray(laid), ground


def ground_that_shows_most(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> Ground:
    """The ground from which the visible pixels stand out most; of equals, the first in order of preference.

    A ground is measured by its distance from the faintest visible pixels, see `_standing_out`.
    """
    red, green, blue = cv2.split(colours)
    highest, lowest = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    plain = {}
    for ground, level in GROUNDS.items():
        far = np.abs(np.arange(256) - level).astype(np.uint8)
        plain[ground] = _standing_out(np.maximum(far[highest], far[lowest]), alpha)
    return next(ground for ground, levels in plain.items() if levels >= max(plain.values()) - AS_GOOD)


def _standing_out(differences: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> int:
    """Levels by which nearly all visible pixels differ from a ground, at most `PLAIN`.

    `differences` holds the channel that differs most; each pixel is weighed by its opacity.
    """
    counts = cv2.calcHist([differences, alpha], [0, 1], None, [256, 256], [0, 256, 0, 256])
    shares = (counts.astype(np.float64) @ np.arange(256)).cumsum()
    return min(PLAIN, int(np.searchsorted(shares, FAINTEST * shares[-1], side="right")))
