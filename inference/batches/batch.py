"""A batch: a folder in which many photos are examined by the same means, one after the other.

Each photo is examined alone, as a single one is, so that its row says what a single examination says. What is done is
kept photo by photo: a batch that was stopped or killed goes on where it was.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from inference.batches.pages import draw_batch
from inference.batches.store import FILE, BatchStore, Due
from inference.bench import Bench
from inference.casework.case import CaseFolder
from inference.casework.facts import CaseFacts
from inference.casework.report import Report, assembled
from inference.casework.stated import stated
from inference.files import csv_bytes, sha256, thumbnail_bytes
from inference.intake.exhibit import read_exhibit
from inference.intake.sources import read_listed, read_source
from inference.models.card import Card
from inference.progress import Progress, untold
from inference.records import NOT_EXAMINED, BatchRow, BatchState, Deviation, Exhibit, Refusal, Verdict
from inference.request import Means

logger = logging.getLogger(__name__)

_ADDED_TOGETHER = 100
"""Photos that are added to a case under one lock, so that others can write to it in between."""
_FAULT = "Assay met a fault of its own and reached no result; its log has the details."
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CSV_COLUMNS = (
    "path",
    "outcome",
    "log10 LR",
    "low",
    "high",
    "score",
    "by",
    "part",
    "box",
    "reason",
    "SHA-256",
)


@dataclass(frozen=True)
class _Read:
    """A photo as it was read ahead, or why it was not."""

    due: Due
    digest: str = ""
    exhibit: Exhibit | None = None
    refused: str = ""


class Batch:
    """The batch of a folder. Threads may share it.

    Args:
        folder: A folder that holds a batch.
        bench: What examines.

    Raises:
        Refusal: if there is no batch, or it cannot be read.
    """

    def __init__(self, folder: Path, bench: Bench) -> None:
        if not self.is_in(folder):
            msg = f"There is no batch in {folder}; begin one."
            raise Refusal(msg)
        self.store = BatchStore(folder)
        self._bench = bench

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a folder holds a batch."""
        return (folder / FILE).is_file()

    @classmethod
    def begin(cls, folder: Path, bench: Bench, means: Means, sources: Sequence[Path]) -> Batch:
        """A new batch of the photos of folders, ZIPs and CSVs; nothing is examined yet.

        Raises:
            Refusal: if the folder holds one already, or a source is none of these, is damaged, or lists no photo.
        """
        if cls.is_in(folder):
            msg = f"{folder} holds a batch already; let it go on, or choose another folder."
            raise Refusal(msg)
        means = bench.settled(means)
        listed = [read_source(source) for source in sources]
        if not listed:
            msg = "There are no photos; hand some in, or name a folder, a ZIP or a CSV."
            raise Refusal(msg)
        folder.mkdir(parents=True, exist_ok=True)
        store = BatchStore(folder, means)
        for source in listed:
            store.list_photos(source.place, source.pictures)
        store.close()
        return cls(folder, bench)

    def close(self) -> None:
        """Close its file."""
        self.store.close()

    @property
    def state(self) -> BatchState:
        """How far it is."""
        return self.store.state()

    def run(self, progress: Progress = untold) -> None:
        """Examine the photos that wait.

        Args:
            progress: Told after each photo; what it raises stops the batch there.
        """
        due, photos = self.store.due(), self.state.photos
        begun, means = time.monotonic(), self.store.means
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(_read, due[0]) if due else None
            for number, following in enumerate([*due[1:], None], 1):
                if ahead is None:
                    break
                read = ahead.result()
                ahead = pool.submit(_read, following) if following else None
                self._examine(read, means)
                left = (time.monotonic() - begun) / number * (len(due) - number)
                done = photos - len(due) + number
                progress(f"{done:,} of {photos:,} photos{_time_left(left)}", done / photos)

    def _examine(self, read: _Read, means: Means) -> None:
        found: Sequence[Verdict | Deviation] = ()
        refused, thumbnail = read.refused, b""
        if read.exhibit is not None:
            thumbnail = thumbnail_bytes(read.exhibit.pixels)
            try:
                found = self._bench.examine_by(means, read.exhibit)
            except Refusal as refusal:
                refused = str(refusal)
            except Exception:
                logger.exception("a fault on %s", read.due.path)
                refused = _FAULT
        self.store.keep(read.due.number, read.digest, thumbnail, found, refused)

    def examined_again(self, key: str) -> Verdict | Deviation:
        """The whole examination of a row, made again from the file.

        Args:
            key: The row's `key`.

        Raises:
            Refusal: if there is no such row, it was not examined, its file is gone or changed, or the weights, the card
                or the collection is another now.
        """
        photo, _, part = key.partition(".")
        then = self.store.examination(int(photo), int(part)) if photo.isdecimal() and part.isdecimal() else None
        if then is None:
            msg = f"Row {key} of {self.store.folder.name} holds no examination; choose one that does."
            raise Refusal(msg)
        due, digest, examination = then
        found = self._bench.examine_by(self.store.means, _exhibit(due, digest))[int(part) - 1]
        if _made_by(stated(found)) != _made_by(examination):
            msg = (
                f"{due.path} was examined by other weights or another collection than are here now; its row stays as "
                "it was, and a new batch examines it by these."
            )
            raise Refusal(msg)
        return found

    def add_to_case(self, case: CaseFolder, made: datetime, progress: Progress = untold) -> None:
        """Keep the examined photos in a case and log their examinations, once; what was interrupted is completed.

        The log of the case tells what it holds: another folder of cases can have a case of the same number.

        Raises:
            Refusal: if a photo is gone or changed, or the case cannot be written.
        """
        logged = {_content(entry.content) for entry in case.entries("examination")}
        examined = self.store.examined()
        photos, done = self.state.done, 0
        while lot := [*islice(examined, _ADDED_TOGETHER)]:
            due = ((photo, digest, [one for one in told if _content(one) not in logged]) for photo, digest, told in lot)
            case.add_examined(((_exhibit(photo, digest), told) for photo, digest, told in due if told), made)
            done += len(lot)
            progress(f"{done:,} photos added to the case", done / photos)
        self.store.add_case(case.number)

    def report(self, facts: CaseFacts, made: datetime, case: CaseFolder | None = None) -> Report:
        """The report on all examinations: their table as a PDF, and a JSON twin that can be verified.

        In a case, photos and examinations are added to it first, and it is issued there.

        Raises:
            Refusal: if nothing was examined, a model is gone, or the case cannot be written.
        """
        rows = self.store.rows()
        if not any(row.part for row in rows):
            msg = f"No photo of {self.store.folder.name} was examined, so that there is nothing to report."
            raise Refusal(msg)
        if case is not None:
            self.add_to_case(case, made)
        examinations = [examination for _, _, told in self.store.examined() for examination in told]
        report = assembled(
            facts,
            examinations,
            self._cards(examinations),
            made,
            case.head if case else None,
            lambda imprint: draw_batch(imprint, self.state, rows, examinations),
            batch={
                "name": self.store.folder.name,
                "means": str(self.store.means),
                NOT_EXAMINED: [
                    {"path": row.path, "sha256": row.sha256, "reason": row.reason} for row in rows if not row.part
                ],
            },
        )
        if case is not None:
            case.add_report(report.id, report.run_id, report.pdf, report.json, made)
        return report

    def csv(self) -> bytes:
        """All rows as a CSV file; what the sources say of each photo follows."""
        rows = self.store.rows()
        columns = [*dict.fromkeys(column for row in rows for column in row.columns)]
        return csv_bytes((*_CSV_COLUMNS, *columns), [[*_cells(row, columns)] for row in rows])

    def _cards(self, examinations: Sequence[dict[str, Any]]) -> dict[str, Card]:
        names = {str(one["record"]["provenance"]["model"]) for one in examinations}
        gone = sorted(names - self._bench.catalogue.cards.keys())
        if gone:
            msg = f"{', '.join(gone)} examined, and is not in {self._bench.weights} any more; put it back there."
            raise Refusal(msg)
        return {name: self._bench.catalogue.cards[name] for name in names}


