"""The two halves of every network that examines, with the feature map between them."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn


class TwoHalves(Protocol):
    """A network in two halves; its logits are `head(features(images))`.

    The first half runs without a graph and the second under autograd, so that heatmaps are taken at the feature map
    between them.
    """

    def features(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to the last feature map (B, C, h, w)."""

    @property
    def head(self) -> nn.Module:
        """The module from the feature map (B, C, h, w) to logits."""
