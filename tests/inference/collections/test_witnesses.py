"""The maps of both witnesses, and what genuine photos usually show."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inference.collections.witnesses import (
    DeviationMap,
    PatchFeatures,
    PatchMemory,
    alteration_map,
    patches_in,
    usual_map,
)
from inference.networks.backbones import build_backbone
from inference.networks.comparator import Comparator
from inference.preprocessing import Preprocessing
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
    assert found.values.shape == found.covered.shape == (height // 4, width // 4)
    assert not found.covered[:, :2].any()
    assert found.covered[:, 2:].all()
    if (height, width) == (64, 96):
        with torch.no_grad():
            alone = network(torch.from_numpy(stack)[None])[0]
        assert found.values == pytest.approx(alone.numpy(), abs=1e-5)


def test_what_genuine_photos_usually_show_is_the_mean_of_those_that_cover_a_cell() -> None:
    rng = np.random.default_rng(1)
    maps = [DeviationMap(rng.normal(size=(6, 7)).astype(np.float32), rng.random((6, 7)) < 0.5) for _ in range(4)]
    usual = usual_map(maps)
    for row in range(6):
        for column in range(7):
            seen = [float(one.values[row, column]) for one in maps if one.covered[row, column]]
            assert usual[row, column] == pytest.approx(np.mean(seen) if seen else 0, abs=1e-6)
    assert maps[0].less(usual).values == pytest.approx(maps[0].values - usual)


def test_the_score_counts_covered_cells_alone() -> None:
    values = np.zeros((10, 20), np.float32)
    values[0, 0], values[5, 5:7] = 9, (3, 1)
    covered = np.ones((10, 20), bool)
    covered[0] = False
    assert DeviationMap(values, covered).score == pytest.approx(2.0)
    assert DeviationMap(values, np.zeros((10, 20), bool)).score == pytest.approx(6.0)


@pytest.mark.parametrize(("height", "width"), [(8, 12), (9, 15)])
def test_cells_are_those_of_a_quarter(height: int, width: int) -> None:
    mask = np.random.default_rng(2).random((height, width)) < 0.8
    for row in range(height // 4):
        for column in range(width // 4):
            cell = mask[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            assert wholly(mask)[row, column] == cell.all()
            assert partly(mask)[row, column] == cell.any()


@pytest.fixture(scope="module")
def features() -> PatchFeatures:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PatchFeatures(build_backbone("six_layer_cnn").eval(), Preprocessing(size=64))


@pytest.mark.parametrize(("height", "width"), [(64, 96), (70, 83)])
def test_patches_have_unit_features(features: PatchFeatures, height: int, width: int) -> None:
    photo = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    found = features(photo)
    assert found.shape[1:] == (height // 8, width // 8)
    assert np.linalg.norm(found, axis=0) == pytest.approx(1, abs=1e-4)


def test_a_patch_is_as_far_as_the_nearest_near_its_place_in_any_photo() -> None:
    rng = np.random.default_rng(4)
    height, width, reach = 5, 7, 2
    photos = []
    for _ in range(3):
        own = rng.normal(size=(6, height, width)).astype(np.float32)
        covered = np.repeat(np.repeat(rng.random((height, width)) < 0.7, 8, 0), 8, 1)
        photos.append((own / np.linalg.norm(own, axis=0), covered))
    memory = PatchMemory.of(photos[:2])
    question, covered = photos[2]
    found = memory.map(question, covered)
    assert found.values.shape == found.covered.shape == (2 * height, 2 * width)
    away = np.zeros((height, width), np.float32)
    for row in range(height):
        for column in range(width):
            least = [
                np.linalg.norm(question[:, row, column] - own[:, r, c])
                for own, seen in photos[:2]
                for r in range(max(0, row - reach), min(height, row + reach + 1))
                for c in range(max(0, column - reach), min(width, column + reach + 1))
                if patches_in(seen)[r, c]
            ]
            away[row, column] = min(least, default=0)
    # Between patches the map is interpolated; in the middle of four equal ones it is theirs.
    assert found.values.max() == pytest.approx(away.max(), rel=0.25)
    flat = PatchMemory.of([(np.repeat(question[:, :1, :1], 35, 2).reshape(6, 5, 7), np.ones((40, 56), bool))])
    assert flat.map(flat.features[0], np.ones((40, 56), bool)).values == pytest.approx(0, abs=1e-3)


def test_a_photo_of_the_memory_deviates_nowhere_and_a_blot_deviates_where_it_is(features: PatchFeatures) -> None:
    rng = np.random.default_rng(5)
    photos = [rng.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(2)]
    every = np.ones((64, 96), bool)
    memory = PatchMemory.of([(features(photo), every) for photo in photos])
    assert memory.map(features(photos[0]), every).values.max() == pytest.approx(0, abs=2e-3)
    blotted = photos[0].copy()
    blotted[16:40, 40:64] = (255, 0, 0)
    found = memory.map(features(blotted), every)
    row, column = np.unravel_index(int(found.values.argmax()), found.values.shape)
    assert 2 <= row <= 12
    assert 8 <= column <= 18
    assert found.score > memory.map(features(photos[1]), every).score
