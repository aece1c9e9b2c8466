from __future__ import annotations

import numpy as np
import pytest

from inference.groups import Groups, connected_groups


def test_connected_groups_are_what_a_walk_reaches() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        count = int(rng.integers(1, 12))
        pairs = rng.integers(0, count, (int(rng.integers(0, 10)), 2)).tolist()
        expected = []
        for start in range(count):
            reached = {start}
            for _ in range(count):
                reached |= {b for a, b in pairs if a in reached} | {a for a, b in pairs if b in reached}
            expected.append(min(reached))
        assert connected_groups(count, pairs) == expected


@pytest.mark.parametrize("links", [0, 5, 20, 60])
def test_groups_are_the_connected_ones(links: int) -> None:
    rng = np.random.default_rng(links)
    joins = [(int(rng.integers(40)), rng.integers(0, 40, rng.integers(1, 4))) for _ in range(links)]
    groups = Groups(40)
    for first, others in joins:
        groups.join(first, others)

    naive = [{index} for index in range(40)]
    for first, others in joins:
        for other in others:
            merged = naive[first] | naive[other]
            for member in merged:
                naive[member] = merged
    assert groups.of.tolist() == [min(members) for members in naive]
