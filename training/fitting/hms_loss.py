"""The hybrid margin softmax loss (HMS). Source: HMS paper, section 2.1."""

from __future__ import annotations

from torch import Tensor

from inference.networks.hms import Normalised
from training.fitting.margin_softmax import MarginSoftmax, turned


class HybridMarginSoftmax(MarginSoftmax):
    """HMS: softmax cross-entropy with a margin on the angle and one on the cosine of the target class.

    Target logit s * |W_y| |x| * (cos(theta_y + d1) - d2), others s * |W_j| |x| * cos(theta_j); nothing
    is normalised and there is no bias. The printed formula lacks its brackets: `margin_inside` is the
    reading that matches the printed decision boundary, in which |x| cancels; without it, the target
    logit is s * (|W_y| |x| cos(theta_y + d1) - d2). With W and x normalised both readings are equal, the
    paper's HMS (normalized); without margins and at s = 1 it is plain softmax.

    Source: HMS paper, section 2.1, eq. 3 and 4; margins and s in section 3.2.

    Args:
        scale: s.
        angular: d1 in radians.
        additive: d2.
        margin_inside: Whether d2 stands inside the norms.
        normalised: Vectors of length 1: none, W, or W and x.
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
