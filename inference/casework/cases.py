"""The folder of all cases of a laboratory, one folder a case, and what is added to a case."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile

from inference.casework.case import CaseFolder
from inference.casework.custody import LOG_NAME
from inference.casework.facts import CaseFacts
from inference.casework.log import CaseRefused
from inference.casework.report import Report, make_report
from inference.models.card import Card
from inference.records import Exhibit, PartFinding, Record

logger = logging.getLogger(__name__)

_PLAIN = re.compile(r"\w([\w.-]{0,78}\w)?")
_OTHER = re.compile(r"[^\w-]+")


class Cases:
    """All cases under one folder. A caller names a case by its number, never by a path.

    Opening the folder finishes what an interrupted process left half done in a case.

    Raises:
        CaseRefused: if the folder cannot be made, or is that of one case.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            is_case = (folder / LOG_NAME).is_file()
        except FileExistsError as error:
            msg = f"{folder} cannot hold the cases, since it is a file; choose a folder."
            raise CaseRefused(msg) from error
        except OSError as error:
            raise _unusable(folder, error) from error
        if is_case:
            msg = f"{folder} is the folder of one case; choose the folder that all cases lie in."
            raise CaseRefused(msg)
        self.folder = folder.absolute()
        self._finish_interrupted()

    def require_writable(self) -> None:
        """Refuse a folder to which no case can be added, although its cases can be read.

        Raises:
            CaseRefused: if nothing can be written there.
        """
        try:
            TemporaryFile(dir=self.folder).close()
        except OSError as error:
            raise _unusable(self.folder, error) from error

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers of all cases, the last written first."""
        found = self._found()
        return tuple(sorted(found, key=lambda number: found[number].log.stat().st_mtime, reverse=True))

    @property
    def refusals(self) -> tuple[str, ...]:
        """A sentence for each folder whose log names no case."""
        return tuple(sentence for case in self._logged() if (sentence := _refusal(case)))

    def case(self, number: str | None) -> CaseFolder:
        """The case with a number.

        Raises:
            CaseRefused: if there is none.
        """
        if number not in (found := self._found()):
            msg = f"There is no case {number}; choose one from the list." if number else "Choose a case first."
            raise CaseRefused(msg)
        return found[number]

    def open(self, number: str, time: datetime) -> CaseFolder:
        """The case with a number; a new case is begun. See `CaseFolder.open`."""
        found = self._found()
        path = found[number].path if number in found else self.folder / _folder_name(number)
        return CaseFolder.open(path, number, time)

    def _finish_interrupted(self) -> None:
        for case in self._found().values():
            try:
                case.finish_interrupted()
            except CaseRefused as refusal:
                logger.warning("%s", refusal)  # a write to it is refused; it can still be read

    def _found(self) -> dict[str, CaseFolder]:
        return {case.number: case for case in self._logged() if not _refusal(case)}

    def _logged(self) -> list[CaseFolder]:
        return [CaseFolder(log.parent) for log in sorted(self.folder.glob(f"*/{LOG_NAME}"))]


def add_to_case(
    case: CaseFolder,
    exhibits: Sequence[Exhibit],
    records: Sequence[Record],
    time: datetime,
    parts: Sequence[PartFinding] = (),
) -> None:
    """Keep what was examined, and log the examinations.

    Args:
        case: The case.
        exhibits: What was handed in.
        records: The examinations.
        time: When, with its time zone.
        parts: The part findings of several photos of one part.

    Raises:
        CaseRefused: if an existing copy was changed, or the folder cannot be written.
    """
    for exhibit in exhibits:
        case.add_exhibit(exhibit, time)
    for record in records:
        case.add_examination(record, time)
    for part in parts:
        case.add_part(part, time)


def issue_report(
    case: CaseFolder,
    facts: CaseFacts,
    records: Sequence[Record],
    cards: Mapping[str, Card],
    made: datetime,
    parts: Sequence[PartFinding] = (),
) -> Report:
    """Make a report on examinations of a case, and issue it there; see `make_report`.

    Raises:
        CaseRefused: if the folder cannot be written.
    """
    report = make_report(facts, records, cards, made, case.head, parts)
    case.add_report(report.id, report.run_id, report.pdf, report.json, made)
    return report


def _unusable(folder: Path, error: OSError) -> CaseRefused:
    return CaseRefused(f"{folder} cannot hold the cases ({error.strerror}); choose another folder.")


def _refusal(case: CaseFolder) -> str:
    """Why a folder with a log is not a case; empty for a case."""
    try:
        _ = case.number
    except CaseRefused as refusal:
        return str(refusal)
    return ""


def _folder_name(number: str) -> str:
    """The folder name of a case: its number, or the characters of it that a folder can have and a unique hash."""
    if _PLAIN.fullmatch(number):
        return number
    legible = _OTHER.sub("-", number).strip("-")[:60]
    return f"{legible}-{hashlib.sha256(number.encode()).hexdigest()[:8]}".lstrip("-")
