"""What a batch holds, in one SQLite file: its photos as they are listed, and what was found on each.

An examination is kept as a report states it, but of raw maps the hash alone: a row is examined again when it is opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inference.casework.stated import stated, without_maps
from inference.database import Database, Kind
from inference.intake.sources import Listed
from inference.records import NOT_EXAMINED, BatchRow, BatchState, Deviation, RowOrder, Verdict
from inference.request import Means

FILE = "batch.sqlite"

_TABLES = """
create table photos (
    id integer primary key, source text not null, path text not null, columns text not null,
    done integer not null default 0, sha256 text not null default '', thumbnail blob not null default x'',
    refused text not null default ''
);
create index photos_due on photos (done, id);
create table examinations (
    photo integer not null references photos, part integer not null, outcome text not null, reason text not null,
    made_by text not null, box text not null, score real not null, log10_lr real, low real, high real, against real,
    searched text not null, stated text not null, primary key (photo, part)
);
"""
_KIND = Kind("batch", 0x41535342, 1, _TABLES, "restore it, or examine the photos again")

_ROWS = f"""
from photos left join examinations on examinations.photo = photos.id where done
and (? = '' or coalesce(outcome, '{NOT_EXAMINED}') = ?)
and (? = '' or instr(coalesce(searched, ''), ?) or instr(casefolded(path || ' ' || columns || ' ' || refused), ?))
"""
_COLUMNS = (
    "photos.id, part, path, columns, sha256, outcome, reason, refused, made_by, box, score, log10_lr, low, high, "
    "against, thumbnail"
)
_ORDERS: dict[RowOrder, str] = {
    "as listed": "photos.id, part",
    "least like genuine first": "against desc nulls last, photos.id, part",
    "most like genuine first": "against asc nulls last, photos.id, part",
    "by name": "path, photos.id, part",
}


@dataclass(frozen=True)
class Due:
    """A photo that waits for its examination."""

    number: int
    source: Path
    path: str


class BatchStore:
    """The file of a batch. Threads may share it.

    Args:
        folder: The batch's folder, which exists.
        means: By what the photos of a new batch are examined.

    Raises:
        DatabaseRefused: if the file is damaged, foreign, or newer than this Assay.
    """

    def __init__(self, folder: Path, means: Means | None = None) -> None:
        self.folder = folder
        told = json.dumps(asdict(means or Means()), ensure_ascii=False)
        self._file = Database(folder / FILE, _KIND, {"means": told, "cases": "[]"})
        self._file.define("casefolded", str.casefold)

    def close(self) -> None:
        """Close the file; a copy of it then is the batch."""
        self._file.close()

    @property
    def means(self) -> Means:
        """By what its photos are examined."""
        return Means(**json.loads(self._file.stated("means")))

    @property
    def cases(self) -> tuple[str, ...]:
        """The numbers of the cases that hold it."""
        return tuple(json.loads(self._file.stated("cases")))

    def add_case(self, number: str) -> None:
        """State that a case holds it."""
        self._file.state("cases", json.dumps([*dict.fromkeys((*self.cases, number))], ensure_ascii=False))

    def list_photos(self, source: Path, pictures: Sequence[Listed]) -> None:
        """Add the photos of a source, to be examined in their order."""
        with self._file.changing():
            for one in pictures:
                self._file.run(
                    "insert into photos (source, path, columns) values (?, ?, ?)",
                    str(source),
                    one.path,
                    json.dumps(one.columns, ensure_ascii=False),
                )

    def due(self) -> list[Due]:
        """The photos that wait, in their order."""
        rows = self._file.all("select id, source, path from photos where not done order by id")
        return [Due(number, Path(source), path) for number, source, path in rows]

    def examination(self, number: int, part: int) -> tuple[Due, str, dict[str, Any]] | None:
        """A photo, its SHA-256, and its examination with that number as a report states it; None without one."""
        rows = self._file.all(
            "select source, path, sha256, stated from photos join examinations on photo = id where id = ? and part = ?",
            number,
            part,
        )
        found = ((Due(number, Path(source), path), digest, json.loads(told)) for source, path, digest, told in rows)
        return next(found, None)

    def keep(
        self, number: int, digest: str, thumbnail: bytes, found: Sequence[Verdict | Deviation], refused: str = ""
    ) -> None:
        """Keep what was found on a photo, or why it was not examined."""
        with self._file.changing():
            for part, record in enumerate(found, 1):
                self._keep_examination(number, part, record)
            self._file.run(
                "update photos set done = 1, sha256 = ?, thumbnail = ?, refused = ? where id = ?",
                digest,
                thumbnail,
                refused,
                number,
            )

    def _keep_examination(self, number: int, part: int, record: Verdict | Deviation) -> None:
        evidence = record.evidence
        against = None
        if evidence is not None:
            against = evidence.log10_lr if isinstance(record, Deviation) else -evidence.log10_lr
        by = record.collection if isinstance(record, Deviation) else f"{record.provenance.model}, {record.series}"
        self._file.run(
            "insert into examinations values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            number,
            part,
            record.outcome,
            record.reason,
            by,
            str(record.crop) if record.crop else "whole picture",
            record.score,
            *((evidence.log10_lr, evidence.low, evidence.high) if evidence else (None, None, None)),
            against,
            f"{by} {record.outcome} {record.reason}".casefold(),
            json.dumps(without_maps(stated(record)), ensure_ascii=False),
        )

    def state(self) -> BatchState:
        """How far it is."""
        photos, done = self._file.one("select count(*), coalesce(sum(done), 0) from photos")
        outcomes = self._file.all(
            f"select coalesce(outcome, '{NOT_EXAMINED}'), count(*) from photos left join examinations "  # noqa: S608
            "on examinations.photo = photos.id where done group by 1 order by 1"
        )
        return BatchState(self.folder.name, str(self.means), photos, done, dict(outcomes), self.cases)

    def count(self, outcome: str = "", text: str = "") -> int:
        """How many rows there are; see `rows`."""
        return int(self._file.one(f"select count(*) {_ROWS}", *_asked(outcome, text))[0])

    def rows(
        self,
        outcome: str = "",
        text: str = "",
        order: RowOrder = "as listed",
        start: int = 0,
        most: int = -1,
    ) -> list[BatchRow]:
        """The rows of the photos that are done.

        Args:
            outcome: Only those of this outcome; empty for all.
            text: Only those that hold this text somewhere, whatever its case; empty for all.
            order: Their order; those without evidence come last where it orders them.
            start: How many to leave out at the start.
            most: How many at most; -1 for all.
        """
        query = f"select {_COLUMNS} {_ROWS} order by {_ORDERS[order]} limit ? offset ?"
        return [_row(*values) for values in self._file.all(query, *_asked(outcome, text), most, start)]

    def examined(self) -> Iterator[tuple[Due, str, list[dict[str, Any]]]]:
        """Each examined photo with its SHA-256 and its examinations as a report states them."""
        for number, source, path, digest in self._file.all(
            "select id, source, path, sha256 from photos where done and refused = '' order by id"
        ):
            rows = self._file.all("select stated from examinations where photo = ? order by part", number)
            yield Due(number, Path(source), path), digest, [json.loads(text) for (text,) in rows]


def _asked(outcome: str, text: str) -> tuple[str, ...]:
    sought = text.strip().casefold()
    return outcome, outcome, sought, sought, sought


def _row(
    photo: int,
    part: int | None,
    path: str,
    columns: str,
    digest: str,
    outcome: str | None,
    reason: str | None,
    refused: str,
    by: str | None,
    box: str | None,
    score: float | None,
    log10_lr: float | None,
    low: float | None,
    high: float | None,
    against: float | None,
    thumbnail: bytes,
) -> BatchRow:
    ratio = None if log10_lr is None or low is None or high is None else (log10_lr, low, high)
    return BatchRow(
        photo,
        part or 0,
        path,
        json.loads(columns),
        digest,
        outcome or NOT_EXAMINED,
        reason or refused,
        by or "",
        box or "",
        score,
        ratio,
        against,
        thumbnail,
    )
