"""The tab of the cases: the content of a case, its verification, notes and sign-offs, and its deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, get_args

import gradio as gr
from gradio.events import Dependency
from gradio.processing_utils import save_file_to_cache

from inference.bench import Bench
from inference.casework.case import NoteKind
from inference.casework.cases import Cases
from inference.casework.log import CaseRefused
from ui.answers import QUEUE, answer, api_endpoint
from ui.case_actions import Case
from ui.examination import Examination
from ui.markup import render
from ui.report_desk import ReportDesk
from ui.report_form import ReportForm
from ui.verdict_card import refusal_card

# Runs in the browser: the line whose button was pressed becomes the value of a hidden field.
_CHOICE = """element.addEventListener("click", event => {
    const button = event.target.closest("button[data-line]");
    if (button) trigger("select", {line: button.dataset.line});
});"""
_TO_OPENED = """() => document.querySelector("#case-opened").scrollIntoView({behavior: "smooth"})"""


def case_tab(bench: Bench, desk: ReportDesk, cases: Cases, register: str, tab: gr.Tab) -> ReportForm:
    """Lay out the tab inside a `gr.Blocks`; gives the form for a report on an examination that is opened again."""
    acts = Case(bench, cases, register)
    with gr.Row(equal_height=False, elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="inputs"):
            number = gr.Dropdown(list(acts.numbers()), value=None, label="Case", elem_id="case-number")
            file = gr.Dropdown([], label="Reports, exhibits and the log", elem_id="case-file")
            download = gr.DownloadButton("Download", interactive=False, size="md", elem_id="case-download")
            export = gr.Button("Pack the case (ZIP)", elem_id="case-export")
            packed = gr.DownloadButton("Save the ZIP", visible=False, size="md", elem_id="case-packed")
            verify = gr.Button("Verify this case", variant="primary", elem_id="case-verify")
            with gr.Accordion("Sign off a report", open=False):
                report = gr.Dropdown([], label="Report", elem_id="sign-report")
                reviewer = gr.Textbox(label="Reviewer (required)", elem_id="sign-reviewer")
                remark = gr.Textbox(label="Remark (required)", lines=2, max_lines=6, elem_id="sign-remark")
                sign = gr.Button("Sign off", elem_id="sign-off")
            with gr.Accordion("Add a remark or your conclusion", open=False):
                kind = gr.Radio([*get_args(NoteKind)], value="remark", label="What it is", elem_id="note-kind")
                on_exhibit = gr.Dropdown([("The case as a whole", "")], value="", label="On", elem_id="note-exhibit")
                noted_by = gr.Textbox(label="Your name (required)", elem_id="note-by")
                note = gr.Textbox(
                    label="Text (required)",
                    info="A conclusion is your own: it stands in the log apart from what the models found.",
                    lines=3,
                    max_lines=8,
                    elem_id="note-text",
                )
                add_note = gr.Button("Add", elem_id="note-add")
            with gr.Accordion("Delete pictures and reports", open=False):
                gr.HTML(render("deletion.html"), elem_classes="hint")
                typed = gr.Textbox(label="Type the number of the case to confirm (required)", elem_id="delete-number")
                by = gr.Textbox(label="Your name (required)", elem_id="delete-by")
                reason = gr.Textbox(label="Reason (required)", elem_id="delete-reason")
                delete = gr.Button("Delete pictures and reports", variant="stop", elem_id="delete-case")
        with gr.Column(scale=7, min_width=320):
            done = gr.HTML("", elem_id="case-done", elem_classes="result-area")
            verified = gr.HTML("", elem_id="case-verified", elem_classes="result-area")
            opened = gr.HTML("", elem_id="case-opened", elem_classes="result-area")
            form = ReportForm(desk, "case")
            shown = gr.HTML(acts.page(None), js_on_load=_CHOICE, elem_id="case", elem_classes="result-area")
    line = gr.Textbox("", visible="hidden", label="Line of the shown examination")
    examination = Examination(acts.nothing_opened, [number, line], opened, form)
    examination.on_shown()
    examination.on_filled(shown.select, acts.opened, _chosen, [], [line])
    shown.select(None, js=_TO_OPENED)

    chosen = [shown, file, report, download, on_exhibit, packed]

    def choose(case_number: str | None) -> list[Any]:
        known = case_number if case_number in acts.numbers() else None
        return [
            answer(acts.page, known, refused="Not shown"),
            gr.Dropdown(choices=acts.files(known), value=None),
            gr.Dropdown(choices=list(acts.reports(known)), value=None),
            gr.DownloadButton(value=None, interactive=False),
            gr.Dropdown(choices=acts.exhibits(known), value=""),
            gr.DownloadButton(value=None, visible=False),
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

    def pack(case_number: str | None) -> list[Any]:
        try:
            return ["", gr.DownloadButton(value=acts.exported(case_number), visible=True)]
        except CaseRefused as refusal:
            return [refusal_card(str(refusal), "Not packed"), gr.skip()]

    on(export.click, pack, [number], [done, packed])
    on(add_note.click, act(acts.note), [number, kind, on_exhibit, noted_by, note], [done, verified, *chosen])
    examination.on_change(number.input)
    on(number.input, lambda chosen_number: ["", "", *choose(chosen_number)], [number], [done, verified, *chosen])
    on(file.input, fetch, [number, file], [download])
    on(verify.click, verifying, [number], [verified])
    on(sign.click, act(acts.sign_off), [number, report, reviewer, remark], [done, verified, *chosen])
    on(delete.click, act(acts.delete), [number, typed, by, reason], [done, verified, *chosen])
    api_endpoint(acts.list_cases, "cases", [])
    for endpoint, name in ((acts.read_log, "case_log"), (acts.verify_case, "verify_case")):
        api_endpoint(endpoint, name, [gr.Textbox(render=False, label="case_number")])
    return form


def _chosen(event: gr.EventData) -> str:
    """The line whose button was pressed."""
    return str(event.line)
