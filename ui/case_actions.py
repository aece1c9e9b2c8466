"""What the tab of the cases does: for the page, and for clients of the API."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from inference.bench import Bench
from inference.casework.case import CaseFolder, NoteKind
from inference.casework.custody import Custody, check_case, files_of
from inference.casework.lines import Line
from inference.casework.log import CaseRefused, Entry
from inference.casework.verification import case_lines, reopened, verify_reports
from inference.places import REGISTER
from inference.records import Comparison, as_json
from ui.answers import answer_api
from ui.cases_in_use import CasesInUse
from ui.markup import render
from ui.report_desk import Examined
from ui.verdict_card import comparison_page, examined_page, refusal_card, waiting_card


class Case:
    """The actions of the tab. A client names a case by its number and a file by its listed name."""

    def __init__(self, bench: Bench, in_use: CasesInUse, register: str = REGISTER) -> None:
        self._bench = bench
        self._in_use = in_use
        self._register = register

    def use_folder(self, named: str) -> str:
        """Use another folder of cases from now on; gives a sentence on it.

        Raises:
            Refusal: if it cannot hold cases.
        """
        return _done(f"Cases are kept in {self._in_use.choose(named).folder}.")

    def where_cases_lie(self) -> str:
        """A sentence on the folder in use, and what its field takes."""
        takes = "path on this machine, such as ~/cases. It is made where there is none."
        folder = self._in_use.folder
        return f"Cases are kept in {folder}. To use another folder, give a {takes}" if folder else f"A {takes}"

    def acted(self, does: Callable[..., str], folder: Path | None, number: str | None, *inputs: Any) -> str:
        """What an action on a case says, if the folder that the page lists is still the one in use.

        Two folders can hold a case of the same number: what was meant for one is not done to the other.

        Raises:
            Refusal: if another folder was chosen in another page since, or the action is refused.
        """
        if folder != self._in_use.folder:
            msg = f"The case folder is {self._in_use.folder} now; look at its cases, then do it again."
            raise CaseRefused(msg)
        return does(number, *inputs)

    def page(self, number: str | None) -> str:
        """The page of a case: its content, and its log in words.

        Raises:
            Refusal: if there is no such case.
        """
        if not number:
            return self._no_case()
        case = self._in_use.opened.case(number)
        return render("case.html", case=case, kept={file.name for file in case.files}, **_by_event(case.entries()))

    def verify(self, number: str | None) -> Iterator[str]:
        """The growing page of a verification: log and files, then each report, made again.

        Raises:
            Refusal: if there is no such case.
        """
        case = self._in_use.opened.case(number)
        waiting = list(case.reports)
        yield render("verification.html", case=case, lines=None, checked=[], waiting=waiting)
        lines = case_lines(check_case(case.path))
        checked: list[dict[str, Any]] = []
        yield render("verification.html", case=case, lines=lines, checked=checked, waiting=waiting)
        for report, found in self._verified(case):
            waiting = [other for other in waiting if other != report]
            checked.append({"report": report, "lines": found})
            yield render("verification.html", case=case, lines=lines, checked=checked, waiting=waiting)

    def sign_off(self, number: str | None, report: str | None, reviewer: str, remark: str) -> str:
        """Log that a person has reviewed a report; gives a sentence on it.

        Raises:
            Refusal: if there is no such case or report, or nobody signs.
        """
        case = self._in_use.opened.case(number)
        case.sign_off(report or "", reviewer.strip(), remark.strip(), datetime.now().astimezone())
        return _done(f"{report} is signed off by {reviewer.strip()}, line {case.head.sequence} of the log.")

    def note(self, number: str | None, kind: NoteKind, exhibit: str | None, by: str, text: str) -> str:
        """Log a remark or a person's own conclusion; gives a sentence on it.

        Raises:
            Refusal: if there is no such case or exhibit, or a text is missing.
        """
        case = self._in_use.opened.case(number)
        case.note(kind, by.strip(), text.strip(), exhibit or None, datetime.now().astimezone())
        return _done(f"The {kind} of {by.strip()} is line {case.head.sequence} of the log.")

    def exported(self, number: str | None) -> str:
        """The path of a ZIP of a case, for the page to hand out.

        Raises:
            Refusal: if there is no such case, or it cannot be written.
        """
        case = self._in_use.opened.case(number)
        folder = Path(get_upload_folder())
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as made:
            packed = Path(made) / f"{case.path.name}.zip"
            case.export(packed)
            return save_file_to_cache(packed, str(folder))

    def exhibits(self, number: str | None) -> list[tuple[str, str]]:
        """What a note can be on: the case as a whole, and each of its exhibits by SHA-256."""
        held = self._in_use.opened.case(number).exhibits if number else ()
        return [("The case as a whole", ""), *((f"{name}, {digest[:8]}…", digest) for digest, _, name in held)]

    def opened(self, number: str | None, line: str | None) -> Examined:
        """The examination in a line of the log, made again.

        Raises:
            Refusal: if there is none, or it cannot be made again.
        """
        case = self._in_use.opened.case(number)
        found = [entry for entry in case.entries("examination") if str(entry.sequence) == line]
        if not found:
            msg = f"Line {line} of the log states no examination; choose one from the list."
            raise CaseRefused(msg)
        record = reopened(case, found[0].content, self._bench)
        exhibits = record.exhibits if isinstance(record, Comparison) else (record.exhibit,)
        page = comparison_page(record) if isinstance(record, Comparison) else examined_page(record)
        return Examined(page, [record], exhibits, self._bench.cards(record))

    def nothing_opened(self, *_: str | None) -> str:
        """What stands in the place of an examination before one is opened: nothing."""
        return ""

    def delete(self, number: str | None, typed: str, by: str, reason: str) -> str:
        """Remove all pictures and reports of a case; gives a sentence on it.

        Raises:
            Refusal: if there is no such case, its number was not typed, the name or the reason is missing, or there is
                nothing to remove.
        """
        case = self._in_use.opened.case(number)
        if typed.strip() != number:
            msg = f"Nothing is deleted: to confirm, type the number of the case, {number}."
            raise CaseRefused(msg)
        removed = case.delete(by.strip(), reason.strip(), datetime.now().astimezone())
        return _done(
            f"{len(removed)} files of case {number} are deleted; line {case.head.sequence} of the log lists them. "
            "Pictures handed in since Assay was started stay in its temporary folder for a day or until it is stopped."
        )

    def file(self, number: str | None, name: str | None) -> Path:
        """The path of a file of a case; `name` as `files` lists it.

        Raises:
            Refusal: if the case has no such file.
        """
        case = self._in_use.opened.case(number)
        found = {_name(case, file): file for file in (case.log, *case.files)}
        if name not in found:
            msg = f"Case {number} has no file {name}; choose one from the list."
            raise CaseRefused(msg)
        return found[name]

    def files(self, number: str | None) -> list[tuple[str, str]]:
        """The files of a case for download, in words and by name: reports, exhibits, the log."""
        if not number:
            return []
        case = self._in_use.opened.case(number)
        entries = case.entries()
        kept = Custody.of(entries).kept
        called = {path: entry.content.get("name", Path(path).name) for entry in entries for path in files_of(entry)}
        listed = []
        for name in sorted((_name(case, file) for file in case.files), reverse=True):  # reports before exhibits
            kind = " (exhibit)" if name.startswith("exhibits/") else ""
            words = f"{called.get(name, Path(name).name)}{kind}"
            listed.append((words if name in kept else f"{words}, which the log does not state", name))
        return [*listed, ("The log (log.jsonl)", _name(case, case.log))]

    def reports(self, number: str | None) -> tuple[str, ...]:
        """Ids of the reports that were issued in a case."""
        return self._in_use.opened.case(number).reports if number else ()

    def numbers(self) -> tuple[str, ...]:
        """The numbers of all cases, the last written first; none without a folder."""
        return self._in_use.cases.numbers if self._in_use.cases else ()

    def list_cases(self) -> list[str]:
        """List the numbers of all cases, the last written first."""
        return answer_api(lambda: list(self._in_use.opened.numbers))

    def read_log(self, case_number: str) -> list[dict[str, Any]]:
        """Return the log of a case, one entry for each line.

        Args:
            case_number: The number of the case.
        """
        return answer_api(lambda: [as_json(entry) for entry in self._in_use.opened.case(case_number).entries()])

    def verify_case(self, case_number: str) -> dict[str, Any]:
        """Verify a case: its log, its files, and each of its reports; return the lines that agree and differ.

        Args:
            case_number: The number of the case.
        """
        return answer_api(self._verified_case, case_number)

    def _verified_case(self, number: str) -> dict[str, Any]:
        case = self._in_use.opened.case(number)
        check = check_case(case.path)
        return {
            "log": as_json(check.log),
            "files": as_json(check.files),
            "limit": check.limit,
            "reports": {report: as_json(lines) for report, lines in self._verified(case)},
        }

    def _verified(self, case: CaseFolder) -> Iterator[tuple[str, list[Line]]]:
        return verify_reports(case, self._bench, register=self._register)

    def _no_case(self) -> str:
        cases = self._in_use.cases
        if cases is None:
            sentence = (
                "Nothing is kept, and a report is two files to save. To keep cases, name a folder for them and press "
                "Use this folder. Each case gets a folder of its own there, with its exhibits, reports and log."
            )
            return waiting_card("No case folder", sentence)
        cards = [refusal_card(sentence, "No case") for sentence in cases.refusals]
        if cases.numbers:
            cards.append(waiting_card("Choose a case", "Its exhibits, reports and log are shown here."))
        else:
            sentence = f"Examine something and add it to a case; cases are kept in {cases.folder}."
            cards.append(waiting_card("No case yet", sentence))
        return "".join(cards)


def _by_event(entries: tuple[Entry, ...]) -> dict[str, Any]:
    """The entries for the page: all of them, and those of its tables."""
    reviews: dict[str, list[Entry]] = {}
    notes: dict[str, list[Entry]] = {}
    examined: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.event == "review":
            reviews.setdefault(str(entry.content.get("report")), []).append(entry)
        elif entry.event in get_args(NoteKind):
            notes.setdefault(str(entry.content.get("exhibit") or ""), []).append(entry)
        elif entry.event == "examination":
            for digest in _exhibits_of(entry):
                examined.setdefault(digest, []).append(entry)
    return {
        "entries": entries,
        "exhibits": [entry for entry in entries if entry.event == "exhibit added"],
        "reports": [entry for entry in entries if entry.event == "report issued"],
        "reviews": reviews,
        "notes": notes,
        "examined": examined,
    }


def _exhibits_of(entry: Entry) -> list[str]:
    """SHA-256 of each exhibit of an examination."""
    record = entry.content["record"]
    return [exhibit["sha256"] for exhibit in record.get("exhibits") or [record["exhibit"]]]


def _name(case: CaseFolder, file: Path) -> str:
    return file.relative_to(case.path).as_posix()


def _done(sentence: str) -> str:
    return render("done.html", sentence=sentence)
