"""Two exhibits to a comparison: are the signs visually similar, and where does that lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.correspondence import correspondences
from inference.evidence import ENFSI_2015, VerbalScale
from inference.examiner import Examiner
from inference.local_features import local_agreement, local_features
from inference.mark_framing import FRAMING, frame_mark
from inference.records import Comparison, Crop, Exhibit, FramedMark, ScopeCheck, SimilarityOutcome, SubScore
from inference.scope import gate_checks, mark_checks
from inference.sub_scores import Looks, looks, sub_scores
from inference.weights import Model, WeightsRefused

Pair = tuple[Exhibit, Exhibit]
Crops = tuple[Crop | None, Crop | None]
Maps = NDArray[np.float32]

_BATCH = 32


class TrademarkExaminer(Examiner):
    """Compares marks with one trademark model; safe to share between threads."""

    task = "trademark"
    sides = ("similar", "dissimilar")
    propositions = ("the two signs show one design", "the two signs show two unrelated designs")

    def __init__(self, model: Model, device: str = "cpu", scale: VerbalScale = ENFSI_2015) -> None:
        if model.card.task == self.task and model.card.mark_framing != FRAMING:
            msg = (
                f"{model.card.name} was calibrated on marks framed in another way (rule {model.card.mark_framing}, "
                f"and this Assay frames by rule {FRAMING}); calibrate it anew with python -m training calibrate."
            )
            raise WeightsRefused(msg)
        super().__init__(model, device, scale)

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
            crops: The part of each that is compared; the whole of all when left out.
            in_other_ways: Whether the sub-scores are made as well, which take most of the time and enter no verdict.
        """
        if not pairs:
            return ()
        crops = crops or [(None, None)] * len(pairs)
        framed = [
            tuple(frame_mark(exhibit.crop(crop)) for exhibit, crop in zip(pair, both, strict=True))
            for pair, both in zip(pairs, crops, strict=True)
        ]
        prepared = [tuple(self.card.preprocessing(mark.pixels) for mark in both) for both in framed]
        # A canonical order inside each pair makes the comparison symmetric for any head and any kernel.
        swapped = [_order(pair[1], both[1]) < _order(pair[0], both[0]) for pair, both in zip(pairs, crops, strict=True)]
        ordered = [both[::-1] if swap else both for both, swap in zip(prepared, swapped, strict=True)]
        tensors = [first.tensor for first, _ in ordered] + [second.tensor for _, second in ordered]
        logits, maps, shared, finer, embedded = self._look_at_pairs(tensors)
        log_odds = log_odds_similar(logits.double())
        similar = torch.sigmoid(log_odds).tolist()
        drawn = [tuple(local_features(mark.pixels) for mark in both) for both in framed]
        further: list[tuple[SubScore, ...]] = [()] * len(pairs)
        if in_other_ways:
            others = [
                tuple(
                    looks(mark.pixels, seen.tensor, self.card.preprocessing, turn=turn)
                    for mark, seen, turn in zip(both, marks, (swap, not swap), strict=True)
                )
                for both, marks, swap in zip(framed, prepared, swapped, strict=True)
            ]
            further = self._sub_scores(log_odds.tolist(), embedded, others, swapped)
        comparisons = []
        for index, pair in enumerate(pairs):
            both = (index, len(pairs) + index)
            both = both[::-1] if swapped[index] else both
            side = self._leaning(similar[index])
            places = [mark.placement for mark in prepared[index]]
            heatmaps = tuple(self._heatmap(maps[mark], side, place) for mark, place in zip(both, places, strict=True))
            answering = [
                (finer[mark], self._heatmap(shared[mark], self.sides[0], place))
                for mark, place in zip(both, places, strict=True)
            ]
            checks = tuple(self._checks(mark) for mark in framed[index])
            agreement = local_agreement(*drawn[index])
            score = float(log_odds[index]) + self.card.agreement_weight * agreement.share
            in_order = checks[::-1] if swapped[index] else checks
            outcome, reason, evidence = self._outcome(
                score, similar[index], [check for mark in in_order for check in mark]
            )
            settings = {
                f"crop of mark {number}": str(crop) if crop else "whole picture"
                for number, crop in enumerate(crops[index], 1)
            }
            comparisons.append(
                Comparison(
                    outcome=cast("SimilarityOutcome", outcome),
                    reason=reason,
                    exhibits=pair,
                    crops=crops[index],
                    marks=(framed[index][0], framed[index][1]),
                    probability_similar=similar[index],
                    log_odds=float(log_odds[index]),
                    agreement=agreement,
                    score=score,
                    band=self.band,
                    heatmaps=(heatmaps[0], heatmaps[1]),
                    scope_checks=(checks[0], checks[1]),
                    provenance=self._provenance(
                        settings,
                        tuple(
                            f"mark {number}: {sentence}"
                            for number, (mark, seen) in enumerate(zip(framed[index], prepared[index], strict=True), 1)
                            for sentence in (mark.sentence, *seen.sentences)
                        ),
                    ),
                    evidence=evidence,
                    correspondences=correspondences(*answering, swapped=swapped[index]),
                    sub_scores=further[index],
                )
            )
        return tuple(comparisons)

    def _checks(self, mark: FramedMark) -> tuple[ScopeCheck, ...]:
        return *mark_checks(mark, self.card.preprocessing.size), *gate_checks(mark.pixels, None, self._gate)

    def _sub_scores(
        self, overall: Sequence[float], wholes: Tensor, others: Sequence[tuple[Looks, ...]], swapped: Sequence[bool]
    ) -> list[tuple[SubScore, ...]]:
        """The sub-scores of each pair, from one embedding of every further look.

        Args:
            overall: Log odds of each pair.
            wholes: Embeddings of all first marks in canonical order, then of all second ones.
            others: What else is looked at of the marks of each pair, in the caller's order.
            swapped: Whether the canonical order is the other one.
        """
        ordered = [pair[::-1] if swap else pair for pair, swap in zip(others, swapped, strict=True)]
        rest = iter(self._embed([tensor for pair in ordered for mark in pair for tensor in mark.tensors]))
        found = []
        for index, ((first, second), swap) in enumerate(zip(ordered, swapped, strict=True)):
            a, b = wholes[index], wholes[len(ordered) + index]
            grey_a, *parts_a = (next(rest) for _ in first.tensors)
            grey_b, *further = (next(rest) for _ in second.tensors)
            turned_b, parts_b = further[: len(second.turned)], further[len(second.turned) :]
            pairs = [(grey_a, grey_b), *((a, each) for each in turned_b)]
            pairs += [*((each, b) for each in parts_a), *((a, each) for each in parts_b)]
            scores = self._compare_embedded(pairs)
            turns = 1 + len(turned_b)
            inside = scores[turns : turns + len(parts_a)], scores[turns + len(parts_a) :]
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

    def _embed(self, images: Sequence[Tensor]) -> Tensor:
        """Embeddings (n, C) of images (3, S, S)."""
        batches = (images[start : start + _BATCH] for start in range(0, len(images), _BATCH))
        with self._lock, torch.no_grad():
            return torch.cat([self._network(torch.stack(list(batch)).to(self.device)) for batch in batches])

    def _compare_embedded(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> list[float]:
        """Log odds of pairs of embeddings (C,)."""
        head = self._network.head
        first, second = (torch.stack(marks) for marks in zip(*pairs, strict=True))
        with torch.no_grad():
            return log_odds_similar(head.logits(head.pair(first, second)).double()).tolist()

    def _look_at_pairs(self, tensors: Sequence[Tensor]) -> tuple[Tensor, Maps, Maps, Maps, Tensor]:
        """What the network makes of all first marks, then all second marks (2 * B, 3, S, S).

        Returns:
            Logits (B, 2), maps of evidence for the side each pair leans to, maps of evidence for similarity, both
            (2 * B, h, w), the finer feature maps (2 * B, C, h', w'), in which places are told, and the embeddings
            (2 * B, C).
        """
        with self._lock:
            with torch.no_grad():
                feature_map, finer = self._network.features_and_finer(torch.stack(list(tensors)).to(self.device))
            logits, maps = self._grad_cam(feature_map, lambda logits: log_odds_similar(logits).abs())
            _, shared = self._grad_cam(feature_map, log_odds_similar)
            with torch.no_grad():
                embedded = self._network.head.embed(feature_map)
        return logits.cpu(), maps, shared, finer.float().cpu().numpy(), embedded


def log_odds_similar(logits: Tensor) -> Tensor:
    """Log P(similar) - log P(dissimilar) from logits (B, 2: dissimilar, similar), in nats, (B,)."""
    return logits[:, 1] - logits[:, 0]


def _order(exhibit: Exhibit, crop: Crop | None) -> tuple[str, str, str]:
    return exhibit.sha256, str(crop), str(exhibit.ground)
