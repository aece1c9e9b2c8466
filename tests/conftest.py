"""Tiny models, really trained: striped parts that a six-layer network tells apart after a few steps."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from inference.exhibit import read_exhibit
from inference.networks import build_network
from inference.preprocessing import Preprocessing
from inference.records import Exhibit, InconclusiveBand
from inference.weights import Card, Task, save_model

Pixels = NDArray[np.uint8]
MakeExhibit = Callable[..., Exhibit]

INK = {"blue": (30, 60, 200), "red": (200, 40, 30)}
CLASSES = tuple(f"{series}/{label}" for series in INK for label in ("genuine", "counterfeit"))
STEPS = 12
# Six poolings of five leave 2 x 2 cells of 40 pixels: small, and yet a map with places in it.
PREPROCESSING = Preprocessing(size=40)


@pytest.fixture(scope="session")
def striped() -> MakeExhibit:
    """Makes the exhibit `striped(class, seed, width, height)` from the bytes of a PNG."""

    def make(name: str, seed: int = 0, width: int = 56, height: int = 40) -> Exhibit:
        file = io.BytesIO()
        Image.fromarray(stripes(name, seed, width, height)).save(file, "PNG")
        return read_exhibit(file.getvalue(), f"{name.replace('/', '_')}_{seed}.png")

    return make


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder with the models `tiny_parts` (authenticity) and `tiny_marks` (trademark)."""
    folder = tmp_path_factory.mktemp("weights")
    parts = {"backbone": "six_layer_cnn", "classes": len(CLASSES), "hidden": 16, "auxiliary": False}
    marks = {"backbone": "six_layer_cnn", "pair_feature": "interacting", "scale": 1.0}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for card, loss_of in (
            (tiny_card("tiny_parts", "authenticity", "kag_mtln", parts, CLASSES), classification_loss),
            (tiny_card("tiny_marks", "trademark", "siamese", marks, ("dissimilar", "similar")), similarity_loss),
        ):
            network = build_network(card.network, card.arguments)
            train(network, loss_of)
            save_model(card, network.state_dict(), folder)
    return folder


def stripes(name: str, seed: int, width: int, height: int) -> Pixels:
    """Noisy stripes in the ink of the series: level on the genuine part, upright on the counterfeit one."""
    series, label = name.split("/")
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    inked = (((rows if label == "genuine" else columns) + rng.integers(8)) // 4 % 2 == 1)[..., None]
    picture = np.where(inked, INK[series], (225, 225, 225)) + rng.normal(0, 12, (height, width, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


def train(network: Any, loss_of: Callable[[Any, Tensor, Tensor], Tensor]) -> None:
    labels = torch.arange(len(CLASSES)).repeat(4)
    pictures = [stripes(CLASSES[label], 1000 + index, 56, 40) for index, label in enumerate(labels.tolist())]
    images = torch.stack([PREPROCESSING(picture).tensor for picture in pictures])
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    network.train()
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss_of(network, images, labels).backward()
        optimiser.step()


def classification_loss(network: Any, images: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(network.head(network.features(images)), labels)


def similarity_loss(network: Any, images: Tensor, labels: Tensor) -> Tensor:
    """Marks are similar when their stripes run alike and have the same colour."""
    embeddings = network(images)
    first, second = torch.triu_indices(len(labels), len(labels), 1)
    logits = network.head.logits(network.head.pair(embeddings[first], embeddings[second]))
    same = (labels[first] == labels[second]).long()
    return functional.cross_entropy(logits, same, weight=torch.tensor([1.0, 3.0]))


def tiny_card(name: str, task: Task, network: str, arguments: dict[str, object], classes: tuple[str, ...]) -> Card:
    return Card(
        name=name,
        title=name.replace("_", " ").capitalize(),
        task=task,
        network=network,
        arguments=arguments,
        classes=classes,
        preprocessing=PREPROCESSING,
        band=InconclusiveBand(0.4, 0.6, "set by hand"),
        heatmap_full_scale=1.5,
        split_rule="pictures are drawn anew",
        data="striped pictures",
        data_sha256="0" * 64,
        seed=0,
        settings={"steps": STEPS},
        metrics={},
        confusion=None,
        histogram=None,
        licence="Apache-2.0",
        source="made by a test",
        intended_use="tests",
        limits=("It knows stripes only.",),
        made="2025-01-01",
        weights_sha256="0" * 64,
    )
