"""Figures of cards: each has a key, and those of cards of format 2 get theirs from their names."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from inference.casework.sections import _is_on_the_page
from inference.models.card import CARD_FORMAT, Card, Metric
from inference.models.catalogue import read_card, read_catalogue
from inference.models.format_2 import with_keys
from inference.models.topics import TOPICS
from inference.models.weights import save_model
from ui.models import figures_by_heading

SHIPPED = read_catalogue().cards
STARTS = {
    "Likelihood ratios": ("Cllr", "misleading", "strongest", "conformal", "abstained", "AURC", "error at", "several"),
    "Discrimination of the sides": (
        "AUC",
        "authenticity",
        "class",
        "accuracy",
        "found",
        "known",
        "unseen",
        "genuine items",
    ),
    "Series and reference": ("series open", "refused"),
    "Heatmaps": ("heatmap", "pixel AUC", "pointing"),
    "Scope gate": ("scope",),
    "Finding parts": ("average precision", "mean average precision", "precision", "recall", "false finds"),
}
"""How the shipped cards name the figures under each heading of the models' page."""
NOT_ON_THE_PAGE = (
    *("heatmap", "pixel AUC", "pointing", "scope, ", "found when ", "Cllr, known ", "several photos"),
    *("AUC, comparator", "AUC, patches"),
)
"""How they name those that the validation section of a report leaves out."""
FIGURE = Metric(0.5, 0.4, 0.6, "40 photos")


@pytest.mark.parametrize("card", SHIPPED.values(), ids=SHIPPED.keys())
def test_every_figure_of_a_shipped_card_has_a_key_and_a_topic(card: Card) -> None:
    figures = card.metrics.values()
    assert all(TOPICS[metric.key] == metric.topic != "other" for metric in figures)
    assert len({(metric.key, metric.of) for metric in figures}) == len(figures)
    for metric in figures:
        assert card.figure(metric.key, *metric.of) is metric


@pytest.mark.parametrize("card", SHIPPED.values(), ids=SHIPPED.keys())
def test_figures_of_shipped_cards_stand_where_their_names_say(card: Card) -> None:
    of_both = {name: name.removeprefix("whole: ").removeprefix("element: ") for name in card.metrics}
    headed = {
        heading: [k for k, name in of_both.items() if name.startswith(starts)] for heading, starts in STARTS.items()
    }
    found = figures_by_heading(card.metrics)
    assert {heading: [*figures] for heading, figures in found.items()} == {k: v for k, v in headed.items() if v}
    shown = [name for name, metric in card.metrics.items() if _is_on_the_page(metric)]
    assert shown == [name for name in card.metrics if not name.startswith(NOT_ON_THE_PAGE)]


@pytest.mark.parametrize(
    ("name", "key", "topic", "of"),
    [
        ("Cllr", "cllr", "likelihood ratios", ()),
        ("Cllr, known counterfeiters, fine", "cllr", "likelihood ratios", ("known counterfeiters", "fine")),
        ("Cllr cross-validated, KDE", "cllr_cross_validated", "likelihood ratios", ("KDE",)),
        ("AUC of the score", "score_auc", "telling the sides apart", ()),
        ("AUC of the score, hard pairs", "score_auc", "telling the sides apart", ("hard pairs",)),
        ("AUC, hard pairs", "auc", "telling the sides apart", ("hard pairs",)),
        ("unseen counterfeiters found", "found", "telling the sides apart", ("unseen counterfeiters",)),
        ("found when plain", "found", "telling the sides apart", ("known counterfeiters", "plain")),
        ("refused share", "unweighed", "series and reference", ()),
        ("scope: false refusals", "false_refusals", "scope gate", ()),
        ("scope, noisy: refused", "scope_refused", "scope gate", ("noisy",)),
        ("scope, noisy: refused or warned of", "scope_noticed", "scope gate", ("noisy",)),
        ("average precision .5:.95 of bag_tag", "average_precision_50_95", "finding parts", ("bag_tag",)),
        ("several photos: Cllr of 3, read as one", "cllr_together_read_as_one", "several photos", ("3",)),
        ("Cllr of something", "", "other", ()),
        ("recall of it", "", "other", ()),
    ],
)
def test_names_of_format_2_say_key_topic_and_group(name: str, key: str, topic: str, of: tuple[str, ...]) -> None:
    found = with_keys({name: FIGURE})
    assert found == {name: dataclasses.replace(FIGURE, key=key, topic=topic, of=of)}


def test_a_card_is_written_in_the_newest_format_with_its_keys(tmp_path: Path) -> None:
    before = SHIPPED["locator"]
    assert before.assay_card == 2
    after = save_model(before, {"x": torch.zeros(1)}, tmp_path)
    stated = json.loads((tmp_path / "locator.json").read_text())
    assert stated["assay_card"] == after.assay_card == CARD_FORMAT == 3
    assert stated["metrics"]["recall"]["key"] == "recall"
    assert read_card(tmp_path / "locator.json").metrics == before.metrics


def test_a_card_of_format_3_is_read_by_its_keys_and_not_by_its_names(tmp_path: Path) -> None:
    metrics = {"Trefferquote": FIGURE.named("recall"), "recall": FIGURE}
    save_model(dataclasses.replace(SHIPPED["locator"], metrics=metrics), {"x": torch.zeros(1)}, tmp_path)
    card = read_card(tmp_path / "locator.json")
    assert card.metrics == metrics
    assert card.figure("recall") == metrics["Trefferquote"]
    assert card.figure("precision") is None


def test_two_figures_of_one_key_are_refused() -> None:
    metrics = {"one": FIGURE.named("cllr", "known"), "other": FIGURE.named("cllr", "known")}
    with pytest.raises(ValueError, match="two figures are cllr of the same"):
        dataclasses.replace(SHIPPED["locator"], metrics=metrics)
    with pytest.raises(KeyError):
        FIGURE.named("clr")
