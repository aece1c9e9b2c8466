"""The intake: the bytes of a file become an Exhibit, or are refused with one sentence.

Everything an examination knows of a file is decided here. The bytes are read once and hashed as they
are; what they hold is told from the bytes, never from the extension; and every change made between
the stored pixels and the upright 8-bit sRGB pixels that are examined is written down in order.

Nothing here changes global state while a file is read, so exhibits can be read in several threads.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageFile, TiffImagePlugin

from inference.intake.notes import ExhibitRefused, Notes, as_text, printable
from inference.intake.transparency import check_ground, lay_on_ground
from inference.records import Exhibit, Ground

__all__ = ["ExhibitRefused", "read_exhibit"]

MAX_BYTES = 100_000_000
"""Length of the largest file that is read."""

MAX_PIXELS = 50_000_000
"""Pixels of the largest picture that is decoded, checked on the header before any pixel is."""

MAX_PAGES_COUNTED = 1000
"""Counting stops here: a hostile TIFF may chain millions of pages."""

MAX_SCANS = 100
"""Scans of a JPEG: real ones have about ten, and each costs a pass over all pixels for a few bytes."""


def _heif_where_readable() -> tuple[str, ...]:
    """HEIF if its optional package is there; it registers itself with Pillow once, at import."""
    try:
        heif = importlib.import_module("pillow_heif")
    except ImportError:
        return ()
    heif.register_heif_opener()
    return ("HEIF",)


FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", *_heif_where_readable())
"""The containers that are read, by Pillow's names; a multi-picture JPEG is a JPEG."""

_HEAD = 4096

_SIGNATURES = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "WEBP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
    "BMP": re.compile(rb"BM"),
    "HEIF": re.compile(rb"....ftyp(?:hei[cmsx]|hev[cmsx]|mif1|msf1)", re.DOTALL),
}

_FOREIGN = {
    "a HEIF picture (readable once pillow-heif is installed)": _SIGNATURES["HEIF"],
    "an AVIF picture": re.compile(rb"....ftypavi[fs]", re.DOTALL),
    "a video": re.compile(rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", re.DOTALL),
    "a GIF picture": re.compile(rb"GIF8"),
    "a JPEG 2000 picture": re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
    "a JPEG XL picture": re.compile(rb"\0\0\0\x0cJXL |\xff\x0a"),
    "a Photoshop document": re.compile(rb"8BPS"),
    "a PDF document": re.compile(rb"\s*%PDF"),
    "a PostScript document": re.compile(rb"%!PS"),
    "an HTML page": re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype )?html\b", re.IGNORECASE),
    "an SVG drawing": re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<.*)?<svg\b", re.DOTALL | re.IGNORECASE),
    "a ZIP archive or an office document": re.compile(rb"PK\x03\x04"),
    "a Windows icon": re.compile(rb"\x00\x00\x01\x00"),
    "text": re.compile(rb"[^\x00-\x08\x0e-\x1f\x7f]+\Z"),
}

# Orientation as EXIF numbers it: what puts the picture upright, in Pillow's words and in ours.
_TURNS = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, "mirrored left to right"),
    3: (Image.Transpose.ROTATE_180, "rotated by 180 degrees"),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, "mirrored top to bottom"),
    5: (Image.Transpose.TRANSPOSE, "mirrored along the main diagonal"),
    6: (Image.Transpose.ROTATE_270, "rotated by 90 degrees clockwise"),
    7: (Image.Transpose.TRANSVERSE, "mirrored along the other diagonal"),
    8: (Image.Transpose.ROTATE_90, "rotated by 90 degrees counter-clockwise"),
}

# Tags that say where things lie in the file, and nothing of the picture.
_LAYOUT_TAGS = frozenset(
    {
        ExifTags.Base.StripOffsets,
        ExifTags.Base.StripByteCounts,
        ExifTags.Base.TileOffsets,
        ExifTags.Base.TileByteCounts,
        ExifTags.Base.SubIFDs,
        ExifTags.Base.ExifOffset,
        ExifTags.Base.GPSInfo,
        ExifTags.Base.ExifInteroperabilityOffset,
    }
)

# Colours over the whole RGB cube: what a profile does to them it does to any picture.
_COLOUR_CUBE = Image.fromarray(
    np.stack(np.meshgrid(*[np.linspace(0, 255, 9)] * 3), axis=-1).reshape(27, 27, 3).astype(np.uint8)
)

