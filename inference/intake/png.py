"""The chunks of a PNG: those that state its colours and resolution, and those kept from the decoder.

Source: Portable Network Graphics, third edition, W3C 2025, chapters 5 and 11.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from inference.intake.notes import Notes, not_read

MAX_TEXT_LENGTH = 1_000_000
"""Most bytes to which a text chunk may inflate: Pillow refuses the whole file for more."""

MAX_PROFILE_LENGTH = 16_000_000
"""Most bytes to which a colour profile may inflate; the largest in use, those of printers, have a few million."""

_HEADER = 8
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_TEXTS_THAT_TURN = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Kind, content and all bytes of each chunk, up to the end of the picture; a cut chunk is left out."""
    position = _HEADER
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        whole = data[position : position + 12 + length]
        if len(whole) < 12 + length:
            return
        yield kind, whole[8:-4], whole
        position += 12 + length
        if kind == b"IEND":
            return


def png_end(data: bytes) -> int | None:
    """Offset of the end of the picture; None without an end."""
    position = _HEADER
    for kind, _, whole in chunks(data):
        position += len(whole)
        if kind == b"IEND":
            return position
    return None


def check_png(data: bytes, notes: Notes) -> None:
    """Refuse a PNG in Apple's own variant.

    Raises:
        ExhibitRefused: if its pixels are packed as iOS programs do it.
    """
    if data[_HEADER + 4 : _HEADER + 8] == b"CgBI":
        raise not_read(notes.name, "a PNG in the variant of Apple's iOS (CgBI)", "a plain PNG")


def for_decoder(data: bytes, notes: Notes) -> bytes:
    """The same file without profile and texts, for which Pillow may refuse it; they are read here.

    The first text of each kind that may state an orientation stays if it is not too long.
    """
    kept, seen, end = [data[:_HEADER]], set(), _HEADER
    for kind, content, whole in chunks(data):
        end += len(whole)
        if kind == b"iCCP":
            continue
        if kind in _TEXTS:
            keyword = content[: content.find(b"\0") + 1]
            if keyword not in _TEXTS_THAT_TURN or keyword in seen:
                continue
            seen.add(keyword)
            if len(_text(kind, content)) > MAX_TEXT_LENGTH:
                notes.warnings.append("The file holds more text than is read; the text was ignored.")
                continue
        kept.append(whole)
    return b"".join(kept) + data[end:]


def png_profile(data: bytes, notes: Notes) -> bytes | None:
    """The embedded colour profile; None without one, or, with a warning, if it does not inflate."""
    content = next((content for kind, content, _ in chunks(data) if kind == b"iCCP"), None)
    if content is None:
        return None
    profile = _inflated(content[content.find(b"\0") + 2 :], MAX_PROFILE_LENGTH)
    if profile is None or len(profile) > MAX_PROFILE_LENGTH:
        notes.warnings.append("The embedded colour profile is damaged or too long and was ignored.")
        return None
    return profile


def _text(kind: bytes, content: bytes) -> bytes:
    """The inflated text of a chunk, at most one byte more than allowed."""
    _, _, rest = content.partition(b"\0")
    if kind == b"zTXt":
        return _inflated(rest[1:], MAX_TEXT_LENGTH) or b""
    if kind == b"iTXt" and rest[:1] == b"\1":
        return _inflated(rest[2:].split(b"\0", 2)[-1], MAX_TEXT_LENGTH) or b""
    return rest


def _inflated(packed: bytes, limit: int) -> bytes | None:
    """At most one inflated byte more than the limit, so that few bytes cannot fill the memory; None if damaged."""
    try:
        return zlib.decompressobj().decompress(packed, limit + 1)
    except zlib.error:
        return None
