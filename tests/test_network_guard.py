"""The guard itself: it lets loopback through, stops all else, and nobody can swallow what it found."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import httpx
import pytest

from tests.network_guard import LeftTheMachineError

OUTSIDE = "192.0.2.1"


def connected(host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as opened:
        opened.settimeout(1)
        opened.connect((host, 9))


def connected_ex(host: str) -> None:
    with socket.socket() as opened:
        opened.settimeout(1)
        opened.connect_ex((host, 9))


def sent(host: str) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as opened:
        opened.sendto(b"x", (host, 9))


def opened_by_asyncio(host: str) -> None:
    asyncio.run(asyncio.wait_for(asyncio.open_connection(host, 9), 1))


WAYS: list[Callable[[], object]] = [
    lambda: connected(OUTSIDE),
    lambda: connected("2001:db8::1"),
    lambda: connected_ex(OUTSIDE),
    lambda: sent(OUTSIDE),
    lambda: socket.create_connection((OUTSIDE, 9), 1),
    lambda: socket.getaddrinfo("example.com", 80),
    lambda: socket.getaddrinfo(b"example.com", 80),
    lambda: socket.gethostbyname("example.com"),
    lambda: socket.gethostbyaddr(OUTSIDE),
    lambda: opened_by_asyncio(OUTSIDE),
    lambda: urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{OUTSIDE}/", timeout=1),
    lambda: httpx.Client(trust_env=False).get("http://example.com/", timeout=1),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_nothing_leaves_in_any_way(way: Callable[[], object], left_the_machine: list[str]) -> None:
    with pytest.raises(LeftTheMachineError):
        way()
    assert left_the_machine
    left_the_machine.clear()


def test_loopback_and_local_sockets_are_let_through(tmp_path: Path) -> None:
    for family, place in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, str(tmp_path / "s"))):
        with socket.socket(family) as server, socket.socket(family) as client:
            server.bind(place)
            server.listen()
            client.connect(server.getsockname())
    assert socket.getaddrinfo("localhost", 80)


def test_programs_that_a_test_starts_meet_nobody() -> None:
    assert urllib.request.getproxies()["https"] == "http://127.0.0.1:9"
    with pytest.raises(URLError):
        urllib.request.urlopen("http://192.0.2.1/", timeout=5)


def test_a_test_that_swallows_the_error_fails_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "test_leaving.py").write_text(
        "import contextlib, socket, threading\n"
        "def leave():\n"
        "    with contextlib.suppress(Exception):\n"
        "        socket.getaddrinfo('example.com', 80)\n"
        "def test_swallows():\n"
        "    leave()\n"
        "def test_in_a_thread():\n"
        "    thread = threading.Thread(target=leave)\n"
        "    thread.start()\n"
        "    thread.join()\n"
        "def test_stays():\n"
        "    pass\n",
        encoding="utf-8",
    )
    root = Path(__file__).parents[1]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.network_guard",
        "-p",
        "no:cacheprovider",
        "-q",
        str(tmp_path),
    ]
    ran = subprocess.run(
        [*command, f"--rootdir={tmp_path}"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 errors" in ran.stdout, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout
