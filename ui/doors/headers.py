"""Headers of every reply: the page asks no other machine for anything and runs its own scripts only.

What is fetched by `file=` was handed in by somebody: a browser saves or draws it, but never runs it or shows it as a
page of the bench.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html.parser import HTMLParser
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.doors.pages import whole_page
from ui.doors.routes import FILES, forget, route

# Scripts: those of the sent page and Assay's own, by their hash. Gradio compiles the event handlers that run in the
# browser, which needs 'unsafe-eval'. Styles: Gradio sets them on elements and writes them into the page.
_PAGE = (
    "default-src 'self'; script-src 'self' 'unsafe-eval' {hashes}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; "
    "frame-src 'none'; worker-src 'none'; object-src 'none'; base-uri 'self'; form-action 'self'"
)
_NO_PAGE = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_FILE = "sandbox; default-src 'none'; frame-ancestors 'none'"
# No script can run in these types, whatever they hold.
_PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp", "image/tiff")
_KEPT_OF_FILES = ("content-length", "etag", "last-modified", "content-type", "content-disposition")


class SecurityHeaders:
    """Adds the headers to every reply.

    Args:
        app: The wrapped app.
        framed: Whether other sites may show the page in a frame, as Hugging Face does with a Space.
        scripts: Assay's own scripts, which Gradio puts into the running page.
    """

    def __init__(self, app: ASGIApp, framed: bool, scripts: Iterable[str] = ()) -> None:
        self._app = app
        self._framed = framed
        self._hashes = [_hash(script) for script in scripts]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its reply back with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_file = route(scope).startswith(FILES)
        if is_file or route(scope) == "/":
            # The page is read here, and a file goes out byte for byte, so that neither is compressed.
            forget(scope, b"accept-encoding")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if is_file and message["status"] < HTTPStatus.BAD_REQUEST:
                    _as_attachment(headers)
                for name, value in _ALWAYS.items():
                    headers[name] = value
                headers.setdefault("Content-Security-Policy", _FILE if is_file else _NO_PAGE)
            await send(message)

        await self._app(scope, receive, whole_page(send_with_headers, self._finish))

    def _finish(self, headers: MutableHeaders, page: bytes) -> bytes:
        headers["Content-Security-Policy"] = self._policy(page)
        if not self._framed:
            headers["X-Frame-Options"] = "SAMEORIGIN"
        return page

    def _policy(self, page: bytes) -> str:
        hashes = [*self._hashes, *(_hash(script) for script in _inline_scripts(page.decode()))]
        policy = _PAGE.format(hashes=" ".join(dict.fromkeys(hashes)))
        return policy if self._framed else f"{policy}; frame-ancestors 'self'"


def _as_attachment(headers: MutableHeaders) -> None:
    """Reduce the headers of a reply with a file to its length and age; a picture keeps its type, to be drawn."""
    for name in [name for name in headers if name not in _KEPT_OF_FILES]:
        del headers[name]
    if headers.get("content-type", "").partition(";")[0].strip() not in _PICTURES:
        headers["Content-Type"] = "application/octet-stream"
    _, _, name = headers.get("content-disposition", "").partition(";")
    headers["Content-Disposition"] = f"attachment;{name}" if name else "attachment"


class _Scripts(HTMLParser):
    """Collects the content of the script elements of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []
        self._within = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script" and "src" not in dict(attrs):
            self._within = True
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._within = False

    def handle_data(self, data: str) -> None:
        if self._within:
            self.found[-1] += data


def _inline_scripts(page: str) -> list[str]:
    scripts = _Scripts()
    scripts.feed(page)
    scripts.close()
    return scripts.found


def _hash(script: str) -> str:
    """The hash of a script for a policy; a browser reads every line end as one character."""
    digest = hashlib.sha256(script.replace("\r\n", "\n").replace("\r", "\n").encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
