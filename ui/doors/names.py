"""The names that the bench is served under; a foreign name that points to this machine is not one of them.

The owner of a foreign name can point it to this machine (DNS rebinding). To a browser, a page of that name then has the
same origin as the bench; only the Host header shows the difference.
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
    """A name and a port, as a Host header or an address states them.

    Attributes:
        name: The name in lower case, without brackets; an IP address in its usual form.
        port: The port; None if none is stated.
    """

    name: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Authority | None:
        """The authority of a Host header; None if the text is not one."""
        found = _HOST.fullmatch(text.strip())
        if found is None:
            return None
        name = found["name"].lower().strip("[]").removesuffix(".")
        return cls(_address(name) or name, int(found["port"]) if found["port"] else None)

    @classmethod
    def of_origin(cls, origin: str) -> Authority | None:
        """The authority of an address with http:// or https://; the usual port of the scheme becomes None."""
        try:
            scheme, place, *_ = urlsplit(origin)
        except ValueError:
            return None
        found = cls.parse(place) if scheme in _DEFAULT_PORTS else None
        return cls(found.name, None if found.port == _DEFAULT_PORTS[scheme] else found.port) if found else None

    def without_usual_port(self) -> Authority:
        """The same, without a port that is the usual one of either scheme."""
        return Authority(self.name) if self.port in _DEFAULT_PORTS.values() else self


@dataclass(frozen=True)
class Names:
    """The names that the bench is served under.

    Attributes:
        known: All names, whatever the port: this machine's own, the address listened on, and the added ones.
        added: Names from the option, with the port if stated: the name of a proxy, as a browser sees it.
    """

    known: frozenset[str]
    added: frozenset[Authority] = frozenset()

    @classmethod
    def of(cls, host: str, added: Iterable[str] = ()) -> Names:
        """The names of a bench that listens on `host`.

        Args:
            host: An address or name of this machine; unless it is loopback, the machine's own name is known as well.
            added: Further names, each with or without a port.

        Raises:
            ValueError: if one of them is not a name.
        """
        authorities = []
        for name in added:
            authority = Authority.parse(name)
            if authority is None:
                msg = f"{name!r} is not a name of a served page; write it like bench.example.org."
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
            host: The Host header.
            came_in_on: The address of this machine that the request reached; an IP address cannot be rebound.
        """
        authority = Authority.parse(host)
        return authority is not None and (authority.name in self.known or authority.name == _address(came_in_on or ""))

    def same_origin(self, origin: str, hosts: Iterable[str]) -> bool:
        """Whether a page at an origin is the bench itself: at a host of the request, or at an added name.

        Args:
            origin: Origin from the Origin or Referer header.
            hosts: The hosts that the request states it was sent to.
        """
        page = Authority.of_origin(origin)
        if page is None:
            return False
        asked = [authority.without_usual_port() for host in hosts if (authority := Authority.parse(host))]
        return page.without_usual_port() in {*asked, *self.added}


def asked_hosts(scope: Scope) -> list[str]:
    """The hosts that a request states it was sent to: its Host headers, and those that a proxy passes on."""
    headers = Headers(scope=scope)
    forwarded = ",".join(headers.getlist("x-forwarded-host"))
    return [*headers.getlist("host"), *(host.strip() for host in forwarded.split(",") if host.strip())]


class HostDoor:
    """Lets in requests to a name that the bench is served under.

    Args:
        app: The wrapped app.
        names: Those names.
    """

    def __init__(self, app: ASGIApp, names: Names) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Raises:
            Refused: with 400 if it does not name exactly one host, with 421 if that host is not this bench.
        """
        if scope["type"] == "http":
            if len(Headers(scope=scope).getlist("host")) != 1:
                raise Refused(400, "The request does not state exactly one host; send one Host header.")
            came_in_on = scope["server"][0] if scope.get("server") else None
            for host in asked_hosts(scope):
                if not self._names.serve(host, came_in_on):
                    msg = (
                        f"This bench is not served under the name {host[:100]!r}; "
                        "whoever runs it can add a name with --served-as NAME."
                    )
                    raise Refused(421, msg)
            # Gradio would take its own address from this header first, and no proxy is expected to set it.
            forget(scope, b"x-gradio-server")
        await self._app(scope, receive, send)


def _address(text: str) -> str | None:
    """The usual form of an IP address; None for any other text."""
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