_DEEP_CHANNELS = re.compile(r"(?:LA|RGB|RGBX|RGBA|RGBa|CMYK);16[BLN]")
_JPEG_SCAN = b"\xff\xda"
_JPEG_END = b"\xff\xd9"
_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")


def read_exhibit(source: bytes | Path, name: str | None = None, ground: Ground | None = None) -> Exhibit:
    """Read one picture as an exhibit.

    Args:
        source: The file, or its bytes as they were handed in.
        name: File name as given, folders are left out; the name of the file at `source`, or
            "exhibit" for bytes, where it is not given.
        ground: What transparent pixels are laid on; the ground from which the picture stands out most
            where it is not given. It changes nothing in a picture without transparency.

    Returns:
        The exhibit: upright, 8-bit, sRGB, with everything that was done on the way.

    Raises:
        ExhibitRefused: if there is no such file, it cannot be read, is empty, too long, too large, of
            a kind that is not examined, or damaged.
        Refusal: if there is no such ground.
    """
    check_ground(ground)
    shown = _shown_name(name or (source.name if isinstance(source, Path) else ""))
    data = _read(source, shown)
    container = _identify(data, shown)
    try:
        return _decode(data, container, ground, Notes(shown))
    except ExhibitRefused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(shown) from error
    except Exception as error:  # decoders fail on hostile bytes in every way there is
        state = "is cut short" if "truncated" in str(error).lower() else "is damaged or of a rare kind"
        msg = f"{shown} is a {container} file that {state} and cannot be decoded; hand in an intact copy."
        raise ExhibitRefused(msg) from error


def _shown_name(name: str) -> str:
    """The last part of a path of any system, without characters that could disguise it on a page."""
    return printable(PureWindowsPath(name).name, replacement="\N{REPLACEMENT CHARACTER}") or "exhibit"


def _read(source: bytes | Path, name: str) -> bytes:
    data = source if isinstance(source, bytes) else _read_file(source, name)
    if not data:
        msg = f"{name} is empty; hand in the original file."
        raise ExhibitRefused(msg)
    if len(data) > MAX_BYTES:
        msg = f"{name} is longer than {MAX_BYTES // 10**6} MB, the most that is read; hand in a smaller copy."
        raise ExhibitRefused(msg)
    return data


