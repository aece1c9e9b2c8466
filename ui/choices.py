"""By what a photo can be examined, as a page offers it: models, reference collections, and their series."""

from __future__ import annotations

from typing import Any

import gradio as gr

from inference.bench import Bench
from inference.collections.files import BEST_FIT
from inference.request import Means

BESIDE = "references/"
"""Begins the choice of a reference collection where a model may be chosen; no name of a model has a slash."""
EACH_PART = "/each part"
"""The choice to examine each part that is found by what there is for it."""


class Choices:
    """What the models and collections of a bench offer.

    Args:
        bench: The bench.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def choices(self) -> list[tuple[str, str]]:
        """Titles and names of the models, then of the reference collections, if there is a comparator for them."""
        cards = self._bench.collections.cards if self._bench.choices("comparator") else {}
        beside = [
            (f"Beside {len(card.items)} genuine: {card.part}, {card.series}", name) for name, card in cards.items()
        ]
        if len(cards) > 1:
            beside.append((f"Beside the best fitting of {len(cards)} collections", BEST_FIT))
        return [*self._bench.choices("authenticity"), *((title, f"{BESIDE}{name}") for title, name in beside)]

    def choice_for(self, part: str) -> str | None:
        """The choice for a detected part: its model, or else its reference collections; None without either."""
        if model := self._bench.model_for(part):
            return model
        collection = self._bench.beside_for(part)
        return f"{BESIDE}{collection}" if collection else None

    def look_again(self, model: str | None) -> list[Any]:
        """The models and collections as they stand now, as a choice; and the series, if the chosen one is gone."""
        choices = self.choices()
        if model in {name for _, name in choices}:
            return [gr.Dropdown(choices=choices, value=model), gr.skip()]
        first = choices[0][1] if choices else None
        return [gr.Dropdown(choices=choices, value=first), self.series_of(first)]

    def series_of(self, model: str | None) -> gr.Dropdown:
        """The series that a model or a collection knows, as a choice."""
        return gr.Dropdown(choices=self.series_choices(model), value="")

    def series_choices(self, model: str | None) -> list[tuple[str, str]]:
        """The series by name; left open they are tried."""
        if model and model.startswith(BESIDE):
            card = self._bench.collections.cards.get(model.removeprefix(BESIDE))
            return [(card.series if card else "Left open", "")]
        return [("Left open", ""), *((series, series) for series in self._bench.series(model))]


def means_of(choice: str | None, series: str | None) -> Means:
    """By what many photos are examined, from a choice among `choices`, or `EACH_PART`."""
    if choice == EACH_PART:
        return Means(locate=True, series=series or None)
    if choice and choice.startswith(BESIDE):
        return Means(references=choice.removeprefix(BESIDE), series=series or None)
    return Means(choice or None, series=series or None)
