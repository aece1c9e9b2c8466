"""Training a comparator: registered houses, the squares that it draws, its run, and its figures on houses never met."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from inference.collections.registered_photos import RegisteredPhotos
from inference.collections.witnesses import ComparatorWitness, DeviationMap, Kept, Mask
from inference.models.engines.engine import TorchEngine
from inference.models.weights import load_model
from inference.networks.comparator import Comparator, most_altered
from inference.reference.edges import edge_strength, tolerant
from inference.reference.geometry import Pixels
from training.assessment.collection_rule import assess_comparator
from training.assessment.house_witnesses import BlurAlone, witnesses_of
from training.assessment.houses import TOGETHER, examine_house, examine_houses, house_metrics
from training.comparator.learner import ComparatorLearner, validation_scores
from training.comparator.samples import TrainingCrops, changed
from training.comparator.settings import PRESETS, ComparatorSettings
from training.comparator.train import train
from training.data.photos.photo_set import read_photo_set
from training.data.registered import RegisteredHouse, register_houses
from training.data.set_files import DataRefused
from training.fitting.run_folder import RunFolder, TrainingRefused


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registered")


@pytest.fixture(scope="session")
def settings(house_set: Path, cache: Path) -> Callable[..., ComparatorSettings]:
    def make(out: Path, **changed: Any) -> ComparatorSettings:
        small = PRESETS["small"]
        fit = replace(small.fit, out=out, epochs=6, batch=8, learning_rate=3e-3, device="cpu")
        fields: dict[str, Any] = {
            "preprocessing": replace(small.preprocessing, size=96),
            "view": 64,
            "backbone": "six_layer_cnn",
            "channels": 16,
            "cache": cache,
        }
        return replace(small, data=house_set, fit=fit, **fields | changed)

    return make


@pytest.fixture(scope="session")
def houses(house_set: Path, cache: Path) -> dict[str, list[RegisteredHouse]]:
    photos = read_photo_set(house_set, whole_series=True)
    return {split: register_houses(photos.of(split), 96, cache) for split in ("train", "val", "test")}  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def run(settings: Callable[..., ComparatorSettings], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    assert train(settings(out)) is not None
    return out


def test_photos_of_a_house_lie_in_one_frame_with_what_is_altered(houses: dict[str, list[RegisteredHouse]]) -> None:
    assert [len(listed) for listed in houses.values()] == [4, 1, 1]
    for house in houses["train"]:
        assert house.left_out + len(house.items) == 14
        assert len(house.genuine_photos) >= 8
        forged = np.flatnonzero(~house.genuine)
        assert len(forged) >= 3
        assert {house.severities[photo] for photo in forged} == {"plain"}
        masks = np.stack([house.altered(photo) for photo in forged])
        assert 0 < masks.mean() < 0.1
        # The end of the line is missing at one place of the frame, whatever the photo.
        assert masks.all(axis=0).sum() > 0.4 * masks[0].sum()
        assert not any(house.altered(photo).any() for photo in house.genuine_photos)


def test_mean_edges_are_those_of_the_chosen_photos(houses: dict[str, list[RegisteredHouse]]) -> None:
    house = houses["val"][0]
    chosen = house.genuine_photos[2:5]
    total, count = np.zeros(house.photos.covered[0].shape), np.zeros(house.photos.covered[0].shape)
    for photo in chosen:
        total += tolerant(edge_strength(house.photos.pixels[photo])) * house.photos.covered[photo]
        count += house.photos.covered[photo]
    assert house.photos.mean_edges(chosen) == pytest.approx(total / np.maximum(count, 1), abs=3e-3)


def test_what_is_registered_is_kept(
    house_set: Path, cache: Path, houses: dict[str, list[RegisteredHouse]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.data.registered._registered", lambda *_: pytest.fail("it is registered again"))
    again = register_houses(read_photo_set(house_set, whole_series=True).of("val"), 96, cache)
    assert [house.file for house in again] == [house.file for house in houses["val"]]


def test_a_house_whose_photos_do_not_fit_is_left_out(
    house_set: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photos = read_photo_set(house_set, whole_series=True).of("test")
    few = [photo for photo in photos if photo.label == "counterfeit"] + [photos[-1]]
    with caplog.at_level("INFO"):
        assert register_houses(few, 96, tmp_path) == []
    assert "1 of 1 houses are left out" in caplog.text


def test_a_set_that_tears_a_house_apart_is_refused(house_set: Path) -> None:
    torn = house_set.with_name("torn.csv")
    torn.write_text(house_set.read_text().replace("avelo-g0,train", "avelo-g0,val"))
    with pytest.raises(DataRefused, match="avelo lies in several splits"):
        read_photo_set(torn, whole_series=True)


def test_a_set_without_splits_is_all_test(house_set: Path, run: Path, cache: Path, tmp_path: Path) -> None:
    whole = house_set.with_name("whole.csv")
    whole.write_text(re.sub(",(train|val|test),", ",,", house_set.read_text()))
    photos = read_photo_set(whole, whole_series=True)
    assert {photo.split for photo in photos.photos} == {"test"}
    model = load_model("comparator", run)
    table = assess_comparator(model, whole, "test", tmp_path, cache)
    judged_by = {metric.of[0] for metric in table["beside genuine photos"].values()}
    assert judged_by == {*witnesses_of(cast("Comparator", model.network)), TOGETHER, "5 enrolled"}
    assert json.loads((tmp_path / "figures.json").read_text())
    with pytest.raises(DataRefused, match="for val that fit each other"):
        assess_comparator(model, whole, "val", tmp_path, cache)


def test_without_a_house_to_train_on_nothing_is_trained(
    house_set: Path, settings: Callable[..., ComparatorSettings], tmp_path: Path
) -> None:
    none = house_set.with_name("none.csv")
    none.write_text(house_set.read_text().replace(",val,", ",test,"))
    with pytest.raises(DataRefused, match="No val house has 8 genuine items"):
        train(replace(settings(tmp_path / "run"), data=none))


def test_a_square_shows_photo_and_reference_and_what_is_altered(
    houses: dict[str, list[RegisteredHouse]], settings: Callable[..., ComparatorSettings], tmp_path: Path
) -> None:
    plain = settings(tmp_path, augment=False, warped_share=0.0, view=96)
    crops = TrainingCrops(houses["train"], plain)
    assert len(crops) == sum(len(house.items) for house in houses["train"])
    altered = 0
    for index in range(len(crops)):
        sample = crops[0, index]
        assert sample["image"].shape == (3, 96, 96)
        assert sample["altered"].shape == sample["covered"].shape == (24, 24)
        altered += int(sample["altered"].any())
        again = crops[0, index]
        assert all(torch.equal(again[key], value) for key, value in sample.items())
    assert altered == sum(int((~house.genuine).sum()) for house in houses["train"])
    assert not torch.equal(crops[0, 0]["image"], TrainingCrops(houses["train"], plain)[1, 0]["image"])


def test_a_warped_genuine_photo_is_altered_where_it_was_warped(
    houses: dict[str, list[RegisteredHouse]], settings: Callable[..., ComparatorSettings], tmp_path: Path
) -> None:
    crops = TrainingCrops(houses["train"], settings(tmp_path, warped_share=1.0, view=96))
    genuine = houses["train"][0].genuine_photos
    assert np.mean([bool(crops[0, photo]["altered"].any()) for photo in genuine]) > 0.5
    before = np.full((20, 20, 3), 100, np.uint8)
    after = before.copy()
    after[5:9, 5:9] += 40
    after[0, 0] += 5
    assert changed(before, after)[5:9, 5:9].all()
    assert changed(before, after).sum() < 30


def test_the_loss_is_that_of_covered_cells_and_of_the_label() -> None:
    torch.manual_seed(0)
    learner = ComparatorLearner(Comparator("six_layer_cnn", 8), mask_weight=4.0, label_share=0.3).eval()
    batch = {
        "image": torch.rand(3, 3, 64, 64),
        "altered": torch.zeros(3, 16, 16, dtype=torch.bool),
        "covered": torch.ones(3, 16, 16, dtype=torch.bool),
    }
    batch["altered"][0, 3:5, 4:9] = True
    batch["altered"][1, 0, 0], batch["covered"][1, 0, 0] = True, False
    batch["covered"][2] = False
    with torch.no_grad():
        found, maps = learner(batch), learner.network(batch["image"])
    losses = []
    for one, altered, covered in zip(maps, batch["altered"], batch["covered"], strict=True):
        for value, is_altered, seen in zip(one.flatten(), altered.flatten(), covered.flatten(), strict=True):
            if seen:
                losses.append(
                    float(-4 * functional.logsigmoid(value) if is_altered else -functional.logsigmoid(-value))
                )
    scores = most_altered(maps[:2], batch["covered"][:2])
    label = -(functional.logsigmoid(scores[0]) + functional.logsigmoid(-scores[1])) / 2
    assert float(found) == pytest.approx(np.mean(losses) + 0.3 * float(label), rel=1e-4)


def test_an_epoch_is_judged_by_the_mean_auc_of_houses() -> None:
    found = {
        "a": (np.array([2.0, 3.0]), np.array([1.0, 2.5])),
        "b": (np.array([1.0]), np.array([0.0])),
        "without": (np.array([]), np.array([0.0])),
    }
    assert validation_scores(found) == {"auc": 0.875, "score": 0.875}


def test_a_run_leaves_a_comparator_that_tells_houses_it_never_met(
    run: Path, houses: dict[str, list[RegisteredHouse]]
) -> None:
    model = load_model("comparator", run)
    card = model.card
    assert (card.task, card.classes, card.band) == ("comparator", (), None)
    assert "6 houses" in card.data
    assert "split by series" in card.split_rule
    assert "5 enrolled" in " ".join(card.metrics)
    assert card.collection_rule is not None
    assert card.collection_rule.calibrations == ()
    assert any("Beside 5 genuine items: No likelihood ratio is given" in limit for limit in card.limits)
    losses = [json.loads(line)["loss"] for line in (run / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0]
    found = examine_house(ComparatorWitness(TorchEngine(model.network)), houses["test"][0], 5)
    assert found is not None
    assert found.auc > 0.7
    assert np.nanmean(found.pixel_aucs) > 0.7


def test_figures_are_given_for_as_many_as_a_house_has(houses: dict[str, list[RegisteredHouse]], run: Path) -> None:
    network = cast("Comparator", load_model("comparator", run).network)
    witnesses = witnesses_of(network)
    assert examine_house(witnesses["comparator"], houses["test"][0], 40) is None
    both = [*houses["test"], *houses["val"]]
    metrics = house_metrics(examine_houses(witnesses, both, (5, 40)), None)
    assert {metric.of[:2] for metric in metrics.values()} == {(name, "5 enrolled") for name in witnesses}
    each = [found.auc for house in both if (found := examine_house(witnesses["patches"], house, 5))]
    assert metrics["AUC, patches, 5 enrolled"].value == pytest.approx(np.mean(each))


def test_photos_of_an_enrolled_item_are_never_questioned(houses: dict[str, list[RegisteredHouse]]) -> None:
    house = houses["test"][0]
    items = [f"item {photo // 2}" for photo in range(len(house.items))]
    paired = replace(house, items=tuple(items))
    chosen = paired.one_of_each_item(genuine=True)
    assert len({items[photo] for photo in chosen}) == len(chosen)
    assert {items[photo] for photo in chosen} == {items[photo] for photo in house.genuine_photos}
    enrolled, questioned = [], []

    class Noted(BlurAlone):
        def keep(self, photos: RegisteredPhotos, chosen: Sequence[int]) -> Kept:
            enrolled.append({items[photo] for photo in chosen})
            return super().keep(photos, chosen)

        def map(self, pixels: Pixels, covered: Mask, kept: Kept) -> DeviationMap:
            (photo,) = (one for one in range(len(items)) if np.shares_memory(pixels, paired.photos.pixels[one]))
            questioned.append(items[photo])
            return super().map(pixels, covered, kept)

    assert examine_house(Noted(), paired, 2) is not None
    assert enrolled[-1].isdisjoint(questioned[2:])
    assert [items[photo] for photo in chosen[2:]] == questioned[2 : len(chosen)]


def test_an_interrupted_run_continues_to_the_same_weights(
    run: Path, settings: Callable[..., ComparatorSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = settings(tmp_path / "run")
    save = RunFolder.save_checkpoint

    def save_and_stop(folder: RunFolder, *epoch: Any) -> None:
        save(folder, *epoch)
        raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "save_checkpoint", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        train(asked)
    monkeypatch.undo()
    train(replace(asked, fit=replace(asked.fit, resume=True)))
    assert (tmp_path / "run" / "comparator.safetensors").read_bytes() == (run / "comparator.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"view": 50}, "--view"),
        ({"channels": 4}, "--channels"),
        ({"mask_weight": 0.0}, "--mask-weight"),
        ({"warped_share": 1.5}, "--warped-share"),
        ({"least_enrolled": 9, "most_enrolled": 8}, "--least-enrolled"),
    ],
)
def test_settings_that_train_nothing_are_refused(
    settings: Callable[..., ComparatorSettings], tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(TrainingRefused, match=message):
        settings(tmp_path, **changed)


def test_masks_follow_the_photo_into_the_frame(lettered: Any, houses: dict[str, list[RegisteredHouse]]) -> None:
    """The mask of the first counterfeit lies where its registered photo differs from genuine ones."""
    house = houses["train"][0]
    photo = int(np.flatnonzero(~house.genuine)[0])
    genuine = np.mean([house.photos.pixels[index].mean(axis=2) for index in house.genuine_photos], axis=0)
    apart = np.abs(house.photos.pixels[photo].mean(axis=2) - genuine)
    altered = cv2.erode(house.altered(photo).astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
    assert apart[altered].mean() > 2 * apart[~house.altered(photo)].mean()
