"""The markers of a JPEG, which describe it before anything is decoded.

Sources: ITU-T T.81, annex B; ICC.1:2022, B.4, for the chunks of a profile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from inference.intake.notes import ExhibitRefused, Notes, not_read

MAX_SCANS = 100
"""Most scans that are decoded: real files have about ten, and each costs a pass over all pixels for a few bytes."""

_SCAN = b"\xff\xda"
_END = b"\xff\xd9"
_PROFILE = b"\xff\xe2", b"ICC_PROFILE\0"
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_FRAMES = {
    0xC0: "",
    0xC1: "",
    0xC2: "",
    0xC3: "a lossless JPEG",
    0xC5: "a hierarchical JPEG",
    0xC6: "a hierarchical JPEG",
    0xC7: "a hierarchical lossless JPEG",
    0xC9: "a JPEG with arithmetic coding",
    0xCA: "a JPEG with arithmetic coding",
    0xCB: "a lossless JPEG with arithmetic coding",
    0xCD: "a hierarchical JPEG with arithmetic coding",
    0xCE: "a hierarchical JPEG with arithmetic coding",
    0xCF: "a hierarchical lossless JPEG with arithmetic coding",
    0xDE: "a hierarchical JPEG",
    0xF7: "a JPEG-LS picture",
}
_COMPONENTS = (1, 3, 4)


def _markers(data: bytes) -> Iterator[re.Match[bytes]]:
    """The markers of a JPEG's first picture; a thumbnail's markers lie in a segment, which is skipped."""
    position = 2
    while marker := _MARKER.search(data, position):
        yield marker
        if marker[0] == _END:
            return
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")


def _segment(data: bytes, marker: re.Match[bytes]) -> bytes:
    """The content of a marker's segment, without its length field."""
    length = int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    return data[marker.end() + 2 : marker.end() + length]


def check_jpeg(data: bytes, notes: Notes) -> None:
    """Refuse a JPEG of a process that is not decoded, or with too many scans.

    Raises:
        ExhibitRefused: unless it has 8 bits, is sequential or progressive, has one, three or four
            components, and at most `MAX_SCANS` scans.
    """
    scans, frame = 0, None
    for marker in _markers(data):
        scans += marker[0] == _SCAN
        if frame is None and marker[0][1] in _FRAMES:
            frame = marker[0][1], _segment(data, marker)
    if scans > MAX_SCANS:
        msg = f"{notes.name} has {scans} scans, but at most {MAX_SCANS} are decoded; hand in a plain JPEG."
        raise ExhibitRefused(msg)
    kind = frame and _rare_kind(*frame)
    if kind:
        raise not_read(notes.name, kind, "a PNG or as an 8-bit JPEG")


def _rare_kind(process: int, header: bytes) -> str:
    """The name of a kind of frame that is not decoded; empty for one that is decoded, or too short to recognise."""
    if _FRAMES[process] or len(header) < 6:
        return _FRAMES[process]
    bits, height, components = header[0], int.from_bytes(header[1:3], "big"), header[5]
    if bits == 12:
        return "a 12-bit JPEG"
    if height == 0:
        return "a JPEG that states its height after its pixels"
    return "" if bits != 8 or components in _COMPONENTS else f"a JPEG of {components} components"


def jpeg_end(data: bytes) -> int | None:
    """Offset of the end of the first picture; None without an end."""
    return next((marker.end() for marker in _markers(data) if marker[0] == _END), None)


def jpeg_profile(data: bytes, notes: Notes) -> bytes | None:
    """The colour profile, joined from its numbered chunks; None without one, or unless each chunk is there once."""
    kind, name = _PROFILE
    segments = [_segment(data, marker) for marker in _markers(data) if marker[0] == kind]
    parts = [segment[len(name) :] for segment in segments if segment.startswith(name)]
    if not parts:
        return None
    count = parts[0][1] if len(parts[0]) > 1 else 0
    numbered = {part[0]: part[2:] for part in parts if len(part) > 2 and part[1] == count}
    if not (len(parts) == len(numbered) == count and set(numbered) == set(range(1, count + 1))):
        notes.warnings.append(
            f"The embedded colour profile is incomplete ({len(numbered)} of {count} chunks are there in order) and was "
            "ignored."
        )
        return None
    return b"".join(numbered[number] for number in range(1, count + 1))


def jfif_density(data: bytes) -> tuple[int, int] | None:
    """Samples a unit of length, across and down; None if no JFIF header states a ratio other than 1:1."""
    for marker in _markers(data):
        header = _segment(data, marker)
        if marker[0] == b"\xff\xe0" and header.startswith(b"JFIF\0") and len(header) >= 12:
            density = int.from_bytes(header[8:10], "big"), int.from_bytes(header[10:12], "big")
            return None if (header[7], *density) == (0, 1, 1) else density
        if marker[0] == _SCAN:
            break
    return None
