"""The bench: the models of a folder, and everything that is examined with them.

Page, API, command line and verification examine here and nowhere else. Each model is loaded once, when it is first
asked for.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TypeVar

from inference.authenticity.examiner import AuthenticityExaminer
from inference.collections.collection import Collection, name_of
from inference.collections.enrolling import Enrolment
from inference.collections.examiner import CollectionExaminer
from inference.collections.files import (
    BEST_FIT,
    CollectionRefused,
    Collections,
    load_collection,
    read_collections,
    save_collection,
)
from inference.evidence.scale import ENFSI_2015, VerbalScale
from inference.examiner import Examiner
from inference.locator.examiner import Locator
from inference.models.card import Card, Task, WeightsRefused
from inference.models.catalogue import Catalogue, read_catalogue
from inference.models.engines.choice import engine_for, engine_name
from inference.models.weights import Model
from inference.places import REFERENCES_FOLDER, WEIGHTS_FOLDER
from inference.progress import Progress, untold
from inference.records import (
    Comparison,
    Crop,
    Detection,
    Deviation,
    EngineChoice,
    EngineName,
    Exhibit,
    Located,
    PartFinding,
    Record,
    Refusal,
    Verdict,
    WitnessName,
)
from inference.reference.registration import best_fit
from inference.register.opening import open_store
from inference.register.register import Register
from inference.request import Means, Request
from inference.trademark.embedder import MarkEmbedder
from inference.trademark.examiner import Crops, TrademarkExaminer

logger = logging.getLogger(__name__)

_REMEMBERED = 64
"""How many photos keep their detections, so that a photo is searched once."""

AnyExaminer = TypeVar("AnyExaminer", AuthenticityExaminer, TrademarkExaminer, CollectionExaminer)


class Bench:
    """The models of a folder, ready to examine; safe to share between threads.

    Args:
        weights: Folder of the models.
        device: Where they run: cpu, cuda or mps.
        scale: The verbal scale for likelihood ratios.
        references: Folder of the reference collections.
        engine: What runs the networks' passes without a graph.

    Raises:
        EngineRefused: if that engine is not here, or does not run on the device.
    """

    def __init__(
        self,
        weights: Path = WEIGHTS_FOLDER,
        device: str = "cpu",
        scale: VerbalScale = ENFSI_2015,
        references: Path = REFERENCES_FOLDER,
        engine: EngineChoice = "torch",
    ) -> None:
        self.weights = weights
        self.device = device
        self.scale = scale
        self.references = references
        self._make_engine = engine_for(engine, device)
        both = engine == "auto" and engine_name(engine, device) != "torch"
        self._by_torch = Bench(weights, device, scale, references, "torch") if both else self
        self._parts: dict[str, AuthenticityExaminer] = {}
        self._marks: dict[str, TrademarkExaminer] = {}
        self._locators: dict[str, Locator] = {}
        self._comparators: dict[str, CollectionExaminer] = {}
        self._collections: dict[str, Collection] = {}
        self._found: OrderedDict[tuple[str, str | None], tuple[Detection, ...]] = OrderedDict()
        self._loading = Lock()
        self._searching = Lock()

    def by_engine(self, name: EngineName) -> Bench:
        """The bench of the same folders that repeats what an engine made: by that engine, where `auto` leaves it open.

        Where an engine was chosen, or that one is not here, it is this bench.
        """
        return self._by_torch if name == "torch" else self

    @cached_property
    def catalogue(self) -> Catalogue:
        """The models of the folder, read once."""
        return read_catalogue(self.weights)

    def choices(self, task: Task) -> list[tuple[str, str]]:
        """Title and name of each model for a task, as a list shows them."""
        return [(self.catalogue.title(name), name) for name in self.catalogue.names(task)]

    def series(self, model: str | None) -> tuple[str, ...]:
        """The series an authenticity model knows; empty without a model."""
        return self.catalogue.cards[model].series if model in self.catalogue.cards else ()

    def model_for(self, part: str) -> str | None:
        """The authenticity model for a part; of several, the first by name."""
        return next(iter(self.catalogue.names("authenticity", part)), None)

    def beside_for(self, part: str) -> str | None:
        """The collection of a part, beside which it can be examined; of several, `best-fit`; None without one."""
        if not self.choices("comparator"):
            return None
        names = [name for name, card in self.collections.cards.items() if name_of(card.part) == part]
        return BEST_FIT if len(names) > 1 else next(iter(names), None)

    @property
    def finds_parts(self) -> bool:
        """Whether the folder holds a locator."""
        return bool(self.catalogue.names("locator"))

    def examine(self, request: Request, model: str | None = None) -> Verdict:
        """A verdict by the model of that name, or by the first one.

        Raises:
            Refusal: if there is no such model, it cannot be loaded, or it cannot examine this.
        """
        return self._for_parts(model).examine_batch([request])[0]

    def settled(self, means: Means) -> Means:
        """The means with the name of their model, where a model examines.

        Raises:
            WeightsRefused: if there is no such model.
        """
        if means.locate or means.references is not None:
            return means
        return replace(means, model=self.chosen("authenticity", means.model))

    def examine_by(self, means: Means, exhibit: Exhibit, crop: Crop | None = None) -> tuple[Verdict | Deviation, ...]:
        """The examinations of a photo by some means: one, or one of each part that is found, the best detection first.

        Raises:
            Refusal: if it is not examined, or a crop is given where the parts are located.
        """
        if means.locate:
            if crop is not None:
                msg = "With --locate, crops follow from the parts that are found; leave out --crop."
                raise Refusal(msg)
            return self.examine_found(exhibit, means.series)
        request = Request(exhibit, means.series, crop)
        if means.references is not None:
            return (self.examine_beside(request, means.references),)
        return (self.examine(request, means.model),)

    def examine_found(self, exhibit: Exhibit, series: str | None = None) -> tuple[Verdict | Deviation, ...]:
        """An examination of each detected part by its model, or else beside its collections, the best detection first.

        Raises:
            Refusal: if there is no locator, no part is found, or there is nothing by which to examine any of them.
        """
        locator, detections = self.locator(), self.detections(exhibit)
        if not detections:
            raise Refusal(locator.nothing_found(exhibit))
        found: list[Verdict | Deviation] = []
        for detection in detections:
            request = Request.of_proposal(exhibit, locator.located(detection), series)
            if model := self.model_for(detection.part):
                found.append(self.examine(request, model))
            elif collection := self.beside_for(detection.part):
                found.append(self.examine_beside(request, collection))
            else:
                where = detection.part, detection.crop, exhibit.name
                logger.warning("There is no model or reference collection for the %s at %s on %s.", *where)
        if not found:
            msg = (
                f"No model or reference collection is for the parts found on {exhibit.name}; put a model into "
                f"{self.weights}, or enrol genuine photos of them."
            )
            raise WeightsRefused(msg)
        return tuple(found)

    def combine(self, verdicts: Sequence[Verdict]) -> list[PartFinding]:
        """The part findings of several photos of one item, one a part; each part has its model.

        Raises:
            Refusal: if photos of one part are of different series.
        """
        by_model: dict[str, list[Verdict]] = {}
        for verdict in verdicts:
            by_model.setdefault(verdict.provenance.model, []).append(verdict)
        return [self._for_parts(name).combine(own) for name, own in by_model.items()]

    def compare(
        self, first: Exhibit, second: Exhibit, model: str | None = None, crops: Crops = (None, None)
    ) -> Comparison:
        """A comparison by the model of that name, or by the first one.

        Raises:
            Refusal: if there is no such model, it cannot be loaded, or it cannot compare these.
        """
        return self._examiner(TrademarkExaminer, self._marks, model).compare(first, second, crops)

    def register(self, place: str, model: str | None = None) -> Register:
        """The register of a place, whose marks the trademark model of that name embeds, or the first one.

        Raises:
            Refusal: if there is no such model, it cannot be loaded, or the register cannot be read or is another's.
        """
        embedder = MarkEmbedder(self._examiner(TrademarkExaminer, self._marks, model))
        return Register(open_store(place, embedder), embedder)

    @property
    def collections(self) -> Collections:
        """The reference collections of the folder as they stand."""
        return read_collections(self.references)

    def enrol(self, enrolment: Enrolment, progress: Progress = untold) -> Collection:
        """A collection of genuine photos by the first comparator; it is not saved yet.

        Raises:
            Refusal: if there is no comparator, it cannot be loaded, or it cannot make a collection of these.
        """
        return self._comparator().enrol(enrolment, progress)

    def scores_left_out(self, collection: Collection) -> dict[WitnessName, list[float]]:
        """By witness, how far each enrolled photo of a collection deviates from those of other items."""
        return self._comparator().rule.left_out(collection.genuine)

    def scores_of_counterfeits(self, collection: Collection) -> dict[WitnessName, list[float]]:
        """By witness, how far each known counterfeit of a collection deviates from its genuine photos."""
        genuine, rule = collection.genuine, self._comparator().rule
        return {
            name: [rule.standardised(name, dict(one.deviations)[name], own) for one in collection.known_counterfeits]
            for name, own in genuine.items()
        }

    def keep(self, collection: Collection) -> Path:
        """Save a collection in the folder, in the place of an earlier one of that part and series.

        Returns:
            Where its card lies.
        """
        return save_collection(collection, self.references)

    def collection(self, name: str) -> Collection:
        """The collection of that name, loaded once as long as its files stay as they are.

        Raises:
            CollectionRefused: if there is none, or it cannot be read.
        """
        listed = self.collections
        if name not in listed.cards:
            known = ", ".join(listed.cards) or "none"
            msg = f"There is no reference collection {name!r} in {self.references}; there are: {known}."
            raise CollectionRefused(msg)
        with self._loading:
            loaded = self._collections.get(name)
            if loaded is None or loaded.sha256 != listed.cards[name].sha256:
                self._collections[name] = loaded = load_collection(name, self.references)
            return loaded

    def examine_beside(self, request: Request, collection: str) -> Deviation:
        """How far a part deviates from the genuine items of the collection of that name, or of the best fitting one.

        Raises:
            Refusal: if there is no such collection or comparator, one of them cannot be loaded, or they do not belong
                together.
        """
        comparator = self._comparator()
        if collection == BEST_FIT:
            return comparator.examine(self._fitting(request), request)
        return comparator.examine(self.collection(collection), request)

    def _fitting(self, request: Request) -> Collection:
        """The collection whose reference a part fits best, of those of its series if that is stated."""
        listed = self.collections.cards
        names = [name for name, card in listed.items() if request.series in (None, card.series)]
        if not names:
            of = f" of {request.series}" if request.series else ""
            msg = f"There is no reference collection{of} in {self.references}; enrol genuine photos first."
            raise CollectionRefused(msg)
        part = request.exhibit.crop(request.crop)
        found = [self.collection(name) for name in names]
        return found[best_fit(part, [one.reference for one in found])]

    def locator(self, name: str | None = None) -> Locator:
        """The locator of that name, or the first one.

        Raises:
            WeightsRefused: if there is none, or it cannot be loaded.
        """
        chosen = self.chosen("locator", name)
        with self._loading:
            if chosen not in self._locators:
                self._locators[chosen] = Locator.load(chosen, self.weights, self.device, self._make_engine)
            return self._locators[chosen]

    def detections(self, exhibit: Exhibit) -> tuple[Detection, ...]:
        """The detections on a photo, best first; none without a locator."""
        if not self.finds_parts:
            return ()
        picture = exhibit.sha256, exhibit.ground
        with self._searching:
            if picture not in self._found:
                self._found[picture] = self.locator().locate(exhibit)
                while len(self._found) > _REMEMBERED:
                    self._found.popitem(last=False)
            return self._found[picture]

    def proposal(self, exhibit: Exhibit, number: str | None) -> Located | None:
        """The proposal for the detection with that number, from 1; None without a number.

        Raises:
            Refusal: if there is no such detection.
        """
        if not number:
            return None
        detections = self.detections(exhibit)
        if number not in {str(known) for known in range(1, len(detections) + 1)}:
            msg = f"There is no find {number} on {exhibit.name}; {len(detections) or 'no'} parts were found."
            raise Refusal(msg)
        return self.locator().located(detections[int(number) - 1])

    def cards(self, *records: Record) -> dict[str, Card]:
        """The cards of the models that made these records, by model name."""
        examiners = self._by_torch._loaded() | self._loaded()
        return {name: examiners[name].card for name in {record.provenance.model for record in records}}

    def _loaded(self) -> dict[str, Examiner | CollectionExaminer]:
        return {**self._parts, **self._marks, **self._comparators}

    def chosen(self, task: Task, name: str | None) -> str:
        """The model of that name for a task, or the first in alphabetical order.

        Raises:
            WeightsRefused: if there is none.
        """
        names = self.catalogue.names(task)
        if name is None and not names:
            msg = f"There is no model for {task} in {self.weights}; put its .safetensors and .json there and restart."
            raise WeightsRefused(msg)
        if name is not None and name not in names:
            msg = f"There is no model {name!r} for {task}; there are: {', '.join(names) or 'none'}."
            raise WeightsRefused(msg)
        return name or names[0]

    def _comparator(self) -> CollectionExaminer:
        return self._examiner(CollectionExaminer, self._comparators, None)

    def _for_parts(self, model: str | None) -> AuthenticityExaminer:
        return self._examiner(AuthenticityExaminer, self._parts, model)

    def _examiner(self, kind: type[AnyExaminer], loaded: dict[str, AnyExaminer], model: str | None) -> AnyExaminer:
        name = self.chosen(kind.task, model or None)
        with self._loading:
            if name not in loaded:
                loaded[name] = kind.load(name, self.weights, self.device, self.scale, self._make_engine)
            return loaded[name]


def examiner_of(model: Model, device: str = "cpu") -> AuthenticityExaminer | TrademarkExaminer:
    """The examiner of a model for parts or for marks.

    Raises:
        WeightsRefused: if it is for something else, or its examiner refuses it.
    """
    return (TrademarkExaminer if model.card.task == "trademark" else AuthenticityExaminer)(model, device)
