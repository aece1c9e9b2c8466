"""The tab where a photo of a part is examined for authenticity."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from inference.bench import Bench
from inference.records import Detection, Exhibit, Refusal, Verdict, as_json
from inference.request import Request
from ui.answers import QUEUE, answer_api, api_endpoint
from ui.examination import Examination, example_buttons
from ui.exhibit_input import ExhibitInput, handed_in, parse_crop
from ui.file_names import file_input
from ui.markup import render, spoken
from ui.report_desk import Examined, ReportDesk
from ui.report_form import ReportForm, issued_files, report_endpoint, stated_facts
from ui.verdict_card import no_model_card, verdict_page, verdicts_page, waiting_card

EXAMPLES = Path(__file__).parent / "examples" / "parts"


NO_PHOTO = "There is no photo to examine; add one."


class Authenticate:
    """The actions of the tab."""

    def __init__(self, bench: Bench, desk: ReportDesk) -> None:
        self._bench = bench
        self._desk = desk

    def examined(
        self,
        file: str | None,
        model: str | None,
        series: str | None,
        crop: str | None,
        find: str | None,
        ground: str | None = None,
    ) -> Examined:
        """The examination of the file at a path.

        Args:
            file: The path.
            model: Name of the model; the first one where none is named.
            series: The series, where it is known.
            crop: As `Crop.parse` reads it; empty for the whole picture.
            find: Number from 1 of the detection that the crop is or was drawn from; empty for none.
            ground: Ground under transparent areas; empty leaves the choice to Assay.

        Raises:
            Refusal: if the file is not examined.
        """
        return self._on_one(self._verdict(handed_in(file, ground, NO_PHOTO), model, series, crop, find))

    def all_examined(
        self,
        file: str | None,
        _model: str | None,
        _series: str | None,
        _crop: str | None,
        _find: str | None,
        ground: str | None,
    ) -> Examined:
        """The examination of every detected part on the file at a path, each by the model for it.

        Raises:
            Refusal: if no part with a model is detected.
        """
        exhibit = handed_in(file, ground, NO_PHOTO)
        verdicts = self._bench.examine_found(exhibit)
        return Examined(verdicts_page(verdicts), verdicts, [exhibit], self._bench.cards(*verdicts))

    def wait(self, file: str | None, *_: str | None) -> str:
        """The card before a verdict: what to do.

        Raises:
            Refusal: if the file is not examined.
        """
        if not self._bench.choices("authenticity"):
            return no_model_card("authenticity")
        if not file:
            return waiting_card(
                "No photo yet", "Drop a photo of the part, draw a box around the part, and press Examine."
            )
        exhibit = handed_in(file, None, NO_PHOTO)
        return waiting_card(
            "Ready", f"{exhibit.name} is read, {exhibit.width} × {exhibit.height} pixels. Press Examine."
        )

    def detections(self, file: str | None, ground: str | None = None) -> tuple[Detection, ...]:
        """The detections on the file at a path, on a ground, best first; none without a readable photo.

        Raises:
            Refusal: if the locator cannot be loaded.
        """
        try:
            exhibit = handed_in(file, ground, NO_PHOTO) if file else None
        except Refusal:
            # `wait` states it.
            return ()
        return self._bench.detections(exhibit) if exhibit else ()

    def found(self, file: str | None, ground: str | None = None) -> str:
        """The detections on the file at a path, in words, as HTML; empty without a photo or a locator."""
        detections = self.detections(file, ground)
        if not file or not self._bench.finds_parts:
            return ""
        unknown = dict.fromkeys(find.part for find in detections if not self._bench.model_for(find.part))
        close_up = len(detections) == 1 and detections[0].close_up
        return render("found.html", detections=detections, close_up=close_up, unknown=list(unknown))

    def locate(self, file: str | None, ground: str = "") -> list[dict[str, Any]]:
        """Locate the parts on a photo of whole goods; return each with its box and score, best first.

        Args:
            file: The photo.
            ground: Ground under its transparent areas: white, black or grey; empty for the one from which it
                stands out most.
        """
        return answer_api(lambda: as_json(self._bench.detections(handed_in(file, ground, NO_PHOTO))))

    def examine(
        self, file: str | None, model: str, series: str, crop: str, find: str, ground: str = ""
    ) -> dict[str, Any]:
        """Examine a photo for authenticity and return the record of the verdict.

        Args:
            file: The photo; its bytes are examined as they are.
            model: Name of an authenticity model; empty for the one of the detection's part, or else the first.
            series: The series, where it is known; empty if not.
            crop: Crop to examine, as x,y,width,height or x,y,width,height,turn in pixels of the upright picture and
                degrees clockwise; empty for that of the detection, or else for the whole picture.
            find: Number from 1 of the detection to examine, in the order of `/locate`; empty for none.
            ground: Ground under transparent areas: white, black or grey; empty for the one from which the photo stands
                out most.
        """

        def make() -> dict[str, Any]:
            exhibit = handed_in(file, ground, NO_PHOTO)
            return as_json(self._verdict(exhibit, *self._completed(exhibit, model, series, crop, find)))

        return answer_api(make)

    def report(
        self,
        file: str | None,
        model: str,
        series: str,
        crop: str,
        find: str,
        ground: str,
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
            model: Name of an authenticity model; empty for the one of the detection's part, or else the first.
            series: The series, where it is known; empty if not.
            crop: Crop to examine, as x,y,width,height or x,y,width,height,turn; empty for that of the detection, or
                else for the whole picture.
            find: Number from 1 of the detection to examine, in the order of `/locate`; empty for none.
            ground: Ground under transparent areas: white, black or grey; empty for the one from which the photo stands
                out most.
            case_number: The laboratory's number of the case; required.
            examiner: Who answers for the report; required.
            item: What was handed in.
            laboratory: Name and address.
            request: What was asked, and by whom.
            remarks: Anything else that belongs in the report.
            reviewer: Who is to review it.
        """
        texts = (case_number, examiner, item, laboratory, request, remarks, reviewer)

        def make() -> tuple[dict[str, Any], str, str]:
            facts = stated_facts(*texts)
            exhibit = handed_in(file, ground, NO_PHOTO)
            verdict = self._verdict(exhibit, *self._completed(exhibit, model, series, crop, find))
            return issued_files(self._desk.report(self._on_one(verdict), facts))

        return answer_api(make)

    def _on_one(self, verdict: Verdict) -> Examined:
        return Examined(verdict_page(verdict), [verdict], [verdict.exhibit], self._bench.cards(verdict))

    def _verdict(
        self, exhibit: Exhibit, model: str | None, series: str | None, crop: str | None, number: str | None
    ) -> Verdict:
        located = self._bench.proposal(exhibit, number)
        return self._bench.examine(Request(exhibit, series or None, parse_crop(crop), located), model)

    def _completed(
        self, exhibit: Exhibit, model: str, series: str, crop: str, number: str
    ) -> tuple[str | None, str, str, str]:
        """The inputs; where they are open, they are taken from the detection."""
        located = self._bench.proposal(exhibit, number)
        if located is None:
            return model, series, crop, number
        find = located.find
        return model or self._bench.model_for(find.part), series, crop or box_of(find), number

    def series_of(self, model: str | None) -> gr.Dropdown:
        """The series that a model knows, as a choice."""
        return gr.Dropdown(choices=_series_choices(self._bench, model), value="")


