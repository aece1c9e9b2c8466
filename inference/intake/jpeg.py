"""The markers of a JPEG: what it is made of, before anything is decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from inference.intake.notes import ExhibitRefused, Notes

MAX_SCANS = 100
"""Scans of a JPEG: real ones have about ten, and each costs a pass over all pixels for a few bytes."""

_JPEG_SCAN = b"\xff\xda"
_JPEG_END = b"\xff\xd9"
_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")


def check_scans(data: bytes, notes: Notes) -> None:
    """Refuse a JPEG that would be decoded over and over.

    Raises:
        ExhibitRefused: if it has more than `MAX_SCANS` scans.
    """
    scans = sum(marker[0] == _JPEG_SCAN for marker in _jpeg_markers(data))
    if scans > MAX_SCANS:
        msg = f"{notes.name} has {scans} scans, and at most {MAX_SCANS} are decoded; hand in a plain JPEG."
        raise ExhibitRefused(msg)


def _jpeg_markers(data: bytes) -> Iterator[re.Match[bytes]]:
    """The markers of a JPEG's first picture; those of a thumbnail lie in a segment, which is stepped over."""
    position = 2
    while marker := _JPEG_MARKER.search(data, position):
        yield marker
        if marker[0] == _JPEG_END:
            return
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")


def jpeg_end(data: bytes) -> int | None:
    """Where the first picture ends; None if it does not."""
    return next((marker.end() for marker in _jpeg_markers(data) if marker[0] == _JPEG_END), None)
