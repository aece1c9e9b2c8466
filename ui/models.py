"""The tab with the models' cards: what each is, what it is good for, and what is known against it."""

from __future__ import annotations

from dataclasses import dataclass

from inference.records import as_json
from inference.weights import HISTOGRAM_BINS, Card, Catalogue, Histogram
from ui.markup import render

_WIDTH, _HEIGHT = 600, 64
"""Size of one group's histogram in units of its drawing."""


@dataclass(frozen=True)
class Bar:
    """One bin of a drawn histogram, in units of the drawing."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class DrawnGroup:
    """One group of a drawn histogram."""

    name: str
    total: int
    bars: tuple[Bar, ...]


def models_page(catalogue: Catalogue) -> str:
    """All cards as a page, starting weights last, and a sentence for each card that was refused."""
    order = ("authenticity", "trademark", "locator", "pretrained")
    cards = sorted(catalogue.cards.values(), key=lambda card: (order.index(card.task), card.title))
    return render(
        "models.html",
        cards=[{"card": card, "histogram": _drawn(card), "settings": as_json(card.settings)} for card in cards],
        refusals=catalogue.refusals,
        width=_WIDTH,
        height=_HEIGHT,
    )


def _drawn(card: Card) -> tuple[DrawnGroup, ...]:
    return draw_histogram(card.histogram) if card.histogram else ()


def draw_histogram(histogram: Histogram) -> tuple[DrawnGroup, ...]:
    """Each group's shares on one common height, so that groups of different size can be compared."""
    shares = {name: [count / max(sum(counts), 1) for count in counts] for name, counts in histogram.counts.items()}
    highest = max((share for group in shares.values() for share in group), default=0) or 1
    step = _WIDTH / HISTOGRAM_BINS
    return tuple(
        DrawnGroup(
            name,
            sum(histogram.counts[name]),
            tuple(
                Bar(index * step + 1, _HEIGHT - share / highest * _HEIGHT, step - 2, share / highest * _HEIGHT)
                for index, share in enumerate(group)
            ),
        )
        for name, group in shares.items()
    )
