"""Tables 1 to 5 and figures 3 and 6 of the HMS paper, at the size of a thumbnail."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from PIL import Image

from inference.networks.hms import DistanceHead
from inference.records import Refusal
from training.assessment.judged_pairs import JudgedPairs
from training.data.faces import face_set, read_face, read_faces
from training.data.marks.mark_set import read_mark_set
from training.data.photos.photo import Split
from training.experiments import (
    hms_cells,
    hms_fig3,
    hms_fig6,
    hms_table1,
    hms_table2,
    hms_table3,
    hms_table4,
    hms_table5,
)
from training.experiments.hms_cells import LOSSES, HmsFaces, HmsProtocol, Study, accuracy, cells, cut, f1
from training.experiments.hms_table5 import METHODS, HmsDataDriven
from training.fitting.fit import Diverged
from training.trademark.learner import log_odds_in_epoch

TINY: dict[str, Any] = {
    "losses": ("CosFace", "HMS"),
    "backbones": ("six_layer_cnn",),
    "heads": ("interacting",),
    "seeds": (0,),
    "training_pairs": 8,
    "test_pairs": 6,
    "epochs": 1,
    "size": 32,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all, so that cells are shared as they are in earnest."""
    return tmp_path_factory.mktemp("hms")


def protocol(data: Path, out: Path, **changes: Any) -> HmsProtocol:
    return HmsProtocol(data, out, **(TINY | changes))


