"""A SQLite file of Assay's own: it is told from foreign ones, and what is changed together is kept together."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

from inference.records import Refusal

_STATED = "create table stated (key text primary key, value text not null) without rowid"


class DatabaseRefused(Refusal):
    """A file that is damaged, foreign, or of another version of Assay."""


@dataclass(frozen=True)
class Kind:
    """What a file holds.

    Attributes:
        name: The kind, in a word.
        application: Number that tells files of this kind from others; SQLite keeps it.
        version: Version of the tables, from 1.
        tables: The statements that make them.
        remedy: What to do with a damaged file.
    """

    name: str
    application: int
    version: int
    tables: str
    remedy: str


class Database:
    """A file of one kind, which is made where there is none. Threads may share it.

    Args:
        path: The file; its folder exists.
        kind: What it holds.
        stated: What a new file states of itself, by key.

    Raises:
        DatabaseRefused: if the file is damaged, foreign, or of another version of Assay.
    """

    def __init__(self, path: Path, kind: Kind, stated: Mapping[str, str]) -> None:
        self.path = path
        self._lock = RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._open(kind, stated)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            msg = f"{path} cannot be read as a {kind.name} ({error}); {kind.remedy}."
            raise DatabaseRefused(msg) from error
        except DatabaseRefused:
            self._connection.close()
            raise

    def _open(self, kind: Kind, stated: Mapping[str, str]) -> None:
        self.run("pragma foreign_keys = on")
        (application,), (version,) = (self.one(f"pragma {name}") for name in ("application_id", "user_version"))
        if (application, version) == (0, 0) and not self.one("select count(*) from sqlite_master")[0]:
            self.run("pragma journal_mode = wal")
            with self.changing():
                for statement in (_STATED, *filter(str.strip, kind.tables.split(";"))):
                    self.run(statement)
                for key, value in stated.items():
                    self.state(key, value)
                self.run(f"pragma application_id = {kind.application}")
                self.run(f"pragma user_version = {kind.version}")
        elif application != kind.application:
            msg = f"{self.path} is no {kind.name}; choose another folder."
            raise DatabaseRefused(msg)
        elif version > kind.version:
            msg = f"{self.path} is newer than this Assay; update Assay, or choose another folder."
            raise DatabaseRefused(msg)
        elif version < kind.version:
            msg = f"{self.path} was made by an earlier Assay; {kind.remedy}."
            raise DatabaseRefused(msg)

    def close(self) -> None:
        """Close the file; a copy of it then holds everything."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """All that is changed inside is kept together, or nothing of it."""
        with self._transaction("begin immediate"):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All that is read inside is of one moment, whatever other processes change meanwhile."""
        with self._transaction("begin"):
            yield

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        with self._lock:
            self.run(begin)
            try:
                yield
            except BaseException:
                self.run("rollback")
                raise
            self.run("commit")

    def stated(self, key: str) -> str:
        """What the file states of itself under a key."""
        return str(self.one("select value from stated where key = ?", key)[0])

    def state(self, key: str, value: str) -> None:
        """State something of the file, in the place of what was stated under the key."""
        self.run("insert or replace into stated values (?, ?)", key, value)

    def define(self, name: str, function: Callable[[Any], Any]) -> None:
        """Let queries call a function of one value that always gives the same result."""
        self._connection.create_function(name, 1, function, deterministic=True)

    def run(self, statement: str, *values: object) -> int:
        """Run a statement; gives the number of the row that it inserted last."""
        with self._lock:
            return int(self._connection.execute(statement, values).lastrowid or 0)

    def one(self, query: str, *values: object) -> tuple[Any, ...]:
        """The only row of a query."""
        (found,) = self.all(query, *values)
        return found

    def all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()
