"""The names that the bench is served under: a name that only points here is none of them.

A page at a foreign name that its owner lets point to this machine (DNS rebinding) is, to a browser, of one origin
with what it reads here; only the Host header tells.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ui.doors.refusals import Refused
from ui.doors.routes import forget

THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
_HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Authority:
    """A name and a port as a Host header or an address states them.

    Attributes:
        name: In lower case, without brackets; an IP address in its usual form.
        port: None where none is stated.
    """

    name: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Authority | None:
        """What a Host header says; None if it is none."""
        found = _HOST.fullmatch(text.strip())
        if found is None:
            return None
        name = found["name"].lower().strip("[]").removesuffix(".")
        return cls(_address(name) or name, int(found["port"]) if found["port"] else None)

    @classmethod
    def of_origin(cls, origin: str) -> Authority | None:
        """Of an address that begins with http:// or https://; its port is None if it is the usual one."""
        try:
            scheme, place, *_ = urlsplit(origin)
        except ValueError:
            return None
        found = cls.parse(place) if scheme in _DEFAULT_PORTS else None
        return cls(found.name, None if found.port == _DEFAULT_PORTS[scheme] else found.port) if found else None

    def without_usual_port(self) -> Authority:
        """Itself, with no port where that is what either scheme uses unsaid."""
        return Authority(self.name) if self.port in _DEFAULT_PORTS.values() else self


@dataclass(frozen=True)
class Names:
    """The names that the bench is served under.

    Attributes:
        known: Names, whatever the port: this machine's own, what is listened on, and what was added.
        added: What the option added, with the port where one was stated: a proxy's name, as a browser sees it.
    """

    known: frozenset[str]
    added: frozenset[Authority] = frozenset()

    @classmethod
    def of(cls, host: str, added: Iterable[str] = ()) -> Names:
        """The names of a bench that listens on `host`.

        Args:
            host: An address or name of this machine; other than loopback, the machine's own name is known as well.
            added: Further names, each with or without a port.

        Raises:
            ValueError: if one of them is no name.
        """
        authorities = []
        for name in added:
            authority = Authority.parse(name)
            if authority is None:
                msg = f"{name!r} is no name that a page is served under; write it like bench.example.org."
                raise ValueError(msg)
            authorities.append(authority.without_usual_port())
        known = {*THIS_MACHINE, *(authority.name for authority in authorities)}
        listened = Authority.parse(f"[{host}]" if ":" in host.strip("[]") and "[" not in host else host)
        if listened and listened.name not in EVERYWHERE:
            known.add(listened.name)
        if listened and listened.name not in THIS_MACHINE:
            own = socket.gethostname().lower()
            known.update((own, f"{own}.local"))
        return cls(frozenset(known), frozenset(authorities))

    def serve(self, host: str, came_in_on: str | None) -> bool:
        """Whether a Host header names the bench.

        Args:
            host: The header.
            came_in_on: Address of this machine that the request reached; a number cannot point elsewhere.
        """
        authority = Authority.parse(host)
        return authority is not None and (authority.name in self.known or authority.name == _address(came_in_on or ""))

    def same_origin(self, origin: str, hosts: Iterable[str]) -> bool:
        """Whether a page at an origin is the bench itself: at what the request names, or at a name that was added.

        Args:
            origin: Of the Origin or Referer header.
            hosts: What the request says it was sent to.
        """
        page = Authority.of_origin(origin)
        if page is None:
            return False
        asked = [authority.without_usual_port() for host in hosts if (authority := Authority.parse(host))]
        return page.without_usual_port() in {*asked, *self.added}


def asked_hosts(scope: Scope) -> list[str]:
    """What a request says it was sent to: its Host headers, and those that a proxy says it had from the browser."""
    headers = Headers(scope=scope)
    forwarded = ",".join(headers.getlist("x-forwarded-host"))
    return [*headers.getlist("host"), *(host.strip() for host in forwarded.split(",") if host.strip())]


class HostDoor:
    """Lets in what is sent to a name that the bench is served under.

    Args:
        app: What is wrapped.
        names: Those names.
    """

    def __init__(self, app: ASGIApp, names: Names) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Raises:
            Refused: with 400 if it does not name one host, with 421 if that is not this bench.
        """
        if scope["type"] == "http":
            if len(Headers(scope=scope).getlist("host")) != 1:
                raise Refused(400, "The request does not say which host it was sent to; send one Host header.")
            came_in_on = scope["server"][0] if scope.get("server") else None
            for host in asked_hosts(scope):
                if not self._names.serve(host, came_in_on):
                    msg = (
                        f"This bench is not served under the name {host[:100]!r}; "
                        "whoever runs it can add a name with --served-as NAME."
                    )
                    raise Refused(421, msg)
            # Gradio takes its own address from it before all else, and no proxy of ours sets it.
            forget(scope, b"x-gradio-server")
        await self._app(scope, receive, send)


def _address(text: str) -> str | None:
    """An IP address in its usual form; None for anything else."""
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
