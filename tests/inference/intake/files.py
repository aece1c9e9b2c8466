"""Small files of every kind, drawn for the tests of the intake."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageCms
from pillow_heif import as_plugin

# What the app reads HEIF with cannot write it.
Image.register_save("HEIF", as_plugin._save_heif)
Image.register_save_all("HEIF", as_plugin._save_all_heif)

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
    """A little-endian TIFF of one uncompressed strip, with tags of the types H, I and R, rationals in pairs."""
    everything = {**tags, 273: ("I", [8]), 279: ("I", [len(pixels)])}
    directory, beyond = struct.pack("<H", len(everything)), b""
    values_at = 8 + len(pixels) + 2 + 12 * len(everything) + 4
    for tag, (kind, values) in sorted(everything.items()):
        number, letter, parts = {"H": (3, "H", 1), "I": (4, "I", 1), "R": (5, "I", 2)}[kind]
        packed = struct.pack(f"<{len(values)}{letter}", *values)
        place = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", values_at + len(beyond))
        beyond += packed if len(packed) > 4 else b""
        directory += struct.pack("<HHI", tag, number, len(values) // parts) + place
    return struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels + directory + bytes(4) + beyond


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """SRGB with its red and green primaries exchanged, so that red is written where green is meant."""
    exchange = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}
    profile = bytearray(srgb_profile())
    for entry in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        name = bytes(profile[entry : entry + 4])
        profile[entry : entry + 4] = exchange.get(name, name)
    return bytes(profile)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunks(png: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """The PNG with chunks after its header."""
    return png[:33] + b"".join(chunk(*one) for one in extra) + png[33:]


def written_png(pixels: np.ndarray, interlaced: bool, extra: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """A PNG of samples (H, W, n) of 8 or 16 bits, in one pass or in Adam's seven."""
    height, width, channels = pixels.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, colour, 0, 0, interlaced)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    parts = [pixels[top::down, left::across] for top, left, down, across in (passes if interlaced else [(0, 0, 1, 1)])]
    big_endian = pixels.dtype.newbyteorder(">")
    rows = b"".join(b"\0" + row.astype(big_endian).tobytes() for part in parts if part.size for row in part)
    body = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in body)
