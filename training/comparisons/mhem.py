"""MHEM: a second loss that does not push hard examples too much; the network is a plain classifier.

Paper: Liang, Zhu, Wang, Yang, Penalizing the Hard Example But Not Too Much: A Strong Baseline for Fine-Grained Visual
Classification, TNNLS 2022: moderate hard example modulation. With p the probability of the true class,
L = -log p - (1 - beta (alpha + p))^gamma log p, alpha = .9, beta = .2, gamma = 2. A focal loss weighs the hardest
examples ((1 - p)^gamma at p = 0) by 1 and the easiest by 0; here the weights are .67 and .38. The authors' code
(akira-l/mhem), of which nothing is used, states no licence.

What differs: the authors' code takes the mean of -log p over all classes in the second term, the formula that of the
true class, which is built. Both terms are weighed by class. 360 epochs at a rate of .0008 are the authors'; here the
preset decides.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from training.comparisons.method import ClassifierLearner, Method

ALPHA, BETA, GAMMA = 0.9, 0.2, 2


class MhemLearner(ClassifierLearner):
    """Network and moderate hard example modulation."""

    def loss(self, images: Tensor, label: Tensor) -> Tensor:
        """Cross-entropy and modulated cross-entropy of images (B, 3, H, W) with their classes (B,)."""
        return self.modulated(self.network(images), label)

    def modulated(self, logits: Tensor, label: Tensor) -> Tensor:
        """The loss of logits (B, classes), each example weighed by its class."""
        log_p = functional.log_softmax(logits.float(), dim=1).gather(1, label[:, None])[:, 0]
        modulation = (1 - BETA * (ALPHA + log_p.exp())) ** GAMMA
        weight = self.class_weights[label]
        return -(weight * (1 + modulation) * log_p).sum() / weight.sum()


MHEM = Method(
    "MHEM",
    "Liang et al., Penalizing the Hard Example But Not Too Much: A Strong Baseline for Fine-Grained Visual "
    "Classification, TNNLS 2022",
    MhemLearner,
)
