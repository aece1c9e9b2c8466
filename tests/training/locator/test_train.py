"""Training a locator: the loop, its card, its continuation; and a finished one on scenes whose parts are known."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from inference.authenticity.examiner import AuthenticityExaminer
from inference.intake.exhibit import read_exhibit
from inference.locator.examiner import Locator
from inference.models.format_2 import with_keys
from inference.models.weights import load_model
from training import __main__ as command_line
from training.assessment.locator import LocatorAssessmentSettings, Pair, assess_locator, pair_metrics
from training.data.corruptions import CORRUPTIONS
from training.data.scenes.scene_set import read_scene_set
from training.data.set_files import DataRefused
from training.fitting.run_folder import RunFolder, TrainingRefused
from training.locator.samples import TrainingViews
from training.locator.settings import PRESETS, LocatorSettings
from training.locator.train import train


def settings(data: Path, out: Path, **changed: Any) -> LocatorSettings:
    small = PRESETS["small"]
    fit = replace(small.fit, out=out, epochs=3, batch=4, learning_rate=5e-3, device="cpu")
    view = {"preprocessing": replace(small.preprocessing, size=96), "view": 96, "convolutions": 1, "frozen_steps": 12}
    return replace(small, data=data, fit=fit, **view | changed)


@pytest.fixture(scope="module")
def run(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    assert train(settings(scenes, out)) is not None
    return out


def test_a_run_leaves_a_locator_with_its_card(run: Path, scenes: Path) -> None:
    locator = Locator.load("locator", run)
    card = locator.card
    assert (card.task, card.classes, card.part, card.band) == ("locator", ("striped_part",), None, None)
    assert card.preprocessing.size == 96
    assert 0 <= locator.rule.least_score <= 1
    assert "on 2 empty validation scenes" in locator.rule.rule
    assert {"mean average precision", "mean average precision .5:.95", "false finds per empty scene", "recall"} <= {
        *card.metrics
    }
    assert "5 scenes" in card.metrics["mean average precision"].over
    assert all(metric.key for metric in card.metrics.values())
    assert with_keys(card.metrics) == card.metrics
    assert card.data_sha256 == read_scene_set(scenes).manifest_sha256
    assert "EfficientNet-Lite0 pretrained on ImageNet" in card.source
    assert isinstance(locator.locate(read_exhibit(scenes / "test_1.png")), tuple)
    assert json.loads((run / "metrics.json").read_text()).keys() == card.metrics.keys()


def test_the_loss_falls_and_frozen_steps_stay(run: Path) -> None:
    losses = [json.loads(line)["loss"] for line in (run / "log.jsonl").read_text().splitlines()]
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    trained, start = load_model("locator", run).network, load_model("efficientnet_lite0").network
    backbone: Any = trained.backbone
    assert all((value == backbone.state_dict()[name]).all() for name, value in start.state_dict().items())


def test_an_interrupted_run_continues_to_the_same_weights(
    run: Path, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = settings(scenes, tmp_path / "run")
    save = RunFolder.save_checkpoint

    def save_and_stop(folder: RunFolder, *epoch: Any) -> None:
        save(folder, *epoch)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "save_checkpoint", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            train(asked)
    card = train(replace(asked, fit=replace(asked.fit, resume=True)))
    assert card is not None
    assert card.weights_sha256 == load_model("locator", run).card.weights_sha256


def test_a_view_holds_its_boxes_and_fills_up_with_none(scenes: Path, tmp_path: Path) -> None:
    views = TrainingViews(read_scene_set(scenes), settings(scenes, tmp_path))
    assert len(views) == 8
    for index in range(8):
        view = views[0, index]
        kept = view["labels"] >= 0
        assert view["image"].shape == (3, 96, 96)
        assert (view["boxes"].shape, view["labels"].shape) == ((2, 4), (2,))
        assert int(kept.sum()) <= index % 3
        assert (view["boxes"][~kept] == 0).all()
        assert (view["image"] == views[0, index]["image"]).all()
        assert not (view["image"] == views[1, index]["image"]).all()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": "Locator"}, "--name is lower-case"),
        ({"view": 100}, "--view is a multiple of 32"),
        ({"channels": 32}, "--channels is a multiple of 32, at least 64"),
        ({"convolutions": 0}, "--convolutions is at least 1"),
        ({"frozen_steps": 13}, "--frozen-steps lies between 0 and the 12 steps of efficientnet_lite0"),
        ({"most_false_finds": -0.1}, "--most-false-finds is at least 0"),
        ({"preprocessing": replace(PRESETS["small"].preprocessing, padding="none")}, "--padding is gray"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(TrainingRefused, match=words):
        settings(tmp_path, tmp_path, **changed)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("locator", "small"), "holds no manifest.csv"),
        (("evaluate_locator", "tiny_locator"), "tiny_locator.json cannot be read"),
    ],
)
def test_a_command_refuses_with_a_sentence(
    command: tuple[str, ...],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["training", *command, "--data", str(tmp_path), "--out", str(tmp_path / "run")])
    assert command_line.main() == 2
    assert words in capsys.readouterr().err


@pytest.fixture
def assess(scenes: Path, goods_models: Path, tmp_path: Path) -> Callable[..., Any]:
    def measure(**changed: Any) -> Any:
        asked = LocatorAssessmentSettings("tiny_locator", scenes, tmp_path, goods_models, **changed)
        table = assess_locator(asked)
        assert json.loads((tmp_path / "figures.json").read_text()).keys() == table.keys()
        return table

    return measure


def test_a_finished_locator_is_measured_on_scenes(assess: Callable[..., Any], tmp_path: Path) -> None:
    (figures,) = assess().values()
    with Image.open(tmp_path / "finds.jpg") as sheet:
        assert sheet.size == (4 * 320, 2 * 240)
    assert figures["mean average precision"].value > 0.9
    assert figures["recall"].value == 1
    assert figures["false finds per empty scene"].value == 0


def test_corruptions_are_measured_one_by_one(assess: Callable[..., Any]) -> None:
    table = assess(corruptions=True, limit=2)
    staying = [name for name, corruption in CORRUPTIONS.items() if not corruption.moves]
    assert list(table) == ["as photographed"] + [f"{name}, severity {n}" for name in staying for n in (1, 2)]


def test_authenticity_at_located_boxes_is_compared_with_that_at_true_ones(assess: Callable[..., Any]) -> None:
    (row,) = assess(end_to_end=True).items()
    assert row[0] == "striped_part, tiny_parts"
    assert row[1]["parts found"].value == 1
    assert 0 <= row[1]["same outcome"].value <= 1
    difference = row[1]["AUC at located less AUC at true boxes"]
    located, true = (row[1][f"authenticity AUC at {where} boxes"].value for where in ("located", "true"))
    assert difference.value == pytest.approx(located - true)
    assert difference.low <= difference.value <= difference.high


def test_parts_called_the_other_side_are_counted_by_side(goods_models: Path, goods: Any) -> None:
    examiner = AuthenticityExaminer.load("tiny_parts", goods_models)
    verdict = examiner.examine(goods(100, ("red/genuine",)))
    # Of each side: outcomes at the located boxes; at the true ones nothing is judged.
    outcomes = {True: ["genuine", "counterfeit", "inconclusive", "out of scope"], False: ["counterfeit", "genuine"]}
    refused = replace(verdict, outcome="out of scope")
    pairs = [
        Pair(f"{number} {genuine}", genuine, refused, replace(verdict, outcome=cast("Any", outcome)))
        for genuine, named in outcomes.items()
        for number, outcome in enumerate(named)
    ]
    metrics = pair_metrics(pairs)
    assert metrics["genuine called counterfeit at located boxes"].value == pytest.approx(1 / 3)
    assert metrics["counterfeit called genuine at located boxes"].value == pytest.approx(1 / 2)
    assert not [name for name in metrics if "called" in name and "true" in name]


def test_scenes_of_other_parts_are_refused(scenes: Path, goods_models: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for path in scenes.iterdir():
        (other / path.name).write_bytes(path.read_bytes().replace(b"striped_part", b"leather_tag"))
    with pytest.raises(DataRefused, match="shows leather_tag, but tiny_locator detects striped_part"):
        assess_locator(LocatorAssessmentSettings("tiny_locator", other, tmp_path, goods_models))
