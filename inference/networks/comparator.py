"""The comparator: a registered photo beside the genuine reference to a map of what differs as genuine items do not.

It knows no house: what is genuine comes with every photo, as the reference that it is stacked with. It looks densely,
and the score is read off the most altered places, so that a small alteration is not averaged away.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inference.networks.backbones import BackboneName, build_backbone
from inference.networks.pyramid import FeaturePyramid

MOST_ALTERED_SHARE = 0.01
"""Share of the covered cells, the most altered ones, that the score is the mean of."""
_SIZES = 4


class Comparator(nn.Module):
    """Photo and reference, stacked, to log odds that each place is altered.

    Args:
        backbone: Feature extractor.
        channels: Width of the feature pyramid.
    """

    def __init__(self, backbone: BackboneName, channels: int = 96) -> None:
        super().__init__()
        self.backbone = build_backbone(backbone)
        self.pyramid = FeaturePyramid(self.backbone.level_channels(_SIZES), channels)
        self.altered = nn.Conv2d(channels, 1, 1)

    def features(self, images: Tensor) -> Tensor:
        """Stacks (B, 3, H, W), sides multiples of 32, to feature maps (B, C, H / 4, W / 4)."""
        return self.pyramid(self.backbone.levels(images, _SIZES))

    def head(self, feature_maps: Tensor) -> Tensor:
        """Feature maps (B, C, h, w) to log odds that a cell is altered (B, h, w), in nats."""
        return self.altered(feature_maps).squeeze(1)

    def forward(self, images: Tensor) -> Tensor:
        """Stacks (B, 3, H, W) to maps of log odds (B, H / 4, W / 4), in nats."""
        return self.head(self.features(images))


def most_altered(maps: Tensor, covered: Tensor) -> Tensor:
    """The mean of the most altered hundredth of the covered cells of each map; at least one cell.

    Args:
        maps: (B, h, w).
        covered: Cells that the photo covers, bool (B, h, w); at least one in each map.

    Returns:
        (B,), in the maps' unit.
    """
    means = []
    for one, inside in zip(maps, covered, strict=True):
        values = one[inside]
        means.append(values.topk(max(1, round(MOST_ALTERED_SHARE * len(values)))).values.mean())
    return torch.stack(means)
