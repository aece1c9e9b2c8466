"""The comparator in training: its loss, and its figures in an epoch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inference.networks.comparator import Comparator, most_altered
from training.figures.metrics import auc
from training.fitting.fit import Scores


class ComparatorLearner(nn.Module):
    """A comparator and its loss: from a batch of `TrainingCrops` to its loss.

    Args:
        network: The comparator.
        mask_weight: How much an altered cell counts against an unaltered one.
        label_share: Weight of the label, read off the most altered cells, beside the mask's.
    """

    def __init__(self, network: Comparator, mask_weight: float, label_share: float) -> None:
        super().__init__()
        self.network = network
        self.label_share = label_share
        self.register_buffer("mask_weight", torch.tensor(mask_weight))

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Cross-entropy of the covered cells, and of whether anything of each square is altered."""
        maps = self.network(batch["image"].to(memory_format=torch.channels_last)).float()
        covered, altered = batch["covered"], batch["altered"].float()
        seen = covered.flatten(1).any(1)
        maps, covered, altered = maps[seen], covered[seen], altered[seen]
        by_cell = functional.binary_cross_entropy_with_logits(
            maps[covered], altered[covered], pos_weight=self.get_buffer("mask_weight")
        )
        forged = (altered.bool() & covered).flatten(1).any(1).float()
        by_label = functional.binary_cross_entropy_with_logits(most_altered(maps, covered), forged)
        return by_cell + self.label_share * by_label


def validation_scores(found: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Scores:
    """Figures of one epoch: the mean AUC over houses, which is the `score`.

    Args:
        found: By house, the scores of its counterfeits and of its genuine photos.
    """
    each = [auc(forged, genuine) for forged, genuine in found.values() if len(forged) and len(genuine)]
    return {"auc": float(np.mean(each)), "score": float(np.mean(each))}
