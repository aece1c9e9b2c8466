"""CBAM: attention over channels, then over places, in each block of a plain classifier.

Paper: Woo, Park, Lee, Kweon, CBAM: Convolutional Block Attention Module, ECCV 2018, section 3. F' = M_c(F) * F and
F'' = M_s(F') * F' (eq. 1); M_c = sigmoid(MLP(AvgPool(F)) + MLP(MaxPool(F))), one perceptron with reduction r = 16 for
both (eq. 2); M_s = sigmoid(f7x7([AvgPool(F); MaxPool(F)])), pooled over the channels (eq. 3). The module is timm's
(`CbamModule`, Apache-2.0), placed by `inference/networks/attention.py`; the authors' code is MIT.

What differs: EfficientNet-Lite0, which the paper does not have, takes the module after the depthwise convolution of a
block; ResNet50 has it after the block's last normalisation, as in the paper (Fig. 3). The 7 x 7 convolution is followed
by a batch normalisation, as in the authors' code. Weights of the plain network are loaded where they can be had, while
the authors train on ImageNet with the modules in.
"""

from __future__ import annotations

from training.comparisons.method import ClassifierLearner, Method, attended

CBAM = Method(
    "CBAM",
    "Woo et al., CBAM: Convolutional Block Attention Module, ECCV 2018",
    ClassifierLearner,
    backbone=attended("cbam"),
)
