"""A register in Milvus, a distributed vector database: for more marks than one machine holds, or that many search.

A cluster, a server, or the edition that runs inside a process and keeps a file all take the same calls. Each view of
each mark is one entity that says all of its mark, so that a filter on the columns of a mark is one on its vectors.
Milvus knows no transactions: what is changed together is flagged until all of it is kept, and what was interrupted in
between is summed anew. One process at a time may take marks in.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymilvus import DataType, MilvusClient

from inference.register.milvus_client import COLLECTION, MOST_READ, Client, Row
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

_WHOLE = 'view == "whole"'
_LONGEST = 65535
_STATE = "state"
_SPECIAL = str.maketrans({special: chr(0xE000 + place) for place, special in enumerate('%_\\"')})
"""What a pattern of Milvus reads as something else, by characters that no text holds."""
_OF_MARK = ("source", "path", "nth", "stamp", "columns", "digest", "refused")
_OF_PICTURE = ("view", "number", "place", "digest", "width", "height", "thumbnail", "embedding", "vector")


@dataclass(frozen=True)
class _State:
    """What a register states of itself: by which weights, its version, its columns, and whether it is being changed."""

    model: str
    content: str = EMPTY
    columns: tuple[str, ...] = ()
    changing: bool = False


@dataclass
class _Change:
    """What a change adds to the sum over all marks, and the columns of the marks that it enters."""

    content: int = 0
    columns: set[str] = field(default_factory=set)


class MilvusStore:
    """The register at an address of Milvus; see `Store`.

    Args:
        address: The address; a register is made where there is none.
        model: SHA-256 of the weights that embed its marks.
        compact: Makes the vectors by whose angles candidates are found.
        dimensions: Length of these vectors.

    Raises:
        RegisterRefused: if it cannot be reached, or was made with other weights.
    """

    def __init__(self, address: str, model: str, compact: Compact, dimensions: int) -> None:
        self.place = address
        self._compact = compact
        self._dimensions = dimensions
        self._client = Client(address)
        if not self._client.ask("has_collection", COLLECTION):
            self._make(model)
        self._client.ask("load_collection", COLLECTION)
        if self._state().model != model:
            self.close()
            msg = f"{address} was made with other weights; take its marks in again, into another database."
            raise RegisterRefused(msg)

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    @property
    def version(self) -> str:
        """Hex digest of the marks and pictures it holds, in whichever order they came; the same in each copy.

        Raises:
            RegisterRefused: if marks are being taken in, or that was interrupted.
        """
        state = self._state()
        if state.changing:
            msg = f"Marks are being taken into {self.place}, or that was interrupted; end it, then search again."
            raise RegisterRefused(msg)
        return state.content

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that its marks have, or had, by name."""
        return self._state().columns

    def __len__(self) -> int:
        """Marks that it holds, without those that were refused."""
        return self._count(_WHOLE)

    @contextmanager
    def reading(self, filters: Mapping[str, str] | None = None) -> Iterator[MilvusReading]:
        """The register as it stands; see `Store`. Refused if it changes before the end of the block."""
        filters = filters or {}
        for column in filters:
            if column not in (columns := self.columns):
                raise unknown_column(column, columns)
        reading = MilvusReading(self, filters)
        yield reading
        if self.version != reading.version:
            msg = f"Marks were taken into {self.place} while it was searched; search again."
            raise RegisterRefused(msg)

    def of_picture(self, digest: str, where: str = _WHOLE) -> list[RegisteredMark]:
        """The marks that show a picture, of those that a condition leaves."""
        rows = self._client.rows(
            f"digest == {_quoted(digest)} and {where}", (*_OF_MARK, "width", "height", "thumbnail")
        )
        return [
            RegisteredMark(
                Path(row["source"]),
                row["path"],
                json.loads(row["columns"]),
                digest,
                row["width"],
                row["height"],
                b64decode(row["thumbnail"]),
            )
            for row in sorted(rows, key=_in_order)
        ]

    def refused(self) -> list[tuple[Path, str, str]]:
        """Source and path of each mark that could not be taken in, and why."""
        rows = self._client.rows('view == "refused"', _OF_MARK)
        return [(Path(row["source"]), row["path"], row["refused"]) for row in sorted(rows, key=_in_order)]

    def listed(self, source: Path) -> dict[Key, tuple[str, dict[str, str]]]:
        """The stamp and the columns of each mark that was taken in from a source, refused ones too."""
        rows = self._client.rows(f'source == {_quoted(str(source))} and view in ["whole", "refused"]', _OF_MARK)
        return {(row["path"], row["nth"]): (row["stamp"], json.loads(row["columns"])) for row in rows}

    def holds(self, digest: str) -> bool:
        """Whether it holds the picture with that SHA-256."""
        return bool(self._client.ask("query", COLLECTION, _showing(digest), output_fields=["id"], limit=1))

    def keep(self, source: Path, pictures: Sequence[Picture], entries: Sequence[Entry]) -> None:
        """Keep pictures, and enter marks; see `Store`."""
        views = {picture.sha256: self._views(picture) for picture in pictures}
        for digest in {entry.digest for entry in entries if not entry.refused} - views.keys():
            views[digest] = self._views_of(digest)
        with self._changing() as change:
            change.columns.update(column for entry in entries for column in entry.mark.columns)
            self._forget(source, [(entry.mark.path, entry.mark.nth) for entry in entries], change)
            rows = [row for entry in entries for row in self._entities(source, entry, views.get(entry.digest, []))]
            change.content += sum(_content_of(row) for row in rows if row["view"] == "whole")
            self._client.ask("insert", COLLECTION, rows)

    def forget(self, source: Path, keys: Iterable[Key]) -> None:
        """Remove marks of a source."""
        gone = [*keys]
        if gone:
            with self._changing() as change:
                self._forget(source, gone, change)

    def leave_out_unshown(self) -> None:
        """Nothing: the views of a picture go with each mark that shows it."""

    def _make(self, model: str) -> None:
        schema = MilvusClient.create_schema()
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=100)
        for name in ("mark", "view", "place", "digest"):
            schema.add_field(name, DataType.VARCHAR, max_length=100)
        for name in ("source", "path", "stamp", "columns", "refused", "thumbnail", "embedding"):
            schema.add_field(name, DataType.VARCHAR, max_length=_LONGEST)
        for name in ("nth", "number", "width", "height"):
            schema.add_field(name, DataType.INT64)
        schema.add_field("folded", DataType.JSON)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self._dimensions)
        index = MilvusClient.prepare_index_params()
        # Exact, as in a folder: a graph falls apart where a hundred marks show one picture.
        index.add_index("vector", index_type="FLAT", metric_type="COSINE")
        self._client.ask("create_collection", COLLECTION, schema=schema, index_params=index, consistency_level="Strong")
        self._say(_State(model))

    def _state(self) -> _State:
        (row,) = self._client.ask("query", COLLECTION, f'view == "{_STATE}"', output_fields=["columns"])
        said = json.loads(row["columns"])
        return _State(said["model"], said["content"], tuple(said["columns"]), said["changing"])

    def _say(self, state: _State) -> None:
        said = json.dumps(asdict(state))
        self._client.ask("upsert", COLLECTION, [self._entity(id=_STATE, view=_STATE, columns=said)])

    @contextmanager
    def _changing(self) -> Iterator[_Change]:
        """What is changed inside is flagged until it is kept; what was left flagged is summed anew."""
        before = self._state()
        self._say(replace(before, changing=True))
        change = _Change()
        yield change
        if before.changing:
            content = summed(EMPTY, sum(map(_content_of, self._client.rows(_WHOLE, _OF_MARK))))
        else:
            content = summed(before.content, change.content)
        columns = tuple(sorted({*before.columns, *change.columns}))
        self._say(replace(before, content=content, columns=columns, changing=False))

    def _forget(self, source: Path, keys: Sequence[Key], change: _Change) -> None:
        for start in range(0, len(keys), MOST_READ):
            where = f"mark in {_quoted([_mark(source, key) for key in keys[start : start + MOST_READ]])}"
            change.content -= sum(map(_content_of, self._client.rows(f"{where} and {_WHOLE}", _OF_MARK)))
            self._client.ask("delete", COLLECTION, filter=where)

    def _views(self, picture: Picture) -> list[Row]:
        """What each view of a picture says."""
        views = picture.of_views
        vectors = self._compact(np.stack([embedding for *_, embedding in views]))
        return [
            {
                "view": view,
                "number": number,
                "place": place,
                "digest": picture.sha256,
                "width": picture.width,
                "height": picture.height,
                "thumbnail": _text(picture.thumbnail) if view == "whole" else "",
                "embedding": _text(embedding.astype("<f2").tobytes()),
                "vector": vector.tolist(),
            }
            for (view, number, place, embedding), vector in zip(views, vectors, strict=True)
        ]

    def _views_of(self, digest: str) -> list[Row]:
        """The same of a picture that is held."""
        (known,) = self._client.ask("query", COLLECTION, _showing(digest), output_fields=["mark"], limit=1)
        rows = self._client.rows(f"mark == {_quoted(known['mark'])}", _OF_PICTURE)
        return [{name: row[name] for name in _OF_PICTURE} for row in rows]

    def _entities(self, source: Path, entry: Entry, views: Sequence[Row]) -> list[Row]:
        """The entities of a mark: one for each view of its picture, or one that says why it is refused."""
        mark = entry.mark
        number = _mark(source, (mark.path, mark.nth))
        own = {
            "mark": number,
            "source": str(source),
            "path": mark.path,
            "nth": mark.nth,
            "stamp": mark.stamp,
            "columns": json.dumps(mark.columns, ensure_ascii=False, sort_keys=True),
            "folded": {_plain(column): _plain(text.casefold()) for column, text in mark.columns.items()},
        }
        if entry.refused:
            return [self._entity(id=f"{number} refused", view="refused", refused=entry.refused, **own)]
        return [self._entity(id=f"{number} {view['view']} {view['number']}", **own, **view) for view in views]

    def _entity(self, **said: Any) -> Row:
        """An entity, with what it does not say left empty; its vector points anywhere, since no search looks at it."""
        texts = dict.fromkeys(("mark", "view", "place", "digest", *_OF_MARK, "thumbnail", "embedding"), "")
        numbers = dict.fromkeys(("nth", "number", "width", "height"), 0)
        return {**texts, **numbers, "folded": {}, "vector": [1.0] * self._dimensions, **said}

    def _count(self, where: str) -> int:
        return int(self._client.ask("query", COLLECTION, where, output_fields=["count(*)"])[0]["count(*)"])


