"""From two exhibits to a comparison: are the signs visually similar, and where?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.examiner import Examiner, ScopeViews
from inference.models.card import Card, WeightsRefused
from inference.networks.hms import Siamese
from inference.records import (
    Comparison,
    Crop,
    ElementFinding,
    Exhibit,
    FramedMark,
    SimilarityOutcome,
    SubScore,
)
from inference.request import Request
from inference.trademark.checks import mark_checks, overruled
from inference.trademark.containment import chosen_elements
from inference.trademark.correspondence import correspondences
from inference.trademark.framing import FRAMING, as_ink, frame_mark
from inference.trademark.local_features import inverse, local_agreement, local_features
from inference.trademark.mark_view import MarkView, elements_of
from inference.trademark.sub_scores import Variants, sub_scores, variants

Pair = tuple[Exhibit, Exhibit]
Crops = tuple[Crop | None, Crop | None]
Maps = NDArray[np.float32]

_BATCH = 32


class PairMaps(NamedTuple):
    """The maps of one mark of a pair.

    Attributes:
        leaning: Raw heatmap for the side to which the pair leans (h, w).
        shared: Raw heatmap for similarity (h, w).
        finer: The finer feature map (C, h', w'), in which areas are located.
    """

    leaning: Maps
    shared: Maps
    finer: Maps


@dataclass(frozen=True)
class _Seen:
    """The network's output for B pairs: all first marks, then all second marks.

    Attributes:
        logits: (B, 2).
        leaning: Raw heatmaps for the side to which each pair leans (2 * B, h, w).
        shared: Raw heatmaps for similarity (2 * B, h, w).
        finer: Finer feature maps (2 * B, C, h', w').
        embedded: Embeddings (2 * B, C).
    """

    logits: Tensor
    leaning: Maps
    shared: Maps
    finer: Maps
    embedded: Tensor

    def of(self, index: int) -> list[PairMaps]:
        """The maps of the two marks of a pair."""
        both = index, len(self.logits) + index
        return [PairMaps(self.leaning[mark], self.shared[mark], self.finer[mark]) for mark in both]


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
        log_odds = log_odds_similar(seen.logits.double())
        similar = torch.sigmoid(log_odds).tolist()
        elements = self._elements(ordered, seen.embedded)
        further: list[tuple[SubScore, ...]] = [()] * len(pairs)
        if in_other_ways:
            others = [
                tuple(
                    variants(one.mark.pixels, one.image, self.card.preprocessing, turn=turn)
                    for one, turn in zip(pair, (swap, not swap), strict=True)
                )
                for pair, swap in zip(pairs, swapped, strict=True)
            ]
            further = self._sub_scores(log_odds.tolist(), seen.embedded, others, swapped)
        return tuple(
            self._comparison(
                pair,
                swapped[index],
                float(log_odds[index]),
                similar[index],
                seen.of(index),
                further[index],
                elements[index],
            )
            for index, pair in enumerate(pairs)
        )

    def _comparison(
        self,
        pair: tuple[MarkView, MarkView],
        swapped: bool,
        log_odds: float,
        similar: float,
        maps: Sequence[PairMaps],
        further: tuple[SubScore, ...],
        element: ElementFinding | None,
    ) -> Comparison:
        """The comparison of one pair; its maps are in canonical order, which may be the other order."""
        first, second = pair
        side = self._leaning(similar)
        in_order = maps[::-1] if swapped else maps
        heatmaps, answering = [], []
        for one, own in zip(pair, in_order, strict=True):
            heatmaps.append(self._heatmap(own.leaning, side, one.prepared.placement))
            answering.append((own.finer, self._heatmap(own.shared, self.sides[0], one.prepared.placement)))
        agreement = local_agreement(first.points, second.points)
        score = log_odds + self.card.agreement_weight * agreement.share
        checks = overruled(first.checks, agreement), overruled(second.checks, agreement)
        if swapped and element is not None:
            element = _other_way_round(element)
        rule = self.card.element_rule
        combined = rule.combined(score, element.score if element else None) if rule else score
        outcome, reason, evidence = self._outcome(combined, similar, sum(checks[::-1] if swapped else checks, ()))
        whole = None
        if rule is not None and evidence is not None:
            whole = rule.whole.evidence(score, self.scale)
            element = element and replace(
                element,
                decides=combined > rule.whole.unbounded(score),
                evidence=rule.element.evidence(element.score, self.scale),
            )
        numbered = [*enumerate(pair, 1)]
        return Comparison(
            outcome=cast("SimilarityOutcome", outcome),
            reason=reason,
            exhibits=(first.exhibit, second.exhibit),
            crops=(first.crop, second.crop),
            marks=(first.mark, second.mark),
            probability_similar=similar,
            log_odds=log_odds,
            agreement=agreement,
            score=score,
            band=self.band,
            heatmaps=(heatmaps[0], heatmaps[1]),
            scope_checks=checks,
            provenance=self._provenance(
                {f"crop of mark {number}": str(one.crop) if one.crop else "whole picture" for number, one in numbered},
                tuple(
                    f"mark {number}: {sentence}"
                    for number, one in numbered
                    for sentence in (one.mark.sentence, *one.prepared.sentences)
                ),
            ),
            evidence=evidence,
            correspondences=correspondences(answering[0], answering[1], swapped=swapped),
            sub_scores=further,
            whole=whole,
            element=element,
        )

    def _elements(self, ordered: Sequence[tuple[MarkView, MarkView]], wholes: Tensor) -> list[ElementFinding | None]:
        """The most similar elements of each pair of views, in canonical order, without their evidence.

        Args:
            ordered: The pairs.
            wholes: Embeddings of all first marks, then of all second marks (2 * B, C).
        """
        rule = self.card.element_rule
        found: list[ElementFinding | None] = [None] * len(ordered)
        if rule is None:
            return found
        chosen = chosen_elements(ordered, wholes, self.embed, self.compare_embedded)
        if not chosen:
            return found
        pairs = [*chosen.values()]
        seen = self._forward_pairs([pair[place].image for place in (0, 1) for pair in pairs])
        log_odds = log_odds_similar(seen.logits.double()).tolist()
        for number, (index, both) in enumerate(chosen.items()):
            agreement = local_agreement(both[0].points, both[1].points)
            heatmaps = [
                self._heatmap(maps.shared, self.sides[0], one.prepared.placement)
                for maps, one in zip(seen.of(number), both, strict=True)
            ]
            found[index] = ElementFinding(
                places=(both[0].place, both[1].place),
                log_odds=log_odds[number],
                agreement=agreement,
                score=log_odds[number] + rule.agreement_weight * agreement.share,
                heatmaps=(heatmaps[0], heatmaps[1]),
            )
        return found

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
            a, b = wholes[index], wholes[len(ordered) + index]
            grey_a, *windows_a = (next(rest) for _ in first.tensors)
            grey_b, *further = (next(rest) for _ in second.tensors)
            turned_b, windows_b = further[: len(second.turned)], further[len(second.turned) :]
            pairs = [(grey_a, grey_b), *((a, each) for each in turned_b)]
            pairs += [*((each, b) for each in windows_a), *((a, each) for each in windows_b)]
            scores = self.compare_embedded(pairs)
            turns = 1 + len(turned_b)
            inside = scores[turns : turns + len(windows_a)], scores[turns + len(windows_a) :]
            crops = first.crops, second.crops
            found.append(
                sub_scores(
                    overall[index],
                    scores[0],
                    scores[1:turns],
                    inside[::-1] if swap else inside,
                    crops[::-1] if swap else crops,
                    turned_mark=1 if swap else 2,
                )
            )
        return found

    def embed(self, images: Sequence[Tensor]) -> Tensor:
        """Embeddings (n, C) of images (3, S, S)."""
        batches = (images[start : start + _BATCH] for start in range(0, len(images), _BATCH))
        with self._lock, torch.no_grad():
            return torch.cat([self._siamese(torch.stack(list(batch)).to(self.device)) for batch in batches])

    def compare_embedded(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> list[float]:
        """Log odds of pairs of embeddings (C,)."""
        head = self._siamese.head
        first, second = (torch.stack(marks) for marks in zip(*pairs, strict=True))
        with torch.no_grad():
            return log_odds_similar(head.logits(head.pair(first, second)).double()).tolist()

    def _forward_pairs(self, tensors: Sequence[Tensor]) -> _Seen:
        """The network's output for all first marks, then all second marks (2 * B, 3, S, S)."""
        with self._lock:
            with torch.no_grad():
                feature_map, finer = self._siamese.features_and_finer(torch.stack(list(tensors)).to(self.device))
            logits, leaning = self._grad_cam(feature_map, lambda logits: log_odds_similar(logits).abs())
            _, shared = self._grad_cam(feature_map, log_odds_similar)
            with torch.no_grad():
                embedded = self._siamese.head.embed(feature_map)
        return _Seen(logits.cpu(), leaning, shared, finer.float().cpu().numpy(), embedded)


def _other_way_round(element: ElementFinding) -> ElementFinding:
    """The same finding with the marks in the other order."""
    return replace(
        element,
        places=element.places[::-1],
        agreement=inverse(element.agreement),
        heatmaps=element.heatmaps[::-1],
    )


def _shown_to_gate(mark: FramedMark) -> ScopeViews:
    return mark.pixels, {"ink": as_ink(mark.pixels)}


def log_odds_similar(logits: Tensor) -> Tensor:
    """Log P(similar) - log P(dissimilar) from logits (B, 2: dissimilar, similar), in nats, (B,)."""
    return logits[:, 1] - logits[:, 0]
