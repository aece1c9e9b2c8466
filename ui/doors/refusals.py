"""Refusals of a door: a status and one sentence, in the form that Gradio's own clients read."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Refused(HTTPException):
    """A request that a door does not let through; its detail is the sentence."""


class Door:
    """Stands between an app and those who ask it.

    Args:
        app: The wrapped app, with the doors.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app


class Refusing(Door):
    """Answers a request that the doors within refuse with their sentence."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not. The bench has no websocket, so that none is opened."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            await self._app(scope, receive, send)
        except Refused as refused:
            response = JSONResponse({"detail": refused.detail}, refused.status_code, refused.headers)
            await response(scope, receive, send)
