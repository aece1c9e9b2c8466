"""The case folder: what was handed in, what was done with it and when, and what was reported.

An examiner chooses the folder, and nothing of a case is written anywhere else. It holds `log.jsonl`, one JSON entry a
line and appended to only; `exhibits/`, a copy of every original file, byte for byte, named by its SHA-256; and
`reports/`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from inference.casework.facts import require_text
from inference.casework.log import NOTHING_BEFORE, CaseRefused, Entry, Event, Head, lines_of, read_log
from inference.casework.stated import stated, utc
from inference.files import sha256, write_whole
from inference.records import Comparison, Exhibit, PartFinding, Verdict, as_json

LOG_NAME, EXHIBITS, REPORTS = "log.jsonl", "exhibits", "reports"

_PATIENCE_SECONDS = 20
_EXTENSION = re.compile(r"\.[a-z0-9]{1,8}")


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
        lines, _ = lines_of(self._content())
        return Head(len(lines), sha256(lines[-1]))

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
        if sha256(original) != exhibit.sha256:
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
            elif sha256(copy.read_bytes()) != exhibit.sha256:
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
        content = {"report": name, "run_id": run_id, "pdf_sha256": sha256(pdf), "json_sha256": sha256(twin)}
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
        require_text("reviewer", reviewer, needed=True)
        require_text("remark", remark, needed=True)
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
        require_text("by", by, needed=True)
        require_text("reason", reason, needed=True)
        with self._locked():
            files = [file for part in (EXHIBITS, REPORTS) for file in sorted((self.path / part).glob("*"))]
            if not files:
                msg = f"{self.path} holds no exhibits and no reports; there is nothing to delete."
                raise CaseRefused(msg)
            removed = {file.relative_to(self.path).as_posix(): sha256(file.read_bytes()) for file in files}
            self._append("deletion", {"by": by, "reason": reason, "removed": removed}, time)
            for file in files:
                file.unlink()
        return tuple(removed)

    def entries(self, event: Event | None = None) -> tuple[Entry, ...]:
        """The whole entries of one kind, or of all kinds, in their order."""
        read = map(Entry.read, lines_of(self._content())[0])
        return tuple(entry for entry in read if entry is not None and event in (None, entry.event))

    def _content(self) -> bytes:
        return read_log(self.log)

    def _append(self, event: Event, content: dict[str, Any], time: datetime) -> None:
        """Add a line; one that a crash has cut stays as it is, is ended here, and is found by `verify_log`."""
        lines, cut = lines_of(self._content()) if self.log.exists() else ([], False)
        previous = sha256(lines[-1]) if lines else NOTHING_BEFORE
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
