"""When an examining tab shows a result and its report form, and when it removes both.

A result never stands beside inputs it was not made from. Each tab keeps its result with the inputs. All
its events run one after the other, so that the last one sees whether the inputs still agree. A browser can
show the answers of two events in the other order; so each answer is followed by a check of what is shown.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from inference.casework.facts import CaseFacts
from ui.answers import AT_ONCE, QUEUE, answer
from ui.exhibit_input import ExhibitInput
from ui.markup import render
from ui.pictures import png_address
from ui.report_desk import Examined, Issued
from ui.report_form import ReportForm

# Runs in the browser: what the viewer asks for becomes an event of the page.
_ASKS_FOR_ORIGINALS = """element.addEventListener("original", event => trigger("select", {original: event.detail}));"""
Inputs = tuple[Any, ...]
Examine = Callable[..., Examined]


@dataclass(frozen=True)
class Result:
    """What the result's place is to show.

    Attributes:
        page: The page, as HTML.
        inputs: The inputs it was made from, as `_stated` gives them.
        key: The desk's key of its examination; None for a page without one.
        mark: Tells it from every other result; the browser holds that of the one it shows.
    """

    page: str
    inputs: Inputs
    key: str | None = None
    mark: str = field(default_factory=secrets.token_urlsafe)

    def stands_beside(self, *inputs: Any) -> bool:
        """Whether it was made from these inputs."""
        return self.inputs == _stated(inputs)


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
        self._result = gr.State(None)
        self._mark = gr.Textbox("", visible="hidden", label="Mark of the shown result")
        self._shown = result
        self._outputs = [result, self._result, self._mark, form.panel, form.issued]

    def on_shown(self) -> None:
        """Report the shown result when the button of the form is pressed, and hand out whole pictures to the viewer."""

        def report(facts: CaseFacts, *shown: Any) -> Issued:
            return self._form.desk.report_kept(key_of(*shown), facts)

        self._form.on_click(report, [self._result, *self._inputs])
        original = gr.HTML("", visible="hidden", elem_classes="original")
        self._shown.js_on_load = _ASKS_FOR_ORIGINALS
        self._shown.select(self._original, self._result, original, **AT_ONCE)

    def on_click(self, button: gr.Button, examine: Examine) -> None:
        """Examine when a button is pressed."""
        self._run(button.click, examine)

    def on_filled(
        self,
        event: Callable[..., Dependency],
        examine: Examine,
        fill: Callable[..., Any],
        known: Sequence[Component],
        filled: Sequence[Component],
    ) -> None:
        """At an event, such as the choice of an example, fill inputs, and examine them."""
        filling = event(fill, list(known), list(filled), show_progress="hidden", **QUEUE)
        self._run(filling.success, examine)

    def on_exhibit(self, exhibit: ExhibitInput) -> None:
        """Remove the result when the exhibit, its crop or its ground changes."""
        handed_in = (exhibit.file.upload, exhibit.file.clear, exhibit.captured.then)
        for event in (*handed_in, exhibit.cropped.then, exhibit.ground.change):
            self.on_change(event)

    def on_change(self, event: Callable[..., Dependency]) -> None:
        """Remove the result when an input changes."""
        self._check(self._check(event).then)

    def run(self, examine: Examine, *inputs: Any) -> tuple[Any, ...]:
        """The result of these inputs, and the form for its report, without a report yet."""
        examined = answer(examine, *inputs)
        if isinstance(examined, str):
            return _outputs(Result(examined, _stated(inputs)))
        return _outputs(Result(examined.page, _stated(inputs), self._form.desk.keep(examined)))

    def refresh(self, result: Result | None, mark: str, *inputs: Any) -> tuple[Any, ...]:
        """The result if it was made from these inputs, else the page that says what to do, and no form.

        No change if the browser shows that already.

        Args:
            result: The result of the last event; None before the first.
            mark: That of the result which the browser shows.
            *inputs: The present inputs.
        """
        if result is None or not result.stands_beside(*inputs):
            return _outputs(Result(answer(self._wait, *inputs), _stated(inputs)))
        if mark == result.mark:
            return (gr.skip(),) * len(self._outputs)
        return _outputs(result)

    def _original(self, result: Result | None, event: gr.EventData) -> str:
        """The whole picture that the viewer asks for, as HTML."""
        asked = str(event.original)
        pixels = self._form.desk.original(result.key if result else None, asked)
        if pixels is None:
            return ""
        return render("original.html", address=png_address(pixels), asked=asked, width=pixels.shape[1])

    def _run(self, event: Callable[..., Dependency], examine: Examine) -> None:
        running = event(partial(self.run, examine), self._inputs, self._outputs, **QUEUE)
        # The inputs may have changed during the examination.
        self.on_change(running.then)

    def _check(self, event: Callable[..., Dependency]) -> Dependency:
        return event(
            self.refresh,
            [self._result, self._mark, *self._inputs],
            self._outputs,
            show_progress="hidden",
            # A change during a refresh needs another one.
            trigger_mode="always_last",
            **QUEUE,
        )


def key_of(result: Result | None, *inputs: Any) -> str | None:
    """The desk's key of a result that was made from these inputs; None for another one, and for none."""
    return result.key if result is not None and result.stands_beside(*inputs) else None


def _outputs(result: Result) -> tuple[Any, ...]:
    return result.page, result, result.mark, gr.Column(visible=result.key is not None), ""


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


def _stated(inputs: Inputs) -> Inputs:
    """Inputs for a comparison: an emptied field equals one that was never filled."""
    return tuple(value or "" for value in inputs)
