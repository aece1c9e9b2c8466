"""Figures by severity: few rows with enough items each, whatever a set writes into the column."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from training.data.photos.photo import Photo

logger = logging.getLogger(__name__)

Chosen = NDArray[np.bool_]

LEAST_ITEMS = 10
"""Least items of a row: with fewer, its interval says almost nothing (five of ten: .24 to .76)."""
MOST_ROWS = 8
"""Most rows of single values that a column gives."""
MOST_RANGES = 4
"""Most ranges into which numbers are put."""


def by_severity(photos: Sequence[Photo], chosen: Chosen) -> dict[str, Chosen]:
    """The chosen photos in each row of figures by severity.

    A severity of at least `LEAST_ITEMS` items has a row of its own, up to `MOST_ROWS` rows. If that leaves out a
    severity in a column of numbers, all numbers are put into ranges of about equally many items. In any other column
    the rest becomes one row, `others`, if it has enough items in all. Severities without a row are logged.

    Args:
        photos: The photos (n,).
        chosen: Mask of the photos that count (n,); photos without a stated severity never do.

    Returns:
        Photos (n,) by the row's name: the severity as the set writes it, `0.10 to 0.35`, or
        `others (12 values, 31 items)`.
    """
    severities = [photo.truth.severity if counts else "" for photo, counts in zip(photos, chosen, strict=True)]
    rows = _rows(_items_by_severity(photos, severities))
    return {name: np.array([severity in values for severity in severities]) for name, values in rows.items()}


def count_items(photos: Sequence[Photo], chosen: Chosen) -> int:
    """Number of items that the chosen photos (n,) show."""
    return len({photo.item for photo, counts in zip(photos, chosen, strict=True) if counts})


def _items_by_severity(photos: Sequence[Photo], severities: Sequence[str]) -> dict[str, set[str]]:
    items: dict[str, set[str]] = defaultdict(set)
    for photo, severity in zip(photos, severities, strict=True):
        if severity:
            items[severity].add(photo.item)
    return dict(items)


def _rows(items: Mapping[str, set[str]]) -> dict[str, Collection[str]]:
    """The severities in each row, by its name."""
    filled = [value for value in items if len(items[value]) >= LEAST_ITEMS]
    if len(filled) == len(items) <= MOST_ROWS:
        return {value: (value,) for value in items}
    numbers = {value: _number(value) for value in items}
    if all(math.isfinite(number) for number in numbers.values()):
        return _ranges(items, numbers)
    most = sorted(filled, key=lambda value: len(items[value]), reverse=True)[:MOST_ROWS]
    named: dict[str, Collection[str]] = {value: (value,) for value in filled if value in most}
    return named | _others({value: items[value] for value in items if value not in most})


def _number(text: str) -> float:
    """A severity as a number, with or without a decimal comma or a percent sign; NaN if it is not one."""
    try:
        return float(text.removesuffix("%").replace(",", "."))
    except ValueError:
        return math.nan


def _ranges(items: Mapping[str, set[str]], numbers: Mapping[str, float]) -> dict[str, Collection[str]]:
    """Ranges of about equally many items, named by their ends."""
    at: dict[float, list[str]] = defaultdict(list)
    for value in sorted(items, key=lambda value: numbers[value]):
        at[numbers[value]].append(value)  # one number may be written in two ways
    left = list(at.values())
    if _count(items, left) < LEAST_ITEMS:
        return _others(items)
    rows: dict[str, Collection[str]] = {}
    while left:
        count = _count(items, left)
        share = count / max(1, min(MOST_RANGES - len(rows), count // LEAST_ITEMS))
        cut = next(n for n in range(1, len(left) + 1) if _count(items, left[:n]) >= share)
        if _count(items, left[cut:]) < LEAST_ITEMS:
            cut = len(left)
        first, last = left[0][0], left[cut - 1][0]
        rows[first if first == last else f"{first} to {last}"] = {value for same in left[:cut] for value in same}
        left = left[cut:]
    return rows


def _count(items: Mapping[str, set[str]], values: Iterable[Iterable[str]]) -> int:
    return len({item for same in values for value in same for item in items[value]})


def _others(items: Mapping[str, set[str]]) -> dict[str, Collection[str]]:
    """One row of all these, if they have enough items together."""
    count = _count(items, [items])
    if count >= LEAST_ITEMS:
        return {f"others ({len(items)} values, {count} items)": {*items}}
    if items:
        logger.info(
            "Severities with no figures of their own, which take %d items: %d, of %d items in all.",
            LEAST_ITEMS,
            len(items),
            count,
        )
    return {}
