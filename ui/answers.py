"""How everything on the page and in its API answers: a result, a refusal in one sentence, or a word on a fault."""

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


def answer(make: Callable[..., Result], *inputs: Any, refused: str = "Not examined") -> Result | str:
    """What `make` makes of the inputs, or the card that says why there is nothing, with `refused` as its title."""
    try:
        return make(*inputs)
    except Refusal as refusal:
        return refusal_card(str(refusal), refused)
    except Exception:
        logger.exception("a fault")
        return fault_card(refused)


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
        logger.exception("a fault")
        msg = "Assay met a fault of its own and reached no result."
        raise gr.Error(msg, print_exception=False) from error


def api_endpoint(
    record: Callable[..., Any], name: str, inputs: Sequence[Component], files: Sequence[gr.File] = ()
) -> None:
    """An endpoint for clients, with components of its own that the page does not show.

    Not `gr.api`, which hands over any path of the server that a client names; a `file_input` takes uploads only.

    Args:
        record: Answers with a record, and with the path of each of `files` after it.
        name: Of the endpoint.
        inputs: What `record` takes.
        files: What it hands out.
    """
    with gr.Row(visible=False):
        for component in (*inputs, *files):
            component.render()
        trigger, output = gr.Button(), gr.JSON()
    trigger.click(record, list(inputs), [output, *files], api_name=name, concurrency_id="model")
