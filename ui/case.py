"""The tab of the cases: the content of a case, its verification, notes and sign-offs, and its deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import gradio as gr
from gradio.events import Dependency
from gradio.processing_utils import save_file_to_cache

from inference.bench import Bench
from inference.casework.case import NoteKind
from inference.casework.log import CaseRefused
from ui.answers import AT_ONCE, QUEUE, answer, api_endpoint
from ui.case_actions import Case
from ui.cases_in_use import CasesInUse
from ui.examination import Examination
from ui.markup import render
from ui.report_desk import ReportDesk
from ui.report_form import ReportForm, tell_of_cases
from ui.verdict_card import refusal_card

# Runs in the browser: the line whose button was pressed becomes the value of a hidden field.
_CHOICE = """element.addEventListener("click", event => {
    const button = event.target.closest("button[data-line]");
    if (button) trigger("select", {line: button.dataset.line});
});"""
_TO_OPENED = """() => document.querySelector("#case-opened").scrollIntoView({behavior: "smooth"})"""


def case_tab(bench: Bench, desk: ReportDesk, in_use: CasesInUse, register: str, shown_on: Sequence[Any]) -> ReportForm:
    """Lay out the tab inside a `gr.Blocks`; gives the form for a report on an examination that is opened again.

    Args:
        bench: The models and collections.
        desk: Makes the report.
        in_use: The folder of the cases, which can be chosen here.
        register: Folder or address of the register of marks, which a verification searches again.
        shown_on: The events on which the tab is shown, when the cases are looked at again.
    """
    acts = Case(bench, in_use, register)
    with gr.Row(equal_height=False, elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="inputs"):
            with gr.Accordion(
                "Case folder", open=in_use.cases is None, visible=in_use.choosable, elem_id="case-folder"
            ) as section:
                path = gr.Textbox(
                    label="Folder of the cases",
                    info=acts.where_cases_lie(),
                    max_lines=1,
                    elem_id="case-folder-path",
                )
                use = gr.Button("Use this folder", variant="primary", elem_id="case-folder-use")
                said = gr.HTML("", elem_id="case-folder-said", elem_classes="result-area")
            with gr.Column(visible=in_use.cases is not None, elem_classes="inputs") as of_cases:
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
                    on_exhibit = gr.Dropdown(
                        [("The case as a whole", "")], value="", label="On", elem_id="note-exhibit"
                    )
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
                    typed = gr.Textbox(
                        label="Type the number of the case to confirm (required)", elem_id="delete-number"
                    )
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
    listed = gr.State(in_use.folder)
    examination = Examination(acts.nothing_opened, [number, line], opened, form)
    examination.on_shown()
    examination.on_filled(shown.select, acts.opened, _chosen, [], [line])
    shown.select(None, js=_TO_OPENED)

    chosen = [listed, shown, file, report, download, on_exhibit, packed]
    looks = [path, of_cases, number, *chosen]
    folder_used = [said, section, *looks, done, verified, line]

    def show(case_number: str | None) -> list[Any]:
        known = case_number if case_number in acts.numbers() else None
        return [
            in_use.folder,
            answer(acts.page, known, refused="Not shown"),
            gr.Dropdown(choices=acts.files(known), value=None),
            gr.Dropdown(choices=list(acts.reports(known)), value=None),
            gr.DownloadButton(value=None, interactive=False),
            gr.Dropdown(choices=acts.exhibits(known), value=""),
            gr.DownloadButton(value=None, visible=False),
        ]

    def look_again(case_number: str | None) -> list[Any]:
        """Where the cases lie, which there are, and the case as it stands.

        A busy machine answers late: what was typed or chosen meanwhile is left as it is.
        """
        numbers = list(acts.numbers())
        gone = case_number is not None and case_number not in numbers
        return [
            gr.Textbox(info=acts.where_cases_lie()),
            gr.Column(visible=in_use.cases is not None),
            gr.Dropdown(choices=numbers, value=None) if gone else gr.Dropdown(choices=numbers),
            *show(case_number),
        ]

    def use_folder(named: str, case_number: str | None) -> list[Any]:
        page, used = _done_or_refused(acts.use_folder, named, refused="Folder not used")
        if not used:
            return [page, *[gr.skip()] * (len(folder_used) - 1)]
        return ["", gr.Accordion(open=False), *look_again(case_number), page, "", ""]

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

    def on(event: Callable[..., Dependency], does: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
        event(does, inputs, outputs, **QUEUE)

    def on_act(button: gr.Button, does: Callable[..., str], inputs: list[Any], words: list[gr.Textbox]) -> None:
        """Act on the case, empty the fields of what was said once it is kept, and show the case again."""

        def act(folder: Path | None, case_number: str | None, *inputs: Any) -> list[Any]:
            page, kept = _done_or_refused(acts.acted, does, folder, case_number, *inputs, refused="Nothing done")
            return [page, "", *["" if kept else gr.skip() for _ in words], *look_again(case_number)]

        on(button.click, act, [listed, number, *inputs], [done, verified, *words, *looks])

    for event in shown_on:
        on(event, look_again, [number], looks)
    if in_use.choosable:
        choosing = gr.on([use.click, path.submit], use_folder, [path, number], folder_used, **AT_ONCE)
        examination.on_change(choosing.then)
        tell_of_cases([form], [choosing.then])

    def pack(case_number: str | None) -> list[Any]:
        try:
            return ["", gr.DownloadButton(value=acts.exported(case_number), visible=True)]
        except CaseRefused as refusal:
            return [refusal_card(str(refusal), "Not packed"), gr.skip()]

    on(export.click, pack, [number], [done, packed])
    on_act(add_note, acts.note, [kind, on_exhibit, noted_by, note], [note])
    examination.on_change(number.input)
    on(number.input, lambda chosen_number: ["", "", *show(chosen_number)], [number], [done, verified, *chosen])
    on(file.input, fetch, [number, file], [download])
    on(verify.click, verifying, [number], [verified])
    on_act(sign, acts.sign_off, [report, reviewer, remark], [remark])
    on_act(delete, acts.delete, [typed, by, reason], [typed, reason])
    api_endpoint(acts.list_cases, "cases", [])
    for endpoint, name in ((acts.read_log, "case_log"), (acts.verify_case, "verify_case")):
        api_endpoint(endpoint, name, [gr.Textbox(render=False, label="case_number")])
    return form


def _done_or_refused(does: Callable[..., str], *inputs: Any, refused: str) -> tuple[str, bool]:
    """The page of what was done, or of its refusal with `refused` as its title; and whether it was done."""
    page = answer(lambda: (does(*inputs),), refused=refused)
    return (page, False) if isinstance(page, str) else (*page, True)


def _chosen(event: gr.EventData) -> str:
    """The line whose button was pressed."""
    return str(event.line)
