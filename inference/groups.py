"""Connected groups of things."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def connected_groups(count: int, pairs: ArrayLike) -> list[int]:
    """The group of each of `count` things, as the index of its least member; each pair (m, 2) belongs to one group."""
    ends = np.asarray(pairs, np.intp).reshape(-1, 2)
    links = coo_array((np.ones(len(ends), np.bool_), (ends[:, 0], ends[:, 1])), shape=(count, count))
    _, labels = connected_components(links, directed=False)
    _, least = np.unique(labels, return_index=True)
    return least[labels].tolist()
