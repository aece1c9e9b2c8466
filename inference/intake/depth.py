"""Sample formats and palettes: from stored values to 8 bits a channel."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

from inference.intake.notes import ExhibitRefused, Notes

_BAND = 256
_DEEP_CHANNELS = re.compile(r"(?:LA|RGB|RGBX|RGBA|RGBa|CMYK);16[BLN]")


def raw_mode(stored: ImageFile.ImageFile) -> str:
    """How the file packs a pixel; Pillow knows it only until the pixels are loaded."""
    if not stored.tile:
        return ""
    args = stored.tile[0].args
    return str(args[0]) if isinstance(args, tuple) and args else str(args)


def to_eight_bits(image: Image.Image, raw_mode: str, bits: int, notes: Notes) -> Image.Image:
    """8 bits a channel, by scaling; Pillow's own conversion of grey would clip.

    Args:
        image: The decoded picture.
        raw_mode: How the file packs a pixel, see `raw_mode`.
        bits: Bits of a channel before decoding, if boxes of the file state them; else 8.
        notes: Record of the conversions.

    Raises:
        ExhibitRefused: if nothing states how the values are to be shown.
    """
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        depth = 16 if _DEEP_CHANNELS.fullmatch(raw_mode) else bits
        if depth > 8:
            notes.conversions.append(f"{depth}-bit channels were reduced to 8 bits by the decoder.")
            _reduce_clear_colour(image, notes)
        return image
    values = np.asarray(image)
    full_scale = _full_scale(values, image.mode, raw_mode, notes)
    notes.conversions.append(f"Grey values were scaled to 8 bits, {full_scale} becoming 255.")
    scaled = np.rint(values * np.float32(255 / full_scale)).astype(np.uint8)
    if (
        isinstance(image, TiffImagePlugin.TiffImageFile)
        and image.tag_v2.get(ExifTags.Base.PhotometricInterpretation) == 0
    ):
        notes.conversions.append("Grey values were inverted, as the file stores white as zero.")
        scaled = 255 - scaled
    eight_bits = Image.fromarray(scaled)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        eight_bits.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return eight_bits


def _reduce_clear_colour(image: Image.Image, notes: Notes) -> None:
    """Reduce the transparent colour of a PNG to the depth of its pixels."""
    clear = image.info.get("transparency")
    if isinstance(clear, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in clear)
        notes.warnings.append("The transparent colour was matched by the upper 8 of its 16 bits.")


def _full_scale(values: NDArray[Any], mode: str, raw_mode: str, notes: Notes) -> int:
    """The value of white: 12- and 16-bit files state it; else the smallest usual value that fits."""
    if mode.startswith("I;16"):
        return 4095 if raw_mode == "I;12" else 65535
    lowest, highest = values.min(), values.max()
    for full_scale in (1, 255, 65535):
        if lowest >= 0 and highest <= full_scale:
            return full_scale
    msg = (
        f"{notes.name} has pixel values that are undefined or outside 0 to 65535, and does not state how to show "
        "them; hand in an 8- or 16-bit copy."
    )
    raise ExhibitRefused(msg)


def expand(image: Image.Image, notes: Notes) -> Image.Image:
    """The picture as full grey, RGB, CMYK or CIELAB; grey and RGB keep an alpha channel."""
    if image.mode in ("P", "PA"):
        notes.conversions.append("Palette entries were replaced by their colours.")
    if image.mode == "1":
        notes.conversions.append("Black and white were written as 0 and 255.")
    if image.has_transparency_data:
        return in_mode(image, "LA" if image.mode in ("1", "L", "LA") else "RGBA")
    if image.mode in ("L", "CMYK", "LAB"):
        return image
    return in_mode(image, "L" if image.mode == "1" else "RGB")


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """The picture in a mode; the same object if it already has that mode."""
    return image if image.mode == mode else image.convert(mode)


def pixels_of(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of an RGB picture, uint8 (H, W, 3); read in bands, since Pillow copies them twice."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _BAND):
        bottom = min(top + _BAND, image.height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return pixels
