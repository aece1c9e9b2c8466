"""The experiments: every run once, the same table after an interruption, refusals before any training."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from inference.records import Refusal
from training.authenticity.settings import ReferenceSettings
from training.data.photos.photo_set import read_photo_set
from training.experiments import few_genuine_items
from training.experiments.few_genuine_items import FewGenuineItems, some_genuine
from training.experiments.kag_learning_curve import CAUSES, VARIANTS, KagLearningCurve, Run, lines, run

SINGLE, SWAPS = "photo, single task", "photo, patch swaps"


def study(data: Path, out: Path, **changes: object) -> KagLearningCurve:
    settings = {"shares": (1.0, 0.5), "seeds": (0,), "variants": (SINGLE,), "epochs": 1, "size": 32, **changes}
    return KagLearningCurve(data, out, **settings)  # type: ignore[arg-type]


def test_each_run_is_made_once_and_tabled(photo_folder: Path, tmp_path: Path) -> None:
    first = run(study(photo_folder, tmp_path))
    assert [(one.variant, one.share, one.seed) for one, _ in first] == [(SINGLE, 1.0, 0), (SINGLE, 0.5, 0)]
    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*.safetensors")}
    second = run(study(photo_folder, tmp_path, variants=(SINGLE, SWAPS), shares=(1.0, 0.5)))
    assert [card.weights_sha256 for _, card in second[:2]] == [card.weights_sha256 for _, card in first]
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in made.items())

    with (tmp_path / "learning_curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["variant"], float(row["share"])) for row in rows] == [
        (SINGLE, 1.0),
        (SINGLE, 0.5),
        (SWAPS, 1.0),
        (SWAPS, 0.5),
    ]
    for row, (_, card) in zip(rows, second, strict=True):
        assert float(row["authenticity accuracy"]) == card.metrics["authenticity accuracy"].value
        assert not row["unseen counterfeiters found"]  # the set names no counterfeiter
    table = list(lines(second))
    assert len(table) == 2 + 4
    assert (tmp_path / "learning_curve.md").read_text() == "\n".join(table) + "\n"
    assert (tmp_path / "learning_curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_fits_nothing_that_only_examinations_need(photo_folder: Path, tmp_path: Path) -> None:
    ((_, card),) = run(study(photo_folder, tmp_path, shares=(1.0,)))
    assert card.scope_gate is None
    assert not [name for name, metric in card.metrics.items() if metric.topic == "scope gate"]


def test_smaller_shares_take_as_many_steps(photo_folder: Path, tmp_path: Path) -> None:
    whole, fifth = (Run(SINGLE, share, 0).settings(study(photo_folder, tmp_path, epochs=4)) for share in (1.0, 0.2))
    assert (whole.fit.epochs, fifth.fit.epochs) == (4, 20)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_is_what_its_name_says(variant: str, photo_folder: Path, tmp_path: Path) -> None:
    settings = Run(variant, 1.0, 0).settings(study(photo_folder, tmp_path))
    look, _, idea = variant.partition(", ")
    assert settings.view == look
    assert (settings.alpha == 1) is (idea == "single task")
    assert (settings.disturbed_share > 0) is (idea == "patch swaps")
    assert (settings.warped_share > 0) is (idea in ("key-area warps", "genuine only"))
    assert settings.genuine_only is (idea == "genuine only")
    assert Run(variant, 1.0, 0).name.replace("_", "").isalnum()


@pytest.mark.parametrize("variant", CAUSES)
def test_a_cause_differs_from_its_idea_in_one_thing(variant: str, photo_folder: Path, tmp_path: Path) -> None:
    whole = study(photo_folder, tmp_path, variants=tuple(CAUSES))
    idea = next(name for name in VARIANTS if variant.startswith(name))
    changed, plain = (asdict(Run(name, 1.0, 0).settings(whole)) for name in (variant, idea))
    assert len([name for name in plain if plain[name] != changed[name] and name not in ("name", "fit")]) == 1


def test_several_seeds_are_one_row_with_their_span(photo_folder: Path, tmp_path: Path) -> None:
    results = run(study(photo_folder, tmp_path, shares=(1.0,), seeds=(0, 1)))
    values = [card.metrics["authenticity accuracy"].value for _, card in results]
    _, _, row = lines(results)
    assert f"{sum(values) / 2:.3f} ({min(values):.3f} to {max(values):.3f})" in row


@pytest.mark.parametrize(
    ("changes", "words"), [({"variants": ("photo, magic",)}, "no variant"), ({"seeds": ()}, "at least one")]
)
def test_an_experiment_that_cannot_be_run_is_refused(
    changes: dict[str, object], words: str, photo_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(Refusal, match=words):
        study(photo_folder, tmp_path, **changes)


# ---- what a reference of a few genuine items finds


def few(data: Path, out: Path, **changes: object) -> FewGenuineItems:
    settings = {"items": (5,), "seeds": (0,), "reference": ReferenceSettings(96, cache=out / "cache"), **changes}
    return FewGenuineItems(data, out, **settings)  # type: ignore[arg-type]


def test_five_genuine_items_tell_counterfeits_apart(lettered_table: Path, tmp_path: Path) -> None:
    table = few_genuine_items.run(few(lettered_table, tmp_path))
    assert list(table) == ["5 genuine items a series, seed 0"]
    for figures in table.values():
        assert {name: metric.value for name, metric in figures.items()} == {
            "known counterfeiters, AUC": 1.0,
            "unseen counterfeiters, AUC": 1.0,
        }
    written = json.loads((tmp_path / "few_genuine_items.json").read_text())
    assert written["5 genuine items a series, seed 0"]["known counterfeiters, AUC"]["value"] == 1.0


def test_only_so_many_genuine_items_are_taken_and_seeds_take_others(lettered_table: Path) -> None:
    photos = read_photo_set(lettered_table)
    taken = [some_genuine(photos, 3, seed) for seed in (0, 0, 1, 2)]
    items = [{photo.item for photo in one.of("train")} for one in taken]
    assert [len(chosen) for chosen in items] == [3, 3, 3, 3]
    assert items[0] == items[1]
    assert len({frozenset(chosen) for chosen in items}) > 1
    assert all(photo.label == "genuine" for one in taken for photo in one.of("train"))
    assert all(one.of("test") == photos.of("test") for one in taken)


def test_too_few_genuine_items_make_no_reference(lettered_table: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="its reference needs 5"):
        few_genuine_items.run(few(lettered_table, tmp_path, items=(4,)))
