"""What a register holds, in one SQLite file: marks as their sources list them, and the pictures that they show.

A picture is kept once, whichever marks show it. Each batch is one transaction, so that a process that is killed loses
no more than the batch under way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.database import Database, Kind
from inference.intake.sources import Listed
from inference.records import Refusal
from inference.trademark.embedder import EmbeddedViews

FILE = "register.sqlite"

_TABLES = """
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
_KIND = Kind("register", 0x41535359, 1, _TABLES, "restore it, or take the marks in again")

Embeddings = NDArray[np.float16]
View = Literal["whole", "grey", "element"]
Key = tuple[str, int]
"""A mark of a source: its path and which of those that show it."""


class RegisterRefused(Refusal):
    """A register that was made with other weights."""


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
        DatabaseRefused: if the file is damaged, foreign, or newer than this Assay.
        RegisterRefused: if it was made with other weights.
    """

    def __init__(self, folder: Path, model: str) -> None:
        self.path = folder / FILE
        folder.mkdir(parents=True, exist_ok=True)
        self._file = Database(self.path, _KIND, {"model": model, "content": f"{0:064x}"})
        if self._file.stated("model") != model:
            self._file.close()
            msg = f"{self.path} was made with other weights; take its marks in again, into another folder."
            raise RegisterRefused(msg)

    def close(self) -> None:
        """Close the file; a copy of it then is the register."""
        self._file.close()

    def changing(self) -> AbstractContextManager[None]:
        """All that is changed inside is kept together, or nothing of it."""
        return self._file.changing()

    @property
    def version(self) -> str:
        """Hex digest of the marks and pictures it holds, in whichever order they came; the same in each copy."""
        return self._file.stated("content")

    def listed(self, source: Path) -> dict[Key, tuple[str, dict[str, str]]]:
        """The stamp and the columns of each mark that was taken in from a source, refused ones too."""
        rows = self._file.all("select path, nth, stamp, columns from marks where source = ?", str(source))
        return {(path, nth): (stamp, json.loads(columns)) for path, nth, stamp, columns in rows}

    def picture(self, digest: str) -> int | None:
        """The number of the picture with that SHA-256."""
        found = self._file.all("select id from pictures where sha256 = ?", digest)
        return int(found[0][0]) if found else None

    def keep(self, picture: Picture) -> int:
        """Keep a picture; gives its number."""
        known = self.picture(picture.sha256)
        if known is not None:
            return known
        number = self._file.run(
            "insert into pictures (sha256, width, height, thumbnail) values (?, ?, ?, ?)",
            picture.sha256,
            picture.width,
            picture.height,
            picture.thumbnail,
        )
        views = picture.views
        elements = enumerate(zip(views.places, views.elements, strict=True))
        rows = [
            ("whole", 0, "", views.whole),
            ("grey", 0, "", views.grey),
            *(("element", number, str(place), embedding) for number, (place, embedding) in elements),
        ]
        for *row, embedding in rows:
            self._file.run(
                "insert into embeddings (picture, view, number, place, embedding) values (?, ?, ?, ?, ?)",
                number,
                *row,
                embedding.astype("<f2").tobytes(),
            )
        return number

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
        self._file.run(
            "insert into marks (source, path, nth, stamp, columns, picture, refused) values (?, ?, ?, ?, ?, ?, ?)",
            str(source),
            mark.path,
            mark.nth,
            mark.stamp,
            columns,
            picture,
            refused,
        )
        if picture is not None:
            self._count(_content(mark.path, columns, digest))

    def forget(self, source: Path, keys: Iterable[Key]) -> None:
        """Remove marks of a source."""
        for path, nth in keys:
            found = self._file.all(
                "select marks.id, columns, sha256 from marks left join pictures on pictures.id = picture "
                "where source = ? and path = ? and nth = ?",
                str(source),
                path,
                nth,
            )
            for mark, columns, digest in found:
                self._file.run("delete from marks where id = ?", mark)
                if digest is not None:
                    self._count(-_content(path, columns, digest))

    def leave_out_unshown(self) -> None:
        """Remove the pictures that no mark shows any more."""
        self._file.run("delete from pictures where id not in (select picture from marks where picture is not null)")

    def refused(self) -> list[tuple[Path, str, str]]:
        """Source and path of each mark that could not be taken in, and why."""
        rows = self._file.all(
            "select source, path, refused from marks where refused is not null order by source, path, nth"
        )
        return [(Path(source), path, why) for source, path, why in rows]

    def __len__(self) -> int:
        """Marks that it holds, without those that were refused."""
        return int(self._file.one("select count(*) from marks where picture is not null")[0])

    def embeddings(self, view: View) -> tuple[NDArray[np.int64], Embeddings]:
        """The picture's number (n,), in rising order, and the embedding (n, C) of each such view of each mark."""
        rows = self._file.all("select picture, embedding from embeddings where view = ? order by picture, number", view)
        pictures = np.array([picture for picture, _ in rows], np.int64)
        joined = np.frombuffer(b"".join(embedding for _, embedding in rows), "<f2")
        return pictures, joined.reshape(len(rows), -1) if rows else joined.reshape(0, 0)

    def of_picture(self, picture: int, filters: Mapping[str, str] | None = None) -> list[RegisteredMark]:
        """The marks that show a picture, of those that hold what `filters` ask for; see `holding`."""
        rows = self._file.all(
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
        rows = self._file.all("select picture, columns from marks where picture is not null")
        held = [picture for picture, said in rows if _holds(json.loads(said), filters)]
        return np.array(held, np.int64)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that its marks have, by name."""
        rows = self._file.all("select distinct each.key from marks, json_each(columns) as each order by each.key")
        return tuple(column for (column,) in rows)

    def _count(self, content: int) -> None:
        """Add to the sum over all marks, from which the version is read."""
        self._file.state("content", f"{(int(self._file.stated('content'), 16) + content) % (1 << 256):064x}")


def _holds(columns: Mapping[str, str], filters: Mapping[str, str]) -> bool:
    return all(text.casefold() in columns.get(column, "").casefold() for column, text in filters.items())


def _content(path: str, columns: str, digest: str) -> int:
    """What a mark adds to the sum over all marks; sources may lie elsewhere on another machine, and do not count."""
    return int.from_bytes(sha256("\0".join((path, columns, digest)).encode()).digest(), "big")
