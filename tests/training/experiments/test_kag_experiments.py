"""Tables 1 to 7 and figures 9, 10, 12, 13 and 14 of the KAG-MTLN paper, at the size of a thumbnail."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from accelerate.state import AcceleratorState

from inference.models.catalogue import read_card
from inference.records import Refusal
from training.experiments import (
    kag_cells,
    kag_fig9,
    kag_fig10,
    kag_fig12,
    kag_fig13,
    kag_fig14,
    kag_table1,
    kag_table2,
    kag_table3,
    kag_table4,
    kag_table5,
    kag_table6,
    kag_table7,
)
from training.experiments.kag_cells import METHODS, Cell, KagProtocol, tabled, trained
from training.figures.tsne import Features

TINY: dict[str, Any] = {"seeds": (0,), "epochs": 1, "size": 32, "backbone": "six_layer_cnn", "device": "cpu"}
FEW = ("single task", "KAG-MTLN", "MHEM")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all, so that cells are shared as they are in earnest."""
    return tmp_path_factory.mktemp("kag")


@pytest.fixture(autouse=True)
def fresh_accelerator() -> Iterator[None]:
    """Other tests of this process train at another precision, which accelerate takes for all of a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def few_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three methods; each of them all is trained where it is tested itself."""
    for name in [*METHODS]:
        if name not in FEW:
            monkeypatch.delitem(METHODS, name)


def protocol(data: Path, out: Path, **changes: Any) -> KagProtocol:
    return KagProtocol((data,), out, **(TINY | changes))


def cells(out: Path) -> set[str]:
    return {path.name for path in out.glob("cells/*")}


