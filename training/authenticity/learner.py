"""KAG-MTLN in training: its fusion loss, and its figures in an epoch. Source: KAG-MTLN paper, section 3.4."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.functional.classification import binary_auroc, multiclass_accuracy

from inference.authenticity.examiner import log_odds_each
from inference.networks.kag_mtln import KagMtln
from training.fitting.fit import Scores
from training.fitting.fusion_loss import FusionLoss

_TEMPERATURES = tuple(1.1**step for step in range(-24, 49))  # .1 to 97


class KagMtlnLearner(nn.Module):
    """Network and fusion loss: from a batch to its loss."""

    def __init__(self, network: KagMtln, loss: FusionLoss) -> None:
        super().__init__()
        self.network = network
        self.loss = loss

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The fusion loss of a batch of `PhotoBatches` or `RegisteredSamples`."""
        images = batch["image"].to(memory_format=torch.channels_last)
        return self.loss(self.network(images), batch["label"], batch["disturbed"])


def validation_scores(logits: Tensor, labels: Tensor, classes: Sequence[str]) -> Scores:
    """Figures of one epoch on undisturbed photos; the `score` is the mean log probability at the best temperature.

    It is a proper score and, unlike accuracy, does not saturate on a small validation set. The best temperature is
    taken because networks become overconfident while they still learn to discriminate (Guo et al. 2017), and their
    confidence is calibrated afterwards.
    """
    series, sides = zip(*(name.rsplit("/", 1) for name in (classes[label] for label in labels)), strict=True)
    genuine = torch.tensor([side == "genuine" for side in sides])
    return {
        "score": -min(float(functional.cross_entropy(logits / t, labels)) for t in _TEMPERATURES),
        "accuracy": float(multiclass_accuracy(logits, labels, len(classes), average="micro")),
        "auc": float(binary_auroc(log_odds_each(logits, classes, series), genuine.long())),
    }
