"""Training the locator on scenes: photos of whole goods with the boxes of the parts on them.

Source: KAG-MTLN paper, section 3.1, whose first stage is YOLOv7; FCOS stands here in its place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import get_args

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset
from tqdm import tqdm

from inference import location
from inference.exhibit import read_exhibit
from inference.networks.backbones import BackboneName, build_backbone
from inference.networks.locator import Locator
from inference.preprocessing import HALF, Preprocessing
from inference.records import as_json
from inference.weights import Card, FindRule, Model
from training.data.photos import Split
from training.data.scene_set import MARGIN, LabelledScene, SceneSet, read_scene_set
from training.data.scene_views import draw_view, vary_light
from training.detection import (
    SceneBoxes,
    average_precision,
    find_metrics,
    least_score,
    match,
    precision_metrics,
)
from training.fit import EpochSampler, FitSettings, Scores, accelerator_for, derive_seed, fit
from training.pretrained import start_from_imagenet
from training.runs import RunFolder, require_argument, require_name, require_setting, set_name, stated_settings

logger = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels], Pixels]

_KEPT = 1.25
"""Scenes are kept in memory with this many times the long side that the network sees in use."""

_OVERLAP = 0.5
_CLOSE_UP = 0.7


@dataclass(frozen=True)
class LocatorSettings:
    """Train a locator on photos of whole goods with the boxes of the parts on them."""

    data: Path
    """Folder with photos and a manifest.csv: path, split, part, left, top, width, height; one row a part."""
    fit: tyro.conf.OmitArgPrefixes[FitSettings]
    preprocessing: tyro.conf.OmitArgPrefixes[Preprocessing]
    """`--size` is the long side of the photo as the network sees it."""
    view: int = 640
    """Side of the square that training cuts out of a zoomed photo, in pixels; a multiple of 32."""
    name: str = "locator"
    """Name of the model's two files, lower case with underscores."""
    title: str = "Locator"
    """What an examiner reads in the list of models."""
    licence: str = "not stated"
    """Licence the weights are given under."""
    remarks: tuple[str, ...] = ()
    """Sentences put first among the card's limits."""
    backbone: BackboneName = "resnet50"
    """Feature extractor."""
    channels: int = 128
    """Width of the feature pyramid and of the head, a multiple of 32, at least 64."""
    convolutions: int = 4
    """Depth of each of the head's two branches."""
    frozen_steps: int = 0
    """How many of the backbone's first steps stay as they are."""
    most_false_finds: float = 0.02
    """Finds per empty validation scene that the threshold may leave."""

    def __post_init__(self) -> None:
        require_name(self.name)
        require_setting(
            self.view >= 64 and self.view % 32 == 0, f"--view is a multiple of 32, at least 64, not {self.view}."
        )
        require_setting(
            self.channels >= 64 and self.channels % 32 == 0,
            f"--channels is a multiple of 32, at least 64, not {self.channels}.",
        )
        require_setting(self.convolutions >= 1, f"--convolutions is at least 1, not {self.convolutions}.")
        require_argument("channels", self.channels)
        require_argument("convolutions", self.convolutions)
        require_setting(
            self.preprocessing.padding == "gray", "--padding is gray for a locator, which fills up with grey itself."
        )
        require_setting(self.most_false_finds >= 0, f"--most-false-finds is at least 0, not {self.most_false_finds}.")
        with torch.device("meta"):
            steps = len(build_backbone(self.backbone).steps)
        require_setting(
            0 <= self.frozen_steps <= steps,
            f"--frozen-steps lies between 0 and the {steps} steps of {self.backbone}, not {self.frozen_steps}.",
        )


PRESETS = {
    "paper": LocatorSettings(
        data=tyro.MISSING,
        fit=FitSettings(
            out=tyro.MISSING,
            epochs=60,
            batch=16,
            optimiser="adamw",
            learning_rate=5e-4,
            weight_decay=0.01,
            schedule="one_cycle",
        ),
        preprocessing=Preprocessing(size=640, mean=HALF, std=HALF),
    ),
    "small": LocatorSettings(
        data=tyro.MISSING,
        fit=FitSettings(
            out=tyro.MISSING,
            epochs=4,
            batch=8,
            optimiser="adamw",
            learning_rate=6e-4,
            weight_decay=0.01,
            schedule="one_cycle",
            bf16=False,  # depthwise networks gain nothing from it
        ),
        preprocessing=Preprocessing(size=512, mean=HALF, std=HALF),
        view=352,
        backbone="efficientnet_lite0",
        channels=64,
        convolutions=2,
        frozen_steps=4,
    ),
}
"""`paper`: the picture size of the paper's first stage, for a GPU. `small`: for machines without one."""


