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
    prepare(path, content)
    try:
        put_in_place(path)
    except OSError:
        partial_of(path).unlink(missing_ok=True)
        raise


def partial_of(path: Path) -> Path:
    """Where the content of a file lies until it is put in its place."""
    return path.with_name(f".{path.name}.partial")


def is_partial(path: Path) -> bool:
    """Whether a file is one that was prepared and not put in its place."""
    return path.name.startswith(".") and path.name.endswith(".partial")


def prepare(path: Path, content: bytes) -> None:
    """Write all of a file beside its place, so that nothing but `put_in_place` is left to do.

    Raises:
        OSError: where it cannot be written; then nothing is left of it.
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
    """Give a file that was prepared its name, for good.

    Raises:
        OSError: where that cannot be done; it stays prepared.
    """
    partial_of(path).replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Have the disk keep the names in a folder; Windows offers no such call, and keeps them by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, for good; one that is there stays as it is.

    Raises:
        OSError: where it cannot be made.
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
