"""Known counterfeits beside a collection's genuine photos: what it says of them, and what they calibrate."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from inference.collections.collection import EnrolledPhoto, deviations_by_witness
from inference.evidence.calibration import Calibration
from inference.evidence.collection_rule import PROPOSITIONS, SIDES, CollectionRule
from inference.evidence.fitting import CalibrationRefused, calibrate
from inference.evidence.trials import Side, Trial
from inference.records import Power

logger = logging.getLogger(__name__)


def own_calibration(
    genuine: Sequence[EnrolledPhoto], counterfeits: Sequence[EnrolledPhoto], rule: CollectionRule
) -> Calibration | None:
    """The calibration of a collection's scores by its own items; None of too few, or where scores do not tell them.

    Args:
        genuine: The enrolled photos; each is scored beside the others.
        counterfeits: Those that fit the reference; each is scored beside all enrolled photos.
        rule: Weighs what the witnesses find.
    """
    if not counterfeits:
        return None
    among = deviations_by_witness(genuine)
    forged = [rule.score(dict(photo.deviations), among) for photo in counterfeits]
    trial = Trial(_side(forged, counterfeits), _side(rule.scores_left_out(among), genuine))
    items = f"{len(trial.second.names)} genuine items of the collection and {len(trial.first.names)} known counterfeits"
    try:
        return calibrate(trial, sides=SIDES, propositions=PROPOSITIONS, population=items)
    except CalibrationRefused as refusal:
        logger.info("%s: %s", items, refusal)
        return None


def power_over_known(
    genuine: Sequence[EnrolledPhoto], counterfeits: Sequence[EnrolledPhoto], rule: CollectionRule
) -> tuple[Power, ...]:
    """Of how many known counterfeits it says that they deviate, by the rule's calibration, which never met them."""
    if not counterfeits or rule.calibration_of(len(genuine)) is None:
        return ()
    among = deviations_by_witness(genuine)
    found = sum(rule.says_deviates(dict(photo.deviations), among) for photo in counterfeits)
    return (Power("counterfeit", 0.0, found, len(counterfeits)),)


def _side(scores: Sequence[float], photos: Sequence[EnrolledPhoto]) -> Side:
    return Side(np.array(scores, np.float64), np.array([photo.item for photo in photos], np.str_))
