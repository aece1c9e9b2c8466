"""Assesses a finished trademark model on brands it never saw: pairs, retrieval, invariance, and heatmaps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from inference.files import write_whole
from inference.intake.exhibit import exhibit_from_pixels, read_exhibit
from inference.models.card import Card, Metric
from inference.models.weights import Model
from inference.records import Exhibit
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.scores import EmbeddedMark
from training.assessment.element_pairs import together
from training.assessment.judged_pairs import JudgedPairs, Scored
from training.assessment.mark_heatmaps import check_heatmaps
from training.assessment.mark_trials import element_trial_pairs, framed, mark_embeddings, trial_pairs
from training.assessment.mark_verdicts import outcome_figures, verdict_figures
from training.assessment.pairs import embed_all, evenly, score_all, score_both
from training.assessment.tables import Table, json_bytes_of
from training.data.audit import guessed_out_of_fold, photographic_traces, ranks_within, standardised
from training.data.marks.kinds import group_of
from training.data.marks.mark_set import MarkSet, Pair, read_mark_set
from training.data.marks.transforms import TRANSFORMS
from training.data.photos.photo import Split
from training.figures.metrics import auc_metric, mean_by_source, most_accurate_threshold, share_by_source, tpr_at_tnr

_FIRST = (1, 10)
_WITHIN = 100
_ACCURACIES = {
    "accuracy": "accuracy",
    "accuracy at the threshold of validation": "accuracy_at_validation_threshold",
}

Pixels = NDArray[np.uint8]
Values = NDArray[np.float64]


def assess_marks(model: Model, data: Path, split: Split, out: Path, *, heatmaps: bool, limit: int) -> Table:
    """The figures of a trademark model, also written into the folder as marks.json or heatmaps.json.

    Args:
        model: The model.
        data: A mark set, as for training; best the one the model was trained on, which has the same split.
        split: Split of the brands.
        out: Folder to write to.
        heatmaps: Check the heatmaps instead.
        limit: Most pairs of a kind for transforms and heatmaps, evenly spaced.

    Raises:
        Refusal: if the marks cannot be used.
    """
    every, examiner = read_mark_set(data, seed=model.card.seed), TrademarkExaminer(model)
    marks = every.subset(every.of(split))
    if heatmaps:
        table = check_heatmaps(examiner, marks, limit)
        write_whole(out / "heatmaps.json", json_bytes_of(model, "maps", table))
        return table
    even = even_score(model.card)
    embedding = mark_embeddings(marks, model.card.preprocessing)
    pairs = trial_pairs(marks, embedding, split)
    parts = element_trial_pairs(marks, embedding, split) if model.card.element_rule else {}
    scored: Scored
    scored, contained = score_both(examiner, marks, pairs, parts)
    judged = JudgedPairs.by(marks, scored, examiner.combined)
    validation = None if split == "val" else _judged_validation(examiner, every.subset(every.of("val")))
    table = {f"pairs, {split}": pair_figures(judged, validation, even)}
    table |= kind_figures(marks, pairs, judged, even)
    if contained.get("similar"):
        inside = JudgedPairs.by(marks, contained, examiner.combined)
        table[f"one in the other, {split}"] = pair_figures(inside, None, even)
        table |= kind_figures(marks, parts, inside, even)
        scored = together(scored, contained)
    table |= verdict_figures(examiner, marks, scored)
    if graded := marks.graded_of(split):
        table["one concept, other drawing"] = graded_figures(examiner, marks, graded)
    table["shortcut audit"] = shortcuts(marks, pairs)
    table[f"retrieval among {len(marks.marks)} {split} marks"] = retrieval(examiner, marks)
    table |= invariance(examiner, marks, pairs, limit)
    write_whole(out / "marks.json", json_bytes_of(model, "figures", table))
    return table


def _judged_validation(examiner: TrademarkExaminer, marks: MarkSet) -> JudgedPairs:
    pairs = trial_pairs(marks, mark_embeddings(marks, examiner.card.preprocessing), "val")
    return JudgedPairs.by(marks, score_all(examiner, marks, pairs), examiner.combined)


def even_score(card: Card) -> float:
    """The score that supports neither side: a likelihood ratio of 1, or P = .5 without a calibration."""
    line = card.calibration
    return -line.intercept / line.slope if line else 0.0


def pair_figures(judged: JudgedPairs, validation: JudgedPairs | None, even: float = 0.0) -> dict[str, Metric]:
    """AUC, accuracy, and TPR of similar pairs at a TNR of 90 and 95% of dissimilar pairs.

    Args:
        judged: The scores of the pairs.
        validation: The same of validation pairs. With them, the accuracy is also given at the threshold that is best
            for them, for each kind of dissimilar pairs; `even` serves random and hard pairs together, and is best for
            neither kind alone.
        even: The score that supports neither side.
    """
    figures: dict[str, Metric] = {}
    judged, validation = judged.in_scope(), validation.in_scope() if validation else None
    similar, families = judged.log_odds["similar"], judged.families["similar"]
    for kind in judged.dissimilar:
        others, of = judged.log_odds[kind], judged.families[kind]
        over = f"{len(similar)} similar and {len(others)} {kind} dissimilar pairs"
        figures[f"AUC, {kind} pairs"] = auc_metric(similar, others, families, of, over).named("auc", f"{kind} pairs")
        thresholds = {"accuracy": even}
        if validation and kind in validation.dissimilar:
            best = most_accurate_threshold(validation.log_odds["similar"], validation.log_odds[kind])
            thresholds["accuracy at the threshold of validation"] = best
        for name, threshold in thresholds.items():
            right = [*(similar > threshold), *(others <= threshold)]
            stated = f"{over}, similar above a score of {threshold:.2f}"
            right_share = share_by_source(right, families + of, stated)
            figures[f"{name}, {kind} pairs"] = right_share.named(_ACCURACIES[name], f"{kind} pairs")
        for tnr in (0.9, 0.95):
            found = tpr_at_tnr(similar, others, families, of, tnr, over)
            figures[f"TPR at TNR {tnr:.2f}, {kind} pairs"] = found.named(f"tpr_at_tnr_{100 * tnr:.0f}", f"{kind} pairs")
    return figures


def kind_figures(marks: MarkSet, pairs: dict[str, list[Pair]], judged: JudgedPairs, even: float = 0.0) -> Table:
    """A row for each stated kind of similar pair and of pair labelled dissimilar, and for each group of several."""
    table: Table = {}
    for side, others in (("similar", ("random", "hard")), ("labelled", ("similar",))):
        stated = [marks.kind(pair) for pair in pairs.get(side, [])]
        kinds: dict[str, tuple[str, ...]] = {f"{side}: {kind}": (kind,) for kind in sorted({*stated} - {""})}
        for group in sorted({group_of(kind) for kind in stated} - {""}):
            members = tuple(sorted({kind for kind in stated if group_of(kind) == group}))
            if len(members) > 1:
                kinds[f"{side}, in all: {group}"] = members
        for name, members in kinds.items():
            of_kind, every = np.isin(stated, members), np.array(judged.families[side])
            seen = np.isfinite(judged.log_odds[side])
            of_all = f"{of_kind.sum()} {side} pairs that are {name.partition(': ')[2]}"
            table[name] = {"refused": share_by_source(~seen[of_kind], every[of_kind], of_all).named("unweighed", name)}
            here = of_kind & seen
            if not here.any():
                continue
            scores, families = judged.log_odds[side][here], every[here]
            over = f"{len(scores)} {side} pairs that are {name.partition(': ')[2]}"
            right = scores > even if side == "similar" else scores <= even
            table[name] |= {
                **{f"AUC, {other} pairs": _auc(judged, side, here, other, over) for other in others},
                "on their side": share_by_source(right, families, over),
            }
    return table


def graded_figures(examiner: TrademarkExaminer, marks: MarkSet, pairs: Sequence[Pair]) -> dict[str, Metric]:
    """The outcomes of pairs that show one concept in other drawings, which no outcome is right or wrong about."""
    over = "pairs of one concept in two drawings, neither similar nor dissimilar"
    found = outcome_figures(examiner, marks, score_all(examiner, marks, {"": pairs})[""], over)
    return {f"taken as {outcome}": metric for outcome, metric in found.items()}


def _auc(judged: JudgedPairs, side: str, chosen: NDArray[np.bool_], other: str, over: str) -> Metric:
    """AUC of chosen pairs of one side against all pairs of the other."""
    own = judged.log_odds[side][chosen], np.array(judged.families[side])[chosen]
    in_scope = judged.in_scope()
    beside = in_scope.log_odds[other], in_scope.families[other]
    (first, of_first), (second, of_second) = (own, beside) if side == "similar" else (beside, own)
    return auc_metric(first, second, of_first, of_second, f"{over} against all {other} ones")


def shortcuts(marks: MarkSet, pairs: dict[str, list[Pair]]) -> dict[str, Metric]:
    """AUC of small networks that never compare: one scores size, colours and noise of each mark by itself.

    An AUC above chance shows how the pairs were chosen or drawn, not that two marks are similar. With too few brands
    there is no figure.
    """
    used = {index for listed in pairs.values() for pair in listed for index in pair}
    seen = {index: photographic_traces(marks.marks[index].path) for index in used}
    figures: dict[str, Metric] = {}
    for kind in (kind for kind in pairs if kind != "similar"):
        listed = [*pairs["similar"], *pairs[kind]]
        both = np.array([(seen[a], seen[b]) for a, b in listed])
        similar = np.arange(len(both)) < len(pairs["similar"])
        families = np.array([[marks.marks[index].family for index in pair] for pair in listed])
        scores, folds = guessed_out_of_fold(standardised(both), similar, families, seed=0)
        kept = np.isfinite(scores)
        if similar[kept].all() or not similar[kept].any():
            continue  # too few brands: no pair of one side lies in one fold
        ranks, similar, families = ranks_within(folds[kept], scores[kept]), similar[kept], families[kept, 0]
        figures[f"AUC, {kind} pairs"] = auc_metric(
            ranks[similar],
            ranks[~similar],
            families[similar],
            families[~similar],
            "traces of each mark, never compared",
        ).named("shortcut_auc", f"{kind} pairs")
    return figures


def retrieval(examiner: TrademarkExaminer, marks: MarkSet) -> dict[str, Metric]:
    """The ranks of each mark's counterparts among all marks, the most similar first; means over marks.

    Marks of the same family that show another design are left out of its ranking.
    """
    bar = tqdm(marks.marks, "reading marks", unit="mark", leave=False)
    pictures = (examiner.card.preprocessing(framed(mark.path)).values for mark in bar)
    embedded = examiner.embed([torch.from_numpy(picture) for picture in pictures])
    counterparts: dict[int, set[int]] = {}
    for a, b in marks.similar:
        counterparts.setdefault(a, set()).add(b)
        counterparts.setdefault(b, set()).add(a)
    families = np.array(marks.families)
    found = []
    for query, wanted in sorted(counterparts.items()):
        is_wanted = np.isin(np.arange(len(families)), [*wanted])
        others = np.flatnonzero(is_wanted | (families != families[query]))
        found.append(ranked(examiner.compare_with_all(embedded[query], embedded[others]), is_wanted[others]))
    over = f"{len(found)} marks with a counterpart among {len(families)}"
    sources = families[sorted(counterparts)]
    return {
        name: mean_by_source(np.array([one[name] for one in found]), sources, over).named("retrieval", name)
        for name in found[0]
    }


def ranked(scores: Values, wanted: NDArray[np.bool_]) -> dict[str, float]:
    """The retrieval figures of one query, from the scores (n,) of the other marks and a mask (n,) of its counterparts.

    Equal scores keep their order. Normalised average rank: 0 if all counterparts come first, .5 at random. Average
    precision within the first 100. Recall at k: whether a counterpart is among the first k.
    """
    order = np.argsort(-scores, kind="stable")
    ranks = np.flatnonzero(wanted[order]) + 1
    count, of = len(ranks), len(scores)
    precision = np.arange(1, count + 1) / ranks
    return {
        "normalised average rank": float((ranks.sum() - count * (count + 1) / 2) / (of * count)),
        f"MAP@{_WITHIN}": float(precision[ranks <= _WITHIN].sum() / min(count, _WITHIN)),
        **{f"recall at {first}": float(ranks[0] <= first) for first in _FIRST},
    }


def invariance(examiner: TrademarkExaminer, marks: MarkSet, pairs: dict[str, list[Pair]], limit: int) -> Table:
    """The effect of each transform of the second mark on the score of similar and of hard dissimilar pairs."""
    even = even_score(examiner.card)
    chosen = {kind: evenly(pairs[kind], limit) for kind in ("similar", "hard")}
    used = sorted({index for listed in chosen.values() for pair in listed for index in pair})
    exhibits = {index: read_exhibit(marks.marks[index].path) for index in used}
    plain = embed_all(examiner, used, exhibits.__getitem__)
    seconds = sorted({b for listed in chosen.values() for _, b in listed})
    before = {kind: _scores(examiner, [(plain[a], plain[b]) for a, b in listed]) for kind, listed in chosen.items()}
    table: Table = {}
    for name, transform in TRANSFORMS.items():
        changed = embed_all(examiner, seconds, partial(_changed_exhibit, exhibits, transform))
        table[name] = {}
        for kind, listed in chosen.items():
            after = _scores(examiner, [(plain[a], changed[b]) for a, b in listed])
            families = np.array([marks.marks[a].family for a, _ in listed])
            table[name] |= _changed(kind, before[kind], after, families, even, name)
    return table


def _changed_exhibit(exhibits: Mapping[int, Exhibit], transform: Callable[[Pixels], Pixels], index: int) -> Exhibit:
    return exhibit_from_pixels(transform(exhibits[index].pixels), exhibits[index].name)


def _changed(
    kind: str, before: Values, after: Values, families: NDArray[np.str_], even: float, transform: str
) -> dict[str, Metric]:
    """Change of the score, share that stays on its side, and share that is refused after a transform."""
    over = f"{kind} pairs, the second mark {transform}"
    row = {f"refused, {kind}": share_by_source(np.isnan(after), families, over)}
    seen = np.isfinite(before) & np.isfinite(after)
    if seen.any():
        change = mean_by_source((after - before)[seen], families[seen], over)
        row[f"change, {kind}"] = change.named("score_change", transform, kind)
        kept = (after[seen] > even) == (kind == "similar")
        row[f"on their side, {kind}"] = share_by_source(kept, families[seen], over)
    return row


def _scores(examiner: TrademarkExaminer, pairs: Sequence[tuple[EmbeddedMark, EmbeddedMark]]) -> Values:
    """Scores of pairs (n,), NaN where a scope check refuses one."""
    found = [examiner.score(*pair) for pair in pairs]
    return np.array([math.nan if one.refused else examiner.combined(one) for one in found])