def authenticate_tab(bench: Bench, desk: ReportDesk) -> ReportForm:
    """Lay out the tab inside a `gr.Blocks`; gives its report form."""
    tab = Authenticate(bench, desk)
    models = bench.choices("authenticity")
    first = models[0][1] if models else None
    with gr.Row(equal_height=False, elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="inputs"):
            exhibit = ExhibitInput("Photo of the part", "photo", bench.detections)
            found = gr.HTML("", elem_id="found")
            find = gr.Radio([], label="Part to examine", visible=False, elem_id="find", elem_classes="finds")
            model = gr.Dropdown(models, value=first, label="Model", elem_id="authenticity-model")
            series = gr.Dropdown(
                _series_choices(bench, first),
                value="",
                label="Series",
                info="The series that the part claims to be. Left open, the best fit is taken if its lead is clear.",
                elem_id="series",
            )
            examine = gr.Button("Examine", variant="primary", elem_id="examine")
            examine_all = gr.Button("Examine all found parts", visible=False, elem_id="examine-all")
            examples = sorted(EXAMPLES.glob("*.jpg")) if models else []
            shown = [(_caption(path), path) for path in examples]
            buttons = example_buttons("Rendered parts of a house that does not exist.", shown)
        with gr.Column(scale=7, min_width=320):
            result = gr.HTML(tab.wait(None), elem_id="verdict", elem_classes="result-area")
            form = ReportForm(desk, "verdict")

    def models_of(number: str | None, detections: tuple[Detection, ...], chosen: str | None) -> list[Any]:
        """The model for a detection, or else the chosen one, and the choice of its series."""
        name = (bench.model_for(detections[int(number) - 1].part) if number else None) or chosen
        return [name, tab.series_of(name)]

    def listed(detections: tuple[Detection, ...], number: str | None, words: str) -> list[Any]:
        """The detections in words and as a list to choose from, and the button that examines them all."""
        radio = gr.Radio(choices=detection_choices(detections), value=number, visible=bool(detections))
        return [words, radio, gr.Button(visible=len(detections) > 1)]

    def arrive(file: str | None, chosen: str | None) -> list[Any]:
        """All that follows from a file: its picture, its detections, and the model for them."""
        detections = tab.detections(file)
        number = "1" if detections else None
        return [
            *exhibit.show(file, parse_crop(box_of(detections[0])) if detections else None),
            *listed(detections, number, tab.found(file)),
            *models_of(number, detections, chosen),
        ]

    def find_again(
        file: str | None, ground: str, crop: str, number: str | None, chosen: str | None, series: str | None
    ) -> list[Any]:
        """The detections on another ground. A proposed box is proposed again; a box drawn by hand stays."""
        detections, words = tab.detections(file, ground), tab.found(file, ground)
        if not number:
            return [gr.skip(), crop, *listed(detections, "" if detections else None, words), chosen, series]
        number = "1" if detections else None
        box = box_of(detections[0]) if detections else ""
        return [
            exhibit.draw(file, box, ground),
            box,
            *listed(detections, number, words),
            *models_of(number, detections, chosen),
        ]

    def pick(file: str | None, ground: str, number: str | None, chosen: str | None) -> list[Any]:
        """The box of a detection and the model for it; without a detection, the present ones."""
        detections = tab.detections(file, ground)
        if not number or not detections:
            return [gr.skip()] * 4
        crop = box_of(detections[int(number) - 1])
        return [exhibit.draw(file, crop, ground), crop, *models_of(number, detections, chosen)]

    def example(path: Path, chosen: str | None) -> list[Any]:
        return [str(path), *arrive(str(path), chosen)]

    arrived = [*exhibit.shown, found, find, examine_all, model, series]
    inputs = [exhibit.file, model, series, exhibit.crop, find, exhibit.ground]
    examination = Examination(tab.wait, inputs, result, form)
    examination.on_click(examine, tab.examined)
    examination.on_click(examine_all, tab.all_examined)
    examination.on_report()
    exhibit.file.change(arrive, [exhibit.file, model], arrived, show_progress_on=found, **QUEUE)
    examination.on_exhibit(exhibit)
    exhibit.laid.then(
        find_again,
        [exhibit.file, exhibit.ground, exhibit.crop, find, model, series],
        [exhibit.canvas, exhibit.crop, found, find, examine_all, model, series],
        show_progress_on=found,
        **QUEUE,
    )
    picking = find.input(
        pick,
        [exhibit.file, exhibit.ground, find, model],
        [exhibit.canvas, exhibit.crop, model, series],
        show_progress="hidden",
        **QUEUE,
    )
    choosing = model.input(tab.series_of, model, series, show_progress="hidden", **QUEUE)
    for event in (picking.then, choosing.then, series.input):
        examination.on_change(event)
    for path, button in zip(examples, buttons, strict=True):
        filling = partial(example, path)
        examination.on_example(button, tab.examined, filling, [model], [exhibit.file, *arrived])
    api_endpoint(tab.examine, "examine", _api_inputs())
    report_endpoint(tab.report, "report", _api_inputs())
    if bench.finds_parts:
        api_endpoint(
            tab.locate, "locate", [file_input(render=False, label="file"), gr.Textbox("", render=False, label="ground")]
        )
    return form


def detection_choices(detections: Sequence[Detection]) -> list[tuple[str, str]]:
    """The detections as a list to choose from: in words, with their numbers from 1."""
    if not detections:
        return []
    words = [f"{number}: {spoken(find.part)}, score {find.score:.2f}" for number, find in enumerate(detections, 1)]
    return [*zip(words, map(str, range(1, len(detections) + 1)), strict=True), ("None of them", "")]


def box_of(find: Detection) -> str:
    """The crop of a detection; empty, which is the whole picture, for a close-up."""
    return "" if find.close_up else str(find.crop)


def _api_inputs() -> list[Component]:
    return [
        file_input(render=False, label="file"),
        *(gr.Textbox("", render=False, label=label) for label in ("model", "series", "crop", "find", "ground")),
    ]


def _series_choices(bench: Bench, model: str | None) -> list[tuple[str, str]]:
    return [("Left open", ""), *((series, series) for series in bench.series(model))]


def _caption(path: Path) -> str:
    """`leather_tag-atelier-genuine-rendered.jpg` is captioned "Leather tag, atelier, genuine, rendered"."""
    return path.stem.replace("_", " ").replace("-", ", ").capitalize()
