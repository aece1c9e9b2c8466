"""The run folder: what it refuses, and what an interruption leaves in it."""

from __future__ import annotations

import gc
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from inference.files import sha256
from training.__main__ import main
from training.authenticity import settings as authenticity
from training.data.manifest import Entry, Manifest
from training.fitting.run_folder import (
    RunFolder,
    TrainingRefused,
    alone_in,
    plain,
    recorded_manifest,
    set_name,
    stated_settings,
)
from training.locator import settings as locator
from training.trademark import settings as trademark

ROOT = Path(__file__).parents[3]
SET = Manifest("0" * 64, (Entry("bag/genuine/1.jpg", "a" * 64, "bag/genuine", "item, train"),), called="photos")


@dataclass(frozen=True)
class Fit:
    epochs: int = 3
    device: str = "auto"
    workers: int = 0
    resume: bool = False
    out: Path = Path("runs")


@dataclass(frozen=True)
class Settings:
    data: Path = Path("photos")
    fit: Fit = field(default_factory=Fit)
    remarks: tuple[str, ...] = ("one", "two")
    alpha: float = 0.5


def resumed(**changes: Any) -> Settings:
    return Settings(fit=Fit(resume=True, **changes))


@pytest.mark.parametrize(
    ("trainer", "setting"), [(authenticity, "hidden"), (trademark, "scale"), (locator, "channels")]
)
def test_a_setting_that_no_card_may_state_is_refused_before_training(trainer: Any, setting: str) -> None:
    with pytest.raises(TrainingRefused, match=rf"^--{setting} lies between .*, not at \d+\.$"):
        replace(trainer.PRESETS["small"], **{setting: 10**12 // 32 * 32})


def test_a_new_run_states_its_settings(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "runs" / "first", Settings(), SET, resume=False)
    stated = json.loads((run.path / "settings.json").read_text())
    assert stated == {
        "data": "photos",
        "fit": {"epochs": 3, "device": "auto", "workers": 0, "resume": False, "out": "runs"},
        "remarks": ["one", "two"],
        "alpha": 0.5,
    }
    assert run.load_checkpoint() is None


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    RunFolder(tmp_path, Settings(), SET, resume=False)
    with pytest.raises(TrainingRefused, match=r"holds a run already; continue it with --resume, or choose another"):
        RunFolder(tmp_path, Settings(), SET, resume=False)


def test_there_must_be_a_run_to_continue(tmp_path: Path) -> None:
    with pytest.raises(TrainingRefused, match=r"holds no run to continue; leave out --resume"):
        RunFolder(tmp_path / "none", resumed(), SET, resume=True)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("changed", "stated"),
    [
        pytest.param(resumed(epochs=5), "fit.epochs = 3, not 5", id="epochs"),
        pytest.param(replace(resumed(), alpha=1.0), "alpha = 0.5, not 1.0", id="alpha"),
    ],
)
def test_a_run_is_not_continued_with_other_settings(changed: Settings, stated: str, tmp_path: Path) -> None:
    RunFolder(tmp_path, Settings(), SET, resume=False)
    before = (tmp_path / "settings.json").read_bytes()
    with pytest.raises(TrainingRefused) as refusal:
        RunFolder(tmp_path, changed, SET, resume=True)
    assert stated in str(refusal.value)
    assert (tmp_path / "settings.json").read_bytes() == before


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(resumed(), id="nothing"),
        pytest.param(resumed(device="cuda"), id="the device"),
        pytest.param(resumed(workers=4), id="the workers"),
        pytest.param(replace(resumed(), remarks=("one",)), id="what the card remarks"),
        pytest.param(replace(resumed(), data=Path("moved/photos")), id="where the data lies"),
        pytest.param(resumed(out=Path("elsewhere")), id="where the run lies"),
    ],
)
def test_what_does_not_change_a_result_may_differ(settings: Settings, tmp_path: Path) -> None:
    RunFolder(tmp_path, Settings(), SET, resume=False)
    RunFolder(tmp_path, settings, SET, resume=True)
    RunFolder(tmp_path, resumed(), SET, resume=True)


