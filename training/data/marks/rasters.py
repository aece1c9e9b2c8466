"""Drawings as pictures."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from inference.files import png_bytes, write_whole
from training.data.marks.packages import Drawing
from training.data.marks.shapes import Shape

LOG = logging.getLogger(__name__)

MARGIN = 1 / 16
"""White kept on each side of the picture, as a fraction of its side."""
LONG = 1.8
"""From this proportion on a drawing is a long one, as a symbol beside a word is."""
LARGEST_CANVAS = 16
"""No drawing is rasterised on more than this many times the side it is kept at."""
WHITE, DARK_GREY = (255, 255, 255), (64, 64, 64)
"""What drawings are laid on: white, or this grey where the drawing itself is white."""


def main_colours(path: Path) -> NDArray[np.float64]:
    """Shares of 64 colours among what is drawn on a picture."""
    pixels = open_picture(path)
    drawn = pixels[np.abs(pixels.astype(int) - pixels[0, 0]).max(axis=2) > 24]
    bins = (drawn // 64).astype(int) @ np.array([16, 4, 1])
    return np.bincount(bins, minlength=64) / max(len(bins), 1)


def render(svg: str, side: int) -> NDArray[np.uint8] | None:
    """The drawing cropped to its extent and scaled so that its longer side is `side` pixels.

    What has no colour of its own (currentColor) comes out black. System fonts are not used, so that
    every machine draws the same.

    Returns:
        uint8 (h, w, 4), straight alpha; None where nothing is drawn.
    """
    canvas = 2 * side
    picture = _rasterise(svg, canvas)
    extent = _extent(picture)
    if extent is None:
        return None
    drawn = max(extent[2] - extent[0], extent[3] - extent[1])
    if drawn < side:  # a small drawing on a large sheet: never enlarge pixels
        picture = _rasterise(svg, min(LARGEST_CANVAS * side, canvas * 2 * side // drawn))
        extent = _extent(picture) or extent
    picture = picture.crop(extent)
    scale = side / max(picture.size)
    return np.asarray(
        picture.resize(
            (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))),
            Image.Resampling.LANCZOS,
        )
    )


def _rasterise(svg: str, canvas: int) -> Image.Image:
    png = resvg_py.svg_to_bytes(svg_string=svg, width=canvas, height=canvas, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def _extent(picture: Image.Image) -> tuple[int, int, int, int] | None:
    return picture.getchannel("A").point(lambda alpha: 255 * (alpha >= 16)).getbbox()


def open_picture(path: Path) -> NDArray[np.uint8]:
    """The pixels of a file."""
    with Image.open(path) as picture:
        return np.asarray(picture)


def on_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A drawing, uint8 (h, w, 4), laid on white, uint8 (h, w, 3)."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    return np.round(alpha * rgba[..., :3] + 255 * (1 - alpha)).astype(np.uint8)


def render_all(drawings: Sequence[Drawing], folder: Path, size: int) -> list[Drawing]:
    """Render what is not rendered yet, and return the drawings that show anything."""
    side = round(size * (1 - 2 * MARGIN))
    shown = []
    for drawing in tqdm(drawings, desc="rendering", unit="mark"):
        path = folder / f"{drawing.stem}.png"
        if not path.exists():
            rgba = render(drawing.svg, side)
            if rgba is None:
                LOG.info("%s is blank and left out", drawing.stem)
                continue
            write_whole(path, png_bytes(Image.fromarray(rgba)))
        shown.append(drawing)
    return shown


def drawn_large(svg: str, size: int) -> NDArray[np.uint8] | None:
    """A drawing for a picture of that side; one that is wide or tall is drawn larger, so that its parts can be seen."""
    side = round(size * (1 - 2 * MARGIN))
    rgba = render(svg, side)
    if rgba is None or max(rgba.shape[:2]) < LONG * min(rgba.shape[:2]):
        return rgba
    return render(svg, 2 * side)


def framed(rgba: NDArray[np.uint8], size: int, shape: Shape) -> Image.Image:
    """The drawing in the middle of an RGB picture, on white or, where it is white itself, on grey.

    The picture is a square of that side, or as much larger as the drawing needs.
    """
    drawing = Image.fromarray(rgba)
    across, down = (max(size, side + 2 * round(size * MARGIN)) for side in drawing.size)
    if max(across, down) > size:
        across, down = (side + 2 * round(size * MARGIN) for side in drawing.size)
    picture = Image.new("RGB", (across, down), DARK_GREY if shape.white else WHITE)
    picture.paste(drawing, ((across - drawing.width) // 2, (down - drawing.height) // 2), drawing)
    return picture
