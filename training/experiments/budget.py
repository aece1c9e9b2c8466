"""How a budget of time is divided among trainings that all take equally many steps.

A price says what one training takes, in seconds, by the number of epochs of the protocol: it never falls as they grow.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

from training.fitting.run_folder import require_setting

Price = Callable[[int], float]


def require_budget(minutes: float | None, epochs: int | None) -> None:
    """Check the two settings by which a study may state its length.

    Raises:
        TrainingRefused: if both are stated, or there are no minutes at all.
    """
    require_setting(
        minutes is None or epochs is None, "--minutes finds the epochs that --epochs states; give one of them."
    )
    require_setting(minutes is None or minutes > 0, f"--minutes is above 0, not {minutes}.")


def makespan(seconds: Sequence[float], at_once: int = 1) -> float:
    """When the last of some jobs ends, if each in its turn goes to the first of so many processes that is free.

    Args:
        seconds: What each job takes, >= 0, in their order.
        at_once: Number of processes, at least 1.
    """
    free = [0.0] * at_once
    for one in seconds:
        heapq.heapreplace(free, free[0] + one)
    return max(free)


def most_epochs(prices: Sequence[Price], seconds: float, at_once: int = 1) -> int:
    """The most epochs with which all trainings end in time; 0 if one epoch is too many.

    Args:
        prices: Those of the trainings, at least one, which grow without bound, in their order.
        seconds: The budget.
        at_once: How many trainings run at a time.
    """

    def fits(epochs: int) -> bool:
        return makespan([price(epochs) for price in prices], at_once) <= seconds

    below, above = 0, 1
    while fits(above):
        below, above = above, 2 * above
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if fits(middle) else (below, middle)
    return below


def affordable(prices: Sequence[Price], epochs: int, seconds: float, at_once: int = 1) -> list[int]:
    """Which trainings end in time with so many epochs, one after the other: what is too dear is passed over."""
    chosen: list[int] = []
    for number in range(len(prices)):
        if makespan([prices[one](epochs) for one in (*chosen, number)], at_once) <= seconds:
            chosen.append(number)
    return chosen
