"""Trains the comparator on houses, and assesses it on houses that it never met."""

from __future__ import annotations

import logging
from dataclasses import replace

import torch
from torch import nn
from tqdm import tqdm

from inference.collections.witnesses import ComparatorWitness
from inference.models.card import Card
from inference.models.engines.engine import TorchEngine
from inference.networks.comparator import Comparator
from training.assessment.collection_rule import FittedRule, fit_collection_rule
from training.assessment.house_witnesses import collection_witnesses
from training.assessment.houses import (
    CALIBRATED,
    ENROLLED,
    LEAST_QUESTIONED,
    examine_house,
    examine_houses,
    house_metrics,
)
from training.comparator.learner import ComparatorLearner, validation_scores
from training.comparator.samples import TrainingCrops
from training.comparator.settings import ComparatorSettings
from training.data.photos.photo import PhotoSet
from training.data.photos.photo_set import read_photo_set
from training.data.registered import RegisteredHouse, register_houses
from training.data.set_files import DataRefused
from training.fitting.fit import Scores, accelerator_for, fit, shuffled
from training.fitting.model_settings import draft_card
from training.fitting.pretrained import start_from_imagenet, start_from_whole_model
from training.fitting.run_folder import RunFolder, set_name

logger = logging.getLogger(__name__)
_VALIDATED = 10
"""Photos of each label and validation house that an epoch is judged by."""
EXAMINED = 16
"""Photos of each label and house that witnesses are weighed and assessed by."""


def train(settings: ComparatorSettings) -> Card | None:
    """Read and register the houses, fit, assess on the test houses, and write weights and card.

    Returns:
        The card; None in the processes of a distributed run that do not write it.

    Raises:
        Refusal: if the houses, the run folder or the device cannot be used; before any training.
    """
    photos = read_photo_set(settings.data, seed=settings.fit.seed, whole_series=True)
    accelerator = accelerator_for(settings.fit)
    manifest = photos.manifest.with_start(settings.start_from)
    run = RunFolder(settings.fit.out, settings, manifest, resume=settings.fit.resume, owner=accelerator.is_main_process)
    houses = {split: _registered(photos, split, settings) for split in ("train", "val", "test")}
    torch.manual_seed(settings.fit.seed)
    network = Comparator(settings.backbone, settings.channels)
    start = _start(network, settings)
    training = TrainingCrops(houses["train"], settings)
    logger.info("%d houses, %d photos; it starts from %s", len(houses["train"]), len(training), start)
    judging = ComparatorWitness(TorchEngine(network), str(accelerator.device))

    def validate(_: nn.Module) -> Scores:
        bar = tqdm(houses["val"], "validating", unit="house", leave=False)
        each = [examine_house(judging, house, settings.least_enrolled, _VALIDATED) for house in bar]
        return validation_scores({one.name: (one.forged, one.genuine) for one in each if one is not None})

    learner = ComparatorLearner(network, settings.mask_weight, settings.label_share)
    fit(learner, training, shuffled(len(training), settings.fit.seed), validate, settings.fit, run, accelerator)
    if not accelerator.is_main_process:
        return None
    device = str(accelerator.device)
    network.eval()
    witnesses = collection_witnesses(network, device)
    examined = examine_houses(witnesses, houses["val"], CALIBRATED, EXAMINED)
    fitted = fit_collection_rule(examined, set_name(settings.data))
    metrics = house_metrics(examine_houses(witnesses, houses["test"], most=EXAMINED), fitted.rule)
    draft = drafted_card(settings, photos, start, fitted)
    return run.write_model(replace(draft, metrics=metrics), network.state_dict())


def drafted_card(settings: ComparatorSettings, photos: PhotoSet, start: str, fitted: FittedRule) -> Card:
    """The card of a comparator, without its figures.

    Args:
        settings: Of its training.
        photos: The houses.
        start: What it started from.
        fitted: How its witnesses are weighed.
    """
    return draft_card(
        settings,
        {"backbone_start": start},
        (
            "It was trained on rendered parts that are flat or nearly so; its figures are of rendered houses.",
            "It sees shape: what deviates in colour, print or texture alone it may miss.",
            *fitted.limits,
        ),
        task="comparator",
        network="comparator",
        arguments=settings.arguments,
        classes=(),
        band=None,
        heatmap_full_scale=None,
        split_rule=photos.split_rule,
        data=f"{len(photos.photos)} photos of {len(photos.series)} houses in {set_name(settings.data)}",
        data_sha256=photos.manifest_sha256,
        source="trained with python -m training comparator",
        collection_rule=fitted.rule,
        intended_use="Where a photo of a part differs from genuine photos of it that an examiner holds.",
    )


def _start(network: Comparator, settings: ComparatorSettings) -> str:
    """Load what the network starts from, and say so."""
    if settings.start_from:
        return start_from_whole_model(network, settings.arguments, settings.start_from, "comparator")
    if settings.pretrained:
        return start_from_imagenet(network.backbone, settings.backbone)
    return "random weights"


def _registered(photos: PhotoSet, split: str, settings: ComparatorSettings) -> list[RegisteredHouse]:
    """The houses of a split with as many genuine items as are enrolled, and others to examine."""
    least = settings.least_enrolled + 1
    if split != "train":
        least = max(settings.least_enrolled, ENROLLED[0]) + LEAST_QUESTIONED
    chosen = [photo for photo in photos.photos if photo.split == split]
    found = register_houses(chosen, settings.preprocessing.size, settings.cache)
    kept = [house for house in found if len(house.one_of_each_item(genuine=True)) >= least]
    if not kept:
        msg = (
            f"No {split} house has {least} genuine items that fit each other; add genuine photos that show the part "
            "flat and whole."
        )
        raise DataRefused(msg)
    return kept
