"""From a shown result to its report: the latest examinations, and the cases they can be added to."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from inference.batches.batch import Batch
from inference.casework.case import CaseFolder
from inference.casework.cases import add_to_case, issue_report
from inference.casework.facts import CaseFacts
from inference.casework.report import Report, make_report
from inference.casework.searches import make_search_report
from inference.models.card import Card
from inference.records import Comparison, Crop, Exhibit, MarkSearch, Record, Refusal
from ui.cases_in_use import CasesInUse
from ui.pictures import original_name

Pixels = NDArray[np.uint8]
KEPT = 12
"""Number of examinations, of all sessions together, that can still be reported."""

KEPT_BYTES = 500_000_000
"""Most bytes of their pictures together; the newest examination is kept at any size."""


@dataclass
class Examined:
    """A shown examination.

    Attributes:
        page: Its page, as HTML.
        records: Its records.
        exhibits: The handed-in exhibits.
        cards: The card of each model that was used, by the model's name.
        logged_in: Folders of the cases whose logs state it.
    """

    page: str
    records: Sequence[Record]
    exhibits: Sequence[Exhibit]
    cards: Mapping[str, Card]
    logged_in: set[Path] = field(default_factory=set)


@dataclass(frozen=True)
class Issued:
    """A report that was made.

    Attributes:
        report: The report.
        facts: The facts of the case.
        made: Its time.
        subjects: What it is on, and what was found, in words.
        folder: The case's folder; None if nothing was written.
        written: The files that were written or added to, as paths inside the folder.
    """

    report: Report
    facts: CaseFacts
    made: datetime
    subjects: tuple[str, ...]
    folder: Path | None
    written: tuple[str, ...]


class ReportDesk:
    """Makes reports on exactly the examinations that the page shows, and never examines again.

    Args:
        in_use: The folder of cases that reports are issued in, as long as there is one.
    """

    def __init__(self, in_use: CasesInUse) -> None:
        self.in_use = in_use
        self._recent: OrderedDict[str, Examined] = OrderedDict()
        self._lock = Lock()

    def keep(self, examined: Examined) -> str:
        """Keep an examination; gives its key.

        It is kept while it is among the newest `KEPT` and their pictures take no more than `KEPT_BYTES`.
        """
        key = secrets.token_hex(16)
        with self._lock:
            self._recent[key] = examined
            while len(self._recent) > KEPT or (len(self._recent) > 1 and self._bytes() > KEPT_BYTES):
                self._recent.popitem(last=False)
        return key

    def _bytes(self) -> int:
        """Bytes of the kept pictures; several examinations can share one."""
        exhibits = (exhibit for examined in self._recent.values() for exhibit in examined.exhibits)
        return sum({id(exhibit): exhibit.pixels.nbytes + exhibit.size_bytes for exhibit in exhibits}.values())

    def original(self, key: str | None, asked: str) -> Pixels | None:
        """The whole picture of an examined part or mark, (h, w, 3); None if its examination is no longer kept.

        Args:
            key: The examination's key.
            asked: The name of the picture, see `original_name`.
        """
        examined = self._recent.get(key or "")
        pictures = (one for record in (examined.records if examined else ()) for one in _pictures(record))
        found = ((exhibit, crop) for exhibit, crop in pictures if original_name(exhibit, crop) == asked)
        exhibit, crop = next(found, (None, None))
        return exhibit.crop(crop) if exhibit else None

    def report_kept(self, key: str | None, facts: CaseFacts) -> Issued:
        """The report on a kept examination; see `report`.

        Raises:
            Refusal: if it is no longer kept.
        """
        examined = self._recent.get(key or "")
        if examined is None:
            msg = "The shown examination is no longer kept; examine again, then make the report."
            raise Refusal(msg)
        return self.report(examined, facts)

    def report(self, examined: Examined, facts: CaseFacts) -> Issued:
        """A report on an examination, issued in its case if there is a folder of cases.

        Raises:
            Refusal: if the case's folder cannot be used.
        """

        def issue(case: CaseFolder | None, made: datetime) -> Report:
            if case is None:
                return make_report(facts, examined.records, examined.cards, made)
            if case.path not in examined.logged_in:
                add_to_case(case, examined.exhibits, examined.records, made)
                examined.logged_in.add(case.path)
            return issue_report(case, facts, examined.records, examined.cards, made)

        return self._issued(issue, facts, map(_subject, examined.records))

    def report_batch(self, batch: Batch, facts: CaseFacts) -> Issued:
        """A report on all examinations of a batch, issued in its case if there is a folder of cases.

        Raises:
            Refusal: if nothing was examined, a photo is gone, or the case's folder cannot be used.
        """
        state = batch.state
        counted = ", ".join(f"{count:,} {outcome}" for outcome, count in state.outcomes.items())
        return self._issued(
            lambda case, made: batch.report(facts, made, case), facts, [f"{state.photos:,} photos: {counted}"]
        )

    def report_search(self, search: MarkSearch, card: Card, facts: CaseFacts) -> Issued:
        """A report on a search of the register, issued in its case if there is a folder of cases.

        Raises:
            Refusal: if the case's folder cannot be used.
        """
        subject = f"{search.exhibit.name}: {search.looked_at:,} of {search.marks:,} marks searched"
        return self._issued(lambda case, made: make_search_report(facts, search, card, made, case), facts, [subject])

    def _issued(
        self, issue: Callable[[CaseFolder | None, datetime], Report], facts: CaseFacts, subjects: Iterable[str]
    ) -> Issued:
        made = datetime.now().astimezone()
        cases = self.in_use.cases
        if cases is None:
            return Issued(issue(None, made), facts, made, tuple(subjects), None, ())
        case = cases.open(facts.case_number, made)
        before = {*case.files}
        report = issue(case, made)
        added = [file for file in case.files if file not in before]
        written = tuple(file.relative_to(case.path).as_posix() for file in (case.log, *added))
        return Issued(report, facts, made, tuple(subjects), case.path, written)


def _pictures(record: Record) -> list[tuple[Exhibit, Crop | None]]:
    """What was examined, each with its crop."""
    if isinstance(record, Comparison):
        return [*zip(record.exhibits, record.crops, strict=True)]
    return [(record.exhibit, record.crop)]


def _subject(record: Record) -> str:
    exhibits = record.exhibits if isinstance(record, Comparison) else [record.exhibit]
    return f"{' and '.join(exhibit.name for exhibit in exhibits)}: {record.outcome}"
