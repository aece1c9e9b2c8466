"""What a trademark model says of pairs of each group: its outcomes, as an examiner reads them, and its Cllr."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np

from inference.evidence.trials import Side, Trial
from inference.models.card import Metric
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.scores import PairScore
from training.assessment.judged_pairs import Scored
from training.assessment.tables import Table
from training.data.marks.kinds import group_of
from training.data.marks.mark_set import MarkSet, Pair
from training.figures.evidence import cllr_metric, weighed
from training.figures.metrics import share_by_source

Listed = Sequence[tuple[Pair, PairScore]]
OUTCOMES = (*TrademarkExaminer.sides, "inconclusive", "out of scope")


def verdict_figures(examiner: TrademarkExaminer, marks: MarkSet, scored: Scored) -> Table:
    """A row for all pairs, one for each group of similar pairs beside its strangers, and one for each labelled group.

    Args:
        examiner: The examiner.
        marks: The set.
        scored: Scores of trial pairs by kind; the `random` and `hard` dissimilar pairs at one place are the strangers
            of the similar pair there, drawn from pairs of its kind.
    """
    strangers = [scored[kind] for kind in ("random", "hard")]
    groups = _groups(marks, scored["similar"])
    table: Table = {}
    for name in ("", *sorted({*groups} - {""})):
        chosen = [not name or group == name for group in groups]
        similar = [*compress(scored["similar"], chosen)]
        others = [one for listed in strangers for one in compress(listed, chosen)]
        of = name or "all"
        table[f"verdicts: {of}"] = {
            **_outcomes(examiner, marks, similar, of, "similar pairs"),
            **_outcomes(examiner, marks, others, of, "strangers"),
            **_cllr(examiner, marks, similar, others, of),
        }
    labelled = scored.get("labelled", ())
    groups = _groups(marks, labelled)
    for name in sorted({*groups} - {""}):
        chosen = [group == name for group in groups]
        row = table.setdefault(f"verdicts: {name}", {})
        row |= _outcomes(examiner, marks, [*compress(labelled, chosen)], name, "labelled pairs")
    return table


def _outcomes(examiner: TrademarkExaminer, marks: MarkSet, listed: Listed, of: str, side: str) -> dict[str, Metric]:
    """The outcomes of one side of a group: `similar pairs`, their `strangers`, or `labelled pairs`, dissimilar."""
    found = outcome_figures(examiner, marks, listed, f"{side}, {of}")
    return {
        f"{side} taken as {outcome}": metric.named("outcome_share", of, side, outcome)
        for outcome, metric in found.items()
    }


def outcome_figures(examiner: TrademarkExaminer, marks: MarkSet, listed: Listed, over: str) -> dict[str, Metric]:
    """The share of pairs by outcome: similar, dissimilar, inconclusive, out of scope."""
    outcomes = [examiner.outcome(one)[0] for _, one in listed]
    families = [marks.marks[pair[0]].family for pair, _ in listed]
    return {outcome: share_by_source([said == outcome for said in outcomes], families, over) for outcome in OUTCOMES}


def _groups(marks: MarkSet, listed: Listed) -> list[str]:
    return [group_of(marks.kind(pair)) for pair, _ in listed]


def _cllr(examiner: TrademarkExaminer, marks: MarkSet, similar: Listed, others: Listed, of: str) -> dict[str, Metric]:
    """Cllr of the pairs that no scope check refuses, if there are some of both sides and a calibration."""
    calibration = examiner.card.calibration
    samples = Trial(_side(examiner, marks, similar), _side(examiner, marks, others))
    if calibration is None or not samples.is_whole:
        return {}
    over = f"similar pairs against random and hard ones of their kind, {of}"
    return {"Cllr": cllr_metric(weighed(calibration, samples), over).named("cllr", of)}


def _side(examiner: TrademarkExaminer, marks: MarkSet, listed: Listed) -> Side:
    seen = [(pair, one) for pair, one in listed if not one.refused]
    families = [marks.marks[pair[0]].family for pair, _ in seen]
    return Side(np.array([examiner.combined(one) for _, one in seen]), np.array(families, dtype=np.str_))
