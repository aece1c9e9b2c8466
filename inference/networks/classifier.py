"""A plain classifier: backbone, global average pooling, one linear layer.

ECA-Net, CBAM, Swin Transformer, API-Net, MHEM and DCL all examine by one; they differ in the backbone and in training.
"""

from __future__ import annotations

from torch import Tensor, nn

from inference.networks.backbones import BackboneName
from inference.networks.cut_backbone import CutBackbone


class PooledClassifier(CutBackbone):
    """The classes of a photo from the mean of each channel of its last feature map.

    Args:
        backbone: Feature extractor.
        classes: Number of classes: series x {genuine, counterfeit}.
        steps_in_head: Number of the backbone's last steps that belong to the head, see `CutBackbone`.
    """

    def __init__(self, backbone: BackboneName, classes: int, steps_in_head: int = 0) -> None:
        super().__init__(backbone, steps_in_head)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1))
        self.classifier = nn.Linear(self.backbone.channels, classes)

    @property
    def head(self) -> nn.Module:
        """Feature map (B, C, h, w) to logits (B, classes)."""
        return self.after_the_cut(self.pool, self.classifier)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to logits (B, classes)."""
        logits: Tensor = self.head(self.features(images))
        return logits
