"""Which things hang together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike


class Groups:
    """Union-find: which of a number of things belong together.

    Attributes:
        of: int (n,), the group of each thing: the least index in it.
    """

    def __init__(self, count: int) -> None:
        self.of = np.arange(count)

    def join(self, first: int, others: ArrayLike) -> None:
        """Put the groups of these things together."""
        joined = np.unique(self.of[np.append(np.asarray(others, np.intp), first)])
        if len(joined) > 1:
            self.of[np.isin(self.of, joined)] = joined[0]


def connected_groups(count: int, pairs: Iterable[Sequence[int]]) -> list[int]:
    """The group of each of `count` things, of which each pair belongs together: the least member's index."""
    groups = Groups(count)
    for first, second in pairs:
        groups.join(first, second)
    return groups.of.tolist()
