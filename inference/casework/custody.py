"""The files of a case held against its log: what was replaced, cut, removed or put there, and where.

Nothing here writes, so that a case on a medium that takes no writes can be verified, and verifying changes nothing.
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
"""How long who wants to be alone with a case waits for another program."""


@dataclass(frozen=True)
class Logged:
    """A file as the log states it.

    Attributes:
        sha256: Of its content.
        line: Number of the entry that says so: that it was written, or that it was deleted.
    """

    sha256: str
    line: int


@dataclass(frozen=True)
class Custody:
    """Which files a log says lie in the case's folder and which it says were deleted, by their paths inside it."""

    kept: dict[str, Logged]
    deleted: dict[str, Logged]

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Custody:
        """What entries say, in their order: what was deleted can be handed in again."""
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
    """The files that an entry says were written, as paths inside the case's folder, and the SHA-256 of each."""
    content = entry.content
    if entry.event == "exhibit added":
        return _of_case({f"{EXHIBITS}/{content.get('copy')}": content.get("sha256")})
    if entry.event == "report issued":
        kinds = ("pdf", "json")
        return _of_case({f"{REPORTS}/{content.get('report')}.{kind}": content.get(f"{kind}_sha256") for kind in kinds})
    return {}


def removed_by(entry: Entry) -> dict[str, str]:
    """The files that an entry says were deleted, as paths inside the case's folder, and the SHA-256 of each."""
    removed = entry.content.get("removed") if entry.event == "deletion" else None
    return _of_case(removed if isinstance(removed, dict) else {})


def _of_case(stated: Mapping[str, Any]) -> dict[str, str]:
    """What an entry can state of a case's files: one that was forged reaches no other file."""
    return {
        path: content
        for path, content in stated.items()
        if isinstance(content, str) and re.fullmatch(rf"({EXHIBITS}|{REPORTS})/[^/\\]+", path)
    }


@dataclass(frozen=True)
class CaseCheck:
    """What a case's folder shows without an examination.

    Attributes:
        log: What of the log is not as it was written.
        files: What of the files is not as the log says.
        vouched: Number of the last line that a report which lies there vouches for; 0 without one.
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
        """What the folder cannot show, in a sentence."""
        if not self.vouched:
            return "no report lies here that states the log's end: lines cut off it would not be missed."
        return (
            f"the reports vouch for lines 1 to {self.vouched}; what was written after that, had it been cut off the "
            "end, would not be missed."
        )


def check_case(folder: Path, heads: Mapping[str, Head] | None = None) -> CaseCheck:
    """Hold a case's log against the ends that its reports state, and the files against the log.

    What is being written while it is looked at is looked at again; only where that never ends are writers kept waiting.

    Args:
        folder: The case's folder.
        heads: Ends that the log had once, beside those that its own reports state, by who states them.

    Raises:
        CaseRefused: if the log cannot be read, or the case is written to all the time.
    """
    for _ in range(_ATTEMPTS):
        check = _checked_once(folder, heads or {})
        if check is not None:
            return check
    # Where so much is written, a lock lies already.
    try:
        with FileLock(folder / LOCK_NAME, timeout=PATIENCE_SECONDS):
            check = _checked_once(folder, heads or {})
    except (Timeout, OSError):
        check = None
    if check is None:
        msg = f"{folder} was written to all the while; verify it again when that is done."
        raise CaseRefused(msg)
    return check


def _checked_once(folder: Path, heads: Mapping[str, Head]) -> CaseCheck | None:
    """A check; None if the log grew meanwhile, so that files were held against an older one."""
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
    """The log's end as each report states it; none for a file that is no report, or of a case without a log."""
    heads = {}
    for report in reports:
        try:
            head = read_twin(folder / report).log_head
        except ReportRefused:
            continue  # that it is not what was issued, its hash tells
        if head is not None:
            heads[f"report {Path(report).stem}"] = head
    return heads


def _vouched(lines: tuple[bytes, ...], found: Mapping[str, str | None], heads: Mapping[str, Head]) -> int:
    """A report that lies there needs the line that says it was issued."""
    stated = [head.sequence for head in heads.values()]
    issued = [entry.sequence for entry in entries_of(lines, "report issued") if files_of(entry).keys() & found.keys()]
    return min(max(stated + issued, default=0), len(lines))


def _is_report(path: str) -> bool:
    return path.startswith(f"{REPORTS}/") and path.endswith(".json")


def _files(folder: Path) -> dict[str, str | None]:
    """SHA-256 of everything that lies in a case's folder, by path inside it; None for what is no readable file."""
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
    """In this order: another process may just put in its place what was prepared."""
    if content_of(partial_of(folder / path)) == logged.sha256:
        text = f"its writing was interrupted after line {logged.line} said so; the next that is written finishes it."
        yield Finding("told", path, text)
    elif content_of(folder / path) != logged.sha256:
        yield Finding("differs", path, f"it is missing; line {logged.line} of the log says that it was written.")


def _replaced(path: str, logged: Logged, content: str | None, known: Mapping[str, str]) -> Iterator[Finding]:
    if content == logged.sha256:
        return
    if content is None:
        text = f"it is no file that can be read; line {logged.line} of the log says that it was written."
    elif content in known:
        text = f"it is another file than line {logged.line} of the log states: it holds what {known[content]} held."
    else:
        text = (
            f"it was changed or replaced: its SHA-256 is {content[:16]}…, and line {logged.line} of the log states "
            f"{logged.sha256[:16]}…."
        )
    yield Finding("differs", path, text)


def _undeleted(path: str, logged: Logged, last_act: int) -> Finding:
    """Every write finishes a deletion that was interrupted, so that only the last one can be half done."""
    text = f"it lies here, and line {logged.line} of the log says that it was deleted"
    if logged.line < last_act:
        return Finding("differs", path, f"{text}: it was put back.")
    return Finding("told", path, f"{text}: that was interrupted, or it was put back; the next write removes it.")


def _foreign_file(path: str, content: str | None, known: Mapping[str, str]) -> Finding:
    name = Path(path)
    if is_partial(name):
        return Finding("told", path, "a write was interrupted here; the next that is written to the case clears it up.")
    if name.name == path:
        return Finding("told", path, "no line of the log knows of it; it is no part of the case.")
    if name.name in _OF_FILE_MANAGERS:
        return Finding("told", path, "a program that shows folders put it there; it is no part of the case.")
    if content is None:
        text = "no line of the log knows of it, and it is no file that can be read."
    elif content in known:
        text = f"no line of the log knows of it; it is a copy of {known[content]}."
    else:
        text = "no line of the log knows of it: it was put there, or the line that says so was cut off or changed."
    return Finding("differs", path, text)
