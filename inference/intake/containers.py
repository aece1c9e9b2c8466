"""The containers that are read: recognised by their first bytes, with the end of each."""

from __future__ import annotations

import re
from collections.abc import Callable

import pi_heif
from PIL import features

from inference.intake.gif import gif_end
from inference.intake.jpeg import check_jpeg, jpeg_end
from inference.intake.notes import ExhibitRefused, Notes
from inference.intake.png import check_png, png_end
from inference.intake.tiff import check_layout

pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", *(("AVIF",) if features.check("avif") else ()))
"""The containers that are read, by Pillow's names; a multi-picture JPEG is a JPEG."""

_HEAD = 4096

_SIGNATURES = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "WEBP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
    "BMP": re.compile(rb"BM"),
    "GIF": re.compile(rb"GIF8[79]a"),
    "HEIF": re.compile(rb"....ftyp(?:hei[cmsx]|hev[cmsx]|m[is]f1(?!....(?:....){0,16}?avi[fs]))", re.DOTALL),
    "AVIF": re.compile(rb"....ftyp(?:avi[fs]|m[is]f1....(?:....){0,16}?avi[fs])", re.DOTALL),
}

_FOREIGN = {
    "an AVIF picture (readable where Pillow was built for it)": _SIGNATURES["AVIF"],
    "a video": re.compile(rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", re.DOTALL),
    "an animation in MNG or JNG": re.compile(rb"[\x8a\x8b][MJ]NG\r\n"),
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
    """Pillow's name of the container, recognised by its first bytes.

    Raises:
        ExhibitRefused: if it is not one that is read; the sentence names what it is.
    """
    head = data[:_HEAD]
    for container in FORMATS:
        if _SIGNATURES[container].match(head):
            return container
    kind = next((kind for kind, signature in _FOREIGN.items() if signature.match(head)), "of no known kind")
    accepted = f"{', '.join(FORMATS[:-1])} and {FORMATS[-1]}"
    msg = f"{name} is {kind}, but only {accepted} pictures are examined; hand in one of these."
    raise ExhibitRefused(msg)


def check_kind(data: bytes, container: str, notes: Notes) -> None:
    """Refuse an intact file of a kind that would be decoded wrongly or not at all.

    Raises:
        ExhibitRefused: if the file is of such a kind; the sentence names it.
    """
    check = {"JPEG": check_jpeg, "PNG": check_png, "TIFF": check_layout}.get(container)
    if check is not None:
        check(data, notes)


def note_trailing_bytes(data: bytes, container: str, notes: Notes) -> None:
    """Warn of bytes after the end of the picture, or of a missing end."""
    find_end = _ENDS.get(container)
    if find_end is None:
        return
    end = find_end(data)
    if end is None:
        notes.warnings.append("The marker that ends the image data is missing.")
    elif end < len(data):
        notes.warnings.append(f"The file goes on for {len(data) - end} bytes after the end of the image data.")


def _webp_end(data: bytes) -> int:
    return 8 + int.from_bytes(data[4:8], "little")


_ENDS: dict[str, Callable[[bytes], int | None]] = {"JPEG": jpeg_end, "PNG": png_end, "WEBP": _webp_end, "GIF": gif_end}
