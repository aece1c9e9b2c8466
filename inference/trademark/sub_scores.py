"""Sub-scores of two marks: without colour, turned or mirrored, one inside the other.

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
from inference.records import Crop, SubScore
from inference.trademark.windows import box_of, windows_over

Pixels = NDArray[np.uint8]

OVERALL, WITHOUT_COLOUR, TURNED, PART_OF = "overall", "without colour", "turned or mirrored", "one inside the other"

_VIEWS = tuple(product((False, True), range(4)))
_INK = 24
_LEAST_INK = 0.03
_LEAST_SIDE = 16


@dataclass(frozen=True)
class Variants:
    """The variants of one mark.

    Attributes:
        grey: The mark without colour, (3, S, S).
        turned: The mark in the seven other rotations and mirrorings, each (3, S, S); empty if it is not turned.
        windows: Windows of it, each (3, S, S).
        crops: The windows' places, in pixels of the mark.
    """

    grey: Tensor
    turned: tuple[Tensor, ...]
    windows: tuple[Tensor, ...]
    crops: tuple[Crop, ...]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All of them, in this order."""
        return (self.grey, *self.turned, *self.windows)


def variants(mark: Pixels, framed: Tensor, preprocessing: Preprocessing, *, turn: bool) -> Variants:
    """The variants of a mark.

    Args:
        mark: The framed mark, uint8 (H, W, 3).
        framed: The same as the network's input (3, S, S).
        preprocessing: The model's preprocessing.
        turn: Whether this mark is turned; it suffices to turn one of two.
    """
    crops = windows(mark)
    return Variants(
        grey=torch.from_numpy(preprocessing(without_colour(mark)).values),
        turned=tuple(view(framed, mirrored, quarters) for mirrored, quarters in _VIEWS[1:]) if turn else (),
        windows=tuple(
            torch.from_numpy(preprocessing(mark[c.y : c.y + c.height, c.x : c.x + c.width]).values) for c in crops
        ),
        crops=crops,
    )


def view(framed: Tensor, mirrored: bool, quarters: int) -> Tensor:
    """A square picture (3, S, S), mirrored left to right or not, then turned clockwise by quarters."""
    return torch.rot90(framed.flip(2) if mirrored else framed, -quarters, (1, 2)).contiguous()


def without_colour(mark: Pixels) -> Pixels:
    """Luminance (Rec. 601) in all three channels."""
    grey = np.round(mark @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    return grey[..., None].repeat(3, axis=2)


def windows(mark: Pixels) -> tuple[Crop, ...]:
    """Windows of a mark that may be another mark: squares over its ink, at most four.

    A wide or tall mark, such as a symbol beside a word, has three windows along its length; any other has one in each
    corner. Windows with almost no ink are left out; a mark that is too small has none.
    """
    drawn = ink(mark)
    if not drawn.any():
        return ()
    return tuple(
        crop
        for crop in windows_over(box_of(drawn))
        if max(crop.width, crop.height) >= _LEAST_SIDE
        and drawn[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width].mean() >= _LEAST_INK
    )


def ink(mark: Pixels) -> NDArray[np.bool_]:
    """The ink: pixels that differ from the ground, bool (H, W)."""
    return np.asarray(np.abs(mark - ground(mark)).max(axis=2) > _INK)


def ground(mark: Pixels) -> NDArray[np.float64]:
    """The median colour along the edge of a mark, uint8 (H, W, 3), float (3,)."""
    return np.median(np.concatenate([mark[0], mark[-1], mark[:, 0], mark[:, -1]]), axis=0)


def sub_scores(
    overall: float,
    grey: float,
    turned: Sequence[float],
    windows: tuple[Sequence[float], Sequence[float]],
    crops: tuple[Sequence[Crop], Sequence[Crop]],
    turned_mark: int,
) -> tuple[SubScore, ...]:
    """The sub-scores, from log odds in nats.

    Args:
        overall: Log odds of the marks as they are.
        grey: Log odds of both without colour.
        turned: Log odds of the seven turned variants of one mark beside the other mark.
        windows: Log odds of each window of the first mark beside the whole second one, and the other way round.
        crops: The places of these windows.
        turned_mark: The mark that was turned, 1 or 2.
    """
    best_turn, how = max(zip((overall, *turned), _VIEWS, strict=True), key=lambda found: found[0])
    inside = [(overall, "the whole marks, better than any window")]
    for number, (values, places) in enumerate(zip(windows, crops, strict=True), 1):
        inside += [
            (
                value,
                f"a window of mark {number} ({crop.width} x {crop.height} pixels from {crop.x}, {crop.y}) beside all "
                f"of mark {3 - number}",
            )
            for value, crop in zip(values, places, strict=True)
        ]
    best_part, where = max(inside, key=lambda found: found[0])
    return (
        SubScore(OVERALL, overall, "both marks as they are"),
        SubScore(WITHOUT_COLOUR, grey, "both marks in grey"),
        SubScore(TURNED, best_turn, _turn_in_words(turned_mark, *how)),
        SubScore(PART_OF, best_part, where),
    )


def _turn_in_words(mark: int, mirrored: bool, quarters: int) -> str:
    turn = f"turned clockwise by {90 * quarters} degrees" if quarters else ""
    done = " and ".join(filter(None, ["mirrored" if mirrored else "", turn]))
    return f"mark {mark} {done}" if done else "both marks as they are, better than any turn"
