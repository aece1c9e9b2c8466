"""The Siamese network in training: mined negatives, the loss, and its figures in an epoch.

Source: HMS paper, sections 2.1 and 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import Self

from inference.evidence.logistic import platt
from inference.networks.hms import DistanceHead, PairHead, Siamese
from inference.preprocessing import Preprocessing
from inference.trademark.examiner import log_odds_similar
from training.assessment.mark_trials import Pixels
from training.data.marks.mark_set import Pair
from training.figures.metrics import auc
from training.fitting.fit import Scores
from training.fitting.pair_loss import PairLoss, StepPairs

T = TypeVar("T")
LogOdds = dict[str, NDArray[np.float64]]
"""Log P(similar) - log P(dissimilar) of the pairs of each kind, in nats (n,)."""
_EVALUATION_BATCH = 64
_LEAST_SLOPE = 1e-3
"""Nats a standard deviation of the distances, where greater ones do not speak for dissimilar marks."""


class SiameseLearner(nn.Module):
    """Network, mined negatives and loss: from a batch to its loss.

    Args:
        network: The network; where the loss asks for it, all before its head is frozen.
        loss: The loss.
        hardest: Whether each mark is paired with its hard negative too, not only with a random one.
    """

    def __init__(self, network: Siamese, loss: PairLoss, hardest: bool = True) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.hardest = hardest
        for one in self._frozen:
            one.requires_grad_(False)

    @property
    def _frozen(self) -> list[nn.Module]:
        """The parts of the network that do not learn."""
        head = self.network.head
        return [one for one in self.network.children() if one is not head] if self.loss.only_head else []

    def train(self, mode: bool = True) -> Self:
        """Into training or out of it; what is frozen keeps its running statistics as well."""
        super().train(mode)
        for one in self._frozen:
            one.eval()
        return self

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
        pairs = StepPairs(
            torch.cat([labelled[~graded], head.pair(*pick(first, second, mined))]),
            torch.cat([batch["similar"][~graded], batch["similar"].new_zeros(len(mined))]),
            torch.cat([(~graded).nonzero()[:, 0], mined[:, 0]]),
        )
        loss = self.loss.over(pairs, head)
        if not graded.any():
            return loss
        between = log_odds_similar(head.logits(labelled[graded]))
        even = functional.binary_cross_entropy_with_logits(between, torch.full_like(between, 0.5))
        return loss + graded.float().mean() * even

    def validated(
        self,
        pictures: Sequence[Pixels],
        pairs: Mapping[str, Sequence[Pair]],
        preprocessing: Preprocessing,
        device: torch.device,
    ) -> LogOdds:
        """The log odds of validation pairs in an epoch; a head that compares by distance takes its threshold from them.

        It does so in every epoch, so that the weights of the best one hold its own threshold.
        """
        log_odds = log_odds_in_epoch(self.network, pictures, pairs, preprocessing, device)
        head = self.network.head
        return with_threshold(head, log_odds) if isinstance(head, DistanceHead) else log_odds


def with_threshold(head: DistanceHead, log_odds: LogOdds) -> LogOdds:
    """Choose threshold and slope of a head by validation pairs; the log odds of these pairs by them.

    By a logistic regression on the distance in which the similar pairs and all dissimilar ones weigh the same (Platt
    1999): the threshold is the distance of even odds. Where a greater distance does not speak for dissimilar marks, it
    is the mean distance, and the slope nearly level.

    Args:
        head: The head; its threshold and slope are changed.
        log_odds: By the head as it was.
    """
    before, steepness = float(head.threshold), float(head.log_slope.exp())
    distances = {kind: before - values / steepness for kind, values in log_odds.items()}
    similar = distances["similar"]
    dissimilar = np.concatenate([values for kind, values in distances.items() if kind != "similar"])
    every = np.concatenate([similar, dissimilar])
    if not np.isfinite(every).all():
        return log_odds
    # The sign makes a greater score the more similar one.
    line = platt(-similar, -dissimilar, np.ones(len(similar)), np.ones(len(dissimilar)))
    intercept, slope = (math.log(10) * value for value in line)
    least = _LEAST_SLOPE / (float(every.std()) or 1.0)
    threshold = intercept / slope if slope > least else float(every.mean())
    slope = max(slope, least)
    head.threshold.fill_(threshold)
    head.log_slope.fill_(math.log(slope))
    return {kind: slope * (threshold - values) for kind, values in distances.items()}


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
) -> LogOdds:
    """The log odds of the pairs of each kind by the network in an epoch.

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
