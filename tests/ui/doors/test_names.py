"""A request is let in by the name it was sent to: this machine's own and those that were added."""

from __future__ import annotations

import socket

import pytest

from ui.doors.names import Names

OWN = socket.gethostname().lower()


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:7860", "127.0.0.1", "127.0.0.1:9", "[::1]", "[::1]:7860", "[0:0::1]", "localhost."],
)
def test_this_machine_is_served_on_loopback_whatever_the_port(ask, host: str) -> None:
    assert ask("GET", "/", {"Host": host}).status == 200


FOREIGN = [
    "evil.example",
    "evil.example:7860",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evil.localhost",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "127.0.0.2",
    "192.168.1.5",
    "[::2]",
    "[::ffff:93.184.216.34]",
]


@pytest.mark.parametrize("host", [*FOREIGN, "user@localhost", "localhost:x", "localhost/", "[localhost]", "", "a b"])
@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/info", "/gradio_api/heartbeat/x", "/assets/x.js"])
def test_no_other_name_reaches_anything(ask, host: str, path: str) -> None:
    reply = ask("GET", path, {"Host": host})
    assert reply.status in (400, 421)
    assert b"gradio_config" not in reply.body


@pytest.mark.parametrize("host", FOREIGN)
def test_the_refusal_names_the_option(ask, host: str) -> None:
    reply = ask("GET", "/", {"Host": host})
    assert reply.status == 421
    assert host in reply.sentence
    assert "--served-as NAME" in reply.sentence


def test_a_request_that_names_no_host_is_refused(ask) -> None:
    assert ask("GET", "/", {"Host": None}).status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "HEAD"])
def test_it_holds_for_every_method(ask, method: str) -> None:
    headers = {"Host": "evil.example", "Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    assert ask(method, "/gradio_api/upload", headers, b"").status == 421


def test_what_a_proxy_says_it_was_asked_for_must_be_a_name_as_well(ask) -> None:
    assert ask("GET", "/", {"X-Forwarded-Host": "localhost"}).status == 200
    for forwarded in ("evil.example", "localhost, evil.example"):
        assert ask("GET", "/", {"X-Forwarded-Host": forwarded}).status == 421


def test_nothing_but_its_names_becomes_the_address_of_the_page(ask) -> None:
    assert b"evil.example" not in ask("GET", "/", {"X-Gradio-Server": "http://evil.example"}).body


@pytest.mark.parametrize(
    ("host", "added", "named", "came_in_on", "served"),
    [
        ("127.0.0.1", (), OWN, "127.0.0.1", OWN == "localhost"),
        ("127.0.0.1", ("bench.example.org",), "bench.example.org", "127.0.0.1", True),
        ("127.0.0.1", ("bench.example.org",), "BENCH.example.org:8443", "127.0.0.1", True),
        ("127.0.0.1", ("bench.example.org:8443",), "bench.example.org", "127.0.0.1", True),
        ("127.0.0.1", ("bench.example.org",), "example.org", "127.0.0.1", False),
        ("127.0.0.1", ("bench.example.org",), "x.bench.example.org", "127.0.0.1", False),
        ("192.168.1.5", (), "192.168.1.5:7860", "192.168.1.5", True),
        ("192.168.1.5", (), "192.168.1.6", "192.168.1.5", False),
        ("192.168.1.5", (), OWN, "192.168.1.5", True),
        ("bench.lan", (), "bench.lan", "192.168.1.5", True),
        ("0.0.0.0", (), "192.168.1.5:7860", "192.168.1.5", True),
        ("0.0.0.0", (), "10.0.0.7", "192.168.1.5", False),
        ("0.0.0.0", (), f"{OWN}.local", "192.168.1.5", True),
        ("0.0.0.0", (), "localhost", "127.0.0.1", True),
        ("0.0.0.0", (), "0.0.0.0", "127.0.0.1", False),
        ("0.0.0.0", (), "evil.example", "192.168.1.5", False),
        ("::", (), "192.168.1.5", "::ffff:192.168.1.5", True),
        ("::", (), "[fd00::5]:7860", "fd00::5", True),
        ("::1", (), "[::1]:7860", "::1", True),
        ("fd00::5", (), "[fd00:0::5]", "fd00::5", True),
        ("0.0.0.0", ("user-space.hf.space",), "user-space.hf.space", "10.1.2.3", True),
    ],
)
def test_what_is_served_follows_from_what_is_listened_on(
    host: str, added: tuple[str, ...], named: str, came_in_on: str, served: bool
) -> None:
    assert Names.of(host, added).serve(named, came_in_on) is served


@pytest.mark.parametrize("name", ["http://bench.example.org", "a b", "", "bench.example.org/assay", "*"])
def test_what_is_no_name_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(ValueError, match="not a name of a served page"):
        Names.of("127.0.0.1", [name])
