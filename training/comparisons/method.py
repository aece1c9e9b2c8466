"""What a method of authenticity is: its network, its learner, and how it is fed; and what the learners share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.networks import build_network
from inference.networks.attention import AttentionName
from inference.networks.backbones import BackboneName
from inference.networks.classifier import PooledClassifier
from training.fitting.fit import EpochSampler
from training.fitting.run_folder import require_setting


def as_asked(backbone: BackboneName) -> BackboneName:
    """The backbone that is asked for."""
    return backbone


@dataclass(frozen=True)
class Method:
    """One method of training a network on photos of genuine and counterfeit parts.

    Attributes:
        title: Its name.
        paper: Where it comes from, for the card.
        learner: From network and class weights (classes,) to the module that takes a batch and returns its loss. What
            only training needs lives there and is not exported.
        network: Name of the network by which it examines.
        arguments: That network's arguments beside backbone, classes and steps_in_head.
        training_arguments: Those which differ in training.
        cuts: Whether steps of the backbone may belong to the head.
        disturbs: Whether it is fed photos with disturbed key areas, too.
        backbone: The backbone that it trains where one is asked for.
        sampler: From the class of each photo, the batch and a seed to epochs in which all classes are drawn alike; by
            default each photo is drawn once an epoch, and the class weights give the balance.
    """

    title: str
    paper: str
    learner: Callable[[Any, Tensor], nn.Module]
    network: str = "pooled_classifier"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    training_arguments: Mapping[str, Any] = field(default_factory=dict)
    cuts: bool = True
    disturbs: bool = False
    backbone: Callable[[BackboneName], BackboneName] = as_asked
    sampler: Callable[[Sequence[int], int, int], EpochSampler] | None = None

    def stated(self, backbone: BackboneName, classes: int, steps_in_head: int) -> dict[str, Any]:
        """The arguments of the network that examines, as its card states them."""
        cut = {"steps_in_head": steps_in_head} if self.cuts else {}
        return {"backbone": backbone, "classes": classes, **self.arguments, **cut}

    def build(self, stated: Mapping[str, Any]) -> nn.Module:
        """The network as it is trained."""
        return build_network(self.network, {**stated, **self.training_arguments})


def attended(attention: AttentionName) -> Callable[[BackboneName], BackboneName]:
    """From a backbone to the same with an attention module in each block.

    The function raises TrainingRefused where there is no such backbone.
    """

    def choose(backbone: BackboneName) -> BackboneName:
        ending = f"_{attention}"
        wanted = f"{backbone.removesuffix(ending)}{ending}"
        chosen = [name for name in get_args(BackboneName) if name.endswith(ending)]
        plain = " and ".join(name.removesuffix(ending) for name in chosen)
        require_setting(wanted in chosen, f"There is {attention.upper()} for --backbone {plain}, not for {backbone}.")
        return next(name for name in chosen if name == wanted)

    return choose


class ClassifierLearner(nn.Module):
    """Network and weighted cross-entropy: from a batch to its loss.

    Args:
        network: A plain classifier.
        class_weights: Weight of each class (classes,).
    """

    class_weights: Tensor

    def __init__(self, network: PooledClassifier, class_weights: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("class_weights", class_weights)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of a batch: its `image` (B, 3, H, W), and of each its class `label`."""
        return self.loss(batch["image"].to(memory_format=torch.channels_last), batch["label"])

    def loss(self, images: Tensor, label: Tensor) -> Tensor:
        """The loss of images (B, 3, H, W) with their classes, int64 (B,)."""
        return self.cross_entropy(self.network(images), label)

    def cross_entropy(self, logits: Tensor, label: Tensor) -> Tensor:
        """Weighted mean cross-entropy of logits (B, classes) with classes (B,)."""
        return functional.cross_entropy(logits.float(), label, self.class_weights)
