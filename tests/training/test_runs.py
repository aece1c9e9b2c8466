"""The run folder: what it refuses, and what an interruption leaves in it."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch

from training.data.manifest import Entry, Manifest
from training.runs import RunFolder, TrainingRefused, plain, recorded_manifest, set_name, stated_settings

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


def test_the_log_is_one_json_object_a_line(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, Settings(), SET, resume=False)
    entries: list[dict[str, Any]] = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25, "name": "Zürich\n"}]
    for entry in entries:
        run.log(entry)
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == entries


def test_a_checkpoint_comes_back_and_is_replaced(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, Settings(), SET, resume=False)
    for epoch in (1, 2):
        run.save_checkpoint({"epoch": epoch, "learner": {"weight": torch.full((2,), float(epoch))}})
    again = RunFolder(tmp_path, resumed(), SET, resume=True).load_checkpoint()
    assert again is not None
    assert again["epoch"] == 2
    assert torch.equal(again["learner"]["weight"], torch.tensor([2.0, 2.0]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "manifest.json", "settings.json"]


class Interrupts:
    """Something that stops the writing of the checkpoint it is in."""

    def __reduce__(self) -> NoReturn:
        raise KeyboardInterrupt


def test_an_interrupted_checkpoint_leaves_the_one_before(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, Settings(), SET, resume=False)
    run.save_checkpoint({"epoch": 1})
    with pytest.raises(KeyboardInterrupt):
        run.save_checkpoint({"epoch": 2, "learner": Interrupts()})
    assert run.load_checkpoint() == {"epoch": 1}


class Payload:
    """What a checkpoint from somewhere else might hold."""


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, Settings(), SET, resume=False)
    torch.save({"epoch": 1, "learner": Payload()}, tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingRefused, match=r"holds more than weights and numbers, and is not loaded"):
        run.load_checkpoint()


def test_the_best_weights_come_back(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, Settings(), SET, resume=False)
    state = {"weight": torch.arange(6.0).reshape(2, 3).T, "steps": torch.tensor(3)}
    run.save_best({"weight": torch.zeros(3, 2)})
    run.save_best(state)
    best = run.load_best()
    assert best.keys() == state.keys()
    assert all(torch.equal(best[key], value) for key, value in state.items())


STATE = {"epoch": 3, "learner": {"weight": torch.arange(4000.0)}}


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99, -1], ids="{} left".format)
def test_a_cut_checkpoint_is_refused_in_a_sentence(kept: float, tmp_path: Path) -> None:
    run = RunFolder(tmp_path, Settings(), SET, resume=False)
    run.save_checkpoint(STATE)
    whole = (tmp_path / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").write_bytes(whole[: int(kept * len(whole)) if 0 < kept < 1 else int(kept)])
    with pytest.raises(TrainingRefused, match=r"checkpoint\.pt is gone, cut short or damaged: the run cannot go on"):
        run.load_checkpoint()


@pytest.mark.parametrize("seed", range(10))
def test_a_checkpoint_with_a_changed_byte_in_its_weights_is_refused(seed: int, tmp_path: Path) -> None:
    run = RunFolder(tmp_path, Settings(), SET, resume=False)
    run.save_checkpoint(STATE)
    content = bytearray((tmp_path / "checkpoint.pt").read_bytes())
    weights = content.index(torch.arange(4000.0).numpy().tobytes())
    content[weights + int(np.random.default_rng(seed).integers(16000))] ^= 1
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(TrainingRefused, match="cut short or damaged"):
        run.load_checkpoint()


@pytest.mark.parametrize("content", [None, b"", b"no weights", b"\x10\0\0\0\0\0\0\0{"], ids=repr)
def test_best_weights_that_are_gone_or_cut_are_refused(content: bytes | None, tmp_path: Path) -> None:
    run = RunFolder(tmp_path, Settings(), SET, resume=False)
    if content is not None:
        (tmp_path / "best.safetensors").write_bytes(content)
    with pytest.raises(TrainingRefused, match=r"best\.safetensors is gone, cut short or damaged"):
        run.load_best()


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
    "checkpoint.pt": lambda run: run.save_checkpoint(STATE),
    "best.safetensors": lambda run: run.save_best({"weight": torch.arange(4000.0)}),
    "metrics.json": lambda run: run.write_json("metrics.json", ["x" * 2000]),
    "log.jsonl": lambda run: run.log({"epoch": 1, "words": "x" * 2000}),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_full_disk_ends_in_a_sentence_and_leaves_what_was_there(name: str, tmp_path: Path, little_room: None) -> None:
    run = RunFolder(tmp_path, Settings(), SET, resume=False)
    (tmp_path / name).write_bytes(b"before\n")
    with pytest.raises(TrainingRefused) as refused:
        WRITES[name](run)
    assert str(refused.value).startswith(f"{tmp_path / name} cannot be written (File too large); free some space")
    assert "--resume" in str(refused.value)
    assert (tmp_path / name).read_bytes() == b"before\n"
    assert {file.name for file in tmp_path.iterdir()} == {"settings.json", "manifest.json", name}


def test_a_line_of_the_log_that_was_cut_off_goes(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, Settings(), SET, resume=False)
    run.log({"epoch": 1})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"epo')
    run.log({"epoch": 2})
    assert (tmp_path / "log.jsonl").read_text() == '{"epoch": 1}\n{"epoch": 2}\n'


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
