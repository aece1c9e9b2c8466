"""The tab of the models' cards: what each model is, what it is good for, and its known limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inference.models.card import HISTOGRAM_BINS, Card, Histogram, Metric, Task
from inference.models.catalogue import Catalogue
from inference.models.topics import Topic
from inference.records import as_json
from ui.markup import render

_TASKS: dict[Task, str] = {
    "authenticity": "Authenticity",
    "trademark": "Trademark comparison",
    "locator": "Locator",
    "comparator": "Comparator",
    "pretrained": "Starting weights",
}
_HEADLINES = {
    "Cllr: 0 at best, 1 says nothing": ("cllr",),
    "AUC, genuine against counterfeit": ("auc",),
    "AUC, unseen counterfeiters": ("score_auc", "unseen counterfeiters"),
    "AUC beside 5 genuine items": ("auc", "both witnesses", "5 enrolled"),
    "AUC beside 40 genuine items": ("auc", "both witnesses", "40 enrolled"),
    "Cllr beside 5: 0 at best, 1 says nothing": ("cllr", "5 enrolled"),
    "AUC, random pairs": ("auc", "random pairs"),
    "AUC, hard pairs": ("auc", "hard pairs"),
    "counterfeits whose LR favours genuine": ("misleading_evidence", "counterfeit"),
    "dissimilar pairs whose LR favours similar": ("misleading_evidence", "dissimilar"),
    "Mean average precision": ("mean_average_precision",),
    "False detections per empty scene": ("false_finds",),
}
"""The figures at the head of a card, if it has them: their names on the page, keys and subsets."""
_HEADINGS: dict[Topic, str] = {
    "likelihood ratios": "Likelihood ratios",
    "several photos": "Likelihood ratios",
    "telling the sides apart": "Discrimination of the sides",
    "series and reference": "Series and reference",
    "heatmaps": "Heatmaps",
    "scope gate": "Scope gate",
    "finding parts": "Finding parts",
    "other": "Other figures",
}
"""The heading over the figures of each topic, in the order of the page."""

_WIDTH, _HEIGHT = 600, 64
"""Width and height of one group's histogram, in units of its drawing."""


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
    """The page of all cards, pretrained starts last, with a sentence for each refused card."""
    cards = sorted(catalogue.cards.values(), key=lambda card: (list(_TASKS).index(card.task), card.title, card.name))
    return render(
        "models.html",
        cards=[
            {
                "card": card,
                "title": catalogue.title(card.name),
                "headlines": {words: figure for words, at in _HEADLINES.items() if (figure := card.figure(*at))},
                "topics": figures_by_heading(card.metrics),
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


def figures_by_heading(metrics: Mapping[str, Metric]) -> dict[str, dict[str, Metric]]:
    """A card's figures under the headings of the page, in order."""
    headed: dict[str, dict[str, Metric]] = {heading: {} for heading in _HEADINGS.values()}
    for name, metric in metrics.items():
        headed[_HEADINGS[metric.topic]][name] = metric
    return {heading: figures for heading, figures in headed.items() if figures}


def _drawn(card: Card) -> tuple[DrawnGroup, ...]:
    return draw_histogram(card.histogram) if card.histogram else ()


def draw_histogram(histogram: Histogram) -> tuple[DrawnGroup, ...]:
    """Shares of each group on one common scale, so that groups of different size can be compared."""
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
