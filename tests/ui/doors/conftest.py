"""A real bench on a real port, asked in every way that a browser or a program could ask it."""

from __future__ import annotations

import http.client
import json
import os
import struct
import urllib.parse
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app import OFFLINE

# Before anything imports Gradio.
os.environ.update(OFFLINE)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def sentence(self) -> str:
        return str(json.loads(self.body)["detail"])


@dataclass(frozen=True)
class Asked:
    """A bench that can be asked.

    Attributes:
        address: Where it is, without a slash at its end.
        uploads: Where it keeps what it is handed.
    """

    address: str
    uploads: Path

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str | None] | None = None, body: bytes | None = None
    ) -> Reply:
        """Its reply to a request that holds these headers, and a Host unless that is None; an endless one is cut."""
        place = urllib.parse.urlsplit(self.address)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        sent = {"Host": place.netloc, **(headers or {})}
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            endless = response.getheader("content-type", "").startswith("text/event-stream")
            received = response.readline() if endless else response.read()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, received)
        finally:
            connection.close()

    def call(self, path: str, call: Any, headers: Mapping[str, str | None] | None = None) -> Reply:
        """Its reply to a call in JSON."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self("POST", path, sent, json.dumps(call).encode())

    def upload(self, name: str, content: bytes, headers: Mapping[str, str | None] | None = None) -> Reply:
        """Its reply to a file that is handed in."""
        body = (
            f'--edge\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode() + content + b"\r\n--edge--\r\n"  # fmt: skip
        sent = {"Content-Type": "multipart/form-data; boundary=edge", **(headers or {})}
        return self("POST", "/gradio_api/upload", sent, body)

    def handed_in(self, name: str, content: bytes) -> str:
        """The path that a file has once it is handed in."""
        return str(json.loads(self.upload(name, content).body)[0])


Serve = Callable[..., Asked]


@pytest.fixture(scope="session")
def serve(tiny_models: Path, leftovers: None) -> Iterator[Serve]:
    """Starts a bench with options of `ui.workbench.launch`; all stay open to the end."""
    from inference.bench import Bench
    from ui.workbench import launch, workbench

    pages = []

    def start(**options: Any) -> Asked:
        pages.append(workbench(Bench(tiny_models)))
        address = launch(pages[-1], prevent_thread_lock=True, quiet=True, **options)
        return Asked(address.rstrip("/"), Path(os.environ["GRADIO_TEMP_DIR"]))

    yield start
    for page in pages:
        page.close(verbose=False)


@pytest.fixture(scope="session")
def ask(serve: Serve) -> Asked:
    """A bench as it is started without options."""
    return serve()


@pytest.fixture(scope="session")
def png() -> bytes:
    """The least picture there is."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
