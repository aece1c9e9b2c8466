"""Assesses the heatmaps of marks: by hiding the area that they claim, and by randomising the weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from inference.heatmap import over_part
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.mark_view import MarkView
from inference.trademark.sub_scores import ink
from training.assessment.heatmaps import randomised, rank_correlation
from training.assessment.mark_trials import Pixels
from training.assessment.pairs import evenly, judge_all, view_all
from training.assessment.tables import Table
from training.data.marks.mark_set import MarkSet, Pair
from training.figures.metrics import mean_by_source, share_by_source
from training.fitting.run_folder import require_setting

_HIDDEN = 0.2
_OTHERS, _TRIED = 3, 12


@dataclass(frozen=True)
class Explained:
    """A similar pair that was judged similar, with its heatmaps.

    Attributes:
        pair: Its indices.
        log_odds: Log odds of the unchanged pair, in nats.
        maps: Raw heatmap for similarity of each mark (h, w).
        shown: The second mark's heatmap over its pixels (H, W).
    """

    pair: Pair
    log_odds: float
    maps: tuple[NDArray[np.float32], NDArray[np.float32]]
    shown: NDArray[np.float32]


def check_heatmaps(examiner: TrademarkExaminer, marks: MarkSet, limit: int) -> Table:
    """Whether hiding the claimed area lowers the score more than hiding another, and whether heatmaps need the weights.

    A fifth of the second mark's picture is covered with its ground: once where the heatmap is strongest, and with the
    same shape at three other places. Of twelve random places, these cover the most similar amount of ink.
    """
    pairs = evenly(marks.similar, limit)
    views = view_all(examiner, marks, pairs)
    explained = [one for one in explain(examiner, pairs, views) if one.log_odds > 0]
    require_setting(
        bool(explained),
        "The model judges no similar pair similar, so that there is no heatmap to check; name other marks.",
    )
    rng = np.random.default_rng(0)
    hidden: list[Pixels] = []
    for one in tqdm(explained, "hiding", leave=False):
        mark = views[one.pair[1]].mark.pixels
        claimed = strongest(one.shown, _HIDDEN)
        hidden += [covered(mark, claimed), *(covered(mark, mask) for mask in elsewhere(claimed, ink(mark), rng))]
    each = 1 + _OTHERS
    whole = examiner.embed([views[one.pair[0]].image for one in explained])
    parts = examiner.embed([torch.from_numpy(examiner.card.preprocessing(mark).values) for mark in hidden])
    after = np.array(
        examiner.compare_embedded([(whole[index // each], part) for index, part in enumerate(parts)])
    ).reshape(-1, each)
    before = np.array([one.log_odds for one in explained])
    falls = before[:, None] - after
    families = [marks.marks[one.pair[0]].family for one in explained]
    over = f"similar pairs taken for similar, a {_HIDDEN:.0%} part of the second mark hidden"
    table: Table = {
        "hiding": {
            "claimed part hidden, fall of log odds": mean_by_source(falls[:, 0], families, over).named(
                "heatmap_fall_of_claimed"
            ),
            "other parts hidden, fall of log odds": mean_by_source(falls[:, 1:].mean(axis=1), families, over).named(
                "heatmap_fall_of_others"
            ),
            "claimed part falls more": share_by_source(falls[:, 0] > falls[:, 1:].mean(axis=1), families, over).named(
                "heatmap_claimed_falls_more"
            ),
        }
    }
    for name, chosen in _RANDOMISED.items():
        other = TrademarkExaminer(randomised(examiner.model, chosen))
        blind = {one.pair: one for one in explain(other, [one.pair for one in explained], views)}
        alike = np.array([rank_correlation(one.maps[1], blind[one.pair].maps[1]) for one in explained])
        row = f"weights randomised: {name}"
        table[row] = {}
        if np.isfinite(alike).any():
            metric = mean_by_source(alike, families, "Spearman, map by map")
            table[row]["rank correlation"] = metric.named("heatmap_rank_correlation", row)
    return table


_RANDOMISED: dict[str, Callable[[str], bool]] = {
    "the head": lambda name: name.startswith("head"),
    "all": lambda _: True,
}


def explain(examiner: TrademarkExaminer, pairs: Sequence[Pair], views: Mapping[int, MarkView]) -> list[Explained]:
    """The pairs with the heatmaps that their examiner makes."""
    found = []
    for pair, comparison in zip(pairs, judge_all(examiner, [(views[a], views[b]) for a, b in pairs]), strict=True):
        first, second = comparison.heatmaps
        height, width = views[pair[1]].mark.pixels.shape[:2]
        found.append(Explained(pair, comparison.log_odds, (first.raw, second.raw), over_part(second, width, height)))
    return found


def strongest(values: NDArray[np.float32], share: float) -> NDArray[np.bool_]:
    """Mask, bool (H, W), of the share of a map's pixels with the largest values."""
    count = max(1, round(share * values.size))
    mask = np.zeros(values.size, bool)
    mask[np.argsort(-values, axis=None, kind="stable")[:count]] = True
    return mask.reshape(values.shape)


def elsewhere(mask: NDArray[np.bool_], drawn: NDArray[np.bool_], rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """The mask moved (wrapping at the edges) to those random places that cover the most similar amount of ink."""
    height, width = mask.shape
    moved = [np.roll(mask, (rng.integers(height), rng.integers(width)), (0, 1)) for _ in range(_TRIED)]
    aim = int(drawn[mask].sum())
    return sorted(moved, key=lambda other: abs(int(drawn[other].sum()) - aim))[:_OTHERS]


def covered(mark: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """A mark with the masked area in the colour of its ground."""
    edge = np.concatenate([mark[0], mark[-1], mark[:, 0], mark[:, -1]])
    return np.where(mask[..., None], np.median(edge, axis=0).astype(np.uint8), mark)
