"""Trains KAG-MTLN, or a rival, on genuine and counterfeit photos. Source: KAG-MTLN paper, sections 3 and 4."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from inference.models.card import Card
from inference.models.weights import Model
from inference.networks import build_network
from inference.networks.cut_backbone import CutBackbone
from inference.reference.stack import ReferenceStack
from training.assessment.gate import measured_gate, with_gate
from training.assessment.photos import judged_by_photos
from training.authenticity.deviation import features_or_none, fit_fusion
from training.authenticity.learner import validation_scores
from training.authenticity.methods import method_of, settled
from training.authenticity.photo_batches import PhotoBatches
from training.authenticity.samples import RegisteredSamples, class_weights, genuine_training, training_share
from training.authenticity.settings import AuthenticitySettings
from training.authenticity.views import PhotoView, RegisteredView, Seen, View, build_references
from training.data.photos.photo import PhotoSet
from training.data.photos.photo_set import read_photo_set
from training.fitting.fit import Scores, accelerator_for, fit, shuffled
from training.fitting.model_settings import UNJUDGED, draft_card
from training.fitting.pretrained import start_from_imagenet, start_from_model
from training.fitting.run_folder import RunFolder, recorded_manifest, set_name
from training.fitting.watch import Fitting

logger = logging.getLogger(__name__)
_EVALUATION_BATCH = 32
_MET = "It has met no counterfeiter but those of its training set, and knows no other series."


def train(
    settings: AuthenticitySettings,
    *,
    every: PhotoSet | None = None,
    for_examiners: bool = True,
    fitted_by: Fitting | None = None,
) -> Card | None:
    """Read the photos, fit, judge, and write weights and card into the run folder.

    Args:
        settings: The settings of the run.
        every: The set, where it has been read already with the run's seed.
        for_examiners: Whether to fit scope gate and series rule too, which only examinations need. On two cores this
            takes as long as a short training, so that studies of training leave it out.
        fitted_by: What fits the network in place of `fit`: a watch over it.

    Returns:
        The card; None in the processes of a distributed run that do not write it.

    Raises:
        Refusal: if the photos, the run folder or the device cannot be used; before any training.
    """
    settings = settled(settings)
    every = every or _read(settings)
    photos = training_share(every, settings.training_share)
    photos = genuine_training(photos) if settings.genuine_only else photos
    accelerator = accelerator_for(settings.fit)
    manifest = every.manifest.with_start(settings.start_from)
    run = RunFolder(settings.fit.out, settings, manifest, resume=settings.fit.resume, owner=accelerator.is_main_process)
    beside = settings.reference
    references = build_references(photos, beside.long_side, beside.cache) if settings.view == "reference" else ()
    stack = ReferenceStack.around(references, beside.channels) if references else None
    how = RegisteredView(references, stack, beside.cache) if stack else PhotoView(settings.preprocessing)
    torch.manual_seed(settings.fit.seed)
    method = method_of(settings)
    stated = method.stated(settings.backbone, len(photos.classes), settings.steps_in_head)
    network: Any = method.build(stated)
    start = (
        start_from_model(network.backbone, settings.backbone, settings.start_from, "authenticity")
        if settings.start_from
        else start_from_imagenet(network.backbone, settings.backbone)
    )
    logger.info("%d photos of %d classes; the backbone starts from %s", len(photos.photos), len(photos.classes), start)

    training = (
        RegisteredSamples(photos, settings, how)
        if isinstance(how, RegisteredView)
        else PhotoBatches(photos, settings, accelerator.device)
    )
    validation = how.read(photos.of("val"))
    labels = torch.tensor([photos.classes.index(photo.class_name) for photo in photos.of("val")])
    known = [photos.classes.index(photo.class_name) for photo in photos.of("train")]
    if method.sampler:
        sampler, weights = method.sampler(known, settings.fit.batch, settings.fit.seed), torch.ones(len(photos.classes))
    else:
        sampler, weights = shuffled(len(training), settings.fit.seed), class_weights(photos, settings)

    def validate(_: nn.Module) -> Scores:
        with torch.no_grad():
            batches = _batches(validation, how, accelerator.device)
            logits = torch.cat([network.head(network.features(images)).float().cpu() for images in batches])
        return validation_scores(logits, labels, photos.classes)

    (fitted_by or fit)(method.learner(network, weights), training, sampler, validate, settings.fit, run, accelerator)
    if not accelerator.is_main_process:
        return None
    best: Any = build_network(method.network, stated)
    trained = network.state_dict()
    # KAG-MTLN's auxiliary branch is not among what examines.
    best.load_state_dict({name: trained[name] for name in best.state_dict()})
    best.eval().to(accelerator.device)
    draft = _draft(photos, settings, how, start, stated)
    return _finish(best, draft, photos, settings, how, run, for_examiners)


def _read(settings: AuthenticitySettings) -> PhotoSet:
    before = recorded_manifest(settings.fit.out) if settings.fit.resume else None
    return read_photo_set(settings.data, seed=settings.fit.seed, called=before.called if before else "")


def _finish(
    network: CutBackbone,
    draft: Card,
    photos: PhotoSet,
    settings: AuthenticitySettings,
    how: View,
    run: RunFolder,
    for_examiners: bool,
) -> Card:
    """Make the network a model, judge it by its examiner, and write it."""
    device = str(next(network.parameters()).device)
    featured = features_or_none(network, how, photos) if isinstance(how, RegisteredView) else None
    references = featured or (how.references if isinstance(how, RegisteredView) else ())
    model = Model(draft, network, "", references)
    model = with_gate(model, photos, device) if for_examiners else model
    if featured:
        model = replace(model, card=replace(model.card, fusion=fit_fusion(model, photos, device)))
    card, _ = judged_by_photos(model, photos, set_name(settings.data), device, leave_series_open=for_examiners)
    card = replace(card, metrics=card.metrics | measured_gate(model, photos, device))
    return run.write_model(card, network.state_dict(), model.references, model.gate)


def _draft(photos: PhotoSet, settings: AuthenticitySettings, how: View, start: str, arguments: dict[str, Any]) -> Card:
    """The draft card of a newly trained network: all but its judging."""
    method = method_of(settings)
    trained = "trained with python -m training authenticity"
    count = len({photo.item for photo in photos.photos})
    return draft_card(
        settings,
        {"backbone_start": start},
        ("It has met no counterfeit in training." if settings.genuine_only else _MET,),
        part=settings.part,
        task="authenticity",
        network=method.network,
        arguments=arguments,
        classes=photos.classes,
        stack=how.stack if isinstance(how, RegisteredView) else None,
        heatmap_method=settings.heatmap,
        split_rule=photos.split_rule,
        data=f"{len(photos.photos)} photos of {count} items, {set_name(settings.data)}",
        data_sha256=photos.manifest_sha256,
        source=f"{method.title} ({method.paper}), {trained} --method {settings.method}" if method.paper else trained,
        intended_use=f"Parts of the series {', '.join(photos.series)}, photographed like the training photos.",
        **UNJUDGED,
    )


def _batches(seen: Sequence[Seen], how: View, device: torch.device) -> Iterator[Tensor]:
    for start in range(0, len(seen), _EVALUATION_BATCH):
        yield how.inputs(seen[start : start + _EVALUATION_BATCH], device)
