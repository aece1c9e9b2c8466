"""The blocks of a GIF, which give its frames and its end without decoding.

Source: Graphics Interchange Format, version 89a, CompuServe 1990.
"""

from __future__ import annotations

from collections.abc import Iterator

_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B


def _blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Kind and end of each whole block of the file."""
    position = 13 + _table_length(data[10])
    while position < len(data):
        kind = data[position]
        if kind == _IMAGE and position + 10 <= len(data):
            position = _after_sub_blocks(data, position + 11 + _table_length(data[position + 9]))
        elif kind == _EXTENSION:
            position = _after_sub_blocks(data, position + 2)
        elif kind == _END:
            position += 1
        else:
            return
        if position <= len(data):
            yield kind, position
        if kind == _END:
            return


def _table_length(flags: int) -> int:
    return 3 * 2 ** (1 + flags % 8) if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, position: int) -> int:
    while position < len(data) and data[position]:
        position += 1 + data[position]
    return position + 1


def gif_end(data: bytes) -> int | None:
    """Offset of the end that the file states; None if it states none."""
    return next((end for kind, end in _blocks(data) if kind == _END), None) if len(data) > 13 else None


def count_frames(data: bytes, limit: int) -> int:
    """Number of frames, counted up to a limit."""
    frames = 0
    for kind, _ in _blocks(data):
        frames += kind == _IMAGE
        if frames == limit:
            break
    return frames


def pixel_aspect(data: bytes) -> tuple[int, int] | None:
    """Height and width of a pixel, in one unit (the ratio of the densities across and down); None if not stated."""
    stated = data[12] if len(data) > 12 else 0
    return (64, stated + 15) if stated else None
