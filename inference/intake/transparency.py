"""What transparent pixels are laid on: the ground from which the visible ones stand out most."""

from __future__ import annotations

from typing import get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.intake.notes import Notes
from inference.records import Ground, Refusal

GROUNDS: dict[Ground, int] = {"white": 255, "black": 0, "grey": 176}
"""The sRGB level of each ground, in the order in which they are preferred.

The grey is not the middle one: black lies 176 levels from it and white 79, so that parts in black and
in white differ in their distance from the ground as well.
"""

FAINTEST = 0.02
"""Share of what is visible that may be fainter than the measure of standing out: stray pixels of an edge."""

PLAIN = 128
"""Levels from the ground beyond which a colour stands out no better: half of the full scale."""

AS_GOOD = 16
"""Levels within which two grounds are as good as each other."""


def check_ground(ground: str | None) -> None:
    """Raise a Refusal unless the ground is None or one of those that there are."""
    if ground is not None and ground not in get_args(Ground):
        msg = f"The ground {ground!r} is not one of white, black and grey; choose one of these, or none."
        raise Refusal(msg)


def lay_on_ground(
    colours: NDArray[np.uint8], alpha: NDArray[np.uint8], asked: Ground | None, notes: Notes
) -> tuple[NDArray[np.uint8], Ground | None]:
    """The picture without transparency.

    Args:
        colours: uint8 (H, W, 3), sRGB, not multiplied by the alpha values.
        alpha: uint8 (H, W); 0 is transparent, 255 opaque.
        asked: The ground the examiner chose, or None to find it here.
        notes: Where it is written down.

    Returns:
        uint8 (H, W, 3), and the ground; None where nothing is transparent and nothing was done.
    """
    if alpha.min() == 255:
        return colours, None
    ground = asked or ground_that_shows_most(colours, alpha)
    why = "as the examiner chose" if asked else "from which the picture stands out most"
    notes.conversions.append(f"Transparent pixels were laid on {ground}, {why}.")
    if not alpha.any():
        notes.warnings.append("Every pixel of the picture is transparent: nothing in it is visible.")
    laid = Image.new("RGB", (colours.shape[1], colours.shape[0]), (GROUNDS[ground],) * 3)
    laid.paste(Image.fromarray(colours), mask=Image.fromarray(alpha))
    return np.asarray(laid), ground


def ground_that_shows_most(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> Ground:
    """The first ground that no other surpasses, in the order of preference.

    Each is measured by how far from it the faintest of the visible pixels lie, see `_standing_out`.
    """
    red, green, blue = cv2.split(colours)
    highest, lowest = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    plain = {}
    for ground, level in GROUNDS.items():
        far = np.abs(np.arange(256) - level).astype(np.uint8)
        plain[ground] = _standing_out(np.maximum(far[highest], far[lowest]), alpha)
    return next(ground for ground, levels in plain.items() if levels >= max(plain.values()) - AS_GOOD)


def _standing_out(differences: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> int:
    """Levels by which nearly all that is visible differs from a ground, at most `PLAIN`.

    The differences are those of the channel that differs most; each pixel counts by its opacity.
    """
    counts = cv2.calcHist([differences, alpha], [0, 1], None, [256, 256], [0, 256, 0, 256])
    shares = (counts.astype(np.float64) @ np.arange(256)).cumsum()
    return min(PLAIN, int(np.searchsorted(shares, FAINTEST * shares[-1], side="right")))