@pytest.fixture(autouse=True)
def fresh_accelerator() -> Iterator[None]:
    """Other tests of this process train at another precision, which accelerate takes for all of a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def stamps(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.glob("cells/*/*") if path.name != "settings.json"}


def test_a_cell_is_trained_once_and_serves_every_table(mark_folder: Path, out: Path) -> None:
    first = hms_table1.run(protocol(mark_folder, out))
    made = stamps(out)
    assert len(list(out.glob("cells/*"))) == 2
    assert hms_table1.run(protocol(mark_folder, out)) == first
    second = hms_table2.run(protocol(mark_folder, out))
    hms_table3.run(HmsFaces(mark_folder, out, **TINY, faces=mark_folder, face_pairs=10))
    again = stamps(out)
    assert all(again[path] == stamp for path, stamp in made.items())

    assert [line for line in first if line.endswith("pairs:")] == [
        f"{figure}, interacting head, {kind} dissimilar pairs:"
        for figure in ("accuracy", "AUC")
        for kind in ("random", "hard")
    ]
    assert [line.split(" |")[0] for line in first if line.startswith("| ")] == 4 * ["| loss", "| CosFace", "| HMS"]
    assert first != second
    study = Study(protocol(mark_folder, out))
    with (out / "hms_table1.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["loss"], row["figure"], row["dissimilar pairs"]) for row in rows] == [
        (loss, figure, kind) for loss in TINY["losses"] for figure in ("accuracy", "AUC") for kind in ("random", "hard")
    ]
    for row in rows:
        judged = study.judged(next(cell for cell in cells(study.protocol) if cell.row == row["loss"]))
        assert judged is not None
        similar, dissimilar = judged.log_odds["similar"], judged.log_odds[row["dissimilar pairs"]]
        right = [*(similar > 0), *(dissimilar <= 0)]
        above = [(a > b) + (a == b) / 2 for a in similar for b in dissimilar]
        expected = right if row["figure"] == "accuracy" else above
        assert float(row["value"]) == pytest.approx(sum(expected) / len(expected))
    for name, tables in (("hms_table1", 4), ("hms_table2", 2), ("hms_table3", 2)):
        assert (out / f"{name}.md").read_text().count("| CosFace |") == tables


def test_faces_are_judged_by_the_network_that_learnt_marks(mark_folder: Path, out: Path) -> None:
    faces = HmsFaces(mark_folder, out, **TINY, faces=mark_folder, face_pairs=10)
    text = hms_table4.run(faces)
    assert sum(line.startswith("| HMS |") for line in text) == 1
    judged = Study(faces).judged_faces(next(cells(faces)), mark_folder, 10)
    assert judged is not None
    assert {kind: len(values) for kind, values in judged.log_odds.items()} == {"similar": 10, "random": 10}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"epochs": 2}, "fit.epochs = 1, not 2"),
        ({"size": 40}, "preprocessing.size = 32, not 40"),
        ({"training_pairs": 4}, "The data is not what the run"),
    ],
)
def test_a_cell_of_other_settings_is_not_taken_for_one_of_these(
    changes: dict[str, Any], named: str, mark_folder: Path, out: Path
) -> None:
    hms_table1.run(protocol(mark_folder, out))
    with pytest.raises(Refusal, match=named):
        hms_table1.run(protocol(mark_folder, out, **changes))


def test_other_faces_are_judged_anew(mark_folder: Path, out: Path) -> None:
    for most in (10, 4):
        study = Study(HmsFaces(mark_folder, out, **TINY, faces=mark_folder, face_pairs=most))
        judged = study.judged_faces(next(cells(study.protocol)), mark_folder, most)
        assert judged is not None
        assert len(judged.log_odds["random"]) == most


def test_the_figures_are_drawn_from_the_cells(mark_folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spots = hms_fig3.run(protocol(mark_folder, out))
    assert len(spots) == 4
    assert (out / "hms_fig3.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(hms_fig6, "VARIED", {"s": ("scale", (10.0, 90.0), {})})
    before = {path.name for path in out.glob("cells/*")}
    assert len(hms_fig6.run(protocol(mark_folder, out))) == 4
    assert (out / "hms_fig6.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in out.glob("cells/*")} - before == {"hms_s_10-six_layer_cnn-interacting-0"}


def test_a_point_with_the_settings_of_a_row_is_that_row(mark_folder: Path, tmp_path: Path) -> None:
    whole = protocol(mark_folder, tmp_path)
    points = {
        (name, value): hms_fig6.point_cell(name, value, loss, whole, 0) for name, value, loss in hms_fig6.settings()
    }
    shared = {point: cell.row for point, cell in points.items() if cell.row in LOSSES}
    assert shared == {
        ("s", 1.0): "HMS, s = 1",
        ("s", 90.0): "HMS",
        ("d1", 0.003): "HMS",
        ("d2", 0.006): "HMS",
        ("d2 outside", 0.006): "HMS, d2 outside",
    }
    for name, value, loss in hms_fig6.settings():
        stated = points[name, value].settings(whole)
        assert {key: getattr(stated, key) for key in loss} == loss


def test_compactness_is_the_ratio_of_mean_distances() -> None:
    near, far = np.zeros((2, 2, 3)), np.zeros((2, 2, 3))
    near[:, 1, 0], far[:, 1, 1] = (1, 3), (4, 12)
    assert hms_fig3.Spread(far, near).compactness == pytest.approx(0.25)


def test_a_network_that_diverges_is_a_cell_that_says_so(
    mark_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*_: object) -> None:
        msg = "No epoch gave a figure."
        raise Diverged(msg)

    monkeypatch.setattr(hms_cells, "fit", diverge)
    text = hms_table1.run(protocol(mark_folder, tmp_path, losses=("SphereFace",)))
    assert text.count("| SphereFace | diverged |") == 4


def data_driven(data: Path, out: Path, **changes: Any) -> HmsDataDriven:
    return HmsDataDriven(data, out, **(TINY | {"losses": tuple(METHODS)} | changes))


def test_data_driven_methods_share_the_folder_of_cells(mark_folder: Path, many_people: Path, tmp_path: Path) -> None:
    whole = data_driven(mark_folder, tmp_path, faces=many_people, heads=("interacting", "concat"))
    first = hms_table5.run(whole)
    made = stamps(tmp_path)
    assert {path.name for path in tmp_path.glob("cells/*")} == {
        *("snn_contrastive_loss-six_layer_cnn-distance-0", "triplet_network-six_layer_cnn-distance-0"),
        *("fine_tuning-six_layer_cnn-interacting-0", "fine_tuning-six_layer_cnn-concat-0"),
        "faces-six_layer_cnn-interacting-0",
    }
    assert hms_table5.run(whole) == first
    assert stamps(tmp_path) == made
    assert [line for line in first if line.endswith("pairs:")] == [
        f"{figure}, {head} head, {kind} dissimilar pairs:"
        for figure in ("accuracy", "F1", "AUC")
        for kind in ("random", "hard")
        for head in ("interacting", "concat")
    ]
    assert first.count("| loss | six_layer_cnn |") == 12
    assert all(sum(line.startswith(f"| {row} |") for line in first) == 12 for row in METHODS)
    assert (tmp_path / "hms_table5_faces.md").read_text().count("| fine-tuning |") == 4

    study = Study(whole)
    cell = next(iter(cells(replace(whole, losses=("triplet network",)))))
    stated = cell.settings(whole)
    assert (stated.fit.optimiser, stated.fit.weight_decay, stated.fit.learning_rate) == ("adamw", 0.0, 0.001)
    assert (stated.hardest, stated.augment, stated.fit.batch) == (False, False, 16)
    network, judged = study.network(cell), study.judged(cell)
    head = network.head
    assert isinstance(head, DistanceHead)
    assert float(head.threshold) != 0.5, "validation pairs have chosen it"
    assert judged is not None
    found = log_odds_in_epoch(network, study.pictures, study.trials["test"], study.preprocessing, torch.device("cpu"))
    assert all(found[kind] == pytest.approx(values, rel=1e-3, abs=1e-3) for kind, values in judged.log_odds.items())


def test_fine_tuning_diverges_where_its_start_does(
    mark_folder: Path, many_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*_: object) -> None:
        msg = "No epoch gave a figure."
        raise Diverged(msg)

    monkeypatch.setattr(hms_cells, "fit", diverge)
    text = hms_table5.run(data_driven(mark_folder, tmp_path, faces=many_people, losses=("fine-tuning",)))
    assert text.count("| fine-tuning | diverged |") == 6
    assert [path.name for path in tmp_path.glob("cells/*")] == ["faces-six_layer_cnn-interacting-0"]


def test_fine_tuning_needs_faces_and_the_other_methods_do_not(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="give a folder of faces by --faces, or leave fine-tuning out"):
        data_driven(tmp_path, tmp_path)
    assert data_driven(tmp_path, tmp_path, losses=("triplet network",)).faces is None
    with pytest.raises(Refusal, match="no loss"):
        data_driven(tmp_path, tmp_path, losses=("HMS",))


def test_figures_are_those_of_the_confusion_matrix() -> None:
    log_odds = {"similar": np.array([2.0, 1.0, -1.0, 3.0]), "random": np.array([-1.0, 0.5, -2.0, -2.0])}
    judged = JudgedPairs({"similar": list("abcd"), "random": list("abcd")}, log_odds)
    assert accuracy(judged, "random").value == pytest.approx(6 / 8)
    assert f1(judged, "random").value == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))


def test_the_rows_are_the_papers_and_their_usual_settings(mark_folder: Path, tmp_path: Path) -> None:
    whole = HmsProtocol(mark_folder, tmp_path)
    stated = {cell.row: cell.settings(whole) for cell in cells(whole)}
    assert {*stated} == {*LOSSES}
    margins = {row: (s.method, s.scale, s.angular_margin, s.additive_margin) for row, s in stated.items()}
    assert margins["CosFace"][::3] == ("cosface", 0.006)
    assert margins["CosFace, usual"][::3] == ("cosface", 0.35)
    assert margins["ArcFace"][2] == 0.003
    assert margins["ArcFace, usual"][2] == 0.5
    assert margins["HMS"] == ("hms", 90.0, 0.003, 0.006)
    assert all(not s.augment and not s.hardest and s.fit.batch == 16 for s in stated.values())
    names = [cell.name for cell in cells(whole)]
    assert len({*names}) == len(names) == len(LOSSES) * 6 * 2 * 3


def test_a_brand_gives_one_pair_to_train_and_three_to_test(mark_folder: Path) -> None:
    marks = cut(read_mark_set(mark_folder), 8, 7)
    splits: tuple[Split, ...] = ("train", "val", "test")
    counts = [Counter(marks.marks[a].family for a, _ in marks.pairs(split, similar=True)) for split in splits]
    assert [sum(count.values()) for count in counts] == [8, 2, 7]
    assert [max(count.values()) for count in counts] == [1, 1, 3]
    assert all(marks.marks[a].family == marks.marks[b].family for a, b in marks.similar)
    assert {i for pair in marks.similar for i in pair} == {*range(len(marks.marks))}


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"losses": ("magic",)}, "no loss"), ({"seeds": ()}, "at least one"), ({"test_pairs": 0}, "at least one pair")],
)
def test_a_protocol_that_cannot_be_run_is_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=words):
        protocol(tmp_path, tmp_path, **changes)


# ---- faces


def some_people(folder: Path, counts: dict[str, int]) -> Path:
    """So many grey pictures of each, numbered as LFW numbers them."""
    for person, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for number in range(1, count + 1):
            Image.new("L", (9, 11), 12 * person + number).save(folder / name / f"{name}_{number:04d}.jpg")
    return folder


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Three people, two to four pictures each."""
    return some_people(tmp_path / "lfw", {"Ada_L": 3, "Bo": 2, "Cy": 4})


