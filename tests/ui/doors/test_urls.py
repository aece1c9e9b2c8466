"""No address is fetched on a client's word, in whatever form and place it stands."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

META = {"_type": "gradio.FileData"}
ADDRESSES = [
    "http://example.com/a.png",
    "https://example.com/a.png",
    "HTTP://example.com/a.png",
    "hTTps://example.com/a.png",
    "http:/example.com/a.png",
    "http:example.com/a.png",
    " http://example.com/a.png",
    "\thttps://example.com/a.png",
    "//example.com/a.png",
    "\\\\example.com\\a.png",
    "file:///etc/hostname",
    "file:/etc/hostname",
    "ftp://example.com/a.png",
    "gopher://example.com/",
    "data:image/png;base64,iVBORw0KGgo=",
    "DATA:text/html,<script>alert(1)</script>",
    "javascript:alert(1)",
    "blob:http://example.com/1",
    "http://2130706433/a.png",
    "http://0x7f.1/a.png",
    "http://127.0.0.1/a.png",
    "http://[::1]/a.png",
    "http://[::ffff:7f00:1]/a.png",
    "http://169.254.169.254/latest/meta-data/",
    "http%3A%2F%2Fexample.com%2Fa.png",
    "%68ttp://example.com/a.png",
    "http://user:word@example.com/a.png",
    "http://localhost@example.com/",
    "proxy=http://example.com/",
    "/gradio_api/file=http://example.com/a.png",
    "/etc/hostname",
    "etc/hostname",
    "../../etc/hostname",
    "",
    ".",
    "/",
    "a\0b",
    "http://example.com/\N{FULLWIDTH SOLIDUS}a",
]
IDS = [repr(address) for address in ADDRESSES]
CALLS = [
    "/gradio_api/call/examine",
    "/gradio_api/call/examine/",
    "/gradio_api/call/0",
    "/gradio_api/queue/join",
    "/gradio_api/run/predict",
    "/gradio_api/run/examine/",
]


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[str, list[str]]]:
    """A server that stands for all others: its address, and what it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - its name there

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    assert asked == []


def within(address: object) -> list[object]:
    """Where an address can stand in a call."""
    file = {"path": address, "meta": META}
    return [
        file,
        {"path": address},
        {"path": address, "meta": "gradio.FileData"},
        {**file, "is_stream": True},
        [file],
        {"image": file, "boxes": []},
        {"a": [{"b": {"c": [file]}}]},
        {"value": file, "__type__": "update"},
    ]


@pytest.mark.parametrize("address", ADDRESSES, ids=IDS)
@pytest.mark.parametrize("path", CALLS)
def test_no_call_names_one_as_a_file(ask, path: str, address: str) -> None:
    for value in within(address):
        reply = ask.call(path, {"data": [value], "fn_index": 0, "session_hash": "x"})
        assert reply.status == 400, value
        assert "is not a file that was handed in here" in reply.sentence


@pytest.mark.parametrize("address", ADDRESSES, ids=IDS)
def test_none_stands_for_a_file_by_itself(ask, address: str) -> None:
    assert ask.call("/gradio_api/call/examine", {"data": [address]}).status == 400


@pytest.mark.parametrize("address", [address for address in ADDRESSES if address], ids=repr)
def test_none_stands_beside_a_path(ask, png: bytes, address: str) -> None:
    path = ask.handed_in("part.png", png)
    reply = ask.call("/gradio_api/call/examine", {"data": [{"path": path, "url": address, "meta": META}]})
    assert reply.status == 400


@pytest.mark.parametrize("key", ["event_data", "oauth_token", "anything"])
def test_none_stands_beside_the_data(ask, key: str) -> None:
    call = {"data": [None], "session_hash": "x", "fn_index": 0, key: {"path": "http://example.com/", "meta": META}}
    assert ask.call("/gradio_api/queue/join", call).status == 400


