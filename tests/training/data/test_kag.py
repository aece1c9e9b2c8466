"""KAG: the vectorised disturbance is the paper's loop."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.preprocessing import resize
from training.data.kag import disturb, on_grid, source_columns, swap_patches, toss_coins

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")),
]


def literal_loop(images: Tensor, tosses: Tensor) -> Tensor:
    """The algorithm of section 3.1, line by line."""
    result = images.cpu().numpy().copy()
    degree = tosses.shape[1]
    height, width = result.shape[2] // degree, result.shape[3] // degree
    for image, coins in zip(result, tosses.tolist(), strict=True):
        for r in range(degree):
            row = image[:, r * height : (r + 1) * height]
            for c in range(degree - 1):
                if coins[r][c]:
                    here, right = row[..., c * width : (c + 1) * width], row[..., (c + 1) * width : (c + 2) * width]
                    temp = here.copy()
                    here[:] = right
                    right[:] = temp
    return torch.from_numpy(result).to(images.device)


def patches(images: Tensor, degree: int) -> Tensor:
    """(B, C, H, W) to (B, rows, columns, pixels of a patch)."""
    batch, channels, height, width = images.shape
    grid = images.reshape(batch, channels, degree, height // degree, degree, width // degree)
    return grid.permute(0, 2, 4, 1, 3, 5).flatten(3)


def random_images(shape: tuple[int, ...], dtype: torch.dtype, device: str = "cpu") -> Tensor:
    values = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(1))
    return values.to(dtype).to(device)


def numbered_columns(degree: int, rows: int = 1) -> Tensor:
    """Images of one pixel a patch that say which column each patch came from, (rows, 1, degree, degree)."""
    return torch.arange(degree).expand(rows, 1, degree, degree).contiguous()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
@pytest.mark.parametrize(
    ("batch", "channels", "degree", "patch"),
    [
        pytest.param(1, 3, 1, (4, 4), id="one patch"),
        pytest.param(1, 1, 2, (1, 1), id="one pixel a patch"),
        pytest.param(5, 3, 2, (3, 3), id="two by two"),
        pytest.param(2, 3, 3, (2, 5), id="wide patches"),
        pytest.param(3, 4, 3, (5, 2), id="tall patches, four channels"),
        pytest.param(4, 3, 20, (2, 3), id="the paper's N"),
        pytest.param(24, 1, 20, (1, 2), id="the paper's N and batch"),
    ],
)
def test_it_equals_the_literal_loop(
    batch: int, channels: int, degree: int, patch: tuple[int, int], dtype: torch.dtype, device: str
) -> None:
    images = random_images((batch, channels, degree * patch[0], degree * patch[1]), dtype, device)
    tosses = toss_coins(batch, degree, torch.Generator().manual_seed(2)).to(device)
    swapped = swap_patches(images, tosses)
    assert swapped.dtype == dtype
    assert torch.equal(swapped, literal_loop(images, tosses))


@pytest.mark.parametrize("degree", [2, 3, 4, 7])
def test_it_equals_the_literal_loop_for_every_sequence_of_coins(degree: int) -> None:
    sequences = torch.tensor(list(product([False, True], repeat=degree - 1)))
    tosses = sequences[:, None].expand(-1, degree, -1)
    images = numbered_columns(degree, len(sequences))
    assert torch.equal(swap_patches(images, tosses), literal_loop(images, tosses))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("batch", "degree"), [(1, 1), (5, 2), (3, 7), (4, 20)])
def test_a_patchs_source_is_the_column_that_the_loop_brings_there(batch: int, degree: int, device: str) -> None:
    tosses = toss_coins(batch, degree, torch.Generator().manual_seed(2)).to(device)
    numbered = torch.arange(degree, device=device).expand(batch, 1, degree, degree)
    assert torch.equal(source_columns(tosses)[:, None], literal_loop(numbered, tosses))


@pytest.mark.parametrize("degree", [1, 2, 20])
def test_tails_only_leaves_a_picture_as_it_is(degree: int) -> None:
    images = random_images((2, 3, 3 * degree, 2 * degree), torch.uint8)
    assert torch.equal(swap_patches(images, torch.zeros(2, degree, degree - 1, dtype=torch.bool)), images)


@pytest.mark.parametrize("degree", [2, 3, 20])
def test_heads_only_carries_the_first_patch_to_the_end(degree: int) -> None:
    """Each swap takes the same patch along: the row is turned by one."""
    images = random_images((2, 3, 3 * degree, 2 * degree), torch.uint8)
    swapped = swap_patches(images, torch.ones(2, degree, degree - 1, dtype=torch.bool))
    assert torch.equal(swapped, images.roll(-2, dims=3))


def test_patches_are_moved_along_their_row_and_never_changed() -> None:
    images = random_images((3, 3, 40, 60), torch.uint8)
    before, after = patches(images, 20), patches(swap_patches(images, toss_coins(3, 20)), 20)
    assert not torch.equal(before, after)
    for row_before, row_after in zip(before.flatten(0, 1).tolist(), after.flatten(0, 1).tolist(), strict=True):
        assert sorted(row_before) == sorted(row_after)


def test_an_inner_patch_travels_as_far_as_coins_carry_it() -> None:
    """One to the left with p = 1/2, nowhere 1/4, k to the right 1 / 2^(k + 2)."""
    images, tosses = numbered_columns(20, rows=1000), toss_coins(1000, 20, torch.Generator().manual_seed(0))
    goes_to = swap_patches(images, tosses).flatten(0, 2).argsort(dim=1)
    moved = (goes_to[:, 8] - 8).numpy()
    expected = {-1: 1 / 2, 0: 1 / 4, 1: 1 / 8, 2: 1 / 16, 3: 1 / 32}
    assert {step: float((moved == step).mean()) for step in expected} == pytest.approx(expected, abs=0.012)
    assert moved.min() == -1


def test_coins_are_fair_and_follow_their_generator() -> None:
    first, again, other = (toss_coins(50, 20, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert first.shape == (50, 20, 19)
    assert first.dtype == torch.bool
    assert float(first.float().mean()) == pytest.approx(0.5, abs=0.02)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("height", "width", "degree", "expected"),
    [
        pytest.param(40, 60, 20, (40, 60), id="already multiples"),
        pytest.param(448, 448, 20, (440, 440), id="the paper's size, nearest below"),
        pytest.param(452, 31, 20, (460, 40), id="nearest above"),
        pytest.param(5, 9, 20, (20, 20), id="smaller than the grid"),
        pytest.param(37, 50, 1, (37, 50), id="one patch"),
    ],
)
def test_a_picture_is_resized_to_the_nearest_multiples_and_then_swapped(
    height: int, width: int, degree: int, expected: tuple[int, int]
) -> None:
    pixels: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    disturbed = disturb(pixels, degree, torch.Generator().manual_seed(3))
    image = torch.from_numpy(resize(pixels, expected[1], expected[0]).copy()).permute(2, 0, 1)[None]
    swapped = literal_loop(image, toss_coins(1, degree, torch.Generator().manual_seed(3)))
    assert disturbed.dtype == np.uint8
    assert np.array_equal(disturbed, swapped[0].permute(1, 2, 0).numpy())


@pytest.mark.parametrize("shape", [(40, 60), (37, 50), (5, 9), (448, 300)], ids=str)
def test_an_undisturbed_picture_on_the_grid_is_one_that_coins_left_alone(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nothing but the swaps tells the two apart."""
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    monkeypatch.setattr("training.data.kag.toss_coins", lambda *_: torch.zeros(1, 20, 19, dtype=torch.bool))
    gridded = on_grid(pixels, 20)
    assert np.array_equal(gridded, disturb(pixels, 20))
    assert all(side % 20 == 0 for side in gridded.shape[:2])


def test_one_seed_gives_one_disturbance_and_leaves_the_picture_alone() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (80, 60, 3), dtype=np.uint8)
    before = pixels.copy()
    first, again, other = (disturb(pixels, 20, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(pixels, before)
