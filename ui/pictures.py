"""From pixels to pictures inside the page: lossless, and never stored on the server's disk."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.drawing import difference_picture, element_picture, lay_over, layer, numbered, overlay, picture
from inference.files import jpeg_bytes
from inference.preprocessing import at_most
from inference.records import Comparison, Crop, Deviation, Exhibit, Heatmap, Placement, Verdict, WitnessName
from inference.reference.edges import local_contrast
from ui.markup import data_address

Pixels = NDArray[np.uint8]

LONG_SIDE = 1000
"""Long side, in pixels, above which a picture on the page is reduced."""

AREA_SIDE, MOST_ENLARGED = 260, 6
"""Longest side of an enlarged key area in pixels, and how many times one is enlarged at most."""

OPACITY = 0.6
"""Opacity of a heatmap at full scale, where the slider starts and in the saved overlay."""


@dataclass(frozen=True)
class EvidencePictures:
    """An examined part or mark and its heatmap, as data addresses of PNG pictures.

    Attributes:
        part: The examined part or mark.
        layer: The heatmap's colours, each as opaque as `overlay` would make it at full opacity.
        colours: The heatmap's colours alone.
        heatmap: The heatmap with its colour bar, for saving.
        overlay: Both, at `OPACITY`, for saving.
        width: Width of the part on the page, in pixels.
        height: Its height.
    """

    part: str
    layer: str
    colours: str
    heatmap: str
    overlay: str
    width: int
    height: int


def evidence_pictures(seen: Pixels, heatmap: Heatmap) -> EvidencePictures:
    """The pictures of one heatmap and of the picture (H, W, 3) that it lies over."""
    part = reduced(seen)
    height, width = part.shape[:2]
    with_bar = picture(heatmap, width, height)
    shown, cover = layer(heatmap, width, height)
    alpha = np.round(255 * cover).astype(np.uint8)
    return EvidencePictures(
        part=png_address(part),
        layer=png_address(np.dstack([shown, alpha])),
        colours=png_address(with_bar[:, :width]),
        heatmap=png_address(with_bar),
        overlay=png_address(overlay(heatmap, part, OPACITY)),
        width=width,
        height=height,
    )


@dataclass(frozen=True)
class ReferencePictures:
    """A registered part, its genuine reference and the difference map, as data addresses of PNG pictures.

    Attributes:
        part: The photo as it was examined, not registered.
        registered: The part in the reference's frame.
        reference: The mean of the genuine photos.
        difference: The difference map on a fixed scale.
        width: Width of the frame in pixels.
        height: Its height.
    """

    part: str
    registered: str
    reference: str
    difference: str
    width: int
    height: int


def reference_pictures(verdict: Verdict) -> ReferencePictures | None:
    """The pictures of a part beside its reference; None for a photo view."""
    view = verdict.reference
    if view is None:
        return None
    height, width = view.registered.shape[:2]
    return ReferencePictures(
        part=png_address(reduced(verdict.exhibit.crop(verdict.crop))),
        registered=png_address(view.registered),
        reference=png_address(view.reference),
        difference=png_address(difference_picture(view)),
        width=width,
        height=height,
    )


@dataclass(frozen=True)
class NumberedPictures:
    """A registered part and its genuine reference with their key areas numbered, as data addresses of PNG pictures."""

    part: str
    genuine: str
    width: int
    height: int


def numbered_pictures(deviation: Deviation) -> NumberedPictures:
    """The pictures of a part beside a collection's reference, in one frame."""
    view, boxes = deviation.reference, [area.box for area in deviation.areas]
    height, width = view.registered.shape[:2]
    part, genuine = (png_address(numbered(one, boxes)) for one in (view.registered, view.reference))
    return NumberedPictures(part, genuine, width, height)


@dataclass(frozen=True)
class Cut:
    """An enlarged area of a picture, as data addresses of PNG pictures.

    Attributes:
        plain: As it is.
        evened: Its local contrast, without shadows and the tone of the material.
        width: Width on the page in pixels.
        height: Its height.
    """

    plain: str
    evened: str
    width: int
    height: int


