"""Small variations of photos in training: of light, sharpness and place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import v2

Pixels = NDArray[np.uint8]

_LUMA = (0.299, 0.587, 0.114)


class Variation(NamedTuple):
    """How a photo alone is varied; never mirrored. By default it is not."""

    degrees: float = 0.0
    """Turned clockwise about the middle."""
    across: float = 0.0
    """Moved to the right, in sides of the square."""
    down: float = 0.0
    """Moved down, in sides of the square."""
    scale: float = 1.0
    """Enlarged about the middle."""
    brightness: float = 1.0
    """Factor of all values."""
    contrast: float = 1.0
    """Factor of the distance from the photo's mean grey."""
    saturation: float = 1.0
    """Factor of each pixel's distance from its own grey."""
    hue: float = 0.0
    """Turned about the axis of greys, in whole turns, red towards green."""

    @classmethod
    def drawn(cls, generator: torch.Generator) -> Variation:
        """A small variation."""
        shares = torch.rand(len(_LEAST), generator=generator).tolist()
        return cls(*(low + share * (high - low) for low, high, share in zip(_LEAST, _MOST, shares, strict=True)))

    @property
    def to_frame(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Affine map from a point of the varied photo to where it came from, both from -1 to 1 across the square."""
        cos = math.cos(math.radians(self.degrees)) / self.scale
        sin = math.sin(math.radians(self.degrees)) / self.scale
        across, down = 2 * self.across, 2 * self.down
        return (cos, sin, -cos * across - sin * down), (-sin, cos, sin * across - cos * down)


_LEAST = (-5.0, -0.04, -0.04, 0.92, 0.8, 0.8, 0.8, -0.02)
_MOST = (5.0, 0.04, 0.04, 1.08, 1.2, 1.2, 1.2, 0.02)


@dataclass(frozen=True)
class Tints:
    """What variations do to the colours of a batch: mixing x + of_mean m, where m is the photo's mean grey.

    Attributes:
        mixing: float32 (B, 3, 3).
        of_mean: float32 (B,).
    """

    mixing: Tensor
    of_mean: Tensor

    @classmethod
    def of(cls, variations: Sequence[Variation]) -> Tints:
        """Brightness, contrast, saturation and hue, in this order, as one map of a photo's colours."""
        values = torch.tensor([one[4:] for one in variations])
        brightness, contrast, saturation, hue = values[:, :, None, None].unbind(1)
        greyed = torch.tensor(_LUMA).expand(3, 3)
        mixing = _turned_about_greys(hue) @ (saturation * torch.eye(3) + (1 - saturation) * greyed)
        return cls(brightness * contrast * mixing, ((1 - contrast) * brightness)[:, 0, 0])

    def applied(self, grey_levels: Tensor) -> Tensor:
        """The batch (B, 3, H, W) in its new colours, still 0 to 255."""
        luma = sum(share * channel for share, channel in zip(_LUMA, grey_levels.mean((2, 3)).unbind(1), strict=True))
        mixed = torch.einsum("bij,bjhw->bihw", self.mixing, grey_levels)
        return (mixed + (self.of_mean * luma)[:, None, None, None]).clamp(0, 255)


def _turned_about_greys(hue: Tensor) -> Tensor:
    """Rotations (B, 3, 3) of colours about the axis of greys, for hues (B, 1, 1) in whole turns (Rodrigues)."""
    cos, sin = (2 * math.pi * hue).cos(), (2 * math.pi * hue).sin()
    across_axis = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    return cos * torch.eye(3) + (1 - cos) / 3 + sin * across_axis


def vary_registered(registered: Pixels, generator: torch.Generator) -> Pixels:
    """Vary light, sharpness and fit a little, within the errors of registration; uint8 (h, w, 3)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        image = torch.from_numpy(registered.transpose(2, 0, 1).copy())
        return _REGISTERED_VARIATIONS(image).numpy().transpose(1, 2, 0)


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
