"""The examiners behind the page: each model is loaded once, when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock

from inference.authenticity import AuthenticityExaminer
from inference.records import Comparison, Crop, Exhibit, Refusal, Verdict
from inference.trademarks import Crops, TrademarkExaminer
from inference.weights import WEIGHTS_FOLDER, Card, Catalogue, Task, read_catalogue


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
    _loading: Lock = field(default_factory=Lock)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The models of the folder, read once."""
        return read_catalogue(self.weights)

    def choices(self, task: Task) -> list[tuple[str, str]]:
        """Titles and names of the models for a task, for a list."""
        return [(self.catalogue.cards[name].title, name) for name in self.catalogue.names(task)]

    def series(self, model: str | None) -> tuple[str, ...]:
        """The series an authenticity model knows; none for no model."""
        return self.catalogue.cards[model].series if model in self.catalogue.cards else ()

    def examine(self, exhibit: Exhibit, model: str | None, series: str | None, crop: Crop | None) -> Verdict:
        """A verdict.

        Raises:
            Refusal: if there is no such model, it cannot be loaded, or it cannot examine this.
        """
        examiner = self._examiner(model, "authenticity")
        assert isinstance(examiner, AuthenticityExaminer)  # noqa: S101 - what the task chose
        return examiner.examine(exhibit, series, crop)

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
    """A crop from `x,y,w,h` in pixels of the upright picture; None for an empty text, the whole picture.

    Raises:
        Refusal: if it is not four whole numbers that make a crop.
    """
    return Crop.parse(text) if text and text.strip() else None