@dataclass(frozen=True)
class AreaPictures:
    """A key area, enlarged, of the questioned part, of the genuine reference and, if kept, of the nearest photo."""

    number: int
    score: float
    witness: WitnessName
    questioned: Cut
    genuine: Cut
    nearest: Cut | None = None


def area_pictures(deviation: Deviation) -> list[AreaPictures]:
    """The key areas, all enlarged alike, so that the longest takes `AREA_SIDE` pixels; at most by `MOST_ENLARGED`."""
    longest = max((max(area.box.width, area.box.height) for area in deviation.areas), default=1)
    times = min(AREA_SIDE / longest, MOST_ENLARGED)
    view = deviation.reference
    nearest = [deviation.nearest.pixels] if deviation.nearest else []
    each = [(pixels, _evened(pixels)) for pixels in (view.registered, view.reference, *nearest)]
    return [
        AreaPictures(
            area.number, area.score, area.witness, *(_cut(plain, evened, area.box, times) for plain, evened in each)
        )
        for area in deviation.areas
    ]


def _evened(pixels: Pixels) -> Pixels:
    grey = np.round((local_contrast(pixels) + 3) * (255 / 6)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _cut(plain: Pixels, evened: Pixels, box: Crop, times: float) -> Cut:
    x, y, width, height = box.rectangle
    size = round(width * times), round(height * times)
    as_it_is, without_shadows = (
        Image.fromarray(one[y : y + height, x : x + width]).resize(size, Image.Resampling.BICUBIC)
        for one in (plain, evened)
    )
    return Cut(png_address(np.asarray(as_it_is)), png_address(np.asarray(without_shadows)), *size)


@dataclass(frozen=True)
class LaidOver:
    """Two marks in the frame of the first, as data addresses of PNG pictures."""

    first: str
    second: str
    width: int
    height: int


def laid_over(comparison: Comparison) -> LaidOver | None:
    """The second mark shifted, turned and resized onto the first; None if no points of the two agree."""
    moved = lay_over(*comparison.compared, comparison.agreement)
    if moved is None:
        return None
    shown = reduced(comparison.compared[0])
    return LaidOver(png_address(shown), png_address(reduced(moved)), shown.shape[1], shown.shape[0])


def element_addresses(comparison: Comparison) -> list[str]:
    """Both marks with the element of each under its heatmap, as data addresses of PNG pictures; empty without one."""
    element = comparison.element
    if element is None:
        return []
    shown = zip(comparison.seen, element.places, element.heatmaps, strict=True)
    return [png_address(reduced(element_picture(*one))) for one in shown]


@cache
def scale_strip() -> str:
    """The colours of the fixed scale, from 0 (bottom) to full scale (top), as a data address."""
    steps = np.linspace(1, 0, 256, dtype=np.float32)[:, None]
    ramp = Heatmap(steps, "", "", 1.0, Placement(0, 0, 1, 1))
    return png_address(picture(ramp, 1, 256)[:, :1])


def reduced(pixels: Pixels) -> Pixels:
    """Pixels (H, W, 3) with no side longer than `LONG_SIDE`."""
    return at_most(pixels, LONG_SIDE)


@dataclass(frozen=True)
class Shown:
    """A picture on the page: the data address of a PNG, and its size in pixels."""

    address: str
    width: int
    height: int


def shown_reduced(pixels: Pixels) -> Shown:
    """A picture (H, W, 3) as the page shows it."""
    small = reduced(pixels)
    return Shown(png_address(small), small.shape[1], small.shape[0])


def original_name(exhibit: Exhibit, crop: Crop | None) -> str:
    """By what a page asks for the whole picture of what was examined."""
    return f"{exhibit.sha256} {crop or ''}".strip()


def jpeg(pixels: Pixels) -> bytes:
    """Pixels as a JPEG."""
    return jpeg_bytes(Image.fromarray(np.ascontiguousarray(pixels)), 75)


def png_address(pixels: Pixels) -> str:
    """Pixels as the data address of a PNG."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", compress_level=3)
    return data_address("image/png", file.getvalue())
