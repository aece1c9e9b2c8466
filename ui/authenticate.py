"""The tab where a photo of a part is examined for authenticity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from inference.bench import Bench
from inference.records import Detection
from ui.answers import AT_ONCE, QUEUE, api_endpoint
from ui.authenticate_actions import Authenticate, box_of
from ui.choices import BESIDE
from ui.examination import Examination, example_buttons
from ui.exhibit_input import ExhibitInput, parse_crop
from ui.file_names import file_input
from ui.markup import spoken
from ui.report_desk import ReportDesk
from ui.report_form import ReportForm, report_endpoint

EXAMPLES = Path(__file__).parent / "examples" / "parts"


def authenticate_tab(bench: Bench, desk: ReportDesk, shown: Sequence[Callable[..., Dependency]] = ()) -> ReportForm:
    """Lay out the tab inside a `gr.Blocks`; gives its report form.

    Args:
        bench: The models and collections.
        desk: Makes the reports.
        shown: The events on which the tab is shown, when collections are read again.
    """
    tab = Authenticate(bench, desk)
    models = tab.choices()
    first = models[0][1] if models else None
    with gr.Row(equal_height=False, elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="inputs"):
            exhibit = ExhibitInput("Photo of the part", "photo", bench.detections)
            found = gr.HTML("", elem_id="found")
            find = gr.Radio([], label="Part to examine", visible=False, elem_id="find", elem_classes="finds")
            model = gr.Dropdown(models, value=first, label="Model", elem_id="authenticity-model")
            series = gr.Dropdown(
                tab.series_choices(first),
                value="",
                label="Series",
                info="The series that the part claims to be. Left open, the best fit is taken if its lead is clear.",
                elem_id="series",
            )
            examine = gr.Button("Examine", variant="primary", elem_id="examine")
            examine_all = gr.Button("Examine all found parts", visible=False, elem_id="examine-all")
            examples = sorted(EXAMPLES.glob("*.jpg")) if bench.choices("authenticity") else []
            captioned = [(_caption(path), path) for path in examples]
            buttons = example_buttons("Rendered parts of a house that does not exist.", captioned)
        with gr.Column(scale=7, min_width=320):
            result = gr.HTML(tab.wait(None), elem_id="verdict", elem_classes="result-area")
            form = ReportForm(desk, "verdict")

    def models_of(
        number: str | None, detections: tuple[Detection, ...], chosen: str | None, led: str | None
    ) -> list[Any]:
        """The choice for a detection, or else the chosen one; its series; and to which choice a detection led.

        A collection stays that the examiner chose: to which no detection led.
        """
        stays = chosen and chosen.startswith(BESIDE) and chosen != led
        led = tab.choice_for(detections[int(number) - 1].part) if number and not stays else None
        return [led or chosen, tab.series_of(led or chosen), led]

    def listed(detections: tuple[Detection, ...], number: str | None, words: str) -> list[Any]:
        """The detections in words and as a list to choose from, and the button that examines them all."""
        radio = gr.Radio(choices=detection_choices(detections), value=number, visible=bool(detections))
        return [words, radio, gr.Button(visible=len(detections) > 1)]

    def arrive(file: str | None, chosen: str | None, led: str | None) -> list[Any]:
        """All that follows from a file: its picture, its detections, and the model for them."""
        detections = tab.detections(file)
        number = "1" if detections else None
        return [
            *exhibit.show(file, parse_crop(box_of(detections[0])) if detections else None),
            *listed(detections, number, tab.found(file)),
            *models_of(number, detections, chosen, led),
        ]

    def find_again(
        file: str | None,
        ground: str,
        crop: str,
        number: str | None,
        chosen: str | None,
        series: str | None,
        led: str | None,
    ) -> list[Any]:
        """The detections on another ground. A proposed box is proposed again; a box drawn by hand stays."""
        detections, words = tab.detections(file, ground), tab.found(file, ground)
        if not number:
            return [gr.skip(), crop, *listed(detections, "" if detections else None, words), chosen, series, led]
        number = "1" if detections else None
        box = box_of(detections[0]) if detections else ""
        return [
            exhibit.draw(file, box, ground),
            box,
            *listed(detections, number, words),
            *models_of(number, detections, chosen, led),
        ]

    def pick(file: str | None, ground: str, number: str | None, chosen: str | None, led: str | None) -> list[Any]:
        """The box of a detection and the choice for it; without a detection, the present ones."""
        detections = tab.detections(file, ground)
        if not number or not detections:
            return [gr.skip()] * 5
        crop = box_of(detections[int(number) - 1])
        return [exhibit.draw(file, crop, ground), crop, *models_of(number, detections, chosen, led)]

    def example(path: Path, chosen: str | None, led: str | None) -> list[Any]:
        return [str(path), *arrive(str(path), chosen, led)]

    led = gr.State(None)
    arrived = [*exhibit.shown, found, find, examine_all, model, series, led]
    inputs = [exhibit.file, model, series, exhibit.crop, find, exhibit.ground]
    examination = Examination(tab.wait, inputs, result, form)
    examination.on_click(examine, tab.examined)
    examination.on_click(examine_all, tab.all_examined)
    examination.on_shown()
    # What was asked for before the parts are found would not be what is shown a moment later, and be taken away.
    arriving = exhibit.file.change(lambda: gr.Button(interactive=False), None, examine, **AT_ONCE)
    arriving = arriving.then(arrive, [exhibit.file, model, led], arrived, show_progress_on=found, **QUEUE)
    arriving.then(lambda: gr.Button(interactive=True), None, examine, **AT_ONCE)
    examination.on_exhibit(exhibit)
    exhibit.laid.then(
        find_again,
        [exhibit.file, exhibit.ground, exhibit.crop, find, model, series, led],
        [exhibit.canvas, exhibit.crop, found, find, examine_all, model, series, led],
        show_progress_on=found,
        trigger_mode="always_last",
        **QUEUE,
    )
    picking = find.input(
        pick,
        [exhibit.file, exhibit.ground, find, model, led],
        [exhibit.canvas, exhibit.crop, model, series, led],
        show_progress="hidden",
        **QUEUE,
    )
    choosing = model.input(tab.series_of, model, series, show_progress="hidden", **QUEUE)
    for event in (picking.then, choosing.then, series.input):
        examination.on_change(event)
    if bench.choices("comparator"):
        for event in shown:
            event(tab.look_again, model, [model, series], show_progress="hidden", **QUEUE)
    for path, button in zip(examples, buttons, strict=True):
        filling = partial(example, path)
        examination.on_filled(button.click, tab.examined, filling, [model, led], [exhibit.file, *arrived])
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


def _api_inputs() -> list[Component]:
    return [
        file_input(render=False, label="file"),
        *(gr.Textbox("", render=False, label=label) for label in ("model", "series", "crop", "find", "ground")),
    ]


def _caption(path: Path) -> str:
    """`leather_tag-atelier-genuine-rendered.jpg` is captioned "Leather tag, atelier, genuine, rendered"."""
    return path.stem.replace("_", " ").replace("-", ", ").capitalize()
