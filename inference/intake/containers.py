"""The containers that are read, told by the first bytes, and where each of them ends."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable

from inference.intake.jpeg import jpeg_end
from inference.intake.notes import ExhibitRefused, Notes
from inference.intake.png import png_end


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


def identify(data: bytes, name: str) -> str:
    """The container, told by the first bytes, by Pillow's name.

    Raises:
        ExhibitRefused: naming what it is instead, if it is none of those that are read.
    """
    head = data[:_HEAD]
    for container in FORMATS:
        if _SIGNATURES[container].match(head):
            return container
    kind = next((kind for kind, signature in _FOREIGN.items() if signature.match(head)), "of no known kind")
    accepted = f"{', '.join(FORMATS[:-1])} and {FORMATS[-1]}"
    msg = f"{name} is {kind}, and only {accepted} pictures are examined; hand in one of these."
    raise ExhibitRefused(msg)


def note_trailing_bytes(data: bytes, container: str, notes: Notes) -> None:
    """Warn of bytes after the end of the picture, or of an end that is missing."""
    find_end = _ENDS.get(container)
    if find_end is None:
        return
    end = find_end(data)
    if end is None:
        notes.warnings.append("The mark that ends the image data is missing.")
    elif end < len(data):
        notes.warnings.append(f"The file goes on for {len(data) - end} bytes after the end of the image data.")


def _webp_end(data: bytes) -> int:
    return 8 + int.from_bytes(data[4:8], "little")


_ENDS: dict[str, Callable[[bytes], int | None]] = {"JPEG": jpeg_end, "PNG": png_end, "WEBP": _webp_end}
