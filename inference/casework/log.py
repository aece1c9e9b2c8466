"""The log of a case: a chain of entries, one JSON entry a line.

Each line states the SHA-256 of the line before it and of itself. This shows a line that was changed, removed, inserted
or moved. A chain does not show lines cut off its end, nor that someone rewrote all of it. Therefore every report prints
the head of the log (number and SHA-256 of its last line), and a log can be checked against the heads on paper.

A write that the disk refuses is undone. A write that dies with its process can leave the beginning of a line without an
end; it was never reported as written. It is recognised as an interruption and not as a change, and an entry that states
it takes its place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from inference.casework.stated import utc
from inference.files import sha256, write_whole
from inference.records import Refusal, as_json

Event = Literal[
    "case opened",
    "exhibit added",
    "examination",
    "search",
    "part weighed",
    "report issued",
    "review",
    "remark",
    "conclusion",
    "deletion",
    "interruption",
]

_NOTHING_BEFORE = "0" * 64


class CaseRefused(Refusal):
    """A case folder that cannot be used, or a text or file that a case or report does not accept."""


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
        content: Its facts, as plain JSON values.
        previous: SHA-256 of the line before, without its line end; 64 zeros in line 1.
    """

    sequence: int
    time: str
    event: Event
    content: dict[str, Any]
    previous: str

    def line(self) -> bytes:
        """The entry as a line without its end; its last field is the SHA-256 of the others."""
        stated = as_json(self)
        return _json({**stated, "sha256": sha256(_json(stated))})

    @classmethod
    def read(cls, line: bytes) -> Entry | None:
        """The entry that is written as exactly this line; None if there is none."""
        try:
            stated = json.loads(line)
            stated.pop("sha256")
            entry = cls(**stated)
            return entry if entry.line() == line else None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None


@dataclass(frozen=True)
class Finding:
    """Something in a case that is not as it was written.

    Attributes:
        status: `differs`, or `told` where it is no reason to doubt the case.
        place: `line N` of the log, from 1, or a path inside the case's folder.
        text: A sentence on what was found.
    """

    status: Literal["differs", "told"]
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class Log:
    """The file of a log."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._appended: tuple[int, Head] | None = None

    def read(self) -> tuple[bytes, ...]:
        """The lines; the last one may lack its end.

        Raises:
            CaseRefused: if it cannot be read.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise _unreadable(self.path, error) from error
        *whole, last = content.split(b"\n")
        return *(line + b"\n" for line in whole), *([last] if last else [])

    def first(self) -> Entry | None:
        """The entry in the first line; None if the line is not an entry.

        Raises:
            CaseRefused: if the log cannot be read.
        """
        try:
            with self.path.open("rb") as log:
                return Entry.read(_without_end(log.readline()))
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def last_act(self) -> Entry | None:
        """The last whole entry that does not state an interruption; None if there is none."""
        read = (Entry.read(_without_end(line)) for line in reversed(self.read()))
        return next((entry for entry in read if entry and entry.event != "interruption"), None)

    @property
    def head(self) -> Head:
        """The end of the log as it stands."""
        return _head_of(self.read())

    def entries(self, event: Event | None = None) -> tuple[Entry, ...]:
        """The whole entries of one kind, or of all kinds, in their order."""
        return entries_of(self.read(), event)

    def begin(self, event: Event, content: dict[str, Any], time: datetime) -> None:
        """Write the first line; either the log exists with it, or not at all."""
        write_whole(self.path, Entry(1, utc(time), event, content, _NOTHING_BEFORE).line() + b"\n")

    def append(self, event: Event, content: dict[str, Any], time: datetime) -> None:
        """Add a line durably, or none.

        Raises:
            OSError: if it cannot be written; a line written in part is removed again.
        """
        with self.path.open("r+b", buffering=0) as log:
            end = log.seek(0, os.SEEK_END)
            head, missing_end = self._end(end)
            line = _after(head, event, content, time)
            try:
                _write_all(log, missing_end + line)
                os.fsync(log.fileno())
            except OSError:
                log.truncate(end)
                os.fsync(log.fileno())
                raise
        after = Head(head.sequence + 1, sha256(_without_end(line)))
        self._appended = end + len(missing_end) + len(line), after

    def _end(self, size: int) -> tuple[Head, bytes]:
        """The head of a log of so many bytes, and the line end that its last line lacks.

        Known from the last line that was appended here, if nothing was since: thousands are appended in a row.
        """
        if self._appended is not None and self._appended[0] == size:
            return self._appended[1], b""
        lines = self.read()
        return _head_of(lines), b"" if lines[-1].endswith(b"\n") else b"\n"

    def half_line(self) -> str | None:
        """The beginning of an entry that an interrupted write left at the end; None where there is none."""
        lines = self.read()
        half = _is_unfinished(lines[-1], len(lines)) and Entry.read(lines[-1]) is None
        return lines[-1].decode(errors="backslashreplace") if half else None

    def replace_half_line(self, event: Event, content: dict[str, Any], time: datetime) -> None:
        """Replace an unfinished line by a whole one, or leave the log as it is.

        Raises:
            OSError: where it cannot be written.
        """
        whole = self.read()[:-1]
        write_whole(self.path, b"".join(whole) + _after(_head_of(whole), event, content, time))


