"""How a card states the stack of a registered photo and the genuine reference of its series.

`inference.reference.channels` stacks them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from inference.preprocessing import LARGEST_SIDE
from inference.records import Placement, require
from inference.reference.cells import wholly

if TYPE_CHECKING:
    # Reading cards must not load the libraries of registration.
    from inference.reference.reference import Reference

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
    """`luminance` and `edges` come from the photo, `genuine edges` is the reference's mean, and `difference` is the
    difference map in standard deviations."""

    def __post_init__(self) -> None:
        for name, side in (("width", self.width), ("height", self.height)):
            require(
                _STRIDE <= side <= LARGEST_SIDE,
                f"a network sees 32 to {LARGEST_SIDE} pixels a side: {name} is {side}",
            )
        require(len(set(self.channels)) == len(self.channels), "a stack has each channel once")

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
        top, left = self.offset(reference)
        return Placement(left / self.width, top / self.height, width / self.width, height / self.height)

    def covered_cells(self, covered: NDArray[np.bool_], reference: Reference) -> NDArray[np.bool_]:
        """The covered cells of a feature map at a quarter of the input's size, bool (height / 4, width / 4).

        Args:
            covered: Points of the reference's frame that the photo covers, bool (h, w); a cell must be covered wholly.
            reference: The reference.
        """
        whole = np.zeros((self.height, self.width), bool)
        top, left = self.offset(reference)
        whole[top : top + covered.shape[0], left : left + covered.shape[1]] = covered
        return wholly(whole)

    def offset(self, reference: Reference) -> tuple[int, int]:
        """Top and left of the reference's frame in the input, in pixels."""
        height, width = reference.picture.shape[:2]
        require(
            height <= self.height and width <= self.width,
            f"the reference {reference.series} is too large for the input",
        )
        return (self.height - height) // 2, (self.width - width) // 2
