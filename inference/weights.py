"""Weights on disk: NAME.safetensors beside its card, NAME.json.

A model is whatever its card says. Adding one is dropping the two files into the folder; nothing is
unpickled, and weights that do not hash to what the card states are not loaded.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors
import safetensors.torch
import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from torch import Tensor, nn

from inference.card_numbers import (
    CLASSES,
    HEATMAP_FULL_SCALE,
    LARGEST_CARD,
    Range,
    require_arguments,
    require_numbers,
)
from inference.evidence import Calibration
from inference.files import write_whole
from inference.genuine_features import Fusion
from inference.heatmap import CamMethod
from inference.networks import build_network
from inference.preprocessing import Preprocessing
from inference.records import InconclusiveBand, Refusal, as_json, require
from inference.reference_stack import ReferenceStack
from inference.registration import Reference
from inference.scope_gate import GateCard, ScopeGate

logger = logging.getLogger(__name__)

CARD_FORMAT = 2
WEIGHTS_FOLDER = Path(__file__).parent.parent / "weights"
HISTOGRAM_BINS = 20
_REFERENCE = "reference."
_GATE = "scope_gate.embeddings"

Task = Literal["authenticity", "trademark", "locator", "pretrained"]


class WeightsRefused(Refusal):
    """A card or its weights are damaged, foreign, newer than this Assay, or not there."""


@dataclass(frozen=True)
class Metric:
    """One figure of a model.

    Attributes:
        value: The figure.
        low: Lower end of its 95% interval.
        high: Upper end.
        over: What it was measured on, with counts, and how the interval was made.
    """

    value: float
    low: float | None
    high: float | None
    over: str

    @property
    def measured(self) -> bool:
        """Whether there was anything to measure it on: it and its interval are numbers."""
        return all(math.isfinite(number) for number in (self.value, self.low, self.high) if number is not None)


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
    """How a probability is distributed over groups with known truth.

    Attributes:
        over: What was counted.
        probability: Whose probability it is, such as P(genuine).
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
class FindRule:
    """What counts as a find of a locator, and what is proposed for it.

    Attributes:
        least_score: Score below which nothing is a find, 0 to 1.
        overlap: Share of the smaller of two boxes that both have in common above which the less sure one is dropped,
            whatever their parts, 0 to 1.
        margin: What a proposed crop adds to each side of a box, as a share of the box's longer side, >= 0.
        close_up: Share of the picture's width or height that the only find spans, from which on the picture is taken
            for the part itself and proposed whole, 0 to 1.
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
    """When the reference that a part fits best is taken for that of its series, where the examiner leaves it open.

    Attributes:
        least_lead: By how much its score must lead the next one's; >= 0.
        rule: How that was found, in words.
    """

    least_lead: float
    rule: str

    def __post_init__(self) -> None:
        require(self.least_lead >= 0, f"the best fit leads by 0 or more, not {self.least_lead}")
        # Scores are correlations, from -1 to 1.
        Range(0, 2).require("least_lead", self.least_lead)


@dataclass(frozen=True)
class Card:
    """What a model is, what it was made from, what it is good for.

    Attributes:
        assay_card: Format of the card.
        name: The model's name, equal to its files' stem.
        title: What a person reads in a list.
        task: What it is for; `pretrained` is a start for training, not a model for examinations.
        part: What the locator calls the part that an authenticity model is for; None where no locator finds it.
        network: The network, see `inference.networks`.
        arguments: The network's arguments.
        classes: Main classes in the order of the logits, `series/genuine` and `series/counterfeit`,
            or `dissimilar`, `similar`, or the parts that a locator finds.
        preprocessing: What is done to the pixels, where the part is looked at alone.
        stack: How the part is laid beside the genuine reference of its series; None where it is looked at alone.
        band: The inconclusive band found on validation data.
        heatmap_method: How the heatmap weighs the feature map.
        heatmap_full_scale: Raw value of the map that is drawn with the last colour.
        split_rule: How training, validation and test were kept apart.
        data: What it was trained on, in words.
        data_sha256: Hash of the training set's manifest.
        seed: Seed of the run.
        settings: All settings of the run.
        metrics: Figures on data the network has not trained on.
        per_class: Precision, recall and F1 of each class on test data.
        fusion: How log odds and the deviation from genuine features make one score; None where the log odds are the
            score.
        agreement_weight: Nats by which full agreement of local features raises the log odds of two marks, >= 0; 0
            where the log odds are the score.
        mark_framing: The rule by which marks are framed (`inference.mark_framing.FRAMING`), which a trademark model's
            figures hold for; 0 where the whole picture was looked at.
        calibration: How its score becomes a likelihood ratio; None where too few sources stand behind one.
        item_calibrations: The same for the mean score of two photos of one item, of three, and so on, as far as enough
            items had so many.
        find_rule: What counts as a find of a locator; None for all other models.
        series_rule: When the best fit of several references is taken; None where there are not several.
        scope_gate: Where a part counts as unlike what the model was made for; None where nothing tells that.
        confusion: Counts on test data.
        histogram: Distribution of the main probability on test data.
        licence: Licence of the weights.
        source: Where they come from.
        intended_use: What they are for.
        limits: What they are not for, and what is known to go wrong.
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
    mark_framing: int = 0
    calibration: Calibration | None = None
    item_calibrations: tuple[Calibration, ...] = ()
    scope_gate: GateCard | None = None
    find_rule: FindRule | None = None
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

    def calibration_of(self, photos: int) -> Calibration | None:
        """The calibration for the mean score of so many photos of one item: the one fitted to the most, and not more.

        A mean of more photos than it was fitted to is no less certain than it says.
        """
        fitted = [one for one in (self.calibration, *self.item_calibrations) if one is not None]
        return max((one for one in fitted if one.photos <= photos), key=lambda one: one.photos, default=None)

    @property
    def series(self) -> tuple[str, ...]:
        """The series an authenticity model knows."""
        return tuple(dict.fromkeys(name.rpartition("/")[0] for name in self.classes if "/" in name))


