"""KAG: new samples by disturbing key areas. Source: KAG-MTLN paper, section 3.1, algorithm and Fig. 2."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.preprocessing import resize

Pixels = NDArray[np.uint8]


def toss_coins(images: int, degree: int, generator: torch.Generator | None = None) -> Tensor:
    """Bernoulli(0.5) for every pair of neighbours in a row: bool (images, degree, degree - 1)."""
    device = generator.device if generator else None
    return torch.rand(images, degree, degree - 1, generator=generator, device=device) < 0.5


def source_columns(tosses: Tensor) -> Tensor:
    """From which column each place of a grid gets its patch, when neighbours are swapped where a coin says so.

    The paper's loop swaps in sequence, row by row and left to right, so that a patch can travel: before column c, the
    patch in hand comes from the last column whose left coin was false. This is that loop in closed form.

    Args:
        tosses: bool (B, N, N - 1) on any device.

    Returns:
        int64 (B, N, N): of each row and column, the column in the same row.
    """
    batch, degree, _ = tosses.shape
    column = torch.arange(degree, device=tosses.device).expand(batch, degree, degree)
    no = torch.zeros(batch, degree, 1, dtype=torch.bool, device=tosses.device)
    swapped_with_left, swapped_with_right = torch.cat([no, tosses], 2), torch.cat([tosses, no], 2)
    held = torch.where(swapped_with_left, 0, column).cummax(dim=2).values
    return torch.where(swapped_with_right, column + 1, held)


def swap_patches(images: Tensor, tosses: Tensor) -> Tensor:
    """Swap horizontally adjacent patches, row by row and left to right, where a coin says so.

    Args:
        images: (B, C, H, W) on any device; H and W are multiples of N.
        tosses: bool (B, N, N - 1), on the same device.

    Returns:
        (B, C, H, W).
    """
    batch, channels, height, width = images.shape
    degree = tosses.shape[1]
    rows = images.reshape(batch, channels, degree, height // degree, degree, width // degree)
    index = source_columns(tosses)[:, None, :, None, :, None].expand_as(rows)
    return rows.gather(4, index).reshape(images.shape)


def on_grid(pixels: Pixels, degree: int) -> Pixels:
    """A picture (H, W, 3) with its sides resized to the nearest multiples of N, so that no cell is unequal."""
    height, width = (max(degree, round(side / degree) * degree) for side in pixels.shape[:2])
    return resize(pixels, width, height)


def disturb(pixels: Pixels, degree: int, generator: torch.Generator | None = None) -> Pixels:
    """KAG on one picture, uint8 (H, W, 3), with an N x N grid of equal patches.

    It comes before FWD padding, so that padding is never swapped.

    Returns:
        uint8, the sides rounded to multiples of `degree`.
    """
    image = torch.from_numpy(np.array(on_grid(pixels, degree))).permute(2, 0, 1)[None]
    swapped = swap_patches(image, toss_coins(1, degree, generator))
    return np.ascontiguousarray(swapped[0].permute(1, 2, 0).numpy())
