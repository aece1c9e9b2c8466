"""Assesses witnesses on houses never met: genuine photos are enrolled, then other ones and counterfeits examined."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inference.collections.witnesses import DeviationMap, Witness, usual_map
from inference.files import write_whole
from inference.models.card import Metric
from inference.models.weights import Model
from inference.networks.comparator import Comparator
from inference.reference.cells import partly
from training.assessment.heatmaps import MapScore, score_map
from training.assessment.house_witnesses import witnesses_of
from training.assessment.tables import Table, json_bytes
from training.data.photos.photo import Split
from training.data.photos.photo_set import read_photo_set
from training.data.registered import HOUSE_CACHE, RegisteredHouse, register_houses
from training.data.set_files import DataRefused
from training.figures.metrics import auc, mean_by_source

ENROLLED = (5, 10, 20, 40)
"""Numbers of genuine photos that are enrolled."""
_LEAST_QUESTIONED = 3
_QUESTIONED = 16
"""Photos of each label and house that a witness is assessed by, at most."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class ExaminedHouse:
    """What a witness finds on the photos of a house that were not enrolled.

    Attributes:
        name: The house.
        forged: Scores of its counterfeits (n,).
        genuine: Scores of its other genuine photos (m,).
        severities: The severity of each counterfeit (n,).
        pixel_aucs: For each counterfeit the probability that an altered cell ranks above another one; NaN where no
            altered cell is covered.
        pointing: For each counterfeit whether the most altered cell is altered, widened by one cell; NaN alike.
    """

    name: str
    forged: Values
    genuine: Values
    severities: tuple[str, ...]
    pixel_aucs: Values
    pointing: Values

    @property
    def auc(self) -> float:
        """AUC of counterfeits against genuine photos; NaN without both."""
        return auc(self.forged, self.genuine) if len(self.forged) and len(self.genuine) else math.nan


def examine_house(
    witness: Witness, house: RegisteredHouse, enrolled: int, most: int | None = None
) -> ExaminedHouse | None:
    """Enrol so many genuine photos of a house and examine its others; None where too few are left.

    Args:
        witness: What judges.
        house: The house.
        enrolled: Genuine photos to enrol, at least 2.
        most: Most photos of each label to examine; by default all.
    """
    genuine = house.genuine_photos
    if len(genuine) < enrolled + _LEAST_QUESTIONED:
        return None
    own, others = genuine[:enrolled], genuine[enrolled:][:most]
    forged = np.flatnonzero(~house.genuine).tolist()[:most]

    usual = usual_map([witness(house.photos, photo, [other for other in own if other != photo]) for photo in own])
    scores = {photo: witness(house.photos, photo, own).less(usual) for photo in (*others, *forged)}
    pointed = [_map_score(scores[photo], partly(house.altered(photo))) for photo in forged]
    return ExaminedHouse(
        house.name,
        np.array([scores[photo].score for photo in forged]),
        np.array([scores[photo].score for photo in others]),
        tuple(house.severities[photo] for photo in forged),
        np.array([one.pixel_auc for one in pointed]),
        np.array([one.pointing for one in pointed]),
    )


def _map_score(found: DeviationMap, altered: NDArray[np.bool_]) -> MapScore:
    """How the map points at what is altered; all NaN where that says nothing."""
    seen = altered & found.covered
    if not seen.any() or seen.all():
        return MapScore(math.nan, math.nan, math.nan)
    least = found.values.min()
    return score_map(np.where(found.covered, found.values - least, 0), seen, reach=1)


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
    metrics = house_metrics(witnesses_of(cast("Comparator", model.network)), houses)
    if not metrics:
        msg = (
            f"No series of {data} has {ENROLLED[0] + _LEAST_QUESTIONED} genuine photos for {split} that fit each "
            "other, so that nothing could be enrolled and examined; add photos that show the part flat and whole."
        )
        raise DataRefused(msg)
    table = {"beside genuine photos": metrics}
    write_whole(out / "figures.json", json_bytes(table))
    return table


def house_metrics(
    witnesses: Mapping[str, Witness], houses: Sequence[RegisteredHouse], numbers: Sequence[int] = ENROLLED
) -> dict[str, Metric]:
    """Figures over houses by witness and number of enrolled photos, each with an interval by house."""
    metrics: dict[str, Metric] = {}
    for name, witness in witnesses.items():
        for count in numbers:
            bar = tqdm(houses, f"{name} beside {count}", unit="house", leave=False)
            found = [one for house in bar if (one := examine_house(witness, house, count, _QUESTIONED)) is not None]
            if found:
                metrics |= _figures(found, name, count)
    return metrics


def _figures(found: Sequence[ExaminedHouse], witness: str, count: int) -> dict[str, Metric]:
    of = witness, f"{count} enrolled"
    over = f"houses never met, {count} genuine photos enrolled, {witness}"
    names = [one.name for one in found]
    title = ", ".join(of)
    figures = {f"AUC, {title}": mean_by_source(np.array([one.auc for one in found]), names, over).named("auc", *of)}
    for severity in sorted({severity for one in found for severity in one.severities} - {""}):
        each = np.array([_auc_of(one, severity) for one in found])
        figures[f"AUC, {title}, {severity}"] = mean_by_source(each, names, f"{over}, {severity}").named(
            "auc", *of, severity
        )
    photos = [one.name for one in found for _ in one.forged]
    for figure, key, values in (
        ("pixel AUC of the map", "heatmap_pixel_auc", [one.pixel_aucs for one in found]),
        ("pointing", "heatmap_pointing", [one.pointing for one in found]),
    ):
        figures[f"{figure}, {title}"] = mean_by_source(np.concatenate(values), photos, over).named(key, *of)
    return figures


def _auc_of(one: ExaminedHouse, severity: str) -> float:
    forged = one.forged[[own == severity for own in one.severities]]
    return auc(forged, one.genuine) if len(forged) else math.nan
