"""The case folder: what was handed in, what was done with it and when, and what was reported.

An examiner chooses the folder, and nothing of a case is written anywhere else. It holds

- `log.jsonl`, one JSON entry a line, which only grows (see `inference.casework.log`),
- `exhibits/`, a byte-for-byte copy of every original file, named by its SHA-256,
- `reports/`.

A file belongs to the case once the log has its line. The file is prepared under a name that nothing serves; then the
line is written; then the file gets its name. A deletion is logged before it happens. So the log states the intention
whenever the process dies. The next write to the case finishes what the log states, removes what it does not state, and
logs what it did.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

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
from inference.records import Exhibit, MarkSearch, PartFinding, Record, as_json

NoteKind = Literal["remark", "conclusion"]
_EXTENSION = re.compile(r"\.[a-z0-9]{1,8}")


class CaseFolder:
    """The folder of one case, as this module describes it; `open` makes it.

    Two processes may use it at once: each appends under a lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / LOG_NAME
        self._log = Log(self.log)

    @classmethod
    def open(cls, path: Path, number: str, time: datetime) -> CaseFolder:
        """The folder of a case; a new one is made and its log begun.

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
                    msg = f"{path} is not a case folder, since it holds {foreign[0]}; choose an empty or a new folder."
                    raise CaseRefused(msg)
                folder._log.begin("case opened", {"case_number": number}, time)
            if folder.number != number:
                msg = f"{path} is the folder of case {folder.number}, not of case {number}; choose another folder."
                raise CaseRefused(msg)
            folder._finish_interrupted()
        return folder

    def finish_interrupted(self) -> None:
        """Finish what an interrupted process left half done; every write does so first.

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
        """All whole exhibits and reports in the folder; links and files still being written are left out."""
        listed = (file for part in (EXHIBITS, REPORTS) for file in sorted((self.path / part).glob("*")))
        return tuple(
            file for file in listed if file.is_file() and not file.is_symlink() and not file.name.startswith(".")
        )

    @property
    def reports(self) -> tuple[str, ...]:
        """Ids of all reports that were issued in the case, in their order."""
        return tuple(dict.fromkeys(str(entry.content.get("report")) for entry in self.entries("report issued")))

    @property
    def exhibits(self) -> tuple[tuple[str, Path, str], ...]:
        """SHA-256, copy, and name as handed in, of each exhibit that the log states as kept and the folder holds."""
        entries, held = self.entries(), {file.relative_to(self.path).as_posix(): file for file in self.files}
        kept = Custody.of(entries).kept
        added = {path: entry for entry in entries if entry.event == "exhibit added" for path in files_of(entry)}
        return tuple(
            (kept[path].sha256, held[path], str(entry.content.get("name", held[path].name)))
            for path, entry in added.items()
            if path in kept and path in held
        )

    def add_exhibit(self, exhibit: Exhibit, time: datetime) -> Path:
        """Keep a copy of a file as it was handed in; a copy that exists stays, and is not logged again.

        Returns:
            Where the copy lies.

        Raises:
            CaseRefused: if the existing copy was changed, or no copy can be written.
        """
        with self._locked():
            return self._keep(exhibit, Custody.of(self.entries()).kept.keys(), time)

    def add_examined(self, examined: Iterable[tuple[Exhibit, Sequence[Mapping[str, Any]]]], time: datetime) -> None:
        """Keep a copy of each of many files, and log its examinations, as `stated.stated` gives them.

        Raises:
            CaseRefused: if an existing copy was changed, or no copy can be written; what came before is kept.
        """
        with self._locked():
            kept = {*Custody.of(self.entries()).kept}
            for exhibit, examinations in examined:
                kept.add(self._inside(self._keep(exhibit, kept, time)))
                for examination in examinations:
                    self._log.append("examination", dict(examination), time)

    def add_examination(self, record: Record, time: datetime) -> None:
        """Log the whole record of an examination."""
        with self._locked():
            self._log.append("examination", stated(record), time)

    def add_part(self, finding: PartFinding, time: datetime) -> None:
        """Log the part finding of several examined photos of a part."""
        with self._locked():
            self._log.append("part weighed", as_json(finding), time)

    def add_search(self, search: MarkSearch, time: datetime) -> None:
        """Log the whole record of a search of a register of marks; one that the log has is not logged again."""
        content = as_json(search)
        with self._locked():
            if content not in (entry.content for entry in self.entries("search")):
                self._log.append("search", content, time)

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
        """Log that a person has reviewed a report, with their remark.

        Raises:
            CaseRefused: if no such report was issued in this case, or a text is missing, too long or not printable.
        """
        number = self.number
        require_text("reviewer", reviewer, needed=True)
        require_text("remark", remark, needed=True)
        with self._locked():
            if not any(entry.content.get("report") == report for entry in self.entries("report issued")):
                msg = f"No report {report} was issued in case {number}; give the id printed on its pages."
                raise CaseRefused(msg)
            self._log.append("review", {"report": report, "reviewer": reviewer, "remark": remark}, time)

    def note(self, kind: NoteKind, by: str, text: str, exhibit: str | None, time: datetime) -> None:
        """Log a remark, or a person's own conclusion, which stands apart from what models found.

        Args:
            kind: Which of both.
            by: Who makes it.
            text: It.
            exhibit: SHA-256 of the exhibit that it is on; None for the case as a whole.
            time: When, with its time zone.

        Raises:
            CaseRefused: if the case has no such exhibit, or a text is missing, too long or not printable.
        """
        require_text("name", by, needed=True)
        require_text(kind, text, needed=True)
        if exhibit is not None and exhibit not in {digest for digest, _, _ in self.exhibits}:
            msg = f"Case {self.number} holds no exhibit {exhibit[:16]}; choose one that it holds."
            raise CaseRefused(msg)
        with self._locked():
            self._log.append(kind, {"by": by, "exhibit": exhibit, "text": text}, time)

    def export(self, into: Path) -> None:
        """Write the log and all exhibits and reports into a ZIP, as they stand; `unpacked` reads it.

        Raises:
            CaseRefused: if it cannot be written.
        """
        with self._locked(), zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in (self.log, *self.files):
                packed.write(file, self._inside(file))

    def delete(self, by: str, reason: str, time: datetime) -> tuple[str, ...]:
        """Remove all exhibits and reports of the case; the log stays and states what was removed, by whom and why.

        Deletion is one visible action. A person asks for it by name, and it removes everything at once. Nothing is ever
        removed otherwise: neither one by one nor when time is up. The entry is written before the first file goes, so
        that no removal goes unlogged. The log keeps names, hashes, EXIF and findings, but no picture except the coarse
        heatmaps. Copies elsewhere, and traces on the disk, are not removed.

        Returns:
            What was removed, as paths inside the folder.

        Raises:
            CaseRefused: if there is nothing to remove, a file cannot be removed, or a text is missing, too long or not
                printable.
        """
        require_text("name", by, needed=True)
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

    def _keep(self, exhibit: Exhibit, kept: Collection[str], time: datetime) -> Path:
        """Keep a copy of a file that is not among the kept ones; gives where it lies."""
        extension = Path(exhibit.name).suffix.lower()
        name = exhibit.sha256 + (extension if _EXTENSION.fullmatch(extension) else "")
        copy = self.path / EXHIBITS / name
        if copy.exists() and content_of(copy) != exhibit.sha256:
            msg = f"{copy} is no longer the file it is named after; restore it, or open a new case folder."
            raise CaseRefused(msg)
        if not copy.exists() or self._inside(copy) not in kept:
            self._add({copy: exhibit.content}, "exhibit added", {"copy": name, **as_json(exhibit)}, time)
        return copy

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
        """Finish the last entry; every write begins here, so that no earlier entry can be half done."""
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
        """The stated files whose content lies where `where` says."""
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
        """Lock the folder of a case, and finish what was interrupted there."""
        _ = self.number
        with self._alone():
            self._finish_interrupted()
            yield

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Lock the folder; an error of the system becomes a refusal."""
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