def train(settings: LocatorSettings) -> Card | None:
    """Read the scenes, fit, choose the threshold on validation, measure on test, and write weights and card.

    Returns:
        The card; None in the processes of a distributed run that do not write it.

    Raises:
        Refusal: if the scenes, the run folder or the device cannot be used; before any training.
    """
    scenes = read_scene_set(settings.data)
    accelerator = accelerator_for(settings.fit)
    run = RunFolder(
        settings.fit.out, settings, scenes.manifest, resume=settings.fit.resume, owner=accelerator.is_main_process
    )
    torch.manual_seed(settings.fit.seed)
    network = Locator(settings.backbone, len(scenes.parts), settings.channels, settings.convolutions)
    start = start_from_imagenet(network.backbone, settings.backbone)
    for step in network.backbone.steps[: settings.frozen_steps]:
        step.requires_grad_(False)
    logger.info("%d scenes; the backbone starts from %s", len(scenes.scenes), start)

    training = TrainingViews(scenes, settings)
    validation = read_shrunk(scenes, "val", settings.preprocessing.size)
    known = [shrunk.known for shrunk in validation]
    sampler = EpochSampler(
        lambda generator: torch.randperm(len(training), generator=generator).tolist(),
        len(training),
        settings.fit.seed,
    )

    def validate(_: nn.Module) -> Scores:
        bar = tqdm(validation, "validating", unit="scene", leave=False)
        images = (settings.preprocessing.tensor(shrunk.pixels).to(accelerator.device) for shrunk in bar)
        found = [detections(network, image) for image in images]
        return validation_scores(found, known, len(scenes.parts))

    fit(LocatorLearner(network), training, sampler, validate, settings.fit, run, accelerator)
    if not accelerator.is_main_process:
        return None
    return _finish(network.eval(), scenes, settings, start, run, str(accelerator.device))


class TrainingViews(Dataset[dict[str, Tensor]]):
    """Training scenes as they are drawn; (epoch, index) decides all that is random in a view.

    Scenes are decoded once and kept in memory as pixels, a little larger than the network sees them.
    """

    def __init__(self, scenes: SceneSet, settings: LocatorSettings) -> None:
        self._settings = settings
        self._scenes = read_shrunk(scenes, "train", round(_KEPT * settings.preprocessing.size))
        self._most = max(len(shrunk.known.labels) for shrunk in self._scenes)

    def __len__(self) -> int:
        return len(self._scenes)

    def __getitem__(self, drawn: tuple[int, int]) -> dict[str, Tensor]:
        """One view: `image` (3, S, S), and its `boxes` (m, 4) and `labels` (m,), filled up with the label -1."""
        epoch, index = drawn
        settings, scene = self._settings, self._scenes[index]
        rng = np.random.default_rng(derive_seed(settings.fit.seed, epoch, index))
        view = draw_view(scene.pixels, scene.known.boxes, settings.view, settings.preprocessing.size, rng)
        boxes, labels = torch.zeros(self._most, 4), torch.full((self._most,), -1)
        boxes[: len(view.kept)] = torch.from_numpy(view.boxes)
        labels[: len(view.kept)] = torch.from_numpy(scene.known.labels[view.kept])
        image = settings.preprocessing.tensor(vary_light(view.pixels, rng))
        return {"image": image, "boxes": boxes, "labels": labels}


