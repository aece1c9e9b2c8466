"""Trains the Siamese network by the HMS loss, or by a rival method. Source: HMS paper, sections 2.1 and 3.2."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from inference.models.card import Card
from inference.models.weights import Model
from inference.networks.hms import Siamese
from inference.trademark.framing import FRAMING
from training.assessment.compact import with_compact
from training.assessment.gate import measured_gate, with_gate
from training.assessment.mark_trials import (
    frozen_embeddings,
    judged_element_trials,
    judged_trials,
    nearest_negatives,
    read_pictures,
    shows_lettering,
)
from training.assessment.pairs import judge_pairs, require_comparable
from training.data.marks.mark_set import MarkSet, read_mark_set
from training.fitting.fit import EpochSampler, Scores, accelerator_for, fit
from training.fitting.model_settings import UNJUDGED, draft_card
from training.fitting.run_folder import RunFolder, set_name
from training.trademark.learner import mean_auc
from training.trademark.samples import TrainingPairs
from training.trademark.settings import TITLES, TrademarkSettings

logger = logging.getLogger(__name__)


def train(settings: TrademarkSettings) -> Card | None:
    """Read the marks, fit, judge, and write weights and card into the run folder.

    Returns:
        The card; None in the processes of a distributed run that do not write it.

    Raises:
        Refusal: if the marks, the run folder or the device cannot be used; before any training.
    """
    marks = read_mark_set(settings.data, seed=settings.fit.seed)
    pictures = read_pictures(marks.marks, settings.preprocessing)
    accelerator = accelerator_for(settings.fit)
    manifest, resume = marks.manifest.with_start(settings.start_from), settings.fit.resume
    open_run = partial(
        RunFolder, settings.fit.out, settings, manifest, resume=resume, owner=accelerator.is_main_process
    )
    # A run is continued only with its own set; a new one leaves no folder where its set is refused.
    run = open_run() if resume else None
    embedding = frozen_embeddings(pictures, settings.preprocessing.size, accelerator.device)
    trials, parts = judged_trials(marks, embedding), judged_element_trials(marks, embedding)
    words = shows_lettering(marks)
    require_comparable(marks, trials, settings.preprocessing.size, words=words)
    run = run or open_run()
    torch.manual_seed(settings.fit.seed)
    learner, start = settings.build_learner()
    network = learner.network
    logger.info("%d marks, %d similar pairs; the backbone starts from %s", len(marks.marks), len(marks.similar), start)

    training = TrainingPairs(marks, pictures, nearest_negatives(marks, embedding), settings)

    def validate(_: nn.Module) -> Scores:
        return mean_auc(learner.validated(pictures, trials["val"], settings.preprocessing, accelerator.device))

    sampler = EpochSampler(training.draw, len(training), settings.fit.seed)
    fit(learner, training, sampler, validate, settings.fit, run, accelerator)
    if not accelerator.is_main_process:
        return None
    device = str(accelerator.device)
    model = with_compact(Model(draft(settings, marks, start, words), network.eval(), ""), marks, device)
    model = with_gate(model, marks, device)
    card, _ = judge_pairs(model, marks, trials, parts, set_name(settings.data), device)
    card = replace(card, metrics=card.metrics | measured_gate(model, marks, device))
    return run.write_model(card, network.state_dict(), gate=model.gate)


def draft(settings: TrademarkSettings, marks: MarkSet, start: str, words: bool) -> Card:
    """The draft card of a newly trained network: all but its judging.

    Args:
        settings: Of the run.
        marks: What it was trained on.
        start: What it started from, in words.
        words: Whether lettering is among the marks.
    """
    return draft_card(
        replace(settings, title=settings.title or TITLES[settings.method]),
        {"backbone_start": start},
        (
            "Marks that are mostly lettering are compared as pictures: neither sound nor meaning of a word is."
            if words
            else "It was not trained on lettering: marks that are mostly words are out of scope.",
            "It judges visual similarity; likelihood of confusion also depends on goods, public, sound and meaning.",
        ),
        task="trademark",
        network="siamese",
        arguments=settings.network_arguments,
        classes=Siamese.classes,
        lettering=words,
        mark_framing=FRAMING,
        split_rule=marks.split_rule,
        data=f"{len(marks.marks)} marks of {len(set(marks.families))} families in {set_name(settings.data)}",
        data_sha256=marks.manifest_sha256,
        source="trained with python -m training trademark",
        intended_use="The visual similarity of two signs, shown flat and alone.",
        **UNJUDGED,
    )
