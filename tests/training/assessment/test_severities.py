"""Rows of figures by severity: few, and each of enough items, whatever the column holds."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from training.assessment.severities import LEAST_ITEMS, MOST_RANGES, MOST_ROWS, by_severity, count_items
from training.data.photos.photo import Photo, Truth


def drawn(items: Mapping[str, int], photos_an_item: int = 2) -> list[Photo]:
    """Counterfeits with so many items of each severity."""
    return [
        Photo(Path("x"), "bag", "counterfeit", f"{severity} {item}", "test", truth=Truth("Ada", severity))
        for severity, count in items.items()
        for item in range(count)
        for _ in range(photos_an_item)
    ]


def rows(items: Mapping[str, int]) -> dict[str, int]:
    """How many items each row is of."""
    photos = drawn(items)
    found = by_severity(photos, np.ones(len(photos), bool))
    return {name: count_items(photos, group) for name, group in found.items()}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param({"plain": 10, "clear": 30}, {"plain": 10, "clear": 30}, id="few, well filled"),
        pytest.param({"1": 10, "2": 12, "3": 11}, {"1": 10, "2": 12, "3": 11}, id="few numbers, well filled"),
        pytest.param({"": 50, "plain": 10}, {"plain": 10}, id="some without"),
        pytest.param({"": 50}, {}, id="none"),
        pytest.param({"plain": 9}, {}, id="one, thin"),
        pytest.param({"plain": 20, "clear": 9}, {"plain": 20}, id="one of two, thin"),
        pytest.param(
            {"plain": 20, "a": 4, "b": 6}, {"plain": 20, "others (2 values, 10 items)": 10}, id="thin ones together"
        ),
        pytest.param({f"hand {n}": 1 for n in range(40)}, {"others (40 values, 40 items)": 40}, id="a word an item"),
        pytest.param(
            {f"hand {n}": 10 + n for n in range(12)},
            {f"hand {n}": 10 + n for n in range(4, 12)} | {"others (4 values, 46 items)": 46},
            id="many, all well filled",
        ),
        pytest.param(
            {f"{n / 100:.2f}": 1 for n in range(101)},
            {"0.00 to 0.25": 26, "0.26 to 0.50": 25, "0.51 to 0.75": 25, "0.76 to 1.00": 25},
            id="a number an item",
        ),
        pytest.param({f"{n},5": 3 for n in range(8)}, {"0,5 to 3,5": 12, "4,5 to 7,5": 12}, id="decimal commas"),
        pytest.param({f"{n}%": 4 for n in range(5)}, {"0% to 4%": 20}, id="per cent"),
        pytest.param({"0.5": 5, "0.50": 5, "0.9": 10}, {"0.5": 10, "0.9": 10}, id="one number written in two ways"),
        pytest.param({"1": 100, "2": 3, "3": 4}, {"1 to 3": 107}, id="numbers of which one has nearly all"),
        pytest.param({"1": 2, "2": 3}, {}, id="numbers of too few items"),
        pytest.param({"-1": 6, "1e1": 6, "2": 6, "0": 6}, {"-1 to 0": 12, "2 to 1e1": 12}, id="in order of size"),
        pytest.param({"1": 3, "2": 3, "nan": 5}, {"others (3 values, 11 items)": 11}, id="no number among them"),
        pytest.param({"1": 3, "2": 3, "worst": 5}, {"others (3 values, 11 items)": 11}, id="a word among them"),
    ],
)
def test_a_column_gives_rows_that_mean_something(items: dict[str, int], expected: dict[str, int]) -> None:
    assert rows(items) == expected


@pytest.mark.parametrize("seed", range(40))
def test_no_column_gives_many_rows_or_thin_ones_and_no_photo_is_in_two(seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = seed % 2 == 0
    values = [f"{value:.3f}" if numbers else f"hand {value:.3f}" for value in rng.random(rng.integers(1, 200))]
    photos = drawn({value: int(rng.integers(1, 14)) for value in values}, photos_an_item=1)
    chosen = rng.random(len(photos)) < 0.8
    found = by_severity(photos, chosen)
    assert len(found) <= (MOST_RANGES if numbers and len({*values}) > MOST_ROWS else MOST_ROWS + 1)
    assert all(count_items(photos, group) >= LEAST_ITEMS for group in found.values())
    covered = np.sum(list(found.values()), axis=0) if found else np.zeros(len(photos))
    assert covered.max(initial=0) <= 1
    assert not covered[~chosen].any()
    assert (chosen & (covered == 0)).sum() < LEAST_ITEMS


def test_ranges_hold_about_as_many_items_each() -> None:
    found = rows({f"{value / 1000:.3f}": 1 for value in range(1000)})
    assert set(found.values()) == {250}


def test_what_has_no_row_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        rows({"plain": 12, "a": 2, "b": 3})
    assert "Severities with no figures of their own, which take 10 items: 2, of 5 items in all." in caplog.messages
