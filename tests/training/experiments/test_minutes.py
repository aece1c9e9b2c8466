"""Minutes in place of epochs: found by timing, kept for the folder, the same for every cell."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from accelerate.state import AcceleratorState

from inference.models.catalogue import read_card
from inference.records import Refusal
from training.data.photos.photo_set import read_photo_set
from training.experiments import (
    hms_fig3,
    hms_fig6,
    hms_table1,
    hms_table2,
    hms_table3,
    hms_table4,
    hms_table5,
    kag_fig9,
    kag_fig10,
    kag_fig12,
    kag_fig13,
    kag_fig14,
    kag_pace,
    kag_table1,
    kag_table2,
    kag_table3,
    kag_table4,
    kag_table5,
    kag_table6,
    kag_table7,
    minutes,
)
from training.experiments.hms_cells import HmsFaces, HmsProtocol
from training.experiments.hms_table5 import HmsDataDriven
from training.experiments.kag_cells import METHODS, Cell, KagProtocol
from training.experiments.kag_pace import Pace, steps_an_epoch

KAG: dict[str, Any] = {"seeds": (0,), "size": 32, "backbone": "six_layer_cnn", "device": "cpu"}
HMS: dict[str, Any] = {
    "losses": ("HMS", "softmax"),
    "backbones": ("six_layer_cnn",),
    "heads": ("interacting",),
    "seeds": (0,),
    "training_pairs": 8,
    "test_pairs": 6,
    "size": 32,
    "device": "cpu",
}
LONG, SHORT = 600.0, 0.0001


@pytest.fixture(autouse=True)
def fresh_accelerator() -> Iterator[None]:
    """Other tests of this process train at another precision, which accelerate takes for all of a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def kag(data: Path, out: Path, **changes: Any) -> KagProtocol:
    return KagProtocol((data,), out, **(KAG | changes))


