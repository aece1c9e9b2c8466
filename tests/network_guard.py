"""A test fails that has anything leave this machine, whoever tried it and whoever swallowed the error.

Every connection, datagram and name look-up that Python makes in the process of the tests is watched, in all its
threads and libraries: all but loopback and local sockets is stopped and noted. Not watched are sockets that compiled
code opens by itself, and the look-up of a name that is handed to `socket.connect` in place of an address. Programs
that a test starts are told of a proxy at which nobody answers, which those heed that heed any; the browser of the
browser tests looks up no name, and what its pages ask for is checked there.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

_NOBODY = "http://127.0.0.1:9"
_CONNECTING = ("socket.connect", "socket.sendto", "socket.sendmsg")
_LOOKING_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")

_left: list[str] = []


class LeftTheMachineError(Exception):
    """Something was about to leave the machine."""


def pytest_configure() -> None:
    """Watch from here on; such a watch cannot be taken back, nor need it be."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ[name] = os.environ[name.upper()] = _NOBODY
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost,::1"
    sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def left_the_machine() -> Iterator[list[str]]:
    """What this test tried; it must be nothing."""
    _left.clear()
    yield _left
    assert _left == [], "a test must not leave this machine"


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _CONNECTING:
        opened, address = arguments[0], arguments[1]
        if opened.family not in (socket.AF_INET, socket.AF_INET6) or address is None:
            return
        host = address[0]
    elif event in _LOOKING_UP:
        host = arguments[0]
    else:
        return
    if not _is_here(host):
        _left.append(f"{event} {host!r}")
        raise LeftTheMachineError(_left[-1])


def _is_here(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
