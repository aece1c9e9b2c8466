"""The case folder: what was handed in, what was done with it and when, and what was reported.

An examiner chooses the folder, and nothing of a case is written anywhere else. It holds `log.jsonl`, one JSON entry a
line and added to only, see `inference.casework.log`; `exhibits/`, a copy of every original file, byte for byte, named
by its SHA-256; and `reports/`.

A file becomes part of the case by its line in the log. It is prepared first, under a name that nothing hands out; then
the line is written; then it gets its name. A deletion is logged first as well. Whenever the process dies, the log
therefore says what was meant: what it states is finished by the next that is written to the case, what it does not
state is cleared up, and an entry says what was done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from inference.casework.custody import (
    EXHIBITS,
    LOCK_NAME,
    LOG_NAME,
    PATIENCE_SECONDS,
    REPORTS,
    Custody,
    content_of,
    files_of,
    removed_by,
)
from inference.casework.facts import require_text
from inference.casework.log import CaseRefused, Entry, Event, Head, Log
from inference.casework.stated import stated
from inference.files import is_partial, make_folder, partial_of, prepare, put_in_place, sha256
from inference.records import Comparison, Exhibit, PartFinding, Verdict, as_json

_EXTENSION = re.compile(r"\.[a-z0-9]{1,8}")


class CaseFolder:
    """One case's folder; see the head of this module. Make it with `open`.

    Two processes may use it at once: each appends under a lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / LOG_NAME
        self._log = Log(self.log)

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
        with folder._alone():
            if not folder.log.exists():
                own = {LOCK_NAME, partial_of(folder.log).name}
                foreign = sorted({found.name for found in path.iterdir()} - own)
                if foreign:
                    msg = f"{path} is no case folder and holds {foreign[0]}; choose an empty or a new folder."
                    raise CaseRefused(msg)
                folder._log.begin("case opened", {"case_number": number}, time)
            if folder.number != number:
                msg = f"{path} is the folder of case {folder.number}, not of {number}; choose another folder."
                raise CaseRefused(msg)
            folder._finish_interrupted()
        return folder

    def finish_interrupted(self) -> None:
        """Finish what a process that died has left half done; every write does that first.

        Raises:
            CaseRefused: if the folder cannot be written, or another program writes to it.
        """
        with self._locked():
            pass

    @property
    def number(self) -> str:
        """The number of the case, as the log's first line states it.

        Raises:
            CaseRefused: if it does not.
        """
        first = self._log.first()
        if first is None or first.event != "case opened" or not first.content.get("case_number"):
            msg = f"The first line of {self.log} does not name a case; verify the log."
            raise CaseRefused(msg)
        return str(first.content["case_number"])

    @property
    def head(self) -> Head:
        """The end of the log as it stands."""
        return self._log.head

    @property
    def files(self) -> tuple[Path, ...]:
        """All exhibits and all reports that the folder holds, whole: no link, and nothing that is being written."""
        listed = (file for part in (EXHIBITS, REPORTS) for file in sorted((self.path / part).glob("*")))
        return tuple(
            file for file in listed if file.is_file() and not file.is_symlink() and not file.name.startswith(".")
        )

    @property
    def reports(self) -> tuple[str, ...]:
        """Ids of all reports that were issued in the case, in their order."""
        return tuple(dict.fromkeys(str(entry.content.get("report")) for entry in self.entries("report issued")))

    def add_exhibit(self, exhibit: Exhibit, time: datetime) -> Path:
        """Keep a copy of a file as it was handed in; one that is there already stays as it is and is not logged again.

        Returns:
            Where the copy lies.

        Raises:
            CaseRefused: if a copy that was there was changed, or none can be written.
        """
        extension = Path(exhibit.name).suffix.lower()
        name = exhibit.sha256 + (extension if _EXTENSION.fullmatch(extension) else "")
        copy = self.path / EXHIBITS / name
        with self._locked():
            if copy.exists() and content_of(copy) != exhibit.sha256:
                msg = f"{copy} is no longer the file it is named after; restore it, or open a new case folder."
                raise CaseRefused(msg)
            if not copy.exists() or f"{EXHIBITS}/{name}" not in Custody.of(self.entries()).kept:
                self._add({copy: exhibit.content}, "exhibit added", {"copy": name, **as_json(exhibit)}, time)
        return copy

    def add_examination(self, record: Verdict | Comparison, time: datetime) -> None:
        """Log an examination, the whole record."""
        with self._locked():
            self._log.append("examination", stated(record), time)

    def add_part(self, finding: PartFinding, time: datetime) -> None:
        """Log what photos of a part that were examined come to together."""
        with self._locked():
            self._log.append("part weighed", as_json(finding), time)

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
            self._add(dict(zip(paths, (pdf, twin), strict=True)), "report issued", content, time)
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
            if not any(entry.content.get("report") == report for entry in self.entries("report issued")):
                msg = f"No report {report} was issued in case {number}; give the id printed on its pages."
                raise CaseRefused(msg)
            self._log.append("review", {"report": report, "reviewer": reviewer, "remark": remark}, time)

    def delete(self, by: str, reason: str, time: datetime) -> tuple[str, ...]:
        """Remove all exhibits and all reports of the case; the log stays, and says what was removed, by whom and why.

        Deletion is one visible action: a person asks for it by name, it takes everything at once, and nothing is ever
        removed in another way, one by one or when time is up. The entry is written before the first file goes, so that
        no file goes unlogged. The log keeps names, hashes, EXIF and findings, but no picture other than the coarse
        heatmaps. Copies elsewhere and what a disk may still hold are not reached.

        Returns:
            What was removed, as paths inside the folder.

        Raises:
            CaseRefused: if there is nothing to remove, a file cannot be removed, or a text is not taken.
        """
        require_text("by", by, needed=True)
        require_text("reason", reason, needed=True)
        with self._locked():
            files = self.files
            if not files:
                msg = f"{self.path} holds no exhibits and no reports; there is nothing to delete."
                raise CaseRefused(msg)
            removed = {self._inside(file): sha256(file.read_bytes()) for file in files}
            self._log.append("deletion", {"by": by, "reason": reason, "removed": removed}, time)
            for file in files:
                file.unlink()
        return tuple(removed)

    def entries(self, event: Event | None = None) -> tuple[Entry, ...]:
        """The whole entries of one kind, or of all kinds, in their order."""
        return self._log.entries(event)

    def _add(self, files: Mapping[Path, bytes], event: Event, content: dict[str, Any], time: datetime) -> None:
        """Make files part of the case, all of them or none."""
        try:
            for path, data in files.items():
                prepare(path, data)
            self._log.append(event, content, time)
        except (OSError, CaseRefused):
            for path in files:
                partial_of(path).unlink(missing_ok=True)
            raise
        for path in files:
            put_in_place(path)

    def _finish_interrupted(self) -> None:
        """Only what the last entry states can be half done, since every write begins here."""
        last = self._log.last_act()
        waiting = self._holding(files_of(last) if last else {}, partial_of)
        doomed = self._holding(removed_by(last) if last else {}, Path)
        strays = [file for file in self._prepared() if file not in map(partial_of, waiting)]
        half_line = self._log.half_line()
        if not (waiting or doomed or strays or half_line):
            return
        done = {
            "half_line": half_line,
            "finished": [self._inside(file) for file in waiting],
            "deleted": [self._inside(file) for file in doomed],
            "cleared": {self._inside(file): content_of(file) for file in strays},
        }
        write = self._log.replace_half_line if half_line else self._log.append
        write("interruption", done, datetime.now(timezone.utc))
        for file in waiting:
            put_in_place(file)
        for file in (*doomed, *strays):
            file.unlink(missing_ok=True)

    def _holding(self, stated: Mapping[str, str], where: Callable[[Path], Path]) -> list[Path]:
        """Those files of an entry of which the stated content lies at their place, or where it was prepared."""
        files = {self.path / path: content for path, content in stated.items()}
        return [file for file, content in files.items() if content_of(where(file)) == content]

    def _prepared(self) -> list[Path]:
        folders = (self.path, self.path / EXHIBITS, self.path / REPORTS)
        listed = (file for folder in folders for file in sorted(folder.glob("*")))
        return [file for file in listed if is_partial(file) and not file.is_dir()]

    def _inside(self, file: Path) -> str:
        return file.relative_to(self.path).as_posix()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone in the folder of a case, in which nothing is half done."""
        _ = self.number
        with self._alone():
            self._finish_interrupted()
            yield

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Alone in the folder; what the system refuses is said in a sentence."""
        try:
            make_folder(self.path)
            with FileLock(self.path / LOCK_NAME, timeout=PATIENCE_SECONDS):
                yield
        except Timeout as error:
            msg = f"Another program is writing to {self.path}; try again when it is done."
            raise CaseRefused(msg) from error
        except OSError as error:
            msg = f"{self.path} cannot be used as a case folder ({error.strerror}); check its permissions and the disk."
            raise CaseRefused(msg) from error
