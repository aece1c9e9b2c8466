"""The form under a result, where an examiner states the case and makes the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency
from gradio.utils import get_upload_folder

from inference.casework.facts import CaseFacts
from ui.answers import AT_ONCE, QUEUE, answer, api_endpoint
from ui.markup import data_address, render
from ui.report_desk import Issued, ReportDesk
from ui.served_files import served_file

_LABELS = {
    "case_number": "Case number (required)",
    "examiner": "Examiner (required)",
    "item": "Item: what was handed in",
    "laboratory": "Laboratory: name and address",
    "request": "Request: what was asked, and by whom",
    "remarks": "Remarks",
    "reviewer": "Reviewer: who is to review it",
}
_LONG = ("request", "remarks")
Events = Sequence[Callable[..., Dependency]]


class ReportForm:
    """The section of a tab that makes a report; made inside a `gr.Blocks`.

    Args:
        desk: Makes the report.
        name: Prefix of its elements' ids on the page.
        title: Its heading.
        subject: What the report states, in words.

    Attributes:
        panel: The whole section; hidden without a result.
        issued: The report that was made on it.
        told: What tells whether the report goes into a case; see `tells`.
    """

    def __init__(self, desk: ReportDesk, name: str, title: str = "Report", subject: str = "the result above") -> None:
        self.desk = desk
        self._title, self._subject = title, subject
        head, act = self.tells()
        with gr.Column(visible=False, elem_id=f"{name}-report", elem_classes="report-form") as self.panel:
            words = gr.HTML(head)
            with gr.Row(elem_classes="report-fields"):
                self._fields = [
                    gr.Textbox(
                        label=label,
                        lines=3 if field in _LONG else 1,
                        max_lines=8 if field in _LONG else 1,
                        min_width=220,
                        elem_id=f"{name}-{field.replace('_', '-')}",
                    )
                    for field, label in _LABELS.items()
                ]
            self._button = gr.Button(act, variant="primary", elem_id=f"{name}-make-report")
            self.issued = gr.HTML("", elem_id=f"{name}-issued")
        self.told = (words, self._button)

    def tells(self) -> tuple[str, str]:
        """The head of the form, as HTML, and the words of its button, as they are with the present case folder."""
        in_use = self.desk.in_use
        head = render("report_form.html", title=self._title, subject=self._subject, in_use=in_use)
        return head, "Add to case and make report" if in_use.cases else "Make report"

    def on_click(self, report: Callable[..., Issued], inputs: Sequence[Component]) -> None:
        """Make the report when the button is pressed.

        Args:
            report: Makes it from the facts of the case and the present inputs.
            inputs: The components of these.
        """
        count = len(self._fields)

        def issue(*values: Any) -> str:
            def page() -> str:
                return issued_page(report(stated_facts(*values[:count]), *values[count:]))

            return answer(page, refused="No report")

        self._button.click(issue, [*self._fields, *inputs], self.issued, **QUEUE)

    def remember_with(self, other: ReportForm) -> None:
        """Fill in this form and the other alike."""
        for one, two in zip(self._fields, other._fields, strict=True):
            for source, target in ((one, two), (two, one)):
                # Through the server: a hidden field takes no value from the browser.
                source.blur(_same, source, target, **AT_ONCE)


def tell_of_cases(forms: Sequence[ReportForm], events: Events) -> None:
    """At these events, tell in each form anew whether its report goes into a case: a folder may be chosen meanwhile."""

    def told() -> list[str]:
        return [words for form in forms for words in form.tells()]

    for event in events:
        event(told, None, [component for form in forms for component in form.told], **AT_ONCE)


def issued_page(issued: Issued) -> str:
    """The page of an issued report: its subject, where it was written, and both files to save, as HTML."""
    return render(
        "report_issued.html",
        issued=issued,
        subjects=issued.subjects,
        pdf=data_address("application/pdf", issued.report.pdf),
        twin=data_address("application/json", issued.report.json),
    )


def issued_files(issued: Issued) -> tuple[dict[str, Any], str, str]:
    """The answer of an endpoint: the report's ids and the written files, its PDF, and its JSON twin."""
    report = issued.report
    pdf, twin = (
        served_file(data, f"{report.id}{ending}", get_upload_folder())
        for data, ending in ((report.pdf, ".pdf"), (report.json, ".json"))
    )
    return {"report": report.id, "run_id": report.run_id, "written": list(issued.written)}, pdf, twin


def report_endpoint(report: Callable[..., Any], name: str, inputs: Sequence[Component]) -> None:
    """Add an endpoint that examines `inputs` and reports in one call; the facts of the case follow them."""
    facts = [gr.Textbox("", render=False, label=field.name) for field in fields(CaseFacts)]
    api_endpoint(report, name, [*inputs, *facts], [gr.File(render=False, label=label) for label in ("pdf", "json")])


def stated_facts(*texts: str | None) -> CaseFacts:
    """The facts of a case from the filled-in texts, in the order of `CaseFacts`.

    Raises:
        Refusal: if a text is missing, too long or cannot be printed.
    """
    return CaseFacts(*((text or "").strip() for text in texts))


def _same(text: str) -> str:
    return text