def _read(due: Due) -> _Read:
    digest = ""
    try:
        data = read_listed(due.source, due.path)
        digest = sha256(data)
        return _Read(due, digest, read_exhibit(data, PurePosixPath(due.path).name))
    except Refusal as refusal:
        return _Read(due, digest, refused=str(refusal))


def _exhibit(due: Due, digest: str) -> Exhibit:
    """A photo as it was examined.

    Raises:
        Refusal: if it is gone or was changed since.
    """
    data = read_listed(due.source, due.path)
    if sha256(data) != digest:
        msg = f"{due.path} in {due.source} was changed since it was examined; restore it, or begin another batch."
        raise Refusal(msg)
    return read_exhibit(data, PurePosixPath(due.path).name)


def _content(examination: Mapping[str, Any]) -> str:
    return json.dumps(examination, sort_keys=True)


def _made_by(examination: dict[str, Any]) -> list[Any]:
    provenance = examination["record"]["provenance"]
    return [provenance[name] for name in ("weights_sha256", "card_sha256", "settings")]


def _cells(row: BatchRow, columns: Sequence[str]) -> Iterator[str]:
    ratio = row.log10_lr or (None, None, None)
    yield from map(_plain, (row.path, row.outcome))
    yield from ("" if value is None else f"{value:.3f}" for value in (*ratio, row.score))
    yield from map(_plain, (row.by, str(row.part or ""), row.box, row.reason, row.sha256))
    yield from (_plain(row.columns.get(column, "")) for column in columns)


def _plain(text: str) -> str:
    """A text that a spreadsheet does not run as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _time_left(seconds: float) -> str:
    if seconds < 1:
        return ""
    minutes, seconds = divmod(round(seconds), 60)
    return f", about {minutes} min left" if minutes else f", about {seconds} s left"
