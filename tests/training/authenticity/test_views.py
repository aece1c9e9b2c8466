"""Looks: a network in training is given what an examiner's network will see, and registrations are made once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader

from inference.authenticity.examiner import AuthenticityExaminer
from inference.intake.exhibit import read_exhibit
from inference.models.weights import Model, load_model
from inference.preprocessing import resize
from inference.reference.registration import register_best
from inference.request import Request
from training.authenticity import views
from training.authenticity.samples import RegisteredSamples
from training.authenticity.settings import PRESETS, AuthenticitySettings
from training.authenticity.views import PhotoView, RegisteredView, Seen
from training.data.kag import on_grid
from training.data.photos.photo import Photo, PhotoSet, Split
from training.data.variations import vary_registered
from training.fitting.fit import shuffled

Pixels = NDArray[np.uint8]
NAMES = ("alba/genuine", "alba/counterfeit", "quorum/genuine", "quorum/counterfeit")
GENUINE_EDGES = 2
DEGREE = 8


@pytest.fixture(scope="module")
def model(guided_models: Path) -> Model:
    return load_model("tiny_guided", guided_models)


@pytest.fixture(scope="module")
def folder(lettered: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of each class, `alba_genuine.png` and so on."""
    root = tmp_path_factory.mktemp("lettered")
    for name in NAMES:
        Image.fromarray(lettered.photo(name, 70)).save(root / f"{name.replace('/', '_')}.png")
    return root


def listed(folder: Path, split: Split, names: Sequence[str] = NAMES) -> list[Photo]:
    photos = []
    for name in names:
        path = folder / f"{name.replace('/', '_')}.png"
        series, _, label = name.partition("/")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        photos.append(Photo(path, series, "genuine" if label == "genuine" else "counterfeit", name, split, sha256))
    return photos


def reference_look(model: Model, cache: Path) -> RegisteredView:
    assert model.card.stack is not None
    return RegisteredView(model.references, model.card.stack, cache)


@pytest.fixture(scope="module")
def registered(model: Model, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RegisteredView, Path]:
    """The look at the photos for training, and its cache, which knows them."""
    cache = tmp_path_factory.mktemp("cache")
    look = reference_look(model, cache)
    look.read(listed(folder, "train"))
    return look, cache


def only_file(cache: Path) -> Path:
    (file,) = cache.iterdir()
    return file


# ---- what the examiner sees


def test_training_and_examination_make_one_input_of_a_registered_photo(
    model: Model, folder: Path, tmp_path: Path
) -> None:
    examiner, how = AuthenticityExaminer(model), reference_look(model, tmp_path)
    photos = listed(folder, "test")
    for photo, seen in zip(photos, how.read(photos), strict=True):
        expected = examiner.view(Request(read_exhibit(photo.path), photo.series))
        assert expected.reference is not None
        assert np.array_equal(seen.pixels, expected.reference.registered)
        assert torch.equal(how.inputs([seen], torch.device("cpu"))[0], expected.tensor)


def test_training_and_examination_make_one_input_of_a_photo_alone(
    tiny_models: Path, folder: Path, lettered: Any
) -> None:
    examiner = AuthenticityExaminer.load("tiny_parts", tiny_models)
    how, photos = PhotoView(examiner.card.preprocessing), listed(folder, "train")
    for photo, seen in zip(photos, how.read(photos), strict=True):
        expected = examiner.view(Request(read_exhibit(photo.path))).tensor
        assert torch.equal(how.inputs([seen], torch.device("cpu"))[0], expected)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_photo_is_registered_to_the_series_it_is_said_to_show(
    split: Split, model: Model, folder: Path, tmp_path: Path
) -> None:
    (photo,) = listed(folder, split, ["alba/genuine"])
    (seen,) = reference_look(model, tmp_path).read([replace(photo, series="quorum")])
    assert seen.registration is not None
    assert seen.registration.series == "quorum"


def test_key_areas_are_those_of_the_reference(
    registered: tuple[RegisteredView, Path], model: Model, folder: Path
) -> None:
    look, _ = registered
    for photo, seen in zip(listed(folder, "train"), look.read(listed(folder, "train")), strict=True):
        reference = next(each for each in model.references if each.series == photo.series)
        assert look.key_edges(seen) is reference.mean


def test_a_photo_that_was_not_registered_cannot_be_laid_beside_anything(
    registered: tuple[RegisteredView, Path], folder: Path
) -> None:
    look, _ = registered
    alone = Seen(np.zeros((9, 9, 3), np.uint8))
    for use in (lambda: look.tensor(alone, alone.pixels), lambda: look.key_edges(alone)):
        with pytest.raises(ValueError, match="a registered photo states"):
            use()