def test_a_card_states_files_by_name_and_not_where_they_lay() -> None:
    settings = Settings(data=Path("/home/examiner/case 7/photos"))
    assert stated_settings(settings) == {
        "data": "photos",
        "fit": {"epochs": 3, "device": "auto", "workers": 0, "resume": False, "out": "runs"},
        "remarks": ["one", "two"],
        "alpha": 0.5,
    }


@pytest.mark.parametrize(
    ("data", "called"),
    [
        ("sets/tags", "tags"),
        ("sets/tags/manifest.csv", "tags/manifest.csv"),
        ("/my.bags/pairs.csv", "my.bags/pairs.csv"),
    ],
)
def test_a_table_is_called_with_its_folder(data: str, called: str) -> None:
    assert set_name(Path(data)) == called


def keep(run: RunFolder, epoch: int, value: float = 0.5, **more: Any) -> None:
    """Keep an epoch whose weights tell which it is."""
    learner = {"weight": torch.full((2, 3), float(epoch)).T, "steps": torch.tensor(epoch)}
    state = {"epoch": epoch, "learner": learner, "best_learner": {"weight": torch.arange(400.0) * epoch}}
    run.save_checkpoint(state, {"epoch": epoch, "loss": value, **more})


def run_of(path: Path, epochs: int) -> RunFolder:
    """A run that has finished so many epochs."""
    run = RunFolder(path, Settings(), SET, resume=False)
    for epoch in range(1, epochs + 1):
        keep(run, epoch)
    return run


def test_the_log_is_one_json_object_a_line(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, Settings(), SET, resume=False)
    keep(run, 1, math.nan)
    keep(run, 2, 0.25, name="Zürich\n\u2028")
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").split("\n")
    first, second = (json.loads(line) for line in lines[:-1])
    assert first.keys() == {"epoch", "loss", "checkpoint"}
    assert second == {
        "epoch": 2,
        "loss": 0.25,
        "name": "Zürich\n\u2028",
        "checkpoint": sha256((tmp_path / "checkpoint.pt").read_bytes()),
    }


