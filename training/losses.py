"""The losses of both papers; those that the HMS paper compares with its own are in `training/comparisons`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.networks.hms import Normalised
from inference.networks.kag_mtln import TaskLogits

UNLABELLED = -100
"""Main class of an image that teaches the auxiliary task alone."""
_COSINE_LIMIT = 1 - 1e-6  # arccos has no gradient at its ends


class FusionLoss(nn.Module):
    """alpha * L_main + (1 - alpha) * L_aux. Source: KAG-MTLN paper, section 3.4, eq. 4 and 5.

    Args:
        alpha: Weight of the main task, 0 to 1; 1 is the single-task network of Table 7.
        class_weights: Weight of each main class (classes,); disturbed images make counterfeits the majority.
    """

    class_weights: Tensor

    def __init__(self, alpha: float, class_weights: Tensor) -> None:
        super().__init__()
        self.alpha = alpha
        self.register_buffer("class_weights", class_weights)

    def forward(self, logits: TaskLogits, label: Tensor, disturbed: Tensor) -> Tensor:
        """The fused loss of a batch.

        Args:
            logits: Of both tasks.
            label: Main class of each image, int64 (B,), or `UNLABELLED`.
            disturbed: 1 where the image was disturbed, int64 (B,).
        """
        weight, told = self.class_weights, label != UNLABELLED
        each = functional.cross_entropy(logits.main.float(), label, weight, ignore_index=UNLABELLED, reduction="sum")
        main = each / weight[label[told]].sum().clamp(min=weight.min())
        auxiliary = functional.cross_entropy(logits.auxiliary.float(), disturbed)
        return self.alpha * main + (1 - self.alpha) * auxiliary


class MarginSoftmax(nn.Module, ABC):
    """Softmax cross-entropy over s * (lengths) * cos(theta), with less than its cosine for the target class.

    The losses that the HMS paper compares differ in that lesser value and in what they normalise. None has a bias.

    Args:
        scale: s.
    """

    normalised: Normalised

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    @abstractmethod
    def target(self, cosine: Tensor, lengths: Tensor) -> Tensor:
        """What stands in the target's place for lengths * cosine, both (B, N); s comes on top."""

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


def turned(cosine: Tensor, angle: float) -> Tensor:
    """cos(theta + angle) from cos(theta), theta from 0 to pi; the angle in radians."""
    return cosine * math.cos(angle) - (1 - cosine**2).sqrt() * math.sin(angle)


class HybridMarginSoftmax(MarginSoftmax):
    """HMS: softmax cross-entropy with a margin on the angle and one on the cosine of the target class.

    Target logit s * |W_y| |x| * (cos(theta_y + d1) - d2), others s * |W_j| |x| * cos(theta_j); nothing
    is normalised and there is no bias. The printed formula lost its brackets: `margin_inside` is the
    reading that matches the printed decision boundary, in which |x| cancels; outside, the target
    logit is s * (|W_y| |x| cos(theta_y + d1) - d2). With W and x normalised the two are one, the paper's
    HMS (normalized); without margins and at s = 1 it is plain softmax.

    Source: HMS paper, section 2.1, eq. 3 and 4; margins and s in section 3.2.

    Args:
        scale: s.
        angular: d1 in radians.
        additive: d2.
        margin_inside: Whether d2 stands inside the norms.
        normalised: What has length 1.
    """

    def __init__(
        self,
        scale: float,
        angular: float = 0.003,
        additive: float = 0.006,
        margin_inside: bool = True,
        normalised: Normalised = "nothing",
    ) -> None:
        super().__init__(scale)
        self.angular = angular
        self.additive = additive
        self.margin_inside = margin_inside
        self.normalised = normalised

    def target(self, cosine: Tensor, lengths: Tensor) -> Tensor:
        """Lengths * (cos(theta + d1) - d2), or d2 outside of them."""
        within = turned(cosine, self.angular)
        return lengths * (within - self.additive) if self.margin_inside else lengths * within - self.additive