def _read_file(path: Path, name: str) -> bytes:
    """The bytes of the file, one more than is allowed at most, so that its length need not be trusted."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        msg = f"{name} does not exist; check the path."
        raise ExhibitRefused(msg) from error
    except IsADirectoryError as error:
        msg = f"{name} is a folder; hand in a single picture."
        raise ExhibitRefused(msg) from error
    except (OSError, ValueError) as error:  # a name no file can have is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        msg = f"{name} cannot be read ({reason}); check its name, its permissions and the disk."
        raise ExhibitRefused(msg) from error


def _identify(data: bytes, name: str) -> str:
    """The container, told by the first bytes."""
    head = data[:_HEAD]
    for container in FORMATS:
        if _SIGNATURES[container].match(head):
            return container
    kind = next((kind for kind, signature in _FOREIGN.items() if signature.match(head)), "of no known kind")
    accepted = f"{', '.join(FORMATS[:-1])} and {FORMATS[-1]}"
    msg = f"{name} is {kind}, and only {accepted} pictures are examined; hand in one of these."
    raise ExhibitRefused(msg)


def _too_large(name: str) -> ExhibitRefused:
    return ExhibitRefused(
        f"{name} has more than {MAX_PIXELS // 10**6} million pixels, the most that is examined; "
        "hand in a smaller copy or the part in question."
    )


def _decode(data: bytes, container: str, ground: Ground | None, notes: Notes) -> Exhibit:
    with Image.open(io.BytesIO(data), formats=(container,)) as stored:
        # Our own check, because Pillow's limit is a module global that others may set, and its warning
        # can be made an error for one thread only from Python 3.14 on.
        if stored.width * stored.height > MAX_PIXELS:
            raise _too_large(notes.name)
        if container == "JPEG":
            _check_scans(data, notes)
        mode = stored.mode
        raw_mode = _raw_mode(stored)
        _note_frames(stored, notes)
        _note_trailing_bytes(data, container, notes)
        exif, upright = _orient(stored, container, notes)
        colours, alpha = _to_srgb_pixels(upright, raw_mode, notes)
    pixels, laid_on = (colours, None) if alpha is None else lay_on_ground(colours, alpha, ground, notes)
    return Exhibit(
        name=notes.name,
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        format=container,
        mode=mode,
        exif=exif,
        conversions=tuple(notes.conversions),
        warnings=tuple(notes.warnings),
        pixels=pixels,
        ground=laid_on,
        ground_by=laid_on and ("examiner" if ground else "Assay"),
    )


def _check_scans(data: bytes, notes: Notes) -> None:
    scans = sum(marker[0] == _JPEG_SCAN for marker in _jpeg_markers(data))
    if scans > MAX_SCANS:
        msg = f"{notes.name} has {scans} scans, and at most {MAX_SCANS} are decoded; hand in a plain JPEG."
        raise ExhibitRefused(msg)


def _raw_mode(stored: ImageFile.ImageFile) -> str:
    """How the file itself packs a pixel, which Pillow knows until the pixels are loaded."""
    if not stored.tile:
        return ""
    args = stored.tile[0].args
    return str(args[0]) if isinstance(args, tuple) and args else str(args)


def _note_frames(stored: ImageFile.ImageFile, notes: Notes) -> None:
    frames = _count_pages(stored) if stored.format == "TIFF" else getattr(stored, "n_frames", 1)
    if frames > 1:
        count = f"at least {frames}" if frames == MAX_PAGES_COUNTED else frames
        notes.warnings.append(f"The file holds {count} frames; only frame {stored.tell() + 1} is examined.")


def _count_pages(stored: ImageFile.ImageFile) -> int:
    pages = 1
    try:
        while pages < MAX_PAGES_COUNTED:
            stored.seek(pages)
            pages += 1
    except EOFError:
        pass
    stored.seek(0)
    return pages


def _note_trailing_bytes(data: bytes, container: str, notes: Notes) -> None:
    find_end = _ENDS.get(container)
    if find_end is None:
        return
    end = find_end(data)
    if end is None:
        notes.warnings.append("The mark that ends the image data is missing.")
    elif end < len(data):
        notes.warnings.append(f"The file goes on for {len(data) - end} bytes after the end of the image data.")


def _jpeg_markers(data: bytes) -> Iterator[re.Match[bytes]]:
    """The markers of a JPEG's first picture; those of a thumbnail lie in a segment, which is stepped over."""
    position = 2
    while marker := _JPEG_MARKER.search(data, position):
        yield marker
        if marker[0] == _JPEG_END:
            return
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")


def _jpeg_end(data: bytes) -> int | None:
    return next((marker.end() for marker in _jpeg_markers(data) if marker[0] == _JPEG_END), None)


def _png_end(data: bytes) -> int | None:
    position = 8
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        position += 12 + length
        if kind == b"IEND":
            return position
    return None


def _webp_end(data: bytes) -> int:
    return 8 + int.from_bytes(data[4:8], "little")


_ENDS: dict[str, Callable[[bytes], int | None]] = {"JPEG": _jpeg_end, "PNG": _png_end, "WEBP": _webp_end}


def _orient(stored: ImageFile.ImageFile, container: str, notes: Notes) -> tuple[dict[str, str], Image.Image]:
    """What the file states of itself, and its pixels upright."""
    # Pillow's TIFF reader turns the picture itself while loading and then forgets the orientation;
    # a PNG may state its EXIF after the pixels.
    if container != "TIFF":
        stored.load()
    try:
        Image.Exif().load(stored.info.get("exif") or b"")  # fails where Pillow's JPEG reader keeps silent
        orientation = stored.getexif().get(ExifTags.Base.Orientation)
        exif = _stated(stored.getexif())
    except Exception:  # noqa: BLE001 - as any hostile bytes; but the pixels do not depend on these
        notes.warnings.append("The EXIF data is damaged and was ignored.")
        orientation, exif = None, {}
    stored.load()
    if orientation not in _TURNS:
        return exif, stored
    turn, words = _TURNS[orientation]
    notes.conversions.append(f"The picture was {words}, as its EXIF orientation {orientation} asks.")
    return exif, stored if container == "TIFF" else stored.transpose(turn)