def test_every_cell_takes_what_the_minutes_came_to(
    photo_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pace of one second a step and nothing else: two cells of 4 steps an epoch get 2 epochs in 20 seconds."""
    monkeypatch.setattr(kag_pace, "paced", lambda *_: Pace(0, 0, 1, 0, 0, 0))
    whole = kag(photo_folder, tmp_path, minutes=20 / 60)
    assert steps_an_epoch(len(read_photo_set(photo_folder).of("train")), whole.base(photo_folder).fit.batch) == 4
    with caplog.at_level(logging.INFO):
        found = minutes.settled(kag_fig14, whole)
    assert "0.333333 minutes come to 2 epochs for each of 2 cells" in caplog.text
    assert (found.epochs, found.minutes) == (2, None)
    assert json.loads((tmp_path / "epochs.json").read_text()) == {"minutes": 20 / 60, "epochs": 2}
    kag_fig14.run(found)
    for cell in kag_fig14.cells(found):
        assert read_card(tmp_path / "cells" / cell.name / "cell.json").settings["fit"]["epochs"] == 2


def test_too_few_minutes_are_refused_with_what_is_needed(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kag_pace, "paced", lambda *_: Pace(0, 0, 30, 0, 0, 0))
    with pytest.raises(Refusal, match="3 minutes are too few: one epoch of each of 2 cells takes about 5; give"):
        minutes.settled(kag_fig14, kag(photo_folder, tmp_path, minutes=3))
    assert not (tmp_path / "epochs.json").exists()


def test_minutes_are_timed_once_and_serve_the_folder(
    photo_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = minutes.settled(kag_fig9, kag(photo_folder, tmp_path, minutes=LONG))
    assert first.epochs is not None
    assert first.epochs > 1
    assert {path.name for path in tmp_path.iterdir()} == {"epochs.json", "cells"}
    assert [*(tmp_path / "cells").iterdir()] == []
    monkeypatch.setattr(minutes, "_prices", None)
    with caplog.at_level(logging.INFO):
        again = minutes.settled(kag_table5, kag(photo_folder, tmp_path, minutes=LONG))
    assert again == first
    assert f"{first.epochs} epochs, as were found before" in caplog.text
    with pytest.raises(Refusal, match=f"--minutes 600 or --epochs {first.epochs}, or choose another --out"):
        minutes.settled(kag_table7, kag(photo_folder, tmp_path, minutes=2 * LONG))
    assert minutes.settled(kag_table7, kag(photo_folder, tmp_path, epochs=3)).epochs == 3


def test_minutes_are_asked_for_on_the_command_line(start_training: Any, photo_folder: Path, tmp_path: Path) -> None:
    network = ("--size", 32, "--backbone", "six_layer_cnn", "--device", "cpu")
    asked = ("experiment", "kag_fig9", "--data", photo_folder, "--out", tmp_path / "out", *network)
    process = start_training(*asked, "--minutes", SHORT)
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 2
    assert "0.0001 minutes are too few: one epoch of each of 1 cells takes about 1; give --minutes 1 or more" in errors


@pytest.mark.parametrize("protocol", [KagProtocol, HmsProtocol])
def test_a_study_has_epochs_or_minutes(protocol: Any) -> None:
    data = (Path("set"),) if protocol is KagProtocol else Path("set")
    with pytest.raises(Refusal, match="--minutes finds the epochs that --epochs states"):
        protocol(data, Path("out"), epochs=3, minutes=3)
    with pytest.raises(Refusal, match="--minutes is above 0"):
        protocol(data, Path("out"), minutes=0)


def test_a_pace_adds_up(photo_folder: Path) -> None:
    """64 training, 8 validation and 8 test photos, by hand."""
    photos = read_photo_set(photo_folder)
    assert [len(photos.of(split)) for split in ("train", "val", "test")] == [64, 8, 8]
    pace = Pace(once=100_000, read=0.5, step=1000, validated=10, kept=2, judged=0.25)
    assert pace.seconds(photos, 16, 3) == 100_000 + 72 * 0.5 + 3 * (4 * 1000 + 8 * 10 + 2) + 16 * 0.25
    assert pace.seconds(photos, 100, 1) == 100_000 + 72 * 0.5 + (1 * 1000 + 8 * 10 + 2) + 16 * 0.25


def test_cells_whose_steps_cost_the_same_are_timed_once() -> None:
    paper = KagProtocol((Path("a"), Path("b")), Path("out"), seeds=(3, 4))
    plain = Cell(Path("a"), (), 0)
    single = Cell(Path("a"), (("disturbed_share", 0.0),), 0)
    for study, kinds in (
        (kag_table1, {plain, Cell(Path("b"), (), 0)}),
        (kag_table3, {plain}),
        (kag_table4, {plain}),
        (kag_table5, {plain}),
        (kag_table7, {plain, single}),
        (kag_fig12, {plain}),
        (kag_fig14, {plain}),
    ):
        assert {cell.kind for cell in study.cells(paper)} == kinds
    assert len({cell.kind for cell in kag_fig10.cells(paper)}) == len(METHODS)
    assert len({cell.kind for cell in kag_table2.cells(paper)}) == 2 * len(METHODS)
    assert len({cell.kind for cell in kag_table6.cells(paper)}) == 5


@pytest.mark.parametrize(
    ("study", "count"), [(kag_table1, 4), (kag_fig9, 2), (kag_fig10, 45 * 2), (kag_fig13, 5), (kag_fig14, 2)]
)
def test_a_study_names_all_its_cells(study: ModuleType, count: int) -> None:
    cells = study.cells(KagProtocol((Path("a"), Path("b")), Path("out"), seeds=(0, 1)))
    assert len(cells) == len({*cells}) == count


def test_hms_cells_take_what_the_minutes_came_to(mark_folder: Path, tmp_path: Path) -> None:
    found = minutes.settled(hms_table1, HmsProtocol(mark_folder, tmp_path, **HMS, minutes=LONG))
    assert found.epochs is not None
    assert found.passes == found.epochs > 1
    assert [*(tmp_path / "cells").iterdir()] == []
    few = HmsProtocol(mark_folder, tmp_path / "few", **HMS, minutes=SHORT)
    with pytest.raises(Refusal, match="minutes are too few: one epoch of each of 2 cells"):
        minutes.settled(hms_table1, few)


def test_the_cells_of_hms_tables_and_figures_can_all_be_priced(mark_folder: Path, tmp_path: Path) -> None:
    plain = HmsProtocol(mark_folder, tmp_path, **HMS, epochs=1)
    faced = HmsFaces(mark_folder, tmp_path, **HMS, epochs=1, faces=mark_folder)
    driven = HmsDataDriven(
        mark_folder, tmp_path, **{**HMS, "losses": ("triplet network", "fine-tuning")}, epochs=1, faces=mark_folder
    )
    studies = ((hms_table1, plain, 2), (hms_table2, plain, 2), (hms_fig3, plain, 2), (hms_fig6, plain, 18))
    for study, protocol, count in (*studies, (hms_table3, faced, 2), (hms_table4, faced, 2), (hms_table5, driven, 3)):
        cells = study.cells(protocol)
        assert len(cells) == len({*cells}) == count
        assert all(cell.settings(protocol).fit.epochs == 1 for cell in cells)
