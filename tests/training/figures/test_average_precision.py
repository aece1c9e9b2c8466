"""Average precision and finds at a threshold, against loops that a person can follow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from training.figures.average_precision import (
    OVERLAPS,
    SceneBoxes,
    average_precision,
    detection_metrics,
    least_score,
    match,
    precision_metrics,
)


def scene(*boxes: tuple[float, ...], labels: Sequence[int] = (), scores: Sequence[float] = ()) -> SceneBoxes:
    return SceneBoxes(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(labels or [0] * len(boxes), np.int64),
        np.array(scores or [1.0] * len(boxes), np.float32),
    )


def drawn(rng: np.random.Generator, scenes: int = 12, kinds: int = 2) -> tuple[list[SceneBoxes], list[SceneBoxes]]:
    """Finds near true boxes and elsewhere, some twice, with scores that say a little."""
    found, known = [], []
    for _ in range(scenes):
        corners = rng.uniform(0, 80, (int(rng.integers(0, 4)), 2))
        truth = np.concatenate([corners, corners + rng.uniform(8, 30, corners.shape)], 1).astype(np.float32)
        labels = rng.integers(0, kinds, len(truth))
        known.append(SceneBoxes(truth, labels, np.ones(len(truth), np.float32)))
        picked = rng.integers(0, max(len(truth), 1), int(rng.integers(0, 6))) if len(truth) else np.zeros(0, int)
        near = truth[picked] + rng.normal(0, 2, (len(picked), 4)).astype(np.float32)
        strays = rng.uniform(0, 60, (int(rng.integers(0, 3)), 2))
        boxes = np.concatenate([near, np.concatenate([strays, strays + 15], 1)]).astype(np.float32)
        kind = np.concatenate([labels[picked], rng.integers(0, kinds, len(strays))]).astype(np.int64)
        scores = np.round(rng.uniform(0, 1, len(boxes)), 3).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        found.append(SceneBoxes(boxes[order], kind[order], scores[order]))
    return found, known


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(across, 0) * max(down, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(shared / (sum(areas) - shared))


def oracle(found: list[SceneBoxes], known: list[SceneBoxes], label: int, least: float) -> float:
    """COCO's average precision of one kind at one overlap: finds one by one, recalls one by one."""
    detections = [
        (float(score), number, box)
        for number, seen in enumerate(found)
        for box, kind, score in zip(seen.boxes, seen.labels, seen.scores, strict=True)
        if kind == label
    ]
    detections.sort(key=lambda find: -find[0])
    total = sum(int((truth.labels == label).sum()) for truth in known)
    if total == 0:
        return float("nan")
    taken: set[tuple[int, int]] = set()
    curve, hits = [], 0
    for rank, (_, number, box) in enumerate(detections, 1):
        truth = known[number]
        free = [
            (overlap(box, truth.boxes[index]), index)
            for index in np.flatnonzero(truth.labels == label)
            if (number, index) not in taken
        ]
        best = max(free, default=(0.0, -1))
        if best[0] >= least:
            taken.add((number, best[1]))
            hits += 1
        curve.append((hits / total, hits / rank))
    levels = [max((p for r, p in curve if r >= level - 1e-12), default=0.0) for level in np.linspace(0, 1, 101)]
    return float(np.mean(levels))


@pytest.mark.parametrize("seed", range(12))
def test_average_precision_is_that_of_the_loops(seed: int) -> None:
    found, known = drawn(np.random.default_rng(seed))
    for label in range(2):
        expected = [oracle(found, known, label, least) for least in OVERLAPS]
        assert average_precision(match(found, known, label)) == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("seed", range(4))
