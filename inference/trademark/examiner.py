"""From two exhibits to a comparison: are the signs visually similar, and where?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.examiner import Examiner, ScopeViews
from inference.models.card import Card, WeightsRefused
from inference.models.engines.engine import Engine, Run
from inference.networks.hms import Siamese
from inference.planes import Planes
from inference.records import (
    Comparison,
    Crop,
    ElementFinding,
    Evidence,
    Exhibit,
    FramedMark,
    SimilarityOutcome,
    SubScore,
)
from inference.request import Request
from inference.trademark.checks import mark_checks
from inference.trademark.correspondence import correspondences
from inference.trademark.framing import FRAMING, as_ink, frame_mark
from inference.trademark.local_features import local_features
from inference.trademark.mark_view import MarkView, elements_of
from inference.trademark.scores import EmbeddedMark, PairScore, pair_score
from inference.trademark.seen import Maps, PairMaps, Seen
from inference.trademark.sub_scores import Variants, sub_scores, variants

Pair = tuple[Exhibit, Exhibit]
Crops = tuple[Crop | None, Crop | None]

_COMPARED_AT_ONCE = 512
"""Embeddings that are compared together: what is computed of them stays in a core's cache."""
_AT_ONCE_ON_A_CPU, _AT_ONCE = 8, 128
"""Images in one pass. On a CPU a map of more would take over 32 MB, which glibc requests from the system anew for each
layer: that made a pass take three times as long."""