def _stated(exif: Image.Exif) -> dict[str, str]:
    """The printable tags of the picture, the camera and its position, sorted by name."""
    directories = (
        (ExifTags.TAGS, exif),
        (ExifTags.TAGS, exif.get_ifd(ExifTags.IFD.Exif)),
        (ExifTags.GPSTAGS, exif.get_ifd(ExifTags.IFD.GPSInfo)),
    )
    stated = {
        names.get(tag, f"Tag {tag}"): as_text(value)
        for names, directory in directories
        for tag, value in directory.items()
        if tag not in _LAYOUT_TAGS
    }
    return {tag: text for tag, text in sorted(stated.items()) if text}


def _to_srgb_pixels(
    upright: Image.Image, raw_mode: str, notes: Notes
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """The colours (H, W, 3) and, where the file has them, the alpha values (H, W), uint8: depth, palette, colours."""
    image = _expand(_to_eight_bits(upright, raw_mode, notes), notes)
    colours = _to_srgb(image.convert(image.mode.removesuffix("A")), upright.info.get("icc_profile"), notes)
    return np.asarray(colours), np.asarray(image.getchannel("A")) if image.mode.endswith("A") else None


def _to_eight_bits(image: Image.Image, raw_mode: str, notes: Notes) -> Image.Image:
    """8 bits a channel, scaled and never clipped as Pillow's own conversion of grey does."""
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        depth = 16 if _DEEP_CHANNELS.fullmatch(raw_mode) else image.info.get("bit_depth", 8)  # as HEIF says
        if depth > 8:
            notes.conversions.append(f"{depth}-bit channels were reduced to 8 bits by the decoder.")
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


def _full_scale(values: NDArray[Any], mode: str, raw_mode: str, notes: Notes) -> int:
    """The value that stands for white: stated by 12- and 16-bit files, else the smallest usual one."""
    if mode.startswith("I;16"):
        return 4095 if raw_mode == "I;12" else 65535
    lowest, highest = values.min(), values.max()
    for full_scale in (1, 255, 65535):
        if lowest >= 0 and highest <= full_scale:
            return full_scale
    msg = (
        f"{notes.name} has pixel values that are undefined or outside 0 to 65535, and nothing in it says how "
        "to show them; hand in an 8- or 16-bit copy."
    )
    raise ExhibitRefused(msg)


def _expand(image: Image.Image, notes: Notes) -> Image.Image:
    """Grey, RGB, CMYK or CIELAB in full; grey and RGB with an alpha channel where the file has one."""
    if image.mode in ("P", "PA"):
        notes.conversions.append("Palette entries were replaced by their colours.")
    if image.mode == "1":
        notes.conversions.append("Black and white were written as 0 and 255.")
    if image.has_transparency_data:
        return image.convert("LA" if image.mode in ("1", "L", "LA") else "RGBA")
    if image.mode in ("L", "CMYK", "LAB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _to_srgb(colours: Image.Image, profile: Any, notes: Notes) -> Image.Image:
    """RGB from L, RGB, CMYK or LAB, by the embedded profile where it fits."""
    if colours.mode == "LAB":
        notes.conversions.append("Colours were converted from CIELAB to sRGB.")
        return _transform_to_srgb(ImageCms.createProfile("LAB"), "LAB").apply(colours)
    if profile:
        converted = _by_profile(colours, profile, notes)
        if converted is not None:
            return converted
    if colours.mode == "CMYK":
        notes.conversions.append("Colours were converted from CMYK to sRGB by the plain formula.")
        notes.warnings.append("The file has no usable profile for its CMYK inks; its colours are approximate.")
    if colours.mode == "L":
        notes.conversions.append("Grey was repeated in red, green and blue.")
    return colours.convert("RGB")


def _by_profile(colours: Image.Image, profile: Any, notes: Notes) -> Image.Image | None:
    """The colours in sRGB, the very same where the profile is sRGB; None if it cannot be used."""
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
    """Whether nothing but rounding would change; a profile's name is no proof that it is sRGB."""
    before = np.asarray(_COLOUR_CUBE, dtype=np.int16)
    return bool((np.abs(np.asarray(transform.apply(_COLOUR_CUBE)) - before) <= 1).all())
