"""A login is given in one way, opens everything, and wrong ones slow down."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from urllib.parse import urlencode

import pytest

from app import Options
from ui.doors.login import _LONGEST_STEP, _LONGEST_WAIT, Attempts, Login, _client, read_login
from ui.doors.refusals import Refused

CLOSED = [
    ("GET", "/config"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/redoc"),
    ("GET", "/logout"),
    ("GET", "/nothing"),
    ("GET", "/gradio_api/info"),
    ("GET", "/gradio_api/info/"),
    ("GET", "/gradio_api/info?all_endpoints=True"),
    ("GET", "/gradio_api/openapi.json"),
    ("GET", "/gradio_api/app_id"),
    ("GET", "/gradio_api/heartbeat/x"),
    ("GET", "/gradio_api/queue/data?session_hash=x"),
    ("GET", "/gradio_api/queue/status"),
    ("GET", "/gradio_api/call/examine/x"),
    ("GET", "/gradio_api/file=/etc/hostname"),
    ("GET", "/gradio_api/custom_component/x/client/component/index.js"),
    ("POST", "/gradio_api/upload"),
    ("POST", "/gradio_api/call/examine"),
    ("POST", "/gradio_api/queue/join"),
    ("POST", "/gradio_api/cancel"),
    ("POST", "/gradio_api/run/examine"),
]


@pytest.fixture(scope="module")
def closed(serve):
    """A bench with a login."""
    return serve(login=Login("examiner", "pass:wörd"))


def log_in(ask, user: str, password: str, **headers: str):
    body = urlencode({"username": user, "password": password}).encode()
    return ask("POST", "/login", {"Content-Type": "application/x-www-form-urlencoded", **headers}, body)


@pytest.mark.parametrize(("method", "path"), CLOSED)
@pytest.mark.parametrize("cookie", [None, "access-token=x", "access-token-unsecure-=; access-token-=None"])
def test_without_it_nothing_is_told(closed, method: str, path: str, cookie: str | None) -> None:
    reply = closed(method, path, {"Cookie": cookie} if cookie else {}, b"" if method == "POST" else None)
    assert reply.status == 401
    assert "log in first" in reply.sentence


def test_without_it_the_page_is_the_login_and_names_no_function(closed) -> None:
    page = closed("GET", "/").body
    assert b"auth_required" in page
    assert b"examine" not in page.replace(b"examiner", b"")


def test_with_it_everything_is_there(closed) -> None:
    answered = log_in(closed, "examiner", "pass:wörd")
    assert answered.status == 200
    cookie = answered.headers["set-cookie"].partition(";")[0]
    for path in ("/config", "/openapi.json", "/gradio_api/info", "/gradio_api/openapi.json"):
        assert closed("GET", path, {"Cookie": cookie}).status == 200
    assert b"/examine" in closed("GET", "/gradio_api/info", {"Cookie": cookie}).body
    assert closed("GET", "/logout", {"Cookie": cookie}).status == 302
    assert closed("GET", "/config", {"Cookie": cookie}).status == 401


def test_a_wrong_one_opens_nothing_and_the_address_is_that_of_who_asks(closed) -> None:
    for user, password in (("examiner", "wrong"), ("wrong", "pass:wörd"), ("examiner", "")):
        reply = log_in(closed, user, password, **{"X-Forwarded-For": "203.0.113.7"})
        assert reply.status in (400, 422)
        assert "set-cookie" not in reply.headers


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.now, self.waited = 1000.0, 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.waited = seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    return Attempts(Login("examiner", "right"), lambda: clock.now, clock.sleep)


def attempt(attempts: Attempts, clock: Clock, user: str, password: str, address: str) -> tuple[bool, float]:
    """What an attempt comes to, and how many seconds it waited."""
    _client.set(address)
    clock.waited = 0.0
    return asyncio.run(attempts.check(user, password)), clock.waited


def test_wrong_ones_wait_longer_and_longer_and_the_right_one_is_let_in(attempts: Attempts, clock: Clock) -> None:
    waits = [attempt(attempts, clock, "examiner", "wrong", "192.0.2.1")[1] for _ in range(12)]
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 32, 32, 32]
    right, waited = attempt(attempts, clock, "examiner", "right", "192.0.2.1")
    assert right
    assert waited <= _LONGEST_STEP
    assert attempt(attempts, clock, "examiner", "right", "192.0.2.1") == (True, 0)


def test_others_do_not_wait(attempts: Attempts, clock: Clock) -> None:
    for _ in range(12):
        attempt(attempts, clock, "examiner", "wrong", "192.0.2.1")
    assert attempt(attempts, clock, "examiner", "right", "192.0.2.2") == (True, 0)
    assert attempt(attempts, clock, "other", "wrong", "192.0.2.1") == (False, 0)


def test_many_users_from_one_address_slow_down_together(attempts: Attempts, clock: Clock) -> None:
    waits = [attempt(attempts, clock, f"user{n}", "wrong", "192.0.2.1")[1] for n in range(25)]
    assert waits[:20] == [0] * 20
    assert waits[20:] == [1, 2, 4, 8, 16]


def test_the_network_of_an_ipv6_address_counts_as_one(attempts: Attempts, clock: Clock) -> None:
    waits = [attempt(attempts, clock, "examiner", "wrong", f"2001:db8::{n:x}")[1] for n in range(6)]
    assert waits == [0, 0, 0, 1, 2, 4]
    assert attempt(attempts, clock, "examiner", "wrong", "2001:db8:0:1::1") == (False, 0)


def test_many_at_once_are_looked_at_one_after_the_other_and_the_rest_is_sent_away(clock: Clock) -> None:
    seen: list[float] = []

    async def note(seconds: float) -> None:
        seen.append(seconds)

    attempts = Attempts(Login("examiner", "right"), lambda: clock.now, note)
    for _ in range(8):
        attempt(attempts, clock, "examiner", "wrong", "192.0.2.1")
        clock.now += 40
    clock.now -= 40
    seen.clear()
    refused = []
    for _ in range(100):
        try:
            assert not attempt(attempts, clock, "examiner", "wrong", "192.0.2.1")[0]
        except Refused as error:
            refused.append(error)
    assert len(refused) > 90
    for error in refused:
        assert error.status_code == 429
        assert "too many wrong logins" in error.detail
        assert int((error.headers or {})["Retry-After"]) > 0
    assert seen == sorted(set(seen))
    assert max(seen) <= _LONGEST_WAIT
    clock.now += _LONGEST_WAIT + 2 * _LONGEST_STEP
    assert attempt(attempts, clock, "examiner", "right", "192.0.2.1")[0]


def test_what_is_remembered_is_bounded_and_forgotten(attempts: Attempts, clock: Clock) -> None:
    for n in range(6000):
        attempt(attempts, clock, f"user{n}", "wrong", f"10.0.{n // 256}.{n % 256}")
    assert len(attempts._wrong) <= 4096
    for _ in range(8):
        attempt(attempts, clock, "examiner", "wrong", "192.0.2.1")
    clock.now += 3600
    assert attempt(attempts, clock, "examiner", "wrong", "192.0.2.1") == (False, 0)


@pytest.mark.parametrize(
    ("user", "password", "right"),
    [
        ("examiner", "right", True),
        ("examiner", "Right", False),
        ("examiner", "right ", False),
        ("examiner", "", False),
        ("", "right", False),
        ("examine", "rright", False),
        ("examiner:right", "", False),
        ("examiner", "ri\N{LATIN SMALL LETTER G WITH CARON}ht", False),
    ],
)
def test_user_and_password_are_compared_as_wholes(user: str, password: str, right: bool) -> None:
    assert Login("examiner", "right").is_right(user, password) is right


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "login"
    path.write_text("examiner:of:file\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def test_it_is_read_from_the_command_line_a_file_or_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_login(None, None) is None
    assert read_login("examiner:word", None) == Login("examiner", "word")
    assert read_login(None, file) == Login("examiner", "of:file")
    assert Options(auth_file=file).login == Login("examiner", "of:file")
    monkeypatch.setenv("ASSAY_AUTH", "examiner:environment")
    assert read_login(None, None) == Login("examiner", "environment")
    assert caplog.records == []


def test_given_twice_it_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="given once, but there are --auth and --auth-file"):
        Options(auth="a:b", auth_file=file)
    monkeypatch.setenv("ASSAY_AUTH", "a:b")
    with pytest.raises(ValueError, match="given once, but there are --auth-file and ASSAY_AUTH"):
        Options(auth_file=file)
    with pytest.raises(ValueError, match="given once, but there are --auth and ASSAY_AUTH"):
        Options(auth="a:b")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o602])
def test_a_file_that_others_can_read_is_warned_of(file: Path, mode: int, caplog: pytest.LogCaptureFixture) -> None:
    file.chmod(mode)
    with caplog.at_level(logging.WARNING):
        assert read_login(None, file) is not None
    assert "chmod 600" in caplog.text
    assert "of:file" not in caplog.text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "holds 0 lines"),
        (b"a:b\nc:d\n", "holds 2 lines"),
        (b"examiner\n", "user:password"),
        (b":\n", "user:password"),
        (b"\xff:\xff", "cannot be read"),
    ],
)
def test_a_file_without_one_is_refused(file: Path, content: bytes, sentence: str) -> None:
    file.write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        read_login(None, file)
    with pytest.raises(ValueError, match="cannot be read"):
        read_login(None, file.parent / "none")


def test_an_empty_variable_does_not_open_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_AUTH", "")
    with pytest.raises(ValueError, match="user:password"):
        Options()


def test_the_password_is_in_no_text_of_it() -> None:
    assert "secret" not in repr(Login("examiner", "secret"))


def test_cases_behind_a_further_name_need_a_login(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"everybody who reaches bench\.example\.org"):
        Options(case_folder=tmp_path, served_as=("bench.example.org",))
    Options(case_folder=tmp_path, served_as=("bench.example.org",), auth="examiner:word")
