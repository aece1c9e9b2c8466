"""Fitting the scope gate: thresholds against naive loops, and the command on a real, small set."""

from __future__ import annotations

import hashlib
import logging
import math
import shutil
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.bench import examiner_of
from inference.examiner import Examiner
from inference.models.card import Card
from inference.models.embedding import frozen_embedding
from inference.models.format_2 import with_keys
from inference.models.weights import load_model, save_model
from inference.planes import Planes
from inference.records import ScopeCheck
from inference.reference.reference import Reference
from inference.reference.registration import register_best
from inference.scope.checks import gate_checks
from inference.scope.gate import ScopeGate
from training.__main__ import main
from training.assessment.gate import (
    ScopeSettings,
    fit_scope_gate,
    gate_model,
    joint_thresholds,
    leave_one_source_out,
    measured_gate,
    spread_over_sources,
    unusual_from,
    weighted_quantile,
    with_gate,
)
from training.assessment.gate_pictures import Degradation, Picture, pictures_of
from training.data.degradations import scaled
from training.data.marks.mark_set import read_mark_set
from training.data.photos.photo_set import read_photo_set
from training.data.scenes.scene_set import read_scene_set
from training.data.set_files import DataRefused


def rows_of(counts: dict[str, int], entries: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings float16 (n, entries) whose sources differ more than their pictures, and the sources."""
    rng = np.random.default_rng(0)
    rows, sources = [], []
    for name, count in counts.items():
        centre = 1 + rng.normal(0, 0.5, entries)
        rows += [centre + rng.normal(0, 0.05, entries) for _ in range(count)]
        sources += [name] * count
    unit = np.array(rows) / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float16), np.array(sources)


def naive_distances(embeddings: np.ndarray, sources: np.ndarray, neighbours: int) -> list[list[float]]:
    """The same by the definitions, one row at a time, with the dense covariance of all other sources."""
    rows = [row / math.sqrt(float(row @ row)) for row in embeddings.astype(np.float64)]
    found = []
    for row, source in zip(rows, sources, strict=True):
        others = np.array([other for other, of in zip(rows, sources, strict=True) if of != source])
        near = sorted(1 - float(row @ other) for other in others)[neighbours - 1]
        n, p = others.shape
        centred = others - others.mean(0)
        sample = centred.T @ centred / n
        variance = np.trace(sample) / p
        dispersion = ((sample - variance * np.eye(p)) ** 2).sum()
        error = sum(((np.outer(one, one) - sample) ** 2).sum() for one in centred) / n**2
        share = min(1, error / dispersion)
        covariance = (1 - share) * sample + share * variance * np.eye(p)
        away = row - others.mean(0)
        found.append([near, math.sqrt(away @ np.linalg.inv(covariance) @ away / p)])
    return found


@pytest.mark.parametrize("neighbours", [1, 3])
@pytest.mark.parametrize(
    "counts", [dict.fromkeys("abcdefghij", 1), {"a": 3, "b": 1, "c": 5, "d": 2, "e": 2}], ids=["one each", "several"]
)
def test_every_source_is_measured_against_all_others(counts: dict[str, int], neighbours: int) -> None:
    embeddings, sources = rows_of(counts)
    order = np.random.default_rng(1).permutation(len(sources))
    embeddings, sources = embeddings[order], sources[order]
    found = leave_one_source_out(embeddings, sources, neighbours)
    assert found == pytest.approx(np.array(naive_distances(embeddings, sources, neighbours)), rel=1e-6)


def test_a_source_is_never_measured_against_its_own_pictures() -> None:
    embeddings, sources = rows_of(dict.fromkeys("abcdefgh", 3))
    apart = leave_one_source_out(embeddings, sources, 1)
    own = leave_one_source_out(embeddings, np.array([str(i) for i in range(len(sources))]), 1)
    assert (apart[:, 0] > 5 * own[:, 0]).all()


def test_with_one_picture_a_source_the_quantile_is_the_conformal_one() -> None:
    rng = np.random.default_rng(0)
    for count in (19, 20, 50, 99, 200):
        values = rng.normal(size=count)
        weights = np.full(count, 1 / (count + 1))
        rank = math.ceil((count + 1) * 0.95)
        assert weighted_quantile(values, weights, 0.95) == np.sort(values)[rank - 1]


def test_both_thresholds_stand_at_one_rank_and_refuse_the_stated_share() -> None:
    rng = np.random.default_rng(0)
    for correlation in (0.0, 0.9):
        draws = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], 399)
        distances = np.exp(draws)
        thresholds = joint_thresholds(distances, np.array([str(i) for i in range(399)]), 0.05)
        beyond = distances > thresholds
        # 5% of 400, the new one counted; one less where a picture is worst in either distance at the same rank
        assert beyond.any(1).sum() in (18, 19)
        # ties apart, neither vote is stricter than the other
        assert abs(int(beyond[:, 0].sum()) - int(beyond[:, 1].sum())) <= 1


def test_new_sources_are_refused_as_often_as_stated() -> None:
    """Over many draws of sources with several pictures each, whose pictures go together."""
    rng = np.random.default_rng(0)
    refused = []
    for _ in range(200):
        level = rng.normal(size=(60, 1, 1)) + rng.normal(0, 0.5, (60, 1, 2))
        distances = np.exp(level + rng.normal(0, 0.3, (60, 3, 2)))
        sources = np.repeat([str(i) for i in range(40)], 3)
        thresholds = joint_thresholds(distances[:40].reshape(-1, 2), sources, 0.05)
        refused.append((distances[40:] > thresholds).any(2).mean())
    assert 0.03 < np.mean(refused) < 0.06


def test_a_warning_stands_where_the_twentieth_source_is() -> None:
    excess = np.random.default_rng(0).random((399, 2))
    found = unusual_from(excess, np.array([f"source {k}" for k in range(399)]))
    assert (excess.max(1) > found).sum() == 399 - math.ceil(0.95 * 400)
    assert unusual_from(excess + 1, np.array([f"source {k}" for k in range(399)])) == 1


def test_sources_count_alike_however_many_pictures_they_have() -> None:
    values = np.concatenate([np.full(900, 9.0), np.arange(39) / 10])
    sources = np.array(["many"] * 900 + [str(i) for i in range(39)])
    near, spread = joint_thresholds(np.stack([values, values], axis=1), sources, 0.05)
    assert near == spread == 3.8


@pytest.mark.parametrize("most", [5, 12, 20, 100])
def test_rows_are_spread_over_sources(most: int) -> None:
    sources = [*"aaaaaaaa", *"bb", *"ccc", "d", *"aa"]
    chosen = spread_over_sources(sources, most)
    assert len(chosen) == len({*chosen}) == min(most, len(sources))
    assert chosen == sorted(chosen)
    kept = Counter(sources[index] for index in chosen)
    assert set(kept) == {*"abcd"}
    most_kept = max(kept.values())
    assert all(count >= min(sources.count(name), most_kept - 1) for name, count in kept.items())


def test_which_sources_are_left_out_does_not_follow_their_order() -> None:
    sources = [f"item {index:03}" for index in range(100)]
    first = {sources[index] for index in spread_over_sources(sources, 30)}
    turned = {sources[::-1][index] for index in spread_over_sources(sources[::-1], 30)}
    assert first == turned
    assert first != set(sources[:30])
    assert first == set(sorted(sources, key=lambda name: hashlib.sha256(name.encode()).digest())[:30])


@pytest.fixture(scope="module")
def alone(tiny_models: Path) -> Examiner:
    """An examiner who looks at parts without a reference."""
    return examiner_of(load_model("tiny_parts", tiny_models))


@pytest.fixture(scope="module")
def guided(guided_models: Path) -> Examiner:
    """An examiner who lays parts over their reference."""
    return examiner_of(load_model("tiny_guided", guided_models))


def test_too_few_sources_make_no_gate(
    alone: Examiner, photo_folder: Path, mark_folder: Path, tiny_models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    few = pictures_of(read_photo_set(photo_folder), "train")[:18]
    with pytest.raises(DataRefused, match="needs 19 items or families in training, but there are 18; add some"):
        fit_scope_gate(alone, few)
    marks = read_mark_set(mark_folder)
    one = replace(marks, marks=tuple(replace(mark, family="one") for mark in marks.marks))
    model = load_model("tiny_marks", tiny_models)
    with caplog.at_level(logging.WARNING):
        assert with_gate(model, one) is model
    assert measured_gate(model, one) == {}
    assert "The model gets no scope gate. A scope gate needs 19" in caplog.text


@pytest.fixture(scope="module")
def letters(lettered: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Picture]:
    """Photos of twenty genuine lettered parts."""
    folder = tmp_path_factory.mktemp("letters")
    for seed in range(20):
        Image.fromarray(lettered.photo("alba/genuine", 300 + seed)).save(folder / f"{seed}.png")
    return [Picture(folder / f"{seed}.png", str(seed)) for seed in range(20)]


def test_beside_a_reference_the_gate_does_not_see_how_a_part_was_cropped_and_turned(
    letters: list[Picture],
    lettered: Any,
    tiny_references: tuple[Reference, ...],
    guided: Examiner,
    alone: Examiner,
) -> None:
    registered, cropped = fit_scope_gate(guided, letters), fit_scope_gate(alone, letters)
    assert (registered.card.sees, cropped.card.sees) == ("registered part", "part")

    def excess(gate: ScopeGate, pixels: np.ndarray) -> float:
        best = register_best(pixels, tiny_references)[0]
        frame = next(one.picture.shape for one in tiny_references if one.series == best.series)
        views = {"part": pixels, "registered part": best.apply(pixels, frame)[0]}
        checks = gate_checks(Planes(pixels), views, gate, frozen_embedding())
        return next(check.value for check in checks if is_kind(check))

    photo = lettered.photo("alba/genuine", 400)
    wide = np.full((photo.shape[0] + 60, photo.shape[1] + 60, 3), (20, 90, 40), np.uint8)
    wide[30:-30, 30:-30] = photo
    turned = np.ascontiguousarray(np.rot90(wide, 2))
    assert excess(cropped, turned) > 2 * excess(cropped, photo)
    assert excess(registered, turned) == pytest.approx(excess(registered, photo), rel=0.25)
    blobs = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    other = np.asarray(Image.fromarray(blobs).resize((148, 92), Image.Resampling.BICUBIC))
    assert excess(registered, other) > 1
    with pytest.raises(ValueError, match="examines the registered part, but there is none"):
        gate_checks(Planes(photo), {"part": photo}, registered, frozen_embedding())


@pytest.mark.parametrize("stated", ["alba", "quorum", None])
def test_a_part_whose_series_is_stated_is_seen_over_that_reference(
    stated: str | None, letters: list[Picture], guided: Examiner
) -> None:
    part, shown = guided.scope_views(replace(letters[0], series=stated).request())
    over = [reference for reference in guided.model.references if reference.series == (stated or "alba")]
    best = register_best(part.pixels, over)[0]
    assert np.array_equal(shown["registered part"], best.apply(part.pixels, over[0].picture.shape)[0])
    assert np.array_equal(shown["part"], part.pixels)


def is_kind(check: ScopeCheck) -> bool:
    return check.name == "kind"


@pytest.fixture(scope="module")
def scattered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pictures of blobs, and a file that is none."""
    folder = tmp_path_factory.mktemp("foreign") / "blobs"
    folder.mkdir()
    for seed in range(5):
        coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((96, 80), Image.Resampling.BICUBIC).save(folder / f"{seed}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def own_folder(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photo folder by the name of a series that the tiny model knows."""
    return Path(shutil.copytree(photo_folder, tmp_path_factory.mktemp("own") / "blue"))


@pytest.fixture(scope="module")
def model_of_set(tiny_models: Path, own_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model of parts, as if it had been trained on that folder."""
    folder = tmp_path_factory.mktemp("ungated")
    model = load_model("tiny_parts", tiny_models)
    data = read_photo_set(own_folder, seed=model.card.seed).manifest_sha256
    save_model(replace(model.card, data_sha256=data), model.network.state_dict(), folder)
    return folder


@pytest.fixture(scope="module")
def gated(
    model_of_set: Path, own_folder: Path, scattered: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Card, Path]:
    out = tmp_path_factory.mktemp("gated")
    settings = ScopeSettings("tiny_parts", own_folder, out, model_of_set, far=(scattered,))
    return gate_model(settings), out


def test_a_fitted_gate_lets_its_own_kind_pass_and_refuses_others(gated: tuple[Card, Path]) -> None:
    card, out = gated
    model = load_model("tiny_parts", out)
    assert isinstance(model.gate, ScopeGate)
    assert card.scope_gate is not None
    assert (card.scope_gate.sources, card.scope_gate.neighbours, card.scope_gate.false_refusals) == (64, 5, 0.05)
    assert set(card.scope_gate.usual) == {"blur", "exposure", "compression", "noise", "moire"}
    assert "all but 5% of the sources" in card.scope_gate.rule
    assert model.gate.embeddings.shape == (64, 1280)
    values = {name: metric.value for name, metric in card.metrics.items()}
    assert values["scope: false refusals"] <= 0.25
    assert values["scope, far: AUC"] == 1
    assert values["scope, far: refused"] == 1
    assert values["scope, far: false positives at 95% true"] == 0
    assert values["scope, heavily blurred: refused or warned of"] == 1
    assert all(metric.low is not None and metric.high is not None for metric in card.metrics.values())


def test_the_rest_of_the_model_is_as_it_was(gated: tuple[Card, Path], model_of_set: Path) -> None:
    card, out = gated
    before, after = load_model("tiny_parts", model_of_set), load_model("tiny_parts", out)
    assert replace(card, scope_gate=None, metrics={}, weights_sha256="0" * 64) == replace(
        before.card, metrics={}, weights_sha256="0" * 64
    )
    states = (model.network.state_dict() for model in (before, after))
    for (name, value), (same, kept) in zip(*(state.items() for state in states), strict=True):
        assert name == same
        assert np.array_equal(value.numpy(), kept.numpy())


def test_parts_in_scenes_are_of_the_models_kind_as_well(
    gated: tuple[Card, Path], own_folder: Path, scenes: Path, tmp_path: Path
) -> None:
    _, folder = gated
    model = load_model("tiny_parts", folder)
    striped = save_model(replace(model.card, part="striped_part"), model.network.state_dict(), tmp_path / "named")
    assert striped.part == "striped_part"
    with_scenes = gate_model(
        ScopeSettings("tiny_parts", own_folder, tmp_path / "out", tmp_path / "named", scenes=scenes)
    )
    boxed = [part for scene in read_scene_set(scenes).of("train") for part in scene.parts]
    scenes_with_parts = [scene for scene in read_scene_set(scenes).of("train") if scene.parts]
    assert with_scenes.scope_gate is not None
    assert with_scenes.scope_gate.sources == 64 + len(scenes_with_parts)
    gate = load_model("tiny_parts", tmp_path / "out").gate
    assert gate is not None
    assert len(gate.embeddings) == 64 + len(boxed)
    assert with_keys(with_scenes.metrics) == with_scenes.metrics
    assert all(metric.topic == "scope gate" for metric in with_scenes.metrics.values())
    assert "true box in test scenes" in with_scenes.metrics["scope, in scenes: refused"].over
    with pytest.raises(DataRefused, match="train scenes show no part of a series that tiny_parts knows"):
        gate_model(ScopeSettings("tiny_parts", own_folder, tmp_path / "out", folder, scenes=scenes))


def test_a_boxed_part_is_seen_as_a_locator_proposes_it(scenes: Path) -> None:
    scene = next(scene for scene in read_scene_set(scenes).of("test") if scene.parts)
    left, top, right, bottom = scene.parts[0].box
    wider = 0.06 * max(right - left, bottom - top)
    pixels = np.asarray(Image.open(scene.path))
    rows = slice(max(0, math.floor(top - wider)), math.ceil(bottom + wider))
    columns = slice(max(0, math.floor(left - wider)), math.ceil(right + wider))
    assert np.array_equal(asked_of(Picture(scene.path, "one", scene.parts[0].box)), pixels[rows, columns])
    assert np.array_equal(asked_of(Picture(scene.path, "one")), pixels)
    half, part = partial(scaled, share=0.5), np.ascontiguousarray(pixels[rows, columns])
    assert np.array_equal(asked_of(Picture(scene.path, "one", scene.parts[0].box), half), half(part))


def asked_of(picture: Picture, degrade: Degradation | None = None) -> np.ndarray:
    request = picture.request(degrade)
    return request.exhibit.crop(request.crop)


def test_another_set_than_the_models_own_is_refused(
    tiny_models: Path,
    photo_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = ("scope", "tiny_parts", "--data", photo_folder, "--weights", tiny_models, "--out", tmp_path / "out")
    monkeypatch.setattr("sys.argv", ["training", *map(str, arguments)])
    assert main() == 2
    assert "is not the set tiny_parts was trained on" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_without_pictures_is_refused(model_of_set: Path, own_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    settings = ScopeSettings("tiny_parts", own_folder, tmp_path / "out", model_of_set, near=(tmp_path / "empty",))
    with pytest.raises(DataRefused, match="empty holds no readable picture"):
        gate_model(settings)
