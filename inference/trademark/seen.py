"""What a trademark network makes of pairs of marks: feature maps, heatmaps and embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Maps = NDArray[np.float32]


class PairMaps(NamedTuple):
    """The maps of one mark of a pair.

    Attributes:
        leaning: Raw heatmap for the side to which the pair leans (h, w).
        shared: Raw heatmap for similarity (h, w).
        finer: The finer feature map (C, h', w'), in which areas are located.
    """

    leaning: Maps
    shared: Maps
    finer: Maps


@dataclass(frozen=True)
class Seen:
    """The network's output for B pairs: all first marks, then all second marks.

    Attributes:
        features: Feature maps that enter the head (2 * B, C, h, w).
        leaning: Raw heatmaps for the side to which each pair leans (2 * B, h, w).
        shared: Raw heatmaps for similarity (2 * B, h, w).
        finer: Finer feature maps (2 * B, C, h', w').
        embedded: Embeddings (2 * B, C).
    """

    features: Tensor
    leaning: Maps
    shared: Maps
    finer: Maps
    embedded: Tensor

    def of(self, index: int, swapped: bool = False) -> list[PairMaps]:
        """The maps of the two marks of a pair, the second mark first if they are swapped."""
        both = [index, len(self.leaning) // 2 + index]
        return [
            PairMaps(self.leaning[mark], self.shared[mark], self.finer[mark]) for mark in sorted(both, reverse=swapped)
        ]
