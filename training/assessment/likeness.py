"""How far the counterfeits of one hand are alike in a rendered set: by how much the edges of their lettering differ.

A counterfeiter of real goods works from one mould, so that its pieces resemble each other more than they resemble
genuine ones. What a set has of this decides how much a network can learn of a hand it knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import get_args

import numpy as np
from tqdm import tqdm

from inference.models.card import Metric
from training.assessment.tables import Table
from training.data.npm import CACHE
from training.data.rendered.build import specified
from training.data.rendered.lettering import Raster, edge_distance
from training.data.rendered.plan import Mould, RenderedSettings, plan
from training.data.rendered.specification import PartName
from training.data.rendered.typefaces import TYPEFACES, Typeface, Typefaces
from training.figures.metrics import mean_by_source

_NEAR_AN_EDGE = 3.0
_MOST_ITEMS = 8
"""Of a hand, and of the genuine items beside it: pairs grow with the square."""


Made = dict[str, dict[str, list[tuple[Raster, Raster]]]]
"""Of each series and hand (genuine items have none), the signed distances of some items and of their twins."""


@dataclass(frozen=True)
class LikenessSettings:
    """Measure how far the counterfeits of one hand are alike, in pixels of a part 720 wide."""

    part: PartName
    """Kind of part."""
    seed: int = 0
    """As of the rendered set."""
    cache: Path = CACHE
    """Folder that holds the typefaces once they are fetched."""


def edge_difference(one: Raster, other: Raster) -> float:
    """Mean shift of the lettering's edges between two items, in pixels, from their signed distances (h, w).

    Where both are near an edge, distances differ by as much as the edge has moved; a move of more than 3 counts as 3.
    """
    one, other = (np.clip(distance, -_NEAR_AN_EDGE, _NEAR_AN_EDGE) for distance in (one, other))
    near = (np.abs(one) < _NEAR_AN_EDGE) | (np.abs(other) < _NEAR_AN_EDGE)
    return float(np.abs(one - other)[near].mean())


def measure_likeness(settings: LikenessSettings, typefaces: Sequence[Typeface] = TYPEFACES) -> Table:
    """Mean edge difference of two genuine items, of a hand's two items, of two hands', and of an item and its twin.

    Args:
        settings: The settings.
        typefaces: The typefaces that the specifications name.

    Returns:
        A row for each choice of mould. Intervals are by hand; of genuine items, by series.

    Raises:
        PackageRefused: if a typeface cannot be fetched.
    """
    opened = Typefaces(settings.cache, typefaces)
    opened.fetch()
    return {f"a mould for each {mould}": _likeness(settings, mould, opened) for mould in get_args(Mould)}


def _likeness(settings: LikenessSettings, mould: Mould, typefaces: Typefaces) -> dict[str, Metric]:
    rendered = RenderedSettings(settings.part, Path(), seed=settings.seed, mould=mould, cache=settings.cache)
    made: Made = {}
    for item in tqdm(plan(rendered), "lettering", unit="item", leave=False):
        own = made.setdefault(item.series.name, {}).setdefault(
            item.counterfeiter.name if item.counterfeiter else "", []
        )
        if len(own) < _MOST_ITEMS:
            altered, twin = (edge_distance(one, typefaces) for one in specified(item, rendered))
            own.append((altered, twin))
    values: dict[str, list[float]] = {}
    sources: dict[str, list[str]] = {}
    for name, hand, value in _differences(made):
        values.setdefault(name, []).append(value)
        sources.setdefault(name, []).append(hand)
    return {
        name: mean_by_source(np.array(listed), sources[name], f"{len(listed)} pairs") for name, listed in values.items()
    }


def _differences(made: Made) -> Iterator[tuple[str, str, float]]:
    """What is compared, whose it is, and by how much the edges differ."""
    for series, hands in made.items():
        for hand, items in hands.items():
            what = "two of one hand" if hand else "two genuine items"
            for (one, _), (other, _) in combinations(items, 2):
                yield what, hand or series, edge_difference(one, other)
        forged = {hand: items for hand, items in hands.items() if hand}
        for hand, items in forged.items():
            for altered, twin in items:
                yield "a counterfeit and its twin", hand, edge_difference(altered, twin)
        for (hand, items), others in combinations(forged.items(), 2):
            yield "two of two hands", hand, edge_difference(items[0][0], others[1][0][0])
