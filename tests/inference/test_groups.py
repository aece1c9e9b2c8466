from __future__ import annotations

import numpy as np

from inference.groups import connected_groups


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