def test_a_checkpoint_comes_back_and_is_replaced(tmp_path: Path) -> None:
    run_of(tmp_path, 2)
    run = RunFolder(tmp_path, resumed(), SET, resume=True)
    again = run.load_checkpoint()
    assert again is not None
    assert again.keys() == {"epoch", "learner", "best_learner"}
    assert again["epoch"] == again["learner"]["steps"] == 2
    assert torch.equal(again["learner"]["weight"], torch.full((3, 2), 2.0))
    assert torch.equal(run.load_best()["weight"], torch.arange(400.0) * 2)
    names = [".lock", "checkpoint.pt", "log.jsonl", "manifest.json", "settings.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


class Interrupts:
    """Something that stops the writing of the checkpoint it is in."""

    def __reduce__(self) -> NoReturn:
        raise KeyboardInterrupt


def test_an_interrupted_checkpoint_leaves_the_one_before(tmp_path: Path) -> None:
    run = run_of(tmp_path, 1)
    with pytest.raises(KeyboardInterrupt):
        run.save_checkpoint({"epoch": 2, "learner": Interrupts()}, {"epoch": 2})
    state = run.load_checkpoint()
    assert state is not None
    assert state["epoch"] == 1


def seal(path: Path) -> None:
    """Let the log name what now lies there as the checkpoint."""
    line = json.loads((path / "log.jsonl").read_text())
    (path / "log.jsonl").write_text(
        json.dumps({**line, "checkpoint": sha256((path / "checkpoint.pt").read_bytes())}) + "\n"
    )


class Payload:
    """What a checkpoint from somewhere else might hold."""


@pytest.mark.parametrize("named", [False, True], ids=["not named in the log", "named in the log"])
@pytest.mark.parametrize(
    "state", [{"epoch": 1, "learner": Payload()}, {"epoch": 1}, [1]], ids=["code", "a part", "a list"]
)
def test_a_foreign_checkpoint_is_refused_and_runs_no_code(state: Any, named: bool, tmp_path: Path) -> None:
    run = run_of(tmp_path, 1)
    torch.save(state, tmp_path / "checkpoint.pt")
    if named:
        seal(tmp_path)
    with pytest.raises(TrainingRefused, match=r"checkpoint\.pt is "):
        run.load_checkpoint()


def test_every_changed_bit_of_a_checkpoint_is_found(tmp_path: Path) -> None:
    run = run_of(tmp_path, 1)
    file = tmp_path / "checkpoint.pt"
    whole = file.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        file.write_bytes(changed)
        with pytest.raises(TrainingRefused, match=r"checkpoint\.pt is not the checkpoint that the last line"):
            run.load_checkpoint()
    file.write_bytes(whole)
    assert run.load_checkpoint()


def test_every_changed_bit_of_the_log_is_found(tmp_path: Path) -> None:
    run = run_of(tmp_path, 3)
    file = tmp_path / "log.jsonl"
    whole = file.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        file.write_bytes(changed)
        with pytest.raises(TrainingRefused, match=r"log\.jsonl|before checkpoints had a checksum"):
            run.load_checkpoint()
    file.write_bytes(whole)
    assert run.load_checkpoint()


@pytest.mark.parametrize("name", ["manifest.json", "settings.json"])
def test_a_changed_bit_of_the_settings_or_the_list_never_reaches_the_weights(name: str, tmp_path: Path) -> None:
    run_of(tmp_path, 1)
    whole = (tmp_path / name).read_bytes()
    settings = json.loads((tmp_path / "settings.json").read_bytes())
    refused = 0
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 7
        (tmp_path / name).write_bytes(changed)
        try:
            again = RunFolder(tmp_path, resumed(), SET, resume=True)
        except TrainingRefused:
            refused += 1
        else:
            # It stood in what does not change a result, and what was asked for is written anew.
            stated = json.loads((tmp_path / "settings.json").read_bytes())
            assert stated == {**settings, "fit": {**settings["fit"], "resume": True}}
            assert again.load_checkpoint()
        (tmp_path / name).write_bytes(whole)
    assert refused > len(whole) // 3


DAMAGES: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "checkpoint gone": (lambda run, _: (run / "checkpoint.pt").unlink(), "checkpoint.pt is missing or damaged"),
    "checkpoint empty": (lambda run, _: (run / "checkpoint.pt").write_bytes(b""), "checkpoint.pt is not the"),
    "checkpoint cut": (lambda run, _: cut(run / "checkpoint.pt", 0.5), "checkpoint.pt is not the"),
    "checkpoint cut by a byte": (lambda run, _: cut(run / "checkpoint.pt", -1), "checkpoint.pt is not the"),
    "checkpoint longer": (lambda run, _: longer(run / "checkpoint.pt", b"\0"), "checkpoint.pt is not the"),
    "checkpoint twice": (
        lambda run, _: longer(run / "checkpoint.pt", (run / "checkpoint.pt").read_bytes()),
        "checkpoint.pt is not the",
    ),
    "checkpoint of another run": (
        lambda run, other: shutil.copy(other / "checkpoint.pt", run),
        "checkpoint.pt is not the",
    ),
    "checkpoint of the epoch before": (
        lambda run, _: shutil.copy(run.parent / "before.pt", run / "checkpoint.pt"),
        "checkpoint.pt is not the",
    ),
    "checkpoint a folder": (lambda run, _: as_folder(run / "checkpoint.pt"), "checkpoint.pt is missing or damaged"),
    "log gone": (lambda run, _: (run / "log.jsonl").unlink(), "log.jsonl is missing or damaged"),
    "log empty": (lambda run, _: (run / "log.jsonl").write_bytes(b""), "log.jsonl is missing or damaged"),
    "log cut in a line": (lambda run, _: cut(run / "log.jsonl", -5), "log.jsonl is missing or damaged"),
    "log cut by a line end": (lambda run, _: cut(run / "log.jsonl", -1), "log.jsonl is missing or damaged"),
    "log cut by a line": (lambda run, _: lines(run, lambda all_of: all_of[:-1]), "checkpoint.pt is not the"),
    "log without its first line": (
        lambda run, _: lines(run, lambda all_of: all_of[1:]),
        "log.jsonl is missing or damaged",
    ),
    "a line twice": (
        lambda run, _: lines(run, lambda all_of: [*all_of, all_of[-1]]),
        "log.jsonl is missing or damaged",
    ),
    "lines moved": (
        lambda run, _: lines(run, lambda all_of: [all_of[1], all_of[0], all_of[2]]),
        "log.jsonl is missing or damaged",
    ),
    "log of another run": (lambda run, other: shutil.copy(other / "log.jsonl", run), "checkpoint.pt is not the"),
    "a line that is a list": (lambda run, _: longer(run / "log.jsonl", b"[]\n"), "log.jsonl is missing or damaged"),
    "a line that is too deep": (
        lambda run, _: longer(run / "log.jsonl", b"[" * 99_999 + b"\n"),
        "log.jsonl is missing or damaged",
    ),
    "settings gone": (lambda run, _: (run / "settings.json").unlink(), "settings.json is missing or damaged"),
}


