"""What a study trains first, and how long: the rule of its budget, beside a naive oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from inference.records import Refusal
from tests.training.experiments.test_budget import Cost, naive_makespan
from training.__main__ import study_kag
from training.experiments.budget import Price
from training.experiments.kag_cells import METHODS, KagProtocol
from training.experiments.study_plan import ORDER, SETS, Stage, data_of, epochs_within, order_in_words, planned
from training.experiments.study_sets import items_within

ROOT = Path(__file__).parents[3]


def test_the_order_is_what_the_paper_is_asked_first() -> None:
    order = [*planned(ORDER)]
    assert [(one.row, one.mould, one.share, one.seed) for one in order[:2]] == [
        ("single task", "hand", 1.0, 0),
        ("KAG-MTLN", "hand", 1.0, 0),
    ]
    assert len(order) == len({*order}) == 2 + 7 + 2 + 4 + 2 + 7
    assert {one.row for one in order} == {*METHODS}
    assert Counter(one.row for one in order if one.mould == "hand" and one.share == 1 and one.seed == 0) == Counter(
        [*METHODS]
    )
    assert [(one.row, one.seed) for one in order[11:15]] == [
        *((row, seed) for seed in (1, 2) for row in ("single task", "KAG-MTLN"))
    ]


def test_each_place_in_the_order_is_a_cell_of_its_own_shared_with_the_tables() -> None:
    protocol = KagProtocol(data_of(Path("out")), Path("out"), epochs=1)
    names = [one.cell(protocol).name for one in planned(ORDER)]
    assert len({*names}) == len(names)
    assert names[1] == "one_mould-0"
    assert names[10] == "one_mould-training_share_0p2-0"
    assert names[16] == "open-0"
    assert [data.parent.name for data in data_of(Path("out"))] == [*SETS.values()]


def test_help_and_page_state_the_order() -> None:
    assert order_in_words() in (study_kag.__doc__ or "")
    page = " ".join((ROOT / "docs" / "training.md").read_text(encoding="utf-8").split())
    for stage in ORDER:
        assert stage.words in page
        assert stage.words in order_in_words()


def naive(prices: Sequence[Price], least: int, seconds: float, at_once: int) -> int | None:
    """Count up: cell by cell, which can have the least beside those before; then how many epochs these can have."""

    def whole(cells: Sequence[Price], epochs: int) -> float:
        return naive_makespan([price(epochs) for price in cells], at_once)

    chosen: list[Price] = []
    for price in prices:
        chosen += [price] if whole([*chosen, price], least) <= seconds else []
    if not chosen:
        return None
    epochs = least
    while whole(chosen, epochs + 1) <= seconds:
        epochs += 1
    return epochs


@pytest.mark.parametrize(
    ("costs", "least", "seconds", "at_once", "epochs"),
    [
        ([1.0], 4, 10.0, 1, 10),
        ([1.0, 1.0], 4, 10.0, 1, 5),
        ([1.0, 1.0], 6, 10.0, 1, 10),
        ([1.0, 1.0, 1.0], 5, 10.0, 2, 5),
        ([1.0, 1.0, 1.0], 6, 10.0, 2, 10),
        ([1.0, 1.0, 2.0], 2, 10.0, 2, 3),
        # One that is too dear is passed over, and those after it are not.
        ([1.0, 9.0, 1.0], 2, 10.0, 1, 5),
        ([3.0], 4, 10.0, 1, None),
        ([1.0], 1, -5.0, 1, None),
    ],
)
def test_the_rule_of_the_budget(
    costs: list[float], least: int, seconds: float, at_once: int, epochs: int | None
) -> None:
    prices = [Cost(0, cost) for cost in costs]
    assert naive(prices, least, seconds, at_once) == epochs
    if epochs is None:
        with pytest.raises(Refusal, match=r"minutes are left for training, and no cell .*; give more --minutes"):
            epochs_within(prices, least, seconds, at_once)
    else:
        assert epochs_within(prices, least, seconds, at_once) == epochs


def test_the_rule_agrees_with_counting_up() -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        # In tenths of a second, which the oracle counts.
        prices = [Cost(*(rng.integers(1, 20, 2) / 10)) for _ in range(rng.integers(1, 7))]
        least, seconds, at_once = int(rng.integers(1, 6)), float(rng.integers(1, 400)) / 10, int(rng.integers(1, 4))
        expected = naive(prices, least, seconds + 1e-9, at_once)
        if expected is None:
            with pytest.raises(Refusal):
                epochs_within(prices, least, seconds + 1e-9, at_once)
        else:
            assert epochs_within(prices, least, seconds + 1e-9, at_once) == expected


def test_seeds_go_one_after_the_other() -> None:
    stage = Stage("both", ("a", "b"), seeds=(3, 4))
    assert [(one.seed, one.row) for one in planned([stage])] == [(3, "a"), (3, "b"), (4, "a"), (4, "b")]


@pytest.mark.parametrize(
    ("seconds", "each", "items"), [(100.0, 1.0, 50), (100.0, 0.01, 1032), (100.0, 3.0, 32), (-5.0, 1.0, 32)]
)
def test_two_sets_share_the_time_of_rendering(seconds: float, each: float, items: int) -> None:
    assert items_within(seconds, each, 32, 1032) == items
