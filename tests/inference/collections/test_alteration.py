"""A comparator's map of one photo, and what genuine photos usually show."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inference.collections.alteration import AlterationMap, alteration_map, usual_map
from inference.networks.comparator import Comparator
from inference.reference.cells import partly, wholly


@pytest.fixture(scope="module")
def network() -> Comparator:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Comparator("six_layer_cnn", 8).eval()


@pytest.mark.parametrize(("height", "width"), [(64, 96), (61, 70), (33, 130)])
def test_a_frame_of_any_size_has_a_map_of_its_own_cells(network: Comparator, height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    stack = rng.normal(size=(3, height, width)).astype(np.float32)
    covered = np.ones((height, width), bool)
    covered[:, :5] = False
    found = alteration_map(network, stack, covered)
    assert found.log_odds.shape == found.covered.shape == (height // 4, width // 4)
    assert not found.covered[:, :2].any()
    assert found.covered[:, 2:].all()
    if (height, width) == (64, 96):
        with torch.no_grad():
            alone = network(torch.from_numpy(stack)[None])[0]
        assert found.log_odds == pytest.approx(alone.numpy(), abs=1e-5)


def test_what_genuine_photos_usually_show_is_the_mean_of_those_that_cover_a_cell() -> None:
    rng = np.random.default_rng(1)
    maps = [AlterationMap(rng.normal(size=(6, 7)).astype(np.float32), rng.random((6, 7)) < 0.5) for _ in range(4)]
    usual = usual_map(maps)
    for row in range(6):
        for column in range(7):
            values = [float(one.log_odds[row, column]) for one in maps if one.covered[row, column]]
            assert usual[row, column] == pytest.approx(np.mean(values) if values else 0, abs=1e-6)
    assert maps[0].less(usual).log_odds == pytest.approx(maps[0].log_odds - usual)


def test_the_score_counts_covered_cells_alone() -> None:
    log_odds = np.zeros((10, 20), np.float32)
    log_odds[0, 0], log_odds[5, 5:7] = 9, (3, 1)
    covered = np.ones((10, 20), bool)
    covered[0] = False
    assert AlterationMap(log_odds, covered).score == pytest.approx(2.0)
    assert AlterationMap(log_odds, np.zeros((10, 20), bool)).score == pytest.approx(6.0)


@pytest.mark.parametrize(("height", "width"), [(8, 12), (9, 15)])
def test_cells_are_those_of_a_quarter(height: int, width: int) -> None:
    mask = np.random.default_rng(2).random((height, width)) < 0.8
    for row in range(height // 4):
        for column in range(width // 4):
            cell = mask[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            assert wholly(mask)[row, column] == cell.all()
            assert partly(mask)[row, column] == cell.any()
