"""A study of the KAG-MTLN paper, whole: its cells, what it writes, and that it goes on where it stopped."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState

from inference.models.catalogue import read_card
from inference.models.weights import load_model
from inference.records import Refusal
from tests.training.experiments.study_run import EPOCHS, STAGES, make_sets, prepare, small
from training.data.photos.photo_set import read_photo_set
from training.experiments import study
from training.experiments.kag_cells import FIGURES
from training.experiments.study import KagStudy, run
from training.experiments.study_plan import data_of
from training.experiments.study_sets import made_sets

ROOT = Path(__file__).parents[3]
CELLS = {
    "one_mould-alpha_1p0-disturbed_share_0p0-0",
    "one_mould-0",
    "one_mould-method_mhem-training_share_0p5-0",
    "open-0",
}


@pytest.fixture(autouse=True)
def fresh_accelerator() -> Iterator[None]:
    """Other tests of this process train at another precision, which accelerate takes for all of a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "ORDER", STAGES)


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as table:
        return [*csv.DictReader(table)]


def trained_cells(out: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in out.glob("cells/*/cell.json")}


def test_a_study_trains_its_cells_two_at_once_and_says_which_it_could_not(tmp_path: Path, stages: None) -> None:
    prepare(tmp_path)
    lines = run(small(tmp_path))
    assert {*trained_cells(tmp_path)} == CELLS
    assert (tmp_path / "study.md").read_text().splitlines() == lines
    assert "4 of 5 cells are finished." in lines
    told = [line for line in lines if line.startswith("- ")]
    assert len(told) == 1
    assert told[0].startswith("- ECA Net, one_mould, 50% of the items, seed 0: not begun; There is ECA for --backbone")

    table = rows_of(tmp_path / "study.csv")
    assert [(row["row"], row["set"], row["share"], row["seed"]) for row in table] == [
        ("single task", "one_mould", "1.0", "0"),
        ("KAG-MTLN", "one_mould", "1.0", "0"),
        ("MHEM", "one_mould", "0.5", "0"),
        ("ECA Net", "one_mould", "0.5", "0"),
        ("KAG-MTLN", "open", "1.0", "0"),
    ]
    card = read_card(tmp_path / "cells" / "one_mould-0" / "cell.json")
    kag = table[1]
    for name, find in FIGURES.items():
        metric = find(card)
        assert metric is not None
        assert [kag[f"{name}{end}"] for end in ("", " low", " high")] == [
            str(metric.value),
            str(metric.low),
            str(metric.high),
        ]
    # 24 training photos are one batch of 16 an epoch; with half of the items 12 are one of 12, in twice the epochs.
    assert [row["steps"] for row in table] == [str(EPOCHS), str(EPOCHS), str(2 * EPOCHS), "", str(EPOCHS)]
    assert all(float(row["images a second"]) > 0 for row in table if row["steps"])
    assert [bool(row["not finished"]) for row in table] == [False, False, False, True, False]

    curves = rows_of(tmp_path / "curves.csv")
    assert [row["epoch"] for row in curves if row["row"] == "MHEM"] == ["1", "2", "3", "4"]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    stated = (tmp_path / "environment.json").read_text()
    assert json.loads(stated)["cells_at_once"] == 2
    assert not re.search(rf"[/\\]|{re.escape(os.uname().nodename)}", stated)
    assert [*tmp_path.glob("cells/.timed-*")] == []

    packs = tmp_path / "packs"
    assert {path.name for path in packs.iterdir()} == {"README.md", *(f"{name}.tar.000" for name in CELLS)}
    subprocess.run("cat open-0.tar.* | tar x", shell=True, check=True, cwd=packs)
    assert {path.name for path in (packs / "open-0").iterdir()} == {
        *("cell.json", "cell.safetensors", "log.jsonl", "metrics.json", "settings.json", "throughput.json")
    }
    assert load_model("cell", packs / "open-0").card == read_card(tmp_path / "cells" / "open-0" / "cell.json")

    before = trained_cells(tmp_path)
    assert run(small(tmp_path)) == lines
    assert trained_cells(tmp_path) == before


def test_a_study_that_is_stopped_leaves_whole_files_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = 20
    prepare(tmp_path, epochs)
    log = tmp_path / "cells" / "open-0" / "log.jsonl"
    command = [sys.executable, "-m", "tests.training.experiments.study_run", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ, start_new_session=True) as process:
        while process.poll() is None and not log.exists():
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
    wait_for_the_end_of_all(process.pid)
    before = log.read_text().splitlines()
    assert 0 < len(before) < epochs

    monkeypatch.setattr(study, "ORDER", STAGES[2:])
    lines = run(small(tmp_path))
    assert "1 of 1 cells are finished." in lines
    after = log.read_text().splitlines()
    assert after[: len(before)] == before
    assert [json.loads(line)["epoch"] for line in after] == [*range(1, epochs + 1)]


def test_when_the_minutes_are_over_the_study_ends_and_says_what_is_missing(tmp_path: Path, stages: None) -> None:
    prepare(tmp_path, 10**6)
    lines = run(small(tmp_path, minutes=0.2))
    told = [line for line in lines if line.startswith("- ")]
    assert len(told) == 5
    assert all(re.search("[tT]ime was out|it would take about|There is ECA", line) for line in told)


def wait_for_the_end_of_all(group: int) -> None:
    """The processes of a group end, the last of them shortly after the first."""
    for _ in range(600):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a process of the study is still there")


def test_without_time_for_one_cell_the_study_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "ORDER", STAGES[:1])
    monkeypatch.setattr(study, "LEAST_STEPS", 10**9)
    make_sets(tmp_path)
    with pytest.raises(Refusal, match=r"minutes are left for training, and no cell takes less than about \d+ for"):
        run(small(tmp_path))
    assert not (tmp_path / "epochs.json").exists()


def test_the_sets_of_a_study_are_rendered_and_cut_out_with_nothing_fetched(tmp_path: Path) -> None:
    """One set of two, of the fewest items and a photo each; how many there are was found before."""
    one_mould, other = data_of(tmp_path)
    (tmp_path / "items.json").write_text("32")
    other.parent.mkdir(parents=True)
    other.write_text("made before")
    assert made_sets(tmp_path, 1.0, photos=1) == (one_mould, other)
    photos = read_photo_set(one_mould)
    assert len(photos.classes) == 8
    assert len({photo.item for photo in photos.photos}) == len(photos.photos)
    assert 24 <= len(photos.photos) <= 32
    page = (tmp_path / "rendered" / "one_mould" / "README.md").read_text()
    assert "each counterfeiter has one mould" in page
    assert "other typefaces stand in" in page
    assert other.read_text() == "made before"


@pytest.mark.parametrize("changes", [{"minutes": 0.0}, {"at_once": 0}])
def test_a_study_without_time_or_processes_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(Refusal, match=r"--\S+ is (above 0|at least 1), not 0"):
        KagStudy(Path("out"), **changes)  # type: ignore[arg-type]


def test_the_paper_s_protocol_is_for_cuda() -> None:
    assert KagStudy(Path("out")).kag_protocol(cuda=True).protocol == "paper"
    assert KagStudy(Path("out")).kag_protocol(cuda=False).protocol == "reduced"
    assert KagStudy(Path("out"), protocol="paper").kag_protocol(cuda=False).protocol == "paper"
