"""The locator: FCOS on a light feature pyramid over one of the backbones.

It takes the place of YOLOv7 in the KAG-MTLN paper (section 3.1): a part is located before it is examined.
Source: Tian et al.: FCOS, Fully Convolutional One-Stage Object Detection. 2019; torchvision's implementation.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS
from torchvision.models.detection.fcos import FCOSHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelP6P7
from typing_extensions import Self

from inference.networks.backbones import Backbone, BackboneName, build_backbone

Detections = list[dict[str, Tensor]]

_STRIDES = (8, 16, 32)
_OF_CELLS = ("cls_logits", "bbox_regression", "bbox_ctrness")
"""What FCOS says of each cell, by its own names."""
_LEAST_SCORE = 0.02
"""Least score of a box; curves of precision over recall need no lower one."""


class Pyramid(nn.Module):
    """A backbone's last feature maps at strides 8, 16 and 32, and two coarser ones, all with equal channels.

    Batch normalisation keeps its pretrained statistics, because detectors train on a few pictures a step.
    """

    def __init__(self, backbone: BackboneName, channels: int) -> None:
        super().__init__()
        self.backbone = build_backbone(backbone)
        self.out_channels = channels
        self._taps, widths = _last_at_stride(self.backbone.eval().steps)
        self.merge = FeaturePyramidNetwork(widths, channels, LastLevelP6P7(channels, channels))

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode, except for the backbone's batch normalisation."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Images (B, 3, H, W) to feature maps (B, channels, H / s, W / s) for s = 8, 16, 32, 64, 128."""
        tapped, feature_map = {}, images
        for number, step in enumerate(self.backbone.steps):
            feature_map = step(feature_map)
            if number in self._taps:
                tapped[str(number)] = feature_map
        merged: dict[str, Tensor] = self.merge(tapped)
        return merged


class Locator(nn.Module):
    """The detector of parts in a picture: their boxes and kinds.

    Args:
        backbone: Feature extractor.
        classes: Number of kinds.
        channels: Width of the pyramid and of the head, a multiple of 32, at least 64.
        convolutions: Depth of each of the head's two branches.
        overlap: Intersection over union above which the lower-scored of two boxes of one kind is dropped, 0 to 1.
    """

    def __init__(
        self,
        backbone: BackboneName,
        classes: int,
        channels: int = 64,
        convolutions: int = 2,
        overlap: float = 0.5,
    ) -> None:
        super().__init__()
        self.fcos = FCOS(
            Pyramid(backbone, channels),
            classes,
            head=FCOSHead(channels, 1, classes, convolutions),
            score_thresh=_LEAST_SCORE,
            nms_thresh=overlap,
            detections_per_img=50,
            topk_candidates=300,
        )
        # Pictures arrive scaled and normalised.
        self.fcos.transform = _Batched(1, 1, [0.0] * 3, [1.0] * 3)

    @property
    def backbone(self) -> Backbone:
        """The feature extractor, without the pyramid."""
        pyramid: Any = self.fcos.backbone
        backbone: Backbone = pyramid.backbone
        return backbone

    def forward(self, images: list[Tensor]) -> Detections:
        """Pictures (3, h, w), normalised, of any size, to the boxes in each, best first.

        Returns:
            For each picture `boxes` (n, 4), left, top, right, bottom in its pixels; `labels` (n,), from 0; `scores`
            (n,), 0 to 1.
        """
        batch = self.batch(images)
        return self.boxes(batch, self.features(batch.tensors))

    def batch(self, images: list[Tensor]) -> ImageList:
        """Pictures (3, h, w) as one batch, with zeros below and beside them up to multiples of 32."""
        batch: ImageList = self.fcos.transform(images)[0]
        return batch

    def features(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images (B, 3, H, W), sides multiples of 32, to all that their boxes are made of.

        Returns:
            The pyramid's five maps (B, C, h, w), the finest first; and of all n cells of these, in this order, the
            logits of their kinds (B, n, K), distances to the sides of a box (B, n, 4), and centredness (B, n, 1).
        """
        maps = [*self.fcos.backbone(images).values()]
        said = self.fcos.head(maps)
        return (*maps, *(said[name] for name in _OF_CELLS))

    def boxes(self, batch: ImageList, features: tuple[Tensor, ...]) -> Detections:
        """The boxes in each picture of a batch, from its `features`; see `forward`."""
        maps = list(features[: -len(_OF_CELLS)])
        cells = [one.shape[2] * one.shape[3] for one in maps]
        of_cells = dict(zip(_OF_CELLS, features[-len(_OF_CELLS) :], strict=True))
        detections: Detections = self.fcos.postprocess_detections(
            {name: [*values.split(cells, dim=1)] for name, values in of_cells.items()},
            [[*anchors.split(cells)] for anchors in self.fcos.anchor_generator(batch, maps)],
            batch.image_sizes,
        )
        return detections

    def loss(self, images: list[Tensor], targets: Detections) -> Tensor:
        """Sum of focal, GIoU and centredness loss on pictures with known `boxes` and `labels`; needs training mode."""
        losses: dict[str, Tensor] = self.fcos(images, targets)
        return torch.stack(list(losses.values())).sum()


class _Batched(GeneralizedRCNNTransform):
    """Puts pictures into one batch, padded with zeros (mid-grey) to multiples of 32, and does no more."""

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        return image, target


def _last_at_stride(steps: tuple[nn.Module, ...]) -> tuple[tuple[int, ...], list[int]]:
    """The last step at each of the strides, and its number of channels."""
    side = 2 * _STRIDES[-1]
    last: dict[int, tuple[int, int]] = {}
    with torch.no_grad():
        feature_map = torch.zeros(1, 3, side, side)
        for number, step in enumerate(steps):
            feature_map = step(feature_map)
            last[side // feature_map.shape[-1]] = number, feature_map.shape[1]
    taps, widths = zip(*(last[stride] for stride in _STRIDES), strict=True)
    return taps, list(widths)
