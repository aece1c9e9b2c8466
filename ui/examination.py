"""How both examining tabs answer: a page, a refusal in one sentence, or a neutral word on a fault.

A result never stands beside inputs it was not made from. Each tab keeps the inputs its card stands
for; all its events run one after the other, so whichever comes last sees whether they still agree.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from inference.records import Refusal
from ui.exhibit_input import ExhibitInput
from ui.verdict_card import fault_card, refusal_card

logger = logging.getLogger(__name__)

Inputs = tuple[Any, ...]
Page = Callable[..., str]

QUEUE: dict[str, Any] = {"concurrency_id": "model", "api_visibility": "private"}


def answer(page: Page, *inputs: Any) -> str:
    """What `page` makes of the inputs, or the card that says why there is nothing."""
    try:
        return page(*inputs)
    except Refusal as refusal:
        return refusal_card(str(refusal))
    except Exception:
        logger.exception("a fault while examining")
        return fault_card()


def answer_api(record: Callable[..., Any], *inputs: Any) -> Any:
    """What `record` makes of the inputs, for a client of the API.

    Raises:
        gr.Error: with the refusal's sentence, or one that names no more than that there was a fault.
    """
    try:
        return record(*inputs)
    except Refusal as refusal:
        raise gr.Error(str(refusal), print_exception=False) from refusal
    except Exception as error:
        logger.exception("a fault while examining")
        msg = "Assay met a fault of its own and reached no verdict."
        raise gr.Error(msg, print_exception=False) from error


def api_endpoint(record: Callable[..., Any], name: str, inputs: Sequence[Component]) -> None:
    """An endpoint for clients, with components of its own that the page does not show.

    Not `gr.api`, which hands over any path of the server that a client names; a `gr.File` takes uploads only.
    """
    with gr.Row(visible=False):
        for component in inputs:
            component.render()
        trigger, output = gr.Button(), gr.JSON()
    trigger.click(record, list(inputs), output, api_name=name, concurrency_id="model")


class Examination:
    """The wiring of one examining tab: when its result is made, and when it is taken away.

    Args:
        examine: Inputs to the page of their result.
        wait: Inputs to the page that says what to do before there is one.
        inputs: The components both take, in their order.
        result: Where pages are shown.
    """

    def __init__(self, examine: Page, wait: Page, inputs: Sequence[Component], result: gr.HTML) -> None:
        self._examine = examine
        self._wait = wait
        self._inputs = list(inputs)
        self._result = result
        self._stands_for = gr.State(None)

    def on_click(self, button: gr.Button) -> None:
        """Examine when the button is pressed."""
        self._run(button.click)

    def on_example(self, button: gr.Button, fill: Callable[[], Any], filled: Sequence[Component]) -> None:
        """Fill inputs when an example is chosen, and examine."""
        filling = button.click(fill, None, list(filled), show_progress="hidden", **QUEUE)
        self._run(filling.then)

    def on_exhibit(self, exhibit: ExhibitInput) -> None:
        """Take the result away when the exhibit or its crop changes."""
        for event in (exhibit.file.upload, exhibit.file.clear, exhibit.captured.then, exhibit.crop.change):
            self.on_change(event)

    def on_change(self, event: Callable[..., Dependency]) -> None:
        """Take the result away when an input changes."""
        event(
            self.refresh,
            [self._stands_for, *self._inputs],
            [self._result, self._stands_for],
            show_progress="hidden",
            **QUEUE,
        )

    def run(self, *inputs: Any) -> tuple[str, Inputs]:
        """The result, and the inputs it stands for."""
        return answer(self._examine, *inputs), _stated(inputs)

    def refresh(self, stands_for: Inputs | None, *inputs: Any) -> tuple[Any, Any]:
        """Nothing new if the card on show stands for these inputs; what to do, if it does not."""
        if stands_for is not None and tuple(stands_for) == _stated(inputs):
            return gr.skip(), gr.skip()
        return answer(self._wait, *inputs), _stated(inputs)

    def _run(self, event: Callable[..., Dependency]) -> None:
        running = event(self.run, self._inputs, [self._result, self._stands_for], **QUEUE)
        # Inputs may have changed while it ran.
        self.on_change(running.then)


def _stated(inputs: Inputs) -> Inputs:
    """Inputs as they are compared: a field that was emptied says no more than one never filled."""
    return tuple(value or "" for value in inputs)
