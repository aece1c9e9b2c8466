"""The case folder: what was handed in, what was done with it and when, and what was reported.

An examiner chooses the folder, and nothing of a case is written anywhere else. It holds `log.jsonl`, one JSON entry a
line and appended to only; `exhibits/`, a copy of every original file, byte for byte, named by its SHA-256; and
`reports/`.

Each line of the log states the SHA-256 of the line before it and of itself, so that a line that was changed, removed,
inserted or moved is found. A chain says nothing of lines cut off its end: its head, the number and SHA-256 of its last
line, is therefore printed in every report, and a log can be checked against it. Nor does it stop someone who rewrites
all of it, which again the heads in reports on paper tell.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock, Timeout

from inference.files import write_whole
from inference.records import Comparison, Exhibit, Heatmap, PartFinding, Refusal, Verdict, as_json, require

Event = Literal["case opened", "exhibit added", "examination", "part weighed", "report issued", "review", "deletion"]

LOG_NAME, EXHIBITS, REPORTS = "log.jsonl", "exhibits", "reports"

_NOTHING_BEFORE = "0" * 64
_MOST_LETTERS = {"request": 4000, "remarks": 4000, "remark": 4000, "reason": 4000}
_PATIENCE_SECONDS = 20
_EXTENSION = re.compile(r"\.[a-z0-9]{1,8}")


class CaseRefused(Refusal):
    """A case folder that cannot be used, or something that it or a report does not take."""


@dataclass(frozen=True)
class CaseFacts:
    """What a report says of a case beside its examinations; plain text in any script, empty where nothing is said.

    Attributes:
        case_number: The laboratory's number of the case; at least one character.
        examiner: Who answers for the report; at least one character.
        item: What was handed in.
        laboratory: Name and address.
        request: What was asked, by whom.
        remarks: Whatever else belongs into the report.
        reviewer: Who is to review it.

    Raises:
        CaseRefused: if a text is missing, too long or holds control characters.
    """

    case_number: str
    examiner: str
    item: str = ""
    laboratory: str = ""
    request: str = ""
    remarks: str = ""
    reviewer: str = ""

    def __post_init__(self) -> None:
        for name, text in as_json(self).items():
            _require_text(name.replace("_", " "), text, needed=name in ("case_number", "examiner"))


def _require_text(said: str, text: str, *, needed: bool) -> None:
    most = _MOST_LETTERS.get(said, 200)
    if len(text) > most:
        msg = f"The {said} has {len(text)} characters, and at most {most} are taken; shorten it."
        raise CaseRefused(msg)
    if not text.replace("\n", "").isprintable():
        msg = f"The {said} holds characters that cannot be printed; type it anew."
        raise CaseRefused(msg)
    if needed and not text.strip():
        msg = f"The {said} is needed; give one."
        raise CaseRefused(msg)


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
        return _json({**stated, "sha256": _sha256(_json(stated))})

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


class CaseFolder:
    """One case's folder; see the head of this module. Make it with `open`.

    Two processes may use it at once: each appends under a lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / LOG_NAME

    @classmethod
    def open(cls, path: Path, number: str, time: datetime) -> CaseFolder:
        """The folder of a case, made and its log begun where there is none yet.

        Args:
            path: The folder.
            number: The case's number.
            time: When, with its time zone.

        Raises:
            CaseRefused: if the folder holds another case or other files, or cannot be written.
        """
        folder = cls(path)
        with folder._locked():
            if not folder.log.exists():
                strangers = sorted(found.name for found in path.iterdir() if found.name != f"{LOG_NAME}.lock")
                if strangers:
                    msg = f"{path} is no case folder and holds {strangers[0]}; choose an empty or a new folder."
                    raise CaseRefused(msg)
                folder._append("case opened", {"case_number": number}, time)
            if folder.number != number:
                msg = f"{path} is the folder of case {folder.number}, not of {number}; choose another folder."
                raise CaseRefused(msg)
        return folder

    @property
    def number(self) -> str:
        """The number of the case, as the log's first line states it.

        Raises:
            CaseRefused: if it does not.
        """
        first = Entry.read(self._content().split(b"\n", 1)[0])
        if first is None or first.event != "case opened" or not first.content.get("case_number"):
            msg = f"The first line of {self.log} does not name a case; verify the log."
            raise CaseRefused(msg)
        return str(first.content["case_number"])

    @property
    def head(self) -> Head:
        """The end of the log as it stands."""
        lines, _ = _lines(self._content())
        return Head(len(lines), _sha256(lines[-1]))

    @property
    def files(self) -> tuple[Path, ...]:
        """All exhibits and all reports that the folder holds."""
        return tuple(file for part in (EXHIBITS, REPORTS) for file in sorted((self.path / part).glob("*")))

    @property
    def reports(self) -> tuple[str, ...]:
        """Ids of all reports that were issued in the case, in their order."""
        return tuple(str(entry.content["report"]) for entry in self.entries("report issued"))

    def add_exhibit(self, original: bytes, exhibit: Exhibit, time: datetime) -> Path:
        """Keep a copy of an original file; one that is there already stays as it is and is not logged again.

        Args:
            original: The bytes as they were handed in.
            exhibit: What was read from them.
            time: When, with its time zone.

        Returns:
            Where the copy lies.

        Raises:
            CaseRefused: if the bytes are not those of the exhibit, a copy that was there was changed, or none can be
                written.
        """
        if _sha256(original) != exhibit.sha256:
            msg = f"{exhibit.name} changed while it was examined; examine it again."
            raise CaseRefused(msg)
        extension = Path(exhibit.name).suffix.lower()
        name = exhibit.sha256 + (extension if _EXTENSION.fullmatch(extension) else "")
        copy = self.path / EXHIBITS / name
        with self._locked():
            if not copy.exists():
                write_whole(copy, original)
                content = {"copy": name, **as_json(exhibit)}
                self._append("exhibit added", content, time)
            elif _sha256(copy.read_bytes()) != exhibit.sha256:
                msg = f"{copy} is no longer the file it is named after; restore it, or open a new case folder."
                raise CaseRefused(msg)
        return copy

    def add_examination(self, record: Verdict | Comparison, time: datetime) -> None:
        """Log an examination, the whole record."""
        with self._locked():
            self._append("examination", stated(record), time)

    def add_part(self, finding: PartFinding, time: datetime) -> None:
        """Log what photos of a part that were examined come to together."""
        with self._locked():
            self._append("part weighed", as_json(finding), time)

    def add_report(self, name: str, run_id: str, pdf: bytes, twin: bytes, time: datetime) -> tuple[Path, Path]:
        """Write NAME.pdf and NAME.json and log their hashes.

        Returns:
            Where they lie.

        Raises:
            CaseRefused: if they cannot be written.
        """
        paths = tuple(self.path / REPORTS / f"{name}{ending}" for ending in (".pdf", ".json"))
        content = {"report": name, "run_id": run_id, "pdf_sha256": _sha256(pdf), "json_sha256": _sha256(twin)}
        with self._locked():
            for path, data in zip(paths, (pdf, twin), strict=True):
                write_whole(path, data)
            self._append("report issued", content, time)
        return paths[0], paths[1]

    def sign_off(self, report: str, reviewer: str, remark: str, time: datetime) -> None:
        """Log that a person has reviewed a report, and what they say of it.

        Raises:
            CaseRefused: if no such report was issued in this case, or a text is not taken.
        """
        number = self.number
        _require_text("reviewer", reviewer, needed=True)
        _require_text("remark", remark, needed=True)
        with self._locked():
            if not any(entry.content["report"] == report for entry in self.entries("report issued")):
                msg = f"No report {report} was issued in case {number}; give the id printed on its pages."
                raise CaseRefused(msg)
            self._append("review", {"report": report, "reviewer": reviewer, "remark": remark}, time)

    def delete(self, by: str, reason: str, time: datetime) -> tuple[str, ...]:
        """Remove all exhibits and all reports of the case; the log stays, and says what was removed, by whom and why.

        Deletion is one visible action: a person asks for it by name, it takes everything at once, and nothing is ever
        removed in another way, one by one or when time is up. The entry is written before the first file goes, so that
        no file goes unlogged; if it is interrupted, ask again. The log keeps names, hashes, EXIF and findings, but no
        picture other than the coarse heatmaps. Copies elsewhere and what a disk may still hold are not reached.

        Returns:
            What was removed, as paths inside the folder.

        Raises:
            CaseRefused: if there is nothing to remove, a file cannot be removed, or a text is not taken.
        """
        _require_text("by", by, needed=True)
        _require_text("reason", reason, needed=True)
        with self._locked():
            files = [file for part in (EXHIBITS, REPORTS) for file in sorted((self.path / part).glob("*"))]
            if not files:
                msg = f"{self.path} holds no exhibits and no reports; there is nothing to delete."
                raise CaseRefused(msg)
            removed = {file.relative_to(self.path).as_posix(): _sha256(file.read_bytes()) for file in files}
            self._append("deletion", {"by": by, "reason": reason, "removed": removed}, time)
            for file in files:
                file.unlink()
        return tuple(removed)

    def entries(self, event: Event | None = None) -> tuple[Entry, ...]:
        """The whole entries of one kind, or of all kinds, in their order."""
        read = map(Entry.read, _lines(self._content())[0])
        return tuple(entry for entry in read if entry is not None and event in (None, entry.event))

    def _content(self) -> bytes:
        return _read_log(self.log)

    def _append(self, event: Event, content: dict[str, Any], time: datetime) -> None:
        """Add a line; one that a crash has cut stays as it is, is ended here, and is found by `verify_log`."""
        lines, cut = _lines(self._content()) if self.log.exists() else ([], False)
        previous = _sha256(lines[-1]) if lines else _NOTHING_BEFORE
        entry = Entry(len(lines) + 1, utc(time), event, content, previous)
        with self.log.open("ab") as log:
            log.write(b"\n" * cut + entry.line() + b"\n")
            log.flush()
            os.fsync(log.fileno())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone in the folder; what the system refuses is said in a sentence."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path / f"{LOG_NAME}.lock", timeout=_PATIENCE_SECONDS):
                yield
        except Timeout as error:
            msg = f"Another program is writing to {self.path}; try again when it is done."
            raise CaseRefused(msg) from error
        except OSError as error:
            msg = f"{self.path} cannot be used as a case folder ({error.strerror}); check its permissions and the disk."
            raise CaseRefused(msg) from error


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
    lines, cut = _lines(_read_log(path))
    if not lines:
        return [Finding(1, "the log holds no entry.")]
    found: dict[int, str] = {}
    where = {_sha256(line): number for number, line in enumerate(lines, 1)}
    where[_NOTHING_BEFORE] = 0
    before = Head(0, _NOTHING_BEFORE)
    for number, line in enumerate(lines, 1):
        entry = Entry.read(line)
        if entry is None:
            found.setdefault(number, "it is not a whole entry as it was written: it was cut or changed.")
        elif entry.previous != before.sha256:
            _misplaced(number, entry, before.sequence, where, found)
        elif entry.sequence != before.sequence + 1:
            found.setdefault(number, f"it states number {entry.sequence} and follows number {before.sequence}.")
        before = Head(entry.sequence if entry else before.sequence + 1, _sha256(line))
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


