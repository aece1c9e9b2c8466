"""A finished trademark model against marks of brands it never saw: pairs, retrieval, invariance, and its heatmaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from inference.exhibit import read_exhibit
from inference.files import write_whole
from inference.heatmap import HeadGradCam, over_part
from inference.local_features import LocalFeatures, local_features
from inference.mark_framing import frame_mark
from inference.networks.hms import PairHead, Siamese
from inference.records import Heatmap
from inference.sub_scores import ink
from inference.trademarks import log_odds_similar
from inference.weights import Card, Metric, Model
from training.data.audit import guessed_out_of_fold, photographic_traces, ranks_within, standardised
from training.data.pairs import MarkSet, Pair, read_mark_set
from training.data.photos import Split
from training.evaluate import auc_metric, mean_by_source, most_accurate_threshold, share_by_source, tpr_at_tnr
from training.heatmaps import Table, json_bytes_of, randomised, rank_correlation
from training.mark_transforms import TRANSFORMS
from training.mark_trials import Pixels, frozen_embeddings, trial_pairs
from training.runs import require_setting
from training.trademark import JudgedPairs, shares

_BATCH = 64
_FIRST = (1, 10)
_WITHIN = 100
_HIDDEN = 0.2
_OTHERS, _TRIED = 3, 12

Values = NDArray[np.float64]


def assess_marks(model: Model, data: Path, split: Split, out: Path, *, heatmaps: bool, limit: int) -> Table:
    """The figures of a trademark model, also written into the folder as marks.json or heatmaps.json.

    Args:
        model: The model.
        data: A mark set, as for training; best the one the model was trained on, whose split is then the same.
        split: Which brands.
        out: Folder to write to.
        heatmaps: Check the heatmaps instead.
        limit: Transforms and heatmaps are measured on at most so many pairs of a kind, evenly taken.

    Raises:
        Refusal: if the marks cannot be used.
    """
    every = read_mark_set(data, seed=model.card.seed)
    if heatmaps:
        marks = _of_split(every, split)
        table = check_heatmaps(model, marks, _framed(_pictures(marks)), limit)
        write_whole(out / "heatmaps.json", json_bytes_of(model, "maps", table))
        return table
    validation = None if split == "val" else _judge(model, _of_split(every, "val"), "val").judged
    seen = _judge(model, _of_split(every, split), split)
    head, even = cast("Siamese", model.network).head, even_score(model.card)
    table = {f"pairs, {split}": pair_figures(seen.judged, validation, even)}
    table |= kind_figures(seen.marks, seen.pairs, seen.judged, even)
    table["shortcut audit"] = shortcuts(seen.marks, seen.pairs)
    table[f"retrieval among {len(seen.marks.marks)} {split} marks"] = retrieval(head, seen.embedded, seen.marks)
    table |= invariance(model, seen.marks, seen.pictures, seen.pairs, limit)
    write_whole(out / "marks.json", json_bytes_of(model, "figures", table))
    return table


@dataclass(frozen=True)
class _Seen:
    """The marks of a split, and what a model makes of them and of their trial pairs."""

    marks: MarkSet
    pictures: list[Pixels]
    embedded: Tensor
    pairs: dict[str, list[Pair]]
    judged: JudgedPairs


def _judge(model: Model, marks: MarkSet, split: Split) -> _Seen:
    pictures = _pictures(marks)
    framed = _framed(pictures)
    embedded, drawn = embed(model, framed), points_of(framed)
    pairs = trial_pairs(marks, frozen_embeddings(framed, model.card.preprocessing.size, torch.device("cpu")), split)
    scores = {kind: scored(model, embedded, drawn, listed) for kind, listed in pairs.items()}
    return _Seen(marks, pictures, embedded, pairs, JudgedPairs.of(marks, pairs, scores))


def _of_split(marks: MarkSet, split: Split) -> MarkSet:
    return marks.subset(marks.of(split))


def _pictures(marks: MarkSet) -> list[Pixels]:
    return [read_exhibit(mark.path).pixels for mark in tqdm(marks.marks, "reading marks", leave=False)]


def _framed(pictures: Sequence[Pixels]) -> list[Pixels]:
    return [frame_mark(picture).pixels for picture in tqdm(pictures, "framing marks", leave=False)]


def embed(model: Model, pictures: Sequence[Pixels]) -> Tensor:
    """Embeddings (n, C) of framed marks, uint8 (H, W, 3), on the CPU."""
    network, preprocessing = cast("Any", model.network.eval()), model.card.preprocessing
    found = []
    with torch.no_grad():
        for start in tqdm(range(0, len(pictures), _BATCH), "embedding", leave=False):
            batch = [preprocessing(picture).tensor for picture in pictures[start : start + _BATCH]]
            found.append(network(torch.stack(batch)).float())
    return torch.cat(found)


def points_of(pictures: Sequence[Pixels]) -> dict[int, LocalFeatures]:
    """The local features of framed marks, by their index."""
    return dict(enumerate(local_features(picture) for picture in tqdm(pictures, "finding points", leave=False)))


def even_score(card: Card) -> float:
    """The score at which findings favour neither side: a likelihood ratio of 1, or P = .5 without a calibration."""
    line = card.calibration
    return -line.intercept / line.slope if line else 0.0


def scored(model: Model, embedded: Tensor, drawn: Mapping[int, LocalFeatures], pairs: Sequence[Pair]) -> Values:
    """What is weighed of pairs of indices (n,): log odds, raised by what their local features agree."""
    head = cast("Siamese", model.network).head
    return compare(head, embedded, pairs) + model.card.agreement_weight * shares(drawn, pairs)


def compare(head: PairHead, embedded: Tensor, pairs: Sequence[Pair]) -> Values:
    """Log odds (n,) of pairs of indices into embeddings."""
    first, second = (embedded[[pair[side] for pair in pairs]] for side in (0, 1))
    with torch.no_grad():
        return np.asarray(log_odds_similar(head.logits(head.pair(first, second)).double()).numpy())


def pair_figures(judged: JudgedPairs, validation: JudgedPairs | None, even: float = 0.0) -> dict[str, Metric]:
    """AUC, accuracy, and the share of similar pairs found while 90 and 95% of dissimilar ones are cleared.

    Args:
        judged: The pairs, by their scores.
        validation: Those of validation brands: where they are given, the accuracy stands also at the threshold that
            is best for them, for each kind of dissimilar pairs. `even` weighs random and hard pairs together, and is
            not where either kind alone is best told apart.
        even: The score at which findings favour neither side.
    """
    figures: dict[str, Metric] = {}
    similar, families = judged.log_odds["similar"], judged.families["similar"]
    for kind in judged.dissimilar:
        others, of = judged.log_odds[kind], judged.families[kind]
        over = f"{len(similar)} similar and {len(others)} {kind} dissimilar pairs"
        figures[f"AUC, {kind} pairs"] = auc_metric(similar, others, families, of, over)
        thresholds = {"accuracy": even}
        if validation and kind in validation.dissimilar:
            best = most_accurate_threshold(validation.log_odds["similar"], validation.log_odds[kind])
            thresholds["accuracy at the threshold of validation"] = best
        for name, threshold in thresholds.items():
            right = [*(similar > threshold), *(others <= threshold)]
            stated = f"{over}, similar above a score of {threshold:.2f}"
            figures[f"{name}, {kind} pairs"] = share_by_source(right, families + of, stated)
        for tnr in (0.9, 0.95):
            figures[f"TPR at TNR {tnr:.2f}, {kind} pairs"] = tpr_at_tnr(similar, others, families, of, tnr, over)
    return figures


def kind_figures(marks: MarkSet, pairs: dict[str, list[Pair]], judged: JudgedPairs, even: float = 0.0) -> Table:
    """A row for each kind of similar pair that the set states, and of pairs that are labelled dissimilar."""
    table: Table = {}
    for side, others in (("similar", ("random", "hard")), ("labelled", ("similar",))):
        stated = np.array([marks.kind(pair) for pair in pairs.get(side, [])])
        for kind in sorted({*stated.tolist()} - {""}):
            here = stated == kind
            scores, families = judged.log_odds[side][here], np.array(judged.families[side])[here]
            over = f"{len(scores)} {side} pairs that are {kind}"
            right = scores > even if side == "similar" else scores <= even
            table[f"{side}: {kind}"] = {
                **{f"AUC, {other} pairs": _auc(judged, side, here, other, over) for other in others},
                "on their side": share_by_source(right, families, over),
            }
    return table


def _auc(judged: JudgedPairs, side: str, chosen: NDArray[np.bool_], other: str, over: str) -> Metric:
    """How well chosen pairs of one side are told from all pairs of the other."""
    own = judged.log_odds[side][chosen], np.array(judged.families[side])[chosen]
    beside = judged.log_odds[other], judged.families[other]
    (first, of_first), (second, of_second) = (own, beside) if side == "similar" else (beside, own)
    return auc_metric(first, second, of_first, of_second, f"{over} against all {other} ones")


def shortcuts(marks: MarkSet, pairs: dict[str, list[Pair]]) -> dict[str, Metric]:
    """AUC of small networks that never compare: one scores size, colours and noise of the first mark, one the second's.

    What the sum of their scores tells apart tells how the pairs were chosen or drawn, and not that two marks are alike.
    Of too few brands there is no figure.
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
            continue  # so few brands that no pair of one side lies in one fold
        ranks, similar, families = ranks_within(folds[kept], scores[kept]), similar[kept], families[kept, 0]
        figures[f"AUC, {kind} pairs"] = auc_metric(
            ranks[similar],
            ranks[~similar],
            families[similar],
            families[~similar],
            "traces of each mark, never compared",
        )
    return figures


