"""The routes of Gradio that are served: the page, its assets, its events, the API. All others do not exist."""

from __future__ import annotations

import re

from starlette.types import Receive, Scope, Send

from ui.doors.refusals import Door, Refused

API = "/gradio_api"
FILES = f"{API}/file="
CALLS = re.compile(rf"{API}/(queue/join|run/[^/]+|call/[^/]+|cancel|reset)/?")
"""Routes that take a body in JSON."""
_NAME = "[A-Za-z0-9_-]+"
OPEN = re.compile(
    rf"/|/login/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/pwa_icon(/[0-9]+)?"
    rf"|/(assets|static|svelte)/.+|{API}/startup-events"
)
"""Routes that the login form needs, and those that Gradio itself requests at its start."""
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
    """Remove a header from a request, so that the app does not read it."""
    scope["headers"] = [(key, value) for key, value in scope["headers"] if key != name]


class RouteDoor(Door):
    """Lets in requests for something that is served."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Raises:
            Refused: with 404 if there is no such route, with 405 if the route does not take this method.
        """
        if scope["type"] == "http":
            path, method = route(scope), "GET" if scope["method"] == "HEAD" else scope["method"]
            ways = [way for way, served in _SERVED.items() if served.fullmatch(path)]
            if not ways:
                raise Refused(404, f"Assay serves nothing at {path[:100]}.")
            if method not in ways:
                raise Refused(405, f"{path[:100]} takes only {' or '.join(ways)}.", {"Allow": ", ".join(ways)})
        await self._app(scope, receive, send)
