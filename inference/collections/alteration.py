"""The first witness of a collection: a comparator's map of what differs from the genuine reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from inference.networks.comparator import Comparator, most_altered
from inference.records import require
from inference.reference.cells import wholly

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

_STRIDE = 32


@dataclass(frozen=True)
class AlterationMap:
    """What a comparator sees of one photo beside a reference.

    Attributes:
        log_odds: Log odds that each cell is altered, in nats, float32 (h, w); a cell is 4 pixels of the reference.
        covered: Cells that the photo covers wholly, bool (h, w).
    """

    log_odds: Plane
    covered: Mask

    def __post_init__(self) -> None:
        require(self.log_odds.shape == self.covered.shape, "a map says of each of its cells whether it is covered")

    def less(self, usual: Plane) -> AlterationMap:
        """The map less what genuine photos usually show, float32 (h, w)."""
        return AlterationMap(self.log_odds - usual, self.covered)

    @property
    def score(self) -> float:
        """The mean of the most altered hundredth of the covered cells, in nats; of a photo that covers none, of all."""
        seen = self.covered if self.covered.any() else np.ones_like(self.covered)
        return float(most_altered(torch.from_numpy(self.log_odds)[None], torch.from_numpy(seen)[None])[0])


def alteration_map(network: Comparator, stack: Plane, covered: Mask, device: str = "cpu") -> AlterationMap:
    """The map of one photo.

    Args:
        network: The comparator, in evaluation mode.
        stack: The photo beside its reference, float32 (3, H, W), see `channels.beside`.
        covered: Points that the photo covers, bool (H, W).
        device: Device of the network.
    """
    height, width = covered.shape
    padded = np.zeros((3, -(-height // _STRIDE) * _STRIDE, -(-width // _STRIDE) * _STRIDE), np.float32)
    padded[:, :height, :width] = stack
    with torch.no_grad():
        image = torch.from_numpy(padded)[None].to(device, memory_format=torch.channels_last)
        log_odds = network(image)[0].float().cpu().numpy()
    whole = wholly(covered)
    down, across = whole.shape
    return AlterationMap(np.ascontiguousarray(log_odds[:down, :across]), whole)


def usual_map(maps: Sequence[AlterationMap]) -> Plane:
    """What genuine photos show on average, cell by cell, float32 (h, w); 0 at cells that none covers.

    Args:
        maps: Of genuine photos, each beside a reference of the others; at least one.
    """
    seen = np.stack([one.covered for one in maps])
    total = np.where(seen, np.stack([one.log_odds for one in maps]), 0).sum(axis=0)
    return np.asarray(total / np.maximum(seen.sum(axis=0), 1), np.float32)
