"""A register: a folder that holds many marks, to be searched for those that a mark resembles."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from threading import Lock

from inference.files import sha256
from inference.intake.sources import SourceRefused, read_listed, read_source
from inference.progress import Progress
from inference.records import Crop, Exhibit, FoundMark, MarkSearch, RankedMarks, Refusal
from inference.register.search import Resemblance, Search
from inference.register.store import FILE, Store
from inference.register.take_in import TakenIn, take_in
from inference.trademark.embedder import MarkEmbedder

logger = logging.getLogger(__name__)

REGISTER_FOLDER = Path("register")
"""Where a register lies unless another folder is named."""


def parsed_filters(texts: Sequence[str]) -> dict[str, str]:
    """Filters from texts of the form COLUMN=TEXT.

    Raises:
        Refusal: if one is not of that form, or a column is named twice.
    """
    filters: dict[str, str] = {}
    for one in texts:
        column, equals, text = one.partition("=")
        if not equals or not column or column in filters:
            msg = f"{one!r} is not COLUMN=TEXT, or names a column twice; write, for example, owner=Brown."
            raise Refusal(msg)
        filters[column] = text
    return filters


class Register:
    """The register of a folder. Threads may share it.

    Args:
        folder: The folder; a new register is made where there is none.
        embedder: What embeds its marks.

    Raises:
        DatabaseRefused: if the folder holds a register that is damaged, or newer than this Assay.
        RegisterRefused: if it was made with other weights.
    """

    def __init__(self, folder: Path, embedder: MarkEmbedder) -> None:
        self.store = Store(folder, embedder.sha256)
        self._embedder = embedder
        self._search: Search | None = None
        self._lock = Lock()

    def close(self) -> None:
        """Close its file; a copy of the folder then is the register."""
        self.store.close()

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a folder holds a register."""
        return (folder / FILE).is_file()

    def take_in(self, place: Path, progress: Progress) -> TakenIn:
        """Take in the marks of a folder, a ZIP or a CSV, or again what changed there since.

        Raises:
            Refusal: if it is none of these, is damaged, or lists no mark.
        """
        return take_in(self.store, read_source(place), self._embedder, progress)

    def search(
        self, exhibit: Exhibit, crop: Crop | None = None, most: int = 20, filters: Mapping[str, str] | None = None
    ) -> MarkSearch:
        """The marks that a mark resembles most.

        Args:
            exhibit: The mark.
            crop: What of it is searched for; None for the whole picture.
            most: How many pictures of each ranking, at least 1.
            filters: Text that a column must hold, whatever its case, by the column; by default all marks are looked at.

        Raises:
            Refusal: if it shows no mark that can be compared, the crop reaches outside the picture, the register has no
                such column, or nothing is asked for.
        """
        if most < 1:
            msg = f"A ranking holds one picture or more, and {most} were asked for; ask for one at least."
            raise Refusal(msg)
        filters = dict(filters or {})
        held = self.store.holding(filters) if filters else None
        search = self._as_it_stands()
        rankings = search.rankings(exhibit, crop, most, held)
        marks = len(self.store)
        return MarkSearch(
            exhibit=exhibit,
            crop=crop,
            register=search.version,
            marks=marks,
            filters=filters,
            looked_at=marks if held is None else len(held),
            most=most,
            rankings=tuple(RankedMarks(name, tuple(self._marks(rows, filters))) for name, rows in rankings.items()),
            provenance=self._embedder.provenance({"crop": str(crop) if crop else "whole picture"}),
        )

    def file_of(self, digest: str) -> tuple[str, bytes]:
        """Name and bytes of the file of a registered picture, from a source that still has it as it was taken in.

        Args:
            digest: SHA-256 of the file.

        Raises:
            Refusal: if the register has no such picture, or no source has the file any more.
        """
        picture = self.store.picture(digest)
        if picture is None:
            msg = f"The register holds no picture {digest[:12]} any more; search again."
            raise Refusal(msg)
        marks = self.store.of_picture(picture)
        for mark in marks:
            try:
                data = read_listed(mark.source, mark.path)
            except SourceRefused as refusal:
                logger.info("%s", refusal)
                continue
            if sha256(data) == digest:
                return PurePosixPath(mark.path).name, data
        where = marks[0].source / marks[0].path
        msg = f"{where} is gone or was changed since it was taken in; take {marks[0].source.name} in again."
        raise Refusal(msg)

    def _as_it_stands(self) -> Search:
        with self._lock:
            if self._search is None or self._search.version != self.store.version:
                self._search = Search(self.store, self._embedder)
            return self._search

    def _marks(self, rows: Sequence[Resemblance], filters: Mapping[str, str]) -> Iterator[FoundMark]:
        for rank, row in enumerate(rows, 1):
            for mark in self.store.of_picture(row.picture, filters):
                yield FoundMark(
                    rank,
                    str(mark.source),
                    mark.path,
                    mark.columns,
                    mark.sha256,
                    mark.width,
                    mark.height,
                    row.log_odds,
                    row.how,
                    mark.thumbnail,
                )
