"""Attention modules in the blocks of a convolutional network: ECA and CBAM, by timm.

ECA (Wang et al., ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks, CVPR 2020): the channels'
means y, a convolution over k neighbouring channels, a sigmoid: w = sigmoid(C1D_k(y)) (section 3.2, eq. 9), with
k = |log2(C) / 2 + 1 / 2| to the nearest odd number (eq. 12).

CBAM (Woo et al., CBAM: Convolutional Block Attention Module, ECCV 2018): channels first, then places. M_c is the
sigmoid of one two-layer perceptron, of a sixteenth of the width, over the channels' means plus the same over their
maxima (section 3, eq. 2); M_s is the sigmoid of a 7 x 7 convolution over the mean and the maximum of the channels at
each place (eq. 3).
"""

from __future__ import annotations

from typing import Literal

from timm.layers import EcaModule
from timm.layers.cbam import CbamModule
from timm.models._efficientnet_blocks import DepthwiseSeparableConv, InvertedResidual
from timm.models.resnet import Bottleneck
from torch import nn

AttentionName = Literal["eca", "cbam"]
_MODULES = {"eca": EcaModule, "cbam": CbamModule}
_NORM_BEFORE = {Bottleneck: "bn3", InvertedResidual: "bn2", DepthwiseSeparableConv: "bn1"}
"""The normalisation of each kind of block after which its attention stands: the last of a residual branch; in inverted
residuals that of the depthwise convolution, where EfficientNets have theirs."""


def place_attention(body: nn.Module, name: AttentionName) -> None:
    """Put an attention module, randomly initialised, into every block of a network of timm's.

    Its parameters are named `se` in their block, and no other parameter changes its name.
    """
    for block in list(body.modules()):
        norm = _NORM_BEFORE.get(type(block))
        if norm is not None:
            block.se = _MODULES[name](getattr(block, norm).num_features)
