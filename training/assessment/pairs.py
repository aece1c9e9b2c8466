"""The judging of a trademark model by pairs of marks whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inference.intake.exhibit import read_exhibit
from inference.models.card import Card, Confusion, Histogram, Metric
from inference.models.weights import Model
from inference.records import Comparison, Exhibit, InconclusiveBand
from inference.scope.checks import refusal
from inference.trademark.checks import mark_checks
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.framing import frame_mark
from inference.trademark.mark_view import MarkView
from inference.trademark.scores import EmbeddedMark, PairScore
from training.assessment.element_pairs import EITHER, SHOWING, combined, fit_element_rule, inside, together
from training.assessment.judged_pairs import JudgedPairs, weigh_pairs
from training.assessment.mark_trials import Trials
from training.data.marks.mark_set import MarkSet, Pair, members
from training.data.photos.photo import Split
from training.data.set_files import DataRefused
from training.figures.calibration_result import CalibrationResult
from training.figures.metrics import auc_metric, full_scale, histogram, inconclusive_band, share_by_source

_SPLITS: dict[Split, str] = {"train": "training", "val": "validation", "test": "test"}
_BATCH = 16
_HEATMAPS = 100
"""Pairs of each kind whose heatmaps set their scale."""


def score_all(
    examiner: TrademarkExaminer, marks: MarkSet, pairs: Mapping[str, Sequence[Pair]]
) -> dict[str, list[tuple[Pair, PairScore]]]:
    """The scores of each pair of each kind; each mark is read, framed and embedded once."""
    return score_both(examiner, marks, pairs, {})[0]


def score_both(
    examiner: TrademarkExaminer,
    marks: MarkSet,
    wholes: Mapping[str, Sequence[Pair]],
    parts: Mapping[str, Sequence[Pair]],
) -> tuple[dict[str, list[tuple[Pair, PairScore]]], dict[str, list[tuple[Pair, PairScore]]]]:
    """The same of two trials of the same marks."""
    listed = [*wholes.values(), *parts.values()]
    used = members(pair for pairs in listed for pair in pairs)
    seen = embed_all(examiner, used, lambda index: read_exhibit(marks.marks[index].path))
    bar = tqdm(total=sum(map(len, listed)), desc="comparing", unit="pair", leave=False)

    def score(a: int, b: int) -> PairScore:
        bar.update()
        return examiner.score(seen[a], seen[b])

    def scored(trials: Mapping[str, Sequence[Pair]]) -> dict[str, list[tuple[Pair, PairScore]]]:
        return {kind: [(pair, score(*pair)) for pair in pairs] for kind, pairs in trials.items()}

    return scored(wholes), scored(parts)


def embed_all(
    examiner: TrademarkExaminer, used: Sequence[int], read: Callable[[int], Exhibit]
) -> dict[int, EmbeddedMark]:
    """What some marks are scored by, by their indices."""
    found: dict[int, EmbeddedMark] = {}
    for start in tqdm(range(0, len(used), _BATCH), "reading marks", unit="batch", leave=False):
        batch = used[start : start + _BATCH]
        embedded = examiner.embedded([examiner.view(read(index)) for index in batch])
        found |= dict(zip(batch, embedded, strict=True))
    return found


def view_all(examiner: TrademarkExaminer, marks: MarkSet, pairs: Iterable[Pair]) -> dict[int, MarkView]:
    """What the marks of some pairs are compared by, by their indices."""
    bar = tqdm(members(pairs), "reading marks", unit="mark", leave=False)
    return {index: examiner.view(read_exhibit(marks.marks[index].path)) for index in bar}


def judge_all(examiner: TrademarkExaminer, pairs: Sequence[tuple[MarkView, MarkView]]) -> list[Comparison]:
    """A comparison of each pair of views, without sub-scores, which enter no outcome."""
    found: list[Comparison] = []
    for start in tqdm(range(0, len(pairs), _BATCH), "comparing", leave=False):
        found += examiner.judge(pairs[start : start + _BATCH], in_other_ways=False)
    return found


def evenly(pairs: Sequence[Pair], limit: int) -> list[Pair]:
    """At most `limit` pairs, evenly spaced."""
    places = np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), limit)).astype(int))
    return [pairs[place] for place in places]


def judge_pairs(
    model: Model, marks: MarkSet, trials: Trials, parts: Trials, data: str, device: str = "cpu"
) -> tuple[Card, CalibrationResult]:
    """The model's card with band, scale, agreement and calibration from validation pairs, and figures on test pairs.

    Without parts, or with too few of them, it weighs only wholes.

    Args:
        model: The model; its card's band, heatmap scale, agreement weight, element rule and calibration are replaced.
        marks: The set.
        trials: Its trial pairs, by split.
        parts: Its trial pairs of which one mark contains the other, alike.
        data: Name of the set.
        device: Device of the model.

    Raises:
        DataRefused: if all pairs of a kind are out of scope.
    """
    has_parts = all(parts[split]["similar"] for split in ("val", "test"))
    shown = replace(model.card, element_rule=SHOWING if has_parts else None)
    examiner = TrademarkExaminer(replace(model, card=shown), device)
    scored = {split: score_both(examiner, marks, trials[split], parts[split]) for split in ("val", "test")}
    validation, test = (JudgedPairs.of(marks, scored[split][0]) for split in ("val", "test"))
    _require_of_each_kind(validation.in_scope().log_odds, "val")
    _require_of_each_kind(test.in_scope().log_odds, "test")
    weight = validation.agreement_weight()
    result = weigh_pairs(validation.raised(weight), test.raised(weight), data)
    rule = None
    if has_parts:
        contained = {split: inside(marks, *both) for split, both in scored.items()}
        rule, figures = fit_element_rule(result, contained["val"], contained["test"], data)
    if rule is not None:
        weighed = {split: combined(marks, together(*both), rule, weight) for split, both in scored.items()}
        result = weigh_pairs(weighed["val"], weighed["test"], data, EITHER)
        result = replace(result, metrics=result.metrics | figures)
    p = validation.in_scope().probabilities
    band = inconclusive_band(p["similar"], np.concatenate([p[kind] for kind in validation.dissimilar]), examiner.sides)
    card = replace(
        result.stated_in(model.card, band_figures(test, band)),
        band=band,
        heatmap_full_scale=full_scale(_peaks(examiner, marks, trials["val"])),
        agreement_weight=weight,
        element_rule=rule,
    )
    return stating_test(card, test), result


def _peaks(examiner: TrademarkExaminer, marks: MarkSet, pairs: Mapping[str, Sequence[Pair]]) -> NDArray[np.float64]:
    """The peaks of the heatmaps of at most so many pairs of each kind (n,)."""
    chosen = [pair for listed in pairs.values() for pair in evenly(listed, _HEATMAPS)]
    views = view_all(examiner, marks, chosen)
    found = judge_all(examiner, [(views[a], views[b]) for a, b in chosen])
    return np.array([heatmap.peak for one in found for heatmap in one.heatmaps])


def require_comparable(marks: MarkSet, trials: Trials, size: int, *, words: bool) -> None:
    """Guard a training against trial pairs that could not judge it: what is known of their marks without a network.

    Args:
        marks: The set.
        trials: Its trial pairs, by split.
        size: Side in pixels of what the network will see.
        words: Whether it is trained on marks that are mostly lettering.

    Raises:
        DataRefused: if checks of the framed marks refuse every pair of a kind.
    """
    pairs = [pair for kinds in trials.values() for listed in kinds.values() for pair in listed]
    bar = tqdm(members(pairs), "checking marks", unit="mark", leave=False)
    refused: dict[int, str] = {}
    for index in bar:
        sentence = refusal(mark_checks(frame_mark(read_exhibit(marks.marks[index].path).pixels), size, words=words))
        if sentence:
            refused[index] = sentence
    for split, kinds in trials.items():
        _require_of_each_kind(
            {kind: [pair for pair in listed if not refused.keys() & {*pair}] for kind, listed in kinds.items()},
            split,
            next(iter(refused.values()), ""),
        )


def _require_of_each_kind(kept: Mapping[str, Sized], split: Split, reason: str = "") -> None:
    """Refuse trial pairs by kind of which a kind has none; `reason` says of a mark why it is out of scope."""
    empty = next((kind for kind, listed in kept.items() if not len(listed)), None)
    if empty is not None:
        why = f" (of a mark: {reason.rstrip('.')})" if reason else ""
        msg = (
            f"No {_SPLITS[split]} pair that is {empty} is in scope, so that nothing would be known of the model; add "
            f"marks{why}."
        )
        raise DataRefused(msg)


def band_figures(judged: JudgedPairs, band: InconclusiveBand) -> dict[str, Metric]:
    """AUC and accuracy of pairs in scope by kind, the inconclusive share, and the refused share."""
    seen = judged.in_scope()
    test, families = seen.probabilities, seen.families
    counts = _counted(seen)
    metrics = {}
    for kind in seen.dissimilar:
        over = f"{counts} against {len(test[kind])} {kind} dissimilar pairs"
        scores = seen.log_odds["similar"], seen.log_odds[kind]
        metrics[f"AUC, {kind} pairs"] = auc_metric(*scores, families["similar"], families[kind], over).named(
            "auc", f"{kind} pairs"
        )
        metrics[f"accuracy, {kind} pairs"] = share_by_source(
            [*(test["similar"] > 0.5), *(test[kind] <= 0.5)],
            families["similar"] + families[kind],
            f"{over}, at P(similar) = 0.5",
        ).named("accuracy", f"{kind} pairs")
    metrics["inconclusive share"] = share_by_source(
        [band.side(value) is None for value in np.concatenate(list(test.values()))],
        [family for kind in test for family in families[kind]],
        f"{', '.join(test)} test pairs inside the band",
    ).named("inconclusive")
    metrics["refused share"] = share_by_source(
        np.isnan(np.concatenate([*judged.log_odds.values()])),
        [family for listed in judged.families.values() for family in listed],
        "test pairs that a scope check refuses",
    ).named("unweighed")
    return metrics


def stating_test(card: Card, judged: JudgedPairs) -> Card:
    """The card with confusion and histogram of test pairs in scope."""
    seen = judged.in_scope()
    test = seen.probabilities
    dissimilar = np.concatenate([test[kind] for kind in seen.dissimilar])
    counts = _counted(seen)
    confusion = Confusion(
        f"{counts}, and {len(dissimilar)} dissimilar ones ({', '.join(seen.dissimilar)}); at P(similar) = 0.5",
        TrademarkExaminer.sides,
        (_sides_taken(test["similar"]), _sides_taken(dissimilar)),
    )
    shown = Histogram(counts, "P(similar)", {kind: histogram(scores) for kind, scores in test.items()})
    return replace(card, confusion=confusion, histogram=shown)


def _counted(seen: JudgedPairs) -> str:
    return f"{len(seen.families['similar'])} similar pairs of {len(set(seen.families['similar']))} test families"


def _sides_taken(probabilities: NDArray[np.float64]) -> tuple[int, int]:
    similar = int((probabilities > 0.5).sum())
    return similar, len(probabilities) - similar
