"""Batches of photos alone: what a training draws, the same on any device and for any number of processes."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.data_loader import prepare_data_loader
from PIL import Image
from torch import Tensor

from inference.intake.exhibit import read_exhibit
from training.authenticity import photo_batches
from training.authenticity.photo_batches import PhotoBatches
from training.authenticity.settings import PRESETS, AuthenticitySettings
from training.data.framed_photos import framed, lies_in
from training.data.photos.photo import PhotoSet
from training.data.photos.photo_set import read_photo_set
from training.fitting.fit import _loader, shuffled
from training.fitting.fusion_loss import UNLABELLED

SIZE = 32
CPU = torch.device("cpu")
CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"))
CLASSES = ("belt/counterfeit", "belt/genuine")

Batch = dict[str, Tensor]


def small(data: Path, **changes: Any) -> AuthenticitySettings:
    settings = PRESETS["small"]
    framed_small = replace(settings.preprocessing, size=SIZE)
    return replace(settings, data=data, preprocessing=framed_small, **{"segment_degree": 8, **changes})


@pytest.fixture(scope="module")
def photos(photo_folder: Path) -> PhotoSet:
    return read_photo_set(photo_folder)


def batches(photos: PhotoSet, device: torch.device = CPU, **changes: Any) -> PhotoBatches:
    return PhotoBatches(photos, small(Path("set"), **changes), device)


def whole_epoch(made: PhotoBatches, epoch: int = 0) -> Batch:
    return made.__getitems__([(epoch, index) for index in range(len(made))])


def test_every_disturbed_photo_becomes_a_disturbed_counterfeit_of_its_series(photos: PhotoSet) -> None:
    drawn = whole_epoch(batches(photos, disturbed_share=1.0))
    assert {CLASSES[label] for label in drawn["label"].tolist()} == {"belt/counterfeit"}
    assert drawn["disturbed"].all()


def test_a_disturbed_photo_may_be_left_to_the_auxiliary_task(photos: PhotoSet) -> None:
    told = whole_epoch(batches(photos, disturbed_share=0.5))
    left = whole_epoch(batches(photos, disturbed_share=0.5, disturbed_are_counterfeits=False))
    assert set(told["disturbed"].tolist()) == {0, 1}
    assert torch.equal(told["image"], left["image"])
    assert torch.equal(told["disturbed"], left["disturbed"])
    assert torch.equal(left["label"], torch.where(told["disturbed"] == 1, UNLABELLED, told["label"]))


def test_a_disturbed_photo_keeps_its_series(photos: PhotoSet) -> None:
    of_two_series = replace(
        photos, photos=tuple(replace(photo, series="ab"[i % 2]) for i, photo in enumerate(photos.photos))
    )
    drawn = whole_epoch(batches(of_two_series, disturbed_share=0.5, augment=False))
    for photo, label, disturbed in zip(of_two_series.of("train"), drawn["label"], drawn["disturbed"], strict=True):
        stated = of_two_series.classes[int(label)]
        assert stated == (f"{photo.series}/counterfeit" if disturbed else photo.class_name)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_the_stated_share_is_disturbed(share: float, photos: PhotoSet) -> None:
    made = batches(photos, disturbed_share=share, augment=False)
    disturbed = torch.stack([whole_epoch(made, epoch)["disturbed"] for epoch in range(10)])
    tolerance = 4 * math.sqrt(share * (1 - share) / disturbed.numel())
    assert float(disturbed.float().mean()) == pytest.approx(share, abs=tolerance)


def test_an_undisturbed_photo_is_what_an_examination_sees(photos: PhotoSet) -> None:
    """To within three grey levels, of stripes and noise: training samples its photos from twice the scale."""
    made = batches(photos, disturbed_share=0.0, augment=False)
    image = whole_epoch(made, 3)["image"]
    assert image.shape == (len(made), 3, SIZE, SIZE)
    assert image.is_contiguous(memory_format=torch.channels_last)
    preprocessing = small(Path("set")).preprocessing
    for index in (0, 7, 40):
        expected = preprocessing(read_exhibit(photos.of("train")[index].path).pixels).values
        apart = float((image[index] - torch.from_numpy(expected)).abs().mean())
        assert apart * 255 * preprocessing.std[0] < 3


def test_padding_is_never_disturbed(photos: PhotoSet) -> None:
    index = [photo.label for photo in photos.of("train")].index("genuine")
    plain, disturbed = (
        whole_epoch(batches(photos, disturbed_share=share, augment=False))["image"][index] for share in (0.0, 1.0)
    )
    photo = read_exhibit(photos.of("train")[index].path)
    grey = torch.tensor(128 / 255 * 2 - 1)
    left = round((SIZE - SIZE * photo.width / photo.height) / 2) - 1
    for edge in (slice(None, left), slice(SIZE - left, None)):
        assert plain[..., edge].allclose(grey, atol=1e-5)
        assert disturbed[..., edge].allclose(grey, atol=1e-5)
    assert not disturbed.allclose(plain, atol=0.3)


def test_epoch_and_index_decide_a_sample(photos: PhotoSet) -> None:
    first, second = batches(photos), batches(photos)
    torch.manual_seed(1)
    sample = first.__getitems__([(2, 5)])
    torch.manual_seed(2)
    second.__getitems__([(0, 0)])
    among_others = second.__getitems__([(2, 3), (2, 5), (1, 5)])
    assert all(torch.equal(value[0], among_others[key][1]) for key, value in sample.items())
    of_another_seed = batches(photos, fit=replace(PRESETS["small"].fit, seed=1))
    for other in (first.__getitems__([(3, 5)]), of_another_seed.__getitems__([(2, 5)])):
        assert not torch.equal(sample["image"], other["image"])


def test_drawing_a_batch_leaves_the_randomness_of_training_alone(photos: PhotoSet) -> None:
    made = batches(photos, warped_share=0.5)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    whole_epoch(made)
    assert torch.equal(torch.rand(3), expected)


# ---- key-area warps


def test_a_warped_photo_has_other_key_areas_and_the_same_padding(photos: PhotoSet) -> None:
    plain, warped = (
        whole_epoch(batches(photos, disturbed_share=0.0, warped_share=share, augment=False)) for share in (0.0, 1.0)
    )
    genuine = torch.tensor([photo.label == "genuine" for photo in photos.of("train")])
    assert torch.equal(warped["disturbed"] == 1, genuine)
    changed = (warped["image"] - plain["image"]).abs().amax(1) > 0.001
    assert changed[genuine].flatten(1).any(1).all()
    assert not changed[~genuine].any()
    photo = read_exhibit(photos.of("train")[0].path)
    _, placement = framed(photo.pixels, small(Path("set")).preprocessing)
    rows, columns = lies_in(placement, SIZE)
    changed[:, rows.start : rows.stop, max(columns.start - 1, 0) : columns.stop + 1] = False
    assert not changed.any()


def test_a_kept_photo_is_as_it_was_after_it_was_warped(photos: PhotoSet) -> None:
    made = batches(photos, disturbed_share=0.0, warped_share=0.5, augment=False)
    first = whole_epoch(made, 1)
    for epoch in range(4):
        whole_epoch(made, epoch)
    again = whole_epoch(made, 1)
    assert torch.equal(first["image"], again["image"])


# ---- devices and processes


def of_processes(made: PhotoBatches, count: int, settings: AuthenticitySettings) -> list[list[Batch]]:
    """The batches of an epoch that each of so many processes gets, as accelerate hands them out."""
    shares = []
    for process in range(count):
        sampler = shuffled(len(made), settings.fit.seed)
        sampler.epoch = 2
        loader = prepare_data_loader(
            _loader(made, sampler, settings.fit), num_processes=count, process_index=process, put_on_device=False
        )
        shares.append(list(loader))
    return shares


@pytest.mark.parametrize("count", [2, 3])
def test_batches_are_the_same_whatever_the_number_of_processes(count: int, photos: PhotoSet) -> None:
    settings = small(Path("set"), fit=replace(PRESETS["small"].fit, batch=5))
    made = PhotoBatches(photos, settings, CPU)
    (alone,), shares = of_processes(made, 1, settings), of_processes(made, count, settings)
    assert {len(share) for share in shares} == {len(alone) // count}
    for step in range(len(shares[0])):
        for process, share in enumerate(shares):
            expected = alone[step * count + process]
            assert all(torch.equal(value, share[step][key]) for key, value in expected.items())


@pytest.mark.parametrize("device", [CUDA])
@pytest.mark.parametrize("share_of_room", [0.5, 0.0], ids=["kept on the device", "kept beside the processor"])
def test_a_device_makes_the_batches_of_the_processor(
    share_of_room: float, device: str, photos: PhotoSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_batches, "_SHARE_OF_ROOM", share_of_room)
    here = whole_epoch(batches(photos, warped_share=0.3))
    there = whole_epoch(batches(photos, torch.device(device), warped_share=0.3))
    assert {value.device.type for value in there.values()} == {device}
    assert torch.equal(here["label"], there["label"].cpu())
    assert torch.equal(here["disturbed"], there["disturbed"].cpu())
    assert torch.allclose(here["image"], there["image"].cpu(), atol=0.02)


@pytest.mark.skipif(not shutil.which("g++"), reason="there is no C++ compiler")
def test_compiled_batches_are_the_same_but_for_rounding(photos: PhotoSet) -> None:
    plain, compiled = (
        whole_epoch(batches(photos, fit=replace(PRESETS["small"].fit, compile=when))) for when in ("never", "always")
    )
    assert torch.equal(plain["label"], compiled["label"])
    assert torch.allclose(plain["image"], compiled["image"], atol=0.01)


def test_photos_that_find_no_room_are_kept_where_they_are(photos: PhotoSet) -> None:
    """A processor's own memory has no room beside itself: its batches are made from the photos as they were read."""
    made = batches(photos)
    assert made._kept is made._frames


def paths_of(folder: Path, shapes: Sequence[tuple[int, int]]) -> None:
    rng = np.random.default_rng(0)
    for number, shape in enumerate(shapes):
        for label in ("genuine", "counterfeit"):
            path = folder / label / f"item {number}" / "1.png"
            path.parent.mkdir(parents=True)
            Image.fromarray(rng.integers(0, 256, (*shape, 3), dtype=np.uint8)).save(path)


def test_photos_of_any_shape_make_one_batch(tmp_path: Path) -> None:
    paths_of(tmp_path, [(300, 40), (9, 12), (32, 32), (200, 900), (64, 63)] * 3)
    photos = read_photo_set(tmp_path)
    made = batches(photos, segment_degree=20)
    drawn = whole_epoch(made)
    assert drawn["image"].shape == (len(photos.of("train")), 3, SIZE, SIZE)
    assert torch.isfinite(drawn["image"]).all()
