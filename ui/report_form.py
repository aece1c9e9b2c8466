"""Where an examiner states the case and has the report made, under the verdict it is made of."""

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
    "request": "Request: what was asked, by whom",
    "remarks": "Remarks",
    "reviewer": "Reviewer: who is to review it",
}
_LONG = ("request", "remarks")


class ReportForm:
    """The part of a tab where a report is made; made inside a `gr.Blocks`.

    Args:
        desk: Makes the report.
        name: Distinguishes its elements on the page.

    Attributes:
        panel: All of it; hidden while there is no verdict.
        key: What the desk knows the examination on show by.
        issued: The report that was made of it.
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
            stands: Whether the result on show stands for given inputs: `stands(stands_for, *inputs)`.
            stands_for: What it was made from.
            inputs: What it would be made from now.
        """
        count = len(self._fields)

        def issue(key: str | None, *values: Any) -> str:
            facts, (stated, *now) = values[:count], values[count:]
            return answer(self.page, key if stands(stated, *now) else None, *facts, refused="No report")

        self._button.click(issue, [self.key, *self._fields, stands_for, *inputs], self.issued, **QUEUE)

    def remember_with(self, other: ReportForm) -> None:
        """What is filled in on one form stands on the other."""
        for one, two in zip(self._fields, other._fields, strict=True):
            for source, target in ((one, two), (two, one)):
                # By way of the server: a field that is not on show takes nothing from the browser.
                source.blur(_same, source, target, queue=False, show_progress="hidden", api_visibility="private")

    def page(self, key: str | None, *facts: str | None) -> str:
        """The report on the examination that the desk knows by `key`, as a page."""
        return issued_page(self.desk.report_kept(key, stated_facts(*facts)))


def issued_page(issued: Issued) -> str:
    """What was reported, where it was written, and both files to save, as HTML."""
    return render(
        "report_issued.html",
        issued=issued,
        subjects=[_subject(record) for record in issued.examined.records],
        pdf=_address("application/pdf", issued.report.pdf),
        twin=_address("application/json", issued.report.json),
    )


def issued_files(issued: Issued) -> tuple[dict[str, Any], str, str]:
    """What an endpoint answers with: the report's ids and what was written, its PDF, and its JSON twin."""
    report = issued.report
    pdf, twin = (
        served_file(data, f"{report.id}{ending}", get_upload_folder())
        for data, ending in ((report.pdf, ".pdf"), (report.json, ".json"))
    )
    return {"report": report.id, "run_id": report.run_id, "written": list(issued.written)}, pdf, twin


def report_endpoint(report: Callable[..., Any], name: str, inputs: Sequence[Component]) -> None:
    """An endpoint that examines `inputs` and reports in one call; the facts of the case come after them."""
    facts = [gr.Textbox("", render=False, label=field.name) for field in fields(CaseFacts)]
    api_endpoint(report, name, [*inputs, *facts], [gr.File(render=False, label=label) for label in ("pdf", "json")])


def stated_facts(*texts: str | None) -> CaseFacts:
    """The facts of a case from what was filled in, in the order of `CaseFacts`.

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
