"""SphereFace: the angle times m. Source: Liu et al., SphereFace: Deep Hypersphere Embedding, CVPR 2017, eq. 7."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from inference.networks.hms import Normalised
from training.fitting.margin_softmax import MarginSoftmax

_FIRST, _DECAY, _LEAST = 1000.0, 0.12, 5.0


class SphereFace(MarginSoftmax):
    """Target logit s * |x| * psi(theta_y), others s * |x| * cos(theta_j); W is normalised, x is not.

    psi(theta) = (-1)^k cos(m theta) - 2k on [k pi / m, (k + 1) pi / m] falls all the way from 0 to pi. The authors
    start near plain softmax: their target is (lambda cos + psi) / (1 + lambda), and lambda falls from 1000 to 5.

    Args:
        scale: s; 1 is usual, the HMS paper sets 90.
        multiple: m.
        annealed: Whether lambda is there at all; the HMS paper does not speak of it.
    """

    normalised: Normalised = "weight"
    steps: Tensor

    def __init__(self, scale: float, multiple: int = 4, annealed: bool = False) -> None:
        super().__init__(scale)
        self.multiple = multiple
        self.annealed = annealed
        self.register_buffer("steps", torch.tensor(0))

    def target(self, cosine: Tensor, lengths: Tensor) -> Tensor:
        """Lengths * psi(theta), or what is between it and the cosine while annealing."""
        theta = cosine.arccos()
        k = (self.multiple * theta / math.pi).floor().detach()
        psi = (1 - 2 * (k % 2)) * (self.multiple * theta).cos() - 2 * k
        if self.annealed:
            rest = max(_LEAST, _FIRST / (1 + _DECAY * int(self.steps)))
            psi = (rest * cosine + psi) / (1 + rest)
        return lengths * psi

    def forward(self, features: Tensor, weight: Tensor, label: Tensor) -> Tensor:
        """Mean cross-entropy of the margin logits; a step of training moves lambda on."""
        loss = super().forward(features, weight, label)
        if self.training:
            self.steps += 1
        return loss
