"""What photos whose truth is known say of an authenticity model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.authenticity.examiner import AuthenticityExaminer
from inference.models.card import Metric
from inference.models.catalogue import read_card
from inference.models.format_2 import with_keys
from inference.models.weights import load_model
from inference.records import InconclusiveBand
from training.assessment import photos as judgement
from training.assessment.photos import Scored, counterfeit_metrics, judge_photos, unseen_counterfeiters
from training.assessment.severities import LEAST_ITEMS, MOST_RANGES
from training.data.photos.photo import Photo, PhotoSet, Split, Truth
from training.figures.metrics import auc

SPLITS: tuple[Split, ...] = ("train", "val", "test")


def named(rows: Sequence[tuple[str, str, Split, str, str]]) -> PhotoSet:
    """A set of photos (class, item, split, counterfeiter, severity) that lie nowhere."""
    photos = []
    for number, (name, item, split, counterfeiter, severity) in enumerate(rows):
        series, _, label = name.rpartition("/")
        truth = Truth(counterfeiter, severity)
        photos.append(
            Photo(
                Path(f"{number}"), series, "genuine" if label == "genuine" else "counterfeit", item, split, truth=truth
            )
        )
    return PhotoSet(tuple(photos), "By item.", "0" * 64)


def test_a_counterfeiter_is_unseen_who_is_named_and_in_no_training_photo() -> None:
    photos = named(
        [
            ("a/counterfeit", "1", "train", "Ada", ""),
            ("a/counterfeit", "2", "train", "", ""),
            ("a/counterfeit", "3", "val", "Bob", ""),
            ("a/genuine", "4", "test", "", ""),
            ("a/counterfeit", "5", "test", "Ada", ""),
            ("a/counterfeit", "6", "test", "Bob", ""),
            ("b/counterfeit", "7", "test", "Cyd", ""),
            ("a/counterfeit", "8", "test", "", ""),
        ]
    )
    assert unseen_counterfeiters(photos).tolist() == [False, False, True, True, False]


def test_counterfeits_are_counted_by_what_is_known_of_them() -> None:
    rows = [
        ("genuine", "", "", 0.9),
        ("genuine", "", "", 0.3),
        ("counterfeit", "Ada", "plain", 0.1),
        ("counterfeit", "Ada", "plain", 0.7),
        ("counterfeit", "", "subtle", 0.5),
        ("counterfeit", "Bob", "plain", 0.2),
        ("counterfeit", "Bob", "subtle", 0.6),
        ("counterfeit", "Cyd", "", 0.8),
    ] * LEAST_ITEMS
    test = named([(f"a/{label}", str(n), "test", who, grade) for n, (label, who, grade, _) in enumerate(rows)]).photos
    p = np.array([row[3] for row in rows])
    known = np.array([row[1] in ("", "Ada") for row in rows])
    metrics = counterfeit_metrics(test, p, known)
    genuine = [0.9, 0.3]
    unseen = [0.2, 0.6, 0.8]
    wins = [float(mine > theirs) for mine in genuine for theirs in unseen]
    assert {name: metric.value for name, metric in metrics.items()} == pytest.approx(
        {
            "known counterfeiters found": 1 / 3,
            "unseen counterfeiters found": 1 / 3,
            "AUC on unseen counterfeiters": sum(wins) / len(wins),
            "found when plain": 1 / 2,
            "found when subtle": 0.0,
        }
    )
    assert metrics["found when plain"].over.startswith("counterfeits of severity 'plain'; 20 cases of 20 sources")
    for metric in metrics.values():
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low <= metric.value <= metric.high


@pytest.mark.parametrize("severity", ["0.{:02d}".format, "hand {}".format], ids=["numbers", "words"])
def test_a_severity_an_item_does_not_flood_the_card(severity: Callable[[int], str]) -> None:
    """Figures, scores and Cllr alike, of a column with a value of its own for each of 100 counterfeits."""
    rows: list[tuple[str, str, Split, str, str]] = [
        ("a/counterfeit", f"{split} {n}", split, "Ada", severity(n)) for split in SPLITS for n in range(100)
    ]
    photos = named(rows + [("a/genuine", f"{split} g{n}", split, "", "") for split in SPLITS for n in range(40)])
    test = photos.of("test")
    rng = np.random.default_rng(0)
    scores = {split: rng.normal([2 * (p.label == "genuine") - 1 for p in photos.of(split)]) for split in SPLITS}
    found = counterfeit_metrics(test, scores["test"], np.ones(len(test), bool))
    weighed = judgement.weigh_photos(photos, scores["val"], scores["test"], "here").metrics
    for rows_by_severity in (
        [name for name in found if name.startswith("found when ")],
        [name for name in weighed if name.startswith("Cllr, known counterfeiters, ")],
        [name for name in weighed if name.startswith("AUC of the score, known counterfeiters, ")],
    ):
        assert 1 <= len(rows_by_severity) <= MOST_RANGES


def test_a_set_that_knows_nothing_of_its_counterfeits_has_one_figure_of_them() -> None:
    test = named([("a/genuine", "1", "test", "", ""), ("a/counterfeit", "2", "test", "", "")]).photos
    assert set(counterfeit_metrics(test, np.array([0.9, 0.1]), np.array([True, True]))) == {
        "known counterfeiters found"
    }


def test_test_figures_are_of_undisturbed_photos_read_against_the_band() -> None:
    p = np.array([0.95, 0.7, 0.45, 0.9, 0.05, 0.2, 0.6, 0.1])
    genuine = np.array([True] * 4 + [False] * 4)
    right_class = np.array([True, False] * 4)
    items = np.array([f"item {index}" for index in range(8)])

    def figures(lower: float, upper: float) -> dict[str, float]:
        band = InconclusiveBand(lower, upper, "for this test")
        metrics = judgement.test_metrics(right_class, p, genuine, items, band)
        return {name: metric.value for name, metric in metrics.items()}

    expected = {
        "class accuracy": 0.5,
        "authenticity accuracy": 0.75,
        "authenticity AUC": auc(p[genuine], p[~genuine]),
        "inconclusive share": 0.25,
        "accuracy where conclusive": 1.0,
    }
    assert figures(0.3, 0.65) == pytest.approx(expected)
    assert "accuracy where conclusive" not in figures(0.0, 1.0)
    assert figures(0.0, 1.0)["inconclusive share"] == 1.0


def scored(photos: Sequence[Photo], classes: tuple[str, ...], right: float) -> Scored:
    """Log odds `right` for the true side of every photo, its class the likeliest, one photo refused."""
    sign = np.array([1 if photo.label == "genuine" else -1 for photo in photos])
    logits = np.array([[float(name == photo.class_name) for name in classes] for photo in photos])
    scores = right * sign
    scores[0] = np.nan
    return Scored(logits, right * sign, scores)


def test_a_card_states_the_judgement_in_place_of_what_it_said_before(
    tiny_models: Path, guided_models: Path, lettered: Any, tmp_path: Path
) -> None:
    """Figures of scope and heatmaps stay, as they are of other things."""
    model = load_model("tiny_guided", guided_models)
    classes = model.card.classes
    listed = []
    for split, name in product(("val", "test"), classes):
        series, _, label = name.partition("/")
        path = tmp_path / f"{split} {series} {label}.png"
        Image.fromarray(lettered.photo(name, 50)).save(path)
        listed.append(Photo(path, series, "genuine" if label == "genuine" else "counterfeit", path.stem, split))
    photos = PhotoSet(tuple(listed), "by hand", "0" * 64)
    validation, test = (scored(photos.of(split), classes, 2.0) for split in ("val", "test"))
    found = judge_photos(photos, AuthenticityExaminer(model), validation, test, "here")
    assert found.series_rule is not None
    assert found.metrics["series open: asked for"].value == found.metrics["series open: mistaken"].value == 0
    assert found.metrics["refused share"].value == 0.25
    assert found.metrics["class accuracy"].value == found.metrics["authenticity AUC"].value == 1
    assert found.confusion.over == "4 test photos, here"

    card = read_card(tiny_models / "tiny_parts.json")
    names = ("scope, far: AUC", "heatmap lift", "found when odd")
    before = with_keys({name: Metric(0.5, None, None, "before") for name in names})
    after = found.stated_in(replace(card, metrics=before))
    assert {name for name, metric in after.metrics.items() if metric.over == "before"} == {
        "scope, far: AUC",
        "heatmap lift",
    }
    assert found.metrics.items() <= after.metrics.items()
    assert (after.series_rule, after.band, after.confusion) == (found.series_rule, found.band, found.confusion)
    unguided = replace(model, card=replace(model.card, stack=None), references=())
    alone = judge_photos(photos, AuthenticityExaminer(unguided), validation, test, "here")
    assert alone.series_rule is None
    assert "refused share" not in alone.metrics
