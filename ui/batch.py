"""The tab where many photos are examined in one go, and their results are sorted, opened and reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, get_args

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from inference.bench import Bench
from inference.records import NOT_EXAMINED, BatchState, Refusal, RowOrder
from ui.answers import AT_ONCE, QUEUE, answer
from ui.batch_actions import PAGE, Batching
from ui.examination import Examination
from ui.file_names import files_input
from ui.report_desk import ReportDesk
from ui.report_form import ReportForm

_SECONDS = 1.0
"""Between two looks at a batch that runs."""

# Runs in the browser: the row whose button was pressed becomes the value of a hidden field.
_CHOICE = """element.addEventListener("click", event => {
    const button = event.target.closest("button[data-row]");
    if (button) trigger("select", {row: button.dataset.row});
});"""
_TO_ROW = """() => document.querySelector("#batch-row").scrollIntoView({behavior: "smooth"})"""


class Shown(NamedTuple):
    """What a page last showed of a batch."""

    name: str | None
    state: BatchState | None
    running: bool
    outcome: str
    text: str
    order: RowOrder
    start: int
    names: Sequence[str]

    @property
    def listed(self) -> Any:
        """What the choice of a batch shows."""
        return self.name, self.names

    @property
    def offered(self) -> Any:
        """What the choice of an outcome shows."""
        return self.outcome, _outcomes(self.state)


def batch_tab(
    bench: Bench, desk: ReportDesk, folder: Path, reads_files: bool, shown: Sequence[Any]
) -> tuple[ReportForm, ReportForm]:
    """Lay out the tab inside a `gr.Blocks`; gives the forms for a report on one row and on all of a batch.

    Args:
        bench: The models and collections.
        desk: Makes the reports.
        folder: The folder of the batches.
        reads_files: Whether the page may read files of this machine.
        shown: The events on which the tab is shown, when batches are looked at again.
    """
    tab = Batching(bench, desk, folder, reads_files)
    with gr.Row(equal_height=False, elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="inputs"):
            new = _new_batch(tab, reads_files, shown)
            name = gr.Dropdown([], value=None, label="Batch", visible=False, elem_id="batch-name")
            with gr.Row():
                go_on = gr.Button("Go on", visible=False, elem_id="batch-go-on")
                pause = gr.Button("Pause", visible=False, elem_id="batch-pause")
            csv = gr.DownloadButton("Save all rows (CSV)", visible=False, size="md", elem_id="batch-csv")
            with gr.Accordion("Remove this batch", open=False, visible=False, elem_id="batch-removing") as removing:
                gr.HTML("<p>Its rows go, and the copies of photos that were handed in for it. Cases stay.</p>")
                remove = gr.Button("Remove", variant="stop", elem_id="batch-remove")
        with gr.Column(scale=7, min_width=320):
            done = gr.HTML("", elem_id="batch-done", elem_classes="result-area")
            card = gr.HTML("", elem_id="batch", elem_classes="result-area")
            opened = gr.HTML("", elem_id="batch-row", elem_classes="result-area")
            row_form = ReportForm(desk, "batch-row")
            with gr.Row(visible=False, elem_id="batch-filters") as filters:
                outcome = gr.Dropdown([("All", "")], value="", label="Outcome", min_width=160, elem_id="batch-outcome")
                order = gr.Dropdown(
                    [*get_args(RowOrder)], value="as listed", label="Order", min_width=160, elem_id="batch-order"
                )
                text = gr.Textbox("", label="Holds this text", min_width=160, elem_id="batch-text")
            rows = gr.HTML("", js_on_load=_CHOICE, elem_id="batch-rows", elem_classes="result-area")
            with gr.Row(visible=False, elem_id="batch-pages") as pages:
                earlier, later = gr.Button("Earlier rows", size="md"), gr.Button("Later rows", size="md")
            form = ReportForm(desk, "batch-all", "Report on the whole batch", "every row")
    start, last = gr.State(0), gr.State(None)
    row = gr.Textbox("", visible="hidden", label="Row of the shown examination")
    timer = gr.Timer(_SECONDS, active=False)
    asked = [name, outcome, text, order]
    shows = [name, card, rows, start, last, timer, go_on, pause, removing, filters, outcome, pages, csv]
    shows += [form.panel, form.issued]

    def look(
        chosen: str | None, kind: str, words: str, by: RowOrder, begin_at: int = 0, before: Shown | None = None
    ) -> list[Any]:
        """All that a page shows of a batch; nothing new where nothing changed, least of all a list that is open."""
        known = tab.known(chosen)
        try:
            state = tab.batches.batch(known).state if known else None
            running = tab.runs(known)
            kind = kind if state and kind in state.outcomes else ""
            now = Shown(known, state, running, kind, words, by, begin_at, tab.batches.names)
            if now == before:
                return [gr.skip()] * len(shows)
            listing = tab.rows(known, kind, words, by, begin_at)
            count = tab.batches.batch(known).store.count(kind, words) if known else 0
        except Refusal:
            state, running, kind, listing, count, now, before = None, False, "", "", 0, None, None
        same_list = before and now and before.listed == now.listed
        same_offer = before and now and before.offered == now.offered
        names = gr.Dropdown(choices=list(tab.batches.names), value=known, visible=known is not None)
        return [
            gr.skip() if same_list else names,
            answer(tab.card, known, refused="Not shown"),
            listing,
            begin_at,
            now,
            gr.Timer(active=running),
            gr.Button(visible=state is not None and not state.finished and not running),
            gr.Button(visible=running),
            gr.Accordion(visible=known is not None and not running),
            gr.Row(visible=bool(state and state.done)),
            gr.skip() if same_offer else gr.Dropdown(choices=_outcomes(state), value=kind),
            gr.Row(visible=count > PAGE),
            gr.DownloadButton(
                value=tab.csv(known) if state and state.done and not running else None,
                visible=bool(state and state.done and not running),
            ),
            gr.Column(visible=bool(state and _examined(state) and not running)),
            gr.skip() if before and before.name == known else "",
        ]

    def turned(pages_on: int, *inputs: Any) -> list[Any]:
        """Another page of rows."""
        chosen, kind, words, by, begin_at, before = inputs
        return look(chosen, kind, words, by, max(0, begin_at + pages_on * PAGE), before)

    def on(
        event: Callable[..., Dependency], does: Callable[..., Any], inputs: list[Any], outputs: list[Any]
    ) -> Dependency:
        return event(does, inputs, outputs, **AT_ONCE)

    def acted(does: Callable[..., Any]) -> Callable[..., str]:
        def act(*inputs: Any) -> str:
            return answer(does, *inputs, refused="Nothing done") or ""

        return act

    examination = Examination(tab.no_row, [name, row], opened, row_form)
    examination.on_shown()
    examination.on_filled(rows.select, tab.examined, _chosen, [], [row])
    rows.select(None, js=_TO_ROW)
    form.on_click(tab.report, [name])

    every = [*asked, start, last]
    on(timer.tick, look, every, shows)
    for event in (outcome.input, order.input, text.input):
        on(event, look, asked, shows)
    examination.on_change(on(name.input, look, asked, shows).then)
    for button, pages_on in ((earlier, -1), (later, 1)):
        on(button.click, partial(turned, pages_on), every, shows)
    acts = ((go_on, tab.batches.start), (pause, lambda _: tab.batches.pause()), (remove, tab.batches.remove))
    for button, does in acts:
        on(on(button.click, acted(does), [name], [done]).then, look, every, shows)
    for event in shown:
        on(event, look, every, shows)

    def began(*inputs: Any) -> list[Any]:
        found = answer(tab.begin, *inputs, refused="Not begun")
        if isinstance(found, str):
            return [found, gr.skip(), gr.skip()]
        known = found.store.folder.name
        return ["", gr.Dropdown(choices=list(tab.batches.names), value=known), None]

    beginning = new.start.click(began, new.inputs, [done, name, new.files], **QUEUE)
    on(beginning.then, look, asked, shows)
    return row_form, form


@dataclass(frozen=True)
class _New:
    """The section where a batch is begun: its button, the inputs of `Batching.begin`, and the first of them."""

    start: gr.Button
    inputs: list[Component]
    files: gr.File


def _new_batch(tab: Batching, reads_files: bool, shown: Sequence[Any]) -> _New:
    choices = tab.choices()
    first = choices[0][1] if choices else None
    with gr.Accordion("New batch", open=True, elem_id="batch-new"):
        files = files_input(label="Photos, or ZIPs of them: drop or browse", height=150, elem_id="batch-files")
        places = gr.Textbox(
            label="Or folders, ZIPs or CSVs on this machine",
            info="A path a line. A CSV names photos in its column path; its other columns are shown with them.",
            lines=2,
            visible=reads_files,
            elem_id="batch-places",
        )
        model = gr.Dropdown(choices, value=first, label="Model", elem_id="batch-model")
        series = gr.Dropdown(tab.series_choices(first), value="", label="Series", elem_id="batch-series")
        name = gr.Textbox(label="Name", info="Left empty, it is the present time.", elem_id="batch-title")
        start = gr.Button("Start", variant="primary", elem_id="batch-start")

    model.input(tab.series_of, model, series, **AT_ONCE)
    for event in shown:
        event(tab.look_again, model, [model, series], **AT_ONCE)
    return _New(start, [files, places, model, series, name], files)


def _outcomes(state: BatchState | None) -> list[tuple[str, str]]:
    """The outcomes to choose from; how often each was found changes by the second, and stands on the card."""
    return [("All", ""), *((outcome, outcome) for outcome in (state.outcomes if state else ()))]


def _examined(state: BatchState) -> int:
    """How many examinations it holds."""
    return sum(count for outcome, count in state.outcomes.items() if outcome != NOT_EXAMINED)


def _chosen(event: gr.EventData) -> str:
    """The row whose button was pressed."""
    return str(event.row)
