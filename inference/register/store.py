"""What a register holds, wherever it is kept: marks as their sources list them, and the pictures that they show.

A picture is kept once, whichever marks show it. Where it is kept decides how much it may hold and who reaches it; what
is asked of it is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.intake.sources import Listed
from inference.records import Refusal
from inference.trademark.embedder import EmbeddedViews

Vectors = NDArray[np.float32]
Embeddings = NDArray[np.float16]
View = Literal["whole", "grey", "element"]
Key = tuple[str, int]
"""A mark of a source: its path and which of those that show it."""
Compact = Callable[[Vectors], Vectors]
"""Embeddings (n, C) to the shorter vectors (n, D) by whose angles candidates are found."""


class RegisterRefused(Refusal):
    """A register that was made with other weights, or cannot be reached."""


@dataclass(frozen=True)
class Picture:
    """A picture of a register.

    Attributes:
        sha256: Of its file.
        width: Of the upright picture, in pixels.
        height: The same.
        thumbnail: A small JPEG of it.
        views: The embeddings of its mark.
    """

    sha256: str
    width: int
    height: int
    thumbnail: bytes
    views: EmbeddedViews

    @property
    def of_views(self) -> list[tuple[View, int, str, Vectors]]:
        """Each view: its name, its number among those of that name, where it lies, and its embedding (C,)."""
        elements = enumerate(zip(self.views.places, self.views.elements, strict=True))
        return [
            ("whole", 0, "", self.views.whole),
            ("grey", 0, "", self.views.grey),
            *(("element", number, str(place), embedding) for number, (place, embedding) in elements),
        ]


@dataclass(frozen=True)
class Entry:
    """A mark that is entered.

    Attributes:
        mark: The mark.
        digest: SHA-256 of its picture; empty if it is refused.
        refused: Why it is not taken in; empty if it is.
    """

    mark: Listed
    digest: str = ""
    refused: str = ""


@dataclass(frozen=True)
class RegisteredMark:
    """A mark of a register.

    Attributes:
        source: The folder, ZIP or CSV that lists it.
        path: The file's path from there.
        columns: What else is said of it.
        sha256: Of its file.
        width: Of the upright picture, in pixels.
        height: The same.
        thumbnail: A small JPEG of it.
    """

    source: Path
    path: str
    columns: Mapping[str, str]
    sha256: str
    width: int
    height: int
    thumbnail: bytes


class Reading(Protocol):
    """A register as it stands while it is read, seen through filters on its columns."""

    @property
    def version(self) -> str:
        """Hex digest of all that the register holds, in whichever order it came; the same in each copy."""

    @property
    def marks(self) -> int:
        """Marks that it holds, without those that were refused."""

    @property
    def looked_at(self) -> int:
        """Marks that the filters leave."""

    def nearest(self, view: View, embeddings: Vectors, most: int) -> tuple[NDArray[np.str_], Embeddings]:
        """The views that point most nearly the same way as embeddings do.

        Args:
            view: Which views are looked at.
            embeddings: The embeddings (m, C).
            most: How many views for each of them, or more.

        Returns:
            SHA-256 of the pictures (n,), in rising order, and the embeddings (n, C) of those views, each once.
        """

    def of_picture(self, digest: str) -> list[RegisteredMark]:
        """The marks that show a picture, of those that the filters leave."""


class Store(Protocol):
    """Where a register is kept. Threads may share it."""

    @property
    def place(self) -> str:
        """Where it lies: its folder, or its address."""

    @property
    def version(self) -> str:
        """Hex digest of the marks and pictures it holds, in whichever order they came; the same in each copy."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that its marks have, by name."""

    def __len__(self) -> int:
        """Marks that it holds, without those that were refused."""

    def close(self) -> None:
        """Let go of it."""

    def reading(self, filters: Mapping[str, str] | None = None) -> AbstractContextManager[Reading]:
        """The register as it stands, until the end of the block.

        Args:
            filters: Text that a column holds in the marks that are looked at, whatever its case, by the column.

        Raises:
            Refusal: if no mark has such a column, or the register changes meanwhile.
        """

    def of_picture(self, digest: str) -> list[RegisteredMark]:
        """The marks that show a picture."""

    def refused(self) -> list[tuple[Path, str, str]]:
        """Source and path of each mark that could not be taken in, and why."""

    def listed(self, source: Path) -> dict[Key, tuple[str, dict[str, str]]]:
        """The stamp and the columns of each mark that was taken in from a source, refused ones too."""

    def holds(self, digest: str) -> bool:
        """Whether it holds the picture with that SHA-256."""

    def keep(self, source: Path, pictures: Sequence[Picture], entries: Sequence[Entry]) -> None:
        """Keep pictures that it does not hold, and enter marks, each in the place of what was listed under its key.

        All of it is kept, or nothing; a place without transactions says what was interrupted, until it is ended.

        Args:
            source: The source of the marks.
            pictures: The pictures.
            entries: The marks; their pictures are among these, or held.
        """

    def forget(self, source: Path, keys: Iterable[Key]) -> None:
        """Remove marks of a source."""

    def leave_out_unshown(self) -> None:
        """Remove the pictures that no mark shows any more."""


def unknown_column(column: str, columns: Sequence[str]) -> Refusal:
    """Why a filter by a column is refused that no mark has."""
    known = ", ".join(columns) or "none"
    return Refusal(f"No mark of the register has a column {column!r}; there are: {known}.")


def content_of(path: str, columns: str, digest: str) -> int:
    """What a mark adds to the sum over all marks, modulo 2**256, from which the version is read.

    Sources may lie elsewhere on another machine, and do not count.
    """
    return int.from_bytes(sha256("\0".join((path, columns, digest)).encode()).digest(), "big")


def summed(content: str, added: int) -> str:
    """A version to which something is added."""
    return f"{(int(content, 16) + added) % (1 << 256):064x}"


EMPTY = f"{0:064x}"
"""The version of a register that holds nothing."""
