"""Assesses witnesses on houses never met: genuine photos are enrolled, then other ones and counterfeits examined."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inference.collections.collection import LEAST_PHOTOS
from inference.collections.left_out import deviations_of
from inference.collections.witnesses import DeviationMap, Witness, beside, usual_of
from inference.evidence.collection_rule import CollectionRule
from inference.evidence.trials import Side, Trial
from inference.models.card import Metric
from inference.records import WitnessName
from inference.reference.cells import partly
from training.assessment.heatmaps import MapScore, score_map
from training.data.registered import RegisteredHouse
from training.figures.evidence import cllr_metric, weighed
from training.figures.metrics import auc, auc_metric, mean_by_source

ENROLLED = (5, 10, 20, 40)
"""Numbers of genuine items that are enrolled, with a photo of each."""
CALIBRATED = (LEAST_PHOTOS - 1, *ENROLLED)
"""Numbers beside which scores are calibrated: a photo of the smallest collection, left out, stands beside one fewer."""
TOGETHER = "both witnesses"
LEAST_QUESTIONED = 3
"""Genuine items that are left to examine, at least."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class ExaminedHouse:
    """What a witness finds on photos of a house, one an item.

    Attributes:
        name: The house.
        enrolled: Scores of the enrolled photos, each beside the others (k,).
        forged: Scores of its counterfeits (n,).
        genuine: Scores of genuine items that were not enrolled (m,).
        severities: The severity of each counterfeit (n,).
        pixel_aucs: For each counterfeit the probability that an altered cell ranks above another one; NaN where no
            altered cell is covered.
        pointing: For each counterfeit whether the most altered cell is altered, widened by one cell; NaN alike.
    """

    name: str
    enrolled: Values
    forged: Values
    genuine: Values
    severities: tuple[str, ...]
    pixel_aucs: Values
    pointing: Values

    @property
    def auc(self) -> float:
        """AUC of counterfeits against genuine items; NaN without both."""
        return auc(self.forged, self.genuine) if len(self.forged) and len(self.genuine) else math.nan