def test_a_cell_is_trained_once_and_serves_every_table(photo_folder: Path, out: Path) -> None:
    whole = protocol(photo_folder, out)
    first = kag_table7.run(whole)
    made = {path: path.stat().st_mtime_ns for path in out.glob("cells/*/cell.safetensors")}
    assert cells(out) == {
        "belt-0",
        "belt-alpha_1p0-0",
        "belt-alpha_1p0-disturbed_share_0p0-0",
    }
    assert kag_table7.run(whole) == first
    kag_table1.run(whole)
    kag_fig9.run(whole)
    kag_fig14.run(whole)
    assert {path: path.stat().st_mtime_ns for path in out.glob("cells/*/cell.safetensors")} == made
    for name in ("kag_fig9_1.png", "kag_fig14_tsne.png", "kag_fig14_heatmaps.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")

    card = read_card(out / "cells" / "belt-0" / "cell.json")
    with (out / "kag_table7.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["row"] == "KAG-MTLN"]
    assert {row["figure"]: row["value"] for row in rows} == {
        "class accuracy": str(card.metrics["class accuracy"].value),
        "authenticity accuracy": str(card.metrics["authenticity accuracy"].value),
        "authenticity AUC": str(card.metrics["authenticity AUC"].value),
        "AUC on unseen counterfeiters": "",
    }
    assert card.per_class is not None
    table = (out / "kag_table1.md").read_text()
    for name, figures in card.per_class.items():
        stated = f"{figures['precision'].value:.3f} [" if "precision" in figures else " |"
        assert f"| {name} | {stated}" in table


def test_without_fwd_is_a_cell_of_its_own_and_with_it_the_plain_one(photo_folder: Path, out: Path) -> None:
    whole = protocol(photo_folder, out)
    named = {row: Cell.of(whole, changes, photo_folder, 0).name for row, changes in kag_table2.ROWS.items()}
    assert named["KAG-MTLN (+FWD)"] == "belt-0"
    assert named["KAG-MTLN"] == "belt-padding_none-0"
    assert named["MHEM"] == "belt-method_mhem-padding_none-0"
    assert len({*named.values()}) == 2 * len(METHODS)


@pytest.mark.parametrize(
    ("rows", "plain", "count"),
    [
        (kag_table3.ROWS, "N = 20", 5),
        (kag_table4.ROWS, "gray", 6),
        (kag_table5.ROWS, "alpha = 0.5", 5),
        (kag_table6.ROWS, "efficientnet_lite0", 5),
        (kag_table7.ROWS, "KAG-MTLN", 3),
    ],
)
def test_each_ablation_changes_one_thing_and_has_the_plain_row(
    rows: dict[str, Any], plain: str, count: int, photo_folder: Path, out: Path
) -> None:
    whole = protocol(photo_folder, out, backbone=None)
    named = {row: Cell.of(whole, changes, photo_folder, 0) for row, changes in rows.items()}
    assert len({*named.values()}) == count == len(rows)
    assert named[plain].name == "belt-0"
    for cell in named.values():
        own = cell.settings(whole)
        assert all(
            (own.preprocessing.padding if key == "padding" else getattr(own, key)) == value
            for key, value in cell.changes
        )


def test_the_paper_s_protocol_is_the_paper_s() -> None:
    settings = Cell.of(whole := KagProtocol((Path("tags"),), Path("out"), "paper"), {}, Path("tags"), 1).settings(whole)
    assert (settings.backbone, settings.preprocessing.size, settings.preprocessing.padding) == ("resnet50", 448, "gray")
    assert (settings.fit.epochs, settings.fit.batch, settings.fit.optimiser, settings.fit.seed) == (200, 24, "sgd", 1)
    assert (settings.segment_degree, settings.alpha) == (20, 0.5)


def test_fewer_items_take_as_many_steps_and_are_drawn_by_method(
    photo_folder: Path, out: Path, few_methods: None
) -> None:
    whole = protocol(photo_folder, out, shares=(1.0, 0.5))
    lines = kag_fig10.run(whole)
    assert (out / "kag_fig10.png").read_bytes().startswith(b"\x89PNG")
    assert [line.split(" | ")[0] for line in lines if "items" in line] == [
        f"| {name}, {share} of the items" for share in ("100%", "50%") for name in METHODS
    ]
    half = Cell.of(whole, {"training_share": 0.5}, photo_folder, 0)
    assert half.settings(whole).fit.epochs == 2


def test_the_looks_at_epochs_and_methods_are_drawn(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = protocol(photo_folder, tmp_path, epochs=2)
    lines = kag_fig12.run(whole)
    assert [line.split(" |")[0] for line in lines[2:]] == ["| 1 epochs", "| 2 epochs"]
    monkeypatch.setattr(kag_fig13, "_COLUMNS", ("single task", "KAG-MTLN"))
    (line,) = kag_fig13.run(whole)
    assert line.startswith("kag_fig13.png: ")
    assert line.count("genuine/") == line.count("counterfeit/") == 1
    for name in ("kag_fig12.png", "kag_fig13.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"epochs": 2}, "fit.epochs = 1, not 2"), ({"size": 40}, "preprocessing.size = 32, not 40")],
)
def test_a_cell_of_other_settings_is_not_taken_for_one_of_these(
    changes: dict[str, Any], named: str, photo_folder: Path, out: Path
) -> None:
    trained(protocol(photo_folder, out), Cell(photo_folder, (), 0))
    with pytest.raises(Refusal, match=f"{named}; .*choose another --out"):
        trained(protocol(photo_folder, out, **changes), Cell(photo_folder, (), 0))


def test_a_cell_of_another_set_of_the_same_name_is_not_taken_for_one_of_this(
    photo_folder: Path, out: Path, tmp_path: Path
) -> None:
    trained(protocol(photo_folder, out), Cell(photo_folder, (), 0))
    other = shutil.copytree(photo_folder, tmp_path / photo_folder.name)
    next(other.glob("genuine/*/*")).unlink()
    with pytest.raises(Refusal, match="1 file gone"):
        trained(protocol(other, out), Cell(other, (), 0))


def test_an_interrupted_table_goes_on_and_is_whole(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = protocol(photo_folder, tmp_path, seeds=(0, 1))
    train, count = kag_cells.authenticity.train, 0

    def twice(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == 2:
            raise KeyboardInterrupt
        return train(*arguments, **options)

    with monkeypatch.context() as once:
        once.setattr(kag_cells.authenticity, "train", twice)
        with pytest.raises(KeyboardInterrupt):
            tabled(whole, "table", {"KAG-MTLN": {}}, kag_cells.FIGURES)
    first = trained(whole, Cell.of(whole, {}, photo_folder, 0)).metrics["authenticity AUC"]
    assert f"| {first.value:.3f} [{first.low:.3f}, {first.high:.3f}] |" in (tmp_path / "table.md").read_text()
    text = tabled(whole, "table", {"KAG-MTLN": {}}, kag_cells.FIGURES)
    second = trained(whole, Cell.of(whole, {}, photo_folder, 1)).metrics["authenticity AUC"]
    values = [first.value, second.value]
    assert f"{sum(values) / 2:.3f} ({min(values):.3f} to {max(values):.3f})" in text[-2]


def test_a_protocol_without_sets_or_seeds_is_refused() -> None:
    for lacking in ({"data": ()}, {"seeds": ()}, {"shares": ()}):
        with pytest.raises(Refusal, match="at least one"):
            KagProtocol(**({"data": (Path("tags"),), "out": Path("out")} | lacking))


def test_two_sets_of_one_name_are_refused() -> None:
    with pytest.raises(Refusal, match="same name"):
        KagProtocol((Path("a/tags"), Path("b/tags")), Path("out"))


def test_the_silhouette_is_the_mean_over_photos() -> None:
    values = np.array([[0.0], [1.0], [5.0], [6.0]], np.float32)
    # a: distance to its own class; b: mean distance to the other; (b - a) / max(a, b).
    expected = np.mean([(5.5 - 1) / 5.5, (4.5 - 1) / 4.5, (4.5 - 1) / 4.5, (5.5 - 1) / 5.5])
    assert Features(values, ["a", "a", "b", "b"]).silhouette == pytest.approx(expected)