@pytest.fixture(scope="module")
def many_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty people of three pictures each, and one of a single picture."""
    names = [f"person {letter}{letter}{letter}{letter}" for letter in "abcdefghijklmnopqrst"]
    return some_people(tmp_path_factory.mktemp("faces") / "lfw", {**dict.fromkeys(names, 3), "alone": 1})


def test_people_are_paired_with_themselves_and_with_others(people: Path) -> None:
    faces = read_faces(people, most=100)
    assert len(faces.same) == len(faces.different) == 3 + 1 + 6
    assert all(faces.people[a] == faces.people[b] and a != b for a, b in faces.same)
    assert all(faces.people[a] != faces.people[b] for a, b in faces.different)
    assert read_faces(people, most=100) == faces
    assert len(read_faces(people, most=4).same) == 4
    assert read_face(faces.paths[0]).shape == (11, 9, 3)


@pytest.mark.parametrize("beside", [True, False])
def test_lfws_own_pairs_are_taken(people: Path, beside: bool) -> None:
    table = (people.parent if beside else people) / "pairs.txt"
    table.write_text("1\t2\nAda_L\t1\t3\nCy\t2\t4\nBo\t2\tCy\t1\nAda_L\t2\tBo\t1\n")
    faces = read_faces(people, most=100)
    named = [[tuple(faces.paths[i].stem for i in pair) for pair in pairs] for pairs in (faces.same, faces.different)]
    assert named[0] == [("Ada_L_0001", "Ada_L_0003"), ("Cy_0002", "Cy_0004")]
    assert named[1] == [("Bo_0002", "Cy_0001"), ("Ada_L_0002", "Bo_0001")]
    table.write_text("1\t1\nAda_L\t1\t9\n")
    with pytest.raises(Refusal, match=r"pairs\.txt, line 2 does not name two pictures"):
        read_faces(people, most=100)


def test_faces_are_a_set_to_train_on_split_by_person(many_people: Path) -> None:
    marks = face_set(many_people)
    of_split: dict[str, set[str]] = {}
    for mark in marks.marks:
        of_split.setdefault(mark.split, set()).add(mark.family)
    assert {split: len(of) for split, of in of_split.items()} == {"train": 16, "val": 2, "test": 2}
    assert len(set.union(*of_split.values())) == 20
    assert len(marks.similar) == 20 * 3
    assert all(marks.families[a] == marks.families[b] for a, b in marks.similar)
    assert len({mark.sha256 for mark in marks.marks}) == 60
    assert face_set(many_people).manifest == marks.manifest


def test_too_few_people_to_train_on_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="holds too few people"):
        face_set(some_people(tmp_path, {"Ada": 2, "Bo": 2, "Cy": 1}))


def test_a_folder_without_people_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="does not hold two people"):
        read_faces(tmp_path, most=10)
