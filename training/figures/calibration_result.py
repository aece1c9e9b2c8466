"""The calibration result of a model: calibration and figures, for single photos and for several photos of an item."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np

from inference.evidence.calibration import Calibration
from inference.evidence.fitting import CalibrationRefused, Groups, calibrate
from inference.evidence.trials import Side, Trial
from inference.models.card import Card, Metric
from inference.models.topics import Topic
from training.figures.evidence import challenger_metrics, cllr_metric, evidence_metrics, score_auc, weighed

logger = logging.getLogger(__name__)
_MOST_PHOTOS = 5
BAND_FIGURES = ("inconclusive", "accuracy_where_conclusive")
"""Keys of the figures of a model without a calibration, which has an inconclusive band."""
_OTHERS: tuple[Topic, ...] = ("scope gate", "heatmaps")
_LIMIT = "Probabilities are uncalibrated: "


@dataclass(frozen=True)
class CalibrationResult:
    """The statements of a card on how its model weighs evidence.

    Attributes:
        calibration: The calibration; None if no likelihood ratio can be given.
        metrics: Its figures on held-out samples; none without a calibration.
        limit: A sentence on the limits of its probabilities and likelihood ratios.
        of_items: Calibrations of the mean score of two photos of one item, of three, and so on.
    """

    calibration: Calibration | None
    metrics: dict[str, Metric]
    limit: str
    of_items: tuple[Calibration, ...] = ()

    def stated_in(self, card: Card, metrics: dict[str, Metric]) -> Card:
        """The card with it and with figures, in the place of what it said before; those of scope and heatmaps stay.

        A likelihood ratio takes the place of the band, and of what the band reached.
        """
        others = {name: metric for name, metric in card.metrics.items() if metric.topic in _OTHERS} | metrics
        dropped = () if self.calibration is None else BAND_FIGURES
        return replace(
            card,
            metrics={name: one for name, one in others.items() if one.key not in dropped} | self.metrics,
            calibration=self.calibration,
            item_calibrations=self.of_items,
            limits=(*(limit for limit in card.limits if not limit.startswith(_LIMIT)), self.limit),
        )


def weigh(
    validation: Trial,
    test: Trial,
    subgroups: dict[str, Trial],
    *,
    sides: tuple[str, str],
    propositions: tuple[str, str],
    population: str,
    groups: Groups = ({}, {}),
) -> CalibrationResult:
    """Calibrate on validation scores and assess on test scores, or state why there is no calibration.

    Args:
        validation: Scores that the network was not trained on.
        test: Scores by which nothing was chosen.
        subgroups: Further test scores with a Cllr of their own, by name; a subgroup of one has
            both names, such as "known, fine".
        sides: Names of the two sides.
        propositions: H1 and H2, in words.
        population: The validation samples, in words.
        groups: Validation scores of either side in groups, each of which limits the bounds; see `calibrate`.
    """
    try:
        calibration = calibrate(
            validation, sides=sides, propositions=propositions, population=population, groups=groups
        )
    except CalibrationRefused as refusal:
        logger.warning("%s", refusal)
        return CalibrationResult(None, {}, f"{_LIMIT}they order samples and do not weigh evidence. {refusal}")
    held_out = tuple(tuple(calibration.log10_lrs(side.scores).tolist()) for side in (test.first, test.second))
    metrics = evidence_metrics(calibration, test, "test samples") if test.is_whole else {}
    for name, samples in subgroups.items():
        if samples.is_whole:
            over = f"{name}, test samples"
            metrics[f"AUC of the score, {name}"] = score_auc(samples, over).named("score_auc", name)
            metrics[f"Cllr, {name}"] = cllr_metric(weighed(calibration, samples), over).named("cllr", name)
    limit = (
        f"{_LIMIT}they order samples. Evidence is weighed by the likelihood ratio, which is based on the score alone: "
        "it holds for samples like those it was calibrated on, and ignores how typical their features are (Morrison "
        "and Enzinger 2018)."
    )
    return CalibrationResult(
        replace(calibration, held_out=(held_out[0], held_out[1])),
        metrics | challenger_metrics(validation, "validation samples"),
        limit,
    )


def weigh_items(calibration_result: CalibrationResult, validation: Trial, test: Trial) -> CalibrationResult:
    """The result with calibrations for the mean score of several photos of one source.

    There is a calibration for two photos, for three, and so on, as long as 20 sources a side have that many. Beside the
    Cllr of each stands the Cllr of the same means read by the calibration of single photos.

    Args:
        calibration_result: The result for single photos.
        validation: Scores that the network was not trained on.
        test: Scores by which nothing was chosen.
    """
    single = calibration_result.calibration
    if single is None:
        return calibration_result
    fitted: list[Calibration] = []
    metrics: dict[str, Metric] = {}
    for photos in range(2, _MOST_PHOTOS + 1):
        means, tested = of_several(validation, photos), of_several(test, photos)
        population = f"means of {photos} photos of one item; {single.population}"
        try:
            fit = calibrate(means, sides=single.sides, propositions=single.propositions, population=population)
        except CalibrationRefused as refusal:
            logger.info("Of %d photos of an item: %s", photos, refusal)
            break
        held_out = tuple(tuple(fit.log10_lrs(side.scores).tolist()) for side in (tested.first, tested.second))
        fitted.append(replace(fit, photos=photos, held_out=(held_out[0], held_out[1])))
        if tested.is_whole:
            name, over = f"several photos: Cllr of {photos}", f"mean scores of {photos} photos of one item, test"
            metrics[name] = cllr_metric(weighed(fit, tested), over).named("cllr_together", str(photos))
            read_as_one = cllr_metric(weighed(single, tested), over)
            metrics[f"{name}, read as one"] = read_as_one.named("cllr_together_read_as_one", str(photos))
    return replace(calibration_result, metrics=calibration_result.metrics | metrics, of_items=tuple(fitted))


def of_several(samples: Trial, photos: int) -> Trial:
    """Mean scores of every `photos` consecutive photos of a source, in a ring; sources with fewer have none.

    So all photos of a source count equally, and a source still weighs 1.
    """
    return Trial(_means(samples.first, photos), _means(samples.second, photos))


def _means(side: Side, photos: int) -> Side:
    scores: list[float] = []
    sources: list[str] = []
    for name in side.names.tolist():
        own = side.scores[side.sources == name]
        if len(own) >= photos:
            rings = np.concatenate([own, own[: photos - 1]]) if len(own) > photos else own
            means = np.convolve(rings, np.full(photos, 1 / photos), "valid").tolist()
            scores += means
            sources += [name] * len(means)
    return Side(np.array(scores), np.array(sources, dtype=np.str_))
