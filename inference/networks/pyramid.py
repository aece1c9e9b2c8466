"""A feature pyramid: what the deep maps know, at the places that the finer maps tell.

Source: T.-Y. Lin et al.: Feature pyramid networks for object detection, 2017. Here one map comes out, as large as the
finest that goes in, and its last convolution is separable.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


class FeaturePyramid(nn.Module):
    """Maps of several sizes, each of half the one before, to one of the finest size.

    Args:
        inputs: Their channels, the finest first.
        channels: Those of the map that comes out.
    """

    def __init__(self, inputs: Sequence[int], channels: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(
            nn.Sequential(nn.Conv2d(count, channels, 1, bias=False), nn.BatchNorm2d(channels)) for count in inputs
        )
        self.smooth = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps (B, C_i, h_i, w_i), the finest first, to one (B, channels, h_0, w_0)."""
        *finer, coarsest = (lateral(one) for lateral, one in zip(self.lateral, maps, strict=True))
        joined = coarsest
        for one in reversed(finer):
            joined = one + functional.interpolate(joined, size=one.shape[-2:], mode="nearest")
        return self.smooth(joined)
