"""When an examining tab shows a result and its report form, and when it removes both.

A result never stands beside inputs it was not made from. Each tab keeps the inputs of its result. All
its events run one after the other, so that the last one sees whether the inputs still agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from ui.answers import QUEUE, answer
from ui.exhibit_input import ExhibitInput
from ui.report_desk import Examined
from ui.report_form import ReportForm

Inputs = tuple[Any, ...]
Examine = Callable[..., Examined]


class Examination:
    """The events of one examining tab: when its result is made, and when it is removed.

    Args:
        wait: Makes the page before a result, which says what to do, from the inputs.
        inputs: The components that `wait` and every way to examine take, in their order.
        result: The component that shows the pages.
        form: The form that makes a report on the result.
    """

    def __init__(
        self,
        wait: Callable[..., str],
        inputs: Sequence[Component],
        result: gr.HTML,
        form: ReportForm,
    ) -> None:
        self._wait = wait
        self._inputs = list(inputs)
        self._form = form
        self._stands_for = gr.State(None)
        self._outputs = [result, self._stands_for, form.key, form.panel, form.issued]

    def on_report(self) -> None:
        """Report the shown result when the button of the form is pressed."""
        self._form.on_click(stands, self._stands_for, self._inputs)

    def on_click(self, button: gr.Button, examine: Examine) -> None:
        """Examine when a button is pressed."""
        self._run(button.click, examine)

    def on_example(
        self,
        button: gr.Button,
        examine: Examine,
        fill: Callable[..., Any],
        known: Sequence[Component],
        filled: Sequence[Component],
    ) -> None:
        """When an example is chosen, fill the inputs, and examine it."""
        filling = button.click(fill, list(known), list(filled), show_progress="hidden", **QUEUE)
        self._run(filling.then, examine)

    def on_exhibit(self, exhibit: ExhibitInput) -> None:
        """Remove the result when the exhibit, its crop or its ground changes."""
        handed_in = (exhibit.file.upload, exhibit.file.clear, exhibit.captured.then)
        for event in (*handed_in, exhibit.crop.change, exhibit.ground.change):
            self.on_change(event)

    def on_change(self, event: Callable[..., Dependency]) -> None:
        """Remove the result when an input changes."""
        event(
            self.refresh,
            [self._stands_for, *self._inputs],
            self._outputs,
            show_progress="hidden",
            **QUEUE,
        )

    def run(self, examine: Examine, *inputs: Any) -> tuple[str, Inputs, str | None, gr.Column, str]:
        """The result, its inputs, and the form for its report, without a report yet."""
        examined = answer(examine, *inputs)
        if isinstance(examined, str):
            return examined, _stated(inputs), None, gr.Column(visible=False), ""
        return examined.page, _stated(inputs), self._form.desk.keep(examined), gr.Column(visible=True), ""

    def refresh(self, stands_for: Inputs | None, *inputs: Any) -> tuple[Any, ...]:
        """No change if the shown result was made from these inputs; else the page that says what to do, and no form."""
        if stands(stands_for, *inputs):
            return (gr.skip(),) * len(self._outputs)
        return answer(self._wait, *inputs), _stated(inputs), None, gr.Column(visible=False), ""

    def _run(self, event: Callable[..., Dependency], examine: Examine) -> None:
        running = event(partial(self.run, examine), self._inputs, self._outputs, **QUEUE)
        # The inputs may have changed during the examination.
        self.on_change(running.then)


def example_buttons(words: str, examples: Sequence[tuple[str, Path]]) -> list[gr.Button]:
    """A button for each example, with its caption and its picture, under what they are; nothing without examples."""
    if not examples:
        return []
    gr.HTML(f"<h3>Examples</h3><p>{words}</p>", elem_classes="aside")
    with gr.Row(elem_classes="examples"):
        return [
            gr.Button(caption, icon=str(picture), min_width=130, elem_classes="example")
            for caption, picture in examples
        ]


def stands(stands_for: Inputs | None, *inputs: Any) -> bool:
    """Whether a result that was made from `stands_for` was made from these inputs."""
    return stands_for is not None and tuple(stands_for) == _stated(inputs)


def _stated(inputs: Inputs) -> Inputs:
    """Inputs for a comparison: an emptied field equals one that was never filled."""
    return tuple(value or "" for value in inputs)
