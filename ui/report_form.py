"""The form under a result, where an examiner states the case and makes the report."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.utils import get_upload_folder

from inference.casework.facts import CaseFacts
from inference.records import Verdict
from ui.answers import QUEUE, answer, api_endpoint
from ui.markup import render
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


class ReportForm:
    """The section of a tab that makes a report; made inside a `gr.Blocks`.

    Args:
        desk: Makes the report.
        name: Prefix of its elements' ids on the page.

    Attributes:
        panel: The whole section; hidden without a result.
        key: The desk's key of the shown examination.
        issued: The report that was made on it.
    """

    def __init__(self, desk: ReportDesk, name: str) -> None:
        self.desk = desk
        self.key = gr.State(None)
        with gr.Column(visible=False, elem_id=f"{name}-report", elem_classes="report-form") as self.panel:
            gr.HTML(render("report_form.html", kept=desk.cases is not None))
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
            self._button = gr.Button(
                "Add to case and make report" if desk.cases else "Make report",
                variant="primary",
                elem_id=f"{name}-make-report",
            )
            self.issued = gr.HTML("", elem_id=f"{name}-issued")

    def on_click(self, stands: Callable[..., bool], stands_for: gr.State, inputs: Sequence[Component]) -> None:
        """Make the report when the button is pressed.

        Args:
            stands: Whether the shown result was made from given inputs: `stands(stands_for, *inputs)`.
            stands_for: The inputs it was made from.
            inputs: The present inputs.
        """
        count = len(self._fields)

        def issue(key: str | None, *values: Any) -> str:
            facts, (stated, *now) = values[:count], values[count:]
            return answer(self.page, key if stands(stated, *now) else None, *facts, refused="No report")

        self._button.click(issue, [self.key, *self._fields, stands_for, *inputs], self.issued, **QUEUE)

    def remember_with(self, other: ReportForm) -> None:
        """Fill in this form and the other alike."""
        for one, two in zip(self._fields, other._fields, strict=True):
            for source, target in ((one, two), (two, one)):
                # Through the server: a hidden field takes no value from the browser.
                source.blur(_same, source, target, queue=False, show_progress="hidden", api_visibility="private")

    def page(self, key: str | None, *facts: str | None) -> str:
        """The page of the report on the examination with that key."""
        return issued_page(self.desk.report_kept(key, stated_facts(*facts)))


def issued_page(issued: Issued) -> str:
    """The page of an issued report: its subject, where it was written, and both files to save, as HTML."""
    return render(
        "report_issued.html",
        issued=issued,
        subjects=[_subject(record) for record in issued.examined.records],
        pdf=_address("application/pdf", issued.report.pdf),
        twin=_address("application/json", issued.report.json),
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


def _subject(record: Any) -> str:
    exhibits = [record.exhibit] if isinstance(record, Verdict) else record.exhibits
    return f"{' and '.join(exhibit.name for exhibit in exhibits)}: {record.outcome}"


def _address(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
