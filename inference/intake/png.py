"""The chunks of a PNG."""

from __future__ import annotations

import struct


def png_end(data: bytes) -> int | None:
    """Where the picture ends; None if it does not."""
    position = 8
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        position += 12 + length
        if kind == b"IEND":
            return position
    return None
