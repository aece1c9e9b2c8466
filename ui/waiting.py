"""The number of calls that may wait, and the refusal of further calls."""

from __future__ import annotations

import json
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from ui.doors.refusals import Door

MOST_WAITING = 96
"""Most waiting calls of pages and clients together: the 64 that an office sends at once, and half as many again."""

FULL = f"The bench is busy: {MOST_WAITING} calls are waiting, and no more are accepted; try again in a few minutes."


class FullQueue(Door):
    """States in a sentence that the queue is full, where Gradio gives only numbers."""

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
