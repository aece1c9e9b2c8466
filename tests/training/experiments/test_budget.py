"""The arithmetic of a budget, beside naive oracles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest

from training.experiments.budget import Price, affordable, makespan, most_epochs


class Cost(NamedTuple):
    """A training: seconds at its start, of an epoch, and how many of its own epochs are one of the protocol's."""

    once: float
    epoch: float
    passes: float = 1.0

    def __call__(self, epochs: int) -> float:
        return self.once + round(self.passes * epochs) * self.epoch


def naive_makespan(seconds: Sequence[float], at_once: int) -> float:
    """Tenth by tenth of a second: each free process takes the next job, none of which takes nothing."""
    waiting, running, now = [round(10 * one) for one in seconds], [0] * at_once, 0
    while waiting or any(running):
        for place, left in enumerate(running):
            if not left and waiting:
                running[place] = waiting.pop(0)
        running = [max(0, left - 1) for left in running]
        now += 1
    return now / 10


CASES = [
    ([3.0], 1, 3.0),
    ([3.0], 4, 3.0),
    ([], 2, 0.0),
    ([1.0, 2.0, 3.0], 1, 6.0),
    ([1.0, 2.0, 3.0], 2, 4.0),
    ([3.0, 1.0, 1.0, 1.0], 2, 3.0),
    ([1.0, 1.0, 1.0, 3.0], 2, 4.0),
]


@pytest.mark.parametrize(("seconds", "at_once", "expected"), CASES)
def test_a_makespan_worked_out_by_hand(seconds: list[float], at_once: int, expected: float) -> None:
    assert makespan(seconds, at_once) == expected


def test_a_makespan_is_that_of_the_clock() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        seconds = (rng.integers(1, 60, rng.integers(1, 9)) / 10).tolist()
        at_once = int(rng.integers(1, 5))
        assert makespan(seconds, at_once) == pytest.approx(naive_makespan(seconds, at_once))


@pytest.mark.parametrize(
    ("prices", "seconds", "at_once", "epochs"),
    [
        ([Cost(0, 1)], 7.5, 1, 7),
        ([Cost(2, 1)], 7.5, 1, 5),
        ([Cost(0, 8)], 7.5, 1, 0),
        ([Cost(0, 1), Cost(0, 2)], 9.0, 1, 3),
        ([Cost(0, 1), Cost(0, 2)], 9.0, 2, 4),
        # With a fifth of the items a run takes five times as many epochs, each of a fifth of the steps.
        ([Cost(0, 1), Cost(0, 0.2, passes=5)], 8.0, 1, 4),
        ([Cost(1, 1), Cost(1, 1), Cost(1, 1)], 8.0, 2, 3),
        ([Cost(0, 1)], 0.0, 1, 0),
        ([Cost(0, 1)], -3.0, 1, 0),
    ],
)
def test_a_budget_is_divided(prices: list[Price], seconds: float, at_once: int, epochs: int) -> None:
    assert most_epochs(prices, seconds, at_once) == epochs


def test_no_budget_is_exceeded_and_one_epoch_more_would_exceed_it() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        prices = [
            Cost(*rng.uniform(0.1, 3, 2), passes=float(rng.choice([1, 1.25, 5]))) for _ in range(rng.integers(1, 6))
        ]
        seconds, at_once = float(rng.uniform(0, 200)), int(rng.integers(1, 4))
        epochs = 0
        while makespan([price(epochs + 1) for price in prices], at_once) <= seconds:
            epochs += 1
        assert most_epochs(prices, seconds, at_once) == epochs


@pytest.mark.parametrize(
    ("epochs", "seconds", "at_once", "chosen"),
    [
        (2, 100.0, 1, [0, 1, 2, 3]),
        (2, 18.0, 1, [0, 1, 2, 3]),
        (2, 17.9, 1, [0, 1, 2]),
        (2, 13.9, 1, [0, 1]),
        (2, 9.9, 1, [0, 2]),
        (2, 3.9, 1, []),
        (2, 10.0, 2, [0, 1, 2, 3]),
        (2, 9.9, 2, [0, 1, 2]),
        (9, 18.0, 9, [0, 2, 3]),
    ],
)
def test_what_is_too_dear_is_passed_over(epochs: int, seconds: float, at_once: int, chosen: list[int]) -> None:
    """Four trainings of 2, 3, 2 and 2 seconds an epoch."""
    assert affordable([Cost(0, 2), Cost(0, 3), Cost(0, 2), Cost(0, 2)], epochs, seconds, at_once) == chosen
