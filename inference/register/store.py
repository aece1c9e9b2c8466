"""What a register holds, in one SQLite file: marks as their sources list them, and the pictures that they show.

A picture is kept once, whichever marks show it. Each batch is one transaction, so that a process that is killed loses
no more than the batch under way.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import RLock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inference.records import Refusal
from inference.register.sources import Listed
from inference.trademark.embedder import EmbeddedViews

FORMAT = 1
FILE = "register.sqlite"
_APPLICATION = 0x41535359
"""Tells a register from other SQLite files."""

_TABLES = """
create table stated (key text primary key, value text not null) without rowid;
create table pictures (
    id integer primary key, sha256 text not null unique, width integer not null, height integer not null,
    thumbnail blob not null
);
create table embeddings (
    picture integer not null references pictures on delete cascade, view text not null, number integer not null,
    place text not null, embedding blob not null, primary key (view, picture, number)
) without rowid;
create index embeddings_of_picture on embeddings (picture);
create table marks (
    id integer primary key, source text not null, path text not null, nth integer not null, stamp text not null,
    columns text not null, picture integer references pictures, refused text,
    unique (source, path, nth), check ((picture is null) <> (refused is null))
);
create index marks_of_picture on marks (picture);
"""

Embeddings = NDArray[np.float16]
View = Literal["whole", "grey", "element"]
Key = tuple[str, int]
"""A mark of a source: its path and which of those that show it."""


class RegisterRefused(Refusal):
    """A register that is missing, damaged, foreign, newer than this Assay, or made with another model."""


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


@dataclass(frozen=True)
class RegisteredMark:
    """A mark of a register.

    Attributes:
        source: The folder, ZIP or CSV that lists it.
        path: The file's path from there.
        columns: What else is said of it.
        picture: Number of its picture in the register.
        sha256: Of its file.
        width: Of the upright picture, in pixels.
        height: The same.
        thumbnail: A small JPEG of it.
    """

    source: Path
    path: str
    columns: Mapping[str, str]
    picture: int
    sha256: str
    width: int
    height: int
    thumbnail: bytes


class Store:
    """The file of a register. Threads may share it.

    Args:
        folder: The register's folder; it is made where there is none.
        model: SHA-256 of the weights that embed its marks.

    Raises:
        RegisterRefused: if the file is damaged, foreign, newer than this Assay, or made with other weights.
    """

    def __init__(self, folder: Path, model: str) -> None:
        self.path = folder / FILE
        self._lock = RLock()
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        try:
            self._open(model)
        except sqlite3.DatabaseError as error:
            self._database.close()
            msg = f"{self.path} cannot be read as a register ({error}); restore it, or take the marks in again."
            raise RegisterRefused(msg) from error
        except RegisterRefused:
            self._database.close()
            raise

    def _open(self, model: str) -> None:
        self._database.execute("pragma foreign_keys = on")
        (application,), (version,) = (self._one(f"pragma {name}") for name in ("application_id", "user_version"))
        if (application, version) == (0, 0) and not self._one("select count(*) from sqlite_master")[0]:
            self._database.execute("pragma journal_mode = wal")
            with self.changing():
                for statement in filter(str.strip, _TABLES.split(";")):
                    self._database.execute(statement)
                self._state("model", model)
                self._state("content", f"{0:064x}")
                self._database.execute(f"pragma application_id = {_APPLICATION}")
                self._database.execute(f"pragma user_version = {FORMAT}")
        elif application != _APPLICATION or version > FORMAT:
            what = "is newer than this Assay" if application == _APPLICATION else "is no register"
            msg = f"{self.path} {what}; choose another folder, or update Assay."
            raise RegisterRefused(msg)
        elif self.stated("model") != model:
            msg = f"{self.path} was made with other weights; take its marks in again, into another folder."
            raise RegisterRefused(msg)

    def close(self) -> None:
        """Close the file; a copy of it then is the register."""
        with self._lock:
            self._database.close()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """All that is changed inside is kept together, or nothing of it."""
        with self._lock:
            self._database.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._database.execute("rollback")
                raise
            self._database.execute("commit")

    def stated(self, key: str) -> str:
        """What the register states of itself: `model` or `content`."""
        return str(self._one("select value from stated where key = ?", key)[0])

    @property
    def version(self) -> str:
        """Hex digest of the marks and pictures it holds, in whichever order they came; the same in each copy."""
        return self.stated("content")

    def listed(self, source: Path) -> dict[Key, tuple[str, dict[str, str]]]:
        """The stamp and the columns of each mark that was taken in from a source, refused ones too."""
        rows = self._all("select path, nth, stamp, columns from marks where source = ?", str(source))
        return {(path, nth): (stamp, json.loads(columns)) for path, nth, stamp, columns in rows}

    def picture(self, digest: str) -> int | None:
        """The number of the picture with that SHA-256."""
        found = self._all("select id from pictures where sha256 = ?", digest)
        return int(found[0][0]) if found else None

    def keep(self, picture: Picture) -> int:
        """Keep a picture; gives its number."""
        known = self.picture(picture.sha256)
        if known is not None:
            return known
        kept = self._database.execute(
            "insert into pictures (sha256, width, height, thumbnail) values (?, ?, ?, ?)",
            (picture.sha256, picture.width, picture.height, picture.thumbnail),
        )
        views = picture.views
        elements = enumerate(zip(views.places, views.elements, strict=True))
        rows = [
            ("whole", 0, "", views.whole),
            ("grey", 0, "", views.grey),
            *(("element", number, str(place), embedding) for number, (place, embedding) in elements),
        ]
        self._database.executemany(
            "insert into embeddings (picture, view, number, place, embedding) values (?, ?, ?, ?, ?)",
            [(kept.lastrowid, *row, embedding.astype("<f2").tobytes()) for *row, embedding in rows],
        )
        return int(kept.lastrowid or 0)

    def enter(self, source: Path, mark: Listed, found: int | str, digest: str = "") -> None:
        """Enter a mark of a source, in the place of what was listed under its key.

        Args:
            source: The source.
            mark: The mark.
            found: The number of its picture, or why it is refused.
            digest: SHA-256 of its picture.
        """
        self.forget(source, [(mark.path, mark.nth)])
        columns = json.dumps(mark.columns, ensure_ascii=False, sort_keys=True)
        picture, refused = (found, None) if isinstance(found, int) else (None, found)
        self._database.execute(
            "insert into marks (source, path, nth, stamp, columns, picture, refused) values (?, ?, ?, ?, ?, ?, ?)",
            (str(source), mark.path, mark.nth, mark.stamp, columns, picture, refused),
        )
        if picture is not None:
            self._count(_content(mark.path, columns, digest))

    def forget(self, source: Path, keys: Iterable[Key]) -> None:
        """Remove marks of a source."""
        for path, nth in keys:
            found = self._all(
                "select marks.id, columns, sha256 from marks left join pictures on pictures.id = picture "
                "where source = ? and path = ? and nth = ?",
                str(source),
                path,
                nth,
            )
            for mark, columns, digest in found:
                self._database.execute("delete from marks where id = ?", (mark,))
                if digest is not None:
                    self._count(-_content(path, columns, digest))

    def leave_out_unshown(self) -> None:
        """Remove the pictures that no mark shows any more."""
        self._database.execute(
            "delete from pictures where id not in (select picture from marks where picture is not null)"
        )

    def refused(self) -> list[tuple[Path, str, str]]:
        """Source and path of each mark that could not be taken in, and why."""
        rows = self._all("select source, path, refused from marks where refused is not null order by source, path, nth")
        return [(Path(source), path, why) for source, path, why in rows]

    def __len__(self) -> int:
        """Marks that it holds, without those that were refused."""
        return int(self._one("select count(*) from marks where picture is not null")[0])

    def embeddings(self, view: View) -> tuple[NDArray[np.int64], Embeddings]:
        """The picture's number (n,), in rising order, and the embedding (n, C) of each such view of each mark."""
        rows = self._all("select picture, embedding from embeddings where view = ? order by picture, number", view)
        pictures = np.array([picture for picture, _ in rows], np.int64)
        joined = np.frombuffer(b"".join(embedding for _, embedding in rows), "<f2")
        return pictures, joined.reshape(len(rows), -1) if rows else joined.reshape(0, 0)

    def of_picture(self, picture: int, filters: Mapping[str, str] | None = None) -> list[RegisteredMark]:
        """The marks that show a picture, of those that hold what `filters` ask for; see `holding`."""
        rows = self._all(
            "select source, path, columns, picture, sha256, width, height, thumbnail from marks "
            "join pictures on pictures.id = picture where picture = ? order by source, path, nth",
            picture,
        )
        marks = [RegisteredMark(Path(row[0]), row[1], json.loads(row[2]), *row[3:]) for row in rows]
        return [mark for mark in marks if _holds(mark.columns, filters or {})]

    def holding(self, filters: Mapping[str, str]) -> NDArray[np.int64]:
        """The picture's number for each mark whose columns hold some texts, whatever their case.

        Args:
            filters: The text by the column.

        Raises:
            Refusal: if no mark has such a column.
        """
        columns = self.columns
        for column in filters:
            if column not in columns:
                known = ", ".join(columns) or "none"
                msg = f"No mark of the register has a column {column!r}; there are: {known}."
                raise Refusal(msg)
        rows = self._all("select picture, columns from marks where picture is not null")
        held = [picture for picture, said in rows if _holds(json.loads(said), filters)]
        return np.array(held, np.int64)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that its marks have, by name."""
        rows = self._all("select distinct each.key from marks, json_each(columns) as each order by each.key")
        return tuple(column for (column,) in rows)

    def _state(self, key: str, value: str) -> None:
        self._database.execute("insert or replace into stated values (?, ?)", (key, value))

    def _count(self, content: int) -> None:
        """Add to the sum over all marks, from which the version is read."""
        self._state("content", f"{(int(self.stated('content'), 16) + content) % (1 << 256):064x}")

    def _one(self, query: str, *values: object) -> tuple[Any, ...]:
        (found,) = self._all(query, *values)
        return found

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(query, values).fetchall()


def _holds(columns: Mapping[str, str], filters: Mapping[str, str]) -> bool:
    return all(text.casefold() in columns.get(column, "").casefold() for column, text in filters.items())


def _content(path: str, columns: str, digest: str) -> int:
    """What a mark adds to the sum over all marks; sources may lie elsewhere on another machine, and do not count."""
    return int.from_bytes(sha256("\0".join((path, columns, digest)).encode()).digest(), "big")
