"""Draws a split that is stratified by class and divides no group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from training.data.set_files import DataRefused

S = TypeVar("S", bound=str)

_DRAWS = 100


def stratified_split(classes: Sequence[set[str]], shares: Mapping[S, int], seed: int) -> list[S]:
    """Draw a split for each group of photos, so that each class is divided by the shares.

    The rarest class is served first; a group that holds several classes counts for each of them.

    Args:
        classes: The classes that each group holds photos of.
        shares: Relative share of each split; the first also gets the remainder of rounding.
        seed: Draws the order of the groups.

    Returns:
        One split for each group.

    Raises:
        DataRefused: if in every draw a class has no group in some split.

    Source:
        After K. Sechidis, G. Tsoumakas, I. Vlahavas, On the Stratification of Multi-Label Data, ECML PKDD 2011.
    """
    rng = np.random.default_rng(seed)
    for _ in range(_DRAWS):
        splits = _draw(classes, shares, rng)
        reached = {(name, split) for names, split in zip(classes, splits, strict=True) for name in names}
        left_out = sorted({(name, split) for name, _ in reached for split in shares} - reached)
        if not left_out:
            return splits
    name, split = left_out[0]
    msg = (
        f"The class {name} gets no item in {split} in any of {_DRAWS} draws, because items or near-duplicates "
        "are in several classes; add items that are in one class only."
    )
    raise DataRefused(msg)


def _draw(classes: Sequence[set[str]], shares: Mapping[S, int], rng: np.random.Generator) -> list[S]:
    waiting: dict[str, list[int]] = defaultdict(list)
    for group in rng.permutation(len(classes)).tolist():
        for name in classes[group]:
            waiting[name].append(group)
    wanted = {name: _counts(len(groups), shares) for name, groups in waiting.items()}
    drawn: dict[int, S] = {}
    while waiting:
        rarest = min(waiting, key=lambda name: (sum(group not in drawn for group in waiting[name]), name))
        for group in waiting.pop(rarest):
            if group not in drawn:
                drawn[group] = max(shares, key=wanted[rarest].__getitem__)
                for name in classes[group]:
                    wanted[name][drawn[group]] -= 1
    return [drawn[group] for group in range(len(classes))]


def _counts(groups: int, shares: Mapping[S, int]) -> dict[S, int]:
    """Number of a class's groups for each split, at least one each."""
    first, *others = shares
    parts = sum(shares.values())
    counts = {split: max(1, round(groups * shares[split] / parts)) for split in others}
    return {first: groups - sum(counts.values()), **counts}
