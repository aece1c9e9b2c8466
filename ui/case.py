"""The tab of the cases: the content of a case, its verification, its sign-offs, and its deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import Dependency
from gradio.processing_utils import save_file_to_cache

from inference.bench import Bench
from inference.casework.case import CaseFolder
from inference.casework.cases import Cases
from inference.casework.custody import Custody, check_case, files_of
from inference.casework.log import CaseRefused, Entry
from inference.casework.verification import Line, case_lines, verify_reports
from inference.records import as_json
from ui.answers import QUEUE, answer, answer_api, api_endpoint
from ui.markup import render
from ui.verdict_card import refusal_card, waiting_card


class Case:
    """The actions of the tab. A client names a case by its number and a file by its listed name."""

    def __init__(self, bench: Bench, cases: Cases) -> None:
        self._bench = bench
        self._cases = cases

    def page(self, number: str | None) -> str:
        """The page of a case: its content, and its log in words.

        Raises:
            Refusal: if there is no such case.
        """
        if not number:
            return self._no_case()
        case = self._cases.case(number)
        return render("case.html", case=case, kept={file.name for file in case.files}, **_by_event(case.entries()))

    def verify(self, number: str | None) -> Iterator[str]:
        """The growing page of a verification: log and files, then each report, made again.

        Raises:
            Refusal: if there is no such case.
        """
        case = self._cases.case(number)
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
        case = self._cases.case(number)
        case.sign_off(report or "", reviewer.strip(), remark.strip(), datetime.now().astimezone())
        return _done(f"{report} is signed off by {reviewer.strip()}, line {case.head.sequence} of the log.")

    def delete(self, number: str | None, typed: str, by: str, reason: str) -> str:
        """Remove all pictures and reports of a case; gives a sentence on it.

        Raises:
            Refusal: if there is no such case, its number was not typed, the name or the reason is missing, or there is
                nothing to remove.
        """
        case = self._cases.case(number)
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
        case = self._cases.case(number)
        found = {_name(case, file): file for file in (case.log, *case.files)}
        if name not in found:
            msg = f"Case {number} has no file {name}; choose one from the list."
            raise CaseRefused(msg)
        return found[name]

    def files(self, number: str | None) -> list[tuple[str, str]]:
        """The files of a case for download, in words and by name: reports, exhibits, the log."""
        if not number:
            return []
        case = self._cases.case(number)
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
        return self._cases.case(number).reports if number else ()

    def numbers(self) -> tuple[str, ...]:
        """The numbers of all cases, the last written first."""
        return self._cases.numbers

    def list_cases(self) -> list[str]:
        """List the numbers of all cases, the last written first."""
        return list(answer_api(self.numbers))

    def read_log(self, case_number: str) -> list[dict[str, Any]]:
        """Return the log of a case, one entry for each line.

        Args:
            case_number: The number of the case.
        """
        return answer_api(lambda: [as_json(entry) for entry in self._cases.case(case_number).entries()])

    def verify_case(self, case_number: str) -> dict[str, Any]:
        """Verify a case: its log, its files, and each of its reports; return the lines that agree and differ.

        Args:
            case_number: The number of the case.
        """
        return answer_api(self._verified_case, case_number)

    def _verified_case(self, number: str) -> dict[str, Any]:
        case = self._cases.case(number)
        check = check_case(case.path)
        return {
            "log": as_json(check.log),
            "files": as_json(check.files),
            "limit": check.limit,
            "reports": {report: as_json(lines) for report, lines in self._verified(case)},
        }

    def _verified(self, case: CaseFolder) -> Iterator[tuple[str, list[Line]]]:
        return verify_reports(case, self._bench)

    def _no_case(self) -> str:
        cards = [refusal_card(sentence, "No case") for sentence in self._cases.refusals]
        if self._cases.numbers:
            cards.append(waiting_card("Choose a case", "Its exhibits, reports and log are shown here."))
        else:
            sentence = f"Examine something and add it to a case; cases are kept in {self._cases.folder}."
            cards.append(waiting_card("No case yet", sentence))
        return "".join(cards)


def case_tab(bench: Bench, cases: Cases, tab: gr.Tab) -> None:
    """Lay out the tab inside a `gr.Blocks`."""
    acts = Case(bench, cases)
    with gr.Row(equal_height=False, elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="inputs"):
            number = gr.Dropdown(list(acts.numbers()), value=None, label="Case", elem_id="case-number")
            file = gr.Dropdown([], label="Reports, exhibits and the log", elem_id="case-file")
            download = gr.DownloadButton("Download", interactive=False, size="md", elem_id="case-download")
            verify = gr.Button("Verify this case", variant="primary", elem_id="case-verify")
            with gr.Accordion("Sign off a report", open=False):
                report = gr.Dropdown([], label="Report", elem_id="sign-report")
                reviewer = gr.Textbox(label="Reviewer (required)", elem_id="sign-reviewer")
                remark = gr.Textbox(label="Remark (required)", lines=2, max_lines=6, elem_id="sign-remark")
                sign = gr.Button("Sign off", elem_id="sign-off")
            with gr.Accordion("Delete pictures and reports", open=False):
                gr.HTML(render("deletion.html"), elem_classes="hint")
                typed = gr.Textbox(label="Type the number of the case to confirm (required)", elem_id="delete-number")
                by = gr.Textbox(label="Your name (required)", elem_id="delete-by")
                reason = gr.Textbox(label="Reason (required)", elem_id="delete-reason")
                delete = gr.Button("Delete pictures and reports", variant="stop", elem_id="delete-case")
        with gr.Column(scale=7, min_width=320):
            done = gr.HTML("", elem_id="case-done", elem_classes="result-area")
            verified = gr.HTML("", elem_id="case-verified", elem_classes="result-area")
            shown = gr.HTML(acts.page(None), elem_id="case", elem_classes="result-area")

    chosen = [shown, file, report, download]

    def choose(case_number: str | None) -> list[Any]:
        known = case_number if case_number in acts.numbers() else None
        return [
            answer(acts.page, known, refused="Not shown"),
            gr.Dropdown(choices=acts.files(known), value=None),
            gr.Dropdown(choices=list(acts.reports(known)), value=None),
            gr.DownloadButton(value=None, interactive=False),
        ]

    def look_again(case_number: str | None) -> list[Any]:
        numbers = list(acts.numbers())
        known = case_number if case_number in numbers else None
        return [gr.Dropdown(choices=numbers, value=known), *choose(known)]

    def fetch(case_number: str | None, name: str | None) -> Any:
        try:
            path = acts.file(case_number, name)
        except CaseRefused as refusal:
            raise gr.Error(str(refusal), print_exception=False) from refusal
        return gr.DownloadButton(value=save_file_to_cache(path, download.GRADIO_CACHE), interactive=True)

    def verifying(case_number: str | None) -> Iterator[str]:
        pages = acts.verify(case_number)
        while (page := answer(next, pages, None, refused="Not verified")) is not None:
            yield page

    def act(does: Callable[..., str]) -> Callable[..., list[Any]]:
        """An action on a case, after which the case is shown again."""
        return lambda case_number, *said: [
            answer(does, case_number, *said, refused="Nothing done"),
            "",
            *choose(case_number),
        ]

    def on(event: Callable[..., Dependency], does: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
        event(does, inputs, outputs, **QUEUE)

    on(tab.select, look_again, [number], [number, *chosen])
    on(number.input, lambda chosen_number: ["", "", *choose(chosen_number)], [number], [done, verified, *chosen])
    on(file.input, fetch, [number, file], [download])
    on(verify.click, verifying, [number], [verified])
    on(sign.click, act(acts.sign_off), [number, report, reviewer, remark], [done, verified, *chosen])
    on(delete.click, act(acts.delete), [number, typed, by, reason], [done, verified, *chosen])
    api_endpoint(acts.list_cases, "cases", [])
    for endpoint, name in ((acts.read_log, "case_log"), (acts.verify_case, "verify_case")):
        api_endpoint(endpoint, name, [gr.Textbox(render=False, label="case_number")])


def _by_event(entries: tuple[Entry, ...]) -> dict[str, Any]:
    """The entries for the page: all of them, and those of its tables."""
    reviews: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.event == "review":
            reviews.setdefault(str(entry.content.get("report")), []).append(entry)
    return {
        "entries": entries,
        "exhibits": [entry for entry in entries if entry.event == "exhibit added"],
        "reports": [entry for entry in entries if entry.event == "report issued"],
        "reviews": reviews,
    }


def _name(case: CaseFolder, file: Path) -> str:
    return file.relative_to(case.path).as_posix()


def _done(sentence: str) -> str:
    return render("done.html", sentence=sentence)
