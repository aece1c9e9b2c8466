"""The files of a case held against its log: what was replaced, cut, removed or put there, and where.

Nothing here writes: verification changes nothing, and a case on a read-only medium can be verified.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from inference.casework.log import CaseRefused, Entry, Finding, Head, Log, entries_of, verify_lines
from inference.casework.twin import ReportRefused, read_twin
from inference.files import is_partial, partial_of, sha256

LOG_NAME, EXHIBITS, REPORTS = "log.jsonl", "exhibits", "reports"
LOCK_NAME = f"{LOG_NAME}.lock"

_OF_FILE_MANAGERS = (".DS_Store", "Thumbs.db", "desktop.ini", ".directory")
_ATTEMPTS = 5
PATIENCE_SECONDS = 20
"""Seconds to wait for another program that has locked the case."""


@dataclass(frozen=True)
class Logged:
    """A file as the log states it.

    Attributes:
        sha256: Of its content.
        line: Number of the entry that states that it was written or deleted.
    """

    sha256: str
    line: int


@dataclass(frozen=True)
class Custody:
    """The files that a log states as kept and as deleted, by their paths inside the case's folder."""

    kept: dict[str, Logged]
    deleted: dict[str, Logged]

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Custody:
        """The custody after these entries, in their order; a deleted file can be handed in again."""
        kept: dict[str, Logged] = {}
        deleted: dict[str, Logged] = {}
        for entry in entries:
            for path, stated in files_of(entry).items():
                kept[path] = Logged(stated, entry.sequence)
                deleted.pop(path, None)
            for path, stated in removed_by(entry).items():
                kept.pop(path, None)
                deleted[path] = Logged(stated, entry.sequence)
        return cls(kept, deleted)


def files_of(entry: Entry) -> dict[str, str]:
    """Path inside the case's folder to SHA-256 of each file that an entry states as written."""
    content = entry.content
    if entry.event == "exhibit added":
        return _of_case({f"{EXHIBITS}/{content.get('copy')}": content.get("sha256")})
    if entry.event == "report issued":
        kinds = ("pdf", "json")
        return _of_case({f"{REPORTS}/{content.get('report')}.{kind}": content.get(f"{kind}_sha256") for kind in kinds})
    return {}


def removed_by(entry: Entry) -> dict[str, str]:
    """Path inside the case's folder to SHA-256 of each file that an entry states as deleted."""
    removed = entry.content.get("removed") if entry.event == "deletion" else None
    return _of_case(removed if isinstance(removed, dict) else {})


def _of_case(stated: Mapping[str, Any]) -> dict[str, str]:
    """Those stated paths that can be files of a case; a forged entry reaches no other file."""
    return {
        path: content
        for path, content in stated.items()
        if isinstance(content, str) and re.fullmatch(rf"({EXHIBITS}|{REPORTS})/[^/\\]+", path)
    }


@dataclass(frozen=True)
class CaseCheck:
    """What a case's folder shows without an examination.

    Attributes:
        log: Differences of the log from what was written.
        files: Differences of the files from what the log states.
        vouched: Number of the last line that a report in the folder vouches for; 0 without a report.
    """

    log: tuple[Finding, ...]
    files: tuple[Finding, ...]
    vouched: int

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them."""
        return (*self.log, *self.files)

    @property
    def limit(self) -> str:
        """A sentence on what the folder cannot show."""
        if not self.vouched:
            return "no report here states the end of the log, so that lines cut off its end would not be noticed."
        return (
            f"the reports vouch for lines 1 to {self.vouched}; later lines that were cut off the end would not be "
            "noticed."
        )


def check_case(folder: Path, heads: Mapping[str, Head] | None = None) -> CaseCheck:
    """Check a case's log against the heads that its reports state, and its files against the log.

    A case that changes during the check is checked again; only if that does not end is it locked against writers.

    Args:
        folder: The case's folder.
        heads: Further heads that the log once had, by the report that states each.

    Raises:
        CaseRefused: if the log cannot be read, or the case never stops changing.
    """
    for _ in range(_ATTEMPTS):
        check = _checked_once(folder, heads or {})
        if check is not None:
            return check
    # A case that is written to so much has a lock file already.
    try:
        with FileLock(folder / LOCK_NAME, timeout=PATIENCE_SECONDS):
            check = _checked_once(folder, heads or {})
    except (Timeout, OSError):
        check = None
    if check is None:
        msg = f"{folder} was written to during the whole check; verify it again when the writing has ended."
        raise CaseRefused(msg)
    return check


def _checked_once(folder: Path, heads: Mapping[str, Head]) -> CaseCheck | None:
    """One check; None if the log grew meanwhile, so that the files were checked against an older log."""
    log = Log(folder / LOG_NAME)
    lines = log.read()
    found = _files(folder)
    reports = [path for path, content in found.items() if _is_report(path) and content is not None]
    stated = {**heads, **_stated_heads(folder, reports)}
    checked = tuple(_checked(folder, entries_of(lines), found))
    if log.read() != lines:
        return None
    return CaseCheck(tuple(verify_lines(lines, stated)), checked, _vouched(lines, found, stated))


def _stated_heads(folder: Path, reports: Iterable[str]) -> dict[str, Head]:
    """The log's head as each report states it; none for a file that is not a report, or whose case had no log."""
    heads = {}
    for report in reports:
        try:
            head = read_twin(folder / report).log_head
        except ReportRefused:
            continue  # its hash shows that it is not what was issued
        if head is not None:
            heads[f"report {Path(report).stem}"] = head
    return heads


