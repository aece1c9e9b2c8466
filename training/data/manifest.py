"""The manifest of a set: every file by its path in the set, its hash and its labels.

A run continues only with the set it was started with, and its card states that set. Names are relative to the set's
folder, so that set and run may be moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from training.data.set_files import named

_FEW = 3


@dataclass(frozen=True)
class Entry:
    """A file of a set, or a pair of them.

    Attributes:
        name: Its path relative to the set's folder, with forward slashes; for a pair both, with `and` between.
        sha256: Lower-case hex SHA-256 of the file; empty for a pair.
        stated: The set's statement on it: its class, its family, its boxes, or that a pair is similar.
        drawn: What follows from the whole set: its item, its split.
    """

    name: str
    sha256: str
    stated: str = ""
    drawn: str = ""


@dataclass(frozen=True)
class Manifest:
    """A set, as a run folder keeps it.

    Attributes:
        sha256: Hash of the set, as a card states it.
        files: One entry for each file.
        pairs: One entry for each pair that a table states.
        called: Name of a single series without a folder of its own, if there is one.
    """

    sha256: str
    files: tuple[Entry, ...]
    pairs: tuple[Entry, ...] = ()
    called: str = ""

    def with_start(self, card: Path | None) -> Manifest:
        """The manifest with the card of the model that training starts from, which states the hash of its weights."""
        if card is None or not card.is_file():
            return self
        start = Entry(card.name, hashlib.sha256(card.read_bytes()).hexdigest(), "where the backbone starts")
        return replace(self, files=(*self.files, start))

    def changed_to(self, now: Manifest) -> str:
        """The differences of another manifest, with counts and the first few names; empty if there are none."""
        clauses = [*_changes("file", self.files, now.files), *_changes("pair", self.pairs, now.pairs)]
        # Items and splits follow from all files together, so that they are stated only if nothing else explains them.
        if not clauses:
            clauses = _relabelled("file", "of another item or split", self.files, now.files, "drawn")
        if not clauses and self.sha256 != now.sha256:
            clauses = ["its table says something else, or the same in another order"]
        return ", ".join(clauses)

    def as_json(self) -> dict[str, Any]:
        """The manifest as `of_json` reads it."""
        return asdict(self)

    @classmethod
    def of_json(cls, stated: Mapping[str, Any]) -> Manifest:
        """The manifest that `as_json` wrote.

        Raises:
            TypeError, KeyError: if it is not a manifest.
        """
        files, pairs = (tuple(Entry(**entry) for entry in stated[name]) for name in ("files", "pairs"))
        return cls(stated["sha256"], files, pairs, stated["called"])


def _changes(what: str, before: Sequence[Entry], now: Sequence[Entry]) -> list[str]:
    """Clauses on how many were added, removed, renamed, altered and relabelled."""
    was, is_now = {entry.name: entry for entry in before}, {entry.name: entry for entry in now}
    added = [name for name in is_now if name not in was]
    gone = [name for name in was if name not in is_now]
    of_content = {is_now[name].sha256: name for name in reversed(added) if is_now[name].sha256}
    renamed = {name: of_content.pop(was[name].sha256) for name in gone if was[name].sha256 in of_content}
    altered = [name for name in was if name in is_now and was[name].sha256 != is_now[name].sha256]
    return [
        *_clause(what, "added", [name for name in added if name not in renamed.values()]),
        *_clause(what, "gone", [name for name in gone if name not in renamed]),
        *_clause(what, "renamed", [f"{old}, now {new}" for old, new in renamed.items()]),
        *_clause(what, "altered", altered),
        *_relabelled(what, "relabelled", before, now, "stated"),
    ]


def _relabelled(what: str, how: str, before: Sequence[Entry], now: Sequence[Entry], field: str) -> list[str]:
    """A clause on the entries whose field differs, with both values."""
    is_now = {entry.name: getattr(entry, field) for entry in now}
    differing = [
        f"{entry.name}: {getattr(entry, field)}, now {is_now[entry.name]}"
        for entry in before
        if is_now.get(entry.name, getattr(entry, field)) != getattr(entry, field)
    ]
    return _clause(what, how, differing)


def _clause(what: str, how: str, names: Sequence[str]) -> list[str]:
    return [f"{len(names)} {what}{'s' * (len(names) != 1)} {how} ({named(names, _FEW)})"] if names else []
