"""Requests that a page of another site makes a browser send; only a link to the page itself gets in."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ui.doors.names import Names, asked_hosts
from ui.doors.refusals import Refused
from ui.doors.routes import route

_FOREIGN = "This request comes from a page of another site ({page}); Assay answers only its own page and programs."
_FRAMES = ("iframe", "frame")


class OriginDoor:
    """Lets in requests of the bench's own page, and requests that no page made.

    Args:
        app: The wrapped app.
        names: The names that the bench is served under.
        framed: Whether other sites may show the page in a frame.
    """

    def __init__(self, app: ASGIApp, names: Names, framed: bool) -> None:
        self._app = app
        self._names = names
        self._framed = framed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Raises:
            Refused: with 403 if a foreign page caused it.
        """
        if scope["type"] == "http" and (page := self._foreign_page(scope)) is not None:
            raise Refused(403, _FOREIGN.format(page=page[:100]))
        await self._app(scope, receive, send)

    def _foreign_page(self, scope: Scope) -> str | None:
        """The foreign page behind a request, as far as it is known; None without one."""
        headers = Headers(scope=scope)
        for origin in headers.getlist("origin"):
            if not self._names.same_origin(origin, asked_hosts(scope)):
                return origin
        if self._leads_to_the_page(scope, headers):
            return None
        site = headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin"):
            return site
        referer = headers.get("referer")
        if referer and not self._names.same_origin(referer, asked_hosts(scope)):
            return referer
        return None

    def _leads_to_the_page(self, scope: Scope, headers: Headers) -> bool:
        """Whether it is a followed link, whose result only the examiner sees and no script."""
        if scope["method"] not in ("GET", "HEAD") or route(scope) != "/":
            return False
        if headers.get("sec-fetch-mode", "navigate") != "navigate":
            return False
        return self._framed or headers.get("sec-fetch-dest", "document") not in _FRAMES
