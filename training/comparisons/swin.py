"""Swin Transformer: a plain classifier on attention within shifted windows.

Paper: Liu, Lin, Cao, Hu, Wei, Zhang, Lin, Guo, Swin Transformer: Hierarchical Vision Transformer using Shifted Windows,
ICCV 2021; Swin-T of section 3.3: C = 96, layers 2, 2, 6, 2, windows of 7 x 7 patches of 4 x 4 pixels. The body is
torchvision's (BSD-3-Clause), in `inference/networks/swin.py`; the authors' code is MIT.

What differs: the KAG-MTLN paper does not say which of the four sizes it compares with, and the smallest is taken, as
large as ResNet50. Pictures may have any size, as in the paper's detectors. The optimiser is that of the preset, not the
paper's AdamW with 300 epochs on ImageNet.
"""

from __future__ import annotations

from inference.networks.backbones import BackboneName
from training.comparisons.method import ClassifierLearner, Method


def _always(_: BackboneName) -> BackboneName:
    """Swin is a backbone of its own, whatever the preset has."""
    return "swin_tiny"


SWIN = Method(
    "Swin Transformer",
    "Liu et al., Swin Transformer: Hierarchical Vision Transformer using Shifted Windows, ICCV 2021",
    ClassifierLearner,
    backbone=_always,
)
