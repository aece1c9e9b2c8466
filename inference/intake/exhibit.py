"""The intake: the bytes of a file become an Exhibit, or are refused with one sentence.

Everything an examination knows of a file is decided here. The bytes are read once and hashed as they
are. The bytes decide the format, never the extension. Every change between the stored pixels and the
upright 8-bit sRGB pixels that are examined is recorded in order.

Reading changes no global state, so exhibits can be read in several threads.
"""

from __future__ import annotations

import io
from pathlib import Path, PureWindowsPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.files import png_bytes
from inference.intake.colour import to_srgb
from inference.intake.containers import check_kind, identify, note_trailing_bytes
from inference.intake.depth import expand, in_mode, pixels_of, raw_mode, to_eight_bits
from inference.intake.frames import note_frames
from inference.intake.isobmff import MainPicture, main_picture
from inference.intake.metadata import note_turn_by_boxes, read_metadata, upright
from inference.intake.notes import ExhibitRefused, Notes, not_read, printable
from inference.intake.png import for_decoder
from inference.intake.resolution import squared, squared_size, stated_resolution
from inference.intake.stated_colour import stated_colour
from inference.intake.tiff import note_layout, read_colour_map
from inference.intake.transparency import check_ground, lay_on_ground
from inference.records import Exhibit, Ground

__all__ = ["ExhibitRefused", "exhibit_from_pixels", "read_exhibit"]

MAX_BYTES = 100_000_000
"""Bytes of the largest file that is read."""

MAX_PIXELS = 50_000_000
"""Pixels of the largest picture that is decoded; the header is checked before any pixel is decoded."""


def read_exhibit(source: bytes | Path, name: str | None = None, ground: Ground | None = None) -> Exhibit:
    """Read one picture as an exhibit.

    Args:
        source: The file, or its bytes as they were handed in.
        name: File name as given, without folders; by default the name of the file at `source`, or
            "exhibit" for bytes.
        ground: Ground under transparent pixels; by default the one from which the picture stands out
            most. It has no effect on a picture without transparency.

    Returns:
        The exhibit: upright, 8-bit, sRGB, with every conversion stated.

    Raises:
        ExhibitRefused: if the file does not exist, cannot be read, is empty, too long, too large, of a
            kind that is not examined, or damaged.
        Refusal: if there is no such ground.
    """
    check_ground(ground)
    shown = _shown_name(name or (source.name if isinstance(source, Path) else ""))
    data = _read(source, shown)
    container = identify(data, shown)
    try:
        return _decode(data, container, ground, Notes(shown))
    except ExhibitRefused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(shown) from error
    except Exception as error:  # decoders raise anything on hostile bytes
        if str(error).startswith("Unsupported BMP"):
            raise not_read(shown, f"a BMP of a rare kind ({error})", "a PNG") from error
        state = "is cut short" if "truncated" in str(error).lower() else "is damaged or of a rare kind"
        article = "an" if container == "AVIF" else "a"
        msg = f"{shown} is {article} {container} file that {state} and cannot be decoded; hand in an intact copy."
        raise ExhibitRefused(msg) from error


def exhibit_from_pixels(pixels: NDArray[np.uint8], name: str) -> Exhibit:
    """The exhibit of a PNG file made of pixels, uint8 (H, W, 3); its hash is that of this file."""
    return read_exhibit(png_bytes(Image.fromarray(pixels)), name)


def _shown_name(name: str) -> str:
    """The file name of a path of any system, without characters that could disguise it on a page."""
    return printable(PureWindowsPath(name).name, replacement="\N{REPLACEMENT CHARACTER}") or "exhibit"


def _read(source: bytes | Path, name: str) -> bytes:
    data = source if isinstance(source, bytes) else _read_file(source, name)
    if not data:
        msg = f"{name} is empty; hand in the original file."
        raise ExhibitRefused(msg)
    if len(data) > MAX_BYTES:
        msg = f"{name} is longer than {MAX_BYTES // 10**6} MB, the limit; hand in a smaller copy."
        raise ExhibitRefused(msg)
    return data


def _read_file(path: Path, name: str) -> bytes:
    """The bytes of the file, at most one more than allowed, so that its stated length is not trusted."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        msg = f"{name} does not exist; check the path."
        raise ExhibitRefused(msg) from error
    except IsADirectoryError as error:
        msg = f"{name} is a folder; hand in a single picture."
        raise ExhibitRefused(msg) from error
    except (OSError, ValueError) as error:  # an impossible file name is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        msg = f"{name} cannot be read ({reason}); check its name, its permissions and the disk."
        raise ExhibitRefused(msg) from error


def _check_size(width: int, height: int, name: str, once: str = "") -> None:
    if width * height > MAX_PIXELS:
        raise _too_large(name, once)


def _too_large(name: str, once: str = "") -> ExhibitRefused:
    return ExhibitRefused(
        f"{name} has more than {MAX_PIXELS // 10**6} million pixels{once}, the limit; "
        "hand in a smaller copy, or a cut-out of the part."
    )


def _decode(data: bytes, container: str, ground: Ground | None, notes: Notes) -> Exhibit:
    check_kind(data, container, notes)
    decodable = for_decoder(data, notes) if container == "PNG" else data
    main = main_picture(data) if container in ("HEIF", "AVIF") else MainPicture()
    with Image.open(io.BytesIO(decodable), formats=(container,)) as stored:
        # Our own check: Pillow's limit is a module global that others may set, and only from Python 3.14 on
        # can its warning become an error in one thread alone.
        _check_size(stored.width, stored.height, notes.name)
        mode = stored.mode
        packed = raw_mode(stored)
        note_frames(stored, data, notes)
        note_trailing_bytes(data, container, notes)
        if container == "TIFF":
            note_layout(stored, notes)
            read_colour_map(stored, notes)
        metadata = read_metadata(stored, container, notes)
        if container == "HEIF":
            note_turn_by_boxes(main, metadata, notes)
        picture = upright(stored, container, metadata, notes)
        resolution = stated_resolution(data, container, main, metadata, notes)
        _check_size(*squared_size(picture.width, picture.height, resolution), notes.name, " once they are square")
        image = expand(to_eight_bits(picture, packed, main.bits, notes), notes)
        colour = stated_colour(data, container, picture.info, main, metadata, notes)
        colours = pixels_of(to_srgb(in_mode(image, image.mode.removesuffix("A")), colour, notes))
    alpha = np.asarray(image.getchannel("A")) if image.mode.endswith("A") else None
    laid, laid_on = (colours, None) if alpha is None else lay_on_ground(colours, alpha, ground, notes)
    pixels = squared(laid, resolution, notes)
    return Exhibit(
        name=notes.name,
        content=data,
        format=container,
        mode=mode,
        exif=metadata.texts,
        conversions=tuple(notes.conversions),
        warnings=tuple(notes.warnings),
        pixels=pixels,
        ground=laid_on,
        ground_by=laid_on and ("examiner" if ground else "Assay"),
    )
