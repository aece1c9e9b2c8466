"""Files: their hashes, writing them whole, and pictures as bytes."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

from PIL import Image


def sha256(data: bytes) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, an interruption or a power cut sees all of it or nothing; its folder is made.

    Raises:
        OSError: where it cannot be written, as on a full disk; what was there before stays, and nothing else is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def png_bytes(picture: Image.Image) -> bytes:
    """A picture as a PNG."""
    encoded = io.BytesIO()
    picture.save(encoded, "PNG")
    return encoded.getvalue()
