"""Key areas: the places of a map that deviate most, each once, inside the frame."""

from __future__ import annotations

import numpy as np
import pytest

from inference.collections.areas import LEAST_SCORE, MOST_AREAS, key_areas
from inference.records import Crop, WitnessName


def maps(*spots: tuple[WitnessName, int, int, int, float]) -> dict[WitnessName, np.ndarray]:
    """Maps of 20 x 30 cells with square spots: witness, row, column, side, value."""
    both: dict[WitnessName, np.ndarray] = {name: np.zeros((20, 30), np.float32) for name in ("comparator", "patches")}
    for name, row, column, side, value in spots:
        both[name][row : row + side, column : column + side] = value
    return both


def test_areas_are_numbered_by_what_the_strongest_witness_sees() -> None:
    found = key_areas(
        maps(("comparator", 4, 5, 2, 6.0), ("patches", 12, 20, 3, 9.0), ("patches", 4, 5, 1, 3.0)), (80, 120)
    )
    assert [(area.number, area.witness, area.score) for area in found] == [(1, "patches", 9.0), (2, "comparator", 6.0)]
    # Two cells around each, four pixels a cell.
    assert found[0].box == Crop(72, 40, 28, 28)
    assert found[1].box == Crop(12, 8, 24, 24)


def test_an_area_grows_over_joined_cells_of_half_its_peak() -> None:
    joined = maps(("comparator", 8, 8, 1, 10.0), ("comparator", 8, 9, 1, 5.0), ("comparator", 8, 10, 1, 4.9))
    (area,) = key_areas(joined, (80, 120))
    assert area.box == Crop(24, 24, 24, 20)
    apart = key_areas(maps(("comparator", 2, 2, 1, 10.0), ("comparator", 15, 25, 1, 9.0)), (80, 120))
    assert [area.score for area in apart] == [10.0, 9.0]


@pytest.mark.parametrize(("row", "column"), [(0, 0), (19, 29)])
def test_an_area_at_the_edge_stays_inside_the_frame(row: int, column: int) -> None:
    (area,) = key_areas(maps(("patches", row, column, 1, 5.0)), (78, 121))
    assert area.box.x >= 0
    assert area.box.y >= 0
    assert area.box.x + area.box.width <= 121
    assert area.box.y + area.box.height <= 78


def test_what_genuine_photos_show_too_is_no_area() -> None:
    assert key_areas(maps(("comparator", 4, 5, 2, LEAST_SCORE - 0.01)), (80, 120)) == ()


def test_no_more_areas_than_an_examiner_can_look_at() -> None:
    spots = [("comparator", 5 * (n // 5), 6 * (n % 5), 1, 20.0 - n) for n in range(12)]
    found = key_areas(maps(*spots), (80, 120))  # type: ignore[arg-type]
    assert [area.score for area in found] == [20.0 - n for n in range(MOST_AREAS)]
