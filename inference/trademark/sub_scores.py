"""Sub-scores of two marks: without colour, and turned or mirrored.

Each is the best log odds over several variants of the marks, by the same network. None is calibrated, because the best
of many variants is high even for dissimilar marks. They say what to examine again, and none replaces the outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.preprocessing import Preprocessing
from inference.records import SubScore

Pixels = NDArray[np.uint8]

OVERALL, WITHOUT_COLOUR, TURNED = "overall", "without colour", "turned or mirrored"

_VIEWS = tuple(product((False, True), range(4)))
_INK = 24


@dataclass(frozen=True)
class Variants:
    """The variants of one mark.

    Attributes:
        grey: The mark without colour, (3, S, S); None where it has none, so that it is seen already.
        turned: The mark in the seven other rotations and mirrorings, each (3, S, S); empty if it is not turned.
    """

    grey: Tensor | None
    turned: tuple[Tensor, ...]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All of them, in this order."""
        return self.turned if self.grey is None else (self.grey, *self.turned)


def variants(mark: Pixels, framed: Tensor, preprocessing: Preprocessing, *, turn: bool) -> Variants:
    """The variants of a mark.

    Args:
        mark: The framed mark, uint8 (H, W, 3).
        framed: The same as the network's input (3, S, S).
        preprocessing: The model's preprocessing.
        turn: Whether this mark is turned; it suffices to turn one of two.
    """
    grey = without_colour(mark)
    return Variants(
        grey=None if np.array_equal(grey, mark) else torch.from_numpy(preprocessing(grey).values),
        turned=tuple(turned_views(framed).values()) if turn else (),
    )


def view(framed: Tensor, mirrored: bool, quarters: int) -> Tensor:
    """A square picture (3, S, S), mirrored left to right or not, then turned clockwise by quarters."""
    return torch.rot90(framed.flip(2) if mirrored else framed, -quarters, (1, 2)).contiguous()


def turned_views(framed: Tensor) -> dict[str, Tensor]:
    """A square picture (3, S, S) in its seven other rotations and mirrorings, each by what was done."""
    return {_done(mirrored, quarters): view(framed, mirrored, quarters) for mirrored, quarters in _VIEWS[1:]}


def without_colour(mark: Pixels) -> Pixels:
    """Luminance (Rec. 601) in all three channels."""
    grey = np.round(mark @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    return grey[..., None].repeat(3, axis=2)


def ink(mark: Pixels) -> NDArray[np.bool_]:
    """The ink: pixels that differ from the ground, bool (H, W)."""
    return np.asarray(np.abs(mark - ground(mark)).max(axis=2) > _INK)


def ground(mark: Pixels) -> NDArray[np.float64]:
    """The median colour along the edge of a mark, uint8 (H, W, 3), float (3,)."""
    return np.median(np.concatenate([mark[0], mark[-1], mark[:, 0], mark[:, -1]]), axis=0)


def sub_scores(overall: float, grey: float, turned: Sequence[float], turned_mark: int) -> tuple[SubScore, ...]:
    """The sub-scores, from log odds in nats.

    Args:
        overall: Log odds of the marks as they are.
        grey: Log odds of both without colour.
        turned: Log odds of the seven turned variants of one mark beside the other mark.
        turned_mark: The mark that was turned, 1 or 2.
    """
    best_turn, how = max(zip((overall, *turned), _VIEWS, strict=True), key=lambda found: found[0])
    return (
        SubScore(OVERALL, overall, "both marks as they are"),
        SubScore(WITHOUT_COLOUR, grey, "both marks in grey"),
        SubScore(TURNED, best_turn, _turn_in_words(turned_mark, *how)),
    )


def _done(mirrored: bool, quarters: int) -> str:
    turn = f"turned clockwise by {90 * quarters} degrees" if quarters else ""
    return " and ".join(filter(None, ["mirrored" if mirrored else "", turn]))


def _turn_in_words(mark: int, mirrored: bool, quarters: int) -> str:
    done = _done(mirrored, quarters)
    return f"mark {mark} {done}" if done else "both marks as they are, better than any turn"
