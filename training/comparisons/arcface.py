"""ArcFace: a margin on the angle. Source: Deng et al., ArcFace: Additive Angular Margin Loss, CVPR 2019, eq. 3."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from inference.networks.hms import Normalised
from training.fitting.margin_softmax import MarginSoftmax, turned


class ArcFace(MarginSoftmax):
    """Target logit s * cos(theta_y + m), others s * cos(theta_j).

    Past pi - m, where cos(theta + m) would rise again, the target is cos(theta) - m sin(m), as in the authors' code.

    Args:
        scale: s; 64 is usual.
        margin: m in radians; .5 is usual, the HMS paper sets .003.
    """

    normalised: Normalised = "both"

    def __init__(self, scale: float, margin: float) -> None:
        super().__init__(scale)
        self.margin = margin

    def target(self, cosine: Tensor, lengths: Tensor) -> Tensor:
        """The cosine of the angle and the margin; all lengths are 1."""
        falling = cosine >= math.cos(math.pi - self.margin)
        past = cosine - self.margin * math.sin(self.margin)
        return lengths * torch.where(falling, turned(cosine, self.margin), past)
