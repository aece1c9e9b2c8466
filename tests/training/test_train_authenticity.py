"""Training KAG-MTLN: what it draws, how it weighs, and that a run ends in a model that examines."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader

from inference.authenticity import AuthenticityExaminer
from inference.exhibit import read_exhibit
from inference.records import InconclusiveBand
from inference.weights import HISTOGRAM_BINS, load_model
from training import authenticity
from training.__main__ import main
from training.authenticity import PRESETS, AuthenticitySettings, TrainingPhotos, class_weights
from training.data.photos import Label, Photo, PhotoSet, read_photo_set
from training.evaluate import auc
from training.fit import EpochSampler
from training.looks import PhotoLook, vary

SIZE = 32
Pixels = NDArray[np.uint8]

CLASSES = ("belt/counterfeit", "belt/genuine")


def small(data: Path, **changes: Any) -> AuthenticitySettings:
    settings = PRESETS["small"]
    framed = replace(settings.preprocessing, size=SIZE)
    return replace(settings, data=data, preprocessing=framed, **{"segment_degree": 8, **changes})


@pytest.fixture(scope="module")
def photos(photo_folder: Path) -> PhotoSet:
    return read_photo_set(photo_folder)


def training_photos(photos: PhotoSet, settings: AuthenticitySettings) -> TrainingPhotos:
    """What training draws where it looks at photos alone."""
    return TrainingPhotos(photos, settings, PhotoLook(settings.preprocessing))


def test_every_disturbed_photo_becomes_a_disturbed_counterfeit_of_its_series(
    photos: PhotoSet, photo_folder: Path
) -> None:
    training = training_photos(photos, small(photo_folder, disturbed_share=1.0))
    for index in range(len(training)):
        sample = training[0, index]
        assert CLASSES[int(sample["label"])] == "belt/counterfeit"
        assert int(sample["disturbed"]) == 1


def test_a_disturbed_photo_keeps_its_series(photos: PhotoSet, photo_folder: Path) -> None:
    of_two_series = replace(
        photos, photos=tuple(replace(photo, series="ab"[i % 2]) for i, photo in enumerate(photos.photos))
    )
    training = training_photos(of_two_series, small(photo_folder, disturbed_share=0.5, augment=False))
    for index, photo in enumerate(of_two_series.of("train")):
        sample = training[1, index]
        stated = of_two_series.classes[int(sample["label"])]
        assert stated == (f"{photo.series}/counterfeit" if sample["disturbed"] else photo.class_name)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_the_stated_share_is_disturbed(share: float, photos: PhotoSet, photo_folder: Path) -> None:
    training = training_photos(photos, small(photo_folder, disturbed_share=share, augment=False))
    disturbed = [int(training[epoch, index]["disturbed"]) for epoch in range(10) for index in range(len(training))]
    tolerance = 4 * math.sqrt(share * (1 - share) / len(disturbed))
    assert np.mean(disturbed) == pytest.approx(share, abs=tolerance)


def test_an_undisturbed_photo_is_what_an_examination_sees(photos: PhotoSet, photo_folder: Path) -> None:
    settings = small(photo_folder, disturbed_share=0.0, augment=False)
    training = training_photos(photos, settings)
    for index in (0, 7, 40):
        exhibit = read_exhibit(photos.of("train")[index].path)
        assert torch.equal(training[3, index]["image"], settings.preprocessing(exhibit.pixels).tensor)


def test_padding_is_never_disturbed(photos: PhotoSet, photo_folder: Path) -> None:
    settings = small(photo_folder, disturbed_share=1.0, augment=False)
    photo = read_exhibit(photos.of("train")[0].path)
    plain, disturbed = settings.preprocessing(photo.pixels).tensor, training_photos(photos, settings)[0, 0]["image"]
    grey = 128 / 255 * 2 - 1
    left = round((SIZE - SIZE * photo.width / photo.height) / 2) - 1
    for edge in (slice(None, left), slice(SIZE - left, None)):
        assert plain[..., edge].allclose(torch.tensor(grey), atol=1e-6)
        assert disturbed[..., edge].allclose(torch.tensor(grey), atol=1e-6)
    assert not disturbed.allclose(plain)


def test_epoch_and_index_decide_a_sample(photos: PhotoSet, photo_folder: Path) -> None:
    first, second = (training_photos(photos, small(photo_folder)) for _ in range(2))
    torch.manual_seed(1)
    sample = first[2, 5]
    torch.manual_seed(2)
    second[0, 0]
    assert all(torch.equal(value, second[2, 5][key]) for key, value in sample.items())
    of_another_seed = training_photos(photos, small(photo_folder, fit=replace(PRESETS["small"].fit, seed=1)))
    for other in (first[3, 5], of_another_seed[2, 5]):
        assert not torch.equal(sample["image"], other["image"])


def test_drawing_a_sample_leaves_the_randomness_of_training_alone(photos: PhotoSet, photo_folder: Path) -> None:
    training = training_photos(photos, small(photo_folder))
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    training[0, 0]
    assert torch.equal(torch.rand(3), expected)


def test_worker_processes_draw_the_same_samples(photos: PhotoSet, photo_folder: Path) -> None:
    training = training_photos(photos, small(photo_folder))

    def draw(workers: int) -> list[dict[str, torch.Tensor]]:
        sampler = EpochSampler(
            lambda generator: torch.randperm(len(training), generator=generator).tolist(), len(training), seed=0
        )
        sampler.epoch = 4
        return list(DataLoader(training, 8, sampler=sampler, num_workers=workers))

    for alone, shared in zip(draw(0), draw(2), strict=True):
        assert all(torch.equal(value, shared[key]) for key, value in alone.items())


def listed(counts: dict[str, int]) -> PhotoSet:
    """A set of that many training photos of each class, which lie nowhere."""
    photos = []
    for name, count in counts.items():
        series, _, label = name.rpartition("/")
        photos += [Photo(Path(f"{name} {i}"), series, as_label(label), f"{name} {i}", "train") for i in range(count)]
    return PhotoSet(tuple(photos), "", "0" * 64)


def as_label(text: str) -> Label:
    return "genuine" if text == "genuine" else "counterfeit"


@pytest.mark.parametrize("share", [0.0, 0.5, 0.8])
@pytest.mark.parametrize(
    "counts",
    [
        pytest.param({"a/genuine": 30, "a/counterfeit": 30}, id="balanced"),
        pytest.param({"a/genuine": 40, "a/counterfeit": 10, "b/genuine": 5, "b/counterfeit": 20}, id="unbalanced"),
    ],
)
def test_class_weights_give_every_class_the_same_say(counts: dict[str, int], share: float) -> None:
    photos = listed(counts)
    weights = class_weights(photos, share)
    rng = np.random.default_rng(0)
    drawn: Counter[str] = Counter()
    for _ in range(1000):
        for photo, disturbed in zip(photos.photos, rng.random(len(photos.photos)) < share, strict=True):
            drawn[f"{photo.series}/counterfeit" if disturbed else photo.class_name] += 1
    say = [float(weight) * drawn[name] for weight, name in zip(weights, photos.classes, strict=True)]
    assert say == pytest.approx([np.mean(say)] * len(say), rel=0.05)
    assert float(weights.mean()) == pytest.approx(1)


def test_a_photo_is_varied_and_never_mirrored(discs: Pixels, clockwise: Callable[[Pixels], bool]) -> None:
    generator, seen = torch.Generator().manual_seed(0), set()
    assert not any(clockwise(mirrored) for mirrored in (discs[:, ::-1], discs[::-1], discs.transpose(1, 0, 2)))
    for _ in range(100):
        varied = vary(discs, generator)
        assert varied.dtype == np.uint8
        assert varied.shape == discs.shape
        assert clockwise(varied)
        seen.add(varied.tobytes())
    assert len(seen) == 100


def test_validation_scores_are_of_log_probability_class_and_authenticity() -> None:
    classes = ("a/counterfeit", "a/genuine", "b/counterfeit", "b/genuine")
    probabilities = torch.tensor(
        [[0.1, 0.6, 0.2, 0.1], [0.5, 0.2, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.1, 0.2]]
    )
    labels = torch.tensor([1, 0, 2, 3])
    scores = authenticity.validation_scores(probabilities.log(), labels, classes)
    assert scores["score"] == pytest.approx(np.mean(np.log([0.6, 0.5, 0.3, 0.2])))
    assert scores["accuracy"] == 0.5
    # P(genuine) of the genuine .7 and .5, of the counterfeits .3 and .6
    assert scores["auc"] == 0.75


def test_test_figures_are_of_undisturbed_photos_read_against_the_band() -> None:
    p = np.array([0.95, 0.7, 0.45, 0.9, 0.05, 0.2, 0.6, 0.1])
    genuine = np.array([True] * 4 + [False] * 4)
    labels = torch.tensor([1] * 4 + [0] * 4)
    logits = torch.from_numpy(np.log(np.stack([1 - p, p], axis=1)))
    items = np.array([f"item {index}" for index in range(8)])

    def figures(lower: float, upper: float) -> dict[str, float]:
        band = InconclusiveBand(lower, upper, "for this test")
        metrics = authenticity.test_metrics(logits, labels, p, genuine, items, band)
        return {name: metric.value for name, metric in metrics.items()}

    expected = {
        "class accuracy": 0.75,
        "authenticity accuracy": 0.75,
        "authenticity AUC": auc(p[genuine], p[~genuine]),
        "inconclusive share": 0.25,
        "accuracy where conclusive": 1.0,
    }
    assert figures(0.3, 0.65) == pytest.approx(expected)
    assert "accuracy where conclusive" not in figures(0.0, 1.0)
    assert figures(0.0, 1.0)["inconclusive share"] == 1.0


def test_a_run_leaves_all_that_is_needed_to_judge_and_to_use_it(authenticity_run: Path, photo_folder: Path) -> None:
    stated = json.loads((authenticity_run / "settings.json").read_text())
    assert (stated["data"], stated["backbone"], stated["fit"]["epochs"]) == (str(photo_folder), "six_layer_cnn", 3)

    log = [json.loads(line) for line in (authenticity_run / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in log] == [1, 2, 3]
    assert all({"loss", "rate", "score", "accuracy", "auc", "seconds"} <= line.keys() for line in log)

    card = load_model("authenticity", authenticity_run).card
    metrics = json.loads((authenticity_run / "metrics.json").read_text())
    assert {name: metric["value"] for name, metric in metrics.items()} == {
        name: metric.value for name, metric in card.metrics.items()
    }
    with Image.open(authenticity_run / "confusion_matrix.png") as picture:
        assert picture.format == "PNG"

    photos = read_photo_set(photo_folder)
    assert (card.classes, card.split_rule, card.data_sha256) == (CLASSES, photos.split_rule, photos.manifest_sha256)
    assert card.settings["backbone_start"] == "random weights"
    weights = safetensors.torch.load_file(authenticity_run / "authenticity.safetensors")
    assert not any(key.startswith("auxiliary.") for key in weights)


def test_the_examiner_finds_what_the_card_states(authenticity_run: Path, photos: PhotoSet) -> None:
    examiner = AuthenticityExaminer.load("authenticity", authenticity_run)
    card, test = examiner.card, photos.of("test")
    verdicts = examiner.examine_batch([read_exhibit(photo.path) for photo in test])
    p = np.array([verdict.probability_genuine for verdict in verdicts])
    genuine = np.array([photo.label == "genuine" for photo in test])
    value = auc(p[genuine], p[~genuine])
    assert value > 0.9
    assert card.metrics["authenticity AUC"].value == pytest.approx(value)
    inconclusive = np.mean([verdict.outcome == "inconclusive" for verdict in verdicts])
    assert card.metrics["inconclusive share"].value == pytest.approx(inconclusive)

    predicted = [max(verdict.class_probabilities.items(), key=lambda item: item[1])[0] for verdict in verdicts]
    counted = Counter(zip((photo.class_name for photo in test), predicted, strict=True))
    assert card.confusion is not None
    assert card.confusion.counts == tuple(tuple(counted[true, said] for said in CLASSES) for true in CLASSES)
    assert card.histogram is not None
    for name, of_side in (("genuine", genuine), ("counterfeit", ~genuine)):
        assert card.histogram.counts[name] == tuple(np.histogram(p[of_side], HISTOGRAM_BINS, (0, 1))[0])

    validation = [read_exhibit(photo.path) for photo in photos.of("val")]
    peaks = [verdict.heatmap.peak for verdict in examiner.examine_batch(validation)]
    assert card.heatmap_full_scale == pytest.approx(np.quantile(peaks, 0.99), rel=1e-4)


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["training", *map(str, arguments)])
    return main()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused_in_one_line(
    authenticity_arguments: tuple[object, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    assert run_main(monkeypatch, *authenticity_arguments, "--out", out, "--device", "cuda") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "This machine has no cuda device; use --device cpu, or auto."
    assert not out.exists(), "the run with another device is not a run that is there already"


def test_a_broken_photo_is_named_before_any_training(
    authenticity_arguments: tuple[object, ...],
    photo_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, out = tmp_path / "belt", tmp_path / "run"
    for label in ("genuine", "counterfeit"):
        for item in range(3):
            (data / label / f"item {item}").mkdir(parents=True)
            content = (photo_folder / label / f"item {item}" / "1.png").read_bytes()
            (data / label / f"item {item}" / "1.png").write_bytes(content)
    broken = data / "genuine" / "item 1" / "1.png"
    broken.write_bytes(broken.read_bytes()[:1000])
    assert run_main(monkeypatch, *authenticity_arguments, "--data", data, "--out", out) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "1 of 6 photos cannot be read, genuine/item 1/1.png" in last
    assert not out.exists()


def test_a_run_that_is_there_is_not_overwritten(
    authenticity_arguments: tuple[object, ...],
    authenticity_run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = {path.name: path.read_bytes() for path in authenticity_run.iterdir()}
    assert run_main(monkeypatch, *authenticity_arguments, "--out", authenticity_run) == 2
    assert "holds a run already" in capsys.readouterr().err.splitlines()[-1]
    assert {path.name: path.read_bytes() for path in authenticity_run.iterdir()} == before
