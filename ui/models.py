"""The tab with the models' cards: what each is, what it is good for, and what is known against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inference.records import as_json
from inference.weights import HISTOGRAM_BINS, Card, Catalogue, Histogram, Metric, Task
from ui.markup import render

_TASKS: dict[Task, str] = {
    "authenticity": "Authenticity",
    "trademark": "Trademark comparison",
    "locator": "Locator",
    "pretrained": "Starting weights",
}
_HEADLINES = {
    "Cllr": "Cllr: 0 at best, 1 says nothing",
    "authenticity AUC": "AUC, genuine against counterfeit",
    "AUC of the score, unseen counterfeiters": "AUC, unseen counterfeiters",
    "AUC, random pairs": "AUC, random pairs",
    "AUC, hard pairs": "AUC, hard pairs",
    "misleading evidence, counterfeit": "counterfeits whose LR favours genuine",
    "misleading evidence, dissimilar": "dissimilar pairs whose LR favours similar",
    "mean average precision": "Mean average precision",
    "false finds per empty scene": "False finds per empty scene",
}
"""The figures that are read first, where a card has them, and what the page calls them."""
_TOPICS = {
    "Likelihood ratios": ("Cllr", "misleading", "strongest", "conformal", "abstained", "AURC", "error at", "several"),
    "Telling the sides apart": ("AUC", "authenticity", "class", "accuracy", "found", "known", "unseen", "inconclusive"),
    "Series and reference": ("series open", "refused"),
    "Heatmaps": ("heatmap",),
    "Scope gate": ("scope",),
    "Finding parts": ("average precision", "mean average precision", "precision", "recall", "false finds"),
    "Other figures": ("",),
}
"""Headings over the other figures, and how the names of their figures start; the last takes what is left."""

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
    cards = sorted(catalogue.cards.values(), key=lambda card: (list(_TASKS).index(card.task), card.title, card.name))
    return render(
        "models.html",
        cards=[
            {
                "card": card,
                "title": catalogue.title(card.name),
                "headlines": {words: card.metrics[name] for name, words in _HEADLINES.items() if name in card.metrics},
                "topics": figures_by_topic(card.metrics),
                "histogram": _drawn(card),
                "settings": as_json(card.settings),
            }
            for card in cards
        ],
        tasks=_TASKS,
        refusals=catalogue.refusals,
        width=_WIDTH,
        height=_HEIGHT,
    )


def figures_by_topic(metrics: Mapping[str, Metric]) -> dict[str, dict[str, Metric]]:
    """A card's figures under the headings of the page, each under one of them and in its order."""
    topics: dict[str, dict[str, Metric]] = {topic: {} for topic in _TOPICS}
    for name, metric in metrics.items():
        topic = next(topic for topic, starts in _TOPICS.items() if name.startswith(starts))
        topics[topic][name] = metric
    return {topic: figures for topic, figures in topics.items() if figures}


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