def test_a_scene_that_counts_twice_is_a_scene_that_is_there_twice(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    found, known = drawn(rng)
    weights = rng.integers(0, 3, len(known))
    copies = np.repeat(np.arange(len(known)), weights)
    again = average_precision(match([found[i] for i in copies], [known[i] for i in copies], 0))
    assert average_precision(match(found, known, 0), weights.astype(np.float64)) == pytest.approx(again, abs=1e-9)


def test_perfect_finds_have_precision_one_and_none_zero() -> None:
    known = [scene((0, 0, 10, 10), (20, 20, 40, 40)), scene()]
    assert average_precision(match(known, known, 0)).tolist() == [1.0] * len(OVERLAPS)
    assert average_precision(match([scene(), scene()], known, 0)).tolist() == [0.0] * len(OVERLAPS)
    assert np.isnan(average_precision(match(known, [scene(), scene()], 0))).all()


def test_metrics_state_each_part_the_mean_and_intervals_that_hold_them() -> None:
    found, known = drawn(np.random.default_rng(3), scenes=30)
    metrics = precision_metrics(found, known, ("tag", "buckle"))
    assert list(metrics) == [
        *("mean average precision", "average precision of tag", "average precision of buckle"),
        *("mean average precision .5:.95", "average precision .5:.95 of tag", "average precision .5:.95 of buckle"),
    ]
    for name, metric in metrics.items():
        assert 0 <= metric.low <= metric.value <= metric.high <= 1, name
        assert "30 scenes" in metric.over
    parts = [metrics[f"average precision of {part}"].value for part in ("tag", "buckle")]
    assert metrics["mean average precision"].value == pytest.approx(np.mean(parts))


FOUND = [
    scene((0, 0, 10, 10), (50, 50, 60, 60), scores=(0.9, 0.8)),
    scene((0, 0, 10, 10), (30, 30, 40, 40), labels=(1, 0), scores=(0.7, 0.3)),
    scene((5, 5, 20, 20), scores=(0.6,)),
    scene(),
]
KNOWN = [scene((0, 0, 10, 10)), scene((0, 0, 10, 10), (30, 30, 40, 41)), scene(), scene()]


@pytest.mark.parametrize(
    ("threshold", "recall", "precision", "false"),
    [(0.2, 2 / 3, 2 / 5, 0.5), (0.65, 1 / 3, 1 / 3, 0.0), (0.85, 1 / 3, 1.0, 0.0)],
)
def test_finds_at_a_threshold(threshold: float, recall: float, precision: float, false: float) -> None:
    metrics = detection_metrics(FOUND, KNOWN, threshold)
    assert metrics["recall"].value == pytest.approx(recall)
    assert metrics["precision"].value == pytest.approx(precision)
    empty = metrics["false finds per empty scene"]
    assert empty.value == pytest.approx(false)
    # Two empty scenes without a false find promise little.
    assert empty.high > 0.4


@pytest.mark.parametrize(
    ("most_false", "expected"),
    [
        # All finds: F1 of 2 hits in 5 finds of 3 parts, .5, is also that of the best find alone; the fewer are taken.
        (1.0, (0.9 + 0.8) / 2),
        (0.0, (0.9 + 0.8) / 2),
    ],
)
def test_the_threshold_keeps_empty_scenes_empty_and_then_finds_most(most_false: float, expected: float) -> None:
    assert least_score(FOUND, KNOWN, most_false) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(6))
def test_the_threshold_is_the_best_of_all_that_are_allowed(seed: int) -> None:
    found, known = drawn(np.random.default_rng(200 + seed), scenes=20)
    for most_false in (0.0, 0.3, 5.0):
        chosen = least_score(found, known, most_false)
        candidates = [0.0, *np.unique(np.concatenate([seen.scores for seen in found])), 1.0]
        best = max(f1(found, known, one) for one in candidates if false_finds(found, known, one) <= most_false)
        assert false_finds(found, known, chosen) <= most_false
        assert f1(found, known, chosen) == pytest.approx(best)


def false_finds(found: list[SceneBoxes], known: list[SceneBoxes], least: float) -> float:
    empty = [len(seen.above(least).scores) for seen, truth in zip(found, known, strict=True) if not len(truth.labels)]
    return sum(empty) / max(len(empty), 1)


def f1(found: list[SceneBoxes], known: list[SceneBoxes], least: float) -> float:
    """By the loops' matching, at an overlap of .5."""
    hits = detections = 0
    for seen, truth in zip(found, known, strict=True):
        kept, taken = seen.above(least), set()
        detections += len(kept.labels)
        for box, label in zip(kept.boxes, kept.labels, strict=True):
            free = [index for index in np.flatnonzero(truth.labels == label) if index not in taken]
            best = max(((overlap(box, truth.boxes[index]), index) for index in free), default=(0.0, -1))
            if best[0] >= 0.5:
                taken.add(best[1])
                hits += 1
    return 2 * hits / max(detections + sum(len(truth.labels) for truth in known), 1)