def retrieval(head: PairHead, embedded: Tensor, marks: MarkSet) -> dict[str, Metric]:
    """Where the counterparts of each mark stand among all marks, the most similar first; means over marks.

    Marks of the same family that are no counterpart (another design) are left out of its ranking.
    """
    counterparts: dict[int, set[int]] = {}
    for a, b in marks.similar:
        counterparts.setdefault(a, set()).add(b)
        counterparts.setdefault(b, set()).add(a)
    families = np.array(marks.families)
    found = []
    for query, wanted in sorted(counterparts.items()):
        others = np.array([i for i in range(len(families)) if i in wanted or families[i] != families[query]])
        scores = compare(head, embedded, [(query, other) for other in others.tolist()])
        found.append(ranked(scores, np.isin(others, [*wanted])))
    over = f"{len(found)} marks with a counterpart among {len(families)}"
    sources = families[sorted(counterparts)]
    return {name: mean_by_source(np.array([one[name] for one in found]), sources, over) for name in found[0]}


def ranked(scores: Values, wanted: NDArray[np.bool_]) -> dict[str, float]:
    """The retrieval figures of one query from the scores (n,) of the others and which of them are wanted (n,).

    Equal scores stand as they are given. Normalised average rank: 0 where all wanted ones come first, .5 at random.
    Average precision within the first 100. Recall at k: whether a wanted one is among the first k.
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


def invariance(
    model: Model, marks: MarkSet, pictures: Sequence[Pixels], pairs: dict[str, list[Pair]], limit: int
) -> Table:
    """What each transform of the second mark does to the score of similar and of hard dissimilar pairs."""
    even = even_score(model.card)
    chosen = {kind: _evenly(pairs[kind], limit) for kind in ("similar", "hard")}
    used = sorted({index for listed in chosen.values() for pair in listed for index in pair})
    place = {index: position for position, index in enumerate(used)}
    plain = [pictures[index] for index in used]
    framed = _framed(plain)
    plain_embedded, plain_drawn = embed(model, framed), points_of(framed)
    table: Table = {}
    for name, transform in TRANSFORMS.items():
        changed = _framed([transform(picture) for picture in plain])
        embedded = torch.cat([plain_embedded, embed(model, changed)])
        drawn = plain_drawn | {len(used) + number: points for number, points in points_of(changed).items()}
        row: dict[str, Metric] = {}
        for kind, listed in chosen.items():
            before = scored(model, embedded, drawn, [(place[a], place[b]) for a, b in listed])
            after = scored(model, embedded, drawn, [(place[a], len(used) + place[b]) for a, b in listed])
            families = [marks.marks[a].family for a, _ in listed]
            over = f"{kind} pairs, the second mark {name}"
            row[f"change, {kind}"] = mean_by_source(after - before, families, over)
            kept = (after > even) == (kind == "similar")
            row[f"on their side, {kind}"] = share_by_source(kept, families, over)
        table[name] = row
    return table


def _evenly(pairs: Sequence[Pair], limit: int) -> list[Pair]:
    places = np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), limit)).astype(int))
    return [pairs[place] for place in places]


@dataclass(frozen=True)
class Explained:
    """A similar pair that was taken for similar, and what its maps claim.

    Attributes:
        pair: Its indices.
        log_odds: Of the pair as it is.
        maps: Evidence for similarity in each mark, raw (h, w).
        shown: The second mark's map over its pixels (H, W).
    """

    pair: Pair
    log_odds: float
    maps: tuple[NDArray[np.float32], NDArray[np.float32]]
    shown: NDArray[np.float32]


def check_heatmaps(model: Model, marks: MarkSet, pictures: Sequence[Pixels], limit: int) -> Table:
    """Whether hiding what a map claims lowers the score more than hiding another part, and whether maps need weights.

    A fifth of the second mark's picture is covered with its ground: where the map is strongest, and as a check the
    same shape elsewhere, of twelve random places the three that cover as much of what is drawn as nearly as can be.
    """
    explained = [one for one in explain(model, _evenly(marks.similar, limit), pictures) if one.log_odds > 0]
    require_setting(bool(explained), "The model takes none of the similar pairs for similar: there is no map to check.")
    rng = np.random.default_rng(0)
    hidden: list[Pixels] = []
    for one in tqdm(explained, "hiding", leave=False):
        mark = pictures[one.pair[1]]
        claimed = strongest(one.shown, _HIDDEN)
        hidden += [covered(mark, claimed), *(covered(mark, mask) for mask in elsewhere(claimed, ink(mark), rng))]
    each = 1 + _OTHERS
    whole = embed(model, [pictures[one.pair[0]] for one in explained])
    parts = embed(model, hidden)
    pairs = [(i, len(explained) + i * each + k) for i in range(len(explained)) for k in range(each)]
    head = cast("Siamese", model.network).head
    after = compare(head, torch.cat([whole, parts]), pairs).reshape(-1, each)
    before = np.array([one.log_odds for one in explained])
    falls = before[:, None] - after
    families = [marks.marks[one.pair[0]].family for one in explained]
    over = f"similar pairs taken for similar, a {_HIDDEN:.0%} part of the second mark hidden"
    table: Table = {
        "hiding": {
            "claimed part hidden, fall of log odds": mean_by_source(falls[:, 0], families, over),
            "other parts hidden, fall of log odds": mean_by_source(falls[:, 1:].mean(axis=1), families, over),
            "claimed part falls more": share_by_source(falls[:, 0] > falls[:, 1:].mean(axis=1), families, over),
        }
    }
    for name, chosen in _RANDOMISED.items():
        blind = {one.pair: one for one in explain(randomised(model, chosen), [one.pair for one in explained], pictures)}
        alike = np.array([rank_correlation(one.maps[1], blind[one.pair].maps[1]) for one in explained])
        table[f"weights randomised: {name}"] = (
            {"rank correlation": mean_by_source(alike, families, "Spearman, map by map")}
            if np.isfinite(alike).any()
            else {}
        )
    return table


_RANDOMISED: dict[str, Callable[[str], bool]] = {
    "the head": lambda name: name.startswith("head"),
    "all": lambda _: True,
}


def explain(model: Model, pairs: Sequence[Pair], pictures: Sequence[Pixels]) -> list[Explained]:
    """Maps of evidence for similarity, for each pair."""
    network, preprocessing = cast("Any", model.network.eval().requires_grad_(False)), model.card.preprocessing
    grad_cam = HeadGradCam(network.head)
    found = []
    for start in tqdm(range(0, len(pairs), _BATCH // 2), "explaining", leave=False):
        chosen = pairs[start : start + _BATCH // 2]
        prepared = [preprocessing(pictures[pair[side]]) for side in (0, 1) for pair in chosen]
        with torch.no_grad():
            feature_map = network.features(torch.stack([each.tensor for each in prepared]))
        logits, maps = grad_cam(feature_map, log_odds_similar)
        for place, (pair, value) in enumerate(zip(chosen, log_odds_similar(logits.double()).tolist(), strict=True)):
            first, second = maps[place].copy(), maps[len(chosen) + place].copy()
            height, width = pictures[pair[1]].shape[:2]
            heatmap = Heatmap(second, "", "", 1.0, prepared[len(chosen) + place].placement)
            found.append(Explained(pair, value, (first, second), over_part(heatmap, width, height)))
    return found


def strongest(values: NDArray[np.float32], share: float) -> NDArray[np.bool_]:
    """The share of a map's pixels with its largest values, bool (H, W)."""
    count = max(1, round(share * values.size))
    mask = np.zeros(values.size, bool)
    mask[np.argsort(-values, axis=None, kind="stable")[:count]] = True
    return mask.reshape(values.shape)


def elsewhere(mask: NDArray[np.bool_], drawn: NDArray[np.bool_], rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """The mask moved (around the edges) to random places: those that cover most nearly as much of what is drawn."""
    height, width = mask.shape
    moved = [np.roll(mask, (rng.integers(height), rng.integers(width)), (0, 1)) for _ in range(_TRIED)]
    aim = int(drawn[mask].sum())
    return sorted(moved, key=lambda other: abs(int(drawn[other].sum()) - aim))[:_OTHERS]


def covered(mark: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """A mark with what the mask covers in the colour of its ground."""
    edge = np.concatenate([mark[0], mark[-1], mark[:, 0], mark[:, -1]])
    return np.where(mask[..., None], np.median(edge, axis=0).astype(np.uint8), mark)
