"""From a verdict on show to its report: what was examined lately, and the cases it can be added to."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock

from inference.casework.cases import Cases, add_to_case, issue_report
from inference.casework.facts import CaseFacts
from inference.casework.report import Report, make_report
from inference.models.card import Card
from inference.records import Comparison, Exhibit, Refusal, Verdict

KEPT = 12
"""How many examinations of all sessions together can still be reported."""

KEPT_BYTES = 500_000_000
"""How much memory the pictures of these may take together; the newest examination is kept at any size."""


@dataclass
class Examined:
    """An examination on show.

    Attributes:
        page: All of it, as HTML.
        records: What was found.
        exhibits: What was handed in.
        cards: The card of each model that was used, by the model's name.
        logged_in: Numbers of the cases whose logs state it.
    """

    page: str
    records: Sequence[Verdict | Comparison]
    exhibits: Sequence[Exhibit]
    cards: Mapping[str, Card]
    logged_in: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Issued:
    """A report that was made.

    Attributes:
        report: The report.
        facts: What it says of the case.
        made: When.
        examined: What it is on.
        folder: The case's folder; None where nothing was written.
        written: What was written or added to, as paths inside the folder.
    """

    report: Report
    facts: CaseFacts
    made: datetime
    examined: Examined
    folder: Path | None
    written: tuple[str, ...]


class ReportDesk:
    """Makes reports of the very examinations that the page shows, never of a second one.

    Args:
        cases: Where cases lie; None where nothing may be written.
    """

    def __init__(self, cases: Cases | None) -> None:
        self.cases = cases
        self._recent: OrderedDict[str, Examined] = OrderedDict()
        self._lock = Lock()

    def keep(self, examined: Examined) -> str:
        """Have an examination at hand; gives the key that it is found by.

        It is at hand while it is among the newest `KEPT`, and the pictures of these take no more than `KEPT_BYTES`.
        """
        key = secrets.token_hex(16)
        with self._lock:
            self._recent[key] = examined
            while len(self._recent) > KEPT or (len(self._recent) > 1 and self._bytes() > KEPT_BYTES):
                self._recent.popitem(last=False)
        return key

    def _bytes(self) -> int:
        """Memory of the pictures at hand; several examinations can be of one."""
        exhibits = (exhibit for examined in self._recent.values() for exhibit in examined.exhibits)
        return sum({id(exhibit): exhibit.pixels.nbytes + exhibit.size_bytes for exhibit in exhibits}.values())

    def report_kept(self, key: str | None, facts: CaseFacts) -> Issued:
        """The report on an examination at hand; see `report`.

        Raises:
            Refusal: if it is no longer at hand.
        """
        examined = self._recent.get(key or "")
        if examined is None:
            msg = "The examination on show is no longer at hand; examine once more, then make the report."
            raise Refusal(msg)
        return self.report(examined, facts)

    def report(self, examined: Examined, facts: CaseFacts) -> Issued:
        """A report on an examination, issued in its case where there is a folder of cases.

        Raises:
            Refusal: if the case's folder cannot be used.
        """
        made = datetime.now().astimezone()
        if self.cases is None:
            return Issued(make_report(facts, examined.records, examined.cards, made), facts, made, examined, None, ())
        case = self.cases.open(facts.case_number, made)
        before = {*case.files}
        if facts.case_number not in examined.logged_in:
            add_to_case(case, examined.exhibits, examined.records, made)
            examined.logged_in.add(facts.case_number)
        report = issue_report(case, facts, examined.records, examined.cards, made)
        added = [file for file in case.files if file not in before]
        written = tuple(file.relative_to(case.path).as_posix() for file in (case.log, *added))
        return Issued(report, facts, made, examined, case.path, written)
