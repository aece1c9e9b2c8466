"""The base of all examiners: one pass of the backbone and one of the head, under a lock."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import Self

from inference.evidence.calibration import Calibration, outcome
from inference.evidence.scale import ENFSI_2015, VerbalScale
from inference.grad_cam import HeadGradCam, Target
from inference.models.card import Card, Task, WeightsRefused
from inference.models.embedding import frozen_embedding
from inference.models.engines.engine import Engine, MakeEngine, Pass, Run, by_torch
from inference.models.provenance import code_version, library_versions
from inference.models.weights import Model, load_model
from inference.networks.two_halves import TwoHalves
from inference.places import WEIGHTS_FOLDER
from inference.planes import Planes
from inference.records import Evidence, Heatmap, InconclusiveBand, Placement, Provenance, ScopeCheck
from inference.request import Request
from inference.scope.checks import gate_checks, refusal
from inference.scope.embedding import FrozenEmbedding
from inference.scope.gate_card import Sees

ScopeViews = tuple[Planes, Mapping[Sees, NDArray[np.uint8]]]
"""A part whose quality is measured, and what there is to tell its kind by, uint8 (h, w, 3) each."""


class Examiner(ABC):
    """One model, ready to examine. Threads may share it.

    Args:
        model: The model.
        device: Where it runs: cpu, cuda or mps.
        scale: The verbal scale for likelihood ratios.
        embed: The frozen embedding of its scope gate; by default the shipped one.
        make_engine: What makes the engines of its passes without a graph.

    Raises:
        WeightsRefused: if the model is for another task, its card lacks what a verdict needs, or its gate needs another
            embedding.
        EngineRefused: if the engine cannot run the network.
    """

    task: ClassVar[Task]
    sides: ClassVar[tuple[str, str]]
    propositions: ClassVar[tuple[str, str]]

    def __init__(
        self,
        model: Model,
        device: str = "cpu",
        scale: VerbalScale = ENFSI_2015,
        embed: FrozenEmbedding | None = None,
        make_engine: MakeEngine = by_torch,
    ) -> None:
        card = model.card
        self.require_task(card)
        if card.band is None or card.heatmap_full_scale is None:
            msg = f"The card of {card.name} lacks its inconclusive band or heatmap scale; finish its training."
            raise WeightsRefused(msg)
        if card.calibration is not None and card.calibration.sides != self.sides:
            msg = f"The card of {card.name} is not calibrated for {' and '.join(self.sides)}; restore the card."
            raise WeightsRefused(msg)
        self._frozen = (embed or frozen_embedding(make_engine=make_engine)) if card.scope_gate else None
        if self._frozen and card.scope_gate and self._frozen.sha256 != card.scope_gate.embedding_sha256:
            msg = f"The scope gate of {card.name} needs another embedding; fit it again with python -m training scope."
            raise WeightsRefused(msg)
        self.model = model
        self.card = card
        self.band: InconclusiveBand = card.band
        self.device = torch.device(device)
        self.scale = scale
        self._full_scale: float = card.heatmap_full_scale
        self._layer = _layer(card)
        self._card_sha256 = model.card_sha256
        self._references = model.references
        self._gate = model.gate
        network = model.network.to(self.device).eval().requires_grad_(False)
        self._network = cast("TwoHalves", network)
        self._make_engine = make_engine
        self._engine = self._engine_of("features", self._first_half)
        self._grad_cam = HeadGradCam(self._network.head, card.heatmap_method)
        self._lock = Lock()

    @property
    def _first_half(self) -> Run:
        """The pass to the feature map that enters the head."""
        return self._network.features

    def _engine_of(self, name: str, run: Run) -> Engine:
        """What runs a pass of the network over its input."""
        stack, side = self.card.stack, self.card.preprocessing.size
        size = (stack.height, stack.width) if stack else (side, side)
        return self._make_engine(Pass(name, self.card.name, self.card.weights_sha256, run, size))

    def require_task(self, card: Card) -> None:
        """Guard an examiner against a model that is not for its task.

        Raises:
            WeightsRefused: if it is not.
        """
        if card.task != self.task:
            msg = f"{card.name} is a model for {card.task}, not for {self.task}; choose another model."
            raise WeightsRefused(msg)

    @classmethod
    def load(
        cls,
        name: str,
        folder: Path = WEIGHTS_FOLDER,
        device: str = "cpu",
        scale: VerbalScale = ENFSI_2015,
        make_engine: MakeEngine = by_torch,
    ) -> Self:
        """The examiner with the model of that name.

        Raises:
            WeightsRefused: if the model cannot be loaded, or is for another task.
            EngineRefused: if the engine cannot run its network.
        """
        return cls(load_model(name, folder), device, scale, frozen_embedding(folder, make_engine), make_engine)

    @abstractmethod
    def scope_views(self, request: Request) -> ScopeViews:
        """What a scope gate is shown of an exhibit.

        Raises:
            Refusal: if the model does not know the series, or the crop reaches outside the picture.
        """

    def _gate_checks(self, shown: ScopeViews) -> tuple[ScopeCheck, ...]:
        """Whether a part is of the model's kind, by one of its views; nothing without a gate."""
        return gate_checks(*shown, self._gate, self._frozen) if self._gate and self._frozen else ()

    def _forward(self, images: Sequence[Tensor], target: Target) -> tuple[Tensor, NDArray[np.float32]]:
        """Logits on the CPU and raw heatmaps (B, h, w) of images (3, S, S), for a target of the head."""
        with self._lock:
            (feature_map,) = self._engine.features(torch.stack(list(images)).to(self.device))
            logits, maps = self._grad_cam(feature_map, target)
        return logits.cpu(), maps

    def _heatmap(self, raw: NDArray[np.float32], side: str, placement: Placement) -> Heatmap:
        first, second = self.sides
        other = second if side == first else first
        target = f"log P({side}) - log P({other})"
        return Heatmap(raw.copy(), self._layer, target, self._full_scale, placement)

    def _outcome(
        self, score: float, probability: float, checks: Sequence[ScopeCheck]
    ) -> tuple[str, str, Evidence | None]:
        """Outcome, reason and evidence from the score and the uncalibrated probability of the first side.

        What a scope check refuses is not weighed.
        """
        out_of_scope = refusal(checks)
        if out_of_scope is not None:
            return "out of scope", out_of_scope, None
        return self._weighed(score, probability, self.card.calibration)

    def _weighed(
        self, score: float, probability: float, calibration: Calibration | None
    ) -> tuple[str, str, Evidence | None]:
        """The same in scope: by the calibration, or by the inconclusive band."""
        if calibration is None:
            return *self._banded(probability), None
        evidence = calibration.evidence(score, self.scale)
        return *outcome(evidence, self.sides), evidence

    def _banded(self, probability: float) -> tuple[str, str]:
        """Outcome and reason of a model without a calibration."""
        first, second = self.sides
        stated = f"P({first}), uncalibrated, is {as_probability(probability)}"
        edges = f"{as_probability(self.band.lower)} to {as_probability(self.band.upper)}"
        unweighed = "the model has no calibration, so that no likelihood ratio is given"
        match self.band.side(probability):
            case "first":
                return first, f"{stated}, above the inconclusive band of {edges}; {unweighed}."
            case "second":
                return second, f"{stated}, below the inconclusive band of {edges}; {unweighed}."
            case _:
                return "inconclusive", f"{stated}, inside the inconclusive band of {edges}; {unweighed}."

    def _leaning(self, probability: float) -> str:
        return self.sides[0] if probability >= 0.5 else self.sides[1]

    def provenance(self, settings: dict[str, str], sentences: tuple[str, ...]) -> Provenance:
        """What is needed to repeat what was made with these settings, after steps that are told in sentences."""
        return Provenance(
            model=self.card.name,
            weights_sha256=self.card.weights_sha256,
            card_sha256=self._card_sha256,
            code_version=code_version(),
            settings=settings,
            preprocessing=sentences,
            device=str(self.device),
            libraries=library_versions(self._engine.name),
            engine=self._engine.name,
        )


def _layer(card: Card) -> str:
    """The layer and method of a model's heatmaps, in words."""
    steps = card.arguments.get("steps_in_head", 0)
    layer = "last feature map" if not steps else f"feature map {steps} steps before the last"
    method = {"grad_cam": "", "hires_cam": ", HiResCAM", "layer_cam": ", LayerCAM"}[card.heatmap_method]
    return layer + method


def as_probability(value: float) -> str:
    """A probability as text, never rounded to certainty."""
    if value > 0.999:
        return "> 0.999"
    if value < 0.001:
        return "< 0.001"
    return f"{value:.3f}"
