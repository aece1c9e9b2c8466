"""How a comparator's card weighs its witnesses, from validation houses, and the figures of a comparator."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from inference.collections.collection import LEAST_PHOTOS
from inference.collections.witnesses import WITNESSES
from inference.evidence.collection_rule import PROPOSITIONS, SIDES, CollectionRule, EnrolledCalibration
from inference.evidence.fitting import CalibrationRefused, calibrate
from inference.files import write_whole
from inference.models.weights import Model
from inference.networks.comparator import Comparator
from training.assessment.house_witnesses import witnesses_of
from training.assessment.houses import (
    ENROLLED,
    LEAST_QUESTIONED,
    Examined,
    examine_houses,
    house_metrics,
    trial_of,
    weighed_together,
)
from training.assessment.tables import Table, json_bytes
from training.data.photos.photo import Split
from training.data.photos.photo_set import read_photo_set
from training.data.registered import HOUSE_CACHE, register_houses
from training.data.set_files import DataRefused

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FittedRule:
    """A rule, and what a card says of its limits."""

    rule: CollectionRule
    limits: tuple[str, ...]


def fit_collection_rule(examined: Examined, data: str) -> FittedRule:
    """The rule from validation houses: spreads of genuine items, and a calibration for each number of enrolled ones.

    Args:
        examined: Validation houses, examined by both witnesses.
        data: Name of the set.
    """
    deviations = {
        name: [one.genuine for by_witness in examined.values() for one in by_witness[name]] for name in WITNESSES
    }
    spreads = {
        name: max(float(np.sqrt(np.mean([own.var(ddof=1) for own in houses]))), 1e-6)
        for name, houses in deviations.items()
    }
    rule = CollectionRule(spreads, LEAST_PHOTOS)
    calibrations, limits = [], []
    for count, by_witness in examined.items():
        found = weighed_together(by_witness, rule)
        try:
            calibration = calibrate(
                trial_of(found),
                sides=SIDES,
                propositions=PROPOSITIONS,
                population=f"validation houses of {data}, {count} genuine items enrolled; a source is a house",
            )
        except CalibrationRefused as refusal:
            logger.warning("Beside %d items: %s", count, refusal)
            limits.append(f"Beside {count} genuine items: {refusal}")
        else:
            calibrations.append(EnrolledCalibration(count, calibration))
    return FittedRule(CollectionRule(spreads, LEAST_PHOTOS, tuple(calibrations)), tuple(limits))


def assess_comparator(model: Model, data: Path, split: Split, out: Path, cache: Path = HOUSE_CACHE) -> Table:
    """The figures of a comparator and of what it is held against, also written into the folder as figures.json.

    Args:
        model: The comparator.
        data: Photos of any series; of the comparator's own set, which states splits, those of one.
        split: That split; a set without any is all test.
        out: Folder to write to.
        cache: Folder that keeps registered photos.

    Raises:
        Refusal: if the photos cannot be read, or too few of any series fit each other.
    """
    photos = read_photo_set(data, seed=model.card.seed, whole_series=True)
    houses = register_houses(photos.of(split), model.card.preprocessing.size, cache)
    examined = examine_houses(witnesses_of(cast("Comparator", model.network)), houses)
    if not examined:
        msg = (
            f"No series of {data} has {ENROLLED[0] + LEAST_QUESTIONED} genuine items for {split} that fit each other, "
            "so that nothing could be enrolled and examined; add photos that show the part flat and whole."
        )
        raise DataRefused(msg)
    table = {"beside genuine photos": house_metrics(examined, model.card.collection_rule)}
    write_whole(out / "figures.json", json_bytes(table))
    return table
