"""The base of softmax losses with margins: HMS, and the losses that its paper compares it with."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from inference.networks.hms import LinearHead, PairHead
from training.fitting.pair_loss import PairLoss, StepPairs

_COSINE_LIMIT = 1 - 1e-6  # arccos has no gradient at its ends


class MarginSoftmax(PairLoss):
    """Softmax cross-entropy over s * lengths * cos(theta), with a smaller value for the target class.

    The losses that the HMS paper compares differ in that value and in what they normalise. None has a bias.

    Args:
        scale: s.
    """

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    @abstractmethod
    def target(self, cosine: Tensor, lengths: Tensor) -> Tensor:
        """The target's value in place of lengths * cosine, both (B, N), before the factor s."""

    def logits(self, features: Tensor, weight: Tensor, label: Tensor) -> Tensor:
        """Logits with the target's margins.

        Args:
            features: x (B, D).
            weight: W (N, D).
            label: y, int64 (B,).

        Returns:
            (B, N).
        """
        features, weight = features.float(), weight.float()
        cosine = functional.normalize(features) @ functional.normalize(weight).T
        lengths = torch.ones_like(cosine)
        if self.normalised != "both":
            lengths = lengths * features.norm(dim=1, keepdim=True)
        if self.normalised == "nothing":
            lengths = lengths * weight.norm(dim=1)
        target = self.target(cosine.clamp(-_COSINE_LIMIT, _COSINE_LIMIT), lengths)
        chosen = functional.one_hot(label, weight.shape[0]).bool()
        return self.scale * torch.where(chosen, target, lengths * cosine)

    def forward(self, features: Tensor, weight: Tensor, label: Tensor) -> Tensor:
        """Mean cross-entropy of the margin logits; shapes as in `logits`."""
        return functional.cross_entropy(self.logits(features, weight, label), label)

    def over(self, pairs: StepPairs, head: PairHead) -> Tensor:
        """The same of the pairs of a step, by the weight of a linear head."""
        return self(pairs.features, cast("LinearHead", head).classifier.weight, pairs.similar)


def turned(cosine: Tensor, angle: float) -> Tensor:
    """cos(theta + angle) from cos(theta), theta from 0 to pi; the angle in radians."""
    return cosine * math.cos(angle) - (1 - cosine**2).sqrt() * math.sin(angle)
