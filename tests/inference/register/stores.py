"""Both places where a register may be kept, small enough for a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inference.register.local_store import LocalStore
from inference.register.milvus_store import MilvusStore
from inference.register.store import Store, Vectors, View

PLACES = ("folder", "file.db")
"""A folder, and the file of Milvus' small edition."""
MODEL = "a" * 64
ALL = 100
"""More than any of these registers holds of one view."""


def compact(embeddings: Vectors) -> Vectors:
    """Embeddings as they are, of length 1."""
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


def opened(place: Path, channels: int = 8, model: str = MODEL) -> Store:
    """The register of a folder, or of a file of Milvus."""
    if place.suffix:
        return MilvusStore(str(place), model, compact, channels)
    return LocalStore(place, model, compact)


def held(store: Store, view: View, channels: int = 8, **filters: str) -> list[tuple[str, list[float]]]:
    """SHA-256 of the picture and embedding of all views of that name."""
    with store.reading(filters) as reading:
        pictures, embeddings = reading.nearest(view, np.ones((1, channels), np.float32), ALL)
        return [*zip(pictures.tolist(), embeddings.tolist(), strict=True)]
