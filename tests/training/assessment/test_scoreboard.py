"""The scoreboard: a row is met when its bar is, a row that was not measured never is."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from inference.evidence.calibration import Calibration
from inference.models.card import Card, Metric
from inference.models.format_2 import with_keys
from inference.models.weights import load_model
from training.assessment.robustness import CLEAN, cell
from training.assessment.scoreboard import (
    Row,
    ScoreboardSettings,
    calibration_row,
    corruption_row,
    groups_row,
    heatmap_row,
    make_scoreboard,
    mark_heatmap_row,
    mark_shortcut_row,
    marks_row,
    misleading_row,
    replay_row,
    risk_row,
    scope_row,
)
from training.assessment.tables import Figures, by_key, json_bytes, json_bytes_of
from training.data.corruptions import CORRUPTIONS, SEVERITIES

CALIBRATION = Calibration(
    sides=("genuine", "counterfeit"),
    propositions=("it is real", "it is fake"),
    intercept=0.0,
    slope=1.0,
    least=-1.5,
    greatest=1.2,
    replicates=((0.0, 1.0, -1.5, 1.2),),
    accepts=(-1.0, 1.0),
    error=0.05,
    sources=(20, 20),
    population="parts",
    held_out=((), ()),
)
FIGURES = {
    "Cllr": 0.3,
    "Cllr min": 0.26,
    "Cllr cal": 0.04,
    "Cllr, fine": 0.9,
    "strongest misleading log10 LR": 1.2,
    "error at 3% abstention": 0.05,
    "scope, near: AUC": 0.95,
    "scope, far: AUC": 0.995,
    "scope, far: false positives at 95% true": 0.01,
    "scope: false refusals": 0.04,
}
MAPS: dict[str, Any] = {
    "heatmap": {"lift": {"value": 4.0}, "pointing": {"value": 0.9}, "pixel AUC": {"value": 0.85}},
    **{name: {"pointing": {"value": 0.5}} for name in ("centre prior", "edge map", "random map", "random weights")},
    "head and last stage randomised": {"rank correlation": {"value": 0.1}},
    "JPEG quality 90": {"rank correlation": {"value": 0.9}},
    "shifted by 2 pixels": {"rank correlation": {"value": 0.9}},
}

MARKS: dict[str, Any] = {
    "pairs, test": {
        "AUC, random pairs": {"key": "auc", "of": ["random pairs"], "value": 0.9995},
        "accuracy, random pairs": {"key": "accuracy", "of": ["random pairs"], "value": 0.99},
        "AUC, hard pairs": {"key": "auc", "of": ["hard pairs"], "value": 0.98},
        "TPR at TNR 0.90, hard pairs": {"key": "tpr_at_tnr_90", "of": ["hard pairs"], "value": 0.9},
        "TPR at TNR 0.95, hard pairs": {"key": "tpr_at_tnr_95", "of": ["hard pairs"], "value": 0.8},
    },
    "retrieval among 9 test marks": {"recall at 1": {"key": "retrieval", "of": ["recall at 1"], "value": 0.9}},
    "rotated": {"change, similar": {"value": 0.5}},
    "mirrored": {"change, similar": {"value": -3.2}},
    "shortcut audit": {
        "AUC, random pairs": {"value": 0.5, "low": 0.46, "high": 0.54},
        "AUC, hard pairs": {"value": 0.52, "low": 0.48, "high": 0.56},
    },
    "hiding": {"claimed part falls more": {"value": 0.9, "low": 0.8}},
    "weights randomised: all": {"rank correlation": {"value": 0.1}},
}


def in_format_1(table: dict[str, Any]) -> Figures:
    """What is read of a table in a file that gave most of its figures no key."""
    blank = {"low": None, "high": None, "over": "samples"}
    return by_key({row: {name: blank | one for name, one in row_of.items()} for row, row_of in table.items()}, 1)


@pytest.fixture
def card(tiny_models: Path) -> Card:
    found = load_model("tiny_parts", tiny_models).card
    return replace(found, calibration=CALIBRATION, metrics=metrics())


def metrics(**changed: float) -> dict[str, Metric]:
    values = FIGURES | {name.replace("_", " "): value for name, value in changed.items()}
    return with_keys({name: Metric(value, None, None, "samples") for name, value in values.items()})


@pytest.mark.parametrize(
    ("row", "name", "value", "standing"),
    [
        (calibration_row, "Cllr cal", 0.05, "met"),
        (calibration_row, "Cllr cal", 0.051, "not met"),
        (calibration_row, "Cllr, fine", 1.0, "not met"),
        (misleading_row, "strongest misleading log10 LR", 1.5, "met"),
        (misleading_row, "strongest misleading log10 LR", 1.6, "not met"),
        (risk_row, "error at 3% abstention", 0.5, "reported"),
        (scope_row, "scope, near: AUC", 0.89, "not met"),
        (scope_row, "scope, far: AUC", 0.98, "not met"),
        (scope_row, "scope, far: false positives at 95% true", 0.03, "not met"),
        (scope_row, "scope: false refusals", 0.05, "met"),
        (scope_row, "scope: false refusals", 0.06, "not met"),
    ],
)
def test_a_figure_decides_its_row(row: Any, name: str, value: float, standing: str, card: Card) -> None:
    figures = card.metrics | with_keys({name: Metric(value, None, None, "samples")})
    assert row(replace(card, metrics=figures)).standing == standing


@pytest.mark.parametrize("row", [calibration_row, misleading_row, risk_row, scope_row])
def test_without_its_figures_a_row_is_not_measured(row: Any, card: Card) -> None:
    assert row(replace(card, metrics={})).standing == "not measured"


def test_some_figures_of_the_gate_are_not_enough(card: Card) -> None:
    figures = {name: metric for name, metric in card.metrics.items() if name != "scope, far: AUC"}
    found = scope_row(replace(card, metrics=figures))
    assert found.standing == "not measured"
    assert "not measured: scope, far: AUC" in found.found


@pytest.mark.parametrize(
    ("path", "value", "standing"),
    [
        (("heatmap", "lift"), 3.0, "met"),
        (("heatmap", "lift"), 2.9, "not met"),
        (("heatmap", "pointing"), 0.55, "not met"),
        (("edge map", "pointing"), 0.9, "not met"),
        (("heatmap", "pixel AUC"), 0.79, "not met"),
        (("head and last stage randomised", "rank correlation"), 0.35, "not met"),
        (("JPEG quality 90", "rank correlation"), 0.7, "not met"),
    ],
)
def test_every_bar_of_the_heatmaps_counts(path: tuple[str, str], value: float, standing: str) -> None:
    maps = MAPS | {path[0]: MAPS[path[0]] | {path[1]: {"value": value}}}
    assert heatmap_row(in_format_1(maps)).standing == standing
    assert heatmap_row(None).standing == "not measured"


@pytest.mark.parametrize(
    ("name", "figure", "value", "standing"),
    [
        (CLEAN, "flips", 0.5, "met"),
        (cell("noise", 2), "flips", 0.01, "met"),
        (cell("noise", 2), "flips", 0.02, "not met"),
        (cell("noise", 3), "flips", 0.5, "met"),
        (cell("blur", 5), "Cllr", 1.0, "not met"),
    ],
)
def test_flips_count_up_to_severity_2_and_cllr_everywhere(name: str, figure: str, value: float, standing: str) -> None:
    names = [CLEAN, *(cell(corruption, severity) for corruption in CORRUPTIONS for severity in SEVERITIES)]
    cells: dict[str, Any] = {one: {"flips": {"value": 0.0}, "Cllr": {"value": 0.4}} for one in names}
    cells[name][figure] = {"value": value}
    assert corruption_row(in_format_1(cells)).standing == standing
    assert corruption_row(None).standing == "not measured"
    assert corruption_row(in_format_1({one: {} for one in names})).standing == "not measured"


def test_replays_are_all_alike_or_the_row_is_not_met() -> None:
    assert [replay_row(replays).standing for replays in ([True, True], [True, False], [])] == [
        "met",
        "not met",
        "not measured",
    ]


@pytest.mark.parametrize(
    ("row", "name", "figure", "value", "standing"),
    [
        (marks_row, "pairs, test", "AUC, random pairs", 0.9991, "met"),
        (marks_row, "pairs, test", "AUC, random pairs", 0.9989, "not met"),
        (marks_row, "pairs, test", "accuracy, random pairs", 0.98, "not met"),
        (marks_row, "pairs, test", "AUC, hard pairs", 0.969, "not met"),
        (marks_row, "retrieval among 9 test marks", "recall at 1", 0.1, "met"),
        (mark_shortcut_row, "shortcut audit", "AUC, random pairs", 0.45, "met"),
        (mark_shortcut_row, "shortcut audit", "AUC, hard pairs", 0.56, "not met"),
        (mark_heatmap_row, "hiding", "claimed part falls more", 0.8, "met"),
        (mark_heatmap_row, "hiding", "claimed part falls more", 0.6, "not met"),
        (mark_heatmap_row, "weights randomised: all", "rank correlation", -0.31, "not met"),
    ],
)
def test_every_bar_of_marks_counts(row: Any, name: str, figure: str, value: float, standing: str) -> None:
    figures = MARKS | {
        name: MARKS[name] | {figure: MARKS[name][figure] | {"value": value, "low": value - 0.1, "high": value + 0.1}}
    }
    assert row(in_format_1(figures)).standing == standing
    assert row(None).standing == "not measured"


def shares(group: str, side: str, **of: float) -> dict[str, dict[str, Any]]:
    """Shares of outcomes of one side of a group; `out` is out of scope."""
    named = {"out of scope" if outcome == "out" else outcome: share for outcome, share in of.items()}
    return {
        f"{side} taken as {outcome}": {"key": "outcome_share", "of": [group, side, outcome], "value": share}
        for outcome, share in named.items()
    }


GROUPS = {
    "verdicts: lettering": {
        **shares("lettering", "similar pairs", dissimilar=0.1, out=0.08),
        **shares("lettering", "strangers", similar=0.01),
        "Cllr": {"key": "cllr", "of": ["lettering"], "value": 0.99},
    },
    "verdicts: shared frame or layout": shares("shared frame or layout", "labelled pairs", similar=0.3),
}


@pytest.mark.parametrize(
    ("figure", "value", "standing"),
    [
        ("Cllr", 0.99, "met"),
        ("Cllr", 1.0, "not met"),
        ("similar pairs taken as dissimilar", 0.11, "not met"),
        ("similar pairs taken as out of scope", 0.09, "not met"),
        ("strangers taken as similar", 0.011, "not met"),
    ],
)
def test_every_bar_of_a_group_of_marks_counts(figure: str, value: float, standing: str) -> None:
    own = GROUPS["verdicts: lettering"]
    row = groups_row(in_format_1(GROUPS | {"verdicts: lettering": own | {figure: own[figure] | {"value": value}}}))
    assert row.standing == standing
    assert row.found.startswith("lettering: dissimilar 0.1")
    assert row.found.endswith("shared frame or layout, labelled dissimilar: similar 0.300")
    assert groups_row(in_format_1(MARKS)).standing == "not measured"
    assert groups_row(None).standing == "not measured"


def test_the_transform_that_moves_similar_marks_most_is_named() -> None:
    assert "most invariance lost: mirrored, by -3.2 nats" in marks_row(in_format_1(MARKS)).found


@pytest.mark.parametrize(("row", "table"), [(heatmap_row, MAPS), (marks_row, MARKS), (mark_heatmap_row, MARKS)])
def test_figures_are_found_by_their_keys_whatever_a_file_calls_them(row: Any, table: dict[str, Any]) -> None:
    figures = in_format_1(table)
    renamed = {f"row {number}": {"figure": asdict(one)} for number, one in enumerate(figures.values())}
    assert by_key(json.loads(json.dumps(renamed))) == figures
    assert row(by_key(renamed)) == row(figures)


@pytest.mark.parametrize("written_as", [1, 2])
def test_figures_of_corruptions_are_read_of_either_format(
    written_as: int, guided_models: Path, masked_set: Path, tmp_path: Path
) -> None:
    model = load_model("tiny_guided", guided_models)
    run = {"run": {"weights_sha256": model.card.weights_sha256}}
    (tmp_path / "robustness.json").write_text(json.dumps(run))
    flips, cost = Metric(0.5, None, None, "samples"), Metric(0.25, None, None, "samples")
    table = {cell("noise", 1): {"flips": flips}, CLEAN: {"Cllr": cost}}
    written = json_bytes(table)
    if written_as == 2:
        keyed = {cell("noise", 1): {"x": flips.named("flips", "noise", "severity 1")}, CLEAN: {"y": cost.named("cllr")}}
        written = json_bytes_of(model, "cells", keyed)
    (tmp_path / "robustness_figures.json").write_bytes(written)
    settings = ScoreboardSettings("tiny_guided", masked_set, tmp_path, guided_models)
    found = {row.id: row for row in make_scoreboard(settings)}["F"].found
    assert found.startswith("most flips 0.500 (noise, severity 1); greatest Cllr 0.25 (as it is); 75 of 76 cells")


def test_the_scoreboard_of_a_model_reads_only_what_was_measured_of_it(
    guided_models: Path, masked_set: Path, tmp_path: Path
) -> None:
    (tmp_path / "heatmaps.json").write_text(json.dumps({"model": "x", "weights_sha256": "0" * 64, "maps": MAPS}))
    settings = ScoreboardSettings("tiny_guided", masked_set, tmp_path, guided_models)
    rows = {row.id: row for row in make_scoreboard(settings)}
    assert [*rows] == [*"ABCDEFGHIJ"]
    assert [rows[name].standing for name in "ABDEF"] == ["not measured"] * 5
    assert rows["H"] == Row("H", rows["H"].measure, "3 of 3 replays alike", rows["H"].bar, "met")
    assert rows["J"].found.startswith("shortcut audit: AUC")
    assert "| H |" in (tmp_path / "scoreboard.md").read_text()
    assert json.loads((tmp_path / "scoreboard.json").read_bytes())["rows"][7]["standing"] == "met"