@dataclass(frozen=True)
class Model:
    """A loaded model: its card, its network in evaluation mode, the hash of the card file, its references and gate."""

    card: Card
    network: nn.Module
    card_sha256: str
    references: tuple[Reference, ...] = ()
    gate: ScopeGate | None = None


@dataclass(frozen=True)
class Catalogue:
    """The models of a folder, by name, and a sentence for each card that could not be read."""

    cards: dict[str, Card]
    refusals: tuple[str, ...]

    def names(self, task: Task, part: str | None = None) -> tuple[str, ...]:
        """Names of the models for a task, in alphabetical order; only those for a part where one is named."""
        return tuple(name for name, card in self.cards.items() if card.task == task and part in (None, card.part))

    def title(self, name: str) -> str:
        """What a list calls a model: its title, with its name where another model would read the same."""
        title = self.cards[name].title
        others = [other for other in self.cards.values() if other.name != name]
        taken = {_read_as(text) for other in others for text in (other.title, f"{other.title} ({other.name})")}
        return f"{title} ({name})" if _read_as(title) in taken else title


def _read_as(title: str) -> str:
    """A title as an eye takes it: capitals and spaces make no difference."""
    return " ".join(title.casefold().split())


_CARD = TypeAdapter(Card)


def read_catalogue(folder: Path = WEIGHTS_FOLDER) -> Catalogue:
    """The cards of a folder; one bad card hides no other."""
    cards, refusals = {}, []
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stem):
        try:
            cards[path.stem] = read_card(path)
        except WeightsRefused as refusal:
            logger.warning("%s", refusal)
            refusals.append(str(refusal))
    return Catalogue(cards, tuple(refusals))


def read_card(path: Path) -> Card:
    """A card from its JSON file.

    Raises:
        WeightsRefused: if it is missing, damaged, not a card of Assay's, newer than this Assay, or
            named otherwise than its file.
    """
    return _parse_card(path, _read_card_file(path))


def load_model(name: str, folder: Path = WEIGHTS_FOLDER) -> Model:
    """A model by name, its weights checked against the hash in its card.

    Raises:
        WeightsRefused: if the card is refused, or the weights are missing, changed, damaged or do
            not fit the network the card describes.
    """
    card_path, weights_path = folder / f"{name}.json", folder / f"{name}.safetensors"
    card_bytes = _read_card_file(card_path)
    card = _parse_card(card_path, card_bytes)
    weights = _read(weights_path)
    found = hashlib.sha256(weights).hexdigest()
    if found != card.weights_sha256:
        msg = (
            f"{weights_path.name} is not the file its card describes: its SHA-256 is {found[:12]}…, the card "
            f"states {card.weights_sha256[:12]}…; restore both files from the same source."
        )
        raise WeightsRefused(msg)
    try:
        network = build_network(card.network, card.arguments)
        state = safetensors.torch.load(weights)
        references, gate = _take_references(state, card), _take_gate(state, card)
        network.load_state_dict(state)
    except (safetensors.SafetensorError, LookupError, ValueError, TypeError, RuntimeError) as error:
        logger.info("%s does not fit", weights_path, exc_info=True)
        msg = f"{weights_path.name} does not fit the network its card describes; restore both files."
        raise WeightsRefused(msg) from error
    return Model(card, network.eval(), hashlib.sha256(card_bytes).hexdigest(), references, gate)


