"""A register in a folder: one SQLite file, to copy as it is.

Each batch is one transaction, so that a process that is killed loses no more than the batch under way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from inference.database import Database, Kind
from inference.register.codes import BITS, CodeScan, codes_of
from inference.register.store import (
    EMPTY,
    Compact,
    Embeddings,
    Entry,
    Key,
    Picture,
    RegisteredMark,
    RegisterRefused,
    Vectors,
    View,
    content_of,
    summed,
    unknown_column,
)

FILE = "register.sqlite"

_TABLES = """
create table pictures (
    id integer primary key autoincrement, sha256 text not null unique, width integer not null, height integer not null,
    thumbnail blob not null
);
create table views (
    id integer primary key autoincrement, picture integer not null references pictures on delete cascade,
    view text not null, number integer not null, place text not null, code blob not null,
    unique (picture, view, number)
);
create table embeddings (id integer primary key references views on delete cascade, embedding blob not null);
create table marks (
    id integer primary key, source text not null, path text not null, nth integer not null, stamp text not null,
    columns text not null, picture integer references pictures, refused text,
    unique (source, path, nth), check ((picture is null) <> (refused is null))
);
create index marks_of_picture on marks (picture);
"""
_KIND = Kind("register", 0x41535359, 2, _TABLES, "restore it, or take the marks in again, into another folder")
_HELD = """not exists (
    select 1 from json_each(?) as asked where not exists (
        select 1 from json_each(columns) as said where said.key = asked.key and instr(folded(said.value), asked.value)
    )
)"""
"""Whether the columns of a mark hold every text that is asked for; of folded texts, by the column."""
_PICTURES_HELD = f"""
select picture from marks where picture is not null and {_HELD}
"""  # noqa: S608 - of constants
_OF_PICTURE = f"""
select source, path, columns, sha256, width, height, thumbnail from marks join pictures on pictures.id = picture
where sha256 = ? and {_HELD} order by source, path, nth
"""  # noqa: S608 - of constants
_READ_AT_ONCE = 1 << 18
"""Codes that are read from the file together."""


@dataclass(frozen=True)
class _Views:
    """All views of one name: their numbers (n,), those of their pictures (n,), and their codes."""

    numbers: NDArray[np.int64]
    pictures: NDArray[np.int64]
    scan: CodeScan

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]]) -> _Views:
        """Views from rows of number, picture and code."""
        codes = np.frombuffer(b"".join(code for *_, code in rows), "<u8").reshape(len(rows), BITS // 64)
        numbers, pictures = (np.array([row[place] for row in rows], np.int64) for place in (0, 1))
        return cls(numbers, pictures, CodeScan(codes))

    @classmethod
    def joined(cls, parts: Sequence[_Views]) -> _Views:
        """The views of several, one after the other."""
        numbers, pictures = (np.concatenate([getattr(one, name) for one in parts]) for name in ("numbers", "pictures"))
        return cls(numbers, pictures, CodeScan.joined([one.scan for one in parts]))


class LocalStore:
    """The register of a folder; see `Store`.

    Args:
        folder: The folder; it is made where there is none.
        model: SHA-256 of the weights that embed its marks.
        compact: Makes the vectors by whose angles candidates are found.

    Raises:
        DatabaseRefused: if the file is damaged, foreign, or of another version of Assay.
        RegisterRefused: if it was made with other weights.
    """

    def __init__(self, folder: Path, model: str, compact: Compact) -> None:
        self.place = str(folder)
        self._compact = compact
        folder.mkdir(parents=True, exist_ok=True)
        self._file = Database(folder / FILE, _KIND, {"model": model, "content": EMPTY, "left_out": "0"})
        if self._file.stated("model") != model:
            self._file.close()
            msg = f"{folder / FILE} was made with other weights; take its marks in again, into another folder."
            raise RegisterRefused(msg)
        self._file.define("folded", str.casefold)
        self._views: dict[View, _Views] = {view: _Views.of([]) for view in get_args(View)}
        self._loaded = ("", 0)

    def close(self) -> None:
        """Close the file; a copy of it then is the register."""
        self._file.close()

    @property
    def version(self) -> str:
        """Hex digest of the marks and pictures it holds, in whichever order they came; the same in each copy."""
        return self._file.stated("content")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that its marks have, by name."""
        rows = self._file.all("select distinct each.key from marks, json_each(columns) as each order by each.key")
        return tuple(column for (column,) in rows)

    def __len__(self) -> int:
        """Marks that it holds, without those that were refused."""
        return int(self._file.one("select count(*) from marks where picture is not null")[0])

    @contextmanager
    def reading(self, filters: Mapping[str, str] | None = None) -> Iterator[LocalReading]:
        """The register as it stands, until the end of the block; see `Store`."""
        filters = filters or {}
        with self._file.reading():
            columns = self.columns if filters else ()
            for column in filters:
                if column not in columns:
                    raise unknown_column(column, columns)
            self._load_views()
            yield LocalReading(self, filters)

    def of_picture(self, digest: str, filters: Mapping[str, str] | None = None) -> list[RegisteredMark]:
        """The marks that show a picture, of those that hold what `filters` ask for."""
        rows = self._file.all(_OF_PICTURE, digest, _folded(filters or {}))
        return [RegisteredMark(Path(source), path, json.loads(said), *rest) for source, path, said, *rest in rows]

    def refused(self) -> list[tuple[Path, str, str]]:
        """Source and path of each mark that could not be taken in, and why."""
        rows = self._file.all(
            "select source, path, refused from marks where refused is not null order by source, path, nth"
        )
        return [(Path(source), path, why) for source, path, why in rows]

    def listed(self, source: Path) -> dict[Key, tuple[str, dict[str, str]]]:
        """The stamp and the columns of each mark that was taken in from a source, refused ones too."""
        rows = self._file.all("select path, nth, stamp, columns from marks where source = ?", str(source))
        return {(path, nth): (stamp, json.loads(columns)) for path, nth, stamp, columns in rows}

    def holds(self, digest: str) -> bool:
        """Whether it holds the picture with that SHA-256."""
        return self._number(digest) is not None

    def keep(self, source: Path, pictures: Sequence[Picture], entries: Sequence[Entry]) -> None:
        """Keep pictures that it does not hold, and enter marks; see `Store`."""
        with self._file.changing():
            for picture in pictures:
                if not self.holds(picture.sha256):
                    self._keep(picture)
            for entry in entries:
                self._enter(source, entry)

    def forget(self, source: Path, keys: Iterable[Key]) -> None:
        """Remove marks of a source."""
        with self._file.changing():
            for key in keys:
                self._forget(source, key)

    def leave_out_unshown(self) -> None:
        """Remove the pictures that no mark shows any more."""
        with self._file.changing():
            unshown = self._file.all(
                "select id from pictures where id not in (select picture from marks where picture)"
            )
            for (number,) in unshown:
                self._file.run("delete from pictures where id = ?", number)
            self._file.state("left_out", str(int(self._file.stated("left_out")) + len(unshown)))

    def _keep(self, picture: Picture) -> None:
        number = self._file.run(
            "insert into pictures (sha256, width, height, thumbnail) values (?, ?, ?, ?)",
            picture.sha256,
            picture.width,
            picture.height,
            picture.thumbnail,
        )
        views = picture.of_views
        codes = codes_of(self._compact(np.stack([embedding for *_, embedding in views])))
        for (*view, embedding), code in zip(views, codes, strict=True):
            added = self._file.run(
                "insert into views (picture, view, number, place, code) values (?, ?, ?, ?, ?)",
                number,
                *view,
                code.astype("<u8").tobytes(),
            )
            kept = embedding.astype("<f2").tobytes()
            self._file.run("insert into embeddings (id, embedding) values (?, ?)", added, kept)

    def _enter(self, source: Path, entry: Entry) -> None:
        mark = entry.mark
        self._forget(source, (mark.path, mark.nth))
        columns = json.dumps(mark.columns, ensure_ascii=False, sort_keys=True)
        self._file.run(
            "insert into marks (source, path, nth, stamp, columns, picture, refused) values (?, ?, ?, ?, ?, ?, ?)",
            str(source),
            mark.path,
            mark.nth,
            mark.stamp,
            columns,
            None if entry.refused else self._number(entry.digest),
            entry.refused or None,
        )
        if not entry.refused:
            self._count(content_of(mark.path, columns, entry.digest))

    def _forget(self, source: Path, key: Key) -> None:
        found = self._file.all(
            "select marks.id, columns, sha256 from marks left join pictures on pictures.id = picture "
            "where source = ? and path = ? and nth = ?",
            str(source),
            *key,
        )
        for mark, columns, digest in found:
            self._file.run("delete from marks where id = ?", mark)
            if digest is not None:
                self._count(-content_of(key[0], columns, digest))

    def _number(self, digest: str) -> int | None:
        found = self._file.all("select id from pictures where sha256 = ?", digest)
        return int(found[0][0]) if found else None

    def _count(self, content: int) -> None:
        """Add to the sum over all marks, from which the version is read."""
        self._file.state("content", summed(self.version, content))

    def _load_views(self) -> None:
        """Bring the codes in memory up to date: what came since is added; all are read again where any went."""
        left_out, last = self._loaded
        if left_out != self._file.stated("left_out"):
            left_out, last = self._file.stated("left_out"), 0
            self._views = {view: _Views.of([]) for view in self._views}
        parts = {view: [known] for view, known in self._views.items()}
        statement = "select view, id, picture, code from views where id > ? order by id limit ?"
        while rows := self._file.all(statement, last, _READ_AT_ONCE):
            for view, into in parts.items():
                into.append(_Views.of([row for name, *row in rows if name == view]))
            last = rows[-1][1]
        if any(len(of_view) > 1 for of_view in parts.values()):
            self._views = {view: _Views.joined(of_view) for view, of_view in parts.items()}
        self._loaded = left_out, last


