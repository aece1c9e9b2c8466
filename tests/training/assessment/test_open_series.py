"""Photos whose series is left open: the best fit is taken where it leads, and mistaken for few."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.authenticity.examiner import AuthenticityExaminer
from inference.intake.exhibit import read_exhibit
from inference.models.card import SeriesRule
from inference.models.weights import load_model
from inference.reference.reference import Reference
from inference.reference.registration import register
from inference.request import Request
from training.assessment.open_series import OpenFits, left_open, open_fits, series_metrics, series_rule
from training.data.photos.photo import Label, Photo, PhotoSet, Split


def fits(own: list[bool], lead: list[float]) -> OpenFits:
    return OpenFits(np.array([f"item {n}" for n in range(len(own))]), np.array(own), np.array(lead))


@pytest.mark.parametrize(
    ("photos", "mistaken", "least"),
    [
        (100, [], 0.0),
        (100, [0.3, 0.2], 0.0),  # two in a hundred may be mistaken
        (100, [0.3, 0.2, 0.1], np.nextafter(0.1, 1)),
        (100, [0.1, 0.3, 0.2, 0.05], np.nextafter(0.1, 1)),
        (49, [0.3], np.nextafter(0.3, 1)),
        (50, [0.3], 0.0),
        (149, [0.4, 0.3, 0.2], np.nextafter(0.2, 1)),
        (5, [0.0], np.nextafter(0.0, 1)),
    ],
)
def test_the_lead_leaves_two_in_a_hundred_to_another_series(photos: int, mistaken: list[float], least: float) -> None:
    right = photos - len(mistaken)
    validation = fits([True] * right + [False] * len(mistaken), [0.25] * right + mistaken)
    rule = series_rule(validation)
    assert rule.least_lead == least
    assert sum(lead >= rule.least_lead for lead in mistaken) <= 0.02 * photos
    assert f"of {photos} validation photos" in rule.rule


def test_no_lead_can_be_negative() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        SeriesRule(-0.1, "by nobody")


def test_what_is_asked_for_and_what_is_mistaken_add_up_with_what_is_right() -> None:
    test = fits([True, True, True, False, False], [0.3, 0.2, 0.1, 0.25, 0.05])
    metrics = series_metrics(test, SeriesRule(0.2, "for this test"))
    assert {name: metric.value for name, metric in metrics.items()} == {
        "series open: asked for": 0.4,  # the lead itself is enough
        "series open: mistaken": 0.2,
    }


def photo(folder: Path, lettered: object, name: str, series: str, split: Split) -> Photo:
    path = folder / f"{name.replace('/', '_')}_{series}.png"
    Image.fromarray(lettered.photo(name, 50)).save(path)  # type: ignore[attr-defined]
    label: Label = "genuine" if name.endswith("/genuine") else "counterfeit"
    return Photo(path, series, label, path.stem, split, hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture(scope="module")
def guided(guided_models: Path) -> AuthenticityExaminer:
    return AuthenticityExaminer(load_model("tiny_guided", guided_models))


def test_photos_are_laid_over_every_reference(
    lettered: object, tiny_references: tuple[Reference, ...], guided: AuthenticityExaminer, tmp_path: Path
) -> None:
    """One is said to show the other series; one shows nothing, fits badly and does not count."""
    photos = [
        photo(tmp_path, lettered, "alba/genuine", "alba", "val"),
        photo(tmp_path, lettered, "quorum/genuine", "quorum", "val"),
        photo(tmp_path, lettered, "quorum/genuine", "alba", "val"),
    ]
    blank = tmp_path / "blank.png"
    Image.new("RGB", (148, 92), "grey").save(blank)
    found = open_fits([*photos, Photo(blank, "alba", "genuine", "blank", "val")], guided)
    assert found.own.tolist() == [True, True, False]
    assert found.items.tolist() == [one.item for one in photos]
    for lead, one in zip(found.lead, photos, strict=True):
        scores = sorted(register(read_exhibit(one.path).pixels, reference).score for reference in tiny_references)
        # The runner-up is not polished to the last pixel.
        assert lead == pytest.approx(scores[1] - scores[0], abs=0.05)
        beside = guided.view(Request(read_exhibit(one.path))).reference
        assert beside is not None
        assert lead == beside.score - next(iter(beside.runner_up.values()))


def test_only_a_choice_of_references_needs_a_rule(
    lettered: object, guided: AuthenticityExaminer, tmp_path: Path
) -> None:
    splits: tuple[Split, ...] = ("val", "test")
    names = ("alba/genuine", "quorum/genuine", "quorum/counterfeit")
    listed = []
    for split in splits:
        (tmp_path / split).mkdir()
        listed += [photo(tmp_path / split, lettered, name, name.partition("/")[0], split) for name in names]
    photos = PhotoSet(tuple(listed), "by hand", "0" * 64)
    alone = replace(guided.model, references=guided.model.references[:1])
    assert left_open(photos, AuthenticityExaminer(alone)) == (None, {})
    rule, metrics = left_open(photos, guided)
    assert rule is not None
    assert rule.least_lead == 0
    assert {name: metric.value for name, metric in metrics.items()} == {
        "series open: asked for": 0,
        "series open: mistaken": 0,
    }
