"""Trains the locator on scenes: photos of whole goods with the boxes of the parts on them.

Source: KAG-MTLN paper, section 3.1, whose first stage is YOLOv7; FCOS takes its place here.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import get_args

import torch
from torch import nn
from tqdm import tqdm

from inference.locator import examiner as location
from inference.models.card import Card, DetectionRule
from inference.models.weights import Model
from inference.networks.locator import Locator
from training.assessment.detections import detect_all, truth
from training.data.photos.photo import Split
from training.data.scenes.scene_set import MARGIN, SceneSet, read_scene_set
from training.figures.average_precision import detection_metrics, least_score, precision_metrics
from training.fitting.fit import Scores, accelerator_for, fit, shuffled
from training.fitting.model_settings import draft_card
from training.fitting.pretrained import start_from_imagenet
from training.fitting.run_folder import RunFolder, set_name
from training.locator.learner import LocatorLearner, detections, validation_scores
from training.locator.samples import TrainingViews, read_shrunk
from training.locator.settings import LocatorSettings

logger = logging.getLogger(__name__)
_OVERLAP = 0.5
_CLOSE_UP = 0.7


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

    def validate(_: nn.Module) -> Scores:
        bar = tqdm(validation, "validating", unit="scene", leave=False)
        images = (
            torch.from_numpy(settings.preprocessing.normalised(shrunk.pixels)).to(accelerator.device) for shrunk in bar
        )
        found = [detections(network, image) for image in images]
        return validation_scores(found, known, len(scenes.parts))

    sampler = shuffled(len(training), settings.fit.seed)
    fit(LocatorLearner(network), training, sampler, validate, settings.fit, run, accelerator)
    if not accelerator.is_main_process:
        return None
    return _finish(network.eval(), scenes, settings, start, run, str(accelerator.device))


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
        f"Of all scores that leave at most {settings.most_false_finds:g} detections per scene on {empty} empty "
        f"validation scenes, the one with the best F1 at IoU 0.5 on all {len(validation)}."
    )
    find_rule = DetectionRule(chosen, _OVERLAP, MARGIN, _CLOSE_UP, rule)
    found, known = detect_all(locator, test), [truth(scenes, scene) for scene in test]
    metrics = precision_metrics(found, known, scenes.parts) | detection_metrics(found, known, chosen)
    return run.write_model(replace(draft, find_rule=find_rule, metrics=metrics), network.state_dict())


def _card(scenes: SceneSet, settings: LocatorSettings, start: str) -> Card:
    photos = {split: scenes.of(split) for split in get_args(Split)}
    counts = ", ".join(f"{len(listed)} {split}" for split, listed in photos.items())
    boxes = sum(len(scene.parts) for scene in scenes.scenes)
    return draft_card(
        settings,
        {},
        (
            "It proposes boxes: a detection says nothing of authenticity, and a part without a detection may still be "
            "there.",
            "Scores order detections and are not probabilities.",
        ),
        task="locator",
        network="locator",
        arguments={
            "backbone": settings.backbone,
            "classes": len(scenes.parts),
            "channels": settings.channels,
            "convolutions": settings.convolutions,
        },
        classes=scenes.parts,
        band=None,
        heatmap_full_scale=None,
        find_rule=DetectionRule(0, _OVERLAP, MARGIN, _CLOSE_UP, "none yet"),
        split_rule=f"The split is the set's own: {counts} scenes.",
        data=f"{len(scenes.scenes)} scenes with {boxes} boxes, {set_name(settings.data)}",
        data_sha256=scenes.manifest_sha256,
        source=f"trained with python -m training locator; the backbone started from {start}",
        intended_use=f"Locating {', '.join(scenes.parts)} on photos of whole goods; an examiner checks the boxes.",
    )
