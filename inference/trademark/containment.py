"""Is one mark, or an element of it, contained in the other: which elements are compared, and which two of them count.

The whole marks beside each other answer another question. Here every element of a mark meets the whole other mark and
every element of it; the two that the network finds most similar are the finding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import torch
from torch import Tensor

from inference.trademark.mark_view import Element, MarkView

Embed = Callable[[Sequence[Tensor]], Tensor]
LogOdds = Callable[[Sequence[tuple[Tensor, Tensor]]], Sequence[float]]


def chosen_elements(
    pairs: Sequence[tuple[MarkView, MarkView]], wholes: Tensor, embed: Embed, log_odds: LogOdds
) -> dict[int, tuple[Element, Element]]:
    """The two most similar elements of each pair of which a mark has any, by the pair's index.

    Args:
        pairs: The pairs, in canonical order.
        wholes: Embeddings of all first marks, then of all second marks (2 * B, C).
        embed: Images (3, S, S) to their embeddings (n, C).
        log_odds: Pairs of embeddings to their log odds, in nats.
    """
    with_elements = {id(view): view for pair in pairs for view in pair if view.elements}
    if not with_elements:
        return {}
    embedded = embed([element.image for view in with_elements.values() for element in view.elements])
    counts = [len(view.elements) for view in with_elements.values()]
    of_view = dict(zip(with_elements, embedded.split(counts), strict=True))
    chosen = {}
    for index, pair in enumerate(pairs):
        if not pair[0].elements and not pair[1].elements:
            continue
        first, second = (
            torch.cat([wholes[index + place * len(pairs)][None], of_view.get(id(view), wholes[:0])])
            for place, view in enumerate(pair)
        )
        places = most_similar(first, second, log_odds)
        a, b = ((view.whole, *view.elements)[place] for view, place in zip(pair, places, strict=True))
        chosen[index] = a, b
    return chosen


def most_similar(first: Tensor, second: Tensor, log_odds: LogOdds) -> tuple[int, int]:
    """Which two embeddings are the most similar, the two whole marks left out.

    Args:
        first: The whole first mark, then its elements (1 + n, C).
        second: The same of the second mark (1 + m, C), n + m > 0.
        log_odds: Log odds of pairs of embeddings, in nats.

    Returns:
        Indices into both.
    """
    places = [place for place in product(range(len(first)), range(len(second))) if place != (0, 0)]
    found = log_odds([(first[a], second[b]) for a, b in places])
    return max(zip(found, places, strict=True), key=lambda one: one[0])[1]
