"""The examiners behind the page: each model is loaded once, when it is first asked for."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock

from inference.authenticity import AuthenticityExaminer
from inference.location import Locator
from inference.records import Comparison, Crop, Exhibit, Find, Refusal, Verdict
from inference.trademarks import Crops, TrademarkExaminer
from inference.weights import WEIGHTS_FOLDER, Card, Catalogue, Task, read_catalogue

_REMEMBERED = 64
"""Photos whose finds are remembered, so that one is searched once."""


@dataclass
class Bench:
    """What the page, its API and its tests call.

    Attributes:
        weights: Folder of the models.
        device: Where they run.
    """

    weights: Path = WEIGHTS_FOLDER
    device: str = "cpu"
    _examiners: dict[str, AuthenticityExaminer | TrademarkExaminer] = field(default_factory=dict)
    _found: OrderedDict[tuple[str, str | None], tuple[Find, ...]] = field(default_factory=OrderedDict)
    _loading: Lock = field(default_factory=Lock)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The models of the folder, read once."""
        return read_catalogue(self.weights)

    def choices(self, task: Task) -> list[tuple[str, str]]:
        """Titles and names of the models for a task, for a list."""
        return [(self.catalogue.title(name), name) for name in self.catalogue.names(task)]

    def series(self, model: str | None) -> tuple[str, ...]:
        """The series an authenticity model knows; none for no model."""
        return self.catalogue.cards[model].series if model in self.catalogue.cards else ()

    def examine(
        self,
        exhibit: Exhibit,
        model: str | None,
        series: str | None,
        crop: Crop | None,
        find: Find | None = None,
    ) -> Verdict:
        """A verdict; `find` is the locator's proposal that the crop is, or was made of.

        Raises:
            Refusal: if there is no such model, it cannot be loaded, or it cannot examine this.
        """
        examiner = self._examiner(model, "authenticity")
        assert isinstance(examiner, AuthenticityExaminer)  # noqa: S101 - what the task chose
        located = self.locator.located(find) if find and self.locator else None
        return examiner.examine(exhibit, series, crop, located)

    def examine_found(self, exhibit: Exhibit) -> tuple[Verdict, ...]:
        """A verdict on each part that is found and that a model is there for, best first.

        Raises:
            Refusal: if there is none.
        """
        verdicts = [
            self.examine(exhibit, model, None, None if find.close_up else find.crop, find)
            for find in self.finds(exhibit)
            if (model := self.model_for(find.part))
        ]
        if not verdicts:
            msg = f"Nothing was found on {exhibit.name} that a model is there for; draw a box around the part."
            raise Refusal(msg)
        return tuple(verdicts)

    @cached_property
    def locator(self) -> Locator | None:
        """The locator, where the folder holds one; of several, the first by name."""
        names = self.catalogue.names("locator")
        return Locator.load(names[0], self.weights, self.device) if names else None

    def finds(self, exhibit: Exhibit) -> tuple[Find, ...]:
        """The parts that are found on a photo, best first; none without a locator."""
        picture = exhibit.sha256, exhibit.ground
        with self._loading:
            if picture not in self._found:
                self._found[picture] = self.locator.locate(exhibit) if self.locator else ()
                while len(self._found) > _REMEMBERED:
                    self._found.popitem(last=False)
            return self._found[picture]

    def find(self, exhibit: Exhibit, number: str | None) -> Find | None:
        """The part that has a number from 1 among those that are found; None for no number.

        Raises:
            Refusal: if there is none.
        """
        if not number:
            return None
        finds = self.finds(exhibit)
        if number not in {str(known) for known in range(1, len(finds) + 1)}:
            msg = f"There is no find {number} on {exhibit.name}; {len(finds) or 'no'} parts were found."
            raise Refusal(msg)
        return finds[int(number) - 1]

    def model_for(self, part: str) -> str | None:
        """The authenticity model for a part; of several, the first by name."""
        return next(iter(self.catalogue.names("authenticity", part)), None)

    def compare(self, first: Exhibit, second: Exhibit, model: str | None, crops: Crops = (None, None)) -> Comparison:
        """A comparison.

        Raises:
            Refusal: if there is no such model, it cannot be loaded, or it cannot compare these.
        """
        examiner = self._examiner(model, "trademark")
        assert isinstance(examiner, TrademarkExaminer)  # noqa: S101 - what the task chose
        return examiner.compare(first, second, crops)

    def cards(self, *records: Verdict | Comparison) -> dict[str, Card]:
        """The cards of the models that made some records, by their names."""
        return {name: self._examiners[name].card for name in {record.provenance.model for record in records}}

    def _examiner(self, model: str | None, task: Task) -> AuthenticityExaminer | TrademarkExaminer:
        names = self.catalogue.names(task)
        name = model or (names[0] if names else None)
        if name is None:
            msg = f"There is no model for {task} in {self.weights}; put its .safetensors and .json there and restart."
            raise Refusal(msg)
        if name not in names:
            msg = f"There is no model {name!r} for {task}; there are: {', '.join(names) or 'none'}."
            raise Refusal(msg)
        with self._loading:
            if name not in self._examiners:
                examiner = AuthenticityExaminer if task == "authenticity" else TrademarkExaminer
                self._examiners[name] = examiner.load(name, self.weights, self.device)
            return self._examiners[name]


def parse_crop(text: str | None) -> Crop | None:
    """A crop as `Crop.parse` reads it, in pixels of the upright picture; None for an empty text, the whole picture.

    Raises:
        Refusal: if it is no crop.
    """
    return Crop.parse(text) if text and text.strip() else None
