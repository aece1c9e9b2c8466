"""Files are handed in as uploads and fetched by their path; an address that a client names is never fetched.

Gradio fetches an http(s) address wherever a file can stand: in the path or url of a FileData, at any depth of any
value, and after `file=`. So the bodies of requests are read here first, and only paths of files of this run pass.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.doors.names import Names, asked_hosts
from ui.doors.refusals import Refused
from ui.doors.routes import CALLS, FILES, forget, route

_LARGEST_BODY = 2**20
"""Most bytes of JSON in one call; pictures are uploads, and all else that the page sends is far shorter."""
_NO_FILE = "{value!r} is not a file that was handed in here, and Assay fetches no address; upload the file itself."


class FileDoor:
    """Lets in only calls that name uploaded files, and gives out no other files.

    Args:
        app: The wrapped app.
        names: The names that the bench is served under.
        folders: Folders of the files that this run was handed, made or came with.
    """

    def __init__(self, app: ASGIApp, names: Names, folders: Iterable[str | Path]) -> None:
        self._app = app
        self._names = names
        # The path as named and as resolved: a temporary folder may itself be a link.
        self._folders = [str(folder) for path in folders for folder in (Path(path).absolute(), Path(path).resolve())]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, its body byte for byte.

        Raises:
            Refused: with 400 if it names anything but a file of this run, or its body is not JSON; with 403 if it asks
                for another file of this machine; with 413 if it is too large; with 415 if its content type is not
                JSON.
        """
        if scope["type"] == "http":
            path = route(scope)
            if path.startswith(FILES):
                name = path.removeprefix(FILES)
                self._check_path(name, 403 if Path(name).is_absolute() else 400)
                # A file goes out whole: Gradio answers a range with the request's own headers.
                forget(scope, b"range")
            elif scope["method"] == "POST" and CALLS.fullmatch(path):
                body = await _read(scope, receive)
                self._check_call(scope, path, _parse(body))
                receive = _replay(body, receive)
        await self._app(scope, receive, send)

    def _check_call(self, scope: Scope, path: str, call: Any) -> None:
        for entry in _objects(call):
            if "path" in entry:
                self._check_path(entry["path"])
            if "url" in entry:
                self._check_address(entry["url"], scope)
        for value in _given_for_files(scope, path, call):
            if isinstance(value, str):
                self._check_path(value)
                raise Refused(400, "A file was named by its bare path; hand in what the upload answered.")

    def _check_path(self, path: Any, status: int = 400) -> None:
        """Refuse anything but the path of a file of this run; a value that is not a path never reaches the disk."""
        if path is None:
            return
        if isinstance(path, str) and "\0" not in path and self._within(os.path.normpath(path)):
            try:
                if self._within(str(Path(path).resolve())):
                    return
            except (OSError, RuntimeError):
                pass
        raise Refused(status, _NO_FILE.format(value=str(path)[:100]))

    def _within(self, path: str) -> bool:
        return any(path.startswith(f"{folder}{os.sep}") for folder in self._folders)

    def _check_address(self, url: Any, scope: Scope) -> None:
        """Refuse anything but the bench's own address of a file, which Gradio's page states beside the path."""
        if url is None:
            return
        try:
            scheme, place, path, query, _ = urlsplit(str(url))
        except ValueError:
            raise Refused(400, _NO_FILE.format(value=str(url)[:100])) from None
        own = (not scheme and not place) or self._names.same_origin(str(url), asked_hosts(scope))
        if not own or FILES not in path or query:
            raise Refused(400, _NO_FILE.format(value=str(url)[:100]))
        self._check_path(unquote(path.partition(FILES)[2]))


async def _read(scope: Scope, receive: Receive) -> bytes:
    kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, f"A call needs the content type application/json, not {kind[:100] or 'none'}.")
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "The call ended before its body did; send it again.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _LARGEST_BODY:
            raise Refused(413, "A call is limited to 1 MB; hand in pictures as uploads.")
        if not message.get("more_body"):
            return b"".join(parts)


def _parse(body: bytes) -> Any:
    try:
        # As Gradio's own framework reads it, except that a repeated name is refused: it could be read in two ways.
        return json.loads(body, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"The call is not readable JSON: {str(error)[:100]}.") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        msg = "a name stands twice in one object"
        raise ValueError(msg)
    return made


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON value, at any depth."""
    left = [value]
    while left:
        found = left.pop()
        if isinstance(found, dict):
            yield found
            left.extend(found.values())
        elif isinstance(found, list):
            left.extend(found)


def _given_for_files(scope: Scope, path: str, call: Any) -> Iterator[Any]:
    """The values of a call for inputs that take files; none if Gradio will refuse the call itself."""
    data = call.get("data") if isinstance(call, dict) else None
    functions = scope["app"].get_blocks().fns
    asked, name = call.get("fn_index") if isinstance(call, dict) else None, path.rstrip("/").rpartition("/")[2]
    chosen = [each for number, each in functions.items() if number == asked or name in (each.api_name, str(number))]
    if not isinstance(data, list) or not chosen:
        return
    inputs = chosen[0].inputs
    if len(inputs) != len(data):
        inputs = [component for component in inputs if not component.skip_api]
    yield from (value for value, component in zip(data, inputs, strict=False) if component.data_model)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receiver that gives the body that was read, and then what follows it."""
    left = [body]

    async def receive_again() -> Message:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return receive_again
