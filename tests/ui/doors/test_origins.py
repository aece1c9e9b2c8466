"""A page of another site gets nothing of the bench and sends it nothing."""

from __future__ import annotations

import asyncio

import pytest

from ui.doors.names import Names
from ui.doors.refusals import Refusing

FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:9"},
    {"Origin": "https://localhost"},
    {"Origin": "file://"},
    {"Origin": "chrome-extension://abc"},
    {"Origin": ""},
    {"Origin": "http://[broken"},
    {"Referer": "http://evil.example/page"},
    {"Referer": "http://localhost:9/"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
]
IDS = [" ".join(headers.values()) for headers in FOREIGN]


@pytest.mark.parametrize("headers", FOREIGN, ids=IDS)
def test_a_foreign_page_hands_nothing_in(ask, png: bytes, headers: dict) -> None:
    before = set(ask.uploads.rglob("*"))
    reply = ask.upload("part.png", png, headers)
    assert reply.status == 403
    assert "another site" in reply.sentence
    assert set(ask.uploads.rglob("*")) == before


@pytest.mark.parametrize("headers", FOREIGN, ids=IDS)
@pytest.mark.parametrize("path", ["/gradio_api/call/examine", "/gradio_api/queue/join", "/gradio_api/cancel", "/login"])
def test_a_foreign_page_calls_nothing(ask, path: str, headers: dict) -> None:
    assert ask.call(path, {"data": []}, headers).status == 403


@pytest.mark.parametrize("headers", FOREIGN, ids=IDS)
@pytest.mark.parametrize(
    "path", ["/config", "/gradio_api/info", "/gradio_api/queue/data?session_hash=x", "/theme.css", "/logout"]
)
def test_a_foreign_page_reads_nothing(ask, path: str, headers: dict) -> None:
    reply = ask("GET", path, headers)
    assert reply.status == 403
    assert reply.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9"])
def test_no_browser_is_told_that_a_foreign_page_may(ask, origin: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    reply = ask("OPTIONS", "/gradio_api/upload", headers)
    assert reply.status == 403
    assert not any(name.startswith("access-control") for name in reply.headers)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Referer": "http://wiki.example/"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Origin": "http://evil.example"}, 403),
    ],
)
def test_a_link_to_the_page_can_be_followed_and_no_more(ask, headers: dict, status: int) -> None:
    assert ask("GET", "/", headers).status == status


def test_a_space_is_shown_in_a_frame(serve) -> None:
    framed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    assert serve(public=True)("GET", "/", framed).status == 200


def test_the_page_itself_and_programs_are_answered(ask) -> None:
    for headers in ({}, {"Origin": ask.address}, {"Referer": f"{ask.address}/"}, {"Sec-Fetch-Site": "same-origin"}):
        assert ask("GET", "/config", headers).status == 200


@pytest.mark.parametrize(
    ("origin", "hosts", "same"),
    [
        ("http://localhost:7860", ["localhost:7860"], True),
        ("http://localhost", ["localhost:80"], True),
        ("https://bench.example.org", ["127.0.0.1:7860"], True),
        ("https://bench.example.org:8443", ["127.0.0.1:7860"], False),
        ("https://other.example.org:8443", ["127.0.0.1:7860"], True),
        ("https://other.example.org", ["127.0.0.1:7860"], False),
        ("https://bench.example.org.evil.example", ["127.0.0.1:7860"], False),
        ("http://127.0.0.1:7860", ["localhost:7860"], False),
        ("http://[::1]:7860", ["[0::1]:7860"], True),
        ("null", ["null"], False),
        ("//localhost", ["localhost"], False),
    ],
)
def test_behind_a_proxy_its_name_and_port_is_the_page(origin: str, hosts: list[str], same: bool) -> None:
    names = Names.of("127.0.0.1", ["bench.example.org", "other.example.org:8443"])
    assert names.same_origin(origin, hosts) is same


def test_no_websocket_is_opened() -> None:
    sent: list[dict] = []

    async def receive() -> dict:
        return {"type": "websocket.connect"}

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(Refusing(None)({"type": "websocket"}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
