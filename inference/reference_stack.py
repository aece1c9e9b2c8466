"""A registered photo stacked with the genuine reference of its series: what the reference-guided network sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from inference.genuine_features import CELL
from inference.preprocessing import LARGEST_SIDE
from inference.records import Placement, require
from inference.registration import Reference, deviation, edge_strength, local_contrast

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]
Channel = Literal["luminance", "edges", "genuine edges", "difference"]

_STRIDE = 32


@dataclass(frozen=True)
class ReferenceStack:
    """How a registered photo and its reference become the three channels of a network's input."""

    width: int
    """Width of the input in pixels; every reference of the model fits into it."""
    height: int
    """Its height."""
    channels: tuple[Channel, Channel, Channel] = ("luminance", "edges", "genuine edges")
    """`luminance` and `edges` are the photo's, `genuine edges` the reference's mean, `difference` how far the two are
    apart in standard deviations."""

    def __post_init__(self) -> None:
        for name, side in (("width", self.width), ("height", self.height)):
            require(
                _STRIDE <= side <= LARGEST_SIDE,
                f"a network sees at least 32 x 32 pixels and at most {LARGEST_SIDE} a side: {name} is {side}",
            )
        require(len(set(self.channels)) == len(self.channels), "each channel once")

    @classmethod
    def around(cls, references: tuple[Reference, ...], channels: tuple[Channel, Channel, Channel]) -> ReferenceStack:
        """The smallest input, in steps of the network's stride, that every reference fits into."""
        height, width = (
            -(-max(reference.picture.shape[axis] for reference in references) // _STRIDE) * _STRIDE for axis in (0, 1)
        )
        return cls(width, height, channels)

    def placement(self, reference: Reference) -> Placement:
        """Where the reference's frame lies in the input: centred."""
        height, width = reference.picture.shape[:2]
        top, left = self._offset(reference)
        return Placement(left / self.width, top / self.height, width / self.width, height / self.height)

    def __call__(self, registered: Pixels, covered: NDArray[np.bool_], reference: Reference) -> torch.Tensor:
        """The network's input, float32 (3, `height`, `width`), about zero mean and unit spread.

        Args:
            registered: The photo in the reference's frame, uint8 (h, w, 3).
            covered: Where the photo covers the frame, bool (h, w); elsewhere the input is 0.
            reference: What it is compared with.
        """
        edges = edge_strength(registered)
        planes = np.zeros((3, self.height, self.width), np.float32)
        top, left = self._offset(reference)
        height, width = covered.shape
        for plane, channel in zip(planes, self.channels, strict=True):
            value = self._plane(channel, registered, edges, reference)
            plane[top : top + height, left : left + width] = np.where(covered, value, 0)
        return torch.from_numpy(planes)

    def covered_cells(self, covered: NDArray[np.bool_], reference: Reference) -> NDArray[np.bool_]:
        """Which cells of a feature map of a quarter of the input's size a photo covers, bool (height / 4, width / 4).

        Args:
            covered: Where the photo covers the reference's frame, bool (h, w); a cell counts if all of it is covered.
            reference: Whose frame that is.
        """
        whole = np.zeros((self.height, self.width), bool)
        top, left = self._offset(reference)
        whole[top : top + covered.shape[0], left : left + covered.shape[1]] = covered
        return np.asarray(whole.reshape(self.height // CELL, CELL, self.width // CELL, CELL).all((1, 3)))

    def _plane(self, channel: Channel, registered: Pixels, edges: Plane, reference: Reference) -> Plane:
        match channel:
            case "luminance":
                return local_contrast(registered)
            case "edges":
                return _centred(edges)
            case "genuine edges":
                return _centred(reference.mean)
            case "difference":
                return np.clip(deviation(edges, reference) / 2 - 1, -1, 3)

    def _offset(self, reference: Reference) -> tuple[int, int]:
        height, width = reference.picture.shape[:2]
        require(height <= self.height and width <= self.width, f"the reference {reference.series} is too large")
        return (self.height - height) // 2, (self.width - width) // 2


def _centred(edges: Plane) -> Plane:
    return edges * np.float32(4) - np.float32(1)
