"""The base of networks on one backbone that is cut in two: its last steps may belong to the head."""

from __future__ import annotations

from torch import Tensor, nn

from inference.networks.backbones import BackboneName, build_backbone


class CutBackbone(nn.Module):
    """A backbone, and the place where the head starts.

    Args:
        backbone: Feature extractor.
        steps_in_head: Number of the backbone's last steps that belong to the head. With 0 the heatmap is taken at
            the last feature map, with more at a finer one; the logits are the same either way.

    Raises:
        ValueError: if the backbone does not have so many steps.
    """

    def __init__(self, backbone: BackboneName, steps_in_head: int = 0) -> None:
        super().__init__()
        self.backbone = build_backbone(backbone)
        steps = len(self.backbone.steps)
        if not 0 <= steps_in_head <= steps:
            msg = f"{backbone} has {steps} steps, of which {steps_in_head} cannot be in the head"
            raise ValueError(msg)
        self._cut = steps - steps_in_head

    def features(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to the feature map (B, C, h, w) at which the head starts."""
        return self.backbone(images, self._cut)

    def after_the_cut(self, *classifier: nn.Module) -> nn.Sequential:
        """The head: the backbone's steps after the cut, then what classifies its last feature map."""
        return nn.Sequential(*self.backbone.steps[self._cut :], *classifier)
