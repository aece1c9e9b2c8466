"""Unequal resolution: pixels that are not square, as in a fax, are made square."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from inference.intake.gif import pixel_aspect
from inference.intake.isobmff import MainPicture
from inference.intake.jpeg import jfif_density
from inference.intake.metadata import Metadata
from inference.intake.notes import Notes
from inference.intake.png import chunks

LARGEST_RATIO = 4
"""Largest ratio of the two resolutions that is believed; the coarsest fax has 2.1."""

AS_EQUAL = 0.01
"""Share by which the two may differ and still count as equal: rounding to whole numbers makes them differ."""


def stated_resolution(
    data: bytes, container: str, main: MainPicture, metadata: Metadata, notes: Notes
) -> tuple[float, float]:
    """Pixels a unit of length, across and down the upright picture; (1, 1) if none or absurd ones are stated."""
    stated = _stored_resolution(data, container, main, metadata)
    if stated is None or stated == (0, 0):
        return 1, 1
    across, down = stated
    possible = min(stated) > 0 and all(map(math.isfinite, stated))
    if not possible or max(stated) / min(stated) > LARGEST_RATIO:
        notes.warnings.append(f"The file states an absurd resolution, {across:g} x {down:g}, which was ignored.")
        return 1, 1
    on_its_side = main.is_on_its_side if container in ("HEIF", "AVIF") else metadata.is_on_its_side
    return (down, across) if on_its_side else (across, down)


def squared_size(width: int, height: int, resolution: tuple[float, float]) -> tuple[int, int]:
    """Width and height after the coarser axis was stretched to the resolution of the finer one."""
    across, down = resolution
    if abs(across / down - 1) <= AS_EQUAL:
        return width, height
    return round(width * max(1, down / across)), round(height * max(1, across / down))


def squared(pixels: NDArray[np.uint8], resolution: tuple[float, float], notes: Notes) -> NDArray[np.uint8]:
    """The picture (H, W, 3) with square pixels; it is only stretched, so that no detail is lost."""
    height, width = pixels.shape[:2]
    size = squared_size(width, height, resolution)
    if size == (width, height):
        return pixels
    axis, before, after = ("height", height, size[1]) if size[0] == width else ("width", width, size[0])
    across, down = resolution
    notes.conversions.append(
        f"The {axis} was stretched from {before} to {after} pixels, as the file states {across:g} x {down:g} pixels "
        "a unit of length, across and down."
    )
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def _stored_resolution(
    data: bytes, container: str, main: MainPicture, metadata: Metadata
) -> tuple[float, float] | None:
    """The stored resolution, across and down: by the container, else by EXIF."""
    if container == "JPEG":
        own: tuple[float, float] | None = jfif_density(data)
    elif container == "PNG":
        own = _physical_pixels(data)
    elif container == "BMP":
        own = struct.unpack_from("<ii", data, 38) if data[14:18] >= b"\x28\0\0\0" and len(data) >= 46 else None
    elif container == "GIF":
        own = pixel_aspect(data)
    else:
        own = main.pixel and (main.pixel[1], main.pixel[0])
    return own or _tagged(metadata.tags)


def _physical_pixels(data: bytes) -> tuple[int, int] | None:
    content = next((content for kind, content, _ in chunks(data) if kind == b"pHYs"), b"")
    return struct.unpack_from(">II", content) if len(content) >= 8 else None


def _tagged(tags: dict[int, Any]) -> tuple[float, float] | None:
    across, down = tags.get(ExifTags.Base.XResolution), tags.get(ExifTags.Base.YResolution)
    if across is None or down is None:
        return None
    try:
        return float(across), float(down)
    except (TypeError, ValueError, ZeroDivisionError):
        return math.nan, math.nan
