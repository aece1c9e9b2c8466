"""Heatmaps against the truth: scores with known answers, and the whole report on tiny lettered parts."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inference.models.weights import load_model
from inference.records import Refusal
from training.__main__ import main
from training.assessment.evaluate import AssessmentSettings, assess
from training.assessment.heatmaps import measure, rank_correlation, score_map
from training.data.photos.photo_set import read_photo_set

MASK = np.zeros((20, 30), bool)
MASK[8:12, 10:15] = True


def spot(y: float, x: float, sigma: float = 2.0) -> NDArray[np.float32]:
    down, across = np.ogrid[:20, :30]
    return np.exp(-((down - y) ** 2 + (across - x) ** 2) / (2 * sigma**2)).astype(np.float32)


@pytest.mark.parametrize(
    ("values", "lift", "pointing", "pixel_auc"),
    [
        pytest.param(MASK.astype(np.float32), 30.0, 1.0, 1.0, id="the mask itself"),
        pytest.param((~MASK).astype(np.float32), 0.0, 0.0, 0.0, id="everything but the mask"),
        pytest.param(np.ones((20, 30), np.float32), 1.0, 0.0, 0.5, id="flat: chance, and it points at the corner"),
        pytest.param(np.zeros((20, 30), np.float32), 0.0, 0.0, 0.5, id="no evidence points at nothing"),
    ],
)
def test_a_map_with_a_known_score_gets_it(
    values: NDArray[np.float32], lift: float, pointing: float, pixel_auc: float
) -> None:
    score = score_map(values, MASK, reach=1.0)
    assert (score.lift, score.pointing, score.pixel_auc) == pytest.approx((lift, pointing, pixel_auc))


@pytest.mark.parametrize(("x", "reach", "hit"), [(12, 0, 1), (15, 0, 0), (15, 1, 1), (18, 3, 0), (18, 4, 1)])
def test_a_peak_counts_within_one_cell_of_the_mask(x: int, reach: float, hit: int) -> None:
    assert score_map(spot(10, x), MASK, reach).pointing == hit


def test_scores_are_what_naive_loops_count() -> None:
    values = spot(9, 16) + 0.1 * spot(2, 3)
    inside = [float(values[y, x]) for y in range(20) for x in range(30) if MASK[y, x]]
    outside = [float(values[y, x]) for y in range(20) for x in range(30) if not MASK[y, x]]
    wins = sum((a > b) + 0.5 * (a == b) for a in inside for b in outside) / (len(inside) * len(outside))
    lift = sum(inside) / (sum(inside) + sum(outside)) / (len(inside) / 600)
    score = score_map(values, MASK, 0)
    assert (score.lift, score.pixel_auc) == pytest.approx((lift, wins), rel=1e-5)


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 5, (9, 7)).astype(np.float32)
    second = (first + rng.integers(0, 3, (9, 7))).astype(np.float32)

    def mean_ranks(values: NDArray[np.float32]) -> list[float]:
        listed = values.ravel().tolist()
        return [sum(b < a for b in listed) + (listed.count(a) + 1) / 2 for a in listed]

    expected = np.corrcoef(mean_ranks(first), mean_ranks(second))[0, 1]
    assert rank_correlation(first, second) == pytest.approx(expected, abs=1e-12)
    assert rank_correlation(first, first) == pytest.approx(1)
    assert np.isnan(rank_correlation(first, np.zeros_like(first)))


def test_the_report_scores_the_map_beside_maps_that_know_nothing(
    masked_set: Path, guided_models: Path, tmp_path: Path
) -> None:
    settings = AssessmentSettings("tiny_guided", masked_set, tmp_path, guided_models, heatmaps=True)
    table = assess(settings)
    maps = ["heatmap", "centre prior", "edge map", "random map", "random weights", "difference map, of edges"]
    assert list(table)[: len(maps)] == maps
    for row in maps:
        assert {"lift", "pointing", "pixel AUC"} == set(table[row])
        assert all(0 <= table[row][name].value <= 1 for name in ("pointing", "pixel AUC"))
    # The end of the line is missing: the difference from the reference must point there.
    assert table["difference map, of edges"]["pixel AUC"].value > 0.8
    assert table["difference map, of edges"]["lift"].value > table["random map"]["lift"].value
    assert table["JPEG quality 90"]["rank correlation"].value > 0.5
    assert "taken for genuine" in table["their genuine twins"]
    stated = json.loads((tmp_path / "heatmaps.json").read_text())
    assert stated["maps"]["heatmap"]["lift"]["value"] == pytest.approx(table["heatmap"]["lift"].value)
    before, after = (load_model("tiny_guided", folder) for folder in (guided_models, tmp_path))
    assert [metric.key for metric in after.card.metrics.values() if metric.topic == "heatmaps"] == [
        *("heatmap_lift", "heatmap_pixel_auc", "heatmap_pointing"),
    ]
    assert stated["weights_sha256"] == before.card.weights_sha256 == after.card.weights_sha256
    for name in ("lift", "pointing", "pixel AUC"):
        assert after.card.metrics[f"heatmap {name}"].value == table["heatmap"][name].value
        assert after.card.metrics[f"heatmap {name}"].over.endswith("/manifest.csv")
    with Image.open(tmp_path / "contact_sheet.jpg") as sheet:
        assert sheet.width > sheet.height


def test_figures_that_something_is_chosen_by_enter_no_card(
    masked_set: Path, guided_models: Path, tmp_path: Path
) -> None:
    settings = AssessmentSettings("tiny_guided", masked_set, tmp_path, guided_models, "val", heatmaps=True, limit=1)
    assess(settings)
    assert {path.name for path in tmp_path.iterdir()} == {"heatmaps.json", "contact_sheet.jpg"}


def test_a_model_is_not_overwritten(masked_set: Path, guided_models: Path) -> None:
    settings = AssessmentSettings("tiny_guided", masked_set, guided_models, guided_models, heatmaps=True)
    with pytest.raises(Refusal, match="another folder than --weights"):
        assess(settings)


def test_every_choice_of_layer_and_method_is_scored_on_the_same_network(
    masked_set: Path, guided_models: Path, tmp_path: Path
) -> None:
    model = load_model("tiny_guided", guided_models)
    table = measure(model, read_photo_set(masked_set).of("val"), tmp_path, choices=True, limit=2)
    assert len(table) == 12
    assert all("; 2 cases of 2 sources" in metric.over for figures in table.values() for metric in figures.values())


def test_without_masks_there_is_nothing_to_score(masked_set: Path, guided_models: Path, tmp_path: Path) -> None:
    with masked_set.open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = masked_set.with_name("without masks.csv")
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, [name for name in rows[0] if name != "mask"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    settings = AssessmentSettings("tiny_guided", table, tmp_path, guided_models, heatmaps=True)
    with pytest.raises(Refusal, match="names no mask"):
        assess(settings)


def test_classes_that_the_model_does_not_know_are_refused(
    photo_folder: Path, guided_models: Path, tmp_path: Path
) -> None:
    with pytest.raises(Refusal, match="shows belt/counterfeit, belt/genuine, which tiny_guided does not know"):
        assess(AssessmentSettings("tiny_guided", photo_folder, tmp_path, guided_models))


def test_evaluate_prints_figures_of_network_and_reference(
    masked_set: Path, guided_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    command = ["evaluate", "tiny_guided", "--data", masked_set, "--out", tmp_path, "--weights", guided_models]
    monkeypatch.setattr("sys.argv", ["training", *map(str, command)])
    assert main() == 0
    printed = capsys.readouterr().out
    stated = (
        "network:",
        "authenticity AUC",
        "known counterfeiters found",
        "log odds of the network",
        "deviation of edges",
    )
    for words in stated:
        assert words in printed
    assert (tmp_path / "figures.json").exists()
