"""Training KAG-MTLN: what it draws, how it weighs, and that a run ends in a model that examines."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from scipy import optimize  # type: ignore[import-untyped]
from torch.nn import functional

from inference.authenticity.examiner import AuthenticityExaminer
from inference.intake.exhibit import read_exhibit
from inference.models.card import HISTOGRAM_BINS
from inference.models.format_2 import with_keys
from inference.models.weights import load_model
from inference.request import Request
from training.__main__ import main
from training.assessment.evaluate import examine_all
from training.authenticity import train as authenticity
from training.authenticity.samples import class_weights, training_share
from training.authenticity.settings import PRESETS, AuthenticitySettings
from training.authenticity.views import RegisteredView
from training.data.photos.photo import Label, Photo, PhotoSet, Split
from training.data.photos.photo_set import read_photo_set
from training.figures.metrics import auc
from training.fitting.run_folder import TrainingRefused

SIZE = 32

CLASSES = ("belt/counterfeit", "belt/genuine")


def small(data: Path, **changes: Any) -> AuthenticitySettings:
    settings = PRESETS["small"]
    framed = replace(settings.preprocessing, size=SIZE)
    return replace(settings, data=data, preprocessing=framed, **{"segment_degree": 8, **changes})


@pytest.fixture(scope="module")
def photos(photo_folder: Path) -> PhotoSet:
    return read_photo_set(photo_folder)


def listed(counts: dict[str, int]) -> PhotoSet:
    """A set of that many training photos of each class, which lie nowhere."""
    photos = []
    for name, count in counts.items():
        series, _, label = name.rpartition("/")
        photos += [Photo(Path(f"{name} {i}"), series, as_label(label), f"{name} {i}", "train") for i in range(count)]
    return PhotoSet(tuple(photos), "", "0" * 64)


def as_label(text: str) -> Label:
    return "genuine" if text == "genuine" else "counterfeit"


@pytest.mark.parametrize("warped", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.8])
@pytest.mark.parametrize(
    "counts",
    [
        pytest.param({"a/genuine": 30, "a/counterfeit": 30}, id="balanced"),
        pytest.param({"a/genuine": 40, "a/counterfeit": 10, "b/genuine": 5, "b/counterfeit": 20}, id="unbalanced"),
    ],
)
def test_class_weights_give_every_class_the_same_say(counts: dict[str, int], share: float, warped: float) -> None:
    photos = listed(counts)
    weights = class_weights(photos, small(Path("set.csv"), disturbed_share=share, warped_share=warped))
    rng, draws = np.random.default_rng(0), 4000
    drawn: Counter[str] = Counter()
    for photo in photos.photos:
        forged = rng.random(draws) < share
        if photo.label == "genuine":
            forged |= rng.random(draws) < warped
        drawn[f"{photo.series}/counterfeit"] += int(forged.sum())
        drawn[photo.class_name] += int((~forged).sum())
    say = [float(weight) * drawn[name] for weight, name in zip(weights, photos.classes, strict=True)]
    # A class that is drawn less than once an epoch counts as drawn once.
    expected = [min(drawn[name] / draws, 1) for name in photos.classes]
    assert say == pytest.approx([max(say) * part for part in expected], rel=0.06)
    assert float(weights.mean()) == pytest.approx(1)


def test_disturbed_photos_that_are_no_counterfeits_weigh_nothing() -> None:
    photos = listed({"a/genuine": 40, "a/counterfeit": 10})
    chosen = small(Path("set.csv"), disturbed_share=0.4, warped_share=0.5, disturbed_are_counterfeits=False)
    counterfeit, genuine = class_weights(photos, chosen).tolist()
    assert photos.classes == ("a/counterfeit", "a/genuine")
    assert counterfeit * 10 * 0.6 == pytest.approx(genuine * 40 * 0.6 * 0.5)


def of_many_items(items: dict[str, int]) -> PhotoSet:
    """A set of nine training photos of each item and three of each for validation and test, which lie nowhere."""
    splits: tuple[Split, ...] = ("train", "train", "train", "val", "test")
    photos = []
    for name, count in items.items():
        series, _, label = name.rpartition("/")
        for item, split, number in product(range(count), splits, range(3)):
            shown = f"{name} {split} {item}"
            photos.append(Photo(Path(f"{shown} {number}"), series, as_label(label), shown, split))
    return PhotoSet(tuple(photos), "By item.", "0" * 64)


@pytest.mark.parametrize("share", [0.2, 0.4, 0.5, 0.01])
def test_a_training_share_keeps_whole_items_of_every_class_and_the_other_splits(share: float) -> None:
    whole = of_many_items({"a/genuine": 10, "a/counterfeit": 25, "b/genuine": 3, "b/counterfeit": 1})
    part = training_share(whole, share)
    assert set(part.photos) <= set(whole.photos)
    for split in ("val", "test"):
        assert part.of(split) == whole.of(split)
    for name, items in {"a/genuine": 10, "a/counterfeit": 25, "b/genuine": 3, "b/counterfeit": 1}.items():
        kept = Counter(photo.item for photo in part.of("train") if photo.class_name == name)
        assert len(kept) == max(1, round(items * share))
        assert set(kept.values()) == {9}, "all photos of an item, or none"
    assert part.split_rule == f"By item. Of the training items {share:.0%} of each class were used."


def test_training_shares_nest_and_do_not_follow_the_order_of_the_set() -> None:
    whole = of_many_items({"a/genuine": 20, "a/counterfeit": 20})
    chosen = [{photo.item for photo in training_share(whole, share).of("train")} for share in (0.1, 0.2, 0.4, 0.7, 1.0)]
    for smaller, larger in pairwise(chosen):
        assert smaller < larger
    turned = replace(whole, photos=whole.photos[::-1])
    assert {photo.item for photo in training_share(turned, 0.4).of("train")} == chosen[2]
    in_order = {f"a/{label} train {item}" for label in ("genuine", "counterfeit") for item in range(4)}
    assert chosen[1] != in_order
    assert training_share(whole, 1) is whole


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"warped_share": 1.1}, "--warped-share lies between 0 and 1"),
        ({"warped_share": -0.1}, "--warped-share lies between 0 and 1"),
        ({"training_share": 0.0}, "--training-share lies above 0"),
        ({"training_share": 1.01}, "--training-share lies above 0"),
        ({"steps_in_head": -1}, "--steps-in-head lies between 0 and the 12 steps of efficientnet_lite0, not -1"),
        ({"steps_in_head": 13}, "--steps-in-head lies between 0 and the 12 steps of efficientnet_lite0, not 13"),
    ],
    ids=str,
)
def test_settings_that_nothing_can_be_trained_with_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(TrainingRefused, match=words) as refusal:
        small(Path("none"), **changes)
    assert str(refusal.value).endswith(".")


def test_validation_scores_are_of_log_probability_class_and_authenticity() -> None:
    classes = ("a/counterfeit", "a/genuine", "b/counterfeit", "b/genuine")
    probabilities = torch.tensor(
        [[0.05, 0.45, 0.4, 0.1], [0.5, 0.2, 0.1, 0.2], [0.1, 0.1, 0.3, 0.5], [0.2, 0.1, 0.3, 0.4]]
    )
    labels = torch.tensor([1, 0, 2, 3])
    scores = authenticity.validation_scores(probabilities.log(), labels, classes)
    assert np.mean(np.log([0.45, 0.5, 0.3, 0.4])) < scores["score"] < 0
    assert scores["accuracy"] == 0.75
    # The odds of genuine, each in its series: 9 and 4/3 of the genuine, 2/5 and 5/3 of the counterfeits
    assert scores["auc"] == 0.75


@pytest.mark.parametrize("surer", [1.1, 1.1**12, 1.1**-12])
def test_an_epoch_is_judged_by_how_well_it_tells_and_not_by_how_sure_it_is(surer: float) -> None:
    classes = ("a/counterfeit", "a/genuine")
    labels = torch.tensor([0, 1] * 100)
    drawn = torch.randn((200, 2), generator=torch.Generator().manual_seed(0))
    logits, worse = (drawn + told * functional.one_hot(labels) for told in (1.0, 0.7))
    score = authenticity.validation_scores(logits, labels, classes)["score"]
    assert authenticity.validation_scores(surer * logits, labels, classes)["score"] == pytest.approx(score)
    assert authenticity.validation_scores(surer * worse, labels, classes)["score"] < score
    least = optimize.minimize_scalar(
        lambda t: float(functional.cross_entropy(logits / t, labels)), bounds=(0.1, 90), method="bounded"
    ).fun
    assert -score == pytest.approx(least, abs=1e-3)


def test_a_run_leaves_all_that_is_needed_to_judge_and_to_use_it(authenticity_run: Path, photo_folder: Path) -> None:
    stated = json.loads((authenticity_run / "settings.json").read_text())
    assert (stated["data"], stated["backbone"], stated["fit"]["epochs"]) == (str(photo_folder), "six_layer_cnn", 3)

    log = [json.loads(line) for line in (authenticity_run / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in log] == [1, 2, 3]
    assert all({"loss", "rate", "score", "accuracy", "auc", "seconds"} <= line.keys() for line in log)

    card = load_model("authenticity", authenticity_run).card
    assert all(metric.key for metric in card.metrics.values())
    assert with_keys(card.metrics) == card.metrics
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
    verdicts = examine_all(examiner, test)
    p = np.array([verdict.probability_genuine for verdict in verdicts])
    genuine = np.array([photo.label == "genuine" for photo in test])
    value = auc(p[genuine], p[~genuine])
    assert value > 0.9
    assert card.metrics["authenticity AUC"].value == pytest.approx(value)
    assert card.band is not None
    inside = (card.band.lower < p) & (p < card.band.upper)
    assert card.metrics["inconclusive share"].value == pytest.approx(inside.mean())
    told = [(verdict.outcome, within) for verdict, within in zip(verdicts, inside, strict=True)]
    assert all((outcome == "inconclusive") == within for outcome, within in told if outcome != "out of scope")

    predicted = [max(verdict.class_probabilities.items(), key=lambda item: item[1])[0] for verdict in verdicts]
    counted = Counter(zip((photo.class_name for photo in test), predicted, strict=True))
    assert card.confusion is not None
    assert card.confusion.counts == tuple(tuple(counted[true, said] for said in CLASSES) for true in CLASSES)
    assert card.histogram is not None
    for name, of_side in (("genuine", genuine), ("counterfeit", ~genuine)):
        assert card.histogram.counts[name] == tuple(np.histogram(p[of_side], HISTOGRAM_BINS, (0, 1))[0])

    validation = [read_exhibit(photo.path) for photo in photos.of("val")]
    peaks = [verdict.heatmap.peak for verdict in examiner.examine_batch([*map(Request, validation)])]
    assert card.heatmap_full_scale == pytest.approx(np.quantile(peaks, 0.9), rel=1e-4)


# ---- a run that looks at photos beside their reference


@pytest.fixture(scope="module")
def guided_arguments(lettered_table: Path) -> tuple[object, ...]:
    return (
        *("authenticity", "small", "--data", lettered_table, "--view", "reference", "--long-side", 96),
        *("--cache", lettered_table.parent / "cache", "--backbone", "six_layer_cnn", "--hidden", 16),
        *("--steps-in-head", 4, "--heatmap", "hires_cam", "--segment-degree", 8, "--disturbed-share", 0.3),
        *("--warped-share", 0.3, "--batch", 4, "--epochs", 3, "--no-bf16", "--device", "cpu"),
    )


@pytest.fixture(scope="module")
def guided_run(
    guided_arguments: tuple[object, ...],
    start_training: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    out = tmp_path_factory.mktemp("runs") / "guided"
    process = start_training(*guided_arguments, "--out", out)
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    return out


def test_a_guided_run_ends_in_a_model_that_examines_as_its_card_states(guided_run: Path, lettered_table: Path) -> None:
    examiner = AuthenticityExaminer.load("authenticity", guided_run)
    card, test = examiner.card, read_photo_set(lettered_table).of("test")
    assert card.stack is not None
    assert (card.stack.width, card.heatmap_method, card.arguments["steps_in_head"]) == (96, "hires_cam", 4)
    assert lettered_table.parent.as_posix() not in (guided_run / "authenticity.json").read_text()
    verdicts = examine_all(examiner, test)
    p = np.array([verdict.probability_genuine for verdict in verdicts])
    genuine = np.array([photo.label == "genuine" for photo in test])
    unseen = np.array([photo.truth.counterfeiter == "Bob" for photo in test])
    assert unseen.sum() == 1
    values = {name: metric.value for name, metric in card.metrics.items()}
    assert values["authenticity AUC"] == pytest.approx(auc(p[genuine], p[~genuine & ~unseen]))
    assert values["AUC on unseen counterfeiters"] == pytest.approx(auc(p[genuine], p[unseen]))
    assert values["unseen counterfeiters found"] == (p[unseen] < 0.5).mean()
    assert values["known counterfeiters found"] == (p[~genuine & ~unseen] < 0.5).mean()
    assert "found when plain" not in values  # of two items
    bad = [verdict.reference is not None and not verdict.reference.fits for verdict in verdicts]
    assert values["refused share"] == pytest.approx(np.mean(bad))
    assert all(verdict.reference is not None and verdict.reference.series == "alba" for verdict in verdicts)
    assert card.confusion is not None
    assert card.confusion.over == "5 test photos, lettered0/table.csv"
    assert card.per_class is not None
    assert set(card.per_class) == {"alba/counterfeit", "alba/genuine"}


def test_a_guided_run_trains_on_what_its_model_sees(guided_run: Path, lettered_table: Path, tmp_path: Path) -> None:
    model = load_model("authenticity", guided_run)
    assert model.card.stack is not None
    examiner = AuthenticityExaminer(model)
    how, photos = RegisteredView(model.references, model.card.stack, tmp_path), read_photo_set(lettered_table).of("val")
    caches = list((lettered_table.parent / "cache").glob("registrations-*"))
    for photo, seen in zip(photos, how.read(photos), strict=True):
        assert torch.equal(how.tensor(seen, seen.pixels), examiner.view(Request(read_exhibit(photo.path))).tensor)
    assert [path.name for path in caches] == [path.name for path in tmp_path.iterdir()], "made of the same references"


def test_a_guided_run_that_was_killed_is_continued_to_the_same_bytes(
    guided_run: Path, guided_arguments: tuple[object, ...], start_training: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "stopped"
    first = start_training(*guided_arguments, "--out", out)
    while not (out / "log.jsonl").exists():
        assert first.poll() is None, first.communicate()
        time.sleep(0.01)
    first.kill()
    first.communicate(timeout=900)
    assert not (out / "authenticity.safetensors").exists()
    second = start_training(*guided_arguments, "--out", out, "--resume")
    _, errors = second.communicate(timeout=900)
    assert second.returncode == 0, errors
    weights = [(folder / "authenticity.safetensors").read_bytes() for folder in (guided_run, out)]
    assert weights[0] == weights[1]


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