def examine_house(
    witness: Witness, house: RegisteredHouse, enrolled: int, most: int | None = None
) -> ExaminedHouse | None:
    """Enrol so many genuine items of a house and examine its others; None where too few are left.

    Args:
        witness: What judges.
        house: The house.
        enrolled: Genuine items to enrol, at least 2.
        most: Most items of each label to examine; by default all.
    """
    genuine = house.one_of_each_item(genuine=True)
    if len(genuine) < enrolled + LEAST_QUESTIONED:
        return None
    own, others = genuine[:enrolled], genuine[enrolled:][:most]
    forged = house.one_of_each_item(genuine=False)[:most]

    beside_others = [beside(witness, house.photos, photo, [other for other in own if other != photo]) for photo in own]
    usual, kept = usual_of(beside_others), witness.keep(house.photos, own)
    maps = {
        photo: witness.map(house.photos.pixels[photo], house.photos.covered_by(photo), kept).beyond(usual)
        for photo in (*others, *forged)
    }
    pointed = [_map_score(maps[photo], partly(house.altered(photo))) for photo in forged]
    return ExaminedHouse(
        house.name,
        np.array(deviations_of(beside_others, [house.items[photo] for photo in own])),
        np.array([maps[photo].score for photo in forged]),
        np.array([maps[photo].score for photo in others]),
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


_Each = Mapping[WitnessName, ExaminedHouse]
"""One house, by witness."""
Examined = Mapping[int, Mapping[str, Sequence[ExaminedHouse]]]
"""Houses by the number of enrolled items and by the witness; of one number all witnesses list the same houses."""


def examine_houses(
    witnesses: Mapping[str, Witness],
    houses: Sequence[RegisteredHouse],
    numbers: Sequence[int] = ENROLLED,
    most: int | None = None,
) -> Examined:
    """The houses that have enough genuine items, examined by each witness; numbers that none has are left out.

    Args:
        witnesses: What judges, by name.
        houses: The houses.
        numbers: Genuine items to enrol.
        most: Most items of each label and house to examine; by default all.
    """
    examined: dict[int, dict[str, list[ExaminedHouse]]] = {}
    for count in numbers:
        by_witness: dict[str, list[ExaminedHouse]] = {}
        for name, witness in witnesses.items():
            bar = tqdm(houses, f"{name} beside {count}", unit="house", leave=False)
            found = [one for house in bar if (one := examine_house(witness, house, count, most)) is not None]
            if found:
                by_witness[name] = found
        if by_witness:
            examined[count] = by_witness
    return examined


def house_metrics(examined: Examined, rule: CollectionRule | None) -> dict[str, Metric]:
    """Figures over houses by witness and number of enrolled items, each with an interval by house.

    Args:
        examined: Houses by which nothing was chosen.
        rule: How a collection weighs both witnesses; without, they are not weighed.
    """
    metrics: dict[str, Metric] = {}
    for count, by_witness in examined.items():
        for name, found in by_witness.items():
            metrics |= _figures(found, name, count)
        if rule:
            together = weighed_together(by_witness, rule)
            metrics |= _figures(together, TOGETHER, count)
            metrics |= _weighed_figures(trial_of(together), beyond_all(by_witness, rule), rule, count)
    return metrics


def weighed_together(by_witness: Mapping[str, Sequence[ExaminedHouse]], rule: CollectionRule) -> list[ExaminedHouse]:
    """The houses by the score of all witnesses of a rule; a score has no map."""
    found = []
    for each in _each_house(by_witness, rule):
        some, enrolled = next(iter(each.values())), _enrolled(each)
        without_map = np.full(len(some.forged), math.nan)
        forged, genuine = (
            np.array([rule.score(one, enrolled) for one in _by_photo(each, of)]) for of in (_forged, _genuine)
        )
        found.append(replace(some, forged=forged, genuine=genuine, pixel_aucs=without_map, pointing=without_map))
    return found


def beyond_all(by_witness: Mapping[str, Sequence[ExaminedHouse]], rule: CollectionRule) -> Values:
    """For each genuine item that was not enrolled whether its score is beyond those of all that were."""
    beyond = []
    for each in _each_house(by_witness, rule):
        for one in _by_photo(each, _genuine):
            questioned, others = rule.among(one, _enrolled(each))
            beyond.append(questioned > max(others))
    return np.array(beyond, np.float64)


def _each_house(by_witness: Mapping[str, Sequence[ExaminedHouse]], rule: CollectionRule) -> Iterator[_Each]:
    for each in zip(*(by_witness[name] for name in rule.spreads), strict=True):
        yield dict(zip(rule.spreads, each, strict=True))


def _enrolled(each: _Each) -> dict[WitnessName, list[float]]:
    return {name: one.enrolled.tolist() for name, one in each.items()}


def _by_photo(each: _Each, of: Callable[[ExaminedHouse], Values]) -> list[dict[WitnessName, float]]:
    """Photo by photo what each witness finds."""
    scores = zip(*(of(one).tolist() for one in each.values()), strict=True)
    return [dict(zip(each, found, strict=True)) for found in scores]


def _forged(one: ExaminedHouse) -> Values:
    return one.forged


def _genuine(one: ExaminedHouse) -> Values:
    return one.genuine


def trial_of(found: Sequence[ExaminedHouse]) -> Trial:
    """Scores of counterfeits against those of genuine items; their source is the house."""
    return Trial(_side(found, _forged), _side(found, _genuine))


def _side(found: Sequence[ExaminedHouse], of: Callable[[ExaminedHouse], Values]) -> Side:
    scores = [of(one) for one in found]
    sources = [one.name for one, own in zip(found, scores, strict=True) for _ in own]
    return Side(np.concatenate(scores), np.array(sources, dtype=np.str_))


def _weighed_figures(test: Trial, beyond: Values, rule: CollectionRule, count: int) -> dict[str, Metric]:
    """Of scores that are weighed: the Cllr of their LRs, and how often a genuine item is beyond all enrolled ones."""
    of, figures = f"{count} enrolled", {}
    over = f"houses never met, {count} genuine items enrolled, {TOGETHER}"
    calibration = rule.calibration_of(count)
    if calibration and test.is_whole:
        figures[f"Cllr, {of}"] = cllr_metric(weighed(calibration, test), over).named("cllr", of)
    figures[f"genuine items beyond all {of}"] = mean_by_source(
        beyond, test.second.sources, f"{over}; 1 in {count + 1} is promised"
    ).named("typicality_false_alarms", of)
    return figures


def _figures(found: Sequence[ExaminedHouse], witness: str, count: int) -> dict[str, Metric]:
    of = witness, f"{count} enrolled"
    over = f"houses never met, {count} genuine items enrolled, {witness}"
    names = [one.name for one in found]
    title = ", ".join(of)
    figures = {f"AUC, {title}": _mean_auc(found, over).named("auc", *of)}
    for severity in sorted({severity for one in found for severity in one.severities} - {""}):
        each = np.array([_auc_of(one, severity) for one in found])
        figures[f"AUC, {title}, {severity}"] = mean_by_source(each, names, f"{over}, {severity}").named(
            "auc", *of, severity
        )
    photos = [one.name for one in found for _ in one.forged]
    if len(found) == 1:
        photos = [f"{photo} {number}" for number, photo in enumerate(photos)]
    for figure, key, values in (
        ("pixel AUC of the map", "heatmap_pixel_auc", np.concatenate([one.pixel_aucs for one in found])),
        ("pointing", "heatmap_pointing", np.concatenate([one.pointing for one in found])),
    ):
        if np.isfinite(values).any():
            figures[f"{figure}, {title}"] = mean_by_source(values, photos, over).named(key, *of)
    return figures


def _mean_auc(found: Sequence[ExaminedHouse], over: str) -> Metric:
    """The mean over houses, with an interval by house; of a single house its AUC, with an interval by item."""
    if len(found) > 1:
        return mean_by_source(np.array([one.auc for one in found]), [one.name for one in found], over)
    (one,) = found
    forged, genuine = np.arange(len(one.forged)), -1 - np.arange(len(one.genuine))
    return auc_metric(one.forged, one.genuine, forged.astype(np.str_), genuine.astype(np.str_), over)


def _auc_of(one: ExaminedHouse, severity: str) -> float:
    forged = one.forged[[own == severity for own in one.severities]]
    return auc(forged, one.genuine) if len(forged) else math.nan