def genuine_photos(lettered: Any, folder: Path) -> list[Photo]:
    """Five photos of one series, as files."""
    photos = []
    for seed in range(5):
        path = folder / f"{seed}.png"
        Image.fromarray(lettered.photo("alba/genuine", 100 + seed)).save(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        photos.append(Photo(path, "alba", "genuine", str(seed), "train", sha256))
    return photos


def test_references_are_built_as_the_weights_file_will_hold_them(lettered: Any, tmp_path: Path) -> None:
    built = views._build_once("alba", genuine_photos(lettered, tmp_path), 96, tmp_path / "cache")
    kept = type(built).from_arrays("alba", built.arrays())
    assert max(built.picture.shape) == 96
    assert (built.least_score, built.photos) == (kept.least_score, kept.photos) == (kept.least_score, 5)
    assert all(np.array_equal(getattr(built, name), getattr(kept, name)) for name in ("picture", "mean", "spread"))


# ---- the cache


def test_a_reference_is_built_once(lettered: Any, tmp_path: Path) -> None:
    photos, cache = genuine_photos(lettered, tmp_path), tmp_path / "cache"
    built = views._build_once("alba", photos, 96, cache)
    for photo in photos:
        photo.path.unlink()
    again = views._build_once("alba", photos, 96, cache)
    assert again.arrays().keys() == built.arrays().keys()
    assert all(np.array_equal(again.arrays()[name], array) for name, array in built.arrays().items())


@pytest.mark.parametrize("changed", ["size", "photo"])
def test_of_anything_else_another_reference_is_built(changed: str, lettered: Any, tmp_path: Path) -> None:
    photos, cache = genuine_photos(lettered, tmp_path), tmp_path / "cache"
    views._build_once("alba", photos, 96, cache)
    if changed == "photo":
        photos[-1] = replace(photos[-1], sha256="0" * 64)
    views._build_once("alba", photos, 80 if changed == "size" else 96, cache)
    assert len(list(cache.iterdir())) == 2


def test_a_known_photo_is_not_registered_again(
    registered: tuple[RegisteredView, Path], model: Model, folder: Path, tmp_path: Path
) -> None:
    """What the cache says of it is believed, even if it was altered on purpose."""
    _, cache = registered
    altered = tmp_path / only_file(cache).name
    entries = [json.loads(line) for line in only_file(cache).read_text().splitlines() if line]
    assert [entry["sha256"] for entry in entries] == [photo.sha256 for photo in listed(folder, "train")]
    stated = [entry | {"homography": [[1, 0, -2], [0, 1, -3], [0, 0, 1]], "score": 0.125} for entry in entries]
    altered.write_text("".join(json.dumps(entry) + "\n" for entry in stated))
    for photo, seen in zip(
        listed(folder, "train"), reference_look(model, tmp_path).read(listed(folder, "train")), strict=True
    ):
        height, width = seen.pixels.shape[:2]
        assert seen.registration is not None
        assert (seen.registration.series, seen.registration.score) == (photo.series, 0.125)
        assert np.array_equal(seen.pixels, read_exhibit(photo.path).pixels[3 : 3 + height, 2 : 2 + width])


@pytest.mark.parametrize("cut", [1, 40, None], ids=["last sign", "in a line", "whole lines"])
def test_an_interrupted_cache_is_continued(
    cut: int | None, registered: tuple[RegisteredView, Path], model: Model, folder: Path, tmp_path: Path
) -> None:
    look, cache = registered
    photos = listed(folder, "train")
    whole = only_file(cache).read_text()
    file = tmp_path / only_file(cache).name
    file.write_text(whole[:-cut] if cut else "\n".join(whole.splitlines()[:-1]))
    expected = look.read(photos)
    for _ in range(2):
        for seen, before in zip(reference_look(model, tmp_path).read(photos), expected, strict=True):
            assert np.array_equal(seen.pixels, before.pixels)
    assert file.read_text().count(photos[-1].sha256) >= 1
    assert json.loads(file.read_text().splitlines()[-1])["sha256"] == photos[-1].sha256


def test_a_registration_survives_the_cache_to_the_bit(
    registered: tuple[RegisteredView, Path], model: Model, folder: Path
) -> None:
    look, _ = registered
    (photo,) = listed(folder, "train", ["quorum/genuine"])
    (seen,) = look.read([photo])
    own = [reference for reference in model.references if reference.series == "quorum"]
    fresh = register_best(read_exhibit(photo.path).pixels, own)[0]
    assert seen.registration is not None
    assert seen.registration.stated() == fresh.stated()


def test_other_references_have_a_cache_of_their_own(
    registered: tuple[RegisteredView, Path], model: Model, folder: Path, tmp_path: Path
) -> None:
    _, cache = registered
    (tmp_path / only_file(cache).name).write_text("{}")
    first = model.references[0]
    other = replace(model, references=(replace(first, mean=first.mean * np.float32(0.5)), *model.references[1:]))
    reference_look(other, tmp_path).read(listed(folder, "train", ["quorum/genuine"]))
    assert len(list(tmp_path.iterdir())) == 2


# ---- what training draws


def training(how: RegisteredView, photos: Sequence[Photo], **changes: Any) -> RegisteredSamples:
    settings: AuthenticitySettings = replace(
        PRESETS["small"], data=Path("none"), **{"segment_degree": DEGREE, "augment": False, **changes}
    )
    return RegisteredSamples(PhotoSet(tuple(photos), "", "0" * 64), settings, how)


@pytest.mark.parametrize(("swapped", "warped"), [(0.0, 1.0), (0.4, 1.0), (1.0, 1.0), (0.0, 0.0), (0.5, 0.5)])
def test_warps_make_counterfeits_of_genuine_photos_only(
    swapped: float, warped: float, registered: tuple[RegisteredView, Path], folder: Path
) -> None:
    look, _ = registered
    photos = listed(folder, "train")
    drawn = training(look, photos, disturbed_share=swapped, warped_share=warped)
    classes, disturbed = PhotoSet(tuple(photos), "", "").classes, {"genuine": [], "counterfeit": []}
    for epoch in range(25):
        for index, photo in enumerate(photos):
            sample = drawn[epoch, index]
            state = bool(sample["disturbed"])
            disturbed[photo.label].append(state)
            stated = classes[int(sample["label"])]
            assert stated == (f"{photo.series}/counterfeit" if state else photo.class_name)
    for label, share in (("genuine", 1 - (1 - swapped) * (1 - warped)), ("counterfeit", swapped)):
        tolerance = 4 * (share * (1 - share) / 50) ** 0.5
        assert np.mean(disturbed[label]) == pytest.approx(share, abs=tolerance)


@pytest.mark.parametrize("how", [{"disturbed_share": 1.0}, {"disturbed_share": 0.0, "warped_share": 1.0}], ids=str)
def test_a_disturbance_changes_the_photo_and_leaves_the_reference_beside_it(
    how: dict[str, float], registered: tuple[RegisteredView, Path], folder: Path
) -> None:
    look, _ = registered
    photos = listed(folder, "train")
    drawn = training(look, photos, **how)
    for index, (photo, seen) in enumerate(zip(photos, look.read(photos), strict=True)):
        if photo.label == "counterfeit":
            continue
        intact, disturbed = look.tensor(seen, seen.pixels), drawn[0, index]["image"]
        assert torch.equal(disturbed[GENUINE_EDGES], intact[GENUINE_EDGES])
        for channel in range(GENUINE_EDGES):
            assert (disturbed[channel] - intact[channel]).abs().max() > 0.5


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_undisturbed_photos_pass_the_grid_where_others_are_disturbed_on_it(
    share: float, registered: tuple[RegisteredView, Path], folder: Path
) -> None:
    photos, how = listed(folder, "train"), registered[0]
    # 9 divides neither side of what it sees.
    drawn, plain = training(how, photos, disturbed_share=share, segment_degree=9), 0
    for index, seen in enumerate(how.read(photos)):
        height, width = seen.pixels.shape[:2]
        gridded = resize(on_grid(seen.pixels, 9), width, height)
        assert not np.array_equal(gridded, seen.pixels)
        expected = how.tensor(seen, gridded if share else seen.pixels)
        for epoch in range(12):
            sample = drawn[epoch, index]
            if not sample["disturbed"]:
                plain += 1
                assert torch.equal(sample["image"], expected)
    assert plain > 8


def test_worker_processes_draw_the_same_samples(registered: tuple[RegisteredView, Path], folder: Path) -> None:
    photos = listed(folder, "train")
    drawn = training(registered[0], photos, disturbed_share=0.3, warped_share=0.5, augment=True)

    def draw(workers: int) -> list[dict[str, torch.Tensor]]:
        sampler = shuffled(len(drawn), seed=0)
        sampler.epoch = 4
        return list(DataLoader(drawn, 2, sampler=sampler, num_workers=workers))

    for alone, shared in zip(draw(0), draw(2), strict=True):
        assert all(torch.equal(value, shared[key]) for key, value in alone.items())


def test_epoch_and_index_decide_what_is_warped(registered: tuple[RegisteredView, Path], folder: Path) -> None:
    photos = listed(folder, "train", ["alba/genuine", "alba/counterfeit"])
    first, again = (
        training(registered[0], photos, disturbed_share=0.0, warped_share=1.0, augment=True) for _ in range(2)
    )
    assert torch.equal(first[3, 0]["image"], again[3, 0]["image"])
    assert not torch.equal(first[3, 0]["image"], first[4, 0]["image"])


def test_a_registered_photo_is_varied_less_than_a_letter_and_never_mirrored(
    discs: Pixels, clockwise: Callable[[Pixels], bool]
) -> None:
    generator, seen = torch.Generator().manual_seed(0), set()
    dark = discs.mean(axis=2) < 70
    for _ in range(50):
        varied = vary_registered(discs, generator)
        assert (varied.dtype, varied.shape) == (np.uint8, discs.shape)
        assert clockwise(varied)
        grey = varied.mean(axis=2)
        moved = np.argwhere(grey < (grey.min() + np.median(grey)) / 2).mean(0) - np.argwhere(dark).mean(0)
        assert np.abs(moved).max() < 0.02 * len(discs)
        seen.add(varied.tobytes())
    assert len(seen) == 50
