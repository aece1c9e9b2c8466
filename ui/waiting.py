"""How many calls may wait, and what a call is told for which there is no room."""

from __future__ import annotations

import json
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from ui.doors.refusals import Door

MOST_WAITING = 96
"""Calls of pages and clients together: what an office sends at once, 64, and half as much again."""

FULL = f"The bench is busy: {MOST_WAITING} calls wait already, and no more are taken; try again in a few minutes."


class FullQueue(Door):
    """Says in a sentence that the queue is full, where Gradio gives numbers only."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its response back."""
        held: list[Message] = []

        async def send_in_words(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 503:
                held.append(message)
                return
            if held:
                message, start = _in_words(message), held.pop()
                length = str(len(message["body"])).encode()
                headers = [(name, length if name == b"content-length" else value) for name, value in start["headers"]]
                await send({**start, "headers": headers})
            await send(message)

        await self._app(scope, receive, send_in_words)


def _in_words(message: Message) -> Message:
    body: Any = message.get("body", b"")
    if b'"Queue is full' in body:
        body = json.dumps({"detail": FULL}).encode()
    return {**message, "body": body}
