"""The choices behind the trademark model: each changes one thing, and validation brands alone judge it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from accelerate.state import AcceleratorState

from inference.records import Refusal
from training.data.marks.mark_set import Mark, MarkSet, read_mark_set
from training.experiments import hms_choices
from training.experiments.hms_cells import read_judged
from training.experiments.hms_choices import CHOICES, HmsChoices, fewer_brands


@pytest.fixture(autouse=True)
def fresh_accelerator() -> Iterator[None]:
    """Other tests of this process train at another precision, which accelerate takes for all of a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def flat(settings: dict[str, Any]) -> dict[str, Any]:
    return settings | {"size": settings["preprocessing"]["size"], "preprocessing": None, "fit": None}


@pytest.mark.parametrize("choice", list(CHOICES))
def test_a_choice_changes_what_it_names_and_nothing_else(choice: str, tmp_path: Path) -> None:
    study = HmsChoices(tmp_path, tmp_path)
    preset, chosen = (flat(asdict(hms_choices._settings(study, name, 0))) for name in ("the preset", choice))
    changed = {name: value for name, value in chosen.items() if value != preset[name]}
    assert changed == CHOICES[choice]


def test_all_validation_brands_judge_and_a_share_of_the_others_trains() -> None:
    splits = 8 * ["train"] + 3 * ["val"] + 2 * ["test"]
    marks = MarkSet(
        tuple(Mark(Path(f"{n}_{copy}.png"), f"brand {n}", split) for n, split in enumerate(splits) for copy in (0, 1)),
        similar=tuple((2 * n, 2 * n + 1) for n in range(len(splits))),
        dissimilar=(),
        split_rule="",
    )
    for share, expected in ((0.5, 4), (1.0, 8), (0.01, 1)):
        found = fewer_brands(marks, share)
        assert {found.marks[index].family for index in found.of("val")} == {"brand 8", "brand 9", "brand 10"}
        assert len({found.marks[index].family for index in found.of("train")}) == expected
        assert found.of("test") == ()
        assert len(found.similar) == expected + 3
        assert fewer_brands(marks, share) == found


def test_a_run_is_made_once_and_its_figures_are_those_of_its_validation_pairs(
    mark_folder: Path, tmp_path: Path
) -> None:
    study = HmsChoices(mark_folder, tmp_path, choices=("96 pixels", "s = 4"), brands=1.0, epochs=1, device="cpu")
    first = hms_choices.run(study)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")}
    assert hms_choices.run(study) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")} == made
    assert [line.split(" |")[0] for line in first] == ["| choice", "|---|---|---|---|---|", "| 96 pixels", "| s = 4"]

    validation = {mark.family for mark in read_mark_set(mark_folder).marks if mark.split == "val"}
    with (tmp_path / "choices.csv").open(newline="") as file:
        rows = {(row["choice"], row["figure"]): float(row["value"]) for row in csv.DictReader(file)}
    for choice, folder in (("96 pixels", "96_pixels_0"), ("s = 4", "s_4_0")):
        judged = read_judged(tmp_path / folder / "validation.json")
        assert judged is not None
        assert {*judged.families["similar"]} <= validation
        similar, hard = judged.log_odds["similar"], judged.log_odds["hard"]
        above = [(a > b) + (a == b) / 2 for a in similar for b in hard]
        assert rows[choice, "AUC, hard pairs"] == pytest.approx(sum(above) / len(above))


def test_a_run_of_other_settings_is_not_taken_for_one_of_these(mark_folder: Path, tmp_path: Path) -> None:
    study = HmsChoices(mark_folder, tmp_path, choices=("96 pixels",), brands=1.0, epochs=1, device="cpu")
    hms_choices.run(study)
    with pytest.raises(Refusal, match="epochs = 1, not 2"):
        hms_choices.run(replace(study, epochs=2))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"choices": ("64 pixels",)}, "There is no choice"),
        ({"choices": ()}, "Name at least one"),
        ({"seeds": ()}, "Name at least one"),
        ({"brands": 0.0}, "--brands"),
        ({"brands": 1.1}, "--brands"),
    ],
)
def test_what_cannot_be_studied_is_refused(changes: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=sentence):
        HmsChoices(tmp_path, tmp_path, **changes)
