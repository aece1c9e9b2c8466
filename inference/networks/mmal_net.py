"""MMAL-Net in use: the object is located in the picture, cropped and magnified, and classified by its crop.

Source: Zhang, Li, Zhai, Liu, Multi-branch and Multi-scale Attention Learning for Fine-Grained Visual Categorization,
MMM 2021: the attention object location module (AOLM, section 3.2) and the object branch (section 3.1), whose class is
the network's. The raw and the window branch, which only training needs, stand in `training/comparisons/mmal_net.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from inference.networks.backbones import BackboneName
from inference.networks.classifier import PooledClassifier

Box = tuple[int, int, int, int]
"""Top, left, bottom, right; the last two are the first row and column outside."""


class MmalNet(PooledClassifier):
    """One backbone and one linear layer for all branches; `features` is of the object branch.

    A heatmap must lie on the picture that was handed in, but the object branch sees a crop of it. So the crop's feature
    map is laid back at its place, over zeros, and scaled such that its mean over the whole picture is its mean over the
    object: global average pooling then gives the object branch's own logits.

    Args:
        backbone: Feature extractor.
        classes: Number of classes: series x {genuine, counterfeit}.
    """

    def __init__(self, backbone: BackboneName, classes: int) -> None:
        super().__init__(backbone, classes)

    def features(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to the object branch's feature map (B, C, h, w), laid back into the picture."""
        earlier, last = self.last_two(images)
        boxes = object_boxes(earlier, last)
        return laid_back(self.backbone(magnified(images, boxes, last.shape[2:])), boxes)

    def last_two(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The feature maps after the last two of the backbone's steps: of ResNets conv5_b and conv5_c."""
        earlier = self.backbone(images, len(self.backbone.steps) - 1)
        return earlier, self.backbone.steps[-1](earlier)

    def classify(self, feature_map: Tensor) -> Tensor:
        """Feature map (B, C, h, w) of any branch to logits (B, classes)."""
        logits: Tensor = self.classifier(self.pool(feature_map))
        return logits


@torch.no_grad()
def object_boxes(earlier: Tensor, last: Tensor) -> list[Box]:
    """AOLM: where the object is, in cells of the feature maps (section 3.2, eq. 1 to 4).

    A is the sum of a map's channels (eq. 1), a its mean (eq. 2), and M the cells where A > a (eq. 3). The object is the
    largest connected component of the last map's M, where the earlier map's M agrees (eq. 4); its box is taken. Where
    they agree nowhere, the whole picture is the object.

    Args:
        earlier: Feature maps (B, C', h, w): conv5_b.
        last: Feature maps (B, C, h, w): conv5_c.
    """
    return [
        _box(_largest_component(one) & agreeing)
        for agreeing, one in zip(_above_mean(earlier), _above_mean(last), strict=True)
    ]


def _above_mean(feature_maps: Tensor) -> NDArray[np.bool_]:
    activation = feature_maps.float().sum(1)
    above: NDArray[np.bool_] = (activation > activation.mean((1, 2), keepdim=True)).cpu().numpy()
    return above


def _largest_component(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest set of cells (h, w) that touch by a side or a corner."""
    labelled, _ = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(labelled.ravel())
    sizes[0] = 0
    return np.asarray(mask & (labelled == sizes.argmax()))


def _box(mask: NDArray[np.bool_]) -> Box:
    if not mask.any():
        return 0, 0, *mask.shape
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def magnified(images: Tensor, boxes: Sequence[Box], cells: Sequence[int], size: Sequence[int] | None = None) -> Tensor:
    """The crop of each image in its box, bilinear.

    Args:
        images: (B, 3, H, W).
        boxes: One for each, in cells.
        cells: Rows and columns of cells that an image has.
        size: Height and width of the crops; by default those of the images.
    """
    height, width = images.shape[2:]
    rows, columns = cells
    crops = []
    for image, (top, left, bottom, right) in zip(images, boxes, strict=True):
        down = slice(top * height // rows, -(-bottom * height // rows))
        across = slice(left * width // columns, -(-right * width // columns))
        crop = image[None, :, down, across]
        crops.append(functional.interpolate(crop, size=tuple(size or (height, width)), mode="bilinear"))
    return torch.cat(crops)


def laid_back(crops: Tensor, boxes: Sequence[Box]) -> Tensor:
    """Feature maps (B, C, h, w) of the crops in boxes, each at its place in a map of the whole picture, zero elsewhere.

    Each cell in a box is the mean over the area of the crop that it covers, times h w over the cells of the box; so the
    mean over the whole map is the mean over the crop.
    """
    height, width = crops.shape[2:]
    whole = torch.zeros_like(crops)
    for place, crop, (top, left, bottom, right) in zip(whole, crops, boxes, strict=True):
        down, across = _shares(height, bottom - top).to(crop), _shares(width, right - left).to(crop)
        scale = height * width / ((bottom - top) * (right - left))
        place[:, top:bottom, left:right] = scale * (down @ crop @ across.T)
    return whole


def _shares(cells: int, fewer: int) -> Tensor:
    """Weights (fewer, cells) of the means over `fewer` equal sections of a row of cells."""
    edges = torch.arange(fewer + 1, dtype=torch.float64) * cells / fewer
    at = torch.arange(cells, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], at + 1) - torch.maximum(edges[:-1, None], at)
    return overlap.clamp(min=0) * fewer / cells
