"""The maps of both witnesses, and what genuine photos usually show."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from inference.collections.registered_photos import RegisteredPhotos
from inference.collections.witnesses import (
    ComparatorWitness,
    DeviationMap,
    PatchFeatures,
    PatchMemory,
    PatchWitness,
    patch_levels,
    patches_in,
    usual_of,
)
from inference.models.engines.engine import TorchEngine
from inference.networks.backbones import build_backbone
from inference.networks.comparator import Comparator
from inference.preprocessing import Preprocessing
from inference.reference import channels
from inference.reference.cells import partly, wholly


@pytest.fixture(scope="module")
def network() -> Comparator:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Comparator("six_layer_cnn", 8).eval()


@pytest.mark.parametrize(("height", "width"), [(64, 96), (61, 70), (33, 130)])
def test_a_frame_of_any_size_has_a_map_of_its_own_cells(network: Comparator, height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
    edges = rng.random((height, width)).astype(np.float32)
    covered = np.ones((height, width), bool)
    covered[:, :5] = False
    found = ComparatorWitness(TorchEngine(network)).map(pixels, covered, {"edges": edges})
    assert found.values.shape == found.covered.shape == (height // 4, width // 4)
    assert not found.covered[:, :2].any()
    assert found.covered[:, 2:].all()
    if (height, width) == (64, 96):
        with torch.no_grad():
            alone = network(torch.from_numpy(channels.beside(pixels, covered, edges))[None])[0]
        assert found.values == pytest.approx(alone.numpy(), abs=1e-5)


def test_what_is_usual_in_a_cell_is_told_by_the_photos_that_cover_it_and_by_its_neighbours() -> None:
    rng = np.random.default_rng(1)
    maps = [DeviationMap(rng.normal(size=(6, 7)).astype(np.float32), rng.random((6, 7)) < 0.7) for _ in range(4)]
    usual = usual_of(maps)
    squares, freedom = np.zeros((6, 7)), np.zeros((6, 7))
    for row in range(6):
        for column in range(7):
            seen = [float(one.values[row, column]) for one in maps if one.covered[row, column]]
            mean = np.mean(seen) if seen else 0
            assert usual.mean[row, column] == pytest.approx(mean, abs=1e-6)
            squares[row, column] = sum((one - mean) ** 2 for one in seen)
            freedom[row, column] = max(len(seen) - 1, 0)
    everywhere = squares.sum() / freedom.sum()
    for row in range(1, 5):
        for column in range(1, 6):
            near = slice(row - 1, row + 2), slice(column - 1, column + 2)
            variance = (0.5 * everywhere + squares[near].mean()) / (0.5 + freedom[near].mean())
            assert usual.spread[row, column] == pytest.approx(np.sqrt(variance), rel=1e-5)
    assert maps[0].beyond(usual).values == pytest.approx((maps[0].values - usual.mean) / usual.spread)


def test_photos_that_are_alike_still_give_a_spread() -> None:
    one = DeviationMap(np.full((3, 4), 2, np.float32), np.ones((3, 4), bool))
    other = DeviationMap(np.full((3, 4), 5, np.float32), one.covered)
    for alike in ([one], [one, one]):
        assert other.beyond(usual_of(alike)).values[0, 0] >= 3


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
        return PatchFeatures(TorchEngine(patch_levels(build_backbone("six_layer_cnn").eval())), Preprocessing(size=64))


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
    memory = PatchMemory(*map(np.stack, zip(*((own, patches_in(seen)) for own, seen in photos[:2]), strict=True)))
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
    flat = PatchMemory(np.repeat(question[:, :1, :1], 35, 2).reshape(1, 6, 5, 7), np.ones((1, 5, 7), bool))
    assert flat.map(flat.features[0], np.ones((40, 56), bool)).values == pytest.approx(0, abs=1e-3)


def test_a_photo_of_the_memory_deviates_nowhere_and_a_blot_deviates_where_it_is(features: PatchFeatures) -> None:
    rng = np.random.default_rng(5)
    photos = np.stack([rng.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(2)])
    every, edges = np.ones((64, 96), bool), np.zeros((2, 64, 96), np.uint8)
    witness = PatchWitness(features)
    kept = witness.keep(RegisteredPhotos(photos, np.ones((2, 64, 96), np.uint8), edges), [0, 1])
    # Features are kept to eleven bits.
    assert witness.map(photos[0], every, kept).values.max() == pytest.approx(0, abs=2e-2)
    blotted = photos[0].copy()
    blotted[16:40, 40:64] = (255, 0, 0)
    found = witness.map(blotted, every, kept)
    row, column = np.unravel_index(int(found.values.argmax()), found.values.shape)
    assert 2 <= row <= 12
    assert 8 <= column <= 18
    unknown = witness.map(np.random.default_rng(6).integers(0, 256, (64, 96, 3), np.uint8), every, kept)
    assert min(found.score, unknown.score) > 0.1
