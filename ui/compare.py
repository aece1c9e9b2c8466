"""The tab where two marks are compared."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from inference.bench import Bench
from inference.records import Comparison, as_json
from ui.answers import QUEUE, answer_api, api_endpoint
from ui.examination import Examination, example_buttons
from ui.exhibit_input import ExhibitInput, handed_in, parse_crop
from ui.file_names import file_input
from ui.report_desk import Examined, ReportDesk
from ui.report_form import ReportForm, issued_files, report_endpoint, stated_facts
from ui.verdict_card import comparison_page, no_model_card, waiting_card

EXAMPLES = Path(__file__).parent / "examples" / "marks"


class Compare:
    """The actions of the tab."""

    def __init__(self, bench: Bench, desk: ReportDesk) -> None:
        self._bench = bench
        self._desk = desk

    def examined(
        self,
        first: str | None,
        second: str | None,
        model: str | None,
        first_crop: str | None,
        second_crop: str | None,
        first_ground: str | None = None,
        second_ground: str | None = None,
    ) -> Examined:
        """The comparison of the files at two paths; crops are `x,y,width,height`, grounds white, black or grey.

        Raises:
            Refusal: if the files are not compared.
        """
        comparison = self._comparison(first, second, model, first_crop, second_crop, first_ground, second_ground)
        return Examined(comparison_page(comparison), [comparison], comparison.exhibits, self._bench.cards(comparison))

    def wait(self, first: str | None, second: str | None, *_: str | None) -> str:
        """The card before a comparison: what to do.

        Raises:
            Refusal: if one of the files is not examined.
        """
        if not self._bench.choices("trademark"):
            return no_model_card("trademark")
        exhibits = [handed_in(file, None, "") for file in (first, second) if file]
        if len(exhibits) == 2:
            names = " and ".join(exhibit.name for exhibit in exhibits)
            return waiting_card("Ready", f"{names} are read. Press Compare.")
        if exhibits:
            return waiting_card("One more mark", f"{exhibits[0].name} is read. Add the other mark.")
        return waiting_card("No marks yet", "Drop the two marks and press Compare. Their order does not matter.")

    def compare(
        self,
        first: str | None,
        second: str | None,
        model: str,
        first_crop: str,
        second_crop: str,
        first_ground: str,
        second_ground: str,
    ) -> dict[str, Any]:
        """Compare two marks and return the record: the visual similarity of the signs, never infringement.

        Args:
            first: A mark; its bytes are examined as they are.
            second: The other mark.
            model: Name of a trademark model.
            first_crop: Crop of the first, as x,y,width,height in pixels; empty for the whole picture.
            second_crop: The same for the second.
            first_ground: Ground under transparent areas of the first: white, black or grey; empty for the one from
                which it stands out most.
            second_ground: The same for the second.
        """
        inputs = (first, second, model, first_crop, second_crop, first_ground, second_ground)
        return answer_api(lambda: as_json(self._comparison(*inputs)))

    def report(
        self,
        first: str | None,
        second: str | None,
        model: str,
        first_crop: str,
        second_crop: str,
        first_ground: str,
        second_ground: str,
        case_number: str,
        examiner: str,
        item: str,
        laboratory: str,
        request: str,
        remarks: str,
        reviewer: str,
    ) -> tuple[dict[str, Any], str, str]:
        """Compare two marks and report it; return the report's ids, its PDF and its JSON twin.

        Where the app has a case folder, the marks, the comparison and the report are added to the case.

        Args:
            first: A mark; its bytes are examined as they are.
            second: The other mark.
            model: Name of a trademark model.
            first_crop: Crop of the first, as x,y,width,height in pixels; empty for the whole picture.
            second_crop: The same for the second.
            first_ground: Ground under transparent areas of the first: white, black or grey; empty for the one from
                which it stands out most.
            second_ground: The same for the second.
            case_number: The laboratory's number of the case; required.
            examiner: Who answers for the report; required.
            item: What was handed in.
            laboratory: Name and address.
            request: What was asked, and by whom.
            remarks: Anything else that belongs in the report.
            reviewer: Who is to review it.
        """
        inputs = (first, second, model, first_crop, second_crop, first_ground, second_ground)
        texts = (case_number, examiner, item, laboratory, request, remarks, reviewer)

        def make() -> tuple[dict[str, Any], str, str]:
            facts = stated_facts(*texts)
            return issued_files(self._desk.report(self.examined(*inputs), facts))

        return answer_api(make)

    def _comparison(
        self, first: str | None, second: str | None, model: str | None, *crops_and_grounds: str | None
    ) -> Comparison:
        first_crop, second_crop, first_ground, second_ground = crops_and_grounds
        marks = (
            handed_in(first, first_ground, "The first mark is missing; add it."),
            handed_in(second, second_ground, "The second mark is missing; add it."),
        )
        return self._bench.compare(*marks, model, (parse_crop(first_crop), parse_crop(second_crop)))


def compare_tab(bench: Bench, desk: ReportDesk) -> ReportForm:
    """Lay out the tab inside a `gr.Blocks`; gives its report form."""
    tab = Compare(bench, desk)
    models = bench.choices("trademark")
    pairs = sorted(folder for folder in EXAMPLES.iterdir() if folder.is_dir()) if models else []
    with gr.Row(equal_height=False, elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="inputs"):
            first = ExhibitInput("First mark", "first")
            second = ExhibitInput("Second mark", "second")
            model = gr.Dropdown(
                models, value=models[0][1] if models else None, label="Model", elem_id="trademark-model"
            )
            compare = gr.Button("Compare", variant="primary", elem_id="compare")
            shown = [(_caption(pair), _pair(pair)[1]) for pair in pairs]
            buttons = example_buttons("Fictional marks, drawn for this page.", shown)
        with gr.Column(scale=7, min_width=320):
            result = gr.HTML(tab.wait(None, None), elem_id="comparison", elem_classes="result-area")
            form = ReportForm(desk, "comparison")

    chosen = [first.crop, second.crop, first.ground, second.ground]
    inputs = [first.file, second.file, model, *chosen]
    examination = Examination(tab.wait, inputs, result, form)
    examination.on_click(compare, tab.examined)
    examination.on_shown()
    for exhibit in (first, second):
        exhibit.file.change(exhibit.show, exhibit.file, exhibit.shown, show_progress="hidden", **QUEUE)
        examination.on_exhibit(exhibit)
    examination.on_change(model.input)
    for pair, button in zip(pairs, buttons, strict=True):
        examination.on_filled(
            button.click,
            tab.examined,
            partial(_filled, pair),
            [],
            [first.file, second.file, *chosen],
        )
    first_model = models[0][1] if models else None
    api_endpoint(tab.compare, "compare", _api_inputs(first_model))
    report_endpoint(tab.report, "report_comparison", _api_inputs(first_model))
    return form


def _api_inputs(model: str | None) -> list[Component]:
    return [
        file_input(render=False, label="first"),
        file_input(render=False, label="second"),
        gr.Textbox(model, render=False, label="model"),
        *(
            gr.Textbox("", render=False, label=label)
            for label in ("first_crop", "second_crop", "first_ground", "second_ground")
        ),
    ]


def _pair(folder: Path) -> tuple[Path, Path]:
    first, second = sorted(folder.glob("*.png"))
    return first, second


def _filled(folder: Path) -> tuple[str, ...]:
    """Inputs for both whole marks, on the grounds that Assay chooses."""
    return (*map(str, _pair(folder)), "", "", "", "")


def _caption(folder: Path) -> str:
    """`1-lookalike-pair` is captioned "Lookalike pair"."""
    return folder.name.partition("-")[2].replace("-", " ").capitalize()
