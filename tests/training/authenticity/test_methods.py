"""Every method of Table 2 through the ordinary path: a run, a card, a model that examines."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn
from urllib.error import URLError

import pytest
import torch

from inference.authenticity.examiner import AuthenticityExaminer
from inference.intake.exhibit import read_exhibit
from inference.models.card import Card
from inference.networks.backbones import BackboneName
from training.authenticity import train as authenticity
from training.authenticity.methods import RIVALS, method_of, settled
from training.authenticity.settings import PRESETS, AuthenticitySettings, MethodName
from training.authenticity.train import train
from training.data.photos.photo_set import read_photo_set
from training.fitting.run_folder import TrainingRefused

BACKBONES: dict[MethodName, tuple[BackboneName, BackboneName]] = {
    "eca_net": ("efficientnet_lite0", "efficientnet_lite0_eca"),
    "cbam": ("efficientnet_lite0", "efficientnet_lite0_cbam"),
    "swin": ("efficientnet_lite0", "swin_tiny"),
    "mmal_net": ("six_layer_cnn", "six_layer_cnn"),
    "api_net": ("six_layer_cnn", "six_layer_cnn"),
    "mhem": ("six_layer_cnn", "six_layer_cnn"),
    "dcl": ("six_layer_cnn", "six_layer_cnn"),
}


@pytest.fixture(autouse=True)
def _no_download(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        reason = "there is no network in this test"
        raise URLError(reason)

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "urlopen", refuse)


def asked(data: Path, out: Path, method: MethodName, **changes: Any) -> AuthenticitySettings:
    small = PRESETS["small"]
    return replace(
        small,
        data=data,
        method=method,
        backbone=BACKBONES[method][0] if method in BACKBONES else "six_layer_cnn",
        fit=replace(small.fit, out=out, epochs=1 if method == "swin" else 3, batch=8, device="cpu"),
        preprocessing=replace(small.preprocessing, size=64),
        **changes,
    )


@pytest.mark.parametrize("method", RIVALS)
def test_a_rival_ends_in_a_model_that_examines_as_any_other(
    method: MethodName, photo_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    card = train(asked(photo_folder, out, method), for_examiners=False)
    assert isinstance(card, Card)
    rival = RIVALS[method]
    assert (card.title, card.network, card.arguments["backbone"]) == (rival.title, rival.network, BACKBONES[method][1])
    assert (
        card.source == f"{rival.title} ({rival.paper}), trained with python -m training authenticity --method {method}"
    )
    for stated in (json.loads((out / "settings.json").read_text()), card.settings):
        assert (stated["method"], stated["backbone"]) == (method, BACKBONES[method][1])
        assert (stated["disturbed_share"], stated["warped_share"]) == (0, 0)

    examiner = AuthenticityExaminer.load("authenticity", out)
    assert examiner.card == card
    photo = read_photo_set(photo_folder).of("test")[0]
    verdict = examiner.examine(read_exhibit(photo.path))
    assert set(verdict.class_probabilities) == {"belt/genuine", "belt/counterfeit"}
    assert verdict.heatmap.raw.shape == (2, 2)
    assert verdict.heatmap.raw.min() >= 0
    assert card.metrics["authenticity AUC"].value > 0.8


class _SeenError(Exception):
    """What a training was about to fit has been seen."""


@pytest.mark.parametrize(("method", "counterfeit", "drawn"), [("api_net", 1.0, 0.5), ("mhem", 1.6, 0.2)])
def test_what_is_rare_weighs_more_unless_it_is_drawn_as_often(
    method: MethodName,
    counterfeit: float,
    drawn: float,
    photo_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, counts = tmp_path / "belt", {"genuine": 40, "counterfeit": 10}
    for label, count in counts.items():
        for item in range(count):
            shutil.copytree(photo_folder / label / f"item {item}", data / label / f"item {item}")
    seen: list[Any] = []

    def see(*given: Any) -> NoReturn:
        seen.extend(given)
        raise _SeenError

    monkeypatch.setattr(authenticity, "fit", see)
    with pytest.raises(_SeenError):
        train(asked(data, tmp_path / "run", method))
    learner, photos, sampler, *_ = seen
    assert learner.class_weights.tolist() == pytest.approx([counterfeit, 2 - counterfeit])
    batch = photos.__getitems__([*sampler])
    assert float((batch["label"] == 0).float().mean()) == pytest.approx(drawn)
    assert not batch["disturbed"].any()


def test_without_a_method_it_is_kag_mtln_as_ever(photo_folder: Path, tmp_path: Path) -> None:
    settings = settled(asked(photo_folder, tmp_path, "kag_mtln"))
    assert (settings.disturbed_share, settings.title, settings.backbone) == (0.5, "KAG-MTLN", "six_layer_cnn")
    assert settings == settled(replace(PRESETS["small"], data=photo_folder, **_of(settings)))
    method = method_of(settings)
    assert method.stated("six_layer_cnn", 4, 2) == {
        "backbone": "six_layer_cnn",
        "classes": 4,
        "hidden": 128,
        "auxiliary": False,
        "steps_in_head": 2,
    }
    assert (method.network, method.sampler) == ("kag_mtln", None)


def _of(settings: AuthenticitySettings) -> dict[str, Any]:
    return {"fit": settings.fit, "preprocessing": settings.preprocessing, "backbone": settings.backbone}


def test_a_title_that_is_set_stays(photo_folder: Path, tmp_path: Path) -> None:
    assert settled(asked(photo_folder, tmp_path, "dcl", title="Belts")).title == "Belts"


@pytest.mark.parametrize(
    ("method", "changes", "words"),
    [
        ("mhem", {"genuine_only": True}, "--genuine-only needs --method kag_mtln"),
        ("mmal_net", {"steps_in_head": 2}, "--method mmal_net needs --steps-in-head 0"),
        ("swin", {"steps_in_head": 10}, "--steps-in-head lies between 0 and the 9 steps of swin_tiny, not 10"),
    ],
)
def test_what_a_method_cannot_do_is_refused(
    method: MethodName, changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(TrainingRefused, match=words):
        settled(asked(tmp_path, tmp_path, method, **changes))


def test_a_rival_beside_a_reference_is_a_model_like_any_other(lettered_table: Path, tmp_path: Path) -> None:
    settings = asked(lettered_table, tmp_path / "run", "mhem", view="reference")
    beside = replace(settings.reference, long_side=96, cache=lettered_table.parent / "cache")
    card = train(replace(settings, reference=beside, steps_in_head=4), for_examiners=False)
    assert card is not None
    assert (card.network, card.arguments["steps_in_head"]) == ("pooled_classifier", 4)
    examiner = AuthenticityExaminer.load("authenticity", tmp_path / "run")
    verdict = examiner.examine(read_exhibit(read_photo_set(lettered_table).of("test")[0].path))
    assert verdict.reference is not None
    assert verdict.reference.measured == ("features" if card.fusion else "edges")