class LocatorLearner(nn.Module):
    """A locator and its loss: a batch of `TrainingViews` in, its loss out."""

    def __init__(self, network: Locator) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The summed losses of a batch."""
        targets = [
            {"boxes": boxes[labels >= 0], "labels": labels[labels >= 0]}
            for boxes, labels in zip(batch["boxes"], batch["labels"], strict=True)
        ]
        return self.network.loss(list(batch["image"]), targets)


def detections(network: Locator, image: Tensor) -> SceneBoxes:
    """What a network in evaluation mode finds in one picture (3, h, w), in its pixels."""
    with torch.no_grad():
        found = network([image])[0]
    order = found["scores"].argsort(descending=True, stable=True)
    boxes, labels, scores = (found[name][order].float().cpu().numpy() for name in ("boxes", "labels", "scores"))
    return SceneBoxes(boxes, labels.astype(np.int64), scores)


def validation_scores(found: Sequence[SceneBoxes], known: Sequence[SceneBoxes], parts: int) -> Scores:
    """Mean average precision at an overlap of .5 and over .5 to .95, which is also the `score`."""
    values = np.stack([average_precision(match(found, known, label)) for label in range(parts)])
    return {"ap50": float(values[:, 0].mean()), "ap": float(values.mean()), "score": float(values.mean())}


@dataclass(frozen=True)
class Shrunk:
    """A scene as it is kept in memory: its pixels, uint8 (h, w, 3), and what is in it, in these pixels."""

    pixels: Pixels
    known: SceneBoxes


def read_shrunk(scenes: SceneSet, split: Split, long_side: int) -> list[Shrunk]:
    """The scenes of a split, with their long side scaled to so many pixels."""
    preprocessing = Preprocessing(size=long_side)
    shrunk = []
    for scene in tqdm(scenes.of(split), f"reading {split} scenes", unit="scene", leave=False):
        photo, known = read_exhibit(scene.path).pixels, truth(scenes, scene)
        pixels = preprocessing.tone_and_scale(photo)
        zoom = np.array([pixels.shape[1] / photo.shape[1], pixels.shape[0] / photo.shape[0]] * 2, np.float32)
        shrunk.append(Shrunk(pixels, replace(known, boxes=known.boxes * zoom)))
    return shrunk


def truth(scenes: SceneSet, scene: LabelledScene) -> SceneBoxes:
    """What is in a scene, in pixels of its photo."""
    return SceneBoxes(scene.boxes, scenes.labels(scene), np.ones(len(scene.parts), np.float32))


def detect_all(
    locator: location.Locator, scenes: Sequence[LabelledScene], change: Change | None = None
) -> list[SceneBoxes]:
    """What a finished locator takes for parts in each of the scenes, however unsure.

    Args:
        locator: The locator.
        scenes: Where it looks.
        change: What is done to a photo, uint8 (H, W, 3), before; its size stays.
    """
    found = []
    for scene in tqdm(scenes, "locating", unit="scene", leave=False):
        pixels = read_exhibit(scene.path).pixels
        found.append(SceneBoxes(*locator.detect(change(pixels) if change else pixels)))
    return found


def _finish(
    network: Locator, scenes: SceneSet, settings: LocatorSettings, start: str, run: RunFolder, device: str
) -> Card:
    """Choose the threshold, measure, and write the card."""
    draft = _card(scenes, settings, start)
    locator = location.Locator(Model(draft, network, ""), device)
    validation, test = scenes.of("val"), scenes.of("test")
    chosen = least_score(
        detect_all(locator, validation), [truth(scenes, scene) for scene in validation], settings.most_false_finds
    )
    empty = sum(not scene.parts for scene in validation)
    rule = (
        f"Of all scores that leave at most {settings.most_false_finds:g} finds per scene on {empty} empty validation "
        f"scenes, the one with the best F1 of finds at IoU 0.5 on all {len(validation)}."
    )
    find_rule = FindRule(chosen, _OVERLAP, MARGIN, _CLOSE_UP, rule)
    found, known = detect_all(locator, test), [truth(scenes, scene) for scene in test]
    metrics = precision_metrics(found, known, scenes.parts) | find_metrics(found, known, chosen)
    card = run.write_model(replace(draft, find_rule=find_rule, metrics=metrics), network.state_dict())
    run.write_json("metrics.json", {name: as_json(metric) for name, metric in metrics.items()})
    return card


def _card(scenes: SceneSet, settings: LocatorSettings, start: str) -> Card:
    photos = {split: scenes.of(split) for split in get_args(Split)}
    counts = ", ".join(f"{len(listed)} {split}" for split, listed in photos.items())
    boxes = sum(len(scene.parts) for scene in scenes.scenes)
    return Card(
        name=settings.name,
        title=settings.title,
        task="locator",
        network="locator",
        arguments={
            "backbone": settings.backbone,
            "classes": len(scenes.parts),
            "channels": settings.channels,
            "convolutions": settings.convolutions,
        },
        classes=scenes.parts,
        preprocessing=settings.preprocessing,
        band=None,
        heatmap_full_scale=None,
        find_rule=FindRule(0, _OVERLAP, MARGIN, _CLOSE_UP, "none yet"),
        split_rule=f"The split is the set's own: {counts} scenes.",
        data=f"{len(scenes.scenes)} scenes with {boxes} boxes, {set_name(settings.data)}",
        data_sha256=scenes.manifest_sha256,
        seed=settings.fit.seed,
        settings=stated_settings(settings),
        metrics={},
        confusion=None,
        histogram=None,
        licence=settings.licence,
        source=f"trained with python -m training locator; the backbone started from {start}",
        intended_use=f"Finding {', '.join(scenes.parts)} on photos of whole goods; an examiner checks the boxes.",
        limits=(
            *settings.remarks,
            "It proposes boxes: that it finds a part says nothing of its authenticity, and a part it misses is still "
            "there.",
            "Scores order finds; they are no probabilities.",
        ),
        made=date.today().isoformat(),
        weights_sha256="",
    )
