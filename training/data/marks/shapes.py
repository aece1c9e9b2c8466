"""The shape of a drawing, freed of place, size and tile, and how far two shapes lie over each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

SHAPE_SIDE = 64
"""Side of the squares in which silhouettes and contours are compared, in pixels."""


@dataclass(frozen=True)
class Shape:
    """What a drawing shapes like, as far as families are concerned.

    Attributes:
        silhouette: bool (64, 64), the mark without its tile, cropped to its extent and centred.
        contours: float32 (4096,), where colours change in the mark without its tile, zero mean and unit
            length: the dot product of two is their correlation.
        coloured: Whether it has a hue at all.
        white: Whether it would be lost on white paper.
    """

    silhouette: NDArray[np.bool_]
    contours: NDArray[np.float32]
    coloured: bool
    white: bool


def shape_of(rgba: NDArray[np.uint8]) -> Shape:
    """What a rendered drawing, uint8 (h, w, 4) with something drawn, shapes like."""
    drawn = rgba[..., 3] >= 128
    if not drawn.any():  # nothing but thin or faint lines
        drawn = rgba[..., 3] >= 16
    colours = rgba[drawn][:, :3].astype(np.int16)
    coloured = bool((np.ptp(colours, axis=1) > 40).mean() > 0.02)
    white = bool((colours.min(axis=1) > 215).mean() > 0.5)
    mark = _off_tile(rgba)
    if mark is not None:
        white = False
        drawn = mark
        rgba = np.where(mark[..., None], rgba | np.array([0, 0, 0, 255], np.uint8), np.uint8(0))
    silhouette = _squared(Image.fromarray(drawn).convert("L")) >= 128
    return Shape(silhouette, _contours(rgba), coloured, white)


def _off_tile(rgba: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """The mark on a tile: what differs from the tile's colour; None where the drawing is no tile.

    A tile is a (rounded) square whose colour runs evenly along its edge. A disc is none: it is as
    often the mark itself as its ground.
    """
    height, width = rgba.shape[:2]
    hull = _filled(rgba[..., 3] >= 128)
    if min(height, width) < 0.9 * max(height, width) or hull.mean() < 0.9:
        return None
    inset = max(1, round(0.04 * max(height, width)))
    edge = np.zeros((height, width), bool)
    edge[[inset, -inset - 1], width // 4 : -(width // 4)] = True
    edge[height // 4 : -(height // 4), [inset, -inset - 1]] = True
    # A plane through the edge's colours: the ground may be a gradient.
    y, x = np.mgrid[:height, :width]
    plane = np.stack([np.ones_like(x), x / width, y / height], axis=-1)
    ground = plane @ np.linalg.lstsq(plane[edge], rgba[edge].astype(float), rcond=None)[0]
    difference = np.abs(rgba - ground).max(axis=2)
    if (difference[edge] <= 24).mean() < 0.95 or (rgba[edge][:, 3] >= 128).mean() < 0.95:
        return None
    # The tile's own soft rim is no part of the mark.
    shrunk = Image.fromarray(np.pad(hull, inset)).convert("L").filter(ImageFilter.MinFilter(2 * inset + 1))
    mark = (np.asarray(shrunk)[inset:-inset, inset:-inset] > 0) & (difference > 48)
    return mark if mark.mean() > 0.01 else None


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with its holes closed: what lies between drawn pixels both across and down."""
    across = np.logical_or.accumulate(mask, 1) & np.logical_or.accumulate(mask[:, ::-1], 1)[:, ::-1]
    down = np.logical_or.accumulate(mask, 0) & np.logical_or.accumulate(mask[::-1], 0)[::-1]
    return across & down


def _squared(picture: Image.Image) -> NDArray[np.uint8]:
    """The picture cropped to its extent, centred in SHAPE_SIDE squared with its aspect kept."""
    picture = picture.crop(picture.getbbox())
    scale = SHAPE_SIDE / max(picture.size)
    width, height = (max(1, round(length * scale)) for length in picture.size)
    square = Image.new(picture.mode, (SHAPE_SIDE, SHAPE_SIDE))
    square.paste(
        picture.resize((width, height), Image.Resampling.BOX),
        ((SHAPE_SIDE - width) // 2, (SHAPE_SIDE - height) // 2),
    )
    return np.asarray(square)


def _contours(rgba: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Where any channel changes, softened by a pixel, as a vector of zero mean and unit length."""
    square = _squared(Image.fromarray(rgba)).astype(np.float32)
    square[..., :3] *= square[..., 3:] / 255
    square = np.pad(square, ((1, 0), (1, 0), (0, 0)))
    across = np.abs(np.diff(square, axis=1))[1:].max(axis=2)
    down = np.abs(np.diff(square, axis=0))[:, 1:].max(axis=2)
    lines = Image.fromarray(np.maximum(across, down) > 24).convert("L").filter(ImageFilter.GaussianBlur(1))
    vector = np.asarray(lines, np.float32).ravel()
    vector -= vector.mean()
    return vector / max(float(np.linalg.norm(vector)), 1.0)


def overlaps(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Intersection over union of every mask of `first` with every one of `second`.

    Args:
        first: bool (n, ...).
        second: bool (m, ...), masks of the same shape.

    Returns:
        float32 (n, m), 0 to 1; two empty masks have 0.
    """
    a = first.reshape(len(first), -1).astype(np.float32)
    b = second.reshape(len(second), -1).astype(np.float32)
    both = a @ b.T
    either = a.sum(1)[:, None] + b.sum(1)[None, :] - both
    return both / np.maximum(either, 1)