def entries_of(lines: tuple[bytes, ...], event: Event | None = None) -> tuple[Entry, ...]:
    """The whole entries of one kind, or of all kinds, among the lines of a log, in their order."""
    read = (Entry.read(_without_end(line)) for line in lines)
    return tuple(entry for entry in read if entry is not None and event in (None, entry.event))


def verify_log(path: Path, heads: Mapping[str, Head] | None = None) -> list[Finding]:
    """The differences of a log from what was written; none for a sound log.

    Args:
        path: The log.
        heads: Heads that it once had, by the report that states each; without any, lines cut off its end go unnoticed.

    Returns:
        One finding a line, in their order.

    Raises:
        CaseRefused: if it cannot be read.
    """
    return verify_lines(Log(path).read(), heads or {})


def verify_lines(stored: tuple[bytes, ...], heads: Mapping[str, Head]) -> list[Finding]:
    """`verify_log` on lines that were read."""
    if not stored:
        return [Finding("differs", "line 1", "the log holds no entry.")]
    lines = [_without_end(line) for line in stored]
    found: dict[int, str] = {}
    where = {sha256(line): number for number, line in enumerate(lines, 1)}
    where[_NOTHING_BEFORE] = 0
    before = Head(0, _NOTHING_BEFORE)
    for number, line in enumerate(lines, 1):
        entry = Entry.read(line)
        if entry is None:
            found.setdefault(number, "it is not an entry as it was written: it was cut or changed.")
        elif entry.previous != before.sha256:
            _misplaced(number, entry, before.sequence, where, found)
        elif entry.sequence != before.sequence + 1:
            found.setdefault(number, f"it states number {entry.sequence} but follows number {before.sequence}.")
        before = Head(entry.sequence if entry else before.sequence + 1, sha256(line))
    unfinished = len(lines) if _is_unfinished(stored[-1], len(lines)) else None
    if unfinished:
        found[unfinished] = "it has no end: its writing was interrupted, or the end of the log was cut off."
    told = {unfinished} & found.keys()
    for report, head in heads.items():
        if head.sha256 not in where:
            number = min(head.sequence, len(lines))
            told -= {number}
            found[number] = (
                f"line {head.sequence}, as {report} states it, is not here: lines were cut off or rewritten."
            )
    return [
        Finding("told" if number in told else "differs", f"line {number}", text)
        for number, text in sorted(found.items())
    ]


def _misplaced(number: int, entry: Entry, before: int, where: dict[str, int], found: dict[int, str]) -> None:
    """The lines at fault if the entry in line `number` does not follow the line before it, numbered `before`."""
    belongs = where.get(entry.previous)
    if belongs is None and entry.sequence == before + 1:
        found.setdefault(number - 1, f"it was changed after line {number} was written.")
    elif belongs is None:
        missing = f"{before + 1} to {entry.sequence - 1}" if entry.sequence > before + 2 else f"{before + 1}"
        found.setdefault(number, f"what was written before it, number {missing}, is missing.")
    elif belongs < number:
        for foreign in range(belongs + 1, number):
            found.setdefault(foreign, f"it does not belong between lines {belongs} and {number}.")
    else:
        found.setdefault(number, f"it was written after line {belongs} and stands before it.")


def _is_unfinished(line: bytes, number: int) -> bool:
    if line.endswith(b"\n"):
        return False
    beginning = b'{"sequence":%d,"time":"' % number
    return line[: len(beginning)] == beginning[: len(line)]


def _head_of(lines: Sequence[bytes]) -> Head:
    return Head(len(lines), sha256(_without_end(lines[-1])))


def _after(head: Head, event: Event, content: dict[str, Any], time: datetime) -> bytes:
    """The next line of a log, with its end."""
    return Entry(head.sequence + 1, utc(time), event, content, head.sha256).line() + b"\n"


def _without_end(line: bytes) -> bytes:
    return line.removesuffix(b"\n")


def _write_all(file: Any, content: bytes) -> None:
    """Write all; a raw file may accept only a part, as on a disk that fills up."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def _unreadable(path: Path, error: OSError) -> CaseRefused:
    return CaseRefused(f"The log {path} cannot be read ({error.strerror}); check the folder and its permissions.")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
