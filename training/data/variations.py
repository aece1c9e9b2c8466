"""Small variations of photos in training: of light, sharpness and place."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms import v2

Pixels = NDArray[np.uint8]


def vary(framed: Pixels, generator: torch.Generator) -> Pixels:
    """Vary position, angle, perspective, light and colour a little; uint8 (S, S, 3), never mirrored."""
    return _varied(framed, _VARIATIONS, generator)


def vary_registered(registered: Pixels, generator: torch.Generator) -> Pixels:
    """Vary light, sharpness and fit a little, within the errors of registration; uint8 (h, w, 3)."""
    return _varied(registered, _REGISTERED_VARIATIONS, generator)


def _varied(pixels: Pixels, variations: v2.Transform, generator: torch.Generator) -> Pixels:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        image = torch.from_numpy(pixels.transpose(2, 0, 1).copy())
        return variations(image).numpy().transpose(1, 2, 0)


_VARIATIONS = v2.Compose(
    [
        v2.RandomAffine(
            degrees=5,
            translate=(0.04, 0.04),
            scale=(0.92, 1.08),
            interpolation=v2.InterpolationMode.BILINEAR,
            fill=128,
        ),
        v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.02),
    ]
)
_REGISTERED_VARIATIONS = v2.Compose(
    [
        v2.RandomAffine(
            degrees=0.4,
            translate=(0.004, 0.004),
            scale=(0.994, 1.006),
            interpolation=v2.InterpolationMode.BILINEAR,
            fill=128,
        ),
        v2.RandomApply([v2.GaussianBlur(3, (0.3, 0.9))], p=0.3),
        v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2),
    ]
)
