"""Scores whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """Scores of one side.

    Attributes:
        scores: Log odds of the first side, in nats (n,), finite.
        sources: The source of each score (n,); scores of one source are not independent.
    """

    scores: Scores
    sources: NDArray[np.str_]

    def __post_init__(self) -> None:
        if self.scores.shape != self.sources.shape or not np.isfinite(self.scores).all():
            msg = f"{len(self.scores)} finite scores need as many sources, not {len(self.sources)}"
            raise ValueError(msg)

    @cached_property
    def names(self) -> NDArray[np.str_]:
        """The sources, each once, sorted."""
        return np.unique(self.sources)

    @cached_property
    def weights(self) -> Scores:
        """Weights of the scores (n,): each source weighs 1, however many scores it has."""
        return self.weights_of(np.ones(len(self.names)))

    def weights_of(self, counts: Counts) -> Scores:
        """The same (n,) with each source counted as often as it was drawn, (names,)."""
        index = np.searchsorted(self.names, self.sources)
        return (counts / np.bincount(index, minlength=len(self.names)))[index]

    def of(self, chosen: NDArray[np.bool_]) -> Side:
        """Some of its scores, chosen by a mask (n,)."""
        return Side(self.scores[chosen], self.sources[chosen])


@dataclass(frozen=True)
class Trial:
    """Scores whose truth is known: the first side's (genuine, similar) and the second's."""

    first: Side
    second: Side

    @property
    def is_whole(self) -> bool:
        """Whether there are scores of both sides."""
        return bool(len(self.first.scores) and len(self.second.scores))


def trial(scores: Scores, of_first: NDArray[np.bool_], sources: Sequence[str] | NDArray[np.str_]) -> Trial:
    """A trial from log odds (n,), a mask of the first side (n,), and the source of each (n,)."""
    both = Side(np.asarray(scores, dtype=np.float64), np.asarray(sources, dtype=np.str_))
    return Trial(both.of(of_first), both.of(~of_first))
