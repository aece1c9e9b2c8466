"""Deviation: features of genuine training photos, and that training and examination measure the same by them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from inference.authenticity.examiner import AuthenticityExaminer
from inference.intake.exhibit import read_exhibit
from inference.models.card import WeightsRefused
from inference.models.weights import Model, load_model, save_model
from inference.networks.kag_mtln import KagMtln
from inference.records import Refusal
from training.authenticity.deviation import (
    DeviationSettings,
    add_deviation,
    features_or_none,
    fit_features,
    fit_fusion,
    with_features,
)
from training.authenticity.views import RegisteredView
from training.data.photos.photo import PhotoSet
from training.data.photos.photo_set import read_photo_set

WORDS = ("alba", "quorum")


@pytest.fixture(scope="module")
def table(lettered: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six genuine photos of each word to train on, five genuine and two counterfeit ones to validate on."""
    root = tmp_path_factory.mktemp("strays")
    rows, seed = ["path,series,label,item,split"], 700
    shares = (
        *(("train", "genuine", 6), ("train", "counterfeit", 2), ("val", "genuine", 5), ("val", "counterfeit", 2)),
        *(("test", "genuine", 1), ("test", "counterfeit", 1)),
    )
    for word in WORDS:
        for split, label, count in shares:
            for number in range(count):
                seed += 1
                name = f"{word}_{split}_{label}_{number}"
                Image.fromarray(lettered.photo(f"{word}/{label}", seed)).save(root / f"{name}.png")
                rows.append(f"{name}.png,{word},{label},{name},{split}")
    (root / "table.csv").write_text("\n".join(rows) + "\n")
    return root / "table.csv"


@pytest.fixture(scope="module")
def photos(table: Path) -> PhotoSet:
    return read_photo_set(table)