@pytest.mark.parametrize("address", [address for address in ADDRESSES if "\0" not in address], ids=repr)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_none_is_fetched_by_its_path(ask, method: str, address: str) -> None:
    for written in (quote(address, safe=""), quote(quote(address, safe=""), safe=""), quote(address, safe=":/@[]")):
        on_this_machine = address.startswith("/") and written.startswith(("/", "%2F"))
        assert ask(method, f"/gradio_api/file={written}").status == (403 if on_this_machine else 400)


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/proxy={0}/a.png",
        "/gradio_api/file/{0}/a.png",
        "/file={0}/a.png",
        "/proxy={0}/a.png",
        "/gradio_api/api/examine",
        "/gradio_api/api/predict/",
        "/gradio_api/call/v2/examine",
        "/gradio_api/component_server",
        "/gradio_api/process_recording",
        "/gradio_api/stream/x",
        "/gradio_api//queue/join",
        "//gradio_api/queue/join",
        "/gradio_api/queue/join/../join",
        "/gradio_api/mcp/sse",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_no_other_route_takes_one(ask, outside: tuple[str, list[str]], path: str, method: str) -> None:
    body = json.dumps({"data": [{"path": f"{outside[0]}/a.png", "meta": META}], "fn_index": 0, "session_hash": "x"})
    sent = {"Content-Type": "application/json"}
    assert ask(method, path.format(outside[0]), sent, body.encode()).status == 404


def test_a_server_beside_the_bench_is_asked_nothing(ask, outside: tuple[str, list[str]]) -> None:
    address, asked = outside
    ask("GET", f"/gradio_api/file={address}/a.png")
    for value in within(f"{address}/a.png"):
        ask.call("/gradio_api/call/examine", {"data": [value, "", "", "", "", ""]})
    assert asked == []


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", '{"data": []}', 415),
        ("application/x-www-form-urlencoded", "data=[]", 415),
        ("multipart/form-data; boundary=x", "--x--", 415),
        ("application/json-patch+json", "[]", 415),
        ("", "{}", 415),
        ("application/json", "", 400),
        ("application/json", "{", 400),
        ("application/json", '{"data": [{"path": "/etc/hostname", "path": null}]}', 400),
        ("application/json", '{"data": ' + "[" * 100_000, 400),
        ("application/json", '{"data": ["' + "x" * 2**20 + '"]}', 413),
        ("application/json; charset=utf-16", '{"data": [{"path": "http://example.com/"}]}', 400),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_cannot_be_read_is_not_let_through(ask, kind: str, body: str, status: int) -> None:
    reply = ask("POST", "/gradio_api/call/examine", {"Content-Type": kind}, body.encode())
    assert reply.status == status


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-le"])
def test_every_encoding_that_is_read_is_inspected(ask, encoding: str) -> None:
    body = json.dumps({"data": [{"path": "http://example.com/", "meta": META}]}).encode(encoding)
    reply = ask("POST", "/gradio_api/call/examine", {"Content-Type": "application/json"}, body)
    assert reply.status == 400


def test_no_examination_goes_past_the_queue(ask, png: bytes) -> None:
    file = {"path": ask.handed_in("part.png", png), "meta": META}
    assert ask.call("/gradio_api/run/examine", {"data": [file, "", "", "", "", ""]}).status == 404


def test_links_out_of_the_folder_lead_nowhere(ask, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    link = ask.uploads / "link.png"
    link.symlink_to(secret)
    for path in (str(link), f"{ask.uploads}/../secret.png", str(ask.uploads)):
        assert ask.call("/gradio_api/call/examine", {"data": [{"path": path, "meta": META}]}).status == 400
        assert ask("GET", f"/gradio_api/file={path}").status == 403


def test_a_file_that_was_handed_in_is_examined_and_a_remark_may_hold_an_address(ask, png: bytes) -> None:
    path = ask.handed_in("part.png", png)
    for url in (None, f"{ask.address}/gradio_api/file={path}", f"/gradio_api/file={path}"):
        file = {"path": path, "url": url, "meta": META, "orig_name": "http://x.png"}
        remark = "https://register.example/1"
        reply = ask.call("/gradio_api/call/examine", {"data": [file, remark, "", "", "", ""]})
        assert reply.status == 200, reply.body
        event = json.loads(reply.body)["event_id"]
        assert ask("GET", f"/gradio_api/call/examine/{event}").status == 200


def test_the_address_beside_a_path_is_this_bench_and_a_file_of_it(ask, png: bytes) -> None:
    path = ask.handed_in("part.png", png)
    for url in (
        f"http://evil.example/gradio_api/file={path}",
        f"{ask.address}/gradio_api/file=/etc/hostname",
        f"{ask.address}/gradio_api/file=http://evil.example/",
        f"{ask.address}/?/gradio_api/file={path}",
        f"{ask.address}/gradio_api/upload",
        ["http://evil.example"],
    ):
        assert ask.call("/gradio_api/call/examine", {"data": [{"path": path, "url": url, "meta": META}]}).status == 400
