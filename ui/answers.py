"""The answers of page and API: a result, a refusal in one sentence, or a sentence on a fault."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import gradio as gr
from gradio.components import Component

from inference.records import Refusal
from ui.verdict_card import fault_card, refusal_card

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

QUEUE: dict[str, Any] = {"concurrency_id": "model", "api_visibility": "private"}
"""Options of an event that examines."""
AT_ONCE: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""Options of an event that examines nothing, and waits for no examination."""


def answer(make: Callable[..., Result], *inputs: Any, refused: str = "Not examined") -> Result | str:
    """The result of `make` on the inputs, or a card that states why there is none, with `refused` as its title."""
    try:
        return make(*inputs)
    except Refusal as refusal:
        return refusal_card(str(refusal), refused)
    except Exception:
        logger.exception("a fault")
        return fault_card(refused)


def answer_api(record: Callable[..., Any], *inputs: Any) -> Any:
    """The result of `record` on the inputs, for a client of the API.

    Raises:
        gr.Error: with the sentence of the refusal, or with one that states a fault without details.
    """
    try:
        return record(*inputs)
    except Refusal as refusal:
        raise gr.Error(str(refusal), print_exception=False) from refusal
    except Exception as error:
        logger.exception("a fault")
        msg = "Assay met a fault of its own and reached no result."
        raise gr.Error(msg, print_exception=False) from error


def api_endpoint(
    record: Callable[..., Any], name: str, inputs: Sequence[Component], files: Sequence[gr.File] = ()
) -> None:
    """Add an endpoint for clients, with components that the page does not show.

    It does not use `gr.api`, which passes on any path of the server that a client names; a `file_input` takes uploads
    only.

    Args:
        record: Gives a record, followed by the path of each of `files`.
        name: Name of the endpoint.
        inputs: Inputs of `record`.
        files: Files that it gives out.
    """
    with gr.Row(visible=False):
        for component in (*inputs, *files):
            component.render()
        trigger, output = gr.Button(), gr.JSON()
    trigger.click(record, list(inputs), [output, *files], api_name=name, concurrency_id="model")
