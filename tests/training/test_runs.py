"""The run folder: what it refuses, and what an interruption leaves in it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from training.data.manifest import Entry, Manifest
from training.runs import RunFolder, TrainingRefused, plain, set_name, stated_settings

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