class MilvusReading:
    """A register as it stands; see `Reading`.

    Args:
        store: Where it is kept.
        filters: Text that a column holds in the marks that are looked at, by the column.
    """

    def __init__(self, store: MilvusStore, filters: Mapping[str, str]) -> None:
        self.version = store.version
        self.marks = len(store)
        self._store = store
        held = [
            f"folded[{_quoted(_plain(column))}] like {_quoted(f'%{_plain(text.casefold())}%')}"
            for column, text in filters.items()
        ]
        self._where = " and ".join(held)
        self.looked_at = store._count(self._of("whole")) if held else self.marks

    def nearest(self, view: View, embeddings: Vectors, most: int) -> tuple[NDArray[np.str_], Embeddings]:
        """The views that point most nearly the same way as embeddings do; see `Reading`."""
        hits = self._store._client.ask(
            "search",
            COLLECTION,
            data=self._store._compact(embeddings).tolist(),
            anns_field="vector",
            filter=self._of(view),
            limit=most,
            output_fields=["digest", "number", "embedding"],
            search_params={"metric_type": "COSINE"},
        )
        found = {
            (hit["entity"]["digest"], hit["entity"]["number"]): hit["entity"]["embedding"] for of in hits for hit in of
        }
        joined = np.frombuffer(b"".join(b64decode(found[one]) for one in sorted(found)), "<f2")
        return np.array([digest for digest, _ in sorted(found)], str), joined.reshape(len(found), embeddings.shape[1])

    def of_picture(self, digest: str) -> list[RegisteredMark]:
        """The marks that show a picture, of those that the filters leave."""
        return self._store.of_picture(digest, self._of("whole"))

    def _of(self, view: View) -> str:
        return " and ".join(filter(None, (f'view == "{view}"', self._where)))


def _quoted(value: str | list[str]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(text: str) -> str:
    return text.translate(_SPECIAL)


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _showing(digest: str) -> str:
    return f"digest == {_quoted(digest)} and {_WHOLE}"


def _mark(source: Path, key: Key) -> str:
    """What tells a mark from all others."""
    return sha256("\0".join((str(source), *map(str, key))).encode()).hexdigest()


def _content_of(row: Row) -> int:
    return content_of(row["path"], row["columns"], row["digest"])


def _in_order(row: Row) -> tuple[str, str, int]:
    return row["source"], row["path"], row["nth"]
