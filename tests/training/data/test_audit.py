"""The shortcut audit: it finds what is planted, finds nothing in what is fair, and learns nothing from items."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator
from PIL import Image

from inference.models.card import Metric
from training.data.audit import Audit, audit, photographic_traces, within

Draw = Callable[[str, str, Generator], tuple[np.ndarray, int]]


def write_set(folder: Path, counts: dict[tuple[str, str], int], draw: Draw, photos: int = 2) -> Path:
    """A set of small photos; `draw` gives an item's colour and JPEG quality by series and label."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    rows = []
    for (series, label), items in counts.items():
        for item in range(items):
            colour, quality = draw(series, label, rng)
            for photo in range(photos):
                name = f"{series}-{label}{item}_{photo}.jpg"
                pixels = np.clip(colour + rng.normal(0, 20, (24, 24, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / name, quality=quality)
                rows.append((name, series, label, f"{series}-{label}{item}"))
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "series", "label", "item"), *rows])
    return folder / "manifest.csv"


def balanced(items: int) -> dict[tuple[str, str], int]:
    return {(series, label): items for series in ("coast", "river") for label in ("genuine", "counterfeit")}


def any_colour(series: str, label: str, rng: Generator) -> tuple[np.ndarray, int]:
    return rng.uniform(60, 200, 3), int(rng.integers(80, 96))


def test_a_fair_set_passes_though_every_item_has_its_own_colour(tmp_path: Path) -> None:
    """Photos of an item look alike: folds by photo would let the network know one by the others."""
    found = audit(write_set(tmp_path / "set", balanced(25), any_colour, photos=8))
    assert found.photos == 800
    assert found.auc.low < 0.5 < found.auc.high
    assert 0.4 < found.auc.value < 0.6


def test_counterfeits_stored_at_another_quality_are_found_out(tmp_path: Path) -> None:
    def planted(series: str, label: str, rng: Generator) -> tuple[np.ndarray, int]:
        colour, quality = any_colour(series, label, rng)
        return colour, quality if label == "genuine" else quality - 12

    manifest = write_set(tmp_path / "set", balanced(40), planted)
    found = audit(manifest)
    assert found.auc.value > 0.8
    assert not found.passed
    assert audit(manifest) == found


def test_series_with_more_counterfeits_than_others_are_no_shortcut(tmp_path: Path) -> None:
    """Coast is bright and mostly counterfeited, river dark and mostly genuine: that is known from the series alone."""

    def by_series(series: str, label: str, rng: Generator) -> tuple[np.ndarray, int]:
        return rng.uniform(60, 110, 3) + (100 if series == "coast" else 0), 80 if series == "coast" else 92

    counts = {
        ("coast", "genuine"): 40,
        ("coast", "counterfeit"): 160,
        ("river", "genuine"): 160,
        ("river", "counterfeit"): 40,
    }
    found = audit(write_set(tmp_path / "set", counts, by_series))
    assert found.auc.low < 0.5 < found.auc.high
    assert 0.4 < found.auc.value < 0.6


def test_the_order_of_the_manifest_is_no_shortcut(tmp_path: Path) -> None:
    """Photos that are all alike have equal ranks, wherever they are listed."""
    manifest = write_set(tmp_path / "set", balanced(10), any_colour)
    photos = sorted(manifest.parent.glob("*.jpg"))
    for photo in photos[1:]:
        photo.write_bytes(photos[0].read_bytes())
    listed = audit(manifest)
    header, *rows = manifest.read_text(encoding="utf-8").splitlines()
    manifest.write_text("\n".join([header, *rows[::-1]]), encoding="utf-8")
    assert audit(manifest).auc.value == pytest.approx(listed.auc.value)


@pytest.mark.parametrize("columns", [1, 5])
def test_within_is_the_loop_over_groups(columns: int) -> None:
    rng = np.random.default_rng(0)
    groups, values = rng.choice(["a", "b", "c"], 50), rng.normal(size=(50, columns))

    def standardise(rows: np.ndarray) -> np.ndarray:
        return (rows - rows.mean(0)) / rows.std(0)

    expected = np.empty_like(values)
    for row in range(50):
        ours = [other for other in range(50) if groups[other] == groups[row]]
        expected[row] = [
            (values[row, column] - np.mean([values[other, column] for other in ours]))
            / np.std([values[other, column] for other in ours])
            for column in range(columns)
        ]
    before = values.copy()
    assert within(groups, values, standardise) == pytest.approx(expected)
    assert np.array_equal(values, before)


def test_traces_hold_size_tables_colours_and_noise_but_no_places(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(60, 200, (40, 64, 3)).astype(np.uint8)
    traces = []
    for name, shown, quality in (
        ("plain", pixels, 90),
        ("mirrored", pixels[:, ::-1], 90),
        ("coarse", pixels, 50),
        ("brighter", pixels + np.uint8(40), 90),
    ):
        Image.fromarray(np.ascontiguousarray(shown)).save(tmp_path / f"{name}.png")
        Image.fromarray(np.ascontiguousarray(shown)).save(tmp_path / f"{name}.jpg", quality=quality)
        traces.append(photographic_traces(tmp_path / f"{name}.jpg"))
    plain, _, coarse, brighter = traces
    assert {one.shape for one in traces} == {(29,)}
    assert plain[:2].tolist() == [64, 40]
    assert plain[2] == pytest.approx((tmp_path / "plain.jpg").stat().st_size / (64 * 40))
    assert (coarse[3:5] > 2 * plain[3:5]).all()
    assert brighter[5:8] - plain[5:8] == pytest.approx([40 / 255] * 3, abs=0.01)
    # Of files that are stored without loss and have no tables, the mirror image has the very same traces.
    upright, mirrored = (photographic_traces(tmp_path / f"{name}.png") for name in ("plain", "mirrored"))
    assert np.delete(upright, 2) == pytest.approx(np.delete(mirrored, 2))
    assert upright[3:5].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("value", "half", "passed", "words"),
    [
        (0.42, 0.02, False, "A SHORTCUT WAS FOUND"),
        (0.44, 0.02, False, "too few photos to tell"),
        (0.45, 0.02, True, "no shortcut found"),
        (0.5, 0.02, True, "no shortcut found"),
        (0.5, 0.3, True, "no shortcut found"),
        (0.55, 0.02, True, "no shortcut found"),
        (0.56, 0.02, False, "too few photos to tell"),
        (0.7, 0.16, False, "too few photos to tell"),
        (0.7, 0.1, False, "A SHORTCUT WAS FOUND"),
    ],
)
def test_the_page_says_what_was_found(value: float, half: float, passed: bool, words: str) -> None:
    found = Audit(Metric(value, value - half, value + half, "photographic traces, out of fold by item"), 123)
    assert found.passed is passed
    assert str(found) == f"shortcut audit: AUC {value:.3f} [{value - half:.3f}, {value + half:.3f}], {words}"
    page = found.page()
    assert page.startswith("# Shortcut audit\n")
    for said in (str(found), "123 photos", "out of fold by item", "between 0.45 and\n0.55"):
        assert said in page
