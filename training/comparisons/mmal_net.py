"""MMAL-Net: the picture, the object in it and windows of the object are classified by one network.

Paper: Zhang, Li, Zhai, Liu, Multi-branch and Multi-scale Attention Learning for Fine-Grained Visual Categorization, MMM
2021, section 3. One backbone and one linear layer serve three branches: the raw picture; the object that AOLM locates
and magnifies (eq. 1 to 4, `inference/networks/mmal_net.py`); and the windows that APPM proposes in it. APPM slides
windows of three groups of scales over the sum A of the object map's channels; a window's score is the mean of A in it
(eq. 5); of each group the best are kept that overlap by at most .25 (non-maximum suppression): two of the small, three
of the middle, two of the large windows, as for the paper's CUB-200. L = L_raw + L_object + L_windows, each a
cross-entropy (eq. 6 to 9). In use the object branch decides. The authors' code
(ZF4444/MMAL-Net), of which nothing is used, states no licence.

What differs: the paper calls windows part images. Its windows are stated for a map of 14 x 14 cells; on other maps
their sides are in proportion. Windows are scaled to half the picture's side (the paper's 224 of 448). The authors' code
learns the first two epochs from the raw branch alone, of which the paper does not speak. conv5_b is the map before the
backbone's last step: in ResNets the paper's; EfficientNet-Lite0's last step changes nothing, so that one map is asked
twice. The object's feature map is laid back into the picture for the heatmap. Optimiser and rate are the preset's.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import nms

from inference.networks.mmal_net import Box, MmalNet, magnified, object_boxes
from training.comparisons.method import ClassifierLearner, Method

GROUPS = (
    ((4, 4), (3, 5), (5, 3)),
    ((6, 6), (5, 7), (7, 5)),
    ((8, 8), (6, 10), (10, 6), (7, 9), (9, 7), (7, 10), (10, 7)),
)
"""Height and width of each window of a group, in cells of a map of 14 x 14."""
CELLS = 14
COUNTS = (2, 3, 2)
OVERLAP = 0.25


class MmalNetLearner(ClassifierLearner):
    """Network and the losses of its three branches."""

    network: MmalNet

    def loss(self, images: Tensor, label: Tensor) -> Tensor:
        """The sum of the three branches' losses on images (B, 3, H, W) with their classes (B,)."""
        network, size = self.network, images.shape[2:]
        earlier, raw = network.last_two(images)
        objects = magnified(images, object_boxes(earlier, raw), raw.shape[2:])
        object_map = network.backbone(objects)
        boxes = [box for one in proposed_windows(object_map) for box in one]
        each = sum(COUNTS)
        half = (size[0] // 2, size[1] // 2)
        windows = magnified(objects.repeat_interleave(each, 0), boxes, object_map.shape[2:], half)
        return (
            self.cross_entropy(network.classify(raw), label)
            + self.cross_entropy(network.classify(object_map), label)
            + self.cross_entropy(network.classify(network.backbone(windows)), label.repeat_interleave(each))
        )


@torch.no_grad()
def proposed_windows(object_maps: Tensor) -> list[list[Box]]:
    """APPM: the windows of each object's feature map (B, C, h, w), in cells, best first within each group.

    Where fewer windows are left than a group must give, they are given again.
    """
    activations = object_maps.float().sum(1, keepdim=True)
    proposed: list[list[Box]] = [[] for _ in activations]
    for group, count in zip(GROUPS, COUNTS, strict=True):
        boxes, scores = _scored(activations, group)
        for found, one in zip(proposed, scores, strict=True):
            # Boxes as left, top, right, bottom or as top, left, bottom, right overlap alike.
            kept = nms(boxes.float(), one, OVERLAP)[:count].tolist()
            chosen = boxes[[kept[number % len(kept)] for number in range(count)]]
            found += [(top, left, bottom, right) for top, left, bottom, right in chosen.tolist()]
    return proposed


def _scored(activations: Tensor, group: tuple[tuple[int, int], ...]) -> tuple[Tensor, Tensor]:
    """All places of a group's windows on maps (B, 1, h, w): boxes int64 (n, 4), and their mean activations (B, n)."""
    rows, columns = activations.shape[2:]
    boxes, scores = [], []
    for tall, wide in group:
        height, width = max(1, round(tall * rows / CELLS)), max(1, round(wide * columns / CELLS))
        means = functional.avg_pool2d(activations, (height, width), stride=1)
        places = product(range(means.shape[2]), range(means.shape[3]))
        boxes += [(top, left, top + height, left + width) for top, left in places]
        scores.append(means.flatten(1))
    return torch.tensor(boxes, device=activations.device), torch.cat(scores, dim=1)


MMAL_NET = Method(
    "MMAL-Net",
    "Zhang et al., Multi-branch and Multi-scale Attention Learning for Fine-Grained Visual Categorization, MMM 2021",
    MmalNetLearner,
    network="mmal_net",
    cuts=False,
)
