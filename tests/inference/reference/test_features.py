"""Features of genuine parts: how far a photo strays from them, and how that and the log odds make one score."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inference.networks.backbones import BackboneName, build_backbone
from inference.reference.features import Fusion, GenuineFeatures, deviation_of
from inference.reference.reference import Reference
from inference.reference.stack import ReferenceStack

CHANNELS, HEIGHT, WIDTH = 3, 5, 6
WHOLE = np.ones((HEIGHT, WIDTH), bool)


def drawn(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(CHANNELS, HEIGHT, WIDTH)).astype(np.float32)


@pytest.fixture
def genuine() -> GenuineFeatures:
    return GenuineFeatures(drawn(0), np.abs(drawn(1)) + np.float32(0.1))


def naive_difference(
    genuine: GenuineFeatures, features: NDArray[np.float32], covered: NDArray[np.bool_]
) -> NDArray[np.float64]:
    away = np.zeros(covered.shape)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            if not covered[y, x]:
                continue
            tried = []
            for down, across in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
                # Beyond the edge lies what is on it.
                at = min(max(y + down, 0), HEIGHT - 1), min(max(x + across, 0), WIDTH - 1)
                squares = [
                    ((features[c][at] - genuine.mean[c, y, x]) / genuine.spread[c, y, x]) ** 2 for c in range(CHANNELS)
                ]
                tried.append(math.sqrt(sum(squares) / CHANNELS))
            away[y, x] = min(tried)
    return away


def test_the_difference_is_that_of_the_nearest_of_five_places(genuine: GenuineFeatures) -> None:
    covered = np.random.default_rng(2).random((HEIGHT, WIDTH)) < 0.8
    found = genuine.difference(drawn(3), covered)
    assert found.dtype == np.float32
    assert found == pytest.approx(naive_difference(genuine, drawn(3), covered), rel=1e-5)


def test_a_part_like_the_mean_does_not_stray_nor_does_one_that_lies_a_cell_beside_it(genuine: GenuineFeatures) -> None:
    assert genuine.difference(genuine.mean, WHOLE).max() == 0
    moved = np.roll(genuine.mean, 1, axis=2)
    inner = np.zeros_like(WHOLE)
    inner[:, :-1] = True
    assert genuine.difference(moved, inner).max() == 0
    farther = np.roll(genuine.mean, 2, axis=2)
    assert genuine.difference(farther, WHOLE).max() > 1


def test_a_place_that_too_few_photos_show_is_not_compared(genuine: GenuineFeatures) -> None:
    spread = genuine.spread.copy()
    spread[:, 2, 3] = np.inf
    away = GenuineFeatures(genuine.mean.copy(), spread).difference(genuine.mean + 9, WHOLE)
    assert away[2, 3] == 0
    assert (away > 0).sum() == WHOLE.sum() - 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [((40, 50), 1.5), ((10, 10), 2.0), ((1, 1), 2.0)],
    ids=["two of two thousand places", "at least one", "only one"],
)
def test_the_deviation_is_the_mean_of_the_strangest_thousandth(size: tuple[int, int], expected: float) -> None:
    away = np.zeros(size, np.float32)
    away.flat[0] = 2
    if away.size > 1:
        away.flat[-1] = 1
    assert deviation_of(away, np.ones(size, bool)) == expected
    assert deviation_of(away, np.zeros(size, bool)) == 0


def test_features_survive_the_weights_file_to_eleven_bits(genuine: GenuineFeatures) -> None:
    back = GenuineFeatures.from_arrays(genuine.arrays())
    assert back is not None
    assert back.mean == pytest.approx(genuine.mean, rel=1e-3)
    assert back.spread == pytest.approx(genuine.spread, rel=1e-3)
    assert GenuineFeatures.from_arrays({}) is None


REFUSED: dict[str, tuple[Callable[[GenuineFeatures], object], str]] = {
    "in doubles": (lambda g: replace(g, mean=g.mean.astype(np.float64)), "float32"),
    "of two shapes": (lambda g: replace(g, spread=g.spread[:, 1:].copy()), "(C, h, w)"),
    "a mean that is no number": (lambda g: replace(g, mean=np.full_like(g.mean, np.nan)), "finite"),
    "no spread": (lambda g: replace(g, spread=np.zeros_like(g.spread)), "spread > 0"),
    "features of another network": (lambda g: g.difference(g.mean[1:], WHOLE), "features are (3, 5, 6)"),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED)
def test_what_makes_no_features_is_refused(
    make: Callable[[GenuineFeatures], object], words: str, genuine: GenuineFeatures
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        make(genuine)


@pytest.mark.parametrize("name", ["six_layer_cnn", "resnet18", "efficientnet_lite0"])
def test_a_quarter_is_the_last_map_of_that_size(name: BackboneName) -> None:
    backbone = build_backbone(name).eval()
    images = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        found = backbone.quarter(images)
        maps = [backbone(images, until) for until in range(1, len(backbone.steps) + 1)]
    assert found.shape[-2:] == (16, 24)
    assert torch.equal(found, [one for one in maps if one.shape[-2:] == (16, 24)][-1])


def test_a_cell_is_covered_if_all_of_it_is(tiny_references: tuple[Reference, ...]) -> None:
    reference = tiny_references[0]
    stack = ReferenceStack.around(tiny_references, ("luminance", "edges", "genuine edges"))
    height, width = reference.mean.shape
    covered = np.ones((height, width), bool)
    covered[height // 2, width // 2] = False
    found = stack.covered_cells(covered, reference)
    assert found.shape == (stack.height // 4, stack.width // 4)
    top, left = (stack.height - height) // 2, (stack.width - width) // 2
    for y in range(found.shape[0]):
        for x in range(found.shape[1]):
            pixels = [
                (row - top, column - left) for row in range(4 * y, 4 * y + 4) for column in range(4 * x, 4 * x + 4)
            ]
            inside = all(0 <= row < height and 0 <= column < width for row, column in pixels)
            assert found[y, x] == (inside and all(covered[at] for at in pixels))


def test_both_scores_count_alike_in_standard_deviations_of_genuine_photos() -> None:
    rng = np.random.default_rng(0)
    log_odds, away = rng.normal(3, 2, 200), np.exp(rng.normal(1, 0.5, 200))
    fusion = Fusion.of(log_odds, away)
    scores = np.array([fusion.score(odds, far) for odds, far in zip(log_odds, away, strict=True)])
    expected = (log_odds - log_odds.mean()) / log_odds.std() - (np.log(away) - np.log(away).mean()) / np.log(away).std()
    assert scores == pytest.approx(expected)
    assert scores.mean() == pytest.approx(0, abs=1e-9)
    assert fusion.score(3, 9) < fusion.score(3, 2) < fusion.score(4, 2)
    assert math.isfinite(fusion.score(3, 0))


@pytest.mark.parametrize("stated", [{"log_odds": (1.0, 0.0)}, {"log_deviation": (1.0, -1.0)}])
def test_a_fusion_without_spread_is_refused(stated: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Fusion(**{"log_odds": (0.0, 1.0), "log_deviation": (0.0, 1.0)} | stated)
