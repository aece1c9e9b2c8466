"""The folder of a run's uploads, with the real app: it goes when the app ends, and at the next start if it crashed."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from ui import uploads
from ui.uploads import uploads_folder

APP = Path(__file__).parents[2] / "app.py"
LEFT = "assay-" + "0123456789abcdef" * 2

ENDING = "SIGTERM", "SIGINT", "SIGHUP"

Start = Callable[[], subprocess.Popen]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go, of this process and of those it starts."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(uploads.tempfile, "tempdir", str(place))
    return place


@pytest.fixture
def start(place: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts the app without models, and waits until it has a file that was handed in."""
    running = []
    weights = tmp_path / "weights"
    weights.mkdir()

    def start() -> subprocess.Popen:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = (tmp_path / f"{port}.log").open("wb")
        command = [sys.executable, str(APP), "--port", str(port), "--weights", str(weights)]
        app = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=heed_every_signal)
        log.close()
        running.append(app)
        upload(app, f"http://127.0.0.1:{port}/gradio_api/upload")
        return app

    yield start
    for app in running:
        app.kill()
        app.wait()


def heed_every_signal() -> None:
    """Tests that run under nohup would hand its ignored SIGHUP on."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def upload(app: subprocess.Popen, address: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\nbytes\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    while True:
        assert app.poll() is None, "the app ended"
        try:
            with urllib.request.urlopen(urllib.request.Request(address, body, headers)) as response:
                assert response.status == 200
                return
        except OSError:
            time.sleep(0.2)


# A thread that is in native code whenever it is stopped, as one is that examines.
_BUSY = """
import threading, time, torch
from ui.uploads import ended_by_signals, uploads_folder
network = torch.nn.Sequential(*[torch.nn.Conv2d(8, 8, 3, padding=1) for _ in range(20)])
def examine():
    while True: network(torch.ones(1, 8, 64, 64)).sum().backward()
threading.Thread(target=examine, daemon=True).start()
with ended_by_signals(), uploads_folder():
    print("running", flush=True)
    time.sleep(600)
"""


def test_a_call_under_way_is_no_reason_to_end_otherwise(place: Path) -> None:
    for name in ENDING:
        with subprocess.Popen(
            [sys.executable, "-c", _BUSY], cwd=APP.parent, stdout=subprocess.PIPE, preexec_fn=heed_every_signal
        ) as busy:
            assert busy.stdout is not None
            assert busy.stdout.readline() == b"running\n"
            busy.send_signal(getattr(signal, name))
            assert busy.wait(60) == 0
    assert list(place.glob("assay-*")) == []


def folders(place: Path) -> set[str]:
    return {path.name for path in place.iterdir() if path.is_dir() and list(path.rglob("a.png"))}


@pytest.mark.parametrize("name", ENDING[:2])
def test_a_signal_ends_the_app_in_good_order_and_nothing_of_its_uploads_stays(
    start: Start, place: Path, name: str
) -> None:
    app = start()
    assert len(folders(place)) == 1
    app.send_signal(getattr(signal, name))
    assert app.wait(60) == 0
    assert [*place.iterdir()] == []


def test_what_a_killed_app_left_is_removed_by_the_next_and_what_a_running_one_has_is_not(
    start: Start, place: Path
) -> None:
    running = start()
    (kept,) = folders(place)
    killed = start()
    (left,) = folders(place) - {kept}
    killed.kill()
    killed.wait()
    assert folders(place) == {kept, left}
    third = start()
    assert kept in folders(place)
    assert left not in folders(place)
    for app in (running, third):
        app.send_signal(signal.SIGTERM)
        assert app.wait(60) == 0
    assert [*place.iterdir()] == []


def left_behind(place: Path, name: str = LEFT) -> Path:
    folder = place / name
    folder.mkdir()
    (folder / "upload.png").write_bytes(b"picture")
    (place / f"{name}.lock").touch()
    return folder


def test_only_what_assay_made_and_nobody_holds_is_removed(place: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "letter.txt").write_text("kept")
    held = left_behind(place, "assay-" + "1" * 32)
    foreign = left_behind(place, "assay-notes")
    unlocked = left_behind(place, "assay-" + "2" * 32)
    (place / f"{unlocked.name}.lock").unlink()
    link = place / ("assay-" + "3" * 32)
    link.symlink_to(outside)
    (place / f"{link.name}.lock").touch()
    linked_lock = left_behind(place, "assay-" + "4" * 32)
    (place / f"{linked_lock.name}.lock").unlink()
    (place / f"{linked_lock.name}.lock").symlink_to(outside / "letter.txt")
    inside = left_behind(place)
    (inside / "way out").symlink_to(outside)
    with FileLock(f"{held}.lock"), uploads_folder():
        assert not inside.exists()
        assert not Path(f"{inside}.lock").exists()
        assert all(path.exists() for path in (held, foreign, unlocked, link, linked_lock))
    assert (outside / "letter.txt").read_text() == "kept"


def test_a_lock_that_a_bench_left_before_its_folder_was_made_is_removed(place: Path) -> None:
    (place / f"{LEFT}.lock").touch()
    with uploads_folder():
        assert not (place / f"{LEFT}.lock").exists()


def test_what_belongs_to_another_user_is_left(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = left_behind(place)
    monkeypatch.setattr(uploads.os, "getuid", lambda: left.stat().st_uid + 1)
    with uploads_folder():
        assert left.exists()


def test_what_cannot_be_removed_is_logged_and_the_bench_starts(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left, remove = left_behind(place), uploads.shutil.rmtree

    def fail(path: Path) -> None:
        if path == left:
            raise PermissionError(13, "Permission denied")
        remove(path)

    monkeypatch.setattr(uploads.shutil, "rmtree", fail)
    with uploads_folder() as folder:
        assert folder.is_dir()
    assert f"Uploads in {left} could not be removed" in caplog.text
    monkeypatch.undo()
    monkeypatch.setattr(uploads.tempfile, "tempdir", str(place))
    with uploads_folder():
        assert not left.exists()


def test_a_lock_that_a_sweep_took_first_is_given_up_for_another(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sweeps come between the making of a lock and its taking: one still holds it, the other is done with it."""
    take, taken = uploads._take, []

    def late(lock: FileLock) -> bool:
        taken.append(lock)
        match len(taken):
            case 1:
                Path(lock.lock_file).touch()
                return False
            case 2:
                assert take(lock)
                Path(lock.lock_file).unlink()
                return True
        return take(lock)

    monkeypatch.setattr(uploads, "_take", late)
    with uploads_folder() as folder:
        assert len(taken) == 3
        assert [path.name for path in place.iterdir() if path.is_dir()] == [folder.name]
        assert re.fullmatch("assay-[0-9a-f]{32}", folder.name)


def test_a_place_without_room_is_refused_in_a_sentence(place: Path) -> None:
    place.rmdir()
    place.touch()
    with pytest.raises(uploads.Refusal, match="The folder for uploads cannot be made"), uploads_folder():
        pass
