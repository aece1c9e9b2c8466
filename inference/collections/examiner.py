"""From genuine photos to a collection, and from a questioned photo to its deviation: one comparator, ready to judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from inference.collections.areas import key_areas
from inference.collections.bending import straightened
from inference.collections.collection import Collection
from inference.collections.enrolling import Enrolment, enrol
from inference.collections.registered_photos import LEAST_AGREEMENT, agreement
from inference.collections.witnesses import DeviationMap, Mask, PatchFeatures, Plane, both_witnesses, patch_levels
from inference.evidence.calibration import outcome
from inference.evidence.collection_rule import SIDES, CollectionRule
from inference.evidence.scale import ENFSI_2015, VerbalScale
from inference.heatmap import over_frame
from inference.models.card import Task, WeightsRefused
from inference.models.embedding import FROZEN, frozen_embedding
from inference.models.engines.engine import MakeEngine, Pass, by_torch
from inference.models.provenance import code_version, library_versions
from inference.models.weights import Model, load_model
from inference.networks.backbones import Backbone
from inference.places import WEIGHTS_FOLDER
from inference.planes import Planes
from inference.progress import Progress, untold
from inference.records import (
    Deviation,
    DeviationOutcome,
    Evidence,
    Heatmap,
    NearestPhoto,
    Placement,
    Provenance,
    Refusal,
    ScopeCheck,
    Typicality,
    WitnessFinding,
    WitnessName,
)
from inference.reference.edges import edge_strength, tolerant
from inference.reference.laid_part import LaidPart
from inference.request import Request
from inference.scope.checks import fit_checks, physical_checks, refusal
from inference.scope.embedding import FrozenEmbedding

_FULL_SCALE = 8.0
"""Standard deviations of genuine photos that are drawn with the last colour."""
_WHOLE = Placement(0, 0, 1, 1)


class CollectionExaminer:
    """Enrols genuine photos and examines others beside them, with one comparator. Threads may share it.

    Args:
        model: The comparator.
        device: Where it runs: cpu, cuda or mps.
        scale: The verbal scale for likelihood ratios.
        frozen: The frozen embedding whose patches are the second witness; by default the shipped one.
        make_engine: What makes the engines of both networks.

    Raises:
        WeightsRefused: if the model is for another task, or its card does not say how witnesses are weighed.
        EngineRefused: if the engine cannot run a network.
    """

    task: ClassVar[Task] = "comparator"

    def __init__(
        self,
        model: Model,
        device: str = "cpu",
        scale: VerbalScale = ENFSI_2015,
        frozen: FrozenEmbedding | None = None,
        make_engine: MakeEngine = by_torch,
    ) -> None:
        card = model.card
        if card.task != self.task:
            msg = f"{card.name} is a model for {card.task}, not a comparator; choose a comparator."
            raise WeightsRefused(msg)
        if card.collection_rule is None:
            msg = f"The card of {card.name} does not say how its findings are weighed; finish its training."
            raise WeightsRefused(msg)
        self.card = card
        self.rule: CollectionRule = card.collection_rule
        self.device = device
        self.scale = scale
        self._card_sha256 = model.card_sha256
        network = model.network.to(device).eval().requires_grad_(False)
        self._engine = make_engine(Pass("log odds", card.name, card.weights_sha256, network))
        frozen = frozen or frozen_embedding()
        patches = Pass("patches", FROZEN, frozen.sha256, patch_levels(cast("Backbone", frozen.backbone)))
        self._witnesses = both_witnesses(
            self._engine, PatchFeatures(make_engine(patches), frozen.preprocessing), device
        )
        self._made_with: dict[WitnessName, str] = {"comparator": card.weights_sha256, "patches": frozen.sha256}
        self._lock = Lock()

    @classmethod
    def load(
        cls,
        name: str,
        folder: Path = WEIGHTS_FOLDER,
        device: str = "cpu",
        scale: VerbalScale = ENFSI_2015,
        make_engine: MakeEngine = by_torch,
    ) -> Self:
        """The examiner with the comparator of that name.

        Raises:
            WeightsRefused: if it cannot be loaded, or is for another task.
            EngineRefused: if the engine cannot run a network.
        """
        return cls(load_model(name, folder), device, scale, frozen_embedding(folder), make_engine)

    def enrol(self, enrolment: Enrolment, progress: Progress = untold) -> Collection:
        """A collection of genuine photos; see `enrol` of enrolling.

        Raises:
            Refusal: if fewer than five photos fit each other, or a photo is handed in as genuine and as a counterfeit.
        """
        size = self.card.preprocessing.size
        with self._lock:
            return enrol(enrolment, self._witnesses, self._made_with, self.rule, progress, size)

    def examine(self, collection: Collection, request: Request) -> Deviation:
        """How far a part deviates from the genuine items of a collection.

        Args:
            collection: Made with this examiner's witnesses.
            request: What to examine; its series is the collection's or open.

        Raises:
            Refusal: if the collection was made with other witnesses, the request names another series, or the crop
                reaches outside the picture.
        """
        self._require_own(collection, request)
        part = Planes(request.exhibit.crop(request.crop))
        laid = LaidPart.over(part, [collection.reference])
        if collection.bends:
            straight, seen = straightened(laid.registered, laid.covered, collection.reference.mean)
            laid = replace(laid, registered=straight, covered=seen)
        with self._lock:
            maps = {
                name: witness.map(laid.registered, laid.covered, collection.known[name].kept).beyond(
                    collection.known[name].usual
                )
                for name, witness in self._witnesses.items()
            }
        edges = tolerant(edge_strength(laid.registered))
        deviations, genuine = {name: one.score for name, one in maps.items()}, collection.genuine
        shown = {name: _above_genuine(one, self.rule.genuine_level(name, genuine[name])) for name, one in maps.items()}
        height, width = laid.covered.shape
        greatest = over_frame(np.max([*shown.values()], axis=0), _WHOLE, width, height) * laid.covered
        together = laid.compared(greatest, self.rule.score(deviations, genuine), "witnesses")
        checks = (
            *physical_checks(part, self.card.preprocessing.size),
            *fit_checks(together),
            _agreement_check(edges, laid.covered, collection),
        )
        typicality = collection.typicality(self.rule, deviations)
        found, reason, evidence = self._outcome(collection, together.deviation, typicality, checks)
        return Deviation(
            outcome=cast("DeviationOutcome", found),
            reason=reason,
            exhibit=request.exhibit,
            crop=request.crop,
            collection=collection.name,
            part=collection.part,
            series=collection.series,
            score=together.deviation,
            typicality=typicality,
            witnesses=tuple(
                WitnessFinding(
                    name,
                    deviations[name],
                    self.rule.standardised(name, deviations[name], genuine[name]),
                    _heatmap(shown[name]),
                )
                for name in maps
            ),
            areas=key_areas(shown, laid.covered.shape),
            power=collection.power,
            evidence=evidence,
            scope_checks=checks,
            reference=together,
            provenance=self._provenance(collection, request, laid),
            nearest=_nearest(edges, laid.covered, collection),
            located=request.located,
        )

    def _require_own(self, collection: Collection, request: Request) -> None:
        if dict(collection.made_with) != self._made_with:
            msg = (
                f"The collection {collection.name} was made with other weights than those of {self.card.name}; enrol "
                "its photos again."
            )
            raise Refusal(msg)
        if request.series not in (None, collection.series):
            msg = (
                f"The collection {collection.name} holds {collection.series}, not {request.series}; choose another "
                "collection or leave the series open."
            )
            raise Refusal(msg)

    def _outcome(
        self, collection: Collection, score: float, typicality: Typicality, checks: Sequence[ScopeCheck]
    ) -> tuple[str, str, Evidence | None]:
        out_of_scope = refusal(checks)
        if out_of_scope is not None:
            return "out of scope", out_of_scope, None
        enrolled = len(collection.enrolled)
        calibration = collection.calibration or self.rule.calibration_of(enrolled)
        if calibration is None:
            reason = (
                f"{typicality}; {self.card.name} has no calibration beside {enrolled} photos, so that no side is taken."
            )
            return "inconclusive", f"{reason[0].upper()}{reason[1:]}", None
        evidence = calibration.evidence(score, self.scale)
        return *outcome(evidence, SIDES), evidence

    def _provenance(self, collection: Collection, request: Request, laid: LaidPart) -> Provenance:
        height, width = laid.covered.shape
        return Provenance(
            model=self.card.name,
            weights_sha256=self.card.weights_sha256,
            card_sha256=self._card_sha256,
            code_version=code_version(),
            settings={
                "collection": collection.name,
                "collection_sha256": collection.sha256,
                "crop": str(request.crop) if request.crop else "whole picture",
            },
            preprocessing=(
                f"registered to the genuine reference of {collection.name}, {width} x {height} pixels, by a homography"
                + (" and a smooth bend" if collection.bends else ""),
                "compared with it by local contrast and edges, and patch by patch with the genuine photos",
            ),
            device=str(self.device),
            libraries=library_versions(self._engine.name),
            engine=self._engine.name,
        )


def _agreement_check(edges: Plane, covered: Mask, collection: Collection) -> ScopeCheck:
    """Whether the lines of the part lie on those of the genuine photos, once it is laid on them."""
    found = agreement(edges, collection.reference.mean, covered)
    stated = f"agreement {found:.2f}, and {LEAST_AGREEMENT:.2f} is needed"
    if found >= LEAST_AGREEMENT:
        return ScopeCheck("agreement", "ok", found, f"The part's lines lie on those of the genuine photos ({stated}).")
    text = (
        f"The part's lines do not lie on those of the genuine photos ({stated}): it is of another design, or a pattern "
        "that repeats misled the fit; crop the photo to the part, or take it from straight above."
    )
    return ScopeCheck("agreement", "refuse", found, text)


def _nearest(edges: Plane, covered: Mask, collection: Collection) -> NearestPhoto | None:
    if collection.pictures is None:
        return None
    number = collection.pictures.nearest(edges, covered)
    photo = collection.enrolled[number]
    return NearestPhoto(photo.name, photo.item, collection.pictures.pixels[number])


def _above_genuine(one: DeviationMap, level: tuple[float, float]) -> NDArray[np.float32]:
    """A map in standard deviations above the mean of genuine photos; 0 below it and where nothing is covered."""
    mean, spread = level
    return np.where(one.covered, np.maximum((one.values - mean) / spread, 0), 0).astype(np.float32)


def _heatmap(shown: NDArray[np.float32]) -> Heatmap:
    target = "deviation from genuine photos, in their standard deviations"
    return Heatmap(shown, "cells of 4 pixels of the reference", target, _FULL_SCALE, _WHOLE)
