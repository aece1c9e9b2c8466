"""The boxes of a HEIF or AVIF file: what they state of the colours and pixels of its main picture.

The decoders apply turns and crops and pass on the profile; what they do not pass on is read here.
Sources: ISO/IEC 14496-12 (boxes), 23008-12 (items and their properties).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAX_BOXES = 10_000
"""Number of boxes after which reading stops, so that a hostile file cannot keep the reader busy."""

_TURNS = (b"irot", b"imir")


@dataclass(frozen=True)
class MainPicture:
    """What the boxes state of the main picture.

    Attributes:
        nclx: Primaries, transfer and full-range flag by ITU-T H.273; None if not stated.
        pixel: Width and height of a pixel before any turn; None if not stated.
        bits: Bits of the deepest channel; 8 if none are stated.
        is_turned: Whether the decoder turns or mirrors the picture.
        is_on_its_side: Whether the picture is turned by 90 or 270 degrees.
    """

    nclx: tuple[int, int, bool] | None = None
    pixel: tuple[int, int] | None = None
    bits: int = 8
    is_turned: bool = False
    is_on_its_side: bool = False


def main_picture(data: bytes) -> MainPicture:
    """The stated properties of the main picture; none if the boxes are damaged."""
    try:
        return _main_picture(data)
    except (struct.error, IndexError, StopIteration):
        return MainPicture()


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    for _ in range(MAX_BOXES):
        if position + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, position)
        header = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, position + 8)
            header = 16
        end = len(data) if length == 0 else position + length
        if length and length < header:
            return
        yield kind, data[position + header : end]
        position = end


def _first(data: bytes, kind: bytes) -> bytes:
    return next(content for found, content in _boxes(data) if found == kind)


def _main_picture(data: bytes) -> MainPicture:
    meta = _first(data, b"meta")[4:]
    item = _first(meta, b"pitm")
    main = struct.unpack_from(">I" if item[0] else ">H", item, 4)[0]
    stated = _first(meta, b"iprp")
    properties = list(_boxes(_first(stated, b"ipco")))
    indices = _associated(_first(stated, b"ipma"), main)
    own = [properties[index - 1] for index in indices if 0 < index <= len(properties)]
    kinds = [kind for kind, _ in own]
    nclx = next((content[4:] for kind, content in own if kind == b"colr" and content[:4] == b"nclx"), None)
    pixel = next((struct.unpack_from(">II", content) for kind, content in own if kind == b"pasp"), None)
    depths = next((content[5:] for kind, content in own if kind == b"pixi"), b"")
    quarters = sum(content[0] & 3 for kind, content in own if kind == b"irot")
    return MainPicture(
        nclx=None if nclx is None else (*struct.unpack_from(">HH", nclx), bool(nclx[6] & 0x80)),
        pixel=pixel,
        bits=max(depths, default=8),
        is_turned=any(kind in _TURNS for kind in kinds) and (quarters > 0 or b"imir" in kinds),
        is_on_its_side=quarters % 2 == 1,
    )


def _associated(content: bytes, item: int) -> list[int]:
    """The numbers of an item's properties, from 1 (ItemPropertyAssociationBox)."""
    version, flags = content[0], content[3]
    (entries,) = struct.unpack_from(">I", content, 4)
    position = 8
    for _ in range(min(entries, MAX_BOXES)):
        (found,) = struct.unpack_from(">I" if version else ">H", content, position)
        position += 4 if version else 2
        count = content[position]
        wide = flags & 1
        numbers = struct.unpack_from(f">{count}{'H' if wide else 'B'}", content, position + 1)
        position += 1 + count * (2 if wide else 1)
        if found == item:
            return [number & (0x7FFF if wide else 0x7F) for number in numbers]
    return []
