"""CosFace: a margin on the cosine. Source: Wang et al., CosFace: Large Margin Cosine Loss, CVPR 2018, eq. 4."""

from __future__ import annotations

from torch import Tensor

from inference.networks.hms import Normalised
from training.fitting.margin_softmax import MarginSoftmax


class CosFace(MarginSoftmax):
    """Target logit s * (cos(theta_y) - m), others s * cos(theta_j).

    Args:
        scale: s; 64 is usual.
        margin: m; .35 is usual, the HMS paper sets .006.
    """

    normalised: Normalised = "both"

    def __init__(self, scale: float, margin: float) -> None:
        super().__init__(scale)
        self.margin = margin

    def target(self, cosine: Tensor, lengths: Tensor) -> Tensor:
        """The cosine less the margin; all lengths are 1."""
        return lengths * (cosine - self.margin)
