"""The card of a model: what it is, what it was made from, what it is good for."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import ConfigDict

from inference.evidence.calibration import Calibration
from inference.evidence.collection_rule import CollectionRule
from inference.heatmap import CamMethod
from inference.models.card_numbers import CLASSES, HEATMAP_FULL_SCALE, require_arguments
from inference.models.topics import TOPICS, Topic
from inference.preprocessing import Preprocessing
from inference.records import InconclusiveBand, Refusal, require
from inference.records.bounds import Range
from inference.reference.features import Fusion
from inference.reference.stack import ReferenceStack
from inference.scope.gate_card import GateCard

CARD_FORMAT = 3
HISTOGRAM_BINS = 20
Task = Literal["authenticity", "trademark", "locator", "comparator", "pretrained"]


class WeightsRefused(Refusal):
    """A card or its weights are damaged, foreign, newer than this Assay, or missing."""


@dataclass(frozen=True)
class Metric:
    """One figure of a model.

    Attributes:
        value: The figure.
        low: Lower end of its 95% interval.
        high: Upper end.
        over: What it was measured on, with counts, and how the interval was made.
        key: What is measured, a key of `topics.TOPICS`; empty if no code reads the figure by key.
        topic: The heading it belongs under.
        of: The subset it was measured on, the widest first, such as `known counterfeiters`, `clear`; empty for all
            samples.
    """

    value: float
    low: float | None
    high: float | None
    over: str
    key: str = ""
    topic: Topic = "other"
    of: tuple[str, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether there was anything to measure it on, so that it and its interval are numbers."""
        return all(math.isfinite(number) for number in (self.value, self.low, self.high) if number is not None)

    def named(self, key: str, *of: str) -> Metric:
        """The same figure with its key, topic and subset; a subset with commas holds several, the widest first.

        Raises:
            KeyError: if no figure has this key.
        """
        return replace(self, key=key, topic=TOPICS[key], of=tuple(part for name in of for part in name.split(", ")))


@dataclass(frozen=True)
class Confusion:
    """Counts of true class (rows) against predicted class (columns).

    Attributes:
        over: What was counted.
        classes: Names of rows and columns.
        counts: One row a true class.
    """

    over: str
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        square = len(self.counts) == len(self.classes) == len({*self.classes})
        require(square and all(len(row) == len(self.classes) for row in self.counts), "a confusion is square")
        require(all(count >= 0 for row in self.counts for count in row), "a confusion counts from 0")


@dataclass(frozen=True)
class Histogram:
    """The distribution of a probability over groups with known truth.

    Attributes:
        over: What was counted.
        probability: The probability, such as P(genuine).
        counts: Group name to counts in equal bins from 0 to 1.
    """

    over: str
    probability: str
    counts: dict[str, tuple[int, ...]]

    def __post_init__(self) -> None:
        require(
            all(len(bins) == HISTOGRAM_BINS for bins in self.counts.values()),
            f"{HISTOGRAM_BINS} bins a group",
        )
        require(all(count >= 0 for bins in self.counts.values() for count in bins), "bins count from 0")


@dataclass(frozen=True)
class DetectionRule:
    """What counts as a detection, and the crop that is proposed for it.

    Attributes:
        least_score: Least score of a detection, 0 to 1.
        overlap: Intersection of two boxes, as a share of the smaller, above which the box with the lower score is
            dropped, whatever its kind, 0 to 1.
        margin: Widening of a proposed crop on each side of a box, as a share of the box's longer side, >= 0.
        close_up: Share of the picture's width or height, 0 to 1; if the only detection spans it, the picture counts as
            a close-up and is proposed whole.
        rule: How the least score was found, in words.
    """

    least_score: float
    overlap: float
    margin: float
    close_up: float
    rule: str

    def __post_init__(self) -> None:
        for name in ("least_score", "overlap", "close_up"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"{name} lies between 0 and 1, not {value}")
        # At 1 a crop is three times as wide as the box.
        Range(0, 1).require("margin", self.margin)


@dataclass(frozen=True)
class SeriesRule:
    """When the best fit decides a series that the examiner left open.

    Attributes:
        least_lead: Least lead of its score over the runner-up's; >= 0.
        rule: How that was found, in words.
    """

    least_lead: float
    rule: str

    def __post_init__(self) -> None:
        require(self.least_lead >= 0, f"the best fit leads by 0 or more, not {self.least_lead}")
        # Scores are correlations from -1 to 1, so that a lead is at most 2.
        Range(0, 2).require("least_lead", self.least_lead)


@dataclass(frozen=True)
class ElementRule:
    """How a trademark model weighs two findings: the wholes beside each other, and one mark inside the other.

    Each has a calibration of its own. The greater of the two log10 LRs, without their bounds, is the score that the
    card's calibration weighs: marks are similar if they are so as wholes, or if one contains the other.

    Attributes:
        agreement_weight: Nats by which full agreement of local features raises the log odds of a mark and an element,
            >= 0.
        whole: Calibration of the score of two wholes.
        element: Calibration of the score of one mark and the most similar element of the other.
    """

    agreement_weight: float
    whole: Calibration
    element: Calibration

    def __post_init__(self) -> None:
        Range(0, 1000).require("agreement_weight", self.agreement_weight)

    def combined(self, whole: float, element: float | None) -> float:
        """The score of both findings: the greater log10 LR, unbounded; that of the wholes if there is no element."""
        as_wholes = self.whole.unbounded(whole)
        return as_wholes if element is None else max(as_wholes, self.element.unbounded(element))


