"""The base of the losses of a Siamese network: what they are given of the pairs of a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn

from inference.networks.hms import Normalised, PairHead


class StepPairs(NamedTuple):
    """The pairs of a step of training.

    Attributes:
        features: Their features by the network's head (P, D).
        similar: Whether each is similar, int64 (P,).
        first: Place of each one's first mark in the batch, int64 (P,).
    """

    features: Tensor
    similar: Tensor
    first: Tensor


class PairLoss(nn.Module, ABC):
    """A loss over pairs of marks, and what it asks of the network.

    Attributes:
        normalised: Vectors of length 1 in the logits of a linear head.
        only_head: Whether the head alone learns and all before it stays as it starts.
    """

    normalised: Normalised = "nothing"
    only_head: bool = False

    @abstractmethod
    def over(self, pairs: StepPairs, head: PairHead) -> Tensor:
        """The loss of the pairs of a step under a head; a scalar."""
