"""Files: their hashes, writing them whole, and pictures and tables as bytes."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_THUMBNAIL, _THUMBNAIL_QUALITY = 128, 80


def sha256(data: bytes) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, even through an interruption or power cut; its folder is made.

    Raises:
        OSError: if it cannot be written, as on a full disk; the earlier file stays, and nothing else is left.
    """
    prepare(path, content)
    try:
        put_in_place(path)
    except OSError:
        partial_of(path).unlink(missing_ok=True)
        raise


def partial_of(path: Path) -> Path:
    """The path at which a file is prepared before it is put in its place."""
    return path.with_name(f".{path.name}.partial")


def is_partial(path: Path) -> bool:
    """Whether a path is that of a prepared file."""
    return path.name.startswith(".") and path.name.endswith(".partial")


def prepare(path: Path, content: bytes) -> None:
    """Write a whole file beside its place, so that only `put_in_place` is left to do.

    Raises:
        OSError: if it cannot be written; nothing of it is left then.
    """
    make_folder(path.parent)
    try:
        with partial_of(path).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        partial_of(path).unlink(missing_ok=True)
        raise


def put_in_place(path: Path) -> None:
    """Give a prepared file its name, durably.

    Raises:
        OSError: if that fails; the file stays prepared.
    """
    partial_of(path).replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Have the disk keep the names in a folder; Windows does so by itself and has no such call."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, durably; an existing folder stays as it is.

    Raises:
        OSError: if it cannot be made.
    """
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def png_bytes(picture: Image.Image) -> bytes:
    """A picture as a PNG."""
    encoded = io.BytesIO()
    picture.save(encoded, "PNG")
    return encoded.getvalue()


def jpeg_bytes(picture: Image.Image, quality: int) -> bytes:
    """A picture as a JPEG."""
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=quality)
    return encoded.getvalue()


def thumbnail_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """A small JPEG of a picture (h, w, 3)."""
    small = Image.fromarray(pixels)
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    return jpeg_bytes(small, _THUMBNAIL_QUALITY)


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A table as a CSV file in UTF-8; what a short row lacks at its end is empty."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows([*row, *[""] * (len(columns) - len(row))] for row in rows)
    return text.getvalue().encode()
