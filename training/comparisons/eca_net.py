"""ECA-Net: attention over channels in each block of a plain classifier.

Paper: Wang, Wu, Zhu, Li, Zuo, Hu, ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks, CVPR
2020, section 3.2. In each block the channels' means y are weighed by w = sigmoid(C1D_k(y)) (eq. 9), a convolution over
k neighbouring channels, with k = |log2(C) / gamma + b / gamma|, the nearest odd number, gamma = 2 and b = 1 (eq. 12).
The module is timm's (`EcaModule`, Apache-2.0), placed by `inference/networks/attention.py`; the authors' code is MIT.

What differs: EfficientNet-Lite0, which the paper does not have, takes the module after the depthwise convolution of a
block; ResNet50 has it after the block's last normalisation, as in the paper. Weights of the plain network are loaded
where they can be had, while the authors train on ImageNet with the modules in.
"""

from __future__ import annotations

from training.comparisons.method import ClassifierLearner, Method, attended

ECA_NET = Method(
    "ECA-Net",
    "Wang et al., ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks, CVPR 2020",
    ClassifierLearner,
    backbone=attended("eca"),
)
