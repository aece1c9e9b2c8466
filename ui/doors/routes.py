"""What of Gradio is served: the page, its assets, its events, the API. All else is not there."""

from __future__ import annotations

import re

from starlette.types import Receive, Scope, Send

from ui.doors.refusals import Door, Refused

API = "/gradio_api"
FILES = f"{API}/file="
CALLS = re.compile(rf"{API}/(queue/join|run/[^/]+|call/[^/]+|cancel|reset)/?")
"""Takes a body in JSON."""
_NAME = "[A-Za-z0-9_-]+"
OPEN = re.compile(
    rf"/|/login/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/pwa_icon(/[0-9]+)?"
    rf"|/(assets|static|svelte)/.+|{API}/startup-events"
)
"""What the login itself is shown with, and what Gradio asks itself before it answers others."""
_SERVED = {
    "GET": re.compile(
        rf"{OPEN.pattern}|/logout|/config/?|/openapi\.json"
        rf"|{API}/(user|login_check|app_id|info|openapi\.json)/?"
        rf"|{API}/(theme\.css|upload_progress|queue/(data|status)|heartbeat/[^/]+|call/(?!v2/)[^/]+/[^/]+)"
        rf"|{API}/custom_component/{_NAME}/client/(component|example)/[^/]+"
        rf"|{API}/file=.*",
        re.DOTALL,
    ),
    "POST": re.compile(rf"/login/?|{CALLS.pattern}|{API}/upload"),
}


def route(scope: Scope) -> str:
    """The path of a request within the bench, without the sub-path it is served under."""
    path, root = str(scope["path"]), str(scope.get("root_path") or "")
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    return path or "/"


def forget(scope: Scope, name: bytes) -> None:
    """Take a header off a request, so that nothing within reads it."""
    scope["headers"] = [(key, value) for key, value in scope["headers"] if key != name]


class RouteDoor(Door):
    """Lets in what asks for something that is served."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Raises:
            Refused: with 404 if there is no such thing, with 405 if it is asked for in another way than it is served.
        """
        if scope["type"] == "http":
            path, method = route(scope), "GET" if scope["method"] == "HEAD" else scope["method"]
            ways = [way for way, served in _SERVED.items() if served.fullmatch(path)]
            if not ways:
                raise Refused(404, f"Assay serves nothing at {path[:100]}.")
            if method not in ways:
                raise Refused(405, f"{path[:100]} is asked for by {' or '.join(ways)}.", {"Allow": ", ".join(ways)})
        await self._app(scope, receive, send)
