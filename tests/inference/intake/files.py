"""Small files of every kind, drawn for the tests of the intake."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image

SIZE = (4, 3)
RED, GREEN, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (255, 255, 255), (0, 0, 0)


def encoded(image: Image.Image, container: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, container, **options)
    return buffer.getvalue()


def painted(container: str, mode: str, colour: float | tuple[float, ...], **options: object) -> bytes:
    return encoded(Image.new(mode, SIZE, colour), container, **options)


def photograph() -> Image.Image:
    """Smooth colours that every codec has something to do with."""
    noise = np.random.default_rng(7).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((48, 36), Image.Resampling.BICUBIC)


def written_tiff(pixels: bytes, tags: dict[int, tuple[str, Sequence[int]]]) -> bytes:
    """A little-endian TIFF of one uncompressed strip, with tags of the struct types H and I."""
    everything = {**tags, 273: ("I", [8]), 279: ("I", [len(pixels)])}
    directory, beyond = struct.pack("<H", len(everything)), b""
    values_at = 8 + len(pixels) + 2 + 12 * len(everything) + 4
    for tag, (kind, values) in sorted(everything.items()):
        packed = struct.pack(f"<{len(values)}{kind}", *values)
        place = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", values_at + len(beyond))
        beyond += packed if len(packed) > 4 else b""
        directory += struct.pack("<HHI", tag, {"H": 3, "I": 4}[kind], len(values)) + place
    return struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels + directory + bytes(4) + beyond
