"""From exhibit to verdict: is this part genuine or counterfeit, and what supports that?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.authenticity.near_duplicates import originals
from inference.examiner import Examiner, ScopeViews
from inference.heatmap import over_frame
from inference.models.engines.engine import Engine
from inference.networks.cut_backbone import CutBackbone
from inference.planes import Planes
from inference.records import (
    AuthenticityOutcome,
    Crop,
    Exhibit,
    Located,
    PartFinding,
    Placement,
    ReferenceComparison,
    Refusal,
    ScopeCheck,
    Verdict,
)
from inference.reference.channels import stacked
from inference.reference.difference import anomaly, difference
from inference.reference.features import deviation_of
from inference.reference.laid_part import LaidPart
from inference.reference.reference import Reference
from inference.request import Request
from inference.scope.checks import fit_checks, physical_checks, refusal
from inference.scope.gate_card import Sees


@dataclass(frozen=True)
class View:
    """What a network sees of an exhibit.

    Attributes:
        request: What was asked.
        part: What is examined of the exhibit.
        tensor: The network's input (3, H, W).
        placement: Where the part, or the registered part, lies in it.
        sentences: What was done to the pixels, in order.
        size: Long side of the input in pixels.
        reference: The part beside its genuine reference; None in a photo view.
    """

    request: Request
    part: Planes
    tensor: Tensor
    placement: Placement
    sentences: tuple[str, ...]
    size: int
    reference: ReferenceComparison | None = None

    @property
    def weighed_series(self) -> str | None:
        """The series whose two classes are weighed: that of the reference, or the one fixed; None for all."""
        return self.reference.series if self.reference else self.request.series


class AuthenticityExaminer(Examiner):
    """Examines parts with one authenticity model. Threads may share it."""

    task = "authenticity"
    sides = ("genuine", "counterfeit")
    propositions = ("the part was made by the brand holder", "the part is a counterfeit")

    def examine(
        self,
        exhibit: Exhibit,
        series: str | None = None,
        crop: Crop | None = None,
        located: Located | None = None,
    ) -> Verdict:
        """One verdict.

        Args:
            exhibit: What is examined.
            series: The series, where the examiner knows it.
            crop: What of it is examined; None for the whole picture.
            located: The locator's proposal that the crop is or was drawn from; it is recorded and changes no finding.

        Raises:
            Refusal: if the model does not know the series, or the crop reaches outside the picture.
        """
        return self.examine_batch([Request(exhibit, series, crop, located)])[0]

    def examine_batch(self, requests: Sequence[Request]) -> tuple[Verdict, ...]:
        """A verdict for each request, with one pass of the network for all of them; see `examine`."""
        return self.judge([self.view(request) for request in requests]) if requests else ()

    def combine(self, verdicts: Sequence[Verdict]) -> PartFinding:
        """The part finding of several photos of one part of one item; see `PartFinding`.

        Copies of one photo count once, by the mean of their scores. A photo that a scope check refuses does not count.
        The score of the part is the mean over the photos that count. It is read by the calibration for means of as many
        photos of one item, or of the next fewer. Where only single photos were calibrated, the finding is never
        stronger than the strongest photo.

        Args:
            verdicts: What this examiner found on each photo, at least one.

        Raises:
            Refusal: if the photos that count are of different series.
        """
        counts_as = _counted(verdicts)
        weighed = [verdict for verdict, number in zip(verdicts, counts_as, strict=True) if number is not None]
        _require_one_series(weighed)
        groups: dict[int, list[Verdict]] = {}
        for verdict, number in zip(verdicts, counts_as, strict=True):
            if number is not None:
                groups.setdefault(number, []).append(verdict)
        calibration = self.card.calibration_of(len(groups))
        if groups:
            score = fmean(fmean(verdict.score for verdict in copies) for copies in groups.values())
            log_odds = fmean(fmean(verdict.log_odds for verdict in copies) for copies in groups.values())
            genuine = float(torch.sigmoid(torch.tensor(log_odds, dtype=torch.float64)))
            outcome, reason, evidence = self._weighed(score, genuine, calibration)
        else:
            score = None
            outcome, reason, evidence = "out of scope", f"No photo is in scope. {verdicts[0].reason}", None
        return PartFinding(
            outcome=cast("AuthenticityOutcome", outcome),
            reason=reason,
            model=self.card.name,
            rule=_rule(len(groups), calibration.photos if calibration else None),
            photos=tuple(verdict.exhibit.sha256 for verdict in verdicts),
            counts_as=counts_as,
            score=score,
            calibrated_for=calibration.photos if calibration and evidence else None,
            evidence=evidence,
            verdicts=tuple(verdicts),
        )

    def view(self, request: Request) -> View:
        """What the network will see of an exhibit: the part alone, or beside the reference that it fits best.

        Raises:
            Refusal: if the model does not know the series, or the crop reaches outside the picture.
        """
        series, stack = request.series, self.card.stack
        if series is not None and series not in self.card.series:
            known = ", ".join(self.card.series)
            msg = f"{self.card.name} does not know the series {series!r}; it knows {known}."
            raise Refusal(msg)
        part = Planes(request.exhibit.crop(request.crop))
        height, width = part.pixels.shape[:2]
        if stack is None:
            prepared = self.card.preprocessing(part.pixels)
            size = self.card.preprocessing.size
            return View(request, part, torch.from_numpy(prepared.values), prepared.placement, prepared.sentences, size)
        candidates = [reference for reference in self._references if series in (None, reference.series)]
        laid = LaidPart.over(part, candidates)
        registered, reference = laid.registered, laid.reference
        tensor = torch.from_numpy(stacked(stack, registered, laid.covered, reference))
        away, deviation = self._difference(registered, laid.covered, reference, tensor)
        measured: Literal["edges", "features"] = "edges" if reference.features is None else "features"
        lead = self.card.series_rule.least_lead if self.card.series_rule else 0.0
        beside = laid.compared(away, deviation, measured, lead)
        sentences = (
            f"{width} x {height} registered to the genuine reference of {reference.series}, "
            f"{registered.shape[1]} x {registered.shape[0]} pixels, by a homography",
            f"stacked with it as {', '.join(stack.channels)}, {stack.width} x {stack.height} pixels",
        )
        size = max(stack.width, stack.height)
        return View(request, part, tensor, stack.placement(reference), sentences, size, beside)

    def scope_views(self, request: Request) -> ScopeViews:
        """The part as it was cropped, and registered where it is laid beside a reference."""
        return _shown_to_gate(self.view(request))

    @cached_property
    def _quarter(self) -> Engine:
        """What runs the pass to the features that a reference keeps."""
        return self._engine_of("quarter", cast("CutBackbone", self._network).backbone.quarter)

    def _difference(
        self, registered: NDArray[np.uint8], covered: NDArray[np.bool_], reference: Reference, tensor: Tensor
    ) -> tuple[NDArray[np.float32], float]:
        """The difference map (h, w) of the registered part, and its deviation."""
        stack = self.card.stack
        if reference.features is None or stack is None:
            away = difference(registered, covered, reference)
            return away, anomaly(away, covered)
        with self._lock:
            (quarter,) = self._quarter.features(tensor[None].to(self.device))
        features = quarter[0].cpu().numpy()
        cells = stack.covered_cells(covered, reference)
        away = reference.features.difference(features, cells)
        height, width = covered.shape
        seen = over_frame(away, stack.placement(reference), width, height)
        return np.where(covered, seen, np.float32(0)), deviation_of(away, cells)

    def judge(self, views: Sequence[View]) -> tuple[Verdict, ...]:
        """A verdict on each view, with one pass of the network for all."""
        series = [view.weighed_series for view in views]
        logits, maps = self._forward(
            # The size of the log odds is the log odds of the side the part leans to.
            [view.tensor for view in views],
            lambda logits: log_odds_each(logits, self.card.classes, series).abs(),
        )
        log_odds = log_odds_each(logits.double(), self.card.classes, series)
        return tuple(
            self._verdict(view, logits[index], maps[index], log_odds[index]) for index, view in enumerate(views)
        )

    def _verdict(self, view: View, logits: Tensor, raw: NDArray[np.float32], log_odds: Tensor) -> Verdict:
        request = view.request
        checks = self._scope_checks(view)
        genuine = float(torch.sigmoid(log_odds))
        score = self._score(float(log_odds), view)
        outcome, reason, evidence = self._outcome(score, genuine, checks)
        settings = {
            "series": request.series or "not fixed",
            "crop": str(request.crop) if request.crop else "whole picture",
        }
        return Verdict(
            outcome=cast("AuthenticityOutcome", outcome),
            reason=reason,
            exhibit=request.exhibit,
            crop=request.crop,
            series=view.weighed_series or self._series(logits),
            series_fixed=request.series is not None,
            probability_genuine=genuine,
            log_odds=float(log_odds),
            score=score,
            class_probabilities=dict(zip(self.card.classes, logits.double().softmax(0).tolist(), strict=True)),
            band=self.band,
            heatmap=self._heatmap(raw, self._leaning(genuine), view.placement),
            scope_checks=checks,
            provenance=self.provenance(settings, view.sentences),
            reference=view.reference,
            evidence=evidence,
            located=request.located,
        )

    def _scope_checks(self, view: View) -> tuple[ScopeCheck, ...]:
        """Whether the part is in scope.

        The fit to the reference comes before the gate: over the wrong reference, a part of the model's kind seems
        foreign to it.
        """
        shown, beside = _shown_to_gate(view), view.reference
        fit = fit_checks(beside) if beside else ()
        return *physical_checks(shown[0], view.size), *fit, *self._gate_checks(shown)

    def _score(self, log_odds: float, view: View) -> float:
        """The score: the log odds, or the fused score of log odds and deviation."""
        fusion = self.card.fusion
        if fusion is None or view.reference is None:
            return log_odds
        return fusion.score(log_odds, view.reference.deviation)

    def _series(self, logits: Tensor) -> str:
        """The most probable series: P(series) is the sum over its two classes."""
        probabilities = logits.softmax(0).tolist()
        by_series = dict.fromkeys(self.card.series, 0.0)
        for name, probability in zip(self.card.classes, probabilities, strict=True):
            by_series[name.rpartition("/")[0]] += probability
        return max(by_series, key=by_series.__getitem__)


def _shown_to_gate(view: View) -> ScopeViews:
    shown: dict[Sees, NDArray[np.uint8]] = {"part": view.part.pixels}
    if view.reference is not None:
        shown["registered part"] = view.reference.registered
    return view.part, shown


def _counted(verdicts: Sequence[Verdict]) -> tuple[int | None, ...]:
    """Of each photo, the number from 1 of the first one in scope that it is a copy of; None where it is refused."""
    refused = [refusal(verdict.scope_checks) is not None for verdict in verdicts]
    inside = [index for index, out in enumerate(refused) if not out]
    first = originals([verdicts[index].exhibit.crop(verdicts[index].crop) for index in inside]) if inside else []
    number_of = {index: inside[original] + 1 for index, original in zip(inside, first, strict=True)}
    return tuple(number_of.get(index) for index in range(len(verdicts)))


def _require_one_series(verdicts: Sequence[Verdict]) -> None:
    for verdict in verdicts[1:]:
        if verdict.series != verdicts[0].series:
            names = f"{verdicts[0].exhibit.name} is taken for {verdicts[0].series} and {verdict.exhibit.name}"
            msg = f"{names} for {verdict.series}; state the series, or report photos of other items separately."
            raise Refusal(msg)


def _rule(photos: int, calibrated_for: int | None) -> str:
    """A sentence on how this number of distinct photos was weighed together."""
    if not photos:
        return "Photos that a scope check refuses are not weighed."
    if photos == 1:
        return "One photo counts; its finding is that of the part."
    mean = f"The score is the mean of the scores of {photos} photos, copies counted once; it is read"
    never = "likelihood ratios of photos of one item are never multiplied."
    if calibrated_for is None:
        return f"{mean} against the inconclusive band of single photos: {never}"
    if calibrated_for == 1:
        return f"{mean} by the calibration of single photos, so that it is no stronger than the strongest: {never}"
    return f"{mean} by a calibration fitted to means of {calibrated_for} photos of one item: {never}"


def log_odds_genuine(logits: Tensor, classes: Sequence[str], series: str | None = None) -> Tensor:
    """Log P(genuine) - log P(counterfeit), each the sum over its classes.

    Args:
        logits: (B, classes).
        classes: Their names, `series/genuine` and `series/counterfeit`.
        series: Renormalise over the two classes of this series; None for all.

    Returns:
        (B,), in nats.
    """
    chosen = [
        (index, name.rpartition("/")[2])
        for index, name in enumerate(classes)
        if series is None or name.rpartition("/")[0] == series
    ]
    genuine = [index for index, label in chosen if label == "genuine"]
    counterfeit = [index for index, label in chosen if label == "counterfeit"]
    return logits[:, genuine].logsumexp(1) - logits[:, counterfeit].logsumexp(1)


def log_odds_each(logits: Tensor, classes: Sequence[str], series: Sequence[str | None]) -> Tensor:
    """`log_odds_genuine` of each row of logits (B, classes) for its own series, (B,), in nats."""
    rows = [log_odds_genuine(row[None], classes, one) for row, one in zip(logits, series, strict=True)]
    return torch.cat(rows)
