"""Variations: small, of one seed, and of colours as torchvision has them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from inference.preprocessing import Preprocessing
from training.data.framed_photos import framed, sampled
from training.data.kag import source_columns
from training.data.variations import Tints, Variation

Pixels = NDArray[np.uint8]
RANGES = {
    "degrees": (-5, 5),
    "across": (-0.04, 0.04),
    "down": (-0.04, 0.04),
    "scale": (0.92, 1.08),
    "brightness": (0.8, 1.2),
    "contrast": (0.8, 1.2),
    "saturation": (0.8, 1.2),
    "hue": (-0.02, 0.02),
}


def drawn(seed: int) -> Variation:
    return Variation.drawn(torch.Generator().manual_seed(seed))


def test_variations_are_small_and_of_every_kind() -> None:
    values = np.array([drawn(seed) for seed in range(400)])
    assert Variation._fields == tuple(RANGES)
    for column, (low, high) in zip(values.T, RANGES.values(), strict=True):
        width = high - low
        assert low <= column.min() < low + 0.05 * width
        assert high - 0.05 * width < column.max() <= high
        assert column.mean() == pytest.approx((low + high) / 2, abs=0.06 * width)
    assert np.abs(np.corrcoef(values.T) - np.eye(len(RANGES))).max() < 0.2


def test_one_seed_gives_one_variation() -> None:
    assert drawn(1) == drawn(1) != drawn(2)


def test_a_photo_is_varied_and_never_mirrored(discs: Pixels, clockwise: Callable[[Pixels], bool]) -> None:
    assert not any(clockwise(mirrored) for mirrored in (discs[:, ::-1], discs[::-1], discs.transpose(1, 0, 2)))
    frame = torch.from_numpy(framed(discs, Preprocessing(len(discs)))[0])[None]
    whole, unmoved = torch.tensor([[0.0, 0.0, 1.0, 1.0]]), source_columns(torch.zeros(1, 2, 1, dtype=torch.bool))
    seen = set()
    for seed in range(100):
        grey_levels = sampled(frame, whole, unmoved, torch.tensor([drawn(seed).to_frame]))
        varied = Tints.of([drawn(seed)]).applied(grey_levels)[0].permute(1, 2, 0).numpy()
        assert varied.shape == discs.shape
        assert clockwise(varied)
        seen.add(varied.tobytes())
    assert len(seen) == 100


# ---- colours


def soft_colours(batch: int = 1) -> Tensor:
    """Colours that no variation takes out of range, float32 (B, 3, 16, 16)."""
    return 70 + 90 * torch.rand(batch, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def tinted(grey_levels: Tensor, *varied: Variation) -> Tensor:
    return Tints.of(varied).applied(grey_levels)


@pytest.mark.parametrize("factor", [0.8, 0.95, 1.0, 1.2])
@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_colours_vary_as_torchvision_varies_them(name: str, factor: float) -> None:
    colours = soft_colours()
    expected = getattr(transforms, f"adjust_{name}")(colours[0] / 255, factor) * 255
    assert torch.allclose(tinted(colours, Variation(**{name: factor}))[0], expected, atol=0.05)


def hue_of(colours: Tensor) -> Tensor:
    """The angle of each colour (3, H, W) about the axis of greys, in turns."""
    red, green, blue = colours
    return torch.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue) / (2 * math.pi)


def turned_by(before: Tensor, after: Tensor) -> Tensor:
    return (hue_of(after) - hue_of(before) + 0.5) % 1 - 0.5


@pytest.mark.parametrize("hue", [-0.02, -0.005, 0.01, 0.02])
def test_hue_turns_by_the_stated_part_of_a_turn(hue: float) -> None:
    """As by torchvision, which goes along the edges of a hexagon instead of around a circle."""
    colours = soft_colours()[0]
    found = tinted(colours[None], Variation(hue=hue))[0]
    theirs = transforms.adjust_hue(colours / 255, hue) * 255
    assert torch.allclose(turned_by(colours, found), torch.tensor(hue), atol=1e-4)
    assert float(turned_by(colours, theirs).median()) == pytest.approx(hue, rel=0.15)
    assert torch.allclose(found.mean(0), colours.mean(0), atol=1e-3)


def test_brightness_comes_first_then_contrast_saturation_and_hue() -> None:
    colours = soft_colours()
    one_by_one = colours
    for name, value in (("brightness", 0.9), ("contrast", 1.15), ("saturation", 0.85), ("hue", 0.015)):
        one_by_one = tinted(one_by_one, Variation(**{name: value}))
    whole = Variation(brightness=0.9, contrast=1.15, saturation=0.85, hue=0.015)
    assert torch.allclose(tinted(colours, whole), one_by_one, atol=0.01)


def test_greys_stay_grey_and_colours_stay_in_range() -> None:
    greys = torch.linspace(0, 255, 256).expand(1, 3, 1, 256)
    for seed in range(20):
        varied = tinted(greys, drawn(seed))
        assert torch.allclose(varied, varied.mean(1, keepdim=True).expand_as(varied), atol=1e-3)
        assert 0 <= varied.min() <= varied.max() <= 255


def test_each_photo_of_a_batch_takes_its_own_colours() -> None:
    colours = soft_colours(3)
    varied = [drawn(seed) for seed in range(3)]
    together = tinted(colours, *varied)
    for index, one in enumerate(varied):
        assert torch.allclose(together[index], tinted(colours[index : index + 1], one)[0], atol=1e-3)