@dataclass(frozen=True)
class Card:
    """What a model is, what it was made from, and what it is good for.

    Attributes:
        assay_card: Format of the card.
        name: The model's name, equal to its files' stem.
        title: Its name in lists that a person reads.
        task: Its task; `pretrained` is a start for training and examines nothing.
        part: The locator's name of the part that an authenticity model examines; None if no locator detects it.
        network: The network, see `inference.networks`.
        arguments: The network's arguments.
        classes: Main classes in the order of the logits, `series/genuine` and `series/counterfeit`,
            or `dissimilar`, `similar`, or the kinds of part that a locator detects.
        preprocessing: The preprocessing of a photo view.
        stack: How a reference view stacks the part with the genuine reference of its series; None for a photo view.
        band: The inconclusive band found on validation data.
        heatmap_method: How the heatmap weighs the feature map.
        heatmap_full_scale: Raw value that is drawn with the last colour.
        split_rule: How training, validation and test were split.
        data: What it was trained on, in words.
        data_sha256: Hash of the training set's manifest.
        seed: Seed of the run.
        settings: All settings of the run.
        metrics: Figures on data the network has not trained on, by the names on pages.
        per_class: Precision, recall and F1 of each class on test data.
        fusion: How log odds and deviation make the fused score; None if the log odds are the score.
        agreement_weight: Nats by which full agreement of local features raises the log odds of two marks, >= 0; 0 if
            the log odds are the score.
        element_rule: How elements of marks are weighed beside the wholes; None where only the wholes are.
        collection_rule: How a comparator's findings beside a collection are weighed.
        lettering: Whether a trademark model was trained on marks that are mostly lettering; without, they are out of
            its scope.
        mark_framing: Number of the framing rule (`framing.FRAMING`) for which a trademark model's figures hold; 0 for
            the whole picture.
        calibration: How its score becomes a likelihood ratio; None with too few sources.
        item_calibrations: The same for the mean score of two photos of one item, of three, and so on, as long as enough
            items have that many.
        find_rule: What counts as a detection of a locator, under its name in cards; None for all other models.
        series_rule: When the best fit decides a series left open; None without several references.
        scope_gate: When a part counts as unlike the model's kind; None without a gate.
        confusion: Counts on test data.
        histogram: Distribution of the main probability on test data.
        licence: Licence of the weights.
        source: Origin of the weights.
        intended_use: What they are for.
        limits: What they are not for, and what is known to fail.
        made: Date of the run, ISO 8601.
        weights_sha256: SHA-256 of the weights file.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    title: str
    task: Task
    network: str
    arguments: dict[str, Any]
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    band: InconclusiveBand | None
    heatmap_full_scale: float | None
    split_rule: str
    data: str
    data_sha256: str
    seed: int
    settings: dict[str, Any]
    metrics: dict[str, Metric]
    confusion: Confusion | None
    histogram: Histogram | None
    licence: str
    source: str
    intended_use: str
    limits: tuple[str, ...]
    made: str
    weights_sha256: str
    part: str | None = None
    stack: ReferenceStack | None = None
    heatmap_method: CamMethod = "grad_cam"
    per_class: dict[str, dict[str, Metric]] | None = None
    fusion: Fusion | None = None
    agreement_weight: float = 0.0
    element_rule: ElementRule | None = None
    collection_rule: CollectionRule | None = None
    lettering: bool = False
    mark_framing: int = 0
    calibration: Calibration | None = None
    item_calibrations: tuple[Calibration, ...] = ()
    scope_gate: GateCard | None = None
    find_rule: DetectionRule | None = None
    series_rule: SeriesRule | None = None
    assay_card: int = CARD_FORMAT

    def __post_init__(self) -> None:
        require_arguments(self.arguments)
        CLASSES.require("the number of classes", len(self.classes))
        if self.heatmap_full_scale is not None:
            HEATMAP_FULL_SCALE.require("heatmap_full_scale", self.heatmap_full_scale)
        outputs = self.arguments.get("classes", len(self.classes))
        require(outputs == len(self.classes), f"{len(self.classes)} classes for a network with {outputs} outputs")
        # A thousand nats outweigh every network.
        Range(0, 1000).require("agreement_weight", self.agreement_weight)
        require(self.mark_framing >= 0, f"mark_framing is the number of a rule, not {self.mark_framing}")
        stated = Counter((metric.key, metric.of) for metric in self.metrics.values() if metric.key)
        twice = next((key for (key, _), times in stated.items() if times > 1), None)
        require(twice is None, f"two figures are {twice} of the same; a key names one figure")

    def figure(self, key: str, *of: str) -> Metric | None:
        """The figure of this key, on all samples or on the named subset; None if the card has none."""
        return next((metric for metric in self.metrics.values() if (metric.key, metric.of) == (key, of)), None)

    def calibration_of(self, photos: int) -> Calibration | None:
        """The calibration for the mean score of that many photos of one item, or of the next fewer.

        A calibration for fewer photos does not overstate what a mean of more photos supports.
        """
        fitted = [one for one in (self.calibration, *self.item_calibrations) if one is not None]
        return max((one for one in fitted if one.photos <= photos), key=lambda one: one.photos, default=None)

    @property
    def series(self) -> tuple[str, ...]:
        """The series an authenticity model knows."""
        return tuple(dict.fromkeys(name.rpartition("/")[0] for name in self.classes if "/" in name))
