"""What a study of the KAG-MTLN paper trains in an hour that is lent, the most valuable first, and how long."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from training.data.rendered.plan import Mould
from training.experiments.budget import Price, affordable, most_epochs
from training.experiments.kag_cells import METHODS, Cell, KagProtocol
from training.fitting.run_folder import require_setting

LEAST_STEPS = 400
"""Steps that every cell takes at least: at the paper's batch 9,600 photos, about as many as those of
docs/results/learning_curve.md, after which a plain network began to tell the sides of leather tags apart. With fewer a
table would compare starts and not methods; with more there are fewer cells."""
SETS: dict[Mould, str] = {"hand": "one_mould", "item": "open"}
"""The sets by what has a mould of its own: each counterfeiter, as in the paper, or each counterfeit item."""
_MAIN = ("single task", "KAG-MTLN")
_RIVALS = tuple(name for name in METHODS if name not in _MAIN)


@dataclass(frozen=True)
class Stage:
    """Cells that are worth as much as each other.

    Attributes:
        words: What they ask.
        rows: Rows of `METHODS`.
        mould: Their set.
        share: Share of the training items.
        seeds: Their seeds.
    """

    words: str
    rows: tuple[str, ...]
    mould: Mould = "hand"
    share: float = 1.0
    seeds: tuple[int, ...] = (0,)


ORDER = (
    Stage("single task and KAG-MTLN where each counterfeiter has one mould, as in the paper", _MAIN),
    Stage("its rivals there", _RIVALS),
    Stage("single task and KAG-MTLN with 20% of the items", _MAIN, share=0.2),
    Stage("both again with seeds 1 and 2", _MAIN, seeds=(1, 2)),
    Stage("both where each counterfeit is altered in its own way", _MAIN, mould="item"),
    Stage("the rivals with 20% of the items", _RIVALS, share=0.2),
)
"""The order in which cells are trained."""


def order_in_words() -> str:
    """The order as a list."""
    return "; ".join(f"({number}) {stage.words}" for number, stage in enumerate(ORDER, 1))


@dataclass(frozen=True)
class Planned:
    """A cell in its place of the order."""

    row: str
    mould: Mould
    share: float
    seed: int

    def cell(self, protocol: KagProtocol) -> Cell:
        """The cell in a protocol whose sets are those of `SETS`, in their order."""
        data = dict(zip(SETS, protocol.data, strict=True))[self.mould]
        return Cell.of(protocol, {**METHODS[self.row], "training_share": self.share}, data, self.seed)


def planned(stages: Iterable[Stage]) -> Iterator[Planned]:
    """The cells of stages, seed by seed."""
    for stage in stages:
        for seed, row in product(stage.seeds, stage.rows):
            yield Planned(row, stage.mould, stage.share, seed)


def epochs_within(prices: Sequence[Price], least: int, seconds: float, at_once: int) -> int:
    """The epochs of every cell: as many as fit for those that can all have the least, the first of the order first.

    Args:
        prices: Those of the cells, in their order.
        least: Epochs that each cell takes at least.
        seconds: The budget.
        at_once: How many cells are trained at a time.

    Raises:
        TrainingRefused: if no cell can have the least.
    """
    chosen = affordable(prices, least, seconds, at_once)
    needed = math.ceil(min(price(least) for price in prices) / 60)
    require_setting(
        bool(chosen),
        f"{max(0.0, seconds) / 60:.1f} minutes are left for training, and no cell takes less than about {needed} for "
        f"its {LEAST_STEPS} steps; give more --minutes, or a smaller --size or --backbone. The rendered sets are kept.",
    )
    return most_epochs([prices[number] for number in chosen], seconds, at_once)


def data_of(out: Path) -> tuple[Path, ...]:
    """Where the sets of a study lie."""
    return tuple(out / "sets" / name / "manifest.csv" for name in SETS.values())
