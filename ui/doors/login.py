"""The login: where it is read, how wrong attempts are delayed, and the door that opens only its form without it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from ui.doors.pages import whole_page
from ui.doors.refusals import Door, Refused
from ui.doors.routes import OPEN, route

logger = logging.getLogger(__name__)

VARIABLE = "ASSAY_AUTH"
_LONGEST_FILE = 4096
_FREE_A_USER, _FREE_AN_ADDRESS = 3, 20
"""Wrong logins without a delay: of one user from one address, and of all users from one address."""
_LONGEST_STEP, _LONGEST_WAIT = 32.0, 60.0
"""Seconds between two attempts, and most seconds that an attempt waits before it is refused."""
_FORGOTTEN_AFTER = 900.0
_REMEMBERED = 4096
"""Most pairs of address and user whose wrong logins are counted; the oldest is dropped first."""

_COOKIES = ("access-token", "access-token-unsecure")
# Inside it Gradio writes no character that ends a script.
_FUNCTIONS = re.compile(rb"(<script>window\.gradio_api_info = )[^<]*(;</script>)")
_client: ContextVar[str] = ContextVar("_client", default="")


@dataclass(frozen=True)
class Login:
    """A user and a password.

    Raises:
        ValueError: if either is missing.
    """

    user: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.user or not self.password:
            msg = "a login needs both, written user:password"
            raise ValueError(msg)

    @classmethod
    def parse(cls, text: str) -> Login:
        """A login from `user:password`.

        Raises:
            ValueError: if the text is not a login.
        """
        user, _, password = text.partition(":")
        return cls(user, password)

    def is_right(self, user: str, password: str) -> bool:
        """Whether user and password are right; it takes equally long wherever they differ."""
        user_is_right = hmac.compare_digest(_digest(user), _digest(self.user))
        return hmac.compare_digest(_digest(password), _digest(self.password)) and user_is_right


def read_login(argument: str | None, file: Path | None) -> Login | None:
    """The login from the command line, a file or the environment; None without one.

    Args:
        argument: `user:password` of the command line, which every user of the machine can read in the list of
            processes.
        file: A file with `user:password` as its only line.

    Raises:
        ValueError: if more than one is given, or it is not a login.
    """
    given = [name for name, is_given in _ways(argument, file).items() if is_given]
    if len(given) > 1:
        msg = f"a login is given once, but there are {' and '.join(given)}; leave all but one out"
        raise ValueError(msg)
    if argument is not None:
        return Login.parse(argument)
    if file is not None:
        return _login_of(file)
    return Login.parse(os.environ[VARIABLE]) if VARIABLE in os.environ else None


def _ways(argument: str | None, file: Path | None) -> dict[str, bool]:
    return {"--auth": argument is not None, "--auth-file": file is not None, VARIABLE: VARIABLE in os.environ}


def _login_of(file: Path) -> Login:
    try:
        with file.open(encoding="utf-8") as opened:
            wide = os.name == "posix" and os.fstat(opened.fileno()).st_mode & 0o077
            lines = opened.read(_LONGEST_FILE).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the login in {file} cannot be read: {error}"
        raise ValueError(msg) from error
    if wide:
        logger.warning("Other users of this machine may read or change the login in %s; run chmod 600 on it.", file)
    if len(lines) != 1:
        msg = f"{file} holds {len(lines)} lines, but a login is one; write user:password"
        raise ValueError(msg)
    return Login.parse(lines[0])


@dataclass
class _Wrong:
    count: int = 0
    last: float = 0.0
    next: float = 0.0


@dataclass
class Attempts:
    """Checks logins one after the other, with a delay that grows with the wrong logins from an address.

    The right user waits a minute at most, and only at an address that sends wrong logins.

    Attributes:
        login: The right login.
        now: Gives the seconds of a clock that never goes back.
        sleep: Waits for a number of seconds.
    """

    login: Login
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _wrong: OrderedDict[tuple[str, str | None], _Wrong] = field(default_factory=OrderedDict)

    async def check(self, user: str, password: str) -> bool:
        """Whether a login is right, checked after its delay; Gradio calls this.

        Raises:
            Refused: with 429 if the delay is too long.
        """
        network = _network(_client.get())
        keys = {(network, hashlib.sha256(user.encode()).hexdigest()): _FREE_A_USER, (network, None): _FREE_AN_ADDRESS}
        wait = max(self._reserve(key, free) for key, free in keys.items())
        if wait:
            await self.sleep(wait)
        if self.login.is_right(user, password):
            for key in keys:
                self._wrong.pop(key, None)
            return True
        for key in keys:
            self._count(key)
        logger.warning("A wrong login from %s.", network or "an unknown address")
        return False

    def _reserve(self, key: tuple[str, str | None], free: int) -> float:
        """Seconds until an attempt may be checked; the next attempt follows it.

        Raises:
            Refused: if the delay is too long.
        """
        known, now = self._wrong.get(key), self.now()
        if known is None or now - max(known.last, known.next) > _FORGOTTEN_AFTER:
            self._wrong.pop(key, None)
            return 0.0
        if known.count < free:
            return 0.0
        step = min(2.0 ** (known.count - free), _LONGEST_STEP)
        due = max(known.next, known.last + step, now)
        if due - now > _LONGEST_WAIT:
            seconds = round(due - now - _LONGEST_WAIT) + 1
            msg = f"There were too many wrong logins; try again in {seconds} seconds."
            raise Refused(429, msg, {"Retry-After": str(seconds)})
        known.next = due + step
        return due - now

    def _count(self, key: tuple[str, str | None]) -> None:
        known = self._wrong.setdefault(key, _Wrong())
        known.count, known.last = known.count + 1, self.now()
        self._wrong.move_to_end(key)
        while len(self._wrong) > _REMEMBERED:
            self._wrong.popitem(last=False)


class LoginDoor(Door):
    """Lets in anyone who is logged in, and anyone to the login form; without a login it lets everyone in."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Raises:
            Refused: with 401 if a login is needed first.
        """
        if scope["type"] == "http":
            _client.set(scope["client"][0] if scope.get("client") else "")
            if scope["app"].auth is not None and not _logged_in(scope):
                if not OPEN.fullmatch(route(scope)):
                    raise Refused(401, "This bench answers only with a login; log in first.")
                send = whole_page(send, _without_functions)
        await self._app(scope, receive, send)


def _logged_in(scope: Scope) -> bool:
    """Whether a request carries the token that Gradio gives out at a login, as Gradio checks it."""
    app, cookies = scope["app"], HTTPConnection(scope).cookies
    return any(cookies.get(f"{kind}-{app.cookie_id}") in app.tokens for kind in _COOKIES)


def _without_functions(headers: MutableHeaders, page: bytes) -> bytes:  # noqa: ARG001 - of any page
    """The login page without the list of the bench's functions that Gradio writes into it."""
    return _FUNCTIONS.sub(rb"\1{}\2", page)


def _network(address: str) -> str:
    """The addresses that one person holds: an IPv4 address, or the network of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(parsed if parsed.version == 4 else ip_network((parsed, 64), strict=False))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
