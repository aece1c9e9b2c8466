"""The intake: the bytes of a file become an Exhibit, or are refused with one sentence.

Everything an examination knows of a file is decided here. The bytes are read once and hashed as they
are; what they hold is told from the bytes, never from the extension; and every change made between
the stored pixels and the upright 8-bit sRGB pixels that are examined is written down in order.

Nothing here changes global state while a file is read, so exhibits can be read in several threads.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path, PureWindowsPath

import numpy as np
from PIL import Image

from inference.intake.colour import to_srgb
from inference.intake.containers import identify, note_trailing_bytes
from inference.intake.depth import expand, raw_mode, to_eight_bits
from inference.intake.frames import note_frames
from inference.intake.jpeg import check_scans
from inference.intake.metadata import orient
from inference.intake.notes import ExhibitRefused, Notes, printable
from inference.intake.tiff import check_layout, note_layout, read_colour_map
from inference.intake.transparency import check_ground, lay_on_ground
from inference.records import Exhibit, Ground

__all__ = ["ExhibitRefused", "read_exhibit"]

MAX_BYTES = 100_000_000
"""Length of the largest file that is read."""

MAX_PIXELS = 50_000_000
"""Pixels of the largest picture that is decoded, checked on the header before any pixel is."""


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
    container = identify(data, shown)
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


def _too_large(name: str) -> ExhibitRefused:
    return ExhibitRefused(
        f"{name} has more than {MAX_PIXELS // 10**6} million pixels, the most that is examined; "
        "hand in a smaller copy or the part in question."
    )


def _decode(data: bytes, container: str, ground: Ground | None, notes: Notes) -> Exhibit:
    if container == "TIFF":
        check_layout(data, notes)
    with Image.open(io.BytesIO(data), formats=(container,)) as stored:
        # Our own check, because Pillow's limit is a module global that others may set, and its warning
        # can be made an error for one thread only from Python 3.14 on.
        if stored.width * stored.height > MAX_PIXELS:
            raise _too_large(notes.name)
        if container == "JPEG":
            check_scans(data, notes)
        mode = stored.mode
        packed = raw_mode(stored)
        note_frames(stored, notes)
        note_trailing_bytes(data, container, notes)
        if container == "TIFF":
            note_layout(stored, notes)
            read_colour_map(stored, notes)
        exif, upright = orient(stored, container, notes)
        image = expand(to_eight_bits(upright, packed, notes), notes)
        colours = np.asarray(
            to_srgb(image.convert(image.mode.removesuffix("A")), upright.info.get("icc_profile"), notes)
        )
    alpha = np.asarray(image.getchannel("A")) if image.mode.endswith("A") else None
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
