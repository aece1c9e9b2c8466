"""Spatial pyramid pooling. Source: KAG-MTLN paper, section 3.2, eq. 1 and 2."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class SpatialPyramid(nn.Module):
    """Averages of a feature map over 1 x 1, 2 x 2 and 4 x 4 windows, flattened and concatenated."""

    levels = (1, 2, 4)
    cells = sum(level * level for level in levels)

    def forward(self, feature_map: Tensor) -> Tensor:
        """Feature map (B, C, h, w) to the vector (B, 21 * C)."""
        pooled = [functional.adaptive_avg_pool2d(feature_map, level).flatten(1) for level in self.levels]
        return torch.cat(pooled, dim=1)