@pytest.fixture(scope="module")
def plain(guided_models: Path, photos: PhotoSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a guided model that was, by its card, trained on the table."""
    folder = tmp_path_factory.mktemp("plain")
    model = load_model("tiny_guided", guided_models)
    card = replace(model.card, data_sha256=photos.manifest_sha256)
    save_model(card, model.network.state_dict(), folder, model.references)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def fused(plain: Path, table: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The model with its deviation."""
    out = tmp_path_factory.mktemp("fused")
    add_deviation(DeviationSettings("tiny_guided", table, out, plain, cache))
    return load_model("tiny_guided", out)


def look(model: Model, cache: Path) -> RegisteredView:
    assert model.card.stack is not None
    return RegisteredView(model.references, model.card.stack, cache)


def network_of(model: Model) -> KagMtln:
    assert isinstance(model.network, KagMtln)
    return model.network


def test_mean_and_spread_are_those_of_the_photos_place_by_place(fused: Model, photos: PhotoSet, cache: Path) -> None:
    how, network = look(fused, cache), network_of(fused)
    genuine = [photo for photo in photos.of("train") if photo.label == "genuine"]
    for reference in fused.references:
        own = [photo for photo in genuine if photo.series == reference.series]
        seen = how.read(own)
        with torch.no_grad():
            stacked = torch.stack([how.tensor(one, one.pixels) for one in seen])
            features = network.backbone.quarter(stacked).numpy().astype(np.float64)
        covered = np.stack([how.covered_cells(one) for one in seen])
        found = reference.features
        assert found is not None
        everywhere = covered.all(0)
        assert everywhere.sum() > 20
        variance = features.var(0)
        known = covered.sum(0) >= 5
        count, mean, squares = covered.sum(0), np.zeros(()), np.zeros(())
        for one, cells in zip(features, covered, strict=True):
            mean, squares = mean + one * cells, squares + one**2 * cells
        partial = squares / np.maximum(count, 1) - (mean / np.maximum(count, 1)) ** 2
        floor = 0.05 * partial[:, known].mean(1)[:, None]
        assert found.mean[:, everywhere] == pytest.approx(features.mean(0)[:, everywhere], rel=2e-3, abs=1e-4)
        expected = np.sqrt(variance[:, everywhere] + floor)
        assert found.spread[:, everywhere] == pytest.approx(expected, rel=5e-3, abs=1e-3)
        assert np.isinf(found.spread[:, ~known]).all()


def test_the_fusion_standardises_what_the_examiner_finds_on_genuine_photos(fused: Model, photos: PhotoSet) -> None:
    examiner, validation = AuthenticityExaminer(fused), photos.of("val")
    scores = np.array([examiner.examine(read_exhibit(photo.path), photo.series).score for photo in validation])
    genuine = np.array([photo.label == "genuine" for photo in validation])
    assert scores[genuine].mean() == pytest.approx(0, abs=1e-3)
    assert scores[genuine].min() > scores[~genuine].max()


def test_a_verdict_shows_where_the_features_stray(fused: Model, lettered: Any) -> None:
    examiner = AuthenticityExaminer(fused)
    for word in WORDS:
        kept, forged = (
            examiner.examine(lettered(f"{word}/{label}", 50)).reference for label in ("genuine", "counterfeit")
        )
        assert kept is not None
        assert forged is not None
        assert (kept.measured, kept.difference.shape) == ("features", kept.registered.shape[:2])
        assert forged.deviation > 1.3 * kept.deviation
        # The counterfeit's line ends early, on the right and below the middle.
        y, x = np.unravel_index(int(np.argmax(forged.difference)), forged.difference.shape)
        assert x > forged.difference.shape[1] * 0.4
        assert y > forged.difference.shape[0] * 0.5


def test_a_fused_model_needs_its_features(fused: Model, tmp_path: Path) -> None:
    bare = [replace(reference, features=None) for reference in fused.references]
    save_model(fused.card, fused.network.state_dict(), tmp_path, bare)
    with pytest.raises(WeightsRefused, match="does not fit"):
        load_model("tiny_guided", tmp_path)


def test_another_set_is_refused(guided_models: Path, table: Path, cache: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="is not the set tiny_guided was trained on"):
        add_deviation(DeviationSettings("tiny_guided", table, tmp_path, guided_models, cache))


def test_a_model_that_looks_at_the_photo_alone_is_refused(tiny_models: Path, table: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="has no reference view"):
        add_deviation(DeviationSettings("tiny_parts", table, tmp_path, tiny_models, tmp_path))


@pytest.mark.parametrize(
    ("split", "label", "words"),
    [("train", "genuine", "fit its reference"), ("val", "genuine", "standardised over genuine validation photos")],
)
def test_too_few_genuine_photos_are_no_basis(
    split: str, label: str, words: str, fused: Model, photos: PhotoSet, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left = [photo for photo in photos.photos if (photo.split, photo.label) == (split, label)]
    few = replace(photos, photos=tuple(photo for photo in photos.photos if photo not in left[4:]))
    how, network = look(fused, cache), network_of(fused)
    with pytest.raises(Refusal, match=words):
        fit_fusion(replace(fused, references=with_features(network, how, few)), few)
    assert features_or_none(network, how, few) is None
    assert "The score is the log odds" in caplog.text


def test_a_photo_that_covers_half_speaks_for_that_half_only(fused: Model, photos: PhotoSet, cache: Path) -> None:
    how, network = look(fused, cache), network_of(fused)
    own = [photo for photo in photos.of("train") if photo.series == "alba" and photo.label == "genuine"]
    seen = how.read(own)
    half = seen[0].covered
    assert half is not None
    half = half.copy()
    half[:, half.shape[1] // 2 :] = False
    five = [*seen[1:5], replace(seen[0], covered=half)]
    spread = fit_features(network, how, five).spread
    cells = how.covered_cells(five[-1])
    whole = np.all([how.covered_cells(one) for one in seen[1:5]], axis=0)
    assert np.isfinite(spread[:, cells & whole]).all()
    assert np.isinf(spread[:, ~cells]).all()


def test_every_series_gets_its_own(fused: Model, photos: PhotoSet, cache: Path) -> None:
    again = with_features(network_of(fused), look(fused, cache), photos)
    assert [reference.series for reference in again] == [*WORDS]
    for reference, kept in zip(again, fused.references, strict=True):
        assert reference.features is not None
        assert kept.features is not None
        assert np.array_equal(reference.features.mean, kept.features.mean)
