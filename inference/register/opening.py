"""Where a register is kept: in a folder, or at an address of Milvus."""

from __future__ import annotations

from pathlib import Path

from inference.register.local_store import FILE, LocalStore
from inference.register.store import RegisterRefused, Store
from inference.trademark.embedder import MarkEmbedder


def is_register(place: str) -> bool:
    """Whether a register is kept at a place; looking for one makes none.

    Raises:
        RegisterRefused: if the place is an address that cannot be reached.
    """
    if not _is_address(place):
        return (Path(place) / FILE).is_file()
    try:
        from inference.register.milvus_client import is_register_at
    except ImportError as error:
        raise _no_client(place) from error
    return is_register_at(place)


def open_store(place: str, embedder: MarkEmbedder) -> Store:
    """The register of a place; a new one is made where there is none.

    Args:
        place: A folder; http://HOST:PORT/DATABASE of Milvus; or NAME.db, the file of its small edition.
        embedder: What embeds its marks.

    Raises:
        DatabaseRefused: if the folder holds a register that is damaged, or of another version of Assay.
        RegisterRefused: if it was made with other weights, or cannot be reached.
    """
    if not _is_address(place):
        return LocalStore(Path(place), embedder.sha256, embedder.compact)
    try:
        from inference.register.milvus_store import MilvusStore
    except ImportError as error:
        raise _no_client(place) from error
    return MilvusStore(place, embedder.sha256, embedder.compact, embedder.dimensions)


def _is_address(place: str) -> bool:
    return place.startswith(("http://", "https://")) or place.endswith(".db")


def _no_client(place: str) -> RegisterRefused:
    return RegisterRefused(f"{place} needs the client of Milvus; pip install -r requirements-milvus.txt.")
