"""Answering parts of two marks: found as by hand, the same both ways, and drawn where they lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.drawing import ringed
from inference.networks.hms import Siamese
from inference.records import Correspondence, Exhibit, Heatmap, Placement
from inference.trademark.correspondence import LEAST, MOST, correspondences
from inference.trademark.examiner import TrademarkExaminer

WHOLE = Placement(0, 0, 1, 1)


def heatmap(values: float | np.ndarray = 1.0, placement: Placement = WHOLE, side: int = 4) -> Heatmap:
    raw = np.broadcast_to(np.asarray(values, np.float32), (side, side)).copy()
    return Heatmap(raw, "", "", 1.0, placement)


def features(side: int = 8, channels: int = 24, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(channels, side, side)).astype(np.float32)


def by_loops(first: np.ndarray, second: np.ndarray) -> list[tuple[float, tuple[int, int], tuple[int, int]]]:
    """Mutual best matches where evidence is 1 everywhere, before neighbours are thinned out."""
    cells = [*np.ndindex(*first.shape[1:])]
    middle = np.mean([mark[:, cell[0], cell[1]] for mark in (first, second) for cell in cells], axis=0)

    def likeness(a: tuple[int, ...], b: tuple[int, ...]) -> float:
        u, v = first[:, a[0], a[1]] - middle, second[:, b[0], b[1]] - middle
        return float(u @ v / np.linalg.norm(u) / np.linalg.norm(v))

    found = []
    for a in cells:
        best = max(cells, key=lambda b: likeness(a, b))
        if max(cells, key=lambda other: likeness(other, best)) == a and likeness(a, best) >= LEAST:
            found.append((likeness(a, best), a, best))
    return sorted(found, reverse=True)


def test_parts_are_mutual_best_matches_the_strongest_first_and_apart() -> None:
    first = features(5)
    second = np.roll(first, (1, 2), (1, 2)) + 0.8 * features(5, seed=1)
    expected: list[tuple[float, tuple[int, int], tuple[int, int]]] = []
    for value, a, b in by_loops(first, second):
        apart = [
            min(max(abs(p - q) for p, q in zip(one, other, strict=True)) for one, other in ((a, x), (b, y))) >= 2
            for _, x, y in expected
        ]
        if all(apart) and len(expected) < MOST:
            expected.append((value, a, b))
    found = correspondences((first, heatmap()), (second, heatmap()))
    assert len(found) == len(expected) >= 2
    for number, (part, (value, a, b)) in enumerate(zip(found, expected, strict=True), 1):
        assert part.number == number
        assert part.strength == pytest.approx(value, rel=1e-4)
        for place, (row, column) in zip(part.places, (a, b), strict=True):
            assert place == pytest.approx(((column + 0.5) / 5, (row + 0.5) / 5))


def test_a_shared_part_is_found_where_it_moved_to_and_only_where_there_is_evidence() -> None:
    first, second = features(seed=1), features(seed=2)
    second[:, 5:7, 1:3] = first[:, 1:3, 4:6]
    (strongest, *_) = correspondences((first, heatmap()), (second, heatmap()))
    (ax, ay), (bx, by) = strongest.places
    assert (bx - ax, by - ay) == pytest.approx((-3 / 8, 4 / 8))
    assert not correspondences((first, heatmap(0.0)), (second, heatmap()))
    silent = np.ones((4, 4))
    silent[2:, :2] = 0
    others = correspondences((first, heatmap()), (second, heatmap(silent)))
    assert all(part.strength < strongest.strength for part in others)


def test_padding_is_no_part_and_places_are_told_in_the_mark() -> None:
    """The mark fills the middle half of the square's height."""
    first = features()
    lying = Placement(0, 0.25, 1, 0.5)
    found = correspondences((first, heatmap(placement=lying)), (first, heatmap()))
    assert found
    for part in found:
        (x, y), (u, v) = part.places
        assert (x, 0.25 + 0.5 * y) == pytest.approx((u, v))


def test_swapping_gives_the_same_parts_to_the_bit() -> None:
    first, second = (features(seed=1), heatmap(0.8)), (features(seed=1) + features(seed=2), heatmap(0.6))
    there = correspondences(first, second)
    back = correspondences(second, first, swapped=True)
    assert there
    assert [(part.number, part.strength, part.places[::-1]) for part in back] == [
        (part.number, part.strength, part.places) for part in there
    ]


@pytest.mark.parametrize("backbone", ["six_layer_cnn", "resnet18", "efficientnet_lite0"])
def test_places_are_told_in_a_map_with_more_cells_of_the_same_pass(backbone: Any) -> None:
    torch.manual_seed(0)
    network = Siamese(backbone, scale=1.0).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        last, finer = network.features_and_finer(images)
        assert torch.equal(last, network.features(images))
    assert finer.shape[2] >= 2 * last.shape[2]
    assert finer.shape[2] < 64 / 4


def test_an_examiner_numbers_parts_the_same_whichever_mark_comes_first(
    tiny_models: Path, striped: Callable[..., Exhibit]
) -> None:
    examiner = TrademarkExaminer.load("tiny_marks", tiny_models)
    first, second = striped("blue/genuine", 1), striped("blue/genuine", 2, 70, 40)
    there, back = examiner.compare(first, second), examiner.compare(second, first)
    assert there.correspondences
    assert [part.places[::-1] for part in back.correspondences] == [part.places for part in there.correspondences]
    assert [part.strength for part in back.correspondences] == [part.strength for part in there.correspondences]
    assert there.maps_show == "what the marks share"
    apart = examiner.compare(first, striped("red/counterfeit", 1))
    assert apart.maps_show == "where the marks differ"


def test_rings_are_drawn_where_parts_lie_and_nowhere_else() -> None:
    picture = np.full((90, 120, 3), 128, np.uint8)
    parts = (Correspondence(1, ((0.25, 0.5), (0.75, 0.5)), 0.5),)
    for mark, middle in ((0, 30), (1, 90)):
        changed = np.argwhere((ringed(picture, parts, mark) != picture).any(axis=2))
        assert np.abs(changed.mean(axis=0) - (45, middle)).max() < 2
        assert np.ptp(changed, axis=0).max() < 30
    assert np.array_equal(ringed(picture, (), 0), picture)


@pytest.mark.parametrize(
    "changes",
    [{"number": 0}, {"places": ((0.5, 1.2), (0.5, 0.5))}, {"strength": 0.0}, {"strength": 1.5}],
    ids=str,
)
def test_a_correspondence_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"area|correspondences|strength"):
        Correspondence(**({"number": 1, "places": ((0.5, 0.5), (0.5, 0.5)), "strength": 0.5} | changes))
