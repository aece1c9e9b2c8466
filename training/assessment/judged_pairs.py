"""Trial pairs of marks with a model's results: their scores by kind, and what they weigh."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray

from inference.evidence.trials import Side, Trial, trial
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.scores import PairScore
from training.data.marks.kinds import group_of
from training.data.marks.mark_set import MarkSet, Pair
from training.figures.calibration_result import CalibrationResult, weigh
from training.figures.metrics import auc

Scored = Mapping[str, Sequence[tuple[Pair, PairScore]]]
"""Scores of trial pairs, by kind."""
Figure = Callable[[PairScore], float]

AGREEMENT_WEIGHTS = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 40.0)
"""Nats that full agreement of local features may add to the log odds; validation chooses one."""
_NEARLY = 5e-4


@dataclass(frozen=True)
class JudgedPairs:
    """Trial pairs of one split with a network's results, by kind: `similar`, and the kinds of `dissimilar`.

    Attributes:
        families: The family of each pair's first mark (n,), its source.
        log_odds: Log P(similar) - log P(dissimilar) in nats (n,), NaN where a scope check refuses the pair.
        agreement: Agreement of local features (n,), 0 to 1; empty if it is not used.
        groups: The group of each pair's stated kind (n,); empty if the set states none.
    """

    families: dict[str, list[str]]
    log_odds: dict[str, NDArray[np.float64]]
    agreement: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, marks: MarkSet, scored: Scored) -> JudgedPairs:
        """From the scores of pairs of a set, by kind: as wholes."""
        return cls.by(marks, scored, lambda one: one.whole.log_odds, lambda one: one.whole.agreement.share)

    @classmethod
    def of_elements(cls, marks: MarkSet, scored: Scored) -> JudgedPairs:
        """The same by one mark of each pair in an element of the other; NaN too for a pair without elements."""
        return cls.by(
            marks,
            scored,
            lambda one: one.element.log_odds if one.element else math.nan,
            lambda one: one.element.agreement.share if one.element else 0.0,
        )

    @classmethod
    def by(cls, marks: MarkSet, scored: Scored, score: Figure, agreement: Figure | None = None) -> JudgedPairs:
        """The same by any figure of a pair's scores in place of the log odds; NaN where a scope check refuses it."""

        def seen(one: PairScore) -> float:
            return math.nan if one.refused else score(one)

        return cls(
            {kind: [marks.marks[pair[0]].family for pair, _ in listed] for kind, listed in scored.items()},
            {kind: np.array([seen(one) for _, one in listed]) for kind, listed in scored.items()},
            {kind: np.array([agreement(one) for _, one in listed]) for kind, listed in scored.items()}
            if agreement
            else {},
            {kind: [group_of(marks.kind(pair)) for pair, _ in listed] for kind, listed in scored.items()},
        )

    def in_scope(self) -> JudgedPairs:
        """The pairs that no scope check refuses."""
        kept = {kind: np.isfinite(log_odds) for kind, log_odds in self.log_odds.items()}
        return JudgedPairs(
            {kind: [*compress(families, kept[kind])] for kind, families in self.families.items()},
            {kind: log_odds[kept[kind]] for kind, log_odds in self.log_odds.items()},
            {kind: shares[kept[kind]] for kind, shares in self.agreement.items()},
            {kind: [*compress(groups, kept[kind])] for kind, groups in self.groups.items()},
        )

    def raised(self, weight: float) -> JudgedPairs:
        """The same pairs with log odds + weight * agreement in place of the log odds."""
        scores = {kind: log_odds + weight * self.agreement[kind] for kind, log_odds in self.log_odds.items()}
        return replace(self, log_odds=scores, agreement={})

    def agreement_weight(self) -> float:
        """The least of `AGREEMENT_WEIGHTS` whose scores separate similar from all kinds of dissimilar pairs well.

        Groups count alike, however many pairs they have.
        A degraded mark loses its points first, so that a weight that hardly helps is not worth that dependence.
        """
        seen = self.in_scope()
        of_group = np.array(seen.groups.get("similar", [""] * len(seen.log_odds["similar"])))

        def told(weight: float) -> float:
            scores = seen.raised(weight).log_odds
            alike = [scores["similar"][of_group == group] for group in np.unique(of_group)]
            return fmean(auc(group, scores[kind]) for group in alike for kind in seen.dissimilar)

        aucs = {weight: told(weight) for weight in AGREEMENT_WEIGHTS}
        return next(weight for weight, found in aucs.items() if found >= max(aucs.values()) - _NEARLY)

    @property
    def dissimilar(self) -> tuple[str, ...]:
        """The kinds of dissimilar pairs: `random`, `hard`, and, if there are any, `labelled`."""
        return tuple(kind for kind in self.families if kind != "similar")

    @property
    def probabilities(self) -> dict[str, NDArray[np.float64]]:
        """P(similar) (n,), by kind."""
        return {kind: torch.sigmoid(torch.from_numpy(values)).numpy() for kind, values in self.log_odds.items()}

    def trial(self, *dissimilar: str) -> Trial:
        """The similar pairs against these kinds of dissimilar pairs."""
        kinds = ("similar", *dissimilar)
        log_odds = np.concatenate([self.log_odds[kind] for kind in kinds])
        similar = np.repeat([kind == "similar" for kind in kinds], [len(self.log_odds[kind]) for kind in kinds])
        families = np.array([family for kind in kinds for family in self.families[kind]])
        kept = np.isfinite(log_odds)
        return trial(log_odds[kept], similar[kept], families[kept])

    def sides_by_group(self) -> tuple[dict[str, Side], dict[str, Side]]:
        """Similar and dissimilar pairs in scope by their group; a pair without a stated kind by how it was chosen."""
        seen = self.in_scope()
        sides: tuple[dict[str, Side], dict[str, Side]] = {}, {}
        for kind, log_odds in seen.log_odds.items():
            names = np.array([group or kind for group in seen.groups.get(kind, [""] * len(log_odds))])
            families = np.array(seen.families[kind], dtype=np.str_)
            for name in np.unique(names).tolist():
                sides[kind != "similar"][name] = Side(log_odds[names == name], families[names == name])
        return sides


def weigh_pairs(
    validation: JudgedPairs,
    test: JudgedPairs,
    data: str,
    propositions: tuple[str, str] = TrademarkExaminer.propositions,
) -> CalibrationResult:
    """The calibration result of a model on validation and test pairs of a set named `data`.

    The bounds hold for each group of pairs by itself, so that a mixture of easy kinds claims nothing of a hard one.
    """
    counts = {kind: int(np.isfinite(log_odds).sum()) for kind, log_odds in validation.log_odds.items()}
    against = ", ".join(f"{counts[kind]} {kind}" for kind in validation.dissimilar)
    similar, dissimilar = validation.sides_by_group()
    mixed = ", ".join(f"{len(side.scores)} {name}" for name, side in similar.items() if name != "similar")
    stated = f" ({mixed})" if mixed else ""
    return weigh(
        validation.trial(*validation.dissimilar),
        test.trial(*test.dissimilar),
        {f"{kind} pairs": test.trial(kind) for kind in test.dissimilar},
        sides=TrademarkExaminer.sides,
        propositions=propositions,
        population=f"{counts['similar']} similar validation pairs of marks in {data}{stated}, and dissimilar ones: "
        f"{against}",
        groups=(similar, dissimilar),
    )
