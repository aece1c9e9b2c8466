"""The locator in training: its loss, and its figures in an epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from inference.networks.locator import Locator
from training.figures.average_precision import SceneBoxes, average_precision, match
from training.fitting.fit import Scores


class LocatorLearner(nn.Module):
    """A locator and its loss: from a batch of `TrainingViews` to its loss."""

    def __init__(self, network: Locator) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The summed losses of a batch."""
        targets = [
            {"boxes": boxes[labels >= 0], "labels": labels[labels >= 0]}
            for boxes, labels in zip(batch["boxes"], batch["labels"], strict=True)
        ]
        return self.network.loss(list(batch["image"]), targets)


def detections(network: Locator, image: Tensor) -> SceneBoxes:
    """The detections of a network in evaluation mode on one picture (3, h, w), in its pixels."""
    with torch.no_grad():
        found = network([image])[0]
    order = found["scores"].argsort(descending=True, stable=True)
    boxes, labels, scores = (found[name][order].float().cpu().numpy() for name in ("boxes", "labels", "scores"))
    return SceneBoxes(boxes, labels.astype(np.int64), scores)


def validation_scores(found: Sequence[SceneBoxes], known: Sequence[SceneBoxes], parts: int) -> Scores:
    """Mean average precision at an overlap of .5 and over .5 to .95, which is also the `score`."""
    values = np.stack([average_precision(match(found, known, label)) for label in range(parts)])
    return {"ap50": float(values[:, 0].mean()), "ap": float(values.mean()), "score": float(values.mean())}
