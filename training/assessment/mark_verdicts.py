"""What a trademark model says of pairs of each group: its outcomes, as an examiner reads them, and its Cllr."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np

from inference.models.card import Metric
from inference.scope.checks import refusal
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.scores import PairScore
from training.assessment.judged_pairs import Scored
from training.assessment.tables import Table
from training.data.marks.kinds import group_of
from training.data.marks.mark_set import MarkSet, Pair
from training.figures.evidence import cllr_metric, weighed
from training.figures.metrics import share_by_source
from training.figures.trials import Side, Trial

Listed = Sequence[tuple[Pair, PairScore]]
OUTCOMES = (*TrademarkExaminer.sides, "inconclusive", "out of scope")


def verdict_figures(examiner: TrademarkExaminer, marks: MarkSet, scored: Scored) -> Table:
    """A row for all pairs, one for each group of similar pairs beside its strangers, and one for each labelled group.

    Args:
        examiner: The examiner.
        marks: The set.
        scored: Scores of trial pairs by kind; the `random` and `hard` pairs at one place are the strangers of the
            similar pair there, drawn from pairs of its kind.
    """
    strangers = [scored[kind] for kind in ("random", "hard")]
    groups = _groups(marks, scored["similar"])
    table: Table = {}
    for name in ("", *sorted({*groups} - {""})):
        chosen = [not name or group == name for group in groups]
        similar = [*compress(scored["similar"], chosen)]
        others = [one for listed in strangers for one in compress(listed, chosen)]
        of = name or "all"
        of_similar = outcome_figures(examiner, marks, similar, f"similar pairs, {of}")
        of_others = outcome_figures(examiner, marks, others, f"random and hard dissimilar pairs, {of}")
        table[f"verdicts: {of}"] = {
            **{f"similar pairs {said}": metric for said, metric in of_similar.items()},
            **{f"strangers {said}": metric for said, metric in of_others.items()},
            **_cllr(examiner, marks, similar, others, of),
        }
    labelled = scored.get("labelled", ())
    groups = _groups(marks, labelled)
    for name in sorted({*groups} - {""}):
        chosen = [group == name for group in groups]
        found = outcome_figures(examiner, marks, [*compress(labelled, chosen)], f"labelled dissimilar pairs, {name}")
        row = table.setdefault(f"verdicts: {name}", {})
        row |= {f"labelled pairs {said}": metric for said, metric in found.items()}
    return table


def outcome_figures(examiner: TrademarkExaminer, marks: MarkSet, listed: Listed, over: str) -> dict[str, Metric]:
    """The share of pairs that are taken as similar, as dissimilar, as inconclusive, and as out of scope."""
    outcomes = [examiner.outcome(one)[0] for _, one in listed]
    families = [marks.marks[pair[0]].family for pair, _ in listed]
    return {
        f"taken as {outcome}": share_by_source([said == outcome for said in outcomes], families, over)
        for outcome in OUTCOMES
    }


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
    seen = [(pair, one) for pair, one in listed if not refusal(one.every_check)]
    families = [marks.marks[pair[0]].family for pair, _ in seen]
    return Side(np.array([examiner.combined(one) for _, one in seen]), np.array(families, dtype=np.str_))
