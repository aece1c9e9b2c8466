"""A training run that dies at any step, or finds no room at any write, goes on and ends as if nothing had happened."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from inference import files
from inference.files import sha256
from inference.models import weights
from inference.models.catalogue import read_catalogue
from tests.training.fitting.plane_run import EPOCHS, Life, refusal, train
from training.fitting import run_folder as runs

Lives = Callable[[Life], tuple[int, str | None]]


@pytest.fixture(scope="module")
def live() -> Iterator[Lives]:
    """Runs a training in a process of its own: its exit status, or below 0 the signal it died of, and what it refused.

    The processes are forks of one that has everything imported and no thread.
    """
    command = [sys.executable, "-m", "tests.training.fitting.plane_run"]
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=root
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answered = process.stdin, process.stdout

        def ask(life: Life) -> tuple[int, str | None]:
            asked.write(json.dumps(asdict(life)) + "\n")
            asked.flush()
            ended, refused = json.loads(answered.readline())
            return ended, refused

        yield ask


LIVED = 0, None
DIED = -signal.SIGKILL, None


@pytest.fixture(scope="module")
def whole(live: Lives, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing stopped."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert live(Life(str(out))) == LIVED
    return out


def require_nothing_half_written(out: Path) -> None:
    """Whatever is there under its own name is whole, and a model that is offered has its weights."""
    for name in ("settings.json", "manifest.json", "metrics.json"):
        if (out / name).exists():
            json.loads((out / name).read_bytes())
    if (out / "log.jsonl").exists():
        assert [json.loads(line)["epoch"] for line in log_of(out)] == [1, 2][: len(log_of(out))]
    for name, card in read_catalogue(out).cards.items():
        assert card.weights_sha256 == sha256((out / f"{name}.safetensors").read_bytes())


def require_same_end(out: Path, whole: Path) -> None:
    """Same weights, same log but for the seconds, same files, nothing left over."""
    for name in ("plane.safetensors", "plane.json", "metrics.json", "manifest.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    assert [figures(line) for line in log_of(out)] == [figures(line) for line in log_of(whole)]
    assert {file.name for file in out.iterdir()} == {file.name for file in whole.iterdir()}


def log_of(out: Path) -> list[str]:
    return (out / "log.jsonl").read_text().splitlines()


def figures(line: str) -> dict[str, Any]:
    return {name: value for name, value in json.loads(line).items() if name not in ("seconds", "checkpoint")}


def left_in(out: Path) -> dict[str, int]:
    """By name, the size of each file of a run."""
    return {file.name: file.stat().st_size for file in out.iterdir()} if out.exists() else {}


def test_a_run_killed_at_any_step_goes_on_to_the_same_end(live: Lives, whole: Path, tmp_path: Path) -> None:
    """Steps that leave the same files go on alike: the first of them is continued."""
    before: dict[str, int] | None = None
    continued = 0
    for step in count(1):
        out = tmp_path / str(step)
        ended = live(Life(str(out), killed_at=step))
        if ended == LIVED:
            break
        assert ended == DIED
        require_nothing_half_written(out)
        if left_in(out) == before:
            continue
        before = left_in(out)
        continued += 1
        assert live(Life(str(out))) == LIVED, f"killed at step {step}"
        require_same_end(out, whole)
    assert step > 100, "the steps were watched"
    assert continued > 15, "every change of the files was continued"


def test_a_run_killed_again_and_again_gets_to_the_same_end(live: Lives, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    lives = next(n for n in count(1) if live(Life(str(out), killed_at=5 * n)) == LIVED)
    assert lives > 10, "it died over and over"
    require_same_end(out, whole)


@contextmanager
def no_room_at(write: int) -> Iterator[list[str]]:
    """The write-th file that is written, from 1, has room for half of its bytes; what was written is listed."""
    written: list[str] = []
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def write_whole(path: Path, content: bytes) -> None:
        written.append(path.name)
        if len(written) == write:
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) // 2, before[1]))
        try:
            files.write_whole(path, content)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    with pytest.MonkeyPatch.context() as patch:
        for module in (runs, weights):
            patch.setattr(module, "write_whole", write_whole)
        yield written


def test_a_disk_that_is_full_at_any_write_ends_the_run_and_loses_nothing(whole: Path, tmp_path: Path) -> None:
    for write in count(1):
        out = tmp_path / str(write)
        with no_room_at(write) as written:
            sentence = refusal(out)
        if sentence is None:
            break
        assert len(written) == write
        assert sentence.startswith(f"{out / Path(written[-1]).stem}.")
        assert "cannot be written (File too large); free some space" in sentence
        require_nothing_half_written(out)
        train(out)
        require_same_end(out, whole)
    assert written == [
        *("manifest.json", "settings.json"),
        *("checkpoint.next.pt", "log.jsonl") * EPOCHS,
        *("metrics.json", "plane.safetensors", "plane.json"),
    ]


@pytest.fixture
def anyones() -> Iterator[Path]:
    """A folder that everybody may look into."""
    with tempfile.TemporaryDirectory() as named:
        Path(named).chmod(0o755)
        yield Path(named) / "run"


@pytest.mark.parametrize("there", [False, True], ids=["to start in", "with a run in it"])
def test_a_read_only_folder_is_refused_in_a_sentence(there: bool, live: Lives, whole: Path, anyones: Path) -> None:
    shutil.copytree(whole, anyones) if there else anyones.mkdir()
    kept = {file.name: file.read_bytes() for file in anyones.iterdir()}
    anyones.chmod(0o555)
    sentence = f"{anyones} cannot be written (Permission denied); check the folder, or choose another --out."
    assert live(Life(str(anyones), as_nobody=True)) == (0, sentence)
    anyones.chmod(0o755)
    assert {file.name: file.read_bytes() for file in anyones.iterdir()} == kept