def _vouched(lines: tuple[bytes, ...], found: Mapping[str, str | None], heads: Mapping[str, Head]) -> int:
    """The last line that reports in the folder need: a stated head, or the line that states their issue."""
    stated = [head.sequence for head in heads.values()]
    issued = [entry.sequence for entry in entries_of(lines, "report issued") if files_of(entry).keys() & found.keys()]
    return min(max(stated + issued, default=0), len(lines))


def _is_report(path: str) -> bool:
    return path.startswith(f"{REPORTS}/") and path.endswith(".json")


def _files(folder: Path) -> dict[str, str | None]:
    """SHA-256 of everything in a case's folder, by path inside it; None for anything but a readable file."""
    found: dict[str, str | None] = {}
    for part in (folder, folder / EXHIBITS, folder / REPORTS):
        if part.is_symlink() or not part.is_dir():
            continue
        for file in sorted(part.iterdir()):
            path = file.relative_to(folder).as_posix()
            if path not in (LOG_NAME, LOCK_NAME, EXHIBITS, REPORTS) or file.is_symlink():
                found[path] = content_of(file)
    return found


def content_of(file: Path) -> str | None:
    """SHA-256 of a file; None for a link, a folder or a file that cannot be read."""
    if file.is_symlink() or not file.is_file():
        return None
    try:
        return sha256(file.read_bytes())
    except OSError:
        return None


def _checked(folder: Path, entries: Sequence[Entry], found: Mapping[str, str | None]) -> Iterator[Finding]:
    """One finding a file, in the order of their paths."""
    custody = Custody.of(entries)
    last_act = max((entry.sequence for entry in entries if entry.event != "interruption"), default=0)
    known = {logged.sha256: path for path, logged in (custody.deleted | custody.kept).items()}
    for path in sorted(custody.kept.keys() | found.keys()):
        if path not in found:
            yield from _missing(folder, path, custody.kept[path])
        elif path in custody.kept:
            yield from _replaced(path, custody.kept[path], found[path], known)
        elif path in custody.deleted and found[path] == custody.deleted[path].sha256:
            yield _undeleted(path, custody.deleted[path], last_act)
        else:
            yield _foreign_file(path, found[path], known)


def _missing(folder: Path, path: str, logged: Logged) -> Iterator[Finding]:
    """A missing file; what was prepared is checked first, since another process may just be putting it in place."""
    if content_of(partial_of(folder / path)) == logged.sha256:
        text = f"its writing was interrupted after line {logged.line} stated it; the next write finishes it."
        yield Finding("told", path, text)
    elif content_of(folder / path) != logged.sha256:
        yield Finding("differs", path, f"it is missing; line {logged.line} of the log states that it was written.")


def _replaced(path: str, logged: Logged, content: str | None, known: Mapping[str, str]) -> Iterator[Finding]:
    if content == logged.sha256:
        return
    if content is None:
        text = f"it cannot be read as a file; line {logged.line} of the log states that it was written."
    elif content in known:
        text = f"it is not the file that line {logged.line} of the log states: it has the content of {known[content]}."
    else:
        text = (
            f"it was changed or replaced: its SHA-256 is {content[:16]}…, and line {logged.line} of the log states "
            f"{logged.sha256[:16]}…."
        )
    yield Finding("differs", path, text)


def _undeleted(path: str, logged: Logged, last_act: int) -> Finding:
    """A deleted file that is there; only the last deletion can be half done, since every write finishes it first."""
    text = f"it is here, and line {logged.line} of the log states that it was deleted"
    if logged.line < last_act:
        return Finding("differs", path, f"{text}: it was put back.")
    return Finding("told", path, f"{text}: that was interrupted, or it was put back; the next write removes it.")


def _foreign_file(path: str, content: str | None, known: Mapping[str, str]) -> Finding:
    name = Path(path)
    if is_partial(name):
        return Finding("told", path, "a write was interrupted here; the next write to the case clears it up.")
    if name.name == path:
        return Finding("told", path, "no line of the log states it; it does not belong to the case.")
    if name.name in _OF_FILE_MANAGERS:
        return Finding("told", path, "a file manager put it here; it does not belong to the case.")
    if content is None:
        text = "no line of the log states it, and it cannot be read as a file."
    elif content in known:
        text = f"no line of the log states it; it is a copy of {known[content]}."
    else:
        text = "no line of the log states it: it was put here, or its line was cut off or changed."
    return Finding("differs", path, text)