def stated(record: Verdict | Comparison) -> dict[str, Any]:
    """What a log and a report state of an examination, as plain JSON values: the record and a hash of each raw map."""
    heatmaps = (record.heatmap,) if isinstance(record, Verdict) else record.heatmaps
    task = "authenticity" if isinstance(record, Verdict) else "trademark"
    return {"task": task, "record": as_json(record), "maps": [_map(heatmap) for heatmap in heatmaps]}


def map_sha256(raw: Any) -> str:
    """SHA-256 of a raw map (h, w), row by row as little-endian float32."""
    return _sha256(np.ascontiguousarray(raw, "<f4").tobytes())


def utc(time: datetime) -> str:
    """A time with its zone as UTC, ISO 8601 to the second."""
    require(time.tzinfo is not None, "a time is stated with its zone")
    return time.astimezone(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def _map(heatmap: Heatmap) -> dict[str, Any]:
    return {"sha256": map_sha256(heatmap.raw), "shape": list(heatmap.raw.shape)}


def _read_log(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"The log {path} cannot be read ({error.strerror}); check the folder."
        raise CaseRefused(msg) from error


def _lines(log: bytes) -> tuple[list[bytes], bool]:
    """The lines without their ends, and whether the last one has none."""
    lines = log.split(b"\n")
    return (lines[:-1], False) if not lines[-1] else (lines, True)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
