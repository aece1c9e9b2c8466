"""What a command has to examine parts with."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from inference.authenticity import AuthenticityExaminer
from inference.command_line.models import chosen_model, verbal_scale
from inference.command_line.options import ExamineOptions, ReportOptions
from inference.command_line.text import find_text, nothing_found
from inference.location import Locator
from inference.records import Crop, Exhibit, PartFinding, Refusal, Verdict
from inference.weights import Card, WeightsRefused, read_catalogue

logger = logging.getLogger(__name__)


class Parts:
    """What a command has to examine parts with: each model is loaded when it is first needed."""

    def __init__(self, options: ExamineOptions | ReportOptions) -> None:
        self._options = options
        self._scale = verbal_scale(options.verbal_scale)
        self._examiners: dict[str, AuthenticityExaminer] = {}
        self._locator: Locator | None = None

    @property
    def cards(self) -> dict[str, Card]:
        """The cards of the models that were used."""
        return {name: examiner.card for name, examiner in self._examiners.items()}

    def verdicts(self, exhibit: Exhibit, model: str | None, crop: Crop | None) -> list[Verdict]:
        """The verdict on a photo by the model named for it, or on each part that is found on it, best first.

        Raises:
            Refusal: if a crop or a model is named for what is still to be found, or nothing is found that a model is
                there for.
        """
        options = self._options
        if options.locate and (crop is not None or model is not None):
            msg = "With --locate the crops and models follow from what is found; leave out --crop and --model."
            raise Refusal(msg)
        if not options.locate:
            examiner = self._examiner(chosen_model(model, "authenticity", options.weights))
            return [examiner.examine(exhibit, options.series, crop)]
        if self._locator is None:
            self._locator = Locator.load(
                chosen_model(None, "locator", options.weights), options.weights, options.device
            )
        finds = self._locator.locate(exhibit)
        if not finds:
            raise Refusal(nothing_found(self._locator, exhibit))
        verdicts = []
        for find in finds:
            names = read_catalogue(options.weights).names("authenticity", find.part)
            if names:
                proposal = self._locator.located(find)
                verdicts.append(self._examiner(names[0]).examine(exhibit, options.series, find.crop, proposal))
            else:
                logger.warning("There is no model for %s in %s: not examined.", find_text(find), options.weights)
        if not verdicts:
            msg = (
                f"There is no model in {options.weights} for anything that was found on {exhibit.name}; put one there."
            )
            raise WeightsRefused(msg)
        return verdicts

    def combined(self, verdicts: Sequence[Verdict]) -> list[PartFinding]:
        """What photos of one item come to together, part by part: each part has its model."""
        by_model: dict[str, list[Verdict]] = {}
        for verdict in verdicts:
            by_model.setdefault(verdict.provenance.model, []).append(verdict)
        return [self._examiner(name).combine(own) for name, own in by_model.items()]

    def _examiner(self, name: str) -> AuthenticityExaminer:
        if name not in self._examiners:
            options = self._options
            self._examiners[name] = AuthenticityExaminer.load(name, options.weights, options.device, self._scale)
        return self._examiners[name]
