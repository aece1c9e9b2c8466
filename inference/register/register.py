"""A register: a folder that holds many marks, to be searched for those that a mark resembles."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from inference.files import sha256
from inference.intake.sources import SourceRefused, read_listed, read_source
from inference.progress import Progress
from inference.records import Crop, Exhibit, FoundMark, MarkSearch, RankedMarks, Refusal
from inference.register.search import CANDIDATES, Query, Resemblance
from inference.register.store import Reading, Store
from inference.register.take_in import TakenIn, take_in
from inference.trademark.embedder import MarkEmbedder

logger = logging.getLogger(__name__)


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
    """A register of marks. Threads may share it.

    Args:
        store: Where it is kept.
        embedder: What embeds its marks.
    """

    def __init__(self, store: Store, embedder: MarkEmbedder) -> None:
        self.store = store
        self.embedder = embedder

    def close(self) -> None:
        """Let go of where it is kept."""
        self.store.close()

    def take_in(self, place: Path, progress: Progress) -> TakenIn:
        """Take in the marks of a folder, a ZIP or a CSV, or again what changed there since.

        Raises:
            Refusal: if it is none of these, is damaged, or lists no mark.
        """
        return take_in(self.store, read_source(place), self.embedder, progress)

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
        query = Query(self.embedder, exhibit, crop)
        with self.store.reading(filters) as reading:
            return MarkSearch(
                exhibit=exhibit,
                crop=crop,
                register=reading.version,
                marks=reading.marks,
                filters=filters,
                looked_at=reading.looked_at,
                most=most,
                candidates=CANDIDATES,
                rankings=tuple(
                    RankedMarks(name, tuple(_marks(reading, rows)))
                    for name, rows in query.rankings(reading, most).items()
                ),
                provenance=self.embedder.provenance({"crop": str(crop) if crop else "whole picture"}),
            )

    def file_of(self, digest: str) -> tuple[str, bytes]:
        """Name and bytes of the file of a registered picture, from a source that still has it as it was taken in.

        Args:
            digest: SHA-256 of the file.

        Raises:
            Refusal: if the register has no such picture, or no source has the file any more.
        """
        marks = self.store.of_picture(digest)
        if not marks:
            msg = f"The register holds no picture {digest[:12]} any more; search again."
            raise Refusal(msg)
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


def _marks(reading: Reading, rows: Sequence[Resemblance]) -> Iterator[FoundMark]:
    for rank, row in enumerate(rows, 1):
        for mark in reading.of_picture(row.digest):
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