def _take_references(state: dict[str, Tensor], card: Card) -> tuple[Reference, ...]:
    """The reference of each series, taken out of what the weights file holds; they fit into the network's input."""
    if card.stack is None:
        return ()
    references = []
    for series in card.series:
        # By the last dot: a series may have dots in its name.
        own = [key for key in state if key.rpartition(".")[0] == f"{_REFERENCE}{series}"]
        arrays = {key.rpartition(".")[2]: state.pop(key).numpy() for key in own}
        references.append(Reference.from_arrays(series, arrays))
        card.stack.placement(references[-1])
        require(
            card.fusion is None or references[-1].features is not None,
            f"the reference {series} has no features, and the card's fusion needs them",
        )
    return tuple(references)


def _take_gate(state: dict[str, Tensor], card: Card) -> ScopeGate | None:
    """The scope gate, its embeddings taken out of what the weights file holds."""
    return None if card.scope_gate is None else ScopeGate(card.scope_gate, state.pop(_GATE).numpy())


def save_model(
    card: Card,
    state: Mapping[str, Tensor],
    folder: Path,
    references: Sequence[Reference] = (),
    gate: ScopeGate | None = None,
) -> Card:
    """Write NAME.safetensors, with references and gate in it, and NAME.json; the card's gate and hash are made true.

    Figures that there was nothing to measure on are left out.
    The card is written last and each file is moved into place whole, so that an interruption leaves
    no card without its weights.

    Returns:
        The card as written.
    """
    tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    for reference in references:
        for name, array in reference.arrays().items():
            tensors[f"{_REFERENCE}{reference.series}.{name}"] = torch.from_numpy(np.array(array))
    if gate is not None:
        tensors[_GATE] = torch.from_numpy(np.array(gate.embeddings))
    weights = safetensors.torch.save(tensors)
    stated = None if gate is None else gate.card
    card = replace(
        card,
        scope_gate=stated,
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        metrics={name: metric for name, metric in card.metrics.items() if metric.measured},
    )
    write_whole(folder / f"{card.name}.safetensors", weights)
    text = json.dumps(as_json(card), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    write_whole(folder / f"{card.name}.json", text.encode())
    return card


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"{path.name} cannot be read in {path.parent}; choose one of the models that are there."
        raise WeightsRefused(msg) from error


def _read_card_file(path: Path) -> bytes:
    if path.is_file() and path.stat().st_size > LARGEST_CARD:
        msg = f"{path.name} is larger than any card ({path.stat().st_size:,} bytes); restore it with its weights."
        raise WeightsRefused(msg)
    return _read(path)


def _parse_card(path: Path, content: bytes) -> Card:
    try:
        stated = json.loads(content)
    except (ValueError, RecursionError) as error:
        msg = f"{path.name} is damaged: it is not readable JSON; restore it with its weights."
        raise WeightsRefused(msg) from error
    try:
        require_numbers(stated)
    except ValueError as error:
        msg = f"{path.name} is damaged: {error}; restore it with its weights."
        raise WeightsRefused(msg) from error
    if not isinstance(stated, dict) or type(stated.get("assay_card")) is not int or stated["assay_card"] < 1:
        msg = f"{path.name} is not a card of Assay's: it states no card format; remove it from the folder."
        raise WeightsRefused(msg)
    if stated["assay_card"] > CARD_FORMAT:
        msg = (
            f"{path.name} is written in card format {stated['assay_card']} and this Assay reads up to "
            f"{CARD_FORMAT}; update Assay."
        )
        raise WeightsRefused(msg)
    try:
        card = _CARD.validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "the card"
        logger.info("%s", path, exc_info=True)
        why = first["msg"].removeprefix("Value error, ")
        msg = f"{path.name} is damaged: {where}: {why}; restore it with its weights."
        raise WeightsRefused(msg) from error
    if card.name != path.stem:
        msg = f"{path.name} is the card of {card.name!r}; give the card and its weights that name."
        raise WeightsRefused(msg)
    return card
