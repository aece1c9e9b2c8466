"""The Siamese network of the HMS paper, with a pair head that compares the two marks.

Source: HMS paper, section 3.2 and Fig. 4.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.networks.backbones import BackboneName, build_backbone
from inference.networks.pyramid import FeaturePyramid

LinearFeature = Literal["interacting", "concat"]
PairFeature = Literal[LinearFeature, "distance"]
Normalised = Literal["nothing", "weight", "both"]


class PairHead(nn.Module, ABC):
    """Two feature maps to the logits (dissimilar, similar), by one feature of the pair of their embeddings."""

    normalised: Normalised = "nothing"

    def embed(self, feature_maps: Tensor) -> Tensor:
        """Feature maps (B, C, h, w) to embeddings x (B, C), by global average pooling."""
        return functional.adaptive_avg_pool2d(feature_maps, 1).flatten(1)

    @abstractmethod
    def pair(self, first: Tensor, second: Tensor) -> Tensor:
        """Embeddings (B, C) of both marks to the feature of the pair (B, D)."""

    @abstractmethod
    def logits(self, pair_features: Tensor) -> Tensor:
        """Pair features (B, D) to logits (B, 2), as they are used after training."""

    def forward(self, feature_maps: Tensor) -> Tensor:
        """Maps of all first marks, then of all second marks, (2 * B, C, h, w), to logits (B, 2)."""
        first, second = self.embed(feature_maps).chunk(2)
        return self.logits(self.pair(first, second))


class LinearHead(PairHead):
    """A linear layer on the feature of a pair: s * W x, no bias (HMS paper, section 2.1).

    Args:
        channels: Channels of the feature maps.
        pair_feature: `interacting` is [|x1 - x2|, x1 * x2], symmetric. `concat` is the paper's
            [x1, x2]: a linear layer on it is a(x1) + b(x2), which cannot compare; it is kept only for
            the paper's table.
        scale: The paper's s.
        normalised: Vectors of length 1 in the logits, as in the loss of the training: none, W, or W and x.
    """

    def __init__(
        self, channels: int, pair_feature: LinearFeature, scale: float, normalised: Normalised = "nothing"
    ) -> None:
        super().__init__()
        self.pair_feature: LinearFeature = pair_feature
        self.scale = scale
        self.normalised = normalised
        self.classifier = nn.Linear(2 * channels, 2, bias=False)

    def pair(self, first: Tensor, second: Tensor) -> Tensor:
        """Embeddings (B, C) of both marks to the feature of the pair (B, 2 * C)."""
        if self.pair_feature == "concat":
            return torch.cat([first, second], dim=1)
        return torch.cat([(first - second).abs(), first * second], dim=1)

    def logits(self, pair_features: Tensor) -> Tensor:
        """Pair features (B, 2 * C) to logits (B, 2) without margins, as they are used after training."""
        weight = self.classifier.weight
        if self.normalised != "nothing":
            weight = functional.normalize(weight)
        if self.normalised == "both":
            pair_features = functional.normalize(pair_features)
        return self.scale * functional.linear(pair_features, weight)


class DistanceHead(PairHead):
    """A threshold on the distance of two embeddings: log odds of similar = slope * (threshold - |x1 - x2|).

    For networks that learn distances (HMS paper, section 3.4). Validation pairs choose threshold and slope; both lie in
    the weights, the slope as its logarithm, so that a greater distance is never more similar.
    """

    def __init__(self) -> None:
        super().__init__()
        # Until validation pairs choose it: half of the margin of 1 that embeddings are trained to.
        self.threshold = nn.Parameter(torch.tensor(0.5), requires_grad=False)
        self.log_slope = nn.Parameter(torch.tensor(0.0), requires_grad=False)

    def pair(self, first: Tensor, second: Tensor) -> Tensor:
        """Embeddings (B, C) of both marks to their Euclidean distance (B, 1)."""
        return torch.linalg.vector_norm(first - second, dim=1, keepdim=True)

    def logits(self, pair_features: Tensor) -> Tensor:
        """Distances (B, 1) to logits (B, 2): 0, and the log odds of similar in nats."""
        log_odds = self.log_slope.exp() * (self.threshold - pair_features)
        return torch.cat([torch.zeros_like(log_odds), log_odds], dim=1)


class Siamese(nn.Module):
    """One backbone for both marks, and the pair head that compares them.

    Args:
        backbone: Feature extractor.
        pair_feature: How the two embeddings are combined: see `LinearHead`, or `distance` for a `DistanceHead`, which
            has neither scale nor anything normalised.
        scale: The paper's s: 90 there, a setting here.
        normalised: Vectors of length 1 in the logits, see `LinearHead`.
        pyramid: Channels of the feature pyramid that joins the backbone's last map and tells places finer; 0 for the
            last map alone, as the paper.
        compact: Length of the vectors by which a register finds candidates, see `Siamese.compact`; 0 for the embeddings
            as they are.
    """

    classes = ("dissimilar", "similar")

    def __init__(
        self,
        backbone: BackboneName,
        pair_feature: PairFeature = "interacting",
        scale: float = 90.0,
        normalised: Normalised = "nothing",
        pyramid: int = 0,
        compact: int = 0,
    ) -> None:
        super().__init__()
        self.backbone = build_backbone(backbone)
        self.pyramid = FeaturePyramid(self.backbone.level_channels(), pyramid) if pyramid else None
        channels = self.backbone.channels + pyramid
        self.head: PairHead = (
            DistanceHead() if pair_feature == "distance" else LinearHead(channels, pair_feature, scale, normalised)
        )
        self.shortened = nn.Linear(channels, compact) if compact else None
        self.compact_channels = compact or channels

    def features(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to feature maps (B, C, h, w), of an eighth of their size by a pyramid, else of a 32nd."""
        if self.pyramid is None:
            return self.backbone(images)
        levels = self.backbone.levels(images)
        finer = self.pyramid(levels)
        # Beside the pretrained features, which a pyramid that starts at random would have to learn again.
        last = functional.interpolate(levels[-1], size=finer.shape[-2:], mode="bilinear", align_corners=False)
        return torch.cat([last, finer], dim=1)

    def features_and_finer(self, images: Tensor) -> tuple[Tensor, ...]:
        """The feature maps, and the last finer ones before them, which locate areas better; a pyramid's are fine."""
        if self.pyramid is not None:
            return (self.features(images),)
        finer = last = images
        for step in self.backbone.steps:
            following = step(last)
            if following.shape[-1] < last.shape[-1]:
                finer = last
            last = following
        return last, finer

    def compact(self, embeddings: Tensor) -> Tensor:
        """Embeddings (n, C) to vectors (n, D) of length 1, whose angles order marks nearly as the head does."""
        shortened = embeddings if self.shortened is None else self.shortened(embeddings)
        return functional.normalize(shortened)

    def shorten(self, mean: Tensor, axes: Tensor) -> None:
        """Take the coordinates along axes (D, C), from a mean (C,), for the compact vectors."""
        self.compact_channels = len(axes)
        self.shortened = nn.Linear(axes.shape[1], len(axes)).to(axes.device)
        with torch.no_grad():
            self.shortened.weight.copy_(axes)
            self.shortened.bias.copy_(-(axes @ mean))

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to embeddings (B, C), from which pairs are made and hard negatives mined."""
        return self.head.embed(self.features(images))
