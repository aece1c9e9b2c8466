"""DCL: photos are destroyed region by region, and the regions' places are to be found; in use a plain classifier.

Paper: Chen, Bai, Zhang, Mei, Destruction and Construction Learning for Fine-Grained Image Recognition, CVPR 2019. The
KAG-MTLN paper names it beside KAG (reference 35).
- Region confusion (section 3.1.1): a picture is cut into N x N regions, N = 7. In row j, region i gets q = i + r with r
  uniform on (-k, k), k = 2; the order of the q is the permutation sigma_row, so that |sigma_row(i) - i| < 2k (eq. 1);
  columns likewise (eq. 2); both together move region (i, j) to sigma(i, j) (eq. 3).
- L_cls: the class of a picture I and of its destroyed phi(I) (eq. 4).
- L_adv (section 3.1.2): D, one linear layer on the pooled features, tells which of the two was destroyed.
- L_loc (section 3.2): M, a 1 x 1 convolution to two channels, ReLU, and pooling to N x N, gives the coordinates (i, j)
  that each region had in I; the L1 distance, for I and for phi(I).
- L = alpha L_cls + beta L_adv + gamma L_loc (section 3.3), alpha = beta = 1, and gamma = .01 as for the paper's rigid
  objects (cars, aircraft; 1 for birds), since parts of goods are rigid.
The authors' code (JDAI-CV/DCL), of which nothing is used, is Apache-2.0.

What differs: eq. 3 may send two regions to one place; here rows are permuted, then columns, so that each has its own.
Coordinates run from 0 to 1, and L_loc is a mean over regions and coordinates. A side that is no multiple of N is
resized to the nearest, cut, and resized back. Classes are weighed as the set needs it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.networks.classifier import PooledClassifier
from training.comparisons.method import ClassifierLearner, Method

REGIONS, RANGE = 7, 2
ALPHA, BETA, GAMMA = 1.0, 1.0, 0.01


class DclLearner(ClassifierLearner):
    """Network, the heads for destruction and location, and the three losses."""

    def __init__(self, network: PooledClassifier, class_weights: Tensor) -> None:
        super().__init__(network, class_weights)
        channels = network.backbone.channels
        self.destroyed = nn.Linear(channels, 2)
        self.location = nn.Sequential(nn.Conv2d(channels, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(REGIONS))

    def loss(self, images: Tensor, label: Tensor) -> Tensor:
        """The loss of images (B, 3, H, W) with their classes (B,), each beside its destroyed self."""
        noise = (2 * torch.rand(2, len(images), REGIONS, REGIONS, device=images.device) - 1) * RANGE
        sources = confusion(noise)
        maps = self.network.backbone(torch.cat([images, confuse(images, sources)]))
        intact = torch.arange(REGIONS**2, device=images.device).view(1, REGIONS, REGIONS).expand_as(sources)
        return self.of_maps(maps, label, torch.cat([intact, sources]))

    def of_maps(self, maps: Tensor, label: Tensor, sources: Tensor) -> Tensor:
        """The loss of feature maps (2B, C, h, w), those of destroyed pictures last, with their regions' `sources`."""
        vectors = self.network.pool(maps)
        l_cls = 2 * self.cross_entropy(self.network.classifier(vectors), label.repeat(2))
        d = torch.arange(2, device=label.device).repeat_interleave(len(label))
        l_adv = 2 * functional.cross_entropy(self.destroyed(vectors).float(), d)
        l_loc = 2 * (self.location(maps).float() - coordinates(sources)).abs().mean()
        return ALPHA * l_cls + BETA * l_adv + GAMMA * l_loc


def confusion(noise: Tensor) -> Tensor:
    """Region confusion: for each place of a grid, the number of the region that comes there.

    Args:
        noise: r (2, B, N, N), in regions: along each row, and along each column.

    Returns:
        int64 (B, N, N); region (i, j), row i and column j, has the number i N + j.
    """
    along_rows, along_columns = noise
    batch, count, _ = along_rows.shape
    at = torch.arange(count, device=noise.device)
    places = (at[:, None] * count + at).expand(batch, count, count)
    by_rows = places.gather(2, (at + along_rows).argsort(2))
    return by_rows.gather(1, (at[:, None] + along_columns).argsort(1))


def confuse(images: Tensor, sources: Tensor) -> Tensor:
    """phi(I): images (B, C, H, W) with the regions at each place that `sources` (B, N, N) names."""
    batch, channels, *size = images.shape
    count = sources.shape[1]
    whole = [max(1, round(side / count)) * count for side in size]
    if whole != size:
        images = functional.interpolate(images, size=tuple(whole), mode="bilinear")
    height, width = whole[0] // count, whole[1] // count
    regions = images.reshape(batch, channels, count, height, count, width).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    moved = regions[torch.arange(batch, device=images.device)[:, None], sources.flatten(1)]
    joined = moved.unflatten(1, (count, count)).permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, *whole)
    return joined if whole == size else functional.interpolate(joined, size=tuple(size), mode="bilinear")


def coordinates(sources: Tensor) -> Tensor:
    """Row and column, 0 to 1, of the regions that stand at each place: (B, N, N) to (B, 2, N, N)."""
    count = sources.shape[1]
    return torch.stack([sources // count, sources % count], dim=1) / (count - 1)


DCL = Method(
    "DCL",
    "Chen et al., Destruction and Construction Learning for Fine-Grained Image Recognition, CVPR 2019",
    DclLearner,
)
