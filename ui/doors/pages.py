"""A reply that is a page, held until all of it can be read."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

Finish = Callable[[MutableHeaders, bytes], bytes]


def whole_page(send: Send, finish: Finish) -> Send:
    """A sender that passes replies on, but a page only when it is whole and finished.

    Args:
        send: The sender that is wrapped.
        finish: Takes the headers, which it may change, and the page; gives the page to send.
    """
    started: list[Message] = []
    parts: list[bytes] = []

    async def send_whole(message: Message) -> None:
        if message["type"] == "http.response.start":
            if MutableHeaders(scope=message).get("content-type", "").startswith("text/html"):
                started.append(message)
                return
        elif started:
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            start, page = started.pop(), b"".join(parts)
            headers = MutableHeaders(scope=start)
            finished = finish(headers, page)
            # The reply to a HEAD request has a length and no body.
            if page and "content-length" in headers:
                headers["content-length"] = str(len(finished))
            await send(start)
            message = {"type": "http.response.body", "body": finished, "more_body": False}
        await send(message)

    return send_whole
