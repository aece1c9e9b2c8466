"""The bench: the models of a folder, and everything that is examined with them.

Page, API, command line and verification examine here and nowhere else. Each model is loaded once, when it is first
asked for.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TypeVar

from inference.authenticity.examiner import AuthenticityExaminer
from inference.evidence.scale import ENFSI_2015, VerbalScale
from inference.examiner import Examiner
from inference.locator.examiner import Locator
from inference.models.card import Card, Task, WeightsRefused
from inference.models.catalogue import WEIGHTS_FOLDER, Catalogue, read_catalogue
from inference.models.weights import Model
from inference.records import Comparison, Detection, Exhibit, Located, PartFinding, Refusal, Verdict
from inference.request import Request
from inference.trademark.examiner import Crops, TrademarkExaminer

logger = logging.getLogger(__name__)

_REMEMBERED = 64
"""How many photos keep their detections, so that a photo is searched once."""

AnyExaminer = TypeVar("AnyExaminer", bound=Examiner)


class Bench:
    """The models of a folder, ready to examine; safe to share between threads.

    Args:
        weights: Folder of the models.
        device: Where they run: cpu, cuda or mps.
        scale: The verbal scale for likelihood ratios.
    """

    def __init__(self, weights: Path = WEIGHTS_FOLDER, device: str = "cpu", scale: VerbalScale = ENFSI_2015) -> None:
        self.weights = weights
        self.device = device
        self.scale = scale
        self._parts: dict[str, AuthenticityExaminer] = {}
        self._marks: dict[str, TrademarkExaminer] = {}
        self._locators: dict[str, Locator] = {}
        self._found: OrderedDict[tuple[str, str | None], tuple[Detection, ...]] = OrderedDict()
        self._loading = Lock()
        self._searching = Lock()

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

    def examine_found(self, exhibit: Exhibit, series: str | None = None) -> tuple[Verdict, ...]:
        """A verdict on each detected part that has a model, the best detection first.

        Raises:
            Refusal: if there is no locator, no part is found, or no model examines any part that is found.
        """
        locator, detections, verdicts = self.locator(), self.detections(exhibit), []
        if not detections:
            raise Refusal(locator.nothing_found(exhibit))
        for detection in detections:
            model = self.model_for(detection.part)
            if model:
                verdicts.append(self.examine(Request.of_proposal(exhibit, locator.located(detection), series), model))
            else:
                logger.warning(
                    "There is no model for the %s at %s on %s.", detection.part, detection.crop, exhibit.name
                )
        if not verdicts:
            msg = f"No model examines the parts found on {exhibit.name}; put one for them into {self.weights}."
            raise WeightsRefused(msg)
        return tuple(verdicts)

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

    def locator(self, name: str | None = None) -> Locator:
        """The locator of that name, or the first one.

        Raises:
            WeightsRefused: if there is none, or it cannot be loaded.
        """
        chosen = self.chosen("locator", name)
        with self._loading:
            if chosen not in self._locators:
                self._locators[chosen] = Locator.load(chosen, self.weights, self.device)
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

    def cards(self, *records: Verdict | Comparison) -> dict[str, Card]:
        """The cards of the models that made these records, by model name."""
        examiners: dict[str, Examiner] = {**self._parts, **self._marks}
        return {name: examiners[name].card for name in {record.provenance.model for record in records}}

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

    def _for_parts(self, model: str | None) -> AuthenticityExaminer:
        return self._examiner(AuthenticityExaminer, self._parts, model)

    def _examiner(self, kind: type[AnyExaminer], loaded: dict[str, AnyExaminer], model: str | None) -> AnyExaminer:
        name = self.chosen(kind.task, model or None)
        with self._loading:
            if name not in loaded:
                loaded[name] = kind.load(name, self.weights, self.device, self.scale)
            return loaded[name]


def examiner_of(model: Model, device: str = "cpu") -> AuthenticityExaminer | TrademarkExaminer:
    """The examiner of a model for parts or for marks.

    Raises:
        WeightsRefused: if it is for something else, or its examiner refuses it.
    """
    return (TrademarkExaminer if model.card.task == "trademark" else AuthenticityExaminer)(model, device)
