"""KAG-MTLN: one backbone, one spatial pyramid, a main and an auxiliary classifier.

Source: KAG-MTLN paper, section 3, Fig. 1, 4 and 5.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from inference.networks.backbones import BackboneName
from inference.networks.cut_backbone import CutBackbone
from inference.networks.spatial_pyramid import SpatialPyramid


class TaskLogits(NamedTuple):
    """Logits of the main task (B, classes) and of the auxiliary task (B, 2: intact, disturbed)."""

    main: Tensor
    auxiliary: Tensor


class Classifier(nn.Sequential):
    """Spatial pyramid, then two linear layers with ReLU between (Fig. 5); the loss applies softmax."""

    def __init__(self, channels: int, hidden: int, classes: int) -> None:
        super().__init__(
            SpatialPyramid(),
            nn.Linear(channels * SpatialPyramid.cells, hidden),
            nn.ReLU(),
            nn.Linear(hidden, classes),
        )


class KagMtln(CutBackbone):
    """Main task: series x {genuine, counterfeit}. Auxiliary task: whether the image was disturbed.

    Args:
        backbone: Feature extractor.
        classes: Number of classes of the main task: series x {genuine, counterfeit}.
        hidden: Width of the classifiers' middle layer.
        auxiliary: Whether it has the auxiliary branch, which is dropped on export.
        steps_in_head: Number of the backbone's last steps that belong to the head, see `CutBackbone`.
    """

    def __init__(
        self,
        backbone: BackboneName,
        classes: int,
        hidden: int = 512,
        auxiliary: bool = True,
        steps_in_head: int = 0,
    ) -> None:
        super().__init__(backbone, steps_in_head)
        self.main = Classifier(self.backbone.channels, hidden, classes)
        self.auxiliary = Classifier(self.backbone.channels, hidden, 2) if auxiliary else None

    @property
    def head(self) -> nn.Module:
        """Feature map (B, C, h, w) to the main task's logits (B, classes)."""
        return self.after_the_cut(self.main)

    def forward(self, images: Tensor) -> TaskLogits:
        """Both tasks, for training.

        Raises:
            RuntimeError: if the auxiliary branch was dropped.
        """
        if self.auxiliary is None:
            msg = "an exported KAG-MTLN has no auxiliary branch; use features and head"
            raise RuntimeError(msg)
        feature_map = self.backbone(images)
        return TaskLogits(self.main(feature_map), self.auxiliary(feature_map))
