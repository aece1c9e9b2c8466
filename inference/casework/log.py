"""The log of a case: a chain of entries, one JSON entry a line.

Each line states the SHA-256 of the line before it and of itself, so that a line that was changed, removed, inserted or
moved is found. A chain says nothing of lines cut off its end: its head, the number and SHA-256 of its last line, is
therefore printed in every report, and a log can be checked against it. Nor does it stop someone who rewrites all of
it, which again the heads in reports on paper tell.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inference.files import sha256
from inference.records import Refusal, as_json

Event = Literal["case opened", "exhibit added", "examination", "part weighed", "report issued", "review", "deletion"]

NOTHING_BEFORE = "0" * 64


class CaseRefused(Refusal):
    """A case folder that cannot be used, or something that it or a report does not take."""


@dataclass(frozen=True)
class Head:
    """The end of a log.

    Attributes:
        sequence: Number of its last line, >= 1.
        sha256: Lower-case hex SHA-256 of that line, without its line end.
    """

    sequence: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """One line of a log.

    Attributes:
        sequence: Number of the line, from 1.
        time: When, UTC, ISO 8601 to the second.
        event: What happened.
        content: What there is to say of it, as plain JSON values.
        previous: SHA-256 of the line before, without its line end; 64 zeros in line 1.
    """

    sequence: int
    time: str
    event: Event
    content: dict[str, Any]
    previous: str

    def line(self) -> bytes:
        """The entry as it is written, without a line end; its last field is the SHA-256 of the others."""
        stated = as_json(self)
        return _json({**stated, "sha256": sha256(_json(stated))})

    @classmethod
    def read(cls, line: bytes) -> Entry | None:
        """The entry that was written as this very line; None if there is no such entry."""
        try:
            stated = json.loads(line)
            stated.pop("sha256")
            entry = cls(**stated)
            return entry if entry.line() == line else None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None


@dataclass(frozen=True)
class Finding:
    """Something wrong with a log.

    Attributes:
        line: Where, from 1.
        text: What, in one sentence.
    """

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


def verify_log(path: Path, head: Head | None = None) -> list[Finding]:
    """What is wrong with a log; nothing for a sound one.

    Args:
        path: The log.
        head: An end that it had once, as a report states it; without one, lines cut off its end are not missed.

    Returns:
        One finding a line, in their order.

    Raises:
        CaseRefused: if it cannot be read.
    """
    lines, cut = lines_of(read_log(path))
    if not lines:
        return [Finding(1, "the log holds no entry.")]
    found: dict[int, str] = {}
    where = {sha256(line): number for number, line in enumerate(lines, 1)}
    where[NOTHING_BEFORE] = 0
    before = Head(0, NOTHING_BEFORE)
    for number, line in enumerate(lines, 1):
        entry = Entry.read(line)
        if entry is None:
            found.setdefault(number, "it is not a whole entry as it was written: it was cut or changed.")
        elif entry.previous != before.sha256:
            _misplaced(number, entry, before.sequence, where, found)
        elif entry.sequence != before.sequence + 1:
            found.setdefault(number, f"it states number {entry.sequence} and follows number {before.sequence}.")
        before = Head(entry.sequence if entry else before.sequence + 1, sha256(line))
    if cut:
        found[len(lines)] = "it is cut short: it has no end."
    if head is not None and head.sha256 not in where:
        text = f"line {head.sequence}, as the report knows it, is not here: lines were cut off or written anew."
        found.setdefault(min(head.sequence, len(lines)), text)
    return [Finding(number, text) for number, text in sorted(found.items())]


def _misplaced(number: int, entry: Entry, before: int, where: dict[str, int], found: dict[int, str]) -> None:
    """Which lines are to blame if the entry in line `number` does not follow the line before it, numbered `before`."""
    belongs = where.get(entry.previous)
    if belongs is None and entry.sequence == before + 1:
        found.setdefault(number - 1, f"it was changed after line {number} was written.")
    elif belongs is None:
        missing = f"{before + 1} to {entry.sequence - 1}" if entry.sequence > before + 2 else f"{before + 1}"
        found.setdefault(number, f"what was written before it, number {missing}, is missing.")
    elif belongs < number:
        for stranger in range(belongs + 1, number):
            found.setdefault(stranger, f"it does not belong between lines {belongs} and {number}.")
    else:
        found.setdefault(number, f"it was written after line {belongs} and stands before it.")


def read_log(path: Path) -> bytes:
    """All of a log.

    Raises:
        CaseRefused: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"The log {path} cannot be read ({error.strerror}); check the folder."
        raise CaseRefused(msg) from error


def lines_of(log: bytes) -> tuple[list[bytes], bool]:
    """The lines without their ends, and whether the last one has none."""
    lines = log.split(b"\n")
    return (lines[:-1], False) if not lines[-1] else (lines, True)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
