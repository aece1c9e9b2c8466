"""Scenes as a locator sees them in training: turned by quarters, zoomed, cut to a square, in another light.

A part is never mirrored, since no photo shows it so; and no view cuts one in half, since half a part is neither a part
nor none.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.data.degradations import blurred, exposed, jpeg, noisy, resized, tinted

Pixels = NDArray[np.uint8]
Boxes = NDArray[np.float32]

_GREY = (128, 128, 128)
_ZOOM = (0.7, 1.25)
_TRIES = 10
_WHOLE, _GONE = 0.8, 0.04
_WORSE = 0.5


class View(NamedTuple):
    """A picture, uint8 (S, S, 3), the boxes (n, 4) of the parts in it, and which of the scene's parts they are (n,)."""

    pixels: Pixels
    boxes: Boxes
    kept: NDArray[np.intp]


def draw_view(pixels: Pixels, boxes: Boxes, side: int, long_side: int, rng: Generator) -> View:
    """One random view of a scene, in the scene's own light.

    Args:
        pixels: The scene, uint8 (H, W, 3).
        boxes: Of its parts, in its pixels (n, 4).
        side: Side of the view in pixels.
        long_side: Long side of the scene as the locator sees it in use; views show it a little larger or smaller.
        rng: What all of it is drawn from.
    """
    pixels, boxes = turned(pixels, boxes, int(rng.integers(4)))
    for _ in range(_TRIES):
        zoom = long_side * float(np.exp(rng.uniform(*np.log(_ZOOM)))) / max(pixels.shape[:2])
        view, shares = _cut(pixels, boxes, side, zoom, rng)
        if ((shares >= _WHOLE) | (shares <= _GONE)).all():
            break
    else:
        view, shares = _cut(pixels, boxes, side, side / max(pixels.shape[:2]), rng)
    kept = np.flatnonzero(shares >= _WHOLE)
    return View(view.pixels, view.boxes[kept], kept)


def turned(pixels: Pixels, boxes: Boxes, quarters: int) -> tuple[Pixels, Boxes]:
    """A picture and its boxes, turned counter-clockwise by so many quarters."""
    for _ in range(quarters):
        width = pixels.shape[1]
        pixels = np.rot90(pixels)
        left, top, right, bottom = boxes.T
        boxes = np.stack([top, width - right, bottom, width - left], 1)
    return np.ascontiguousarray(pixels), boxes


def _cut(pixels: Pixels, boxes: Boxes, side: int, zoom: float, rng: Generator) -> tuple[View, NDArray[np.float32]]:
    """A square out of the zoomed scene, mid-grey where it reaches beyond; and the share of each box that is in it."""
    height, width = pixels.shape[:2]
    across, down = width * zoom, height * zoom
    left, top = (rng.uniform(min(0, extent - side), max(0, extent - side)) for extent in (across, down))
    if zoom < 1:
        small = max(1, round(width * zoom)), max(1, round(height * zoom))
        pixels = np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), np.uint8)
    scale = across / pixels.shape[1], down / pixels.shape[0]
    into = np.array([[scale[0], 0, -left], [0, scale[1], -top]])
    square = cv2.warpAffine(pixels, into, (side, side), flags=cv2.INTER_LINEAR, borderValue=_GREY)
    moved = boxes * np.float32(zoom) - np.array([left, top, left, top], np.float32)
    inside = moved.clip(0, side)
    shares = (_areas(inside) / np.maximum(_areas(moved), 1e-6)).astype(np.float32)
    return View(np.asarray(square, np.uint8), inside, np.arange(len(boxes))), shares


def _areas(boxes: Boxes) -> NDArray[np.float32]:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def vary_light(pixels: Pixels, rng: Generator) -> Pixels:
    """Another exposure, white balance and saturation; on half of the pictures, also something that makes it worse."""
    pixels = exposed(pixels, float(np.exp(rng.uniform(-0.5, 0.5))))
    pixels = tinted(pixels, float(np.exp(rng.uniform(-0.2, 0.2))))
    grey = pixels.mean(2, keepdims=True, dtype=np.float32)
    pixels = np.clip(grey + (pixels - grey) * rng.uniform(0.5, 1.4), 0, 255).astype(np.uint8)
    if rng.uniform() >= _WORSE:
        return pixels
    match rng.choice(["jpeg", "resized", "blurred", "noisy"]):
        case "jpeg":
            return jpeg(pixels, rng.uniform(30, 95))
        case "resized":
            return resized(pixels, rng.uniform(0.4, 0.9))
        case "blurred":
            return blurred(pixels, rng.uniform(0.5, 3))
        case _:
            return noisy(pixels, rng.uniform(2, 15), rng)
