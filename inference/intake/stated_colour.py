"""The colours that a file states, by a profile, chunks, boxes or EXIF tags.

Sources: PNG, third edition, 4.3 and 11.3.2 (precedence of chunks); ITU-T H.273 (numbers);
EXIF 3.0 and DCF 2.0 (ColorSpace, interoperability); TIFF 6.0, section 20.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags

from inference.intake.isobmff import MainPicture
from inference.intake.jpeg import jpeg_profile
from inference.intake.metadata import Metadata
from inference.intake.notes import Notes
from inference.intake.png import chunks, png_profile
from inference.intake.rgb_space import (
    ADOBE_GAMMA,
    ADOBE_PRIMARIES,
    HLG,
    NUMBERED_CURVES,
    NUMBERED_PRIMARIES,
    PQ,
    SRGB_PRIMARIES,
    WHITE_OF_PQ_AND_HLG,
    Primaries,
    RgbSpace,
    are_possible,
    power,
    srgb_curve,
)

_UNSPECIFIED = 2
_OF_TELEVISION = {1, 6, 7, 11, 12, 14, 15}  # curves of cameras, which displays do not invert
_SRGB_GAMMA = 45_455  # in a PNG, stated beside sRGB
_GAMMA_NEAR_SRGB = 2.2  # stated by cameras for sRGB
_ADOBE_RGB, _SRGB, _UNCALIBRATED = 2, 1, 65_535
_ADOBE_BY_DCF = "R03"
_TO_BE_READ_AS_SRGB = "so its colours were read as sRGB"


@dataclass(frozen=True)
class StatedColour:
    """The stated colours of the pixels; neither is set for sRGB or without a statement."""

    profile: bytes | None = None
    space: RgbSpace | None = None


def stated_colour(
    data: bytes, container: str, info: dict[Any, Any], main: MainPicture, metadata: Metadata, notes: Notes
) -> StatedColour:
    """The statement that takes precedence in the file; one that cannot be followed gives a warning.

    Args:
        data: The bytes of the file.
        container: Its kind.
        info: The decoder's information on it.
        main: The statements of a HEIF's or AVIF's boxes.
        metadata: The statements of EXIF.
        notes: Record of the warnings.
    """
    if container == "PNG":
        found = _by_png(_first_of_each(data), data, notes)
    else:
        profile = jpeg_profile(data, notes) if container == "JPEG" else info.get("icc_profile")
        found = StatedColour(profile=profile) if profile else _by_numbers(main.nclx, notes)
    return found or _by_exif(metadata, notes) or StatedColour()


def _first_of_each(data: bytes) -> dict[bytes, bytes]:
    """The content of the first chunk of each kind before the pixels."""
    first: dict[bytes, bytes] = {}
    for kind, content, _ in chunks(data):
        if kind == b"IDAT":
            break
        first.setdefault(kind, content)
    return first


def _by_png(chunk: dict[bytes, bytes], data: bytes, notes: Notes) -> StatedColour | None:
    if len(chunk.get(b"cICP", b"")) == 4:
        primaries, curve, matrix, full = chunk[b"cICP"]
        if matrix == 0 and full == 1:
            return _by_numbers((primaries, curve, True), notes) or StatedColour()
        notes.warnings.append(f"The file states colours other than full-range RGB, {_TO_BE_READ_AS_SRGB}.")
        return StatedColour()
    if b"iCCP" in chunk:
        profile = png_profile(data, notes)
        if profile:
            return StatedColour(profile=profile)
    if b"sRGB" in chunk:
        return StatedColour()
    return _by_gamma_and_chromaticities(chunk.get(b"gAMA"), chunk.get(b"cHRM"), notes)


def _by_gamma_and_chromaticities(
    gamma: bytes | None, chromaticities: bytes | None, notes: Notes
) -> StatedColour | None:
    if gamma is None and chromaticities is None:
        return None
    stated = _SRGB_GAMMA if gamma is None else int.from_bytes(gamma, "big")
    primaries: Primaries = SRGB_PRIMARIES
    if chromaticities is not None and len(chromaticities) == 32:
        numbers = [number / 100_000 for number in struct.unpack(">8I", chromaticities)]
        primaries = tuple(zip(numbers[::2], numbers[1::2], strict=True))  # type: ignore[assignment]
    if not 10_000 <= stated <= 1_000_000 or not are_possible(primaries):
        notes.warnings.append(f"The file states an impossible gamma or primaries, {_TO_BE_READ_AS_SRGB}.")
        return StatedColour()
    by_srgb_curve = RgbSpace("the primaries that the file states", primaries, srgb_curve())
    if by_srgb_curve.is_srgb and abs(stated - _SRGB_GAMMA) <= 50:
        return StatedColour()
    if gamma is None:
        notes.warnings.append("The file states its primaries but no gamma; the curve of sRGB was used.")
        return StatedColour(space=by_srgb_curve)
    also = "" if chromaticities is None else " and the primaries"
    name = f"the gamma {stated / 100_000:.4g}{also} that the file states"
    return StatedColour(space=RgbSpace(name, primaries, power(100_000 / stated)))


def _by_numbers(numbers: tuple[int, int, bool] | None, notes: Notes) -> StatedColour | None:
    """The colour space of two numbers of H.273; None if they state nothing."""
    if numbers is None or numbers[:2] == (_UNSPECIFIED, _UNSPECIFIED):
        return None
    primaries, curve, _ = numbers
    stated = f"primaries {primaries} and curve {curve} of H.273"
    known_primaries = NUMBERED_PRIMARIES.get(primaries, SRGB_PRIMARIES if primaries == _UNSPECIFIED else None)
    known_curve = NUMBERED_CURVES.get(curve)
    if curve in _OF_TELEVISION or curve == _UNSPECIFIED:
        known_curve = srgb_curve
        if curve != _UNSPECIFIED:
            notes.warnings.append("The file states the curve of television cameras; the curve of sRGB was used.")
    if known_primaries is None or known_curve is None:
        notes.warnings.append(f"The file states {stated}, which are not converted, {_TO_BE_READ_AS_SRGB}.")
        return StatedColour()
    if curve in (PQ, HLG):
        notes.warnings.append(
            f"The file is meant for a bright display: light above {WHITE_OF_PQ_AND_HLG} cd/m² became white, and dark "
            "tones are coarse."
        )
        stated = f"{'PQ' if curve == PQ else 'HLG'} ({stated})"
    return StatedColour(space=RgbSpace(stated, known_primaries, known_curve(), is_hlg=curve == HLG))


def _by_exif(metadata: Metadata, notes: Notes) -> StatedColour | None:
    """The statement of EXIF or TIFF tags, used if nothing else states colours."""
    space = metadata.tags.get(ExifTags.Base.ColorSpace)
    by_dcf = str(metadata.tags.get(ExifTags.Interop.InteropIndex, "")).strip("\0 ") == _ADOBE_BY_DCF
    if (by_dcf and space != _SRGB) or space == _ADOBE_RGB:
        return StatedColour(space=RgbSpace("Adobe RGB, as EXIF states,", ADOBE_PRIMARIES, power(ADOBE_GAMMA)))
    if by_dcf:
        notes.warnings.append(f"EXIF states sRGB in one tag and Adobe RGB in another, {_TO_BE_READ_AS_SRGB}.")
        return None
    by_tags = _by_tags(metadata.tags, notes)
    if by_tags is None and space == _UNCALIBRATED:
        notes.warnings.append(f"EXIF states colours other than sRGB without naming them, {_TO_BE_READ_AS_SRGB}.")
    return by_tags


def _by_tags(tags: dict[int, Any], notes: Notes) -> StatedColour | None:
    corners = _numbers(tags.get(ExifTags.Base.PrimaryChromaticities), 6)
    white = _numbers(tags.get(ExifTags.Base.WhitePoint), 2)
    gamma = _numbers(tags.get(ExifTags.Base.Gamma), 1)
    table = tags.get(ExifTags.Base.TransferFunction)
    if corners is None and gamma is None and table is None:
        return None
    primaries: Primaries = SRGB_PRIMARIES
    if corners is not None:
        pairs = [white or list(SRGB_PRIMARIES[0]), corners[:2], corners[2:4], corners[4:]]
        primaries = tuple((x, y) for x, y in pairs)  # type: ignore[assignment]
    if table is not None:
        curve = _tabled(table)
    else:
        near_srgb = gamma is None or abs(gamma[0] - _GAMMA_NEAR_SRGB) <= 0.05
        curve = srgb_curve() if near_srgb else power(gamma[0]) if gamma and 1 <= gamma[0] <= 10 else None
    if curve is None or not are_possible(primaries):
        notes.warnings.append(f"The file states primaries or a curve that cannot be followed, {_TO_BE_READ_AS_SRGB}.")
        return None
    space = RgbSpace("the primaries and the curve that the tags state", primaries, curve)
    if corners is not None and table is None and gamma is None and not space.is_srgb:
        notes.warnings.append("The file states its primaries but no curve; the curve of sRGB was used.")
    return StatedColour(space=space)


def _tabled(table: Any) -> NDArray[np.float64] | None:
    """TransferFunction of an 8-bit TIFF: the light of each level, 0 to 65535, for one channel or three."""
    values = np.asarray(table, dtype=np.float64)
    if values.shape not in ((256,), (768,)) or values.max() <= 0:
        return None
    return (values / 65_535).reshape(-1, 256)


def _numbers(value: Any, count: int) -> list[float] | None:
    """A list of `count` finite numbers, or None."""
    values = value if isinstance(value, tuple) else (value,)
    try:
        numbers = [float(number) for number in values]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None
