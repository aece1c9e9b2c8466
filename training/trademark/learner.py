"""The Siamese network in training: mined negatives, the loss, and its figures in an epoch.

Source: HMS paper, section 2.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inference.networks.hms import PairHead, Siamese
from inference.preprocessing import Preprocessing
from inference.trademark.examiner import log_odds_similar
from training.assessment.mark_trials import Pixels
from training.data.marks.mark_set import Pair
from training.figures.metrics import auc
from training.fitting.fit import Scores
from training.fitting.margin_softmax import MarginSoftmax

T = TypeVar("T")
_EVALUATION_BATCH = 64


class SiameseLearner(nn.Module):
    """Network, mined negatives and loss: from a batch to its loss.

    Args:
        network: The network.
        loss: The loss.
        hardest: Whether each mark is paired with its hard negative too, not only with a random one.
    """

    def __init__(self, network: Siamese, loss: MarginSoftmax, hardest: bool = True) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.hardest = hardest

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss over labelled pairs, and over a random and (by setting) a hardest dissimilar pair for each mark.

        Pairs of one concept are to lie between both sides: their cross-entropy is against even odds, without margins.
        """
        head = self.network.head
        images = torch.cat([batch["a"], batch["b"]]).to(memory_format=torch.channels_last)
        first, second = self.network(images).float().chunk(2)
        hardest, random = mine_dissimilar(first, second, batch["family_a"], batch["family_b"], head)
        mined = torch.cat([hardest, random]) if self.hardest else random
        labelled = head.pair(first, second)
        graded = batch["graded"]
        features = torch.cat([labelled[~graded], head.pair(*pick(first, second, mined))])
        label = torch.cat([batch["similar"][~graded], batch["similar"].new_zeros(len(mined))])
        loss = self.loss(features, head.classifier.weight, label)
        if not graded.any():
            return loss
        between = log_odds_similar(head.logits(labelled[graded]))
        even = functional.binary_cross_entropy_with_logits(between, torch.full_like(between, 0.5))
        return loss + graded.float().mean() * even


def mine_dissimilar(
    first: Tensor, second: Tensor, family_first: Tensor, family_second: Tensor, head: PairHead
) -> tuple[Tensor, Tensor]:
    """Dissimilar pairs across a batch: for each first mark the most similar second one, and a random one.

    Args:
        first: Embeddings of the first marks (B, C).
        second: Embeddings of the second marks (B, C).
        family_first: Their families (B,).
        family_second: Their families (B,).
        head: The pair head, which decides what is similar at present.

    Returns:
        Two tensors of index pairs (M, 2), into first and second; M < B where a mark has no negative.
    """
    negatives = family_first[:, None] != family_second[None, :]
    rows = negatives.any(dim=1).nonzero()[:, 0]
    with torch.no_grad():
        features = head.pair(first[:, None].expand(-1, len(second), -1).flatten(0, 1), second.repeat(len(first), 1))
        similarity = log_odds_similar(head.logits(features)).view(len(first), len(second))
    hardest = similarity.masked_fill(~negatives, -torch.inf)[rows].argmax(dim=1)
    random = torch.multinomial(negatives[rows].float(), 1)[:, 0] if len(rows) else hardest
    return torch.stack([rows, hardest], dim=1), torch.stack([rows, random], dim=1)


def pick(first: Tensor, second: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings of index pairs (M, 2): twice (M, C)."""
    return first[pairs[:, 0]], second[pairs[:, 1]]


def mean_auc(log_odds: Mapping[str, NDArray[np.float64]]) -> Scores:
    """AUC of similar pairs against each kind of dissimilar pairs, and as `score` the mean over the kinds."""
    figures = {f"auc_{kind}": auc(log_odds["similar"], log_odds[kind]) for kind in log_odds if kind != "similar"}
    return {"score": sum(figures.values()) / len(figures), **figures}


def log_odds_in_epoch(
    network: Siamese,
    pictures: Sequence[Pixels],
    pairs: Mapping[str, Sequence[Pair]],
    preprocessing: Preprocessing,
    device: torch.device,
) -> dict[str, NDArray[np.float64]]:
    """Log P(similar) - log P(dissimilar) of the pairs of each kind in nats (n,), by the network in an epoch.

    Each mark is embedded once. Pairs of a finished network are judged by its examiner instead.
    """
    used = sorted({index for listed in pairs.values() for pair in listed for index in pair})
    place = {index: position for position, index in enumerate(used)}
    embedding = embeddings(network, pictures, used, preprocessing, device)
    found = {}
    for kind, listed in pairs.items():
        first, second = (embedding[[place[pair[side]] for pair in listed]] for side in (0, 1))
        with torch.no_grad():
            logits = network.head.logits(network.head.pair(first, second)).double()
        found[kind] = log_odds_similar(logits).cpu().numpy()
    return found


def embeddings(
    network: Siamese,
    pictures: Sequence[Pixels],
    indices: Sequence[int],
    preprocessing: Preprocessing,
    device: torch.device,
) -> Tensor:
    """Embeddings (n, C) of the pictures with these indices, on the device, without a graph."""
    with torch.no_grad():
        return torch.cat(
            [
                network(_stack(pictures, chunk, preprocessing, device)).float()
                for chunk in _chunks(indices, _EVALUATION_BATCH)
            ]
        )


def _stack(
    pictures: Sequence[Pixels], indices: Sequence[int], preprocessing: Preprocessing, device: torch.device
) -> Tensor:
    framed = (preprocessing.frame(pictures[index])[0] for index in indices)
    return torch.stack([torch.from_numpy(preprocessing.normalised(one)) for one in framed]).to(device)


def _chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (values[start : start + size] for start in range(0, len(values), size))
