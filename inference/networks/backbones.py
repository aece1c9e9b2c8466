"""Feature extractors: from a batch of images to its last feature map, stride 32."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cached_property, partial
from itertools import pairwise
from typing import Literal, get_args

import timm
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers

from inference.networks.attention import AttentionName, place_attention
from inference.networks.swin import CHANNELS as SWIN_CHANNELS
from inference.networks.swin import swin_tiny

BackboneName = Literal[
    "six_layer_cnn",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "efficientnet_lite0",
    "efficientnet_b2",
    "vgg19",
    "swin_tiny",
    "resnet50_eca",
    "resnet50_cbam",
    "efficientnet_lite0_eca",
    "efficientnet_lite0_cbam",
]


class Backbone(nn.Module):
    """A body, its steps in order, and its number of output channels."""

    def __init__(self, body: nn.Module, channels: int) -> None:
        super().__init__()
        self.body = body
        self.channels = channels

    @property
    def steps(self) -> tuple[nn.Module, ...]:
        """The body's modules in order; each block of a sequence is a step of its own."""
        return tuple(
            step
            for part in self.body.children()
            if not isinstance(part, nn.Identity)
            for step in (part if isinstance(part, nn.Sequential) else [part])
        )

    def forward(self, images: Tensor, until: int | None = None) -> Tensor:
        """Images (B, 3, H, W) to their feature map (B, channels, H / 32, W / 32), or to an earlier one.

        Args:
            images: A batch.
            until: Number of steps to take; by default all.
        """
        feature_map = images
        for step in self.steps[:until]:
            feature_map = step(feature_map)
        return feature_map

    def levels(self, images: Tensor, count: int = 3) -> tuple[Tensor, ...]:
        """Images (B, 3, H, W) to the last feature maps of so many sizes, the finest first.

        Three are an eighth, a sixteenth and a 32nd of the images' size; four have a quarter before them.
        """
        ends = self._ends_of_sizes[-count:]
        maps, last = [], images
        for number, step in enumerate(self.steps, 1):
            last = step(last)
            if number in ends:
                maps.append(last)
        return tuple(maps)

    def level_channels(self, count: int = 3) -> tuple[int, ...]:
        """The channels of so many `levels`."""
        levels = self._shadow().levels(torch.empty(1, 3, 64, 64, device="meta"), count)
        return tuple(one.shape[1] for one in levels)

    @cached_property
    def _ends_of_sizes(self) -> tuple[int, ...]:
        """After how many steps maps of one size end, the largest first."""
        feature_map = torch.empty(1, 3, 64, 64, device="meta")
        sides = []
        for step in self._shadow().steps:
            feature_map = step(feature_map)
            sides.append(feature_map.shape[-1])
        return tuple(at for at, (one, after) in enumerate(pairwise([*sides, 0]), 1) if one != after)

    def _shadow(self) -> Backbone:
        """The same body with shapes and no values."""
        return Backbone(deepcopy(self.body).to("meta").eval(), self.channels)

    def quarter(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to their last feature map at a quarter of their size, (B, C, H / 4, W / 4)."""
        return self(images, self._steps_to_a_quarter)

    @cached_property
    def _steps_to_a_quarter(self) -> int:
        feature_map = torch.empty(1, 3, 64, 64, device="meta")
        steps = self._shadow().steps
        for count, step in enumerate(steps):
            feature_map = step(feature_map)
            if feature_map.shape[-1] < 16:
                return count
        return len(steps)


def build_backbone(name: BackboneName) -> Backbone:
    """The feature extractor of that name, randomly initialised.

    Raises:
        ValueError: if there is no backbone of that name.
    """
    if name not in _BUILDERS:
        msg = f"there is no backbone {name!r}; there are {', '.join(get_args(BackboneName))}"
        raise ValueError(msg)
    return _BUILDERS[name]()


def _six_layer_cnn() -> Backbone:
    """Six times convolution, batch norm and ReLU, pooled after the first five.

    Source: HMS paper, section 3.2 and Fig. 5; the figure gives no widths, so that they are our choice.
    """
    widths = (3, 64, 64, 128, 128, 256, 512)
    layers: list[nn.Module] = []
    for index, (inputs, outputs) in enumerate(pairwise(widths)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        if index < 5:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
    return Backbone(nn.Sequential(*layers), widths[-1])


def _resnet(name: str) -> Backbone:
    whole = torchvision.models.get_model(name, weights=None)
    return Backbone(_without(whole, "avgpool", "fc"), whole.fc.in_features)


def _without(whole: nn.Module, *dropped: str) -> nn.Sequential:
    """The modules of a network in order, under their names, without those that pool and classify."""
    body = nn.Sequential()
    for part, module in whole.named_children():
        if part not in dropped:
            body.add_module(part, module)
    return body


def _efficientnet_lite0() -> Backbone:
    body = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0, global_pool="")
    return Backbone(body, body.num_features)


def _efficientnet_b2() -> Backbone:
    whole = torchvision.models.get_model("efficientnet_b2", weights=None)
    return Backbone(_without(whole, "avgpool", "classifier"), whole.classifier[1].in_features)


def _vgg19() -> Backbone:
    """The convolutions and their pooling, started as torchvision does; the classifier's linear layers are dropped."""
    features = make_layers(cfgs["E"])
    for module in features:
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.ReLU):
            # Each ReLU is a step of its own, and what enters a head must not be changed in place.
            module.inplace = False
        if isinstance(module, nn.MaxPool2d):
            module.ceil_mode = True
    body = nn.Sequential()
    body.add_module("features", features)
    return Backbone(body, 512)


def _resnet50_with(attention: AttentionName) -> Backbone:
    """ResNet50 by timm, whose blocks have a place for attention; its parameters have torchvision's names."""
    whole = timm.create_model("resnet50", pretrained=False)
    body = _without(whole, "global_pool", "fc")
    place_attention(body, attention)
    return Backbone(body, whole.num_features)


def _efficientnet_lite0_with(attention: AttentionName) -> Backbone:
    backbone = _efficientnet_lite0()
    place_attention(backbone.body, attention)
    return backbone


_BUILDERS: dict[str, Callable[[], Backbone]] = {
    "six_layer_cnn": _six_layer_cnn,
    **{name: partial(_resnet, name) for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")},
    "efficientnet_lite0": _efficientnet_lite0,
    "efficientnet_b2": _efficientnet_b2,
    "vgg19": _vgg19,
    "swin_tiny": lambda: Backbone(swin_tiny(), SWIN_CHANNELS),
    "resnet50_eca": partial(_resnet50_with, "eca"),
    "resnet50_cbam": partial(_resnet50_with, "cbam"),
    "efficientnet_lite0_eca": partial(_efficientnet_lite0_with, "eca"),
    "efficientnet_lite0_cbam": partial(_efficientnet_lite0_with, "cbam"),
}
