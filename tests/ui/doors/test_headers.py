"""What goes out with every reply, and how what was handed in goes out."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "ui" / "examples"
SCRIPT = "<script>parent.document.title = 'in'</script>" * 20
REPLIES = [
    ("GET", "/", 200),
    ("HEAD", "/", 200),
    ("GET", "/config", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/gradio_api/info", 200),
    ("GET", "/gradio_api/openapi.json", 200),
    ("GET", "/gradio_api/queue/status", 200),
    ("GET", "/gradio_api/heartbeat/x", 200),
    ("GET", "/gradio_api/queue/data?session_hash=x", 200),
    ("GET", "/theme.css", 200),
    ("GET", "/favicon.ico", 200),
    ("GET", "/static/js/iframeResizer.contentWindow.min.js", 200),
    ("GET", "/assets/none.js", 404),
    ("GET", "/gradio_api/custom_component/x/client/component/index.js", 404),
    ("GET", "/gradio_api/file=/etc/hostname", 403),
    ("GET", "/nothing", 404),
    ("GET", "/gradio_api/upload", 405),
    ("DELETE", "/", 405),
    ("OPTIONS", "/gradio_api/upload", 405),
    ("POST", "/gradio_api/upload", 400),
    ("POST", "/gradio_api/queue/join", 415),
    ("POST", "/gradio_api/call/examine", 415),
]
GONE = [
    "/docs",
    "/redoc",
    "/monitoring",
    "/monitoring/summary",
    "/gradio_api/deep_link?session_hash=x",
    "/gradio_api/runs",
    "/gradio_api/run-history/buckets",
    "/gradio_api/vibe-code",
    "/gradio_api/token",
    "/gradio_api/dev/reload",
    "/gradio_api/profiling/summary",
    "/gradio_api/stream/x/1/1/playlist.m3u8",
]


@pytest.mark.parametrize(("method", "path", "status"), REPLIES)
def test_every_reply_carries_them(ask, method: str, path: str, status: int) -> None:
    reply = ask(method, path)
    assert reply.status == status
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cross-origin-resource-policy"] == "same-origin"
    assert reply.headers["cross-origin-opener-policy"] == "same-origin"
    assert reply.headers["content-security-policy"].count("frame-ancestors") == 1
    if path != "/" or status != 200:
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["content-security-policy"].startswith("sandbox;")


@pytest.mark.parametrize("path", GONE)
def test_what_assay_does_not_need_is_not_there(ask, path: str) -> None:
    assert ask("GET", path).status == 404


def policy(reply) -> dict[str, str]:
    return dict(rule.strip().split(" ", 1) for rule in reply.headers["content-security-policy"].split(";"))


def test_the_page_runs_the_scripts_it_came_with_and_no_other(ask) -> None:
    reply = ask("GET", "/", {"Accept-Encoding": "gzip, br"})
    allowed = policy(reply)["script-src"].split()
    assert "'unsafe-inline'" not in allowed
    page = reply.body.decode()
    scripts = re.findall(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", page, re.DOTALL)
    own = [(EXAMPLES.parent / name).read_text(encoding="utf-8") for name in ("bench.js", "viewer.js")]
    hashes = {
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in (*scripts, *own)
    }
    assert len(scripts) > 3
    assert set(allowed) == {"'self'", "'unsafe-eval'", *hashes}


def test_only_a_space_can_be_framed_by_others(ask, serve) -> None:
    reply = ask("GET", "/")
    assert policy(reply)["frame-ancestors"] == "'self'"
    assert reply.headers["x-frame-options"] == "SAMEORIGIN"
    framed = serve(public=True)("GET", "/")
    assert "frame-ancestors" not in policy(framed)
    assert "x-frame-options" not in framed.headers


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("page.html", "application/octet-stream"),
        ("page.xhtml", "application/octet-stream"),
        ("page.svg", "application/octet-stream"),
        ("page.xml", "application/octet-stream"),
        ("page.js", "application/octet-stream"),
        ("page.css", "application/octet-stream"),
        ("page.pdf", "application/octet-stream"),
        ("page.json", "application/octet-stream"),
        ("page.txt", "application/octet-stream"),
        ("page", "application/octet-stream"),
        ("page.jpg.html", "application/octet-stream"),
        ("page.jpg", "image/jpeg"),
        ("page.png", "image/png"),
    ],
)
def test_what_was_handed_in_is_saved_and_never_shown(ask, name: str, kind: str) -> None:
    path = ask.handed_in(name, SCRIPT.encode())
    for headers in (
        {},
        {"Range": "bytes=0-3"},
        {"Range": "bytes=0-3", "Set-Cookie": "a=b", "X-Echo": "x"},
        {"Accept-Encoding": "br"},
    ):
        reply = ask("GET", f"/gradio_api/file={path}", headers)
        assert reply.status == 200
        assert reply.body == SCRIPT.encode()
        assert reply.headers["content-type"] == kind
        assert reply.headers["content-disposition"].startswith("attachment")
        assert reply.headers["content-security-policy"] == "sandbox; default-src 'none'; frame-ancestors 'none'"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert not {"set-cookie", "x-echo", "host"} & set(reply.headers)


def test_an_example_is_drawn_and_never_shown_as_a_page(ask) -> None:
    example = next(EXAMPLES.rglob("*.png"))
    reply = ask("GET", f"/gradio_api/file={example}")
    assert reply.status == 200
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["content-disposition"].startswith("attachment")
