"""Writing files whole, and pictures as bytes."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or an interruption, sees all of it or nothing; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def png_bytes(picture: Image.Image) -> bytes:
    """A picture as a PNG."""
    encoded = io.BytesIO()
    picture.save(encoded, "PNG")
    return encoded.getvalue()
