"""Tiny models, really trained: parts that a six-layer network tells apart after a few steps.

Striped parts are looked at alone. Lettered parts are photographed at an angle, on textured ground, and looked at beside
the genuine reference of their series.
"""

from __future__ import annotations

import gc
import io
import os
import shutil
import signal
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

from inference.collections.enrolling import KnownPhoto
from inference.evidence.calibration import Calibration
from inference.evidence.collection_rule import PROPOSITIONS, SIDES, CollectionRule, EnrolledCalibration
from inference.intake.exhibit import read_exhibit
from inference.models.card import Card, DetectionRule, ElementRule, Task
from inference.models.engines import openvino_engine
from inference.models.weights import Model, load_model, save_model
from inference.networks import build_network
from inference.networks.comparator import Comparator
from inference.preprocessing import HALF, Preprocessing
from inference.records import Exhibit, InconclusiveBand
from inference.reference import channels
from inference.reference.alignment import Registration
from inference.reference.building import build_reference
from inference.reference.reference import Reference
from inference.reference.registration import register
from inference.reference.stack import ReferenceStack
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.framing import FRAMING, frame_mark

pytest_plugins = ["tests.network_guard"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts tests in the background has them, and every app that they start, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

Pixels = NDArray[np.uint8]
MakeExhibit = Callable[..., Exhibit]

INK = {"blue": (30, 60, 200), "red": (200, 40, 30)}
CLASSES = tuple(f"{series}/{label}" for series in INK for label in ("genuine", "counterfeit"))
STEPS = 12
WORDS = {"alba": "ALBA", "quorum": "QUO7"}
# Its letters, and so all of the part, are their own mirror image.
SYMMETRIC_WORDS = {"avova": "AVOVA"}
LETTERED = tuple(f"{series}/{label}" for series in WORDS for label in ("counterfeit", "genuine"))
PART, GROUND = (132, 76), 8
# Half a dozen photos say too little of how well genuine ones fit.
LEAST_SCORE = 0.75
# Six poolings of five leave 2 x 2 cells of 40 pixels: small, and yet a map with places in it.
PREPROCESSING = Preprocessing(size=40)


@pytest.fixture(scope="session", autouse=True)
def compiled_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What this process compiles is kept in a folder of the tests', not in the user's cache."""
    folder = tmp_path_factory.mktemp("compiled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openvino_engine, "compiled_folder", lambda: folder)
        yield


@pytest.fixture(scope="session")
def leftovers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pages get a folder of this process's own: one that closes deletes its files, and examples are named alike.

    What they leave is collected here, after everything else is torn down, and not at the end of pytest.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(tmp_path_factory.mktemp("uploads"))
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def striped() -> MakeExhibit:
    """Makes the exhibit `striped(class, seed, width, height)` from the bytes of a PNG."""

    def make(name: str, seed: int = 0, width: int = 56, height: int = 40) -> Exhibit:
        file = io.BytesIO()
        Image.fromarray(stripes(name, seed, width, height)).save(file, "PNG")
        return read_exhibit(file.getvalue(), f"{name.replace('/', '_')}_{seed}.png")

    return make


@pytest.fixture
def photos(tmp_path: Path, striped: MakeExhibit) -> Path:
    """A folder of photos to examine in one go: a damaged one among them, and a CSV that says more of three."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, kind in (("a.png", "blue/genuine"), ("b.png", "blue/counterfeit"), ("d.png", "red/genuine")):
        (folder / name).write_bytes(striped(kind, 3).content)
    (folder / "c.png").write_bytes(b"no picture")
    (folder / "list.csv").write_text("path,item\na.png,Bag 1\nb.png,=Bag 2\nd.png,Straße\n")
    return folder


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
            train(network, loss_of, frame=card.task == "trademark")
            save_model(card, network.state_dict(), folder)
    return folder


def calibration(intercept: float, slope: float) -> Calibration:
    """A calibration of similar and dissimilar marks, made by hand."""
    return Calibration(
        sides=TrademarkExaminer.sides,
        propositions=TrademarkExaminer.propositions,
        intercept=intercept,
        slope=slope,
        least=-1.0,
        greatest=2.0,
        replicates=((intercept, slope, -1.0, 2.0),),
        accepts=(-100.0, -100.0),
        error=0.05,
        sources=(30, 30),
        population="by hand",
        held_out=((), ()),
    )


@pytest.fixture(scope="session")
def weighing_models(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder with `tiny_marks` as a model that weighs wholes and elements."""
    model = load_model("tiny_marks", tiny_models)
    rule = ElementRule(4.0, calibration(0.5, 0.5), calibration(2.0, 0.25))
    card = replace(model.card, element_rule=rule, calibration=calibration(0.0, 1.0), agreement_weight=3.0)
    folder = tmp_path_factory.mktemp("weighing")
    save_model(card, model.network.state_dict(), folder)
    return folder


@pytest.fixture(scope="session")
def comparator(tiny_models: Path) -> Model:
    """A comparator with random weights, its spreads and calibration made by hand."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Comparator("six_layer_cnn", 8)
    line = (-1.0, 0.4, -2.0, 2.0)
    by_hand = Calibration(SIDES, PROPOSITIONS, *line, (line,), (3.0, 2.0), 0.05, (30, 30), "by hand", ((), ()))
    rule = CollectionRule({"comparator": 0.01, "patches": 0.03}, 5, (EnrolledCalibration(4, by_hand),))
    card = replace(
        load_model("tiny_parts", tiny_models).card,
        name="tiny_comparator",
        task="comparator",
        network="comparator",
        arguments={"backbone": "six_layer_cnn", "channels": 8},
        classes=(),
        preprocessing=Preprocessing(size=96, mean=HALF, std=HALF),
        collection_rule=rule,
        weights_sha256="c" * 64,
        band=None,
        heatmap_full_scale=None,
    )
    return Model(card, network.eval(), "d" * 64)


@pytest.fixture(scope="session")
def symbol_and_lockup(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A symbol, and the same beside two bars that stand for a word."""
    rng = np.random.default_rng(1)
    symbol = np.full((140, 140, 3), 255, np.uint8)
    symbol[20:120, 20:120] = 20
    for _ in range(6):
        x, y = rng.integers(26, 90, 2).tolist()
        symbol[y : y + 12, x : x + int(rng.integers(10, 24))] = rng.integers(120, 255, 3)
    lockup = np.full((140, 420, 3), 255, np.uint8)
    lockup[:, :140] = symbol
    lockup[40:60, 170:400] = lockup[68:100, 170:350] = 30
    folder = tmp_path_factory.mktemp("marks")
    paths = folder / "symbol.png", folder / "lockup.png"
    for path, pixels in zip(paths, (symbol, lockup), strict=True):
        Image.fromarray(pixels).save(path)
    return paths


class Goods:
    """Makes photos of goods: plain ground with none, one or two striped parts on it."""

    size = 128, 96

    def __call__(self, seed: int, names: tuple[str, ...]) -> Exhibit:
        """The exhibit of a photo with a part of each class `series/label`, from the bytes of a PNG."""
        file = io.BytesIO()
        Image.fromarray(self.photo(seed, names)[0]).save(file, "PNG")
        return read_exhibit(file.getvalue(), f"goods_{seed}.png")

    def photo(self, seed: int, names: tuple[str, ...]) -> tuple[Pixels, NDArray[np.float32]]:
        """The photo, and the boxes of its parts (n, 4): left, top, right, bottom."""
        rng = np.random.default_rng(seed)
        width, height = self.size
        pixels = np.clip(rng.integers(60, 190) + rng.normal(0, 8, (height, width, 3)), 0, 255).astype(np.uint8)
        room, boxes = width // max(len(names), 1), []
        for number, name in enumerate(names):
            across = int(rng.integers(34, 52))
            down = int(across * 0.7)
            left, top = number * room + int(rng.integers(room - across)), int(rng.integers(height - down))
            pixels[top : top + down, left : left + across] = stripes(name, seed, across, down)
            boxes.append((left, top, left + across, top + down))
        return pixels, np.array(boxes, np.float32).reshape(-1, 4)


@pytest.fixture(scope="session")
def goods() -> Goods:
    """Makes the exhibit `goods(seed, classes)`."""
    return Goods()


@pytest.fixture(scope="session")
def goods_models(goods: Goods, tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder with `tiny_locator`, which finds the part `striped_part`, and `tiny_parts`, the model for it."""
    folder = tmp_path_factory.mktemp("goods_weights")
    parts = load_model("tiny_parts", tiny_models)
    save_model(replace(parts.card, part="striped_part"), parts.network.state_dict(), folder)
    arguments = {"backbone": "efficientnet_lite0", "classes": 1, "channels": 64, "convolutions": 1}
    card = replace(
        tiny_card("tiny_locator", "locator", "locator", arguments, ("striped_part",)),
        preprocessing=Preprocessing(size=96, mean=HALF, std=HALF),
        band=None,
        heatmap_full_scale=None,
        find_rule=DetectionRule(0.6, 0.5, 0.05, 0.8, "set by hand"),
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(card.network, card.arguments)
        network.backbone.load_state_dict(load_model("efficientnet_lite0").network.state_dict())
        network.backbone.requires_grad_(False)
        fit_locator(network, goods, card.preprocessing)
    save_model(card, network.state_dict(), folder)
    return folder


def fit_locator(network: Any, goods: Goods, preprocessing: Preprocessing) -> None:
    photos = [goods.photo(seed, tuple(CLASSES[(seed + k) % 4] for k in range(seed % 3))) for seed in range(24)]
    optimiser = torch.optim.AdamW([each for each in network.parameters() if each.requires_grad], 5e-3)
    network.train()
    for step in range(80):
        drawn = [photos[index] for index in np.random.default_rng(step).permutation(len(photos))[:4]]
        scaled = [preprocessing.tone_and_scale(pixels) for pixels, _ in drawn]
        targets = [
            {
                "boxes": torch.from_numpy(boxes * np.float32(preprocessing.size / max(goods.size))),
                "labels": torch.zeros(len(boxes), dtype=torch.long),
            }
            for _, boxes in drawn
        ]
        optimiser.zero_grad()
        network.loss([torch.from_numpy(preprocessing.normalised(pixels)) for pixels in scaled], targets).backward()
        optimiser.step()


class Lettered:
    """Makes parts: a framed word over a line, which is short on the counterfeit one."""

    def __call__(self, name: str, seed: int = 0) -> Exhibit:
        """The exhibit of a photo of `series/label`, from the bytes of a PNG."""
        file = io.BytesIO()
        Image.fromarray(self.photo(name, seed)).save(file, "PNG")
        return read_exhibit(file.getvalue(), f"{name.replace('/', '_')}_{seed}.png")

    def drawing(self, name: str) -> Pixels:
        """The part itself, flat and evenly lit."""
        series, label = name.split("/")
        width, height = PART
        part = Image.new("RGB", PART, (150, 120, 90))
        draw = ImageDraw.Draw(part)
        draw.rounded_rectangle((10, 10, width - 11, height - 11), 8, (205, 190, 160), (70, 50, 40), 3)
        word = {**WORDS, **SYMMETRIC_WORDS}.get(series, series.upper())
        draw.text((width / 2, height / 2 - 8), word, (60, 30, 30), ImageFont.load_default(30), "mm")
        end = width - (26 if label == "genuine" else 60)
        draw.line((26, height - 26, end, height - 26), (60, 30, 30), 4)
        return np.asarray(part)

    def view(self, seed: int) -> NDArray[np.float64]:
        """Homography from the drawing to the photo with that seed."""
        rng = np.random.default_rng(seed)
        angle, zoom = rng.uniform(-0.15, 0.15), rng.uniform(0.9, 1.05)
        turn = zoom * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * PART
        middle = np.array(PART) / 2
        seen = (corners - middle) @ turn + rng.uniform(-3, 3, (4, 2)) + middle + GROUND
        return np.asarray(cv2.getPerspectiveTransform(corners.astype(np.float32), seen.astype(np.float32)))

    def photo(self, name: str, seed: int) -> Pixels:
        """A photo of the part as a hand-held camera takes it, 148 x 92."""
        rng = np.random.default_rng([seed, 1])
        width, height = PART[0] + 2 * GROUND, PART[1] + 2 * GROUND
        flat, ground = self.drawing(name), (120, 125, 130)
        laid = cv2.warpPerspective(flat, self.view(seed), (width, height), borderValue=ground) * rng.uniform(0.8, 1.1)
        coarse, fine = (cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), sigma) for sigma in (2, 0.7))
        return np.clip(laid + (14 * coarse + 4 * fine)[..., None], 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def lettered() -> Lettered:
    """Makes lettered parts, photos and exhibits of them."""
    return Lettered()


@pytest.fixture(scope="session")
def quorum_photos(lettered: Lettered) -> list[KnownPhoto]:
    """Photos of five genuine parts with one word."""
    return [KnownPhoto(lettered("quorum/genuine", seed), f"item {seed}") for seed in range(5)]


@pytest.fixture(scope="session")
def unmodelled(goods_models: Path, comparator: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `goods_models` with a comparator, in which `tiny_parts` is for another part than the locator finds."""
    folder = tmp_path_factory.mktemp("unmodelled")
    shutil.copytree(goods_models, folder, dirs_exist_ok=True)
    parts = load_model("tiny_parts", folder)
    save_model(replace(parts.card, part="other_part"), parts.network.state_dict(), folder)
    save_model(comparator.card, comparator.network.state_dict(), folder)
    return folder


@pytest.fixture(scope="session")
def tiny_references(lettered: Lettered) -> tuple[Reference, ...]:
    """The genuine references of both words, really built, long side 96."""
    built = []
    for series in WORDS:
        reference = build_reference(series, [lettered.photo(f"{series}/genuine", 100 + seed) for seed in range(5)], 96)
        built.append(replace(reference, least_score=LEAST_SCORE))
    return tuple(built)


@pytest.fixture(scope="session")
def guided_models(
    lettered: Lettered, tiny_references: tuple[Reference, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A weights folder with the model `tiny_guided`, which looks at lettered parts beside their references."""
    folder = tmp_path_factory.mktemp("guided")
    stack = ReferenceStack.around(tiny_references, ("luminance", "edges", "genuine edges"))
    arguments = {"backbone": "six_layer_cnn", "classes": 4, "hidden": 16, "auxiliary": False, "steps_in_head": 4}
    card = tiny_card("tiny_guided", "authenticity", "kag_mtln", arguments, LETTERED)
    card = replace(card, stack=stack, heatmap_method="hires_cam", data="lettered pictures", limits=("Two words.",))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(card.network, card.arguments)
        images, labels = stacked(lettered, tiny_references, stack)
        fit(network, images, labels, classification_loss, 2 * STEPS)
        save_model(card, network.state_dict(), folder, tiny_references)
    return folder


def stacked(lettered: Lettered, references: tuple[Reference, ...], stack: ReferenceStack) -> tuple[Tensor, Tensor]:
    """Photos laid over their references by what is known of their views, as a network sees them, and their classes."""
    images, labels = [], []
    for reference in references:
        placed = register(lettered.drawing(f"{reference.series}/genuine"), reference)
        for label in ("counterfeit", "genuine"):
            name = f"{reference.series}/{label}"
            for seed in range(4):
                homography = placed.homography @ np.linalg.inv(lettered.view(seed))
                laid = Registration(reference.series, homography, 1, 1)
                covering = laid.apply(lettered.photo(name, seed), reference.mean.shape)
                images.append(torch.from_numpy(channels.stacked(stack, *covering, reference)))
                labels.append(LETTERED.index(name))
    return torch.stack(images), torch.tensor(labels)


def stripes(name: str, seed: int, width: int, height: int) -> Pixels:
    """Noisy stripes in the ink of the series: level on the genuine part, upright on the counterfeit one."""
    series, label = name.split("/")
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    inked = (((rows if label == "genuine" else columns) + rng.integers(8)) // 4 % 2 == 1)[..., None]
    picture = np.where(inked, INK[series], (225, 225, 225)) + rng.normal(0, 12, (height, width, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


def train(network: Any, loss_of: Callable[[Any, Tensor, Tensor], Tensor], *, frame: bool) -> None:
    labels = torch.arange(len(CLASSES)).repeat(4)
    pictures = [stripes(CLASSES[label], 1000 + index, 56, 40) for index, label in enumerate(labels.tolist())]
    pictures = [frame_mark(picture).pixels for picture in pictures] if frame else pictures
    fit(
        network, torch.stack([torch.from_numpy(PREPROCESSING(picture).values) for picture in pictures]), labels, loss_of
    )


def fit(
    network: Any, images: Tensor, labels: Tensor, loss_of: Callable[[Any, Tensor, Tensor], Tensor], steps: int = STEPS
) -> None:
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    network.train()
    for _ in range(steps):
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
        mark_framing=FRAMING if task == "trademark" else 0,
    )