class TrademarkExaminer(Examiner):
    """Compares marks with one trademark model. Threads may share it."""

    task = "trademark"
    sides = ("similar", "dissimilar")
    propositions = ("the two signs show one design", "the two signs show two unrelated designs")

    def require_task(self, card: Card) -> None:
        """Guard it also against a model that was calibrated on marks framed in another way."""
        super().require_task(card)
        if card.mark_framing != FRAMING:
            msg = (
                f"{card.name} was calibrated on marks framed by rule {card.mark_framing}, and this Assay frames by "
                f"rule {FRAMING}; calibrate it again with python -m training calibrate."
            )
            raise WeightsRefused(msg)

    @property
    def _siamese(self) -> Siamese:
        return cast("Siamese", self.model.network)

    @property
    def _first_half(self) -> Run:
        return self._siamese.features_and_finer

    @cached_property
    def _embedding(self) -> Engine:
        """What runs the pass to the embeddings, of which no heatmap is made."""
        return self._engine_of("embeddings", self._siamese)

    def compare(self, first: Exhibit, second: Exhibit, crops: Crops = (None, None)) -> Comparison:
        """One comparison; the same, to the bit, whichever mark comes first.

        Raises:
            Refusal: if a crop reaches outside its picture.
        """
        return self.compare_batch([(first, second)], [crops])[0]

    def compare_batch(
        self, pairs: Sequence[Pair], crops: Sequence[Crops] | None = None, *, in_other_ways: bool = True
    ) -> tuple[Comparison, ...]:
        """A comparison for each pair, with one pass of the network for all of them; see `compare`.

        Args:
            pairs: The marks.
            crops: The crop of each mark; by default all are compared whole.
            in_other_ways: Whether to make the sub-scores too, which take most of the time and enter no outcome.
        """
        crops = crops or [(None, None)] * len(pairs)
        views = [
            (self.view(first, crop), self.view(second, other_crop))
            for (first, second), (crop, other_crop) in zip(pairs, crops, strict=True)
        ]
        return self.judge(views, in_other_ways=in_other_ways)

    def view(self, exhibit: Exhibit, crop: Crop | None = None) -> MarkView:
        """The view of a mark; a mark that is compared several times needs only one.

        Raises:
            Refusal: if the crop reaches outside the picture.
        """
        mark = frame_mark(exhibit.crop(crop))
        preprocessing = self.card.preprocessing
        physical = mark_checks(mark, preprocessing.size, words=self.card.lettering)
        checks = *physical, *self._gate_checks(_shown_to_gate(mark))
        elements = elements_of(mark, preprocessing) if self.card.element_rule else ()
        points = local_features(mark.pixels)
        return MarkView(exhibit, crop, mark, preprocessing(mark.pixels), points, checks, elements)

    def scope_views(self, request: Request) -> ScopeViews:
        """The framed mark, and its ink."""
        return _shown_to_gate(frame_mark(request.exhibit.crop(request.crop)))

    def judge(
        self, pairs: Sequence[tuple[MarkView, MarkView]], *, in_other_ways: bool = True
    ) -> tuple[Comparison, ...]:
        """A comparison for each pair of views, with one pass of the network for all; see `compare_batch`."""
        if not pairs:
            return ()
        # A canonical order inside each pair makes the comparison symmetric for any head and any kernel.
        swapped = [second.order < first.order for first, second in pairs]
        ordered = [pair[::-1] if swap else pair for pair, swap in zip(pairs, swapped, strict=True)]
        seen = self._forward_pairs([pair[place].image for place in (0, 1) for pair in ordered])
        embedded = self.embedded([pair[place] for place in (0, 1) for pair in ordered], seen.embedded)
        scored = []
        for index, swap in enumerate(swapped):
            both = embedded[index], embedded[len(ordered) + index]
            scored.append(self.score(*(both[::-1] if swap else both)))
        elements = self._elements(pairs, scored, seen.features)
        further: list[tuple[SubScore, ...]] = [()] * len(pairs)
        if in_other_ways:
            others = [
                tuple(
                    variants(one.mark.pixels, one.image, self.card.preprocessing, turn=turn)
                    for one, turn in zip(pair, (swap, not swap), strict=True)
                )
                for pair, swap in zip(pairs, swapped, strict=True)
            ]
            further = self._sub_scores([one.whole.log_odds for one in scored], seen.embedded, others, swapped)
        return tuple(
            self._comparison(pair, scored[index], seen.of(index, swapped[index]), further[index], elements.get(index))
            for index, pair in enumerate(pairs)
        )

    def embedded(self, views: Sequence[MarkView], wholes: Tensor | None = None) -> list[EmbeddedMark]:
        """What the marks of some views are scored by.

        Args:
            views: The views.
            wholes: Embeddings of the whole marks (n, C), where they are known.
        """
        if wholes is None:
            wholes = self.embed([view.image for view in views])
        images = [element.image for view in views for element in view.elements]
        parts = self.embed(images) if images else wholes[:0]
        of_view = parts.split([len(view.elements) for view in views])
        return [
            EmbeddedMark.of(view, torch.cat([whole[None], own]))
            for view, whole, own in zip(views, wholes, of_view, strict=True)
        ]

    def score(self, first: EmbeddedMark, second: EmbeddedMark) -> PairScore:
        """What is weighed of two marks, without maps of where it lies."""
        return pair_score(first, second, self.compare_embedded)

    def combined(self, scored: PairScore) -> float:
        """The number that the card's calibration weighs: the score of the wholes, or of both findings by its rule."""
        whole, rule = scored.whole.raised(self.card.agreement_weight), self.card.element_rule
        if rule is None:
            return whole
        return rule.combined(whole, scored.element.raised(rule.agreement_weight) if scored.element else None)

    def outcome(self, scored: PairScore) -> tuple[SimilarityOutcome, str, Evidence | None]:
        """The outcome, the reason and the evidence of what is weighed of two marks."""
        outcome, reason, evidence = self._outcome(
            self.combined(scored), probability_similar(scored.whole.log_odds), scored.every_check
        )
        return cast("SimilarityOutcome", outcome), reason, evidence

    def _comparison(
        self,
        pair: tuple[MarkView, MarkView],
        scored: PairScore,
        maps: Sequence[PairMaps],
        further: tuple[SubScore, ...],
        element: ElementFinding | None,
    ) -> Comparison:
        """The comparison of one pair."""
        first, second = pair
        similar = probability_similar(scored.whole.log_odds)
        side = self._leaning(similar)
        heatmaps, answering = [], []
        for one, own in zip(pair, maps, strict=True):
            heatmaps.append(self._heatmap(own.leaning, side, one.prepared.placement))
            answering.append((own.finer, self._heatmap(own.shared, self.sides[0], one.prepared.placement)))
        score = scored.whole.raised(self.card.agreement_weight)
        rule = self.card.element_rule
        outcome, reason, evidence = self.outcome(scored)
        whole = None
        if rule is not None and evidence is not None:
            whole = rule.whole.evidence(score, self.scale)
            element = element and replace(
                element,
                decides=evidence.score > rule.whole.unbounded(score),
                evidence=rule.element.evidence(element.score, self.scale),
            )
        numbered = [*enumerate(pair, 1)]
        return Comparison(
            outcome=outcome,
            reason=reason,
            exhibits=(first.exhibit, second.exhibit),
            crops=(first.crop, second.crop),
            marks=(first.mark, second.mark),
            probability_similar=similar,
            log_odds=scored.whole.log_odds,
            agreement=scored.whole.agreement,
            score=score,
            band=self.band,
            heatmaps=(heatmaps[0], heatmaps[1]),
            scope_checks=scored.checks,
            provenance=self.provenance(
                {f"crop of mark {number}": str(one.crop) if one.crop else "whole picture" for number, one in numbered},
                tuple(
                    f"mark {number}: {sentence}"
                    for number, one in numbered
                    for sentence in (one.mark.sentence, *one.prepared.sentences)
                ),
            ),
            evidence=evidence,
            correspondences=correspondences(answering[0], answering[1], swapped=scored.swapped),
            sub_scores=further,
            whole=whole,
            element=element,
        )

    def _elements(
        self, pairs: Sequence[tuple[MarkView, MarkView]], scored: Sequence[PairScore], wholes: Tensor
    ) -> dict[int, ElementFinding]:
        """The findings of the most similar elements of pairs of views by the pair's index, without their evidence.

        Args:
            pairs: The views.
            scored: What is weighed of each pair.
            wholes: Feature maps of all first marks in canonical order, then of all second ones (2 * B, C, h, w).
        """
        rule = self.card.element_rule
        # An element stands beside the other mark as a whole, which has been seen; `mark` is the one that has it.
        chosen = [
            (index, one.element, 0 if one.element.numbers[0] else 1) for index, one in enumerate(scored) if one.element
        ]
        if rule is None or not chosen:
            return {}
        elements = [pairs[index][mark].elements[found.numbers[mark] - 1] for index, found, mark in chosen]
        features, _ = self._features([element.image for element in elements])

        def in_place(place: int) -> list[Tensor]:
            """The feature maps of all first or of all second marks, in canonical order."""
            return [
                own if place == mark ^ scored[index].swapped else wholes[place * len(pairs) + index]
                for (index, _, mark), own in zip(chosen, features, strict=True)
            ]

        shared = self._shared_maps(torch.stack([*in_place(0), *in_place(1)]))
        findings = {}
        for number, ((index, found, mark), element) in enumerate(zip(chosen, elements, strict=True)):
            raw = shared[number :: len(chosen)]
            prepared = [view.prepared for view in pairs[index]]
            prepared[mark] = element.prepared
            first, second = (
                self._heatmap(own, self.sides[0], one.placement)
                for own, one in zip(raw[::-1] if scored[index].swapped else raw, prepared, strict=True)
            )
            findings[index] = ElementFinding(
                places=(None, element.place) if mark else (element.place, None),
                log_odds=found.log_odds,
                agreement=found.agreement,
                score=found.raised(rule.agreement_weight),
                heatmaps=(first, second),
            )
        return findings

    def _sub_scores(
        self, overall: Sequence[float], wholes: Tensor, others: Sequence[tuple[Variants, ...]], swapped: Sequence[bool]
    ) -> list[tuple[SubScore, ...]]:
        """The sub-scores of each pair; every further variant is embedded once.

        Args:
            overall: Log odds of each pair.
            wholes: Embeddings of all first marks in canonical order, then of all second ones.
            others: The further variants of the marks of each pair, in the caller's order.
            swapped: Whether the canonical order is the other order.
        """
        ordered = [pair[::-1] if swap else pair for pair, swap in zip(others, swapped, strict=True)]
        rest = iter(self.embed([tensor for pair in ordered for mark in pair for tensor in mark.tensors]))
        found = []
        for index, ((first, second), swap) in enumerate(zip(ordered, swapped, strict=True)):
            a = wholes[index]
            grey_a = a if first.grey is None else next(rest)
            grey_b = wholes[len(ordered) + index] if second.grey is None else next(rest)
            turned_b = [next(rest) for _ in second.turned]
            grey, *turned = self.compare_embedded([(grey_a, grey_b), *((a, each) for each in turned_b)])
            found.append(sub_scores(overall[index], grey, turned, turned_mark=1 if swap else 2))
        return found

    def embed(self, images: Sequence[Tensor]) -> Tensor:
        """Embeddings (n, C) of images (3, S, S)."""
        most = _AT_ONCE_ON_A_CPU if self.device.type == "cpu" else _AT_ONCE
        batches = (images[start : start + most] for start in range(0, len(images), most))
        with self._lock:
            return torch.cat([self._embedding.features(self._stacked(batch))[0] for batch in batches])

    @property
    def compact_channels(self) -> int:
        """Length of the compact vectors."""
        return self._siamese.compact_channels

    def compact(self, embeddings: Tensor) -> Tensor:
        """Embeddings (n, C) as compact vectors (n, D); see `Siamese.compact`."""
        with self._lock, torch.no_grad():
            return self._siamese.compact(embeddings.to(self.device)).float().cpu()

    def compare_embedded(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> list[float]:
        """Log odds of pairs of embeddings (C,)."""
        first, second = (torch.stack(marks) for marks in zip(*pairs, strict=True))
        return self._log_odds(first, second).tolist()

    def compare_with_all(self, one: Tensor, others: Tensor) -> NDArray[np.float64]:
        """Log odds (n,) of one embedding (C,) beside each of others (n, C)."""
        parts = others.split(_COMPARED_AT_ONCE)
        return torch.cat([self._log_odds(one.expand_as(part), part) for part in parts]).numpy()

    def _log_odds(self, first: Tensor, second: Tensor) -> Tensor:
        head = self._siamese.head
        with torch.no_grad():
            return log_odds_similar(head.logits(head.pair(first, second)).double())

    def _forward_pairs(self, tensors: Sequence[Tensor]) -> Seen:
        """The network's output for all first marks, then all second marks (2 * B, 3, S, S)."""
        features, finer = self._features(tensors)
        with self._lock:
            _, leaning = self._grad_cam(features, lambda logits: log_odds_similar(logits).abs())
            with torch.no_grad():
                embedded = self._siamese.head.embed(features)
        return Seen(features, leaning, self._shared_maps(features), finer.float().cpu().numpy(), embedded)

    def _features(self, tensors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The feature maps of images (3, S, S), and the finer ones before them; see `Siamese`."""
        with self._lock:
            features, *finer = self._engine.features(self._stacked(tensors))
        return features, (finer or [features])[0]

    def _shared_maps(self, features: Tensor) -> Maps:
        """Raw heatmaps for similarity of all first marks, then all second marks, from their feature maps."""
        with self._lock:
            return self._grad_cam(features, log_odds_similar)[1]

    def _stacked(self, images: Sequence[Tensor]) -> Tensor:
        """Images (3, S, S) as the network takes them fastest: in memory pixel by pixel, (n, 3, S, S)."""
        return torch.stack([*images]).to(self.device, memory_format=torch.channels_last)


def _shown_to_gate(mark: FramedMark) -> ScopeViews:
    return Planes(mark.pixels), {"ink": as_ink(mark.pixels)}


def log_odds_similar(logits: Tensor) -> Tensor:
    """Log P(similar) - log P(dissimilar) from logits (B, 2: dissimilar, similar), in nats, (B,)."""
    return logits[:, 1] - logits[:, 0]


def probability_similar(log_odds: float) -> float:
    """P(similar) of log odds in nats, 0 to 1."""
    return torch.sigmoid(torch.tensor(log_odds, dtype=torch.float64)).item()