class LocalReading:
    """A register as it stands while nothing can change it; see `Reading`.

    Args:
        store: Where it is kept.
        filters: Text that a column holds in the marks that are looked at, by the column.
    """

    def __init__(self, store: LocalStore, filters: Mapping[str, str]) -> None:
        self.version = store.version
        self.marks = len(store)
        self._store = store
        self._filters = filters
        self._among: NDArray[np.int64] | None = None
        if filters:
            rows = store._file.all(_PICTURES_HELD, _folded(filters))
            self._among = np.array([picture for (picture,) in rows], np.int64)

    @property
    def looked_at(self) -> int:
        """Marks that the filters leave."""
        return self.marks if self._among is None else len(self._among)

    def nearest(self, view: View, embeddings: Vectors, most: int) -> tuple[NDArray[np.str_], Embeddings]:
        """The views that point most nearly the same way as embeddings do; see `Reading`."""
        views = self._store._views[view]
        among = None if self._among is None else np.isin(views.pictures, self._among)
        codes = codes_of(self._store._compact(embeddings))
        places = np.unique(np.concatenate([views.scan.nearest(code, most, among) for code in codes]))
        rows = self._store._file.all(
            "select sha256, embedding from json_each(?) as asked join embeddings on embeddings.id = asked.value "
            "join views on views.id = asked.value join pictures on pictures.id = picture order by sha256, number",
            json.dumps(views.numbers[places].tolist()),
        )
        found = np.frombuffer(b"".join(embedding for _, embedding in rows), "<f2")
        return np.array([digest for digest, _ in rows], str), found.reshape(len(rows), embeddings.shape[1])

    def of_picture(self, digest: str) -> list[RegisteredMark]:
        """The marks that show a picture, of those that the filters leave."""
        return self._store.of_picture(digest, self._filters)


def _folded(filters: Mapping[str, str]) -> str:
    return json.dumps({column: text.casefold() for column, text in filters.items()})
