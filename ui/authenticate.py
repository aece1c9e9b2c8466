"""The tab where a photo of a part is examined for authenticity."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from inference.exhibit import read_exhibit
from inference.records import Verdict, as_json
from ui.answers import QUEUE, answer_api, api_endpoint
from ui.bench import Bench, parse_crop
from ui.examination import Examination
from ui.exhibit_input import ExhibitInput, handed_in
from ui.report_desk import Examined, ReportDesk
from ui.report_form import ReportForm, issued_files, report_endpoint, stated_facts
from ui.verdict_card import no_model_card, verdict_page, waiting_card

EXAMPLES = Path(__file__).parent / "examples" / "tags"


class Authenticate:
    """What the tab does, apart from its layout."""

    def __init__(self, bench: Bench, desk: ReportDesk) -> None:
        self._bench = bench
        self._desk = desk

    def examined(self, file: str | None, model: str | None, series: str | None, crop: str | None) -> Examined:
        """The examination of the file at a path; `crop` as `x,y,width,height`.

        Raises:
            Refusal: if it is not examined.
        """
        verdict = self._verdict(file, model, series, crop)
        originals = [(Path(str(file)), verdict.exhibit)]
        return Examined(verdict_page(verdict), [verdict], originals, self._bench.cards(verdict))

    def wait(self, file: str | None, model: str | None, series: str | None, crop: str | None) -> str:  # noqa: ARG002 - the same inputs as `examined`
        """What to do before there is a verdict.

        Raises:
            Refusal: if the file is not examined.
        """
        if not self._bench.choices("authenticity"):
            return no_model_card("authenticity")
        if not file:
            return waiting_card("No photo yet", "Drop a photo of the part, draw a box around it, and press Examine.")
        exhibit = read_exhibit(Path(file))
        return waiting_card(
            "Ready", f"{exhibit.name} is read, {exhibit.width} × {exhibit.height} pixels. Press Examine."
        )

    def examine(self, file: str | None, model: str, series: str, crop: str) -> dict[str, Any]:
        """Examine a photo for authenticity and return the record of the verdict.

        Args:
            file: The photo; its bytes are examined as they are.
            model: Name of an authenticity model.
            series: The series, where it is known; empty if not.
            crop: The part to look at as x,y,width,height in pixels of the upright picture; empty for all.
        """
        return answer_api(lambda *inputs: as_json(self._verdict(*inputs)), file, model, series, crop)

    def report(
        self,
        file: str | None,
        model: str,
        series: str,
        crop: str,
        case_number: str,
        examiner: str,
        item: str,
        laboratory: str,
        request: str,
        remarks: str,
        reviewer: str,
    ) -> tuple[dict[str, Any], str, str]:
        """Examine a photo for authenticity and report it; return the report's ids, its PDF and its JSON twin.

        Where the app has a case folder, the photo, the examination and the report are added to the case.

        Args:
            file: The photo; its bytes are examined as they are.
            model: Name of an authenticity model.
            series: The series, where it is known; empty if not.
            crop: The part to look at as x,y,width,height in pixels of the upright picture; empty for all.
            case_number: The laboratory's number of the case; required.
            examiner: Who answers for the report; required.
            item: What was handed in.
            laboratory: Name and address.
            request: What was asked, by whom.
            remarks: Whatever else belongs into the report.
            reviewer: Who is to review it.
        """
        texts = (case_number, examiner, item, laboratory, request, remarks, reviewer)

        def make() -> tuple[dict[str, Any], str, str]:
            facts = stated_facts(*texts)
            return issued_files(self._desk.report(self.examined(file, model, series, crop), facts))

        return answer_api(make)

    def _verdict(self, file: str | None, model: str | None, series: str | None, crop: str | None) -> Verdict:
        exhibit = handed_in(file, "There is no photo to examine; add one first.")
        return self._bench.examine(exhibit, model, series or None, parse_crop(crop))

    def series_of(self, model: str | None) -> gr.Dropdown:
        """The choice of series that belongs to a model."""
        return gr.Dropdown(choices=_series_choices(self._bench, model), value="")


def authenticate_tab(bench: Bench, desk: ReportDesk) -> ReportForm:
    """Lay out the tab inside a `gr.Blocks`; gives its form for reports."""
    tab = Authenticate(bench, desk)
    models = bench.choices("authenticity")
    first = models[0][1] if models else None
    with gr.Row(equal_height=False, elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="inputs"):
            exhibit = ExhibitInput("Photo of the part", "photo")
            model = gr.Dropdown(models, value=first, label="Model", elem_id="authenticity-model")
            series = gr.Dropdown(
                _series_choices(bench, first),
                value="",
                label="Series",
                info="Fix it where you know it; the verdict then weighs this series only.",
                elem_id="series",
            )
            examine = gr.Button("Examine", variant="primary", elem_id="examine")
            examples = sorted(EXAMPLES.glob("*.jpg")) if models else []
            if examples:
                gr.HTML("<h3>Examples</h3><p>Rendered tags of a house that does not exist.</p>", elem_classes="aside")
                with gr.Row(elem_classes="examples"):
                    buttons = [
                        gr.Button(_caption(path), icon=str(path), min_width=130, elem_classes="example")
                        for path in examples
                    ]
        with gr.Column(scale=7, min_width=320):
            result = gr.HTML(tab.wait(None, None, None, None), elem_id="verdict", elem_classes="result-area")
            form = ReportForm(desk, "verdict")

    inputs = [exhibit.file, model, series, exhibit.crop]
    examination = Examination(tab.examined, tab.wait, inputs, result, form)
    examination.on_click(examine)
    examination.on_exhibit(exhibit)
    choosing = model.input(tab.series_of, model, series, show_progress="hidden", **QUEUE)
    examination.on_change(choosing.then)
    examination.on_change(series.input)
    for path, button in zip(examples, buttons if examples else [], strict=True):
        examination.on_example(button, partial(_filled, path), [exhibit.file, exhibit.crop, series])
    api_endpoint(tab.examine, "examine", _api_inputs(first))
    report_endpoint(tab.report, "report", _api_inputs(first))
    return form


def _api_inputs(model: str | None) -> list[Component]:
    return [
        gr.File(render=False, label="file"),
        gr.Textbox(model, render=False, label="model"),
        gr.Textbox("", render=False, label="series"),
        gr.Textbox("", render=False, label="crop"),
    ]


def _series_choices(bench: Bench, model: str | None) -> list[tuple[str, str]]:
    return [("Not fixed", ""), *((series, series) for series in bench.series(model))]


def _filled(path: Path) -> tuple[str, str, str]:
    return str(path), "", ""


def _caption(path: Path) -> str:
    """`atelier-genuine-rendered.jpg` is captioned "Atelier, genuine, rendered"."""
    return path.stem.replace("-", ", ").capitalize()
