"""Colours: from the colour space that a file states to sRGB."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from inference.intake.depth import in_mode
from inference.intake.notes import Notes, as_text
from inference.intake.rgb_space import RgbSpace
from inference.intake.stated_colour import StatedColour

# A grid over the whole RGB cube: a profile that keeps these colours keeps those of any picture.
_COLOUR_CUBE = Image.fromarray(
    np.stack(np.meshgrid(*[np.linspace(0, 255, 9)] * 3), axis=-1).reshape(27, 27, 3).astype(np.uint8)
)


def to_srgb(colours: Image.Image, stated: StatedColour, notes: Notes) -> Image.Image:
    """Convert L, RGB, CMYK or LAB to sRGB, by the colour space that the file states if it fits the pixels."""
    if colours.mode == "LAB":
        notes.conversions.append("Colours were converted from CIELAB to sRGB.")
        return _transform_to_srgb(ImageCms.createProfile("LAB"), "LAB").apply(colours)
    if stated.profile:
        converted = _by_profile(colours, stated.profile, notes)
        if converted is not None:
            return converted
    if colours.mode == "CMYK":
        notes.conversions.append("Colours were converted from CMYK to sRGB by the plain formula.")
        notes.warnings.append("The file has no usable profile for its CMYK inks; its colours are approximate.")
    if colours.mode == "L":
        notes.conversions.append("Grey was repeated in red, green and blue.")
    if stated.space and colours.mode != "CMYK":
        return _by_space(in_mode(colours, "RGB"), stated.space, notes)
    return in_mode(colours, "RGB")


def _by_space(colours: Image.Image, space: RgbSpace, notes: Notes) -> Image.Image:
    """The colours in sRGB; unchanged if the space is sRGB under another name."""
    if space.is_srgb:
        return colours
    notes.conversions.append(f"Colours were converted from {space.name} to sRGB.")
    return Image.fromarray(space.to_srgb(np.asarray(colours)))


def _by_profile(colours: Image.Image, profile: bytes, notes: Notes) -> Image.Image | None:
    """The colours in sRGB; unchanged if the profile is sRGB, and None if it cannot be used."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = _transform_to_srgb(source, colours.mode)
    except (ImageCms.PyCMSError, OSError, TypeError):
        notes.warnings.append(f"The embedded colour profile does not fit {colours.mode} pixels and was ignored.")
        return None
    if colours.mode == "RGB" and _keeps_colours(transform):
        return colours
    named = as_text(source.profile.profile_description or "") or "without a name"
    notes.conversions.append(f"Colours were converted from the embedded profile ({named}) to sRGB.")
    return transform.apply(colours)


def _transform_to_srgb(source: Any, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _keeps_colours(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether a transform changes no more than rounding does; the name of a profile does not prove that it is sRGB."""
    before = np.asarray(_COLOUR_CUBE, dtype=np.int16)
    return bool((np.abs(np.asarray(transform.apply(_COLOUR_CUBE)) - before) <= 1).all())
