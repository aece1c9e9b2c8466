"""File names as they were given, however a file is handed in.

Gradio and its client remove characters from the name of an upload that a file system or shell could misread, and both
cut long names. So a name that would be changed is replaced by a token on its way in, and looked up by that token
afterwards.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import gradio as gr
from gradio.data_classes import FileData, ListFiles
from gradio_client.utils import strip_invalid_filename_characters
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from ui.doors.refusals import Door

_KNOWN = 10_000
"""Most names that are kept; a page states its names itself as well."""

# Characters that a client escapes in the header of a field, by the rule of HTML forms.
_ESCAPED = re.compile("%(22|[01][0-9A-F])")


class NamedPath(str):
    """The path of a handed-in file, with its name as given.

    Args:
        path: The path.
        name: The given name; unverified.
    """

    name: str

    def __new__(cls, path: str, name: str) -> NamedPath:
        """A string that is the path."""
        made = super().__new__(cls, path)
        made.name = name
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override] # a copy keeps the name
        return str(self), self.name


def given_name(path: str) -> str:
    """The name of the file at a path as it was handed in."""
    return path.name if isinstance(path, NamedPath) else Path(path).name


def file_input(**options: Any) -> gr.File:
    """A `gr.File` that passes on a NamedPath; its options are Gradio's."""
    file = gr.File(**options)
    # For a subclass, Gradio would write a stub file into this folder.
    file.preprocess = _named  # type: ignore[method-assign]
    return file


def files_input(**options: Any) -> gr.File:
    """A `gr.File` for several files that passes on a list of NamedPath, and takes one; its options are Gradio's."""
    files = gr.File(file_count="multiple", **options)
    files.preprocess = _all_named  # type: ignore[method-assign, assignment] # as above
    files.postprocess = _handed_back  # type: ignore[method-assign, assignment] # as above
    return files


def _handed_back(paths: Sequence[str] | None) -> ListFiles:
    """Files for the page to show and to hand in again, by their given names."""
    return ListFiles(
        root=[FileData(path=path, orig_name=given_name(path), size=Path(path).stat().st_size) for path in paths or ()]
    )


def _all_named(payload: ListFiles | FileData | None) -> list[NamedPath]:
    """The files as they were uploaded."""
    listed = payload.root if isinstance(payload, ListFiles) else [payload] if payload else []
    return [NamedPath(file.path, _name_of(file)) for file in listed]


def _named(payload: ListFiles | FileData | None) -> NamedPath | None:
    """The file as it was uploaded, the first of several; None for none."""
    if isinstance(payload, ListFiles):
        payload = payload.root[0] if payload.root else None
    return NamedPath(payload.path, _name_of(payload)) if payload else None


class NamedUploads(Door):
    """Replaces names of uploads that would be changed by tokens, and keeps the names."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and an upload with tokens for names."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith("/gradio_api/upload"):
            kind, options = parse_options_header(Headers(scope=scope).get("content-type"))
            if kind == b"multipart/form-data" and b"boundary" in options:
                scope = {**scope, "headers": [*scope["headers"]]}
                del MutableHeaders(scope=scope)["content-length"]
                receive = _with_signs(receive, _Rewriting(options[b"boundary"]))
        await self._app(scope, receive, send)


def _with_signs(receive: Receive, rewriting: _Rewriting) -> Receive:
    async def receive_rewritten() -> Message:
        message = await receive()
        if message["type"] != "http.request":
            return message
        return {**message, "body": rewriting(message.get("body", b""))}

    return receive_rewritten


class _Rewriting:
    """Rewrites a form, piece by piece, with tokens for the names of its files."""

    def __init__(self, boundary: bytes) -> None:
        self._boundary = boundary
        self._out = bytearray()
        self._field = self._value = b""
        self._broken = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": lambda: self._write(b"--" + self._boundary + b"\r\n"),
                "on_header_field": self._on_field,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": lambda: self._write(b"\r\n"),
                "on_part_data": lambda data, start, end: self._write(data[start:end]),
                "on_part_end": lambda: self._write(b"\r\n"),
                "on_end": lambda: self._write(b"--" + self._boundary + b"--\r\n"),
            },
        )

    def __call__(self, piece: bytes) -> bytes:
        """The next piece, rewritten; unchanged once the form is broken, since Gradio will refuse it."""
        if not self._broken:
            try:
                self._parser.write(piece)
                piece = bytes(self._out)
                self._out.clear()
            except MultipartParseError:
                self._broken = True
        return piece

    def _write(self, piece: bytes) -> None:
        self._out += piece

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        field, value = self._field, self._value
        self._field = self._value = b""
        if field.lower() == b"content-disposition":
            kind, options = parse_options_header(value)
            name = options.get(b"filename", b"").decode("utf-8", "replace")
            if name and name != _as_stored(name):
                field_name = options.get(b"name", b"").replace(b'"', b"%22")
                value = kind + b'; name="' + field_name + b'"; filename="' + _NAMES.sign(name).encode() + b'"'
        self._write(field + b": " + value + b"\r\n")


class _Names:
    """Names and their tokens; equal names have one token."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def sign(self, name: str) -> str:
        sign = f"named-{hashlib.sha256(name.encode()).hexdigest()[:32]}"
        with self._lock:
            self._names[sign] = name
            self._names.move_to_end(sign)
            while len(self._names) > _KNOWN:
                self._names.popitem(last=False)
        return sign

    def named(self, sign: str) -> str:
        """The name for a token; any other text is a name itself."""
        return self._names.get(sign, sign)


_NAMES = _Names()


def _name_of(file: FileData) -> str:
    """The given name: the page states it whole, a client of the API as Gradio stored it."""
    uploaded = _NAMES.named(Path(file.path).name)
    stated = file.orig_name or uploaded
    unescaped = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), uploaded)
    return next((name for name in (uploaded, unescaped) if _as_stored(name) == stated), stated)


def _as_stored(name: str) -> str:
    """A name as Gradio and its client store it."""
    return str(strip_invalid_filename_characters(Path(name).name))
