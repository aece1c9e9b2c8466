"""The agreement of detections with true boxes: average precision, and figures at one threshold.

Source of average precision: T.-Y. Lin et al.: Microsoft COCO, 2014, with its 101 levels of recall and its matching:
detections of a kind, best first, each take the free true box with the largest overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import box_iou

from inference.models.card import Metric
from training.figures.metrics import mean_by_source, share, share_by_source

Boxes = NDArray[np.float32]
Floats = NDArray[np.float64]

OVERLAPS = tuple(np.round(np.arange(0.5, 1, 0.05), 2).tolist())
"""Intersections over union from which a box counts as detected: .5 to .95."""

_RECALLS = np.linspace(0, 1, 101)
_BOOTSTRAPS = 400


@dataclass(frozen=True)
class SceneBoxes:
    """The true boxes of one scene, or its detections.

    Attributes:
        boxes: Left, top, right, bottom (n, 4).
        labels: Their kinds (n,).
        scores: Their scores (n,), best first; 1 for true boxes.
    """

    boxes: Boxes
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]

    def above(self, least_score: float) -> SceneBoxes:
        """Only those with at least this score."""
        kept = self.scores >= least_score
        return SceneBoxes(self.boxes[kept], self.labels[kept], self.scores[kept])


@dataclass(frozen=True)
class Matched:
    """All detections of one kind in all scenes, best first.

    Attributes:
        scores: (n,).
        scenes: Number of the scene each is in (n,).
        right: Whether each is a true box, by overlap (overlaps, n).
        true: Number of true boxes in each scene (scenes,).
    """

    scores: NDArray[np.float32]
    scenes: NDArray[np.intp]
    right: NDArray[np.bool_]
    true: NDArray[np.intp]


def match(found: Sequence[SceneBoxes], known: Sequence[SceneBoxes], label: int) -> Matched:
    """The detections of one kind, and which of them are right at each of `OVERLAPS`."""
    scores, scenes, right = [], [], []
    for number, (seen, truth) in enumerate(zip(found, known, strict=True)):
        of_kind = seen.labels == label
        scores.append(seen.scores[of_kind])
        scenes.append(np.full(int(of_kind.sum()), number))
        right.append(right_in_scene(seen.boxes[of_kind], truth.boxes[truth.labels == label]))
    # A stable order: detections of equal score keep the order of the scenes.
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return Matched(
        np.concatenate(scores)[order],
        np.concatenate(scenes)[order],
        np.concatenate(right, axis=1)[:, order],
        np.array([int((truth.labels == label).sum()) for truth in known]),
    )


def right_in_scene(boxes: Boxes, truth: Boxes) -> NDArray[np.bool_]:
    """Which boxes (n, 4), best first, take a true one (m, 4), at each of `OVERLAPS`: (overlaps, n)."""
    right = np.zeros((len(OVERLAPS), len(boxes)), np.bool_)
    overlaps = box_iou(torch.from_numpy(boxes), torch.from_numpy(truth)).numpy()
    for row, least in enumerate(OVERLAPS):
        free = np.ones(len(truth), np.bool_)
        for index in range(len(boxes)):
            lying = np.where(free, overlaps[index], 0.0)
            if len(truth) and lying.max() >= least:
                free[lying.argmax()] = False
                right[row, index] = True
    return right


def average_precision(matched: Matched, weights: Floats | None = None) -> Floats:
    """Average precision at each of `OVERLAPS`; NaN without a true box.

    Args:
        matched: The detections of one kind.
        weights: Weight of each scene (scenes,); by default 1.
    """
    weights = np.ones(len(matched.true)) if weights is None else weights
    total = float(matched.true @ weights)
    if total == 0:
        return np.full(len(OVERLAPS), np.nan)
    each = weights[matched.scenes]
    hits = np.cumsum(matched.right * each, axis=1)
    claimed = np.cumsum(each)
    # A detection in a scene with weight 0 has no precision.
    precision = np.divide(hits, claimed, out=np.zeros_like(hits), where=claimed > 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    values = np.zeros(len(OVERLAPS))
    for row in range(len(OVERLAPS)):
        reached = np.searchsorted(hits[row] / total, _RECALLS - 1e-12)
        inside = reached < envelope.shape[1]
        values[row] = envelope[row, reached[inside]].sum() / len(_RECALLS)
    return values


def precision_metrics(
    found: Sequence[SceneBoxes], known: Sequence[SceneBoxes], parts: Sequence[str]
) -> dict[str, Metric]:
    """Average precision at .5 and over .5 to .95, of each part and on the mean, with intervals by scene."""
    matched = [match(found, known, label) for label in range(len(parts))]
    draws = np.random.default_rng(0).multinomial(len(known), np.full(len(known), 1 / len(known)), size=_BOOTSTRAPS)
    values = np.stack([average_precision(one) for one in matched])
    drawn = np.stack([[average_precision(one, draw.astype(np.float64)) for one in matched] for draw in draws])
    metrics = {}
    over_all = f"mean over IoU {OVERLAPS[0]} to {OVERLAPS[-1]}"
    for name, key, chosen, counted in (
        ("average precision", "average_precision", slice(0, 1), f"IoU {OVERLAPS[0]}"),
        ("average precision .5:.95", "average_precision_50_95", slice(None), over_all),
    ):
        over = f"{counted}; {len(known)} scenes, bootstrap by scene, {_BOOTSTRAPS} draws"
        by_part, by_part_drawn = values[:, chosen].mean(1), drawn[:, :, chosen].mean(2)
        metrics[f"mean {name}"] = _metric(float(by_part.mean()), by_part_drawn.mean(1), over).named(f"mean_{key}")
        for label, part in enumerate(parts):
            boxes = f"{int(matched[label].true.sum())} boxes; {over}"
            metrics[f"{name} of {part}"] = _metric(float(by_part[label]), by_part_drawn[:, label], boxes).named(
                key, part
            )
    return metrics


def _metric(value: float, drawn: Floats, over: str) -> Metric:
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Metric(value, float(low), float(high), over)


def detection_metrics(
    found: Sequence[SceneBoxes], known: Sequence[SceneBoxes], least_score: float
) -> dict[str, Metric]:
    """Recall, precision and false detections per empty scene, at a least score, with intervals by scene."""
    kept = [seen.above(least_score) for seen in found]
    hits = [_right(seen, truth) for seen, truth in zip(kept, known, strict=True)]
    scenes = [str(number) for number in range(len(known))]
    empty = [len(seen.scores) for seen, truth in zip(kept, known, strict=True) if not len(truth.labels)]
    metrics = {}
    parts = np.array([len(truth.labels) for truth in known])
    if parts.sum():
        found_parts = np.concatenate([np.arange(n) < hit.sum() for n, hit in zip(parts, hits, strict=True)])
        over = f"parts with a detection of their kind at IoU 0.5 and score {least_score:.3f}"
        metrics["recall"] = share_by_source(found_parts, np.repeat(scenes, parts), over).named("recall")
    detections = np.array([len(hit) for hit in hits])
    if detections.sum():
        over = f"detections at score {least_score:.3f} that are a part of their kind, at IoU 0.5"
        metrics["precision"] = share_by_source(np.concatenate(hits), np.repeat(scenes, detections), over).named(
            "precision"
        )
    if empty:
        metrics["false finds per empty scene"] = _per_empty_scene(np.array(empty, np.float64)).named("false_finds")
    return metrics


def _right(seen: SceneBoxes, truth: SceneBoxes) -> NDArray[np.bool_]:
    """Whether each detection is a part of its kind, at an overlap of .5."""
    right = np.zeros(len(seen.labels), np.bool_)
    for label in np.unique(seen.labels):
        of_kind = seen.labels == label
        right[of_kind] = right_in_scene(seen.boxes[of_kind], truth.boxes[truth.labels == label])[0]
    return right


def _per_empty_scene(counts: Floats) -> Metric:
    over = "detections in scenes without a part"
    if not counts.any():
        # A bootstrap of zeros would give an interval without width.
        return share(0, len(counts), over)
    return mean_by_source(counts, [str(number) for number in range(len(counts))], over)


def least_score(found: Sequence[SceneBoxes], known: Sequence[SceneBoxes], most_false: float) -> float:
    """The least score of a detection, to be chosen on validation scenes.

    Of all scores that leave at most `most_false` detections per empty scene, it is the one with the best F1 at an
    overlap of .5; 1 if there is none.
    """
    right = np.concatenate([_right(seen, truth) for seen, truth in zip(found, known, strict=True)])
    scores = np.concatenate([seen.scores for seen in found])
    empty = np.concatenate(
        [np.full(len(seen.scores), not len(truth.labels)) for seen, truth in zip(found, known, strict=True)]
    )
    order = np.argsort(-scores, kind="stable")
    hits, claimed = np.cumsum(right[order]), np.arange(1, len(order) + 1)
    parts = sum(len(truth.labels) for truth in known)
    allowed = np.cumsum(empty[order]) <= most_false * max(1, sum(not len(truth.labels) for truth in known))
    if not allowed.any():
        return 1.0
    f1 = np.where(allowed, 2 * hits / (claimed + parts), -1)
    best = int(f1.argmax())
    # Half-way to the next lower score, so that the threshold is not the score of a detection.
    following = scores[order[best + 1]] if best + 1 < len(order) else 0.0
    return float((scores[order[best]] + following) / 2)