def cut(file: Path, kept: float) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(kept * len(whole)) if 0 < kept < 1 else int(kept)])


def longer(file: Path, more: bytes) -> None:
    file.write_bytes(file.read_bytes() + more)


def as_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def lines(run: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    log = run / "log.jsonl"
    log.write_bytes(b"".join(change(log.read_bytes().splitlines(keepends=True))))


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_run_is_refused_by_name_in_a_sentence(
    damage: Callable[[Path, Path], object], words: str, tmp_path: Path
) -> None:
    other = RunFolder(tmp_path / "other", Settings(), SET, resume=False)
    for epoch in range(1, 4):
        keep(other, epoch, 0.75)
    run = run_of(tmp_path / "run", 2)
    shutil.copy(run.path / "checkpoint.pt", tmp_path / "before.pt")
    keep(run, 3)
    damage(tmp_path / "run", tmp_path / "other")
    with pytest.raises(TrainingRefused) as refused:
        RunFolder(tmp_path / "run", resumed(), SET, resume=True).load_checkpoint()
    sentence = str(refused.value)
    assert sentence.startswith(f"{tmp_path / 'run' / words}")
    assert sentence.endswith("start again into another --out.")
    assert "\n" not in sentence


def test_a_run_from_before_checksums_is_refused(tmp_path: Path) -> None:
    run = run_of(tmp_path, 1)
    torch.save({"epoch": 1}, tmp_path / "checkpoint.pt")
    (tmp_path / "log.jsonl").write_text('{"epoch": 1, "loss": 0.5}\n')
    with pytest.raises(TrainingRefused, match=r"was started before checkpoints had a checksum, .* another --out\.$"):
        run.load_checkpoint()


def test_a_run_is_not_started_over_the_epochs_of_another(tmp_path: Path) -> None:
    run_of(tmp_path, 1)
    (tmp_path / "settings.json").unlink()
    with pytest.raises(TrainingRefused, match="holds a run already"):
        RunFolder(tmp_path, Settings(), SET, resume=False)


def test_what_a_killed_process_left_half_written_goes(tmp_path: Path) -> None:
    run_of(tmp_path, 1)
    (tmp_path / "checkpoint.next.pt").write_bytes(b"half")
    for name in ("checkpoint.next.pt", "bag.safetensors"):
        (tmp_path / f".{name}.partial").write_bytes(b"half")
    RunFolder(tmp_path, resumed(), SET, resume=True)
    assert {file.name for file in tmp_path.iterdir()} == {
        *(".lock", "checkpoint.pt", "log.jsonl", "manifest.json", "settings.json")
    }


def elsewhere(program: str, *arguments: object) -> subprocess.Popen[str]:
    """A process of its own."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)


HOLDS = """
import multiprocessing, sys, time
from pathlib import Path
from training.fitting.run_folder import hold

held = hold(Path(sys.argv[1]))
worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
worker.start()
print(worker.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("resume", [False, True])
def test_a_second_training_on_a_folder_is_refused_until_the_first_ends_however_it_ends(
    resume: bool, tmp_path: Path
) -> None:
    if resume:
        run_of(tmp_path, 1)
        gc.collect()
    with elsewhere(HOLDS, tmp_path) as first:
        assert first.stdout is not None
        worker = int(first.stdout.readline())
        try:
            kept = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
            with pytest.raises(TrainingRefused) as refused:
                RunFolder(tmp_path, resumed() if resume else Settings(), SET, resume=resume)
            sentence = f"Another process writes into {tmp_path}; wait until it ends, or choose another --out."
            assert str(refused.value) == sentence
            assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == kept
            RunFolder(tmp_path, Settings(), SET, resume=False, owner=False)
            first.kill()
            first.wait()
            # A worker of the killed process lives on, as one that prepares pictures may.
            os.kill(worker, 0)
            RunFolder(tmp_path, resumed() if resume else Settings(), SET, resume=resume)
        finally:
            os.kill(worker, signal.SIGKILL)
            first.kill()


def test_one_process_may_go_on_with_its_own_run(tmp_path: Path) -> None:
    first = run_of(tmp_path, 1)
    assert RunFolder(tmp_path, resumed(), SET, resume=True).load_checkpoint() is not None
    assert first.load_checkpoint() is not None


@pytest.mark.parametrize("content", [b"", b"{", b'{"files": 3}', b"[]", b"\xff\xfe"], ids=repr)
@pytest.mark.parametrize("name", ["manifest.json", "settings.json"])
def test_a_damaged_list_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    RunFolder(tmp_path, Settings(), SET, resume=False)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TrainingRefused):
        RunFolder(tmp_path, resumed(), SET, resume=True)


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file can grow above 1,000 bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITES: dict[str, Callable[[RunFolder], None]] = {
    "checkpoint.next.pt": lambda run: keep(run, 2),
    "metrics.json": lambda run: run.write_json("metrics.json", ["x" * 2000]),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_full_disk_ends_in_a_sentence_and_leaves_what_was_there(name: str, tmp_path: Path, little_room: None) -> None:
    run = RunFolder(tmp_path, Settings(), SET, resume=False)
    run.write_json("metrics.json", {})
    kept = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(TrainingRefused) as refused:
        WRITES[name](run)
    assert str(refused.value).startswith(f"{tmp_path / name} cannot be written (File too large); free some space")
    assert "--resume" in str(refused.value)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == kept


def test_a_run_without_a_list_of_its_data_is_not_continued(tmp_path: Path) -> None:
    RunFolder(tmp_path, Settings(), SET, resume=False)
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(TrainingRefused, match="was started before runs kept a list of their data"):
        RunFolder(tmp_path, resumed(), SET, resume=True)


def test_a_run_is_not_continued_with_another_set(tmp_path: Path) -> None:
    RunFolder(tmp_path, Settings(), SET, resume=False)
    more = replace(SET, sha256="1" * 64, files=(*SET.files, Entry("bag/genuine/2.jpg", "b" * 64, "bag/genuine")))
    for _ in range(2):
        with pytest.raises(TrainingRefused) as refused:
            RunFolder(tmp_path, resumed(), more, resume=True)
    assert str(refused.value) == (
        f"The data is not what the run in {tmp_path} was started with: 1 file added (bag/genuine/2.jpg); restore it, "
        "or start again into another --out."
    )
    assert recorded_manifest(tmp_path) == SET


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Path("a") / "b", "a/b"),
        ((1, (2.5, None)), [1, [2.5, None]]),
        ({"path": Path("x"), "inner": {"flags": (True,)}}, {"path": "x", "inner": {"flags": [True]}}),
    ],
    ids=["a path", "tuples", "nested"],
)
def test_settings_become_json_values(value: Any, expected: Any) -> None:
    assert plain(value) == expected


def test_a_command_that_is_refused_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(TrainingRefused), alone_in(tmp_path / "out"):
        raise TrainingRefused
    assert not (tmp_path / "out").exists()
    with alone_in(tmp_path / "out"):
        (tmp_path / "out" / "figures.json").touch()
    assert {file.name for file in (tmp_path / "out").iterdir()} == {".lock", "figures.json"}


def test_a_command_does_not_write_into_a_folder_that_a_training_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with elsewhere(HOLDS, tmp_path) as first:
        assert first.stdout is not None
        worker = int(first.stdout.readline())
        try:
            for command in ("evaluate", "deviation", "calibrate", "scope", "robustness", "evaluate_locator"):
                arguments = [command, "leather_tag", "--data", str(tmp_path), "--out", str(tmp_path)]
                monkeypatch.setattr("sys.argv", ["training", *arguments])
                assert main() == 2
                assert capsys.readouterr().err.startswith(f"Another process writes into {tmp_path}; wait until")
        finally:
            os.kill(worker, signal.SIGKILL)
            first.kill()
