"""What a card states of a model: figures with intervals, the band, the heatmap's scale, the pictures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torchmetrics.functional.classification import binary_auroc

from inference.models.card import HISTOGRAM_BINS, Confusion
from training.figures.metrics import (
    auc,
    auc_metric,
    class_metrics,
    draw_confusion,
    full_scale,
    histogram,
    inconclusive_band,
    share,
    share_by_source,
    share_of_pairs,
)

Scores = NDArray[np.float64]

SIDES = ("genuine", "counterfeit")


def double_loop_auc(first: Scores, second: Scores) -> float:
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a in first for b in second]
    return sum(wins) / len(wins)


def scores_with_ties(seed: int, first: int, second: int) -> tuple[Scores, Scores]:
    rng = np.random.default_rng(seed)
    return rng.normal(0.6, 0.2, first).clip(0, 1).round(1), rng.normal(0.4, 0.2, second).clip(0, 1).round(1)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param([0.9, 0.8], [0.1, 0.2, 0.3], 1.0, id="apart"),
        pytest.param([0.1, 0.2], [0.8, 0.9], 0.0, id="the wrong way round"),
        pytest.param([0.5, 0.5], [0.5], 0.5, id="all tied"),
        pytest.param([0.2, 0.8], [0.5], 0.5, id="one win of two"),
        pytest.param([0.5, 0.8], [0.5, 0.1], 0.875, id="a tie counts half"),
    ],
)
def test_auc_of_hand_counted_cases(first: list[float], second: list[float], expected: float) -> None:
    assert auc(np.array(first), np.array(second)) == expected


@pytest.mark.parametrize(("first", "second"), [(1, 1), (1, 30), (30, 1), (25, 40)])
@pytest.mark.parametrize("seed", range(3))
def test_auc_equals_a_double_loop_and_torchmetrics(seed: int, first: int, second: int) -> None:
    a, b = scores_with_ties(seed, first, second)
    value = auc(a, b)
    assert value == pytest.approx(double_loop_auc(a, b))
    truth = torch.tensor([1] * first + [0] * second)
    assert value == pytest.approx(float(binary_auroc(torch.tensor([*a, *b]), truth)), abs=1e-6)


def test_the_interval_of_an_auc_is_wider_with_fewer_sources() -> None:
    first, second = scores_with_ties(0, 120, 120)
    widths = []
    for sources in (120, 24, 6):
        names = [str(index % sources) for index in range(120)]
        metric = auc_metric(first, second, [f"a{name}" for name in names], [f"b{name}" for name in names], "photos")
        assert metric.value == auc(first, second)
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low < metric.value < metric.high
        assert metric.over == f"photos; bootstrap over {2 * sources} sources, 2000 draws"
        widths.append(metric.high - metric.low)
    assert all(fewer > more for more, fewer in pairwise(widths))


def test_the_interval_of_an_auc_draws_whole_sources() -> None:
    """Copies of one photo say nothing new: five photos an item give the interval of one."""
    first, second = scores_with_ties(1, 20, 20)
    items = [f"a{index}" for index in range(20)], [f"b{index}" for index in range(20)]
    once = auc_metric(first, second, *items, "")
    copied = auc_metric(first.repeat(5), second.repeat(5), np.repeat(items[0], 5), np.repeat(items[1], 5), "")
    assert (copied.value, copied.low, copied.high) == pytest.approx((once.value, once.low, once.high))


def test_one_source_on_both_sides_is_one_source() -> None:
    first, second = scores_with_ties(2, 10, 10)
    names = [str(index) for index in range(10)]
    assert "over 10 sources" in auc_metric(first, second, names, names, "pairs").over


def wilson(successes: int, total: int) -> tuple[float, float]:
    """Where the score test just rejects a true share: the roots of (p - x)^2 = z^2 x (1 - x) / n."""
    z2, p = 1.959963984540054**2, successes / total
    low, high = sorted(np.roots([1 + z2 / total, -(2 * p + z2 / total), p * p]).real.tolist())
    return low, high


@pytest.mark.parametrize(("successes", "total"), [(0, 1), (1, 1), (0, 20), (20, 20), (1, 7), (50, 100), (997, 1000)])
def test_a_share_has_its_wilson_interval(successes: int, total: int) -> None:
    metric = share(successes, total, "photos")
    assert metric.value == successes / total
    assert (metric.low, metric.high) == pytest.approx(wilson(successes, total), abs=1e-12)
    assert metric.over == f"photos; {total} counted, Wilson interval"


@pytest.mark.parametrize("right", [True, False], ids=["all right", "all wrong"])
@pytest.mark.parametrize(("photos", "items"), [(1, 1), (12, 12), (12, 3)])
def test_a_share_without_spread_is_bounded_by_its_sources(right: bool, photos: int, items: int) -> None:
    """Ten photos of three items, all right, are three independent successes."""
    metric = share_by_source([right] * photos, [str(index % items) for index in range(photos)], "photos")
    assert metric.value == float(right)
    assert (metric.low, metric.high) == pytest.approx(wilson(items if right else 0, items), abs=1e-12)
    assert metric.over == f"photos; {photos} cases of {items} sources, Wilson interval by source"


def test_a_share_by_source_draws_whole_sources() -> None:
    right = np.array([True, True, False, True, False, True, True, True])
    items = [f"item {index}" for index in range(8)]
    once, copied = share_by_source(right, items, ""), share_by_source(right.repeat(6), np.repeat(items, 6), "")
    assert once.value == 0.75
    assert once.low is not None
    assert once.high is not None
    assert once.low < 0.75 < once.high
    assert (copied.value, copied.low, copied.high) == pytest.approx((once.value, once.low, once.high))
    apart = share_by_source(right.repeat(6), [f"photo {index}" for index in range(48)], "")
    assert apart.low is not None
    assert apart.low > once.low


def test_a_share_of_pairs_draws_the_sources_of_both_members() -> None:
    """Against a bootstrap that draws sources and lists the pairs of what was drawn."""
    rng = np.random.default_rng(0)
    sources = [f"owner {index}" for index in range(12)]
    pairs = [(a, b) for a in sources for b in sources if a <= b]
    right = [hash_of in (0, 3) for hash_of in rng.integers(0, 6, len(pairs))]
    values = []
    for _ in range(1500):
        drawn = Counter(rng.choice(sources, len(sources)).tolist())
        of_both = [drawn[a] * (1 if a == b else drawn[b]) for a, b in pairs]
        values.append(sum(count for count, one in zip(of_both, right, strict=True) if one) / sum(of_both))
    metric = share_of_pairs(right, [a for a, _ in pairs], [b for _, b in pairs], "pairs")
    assert metric.value == sum(right) / len(pairs)
    assert (metric.low, metric.high) == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.02)
    alone = share_of_pairs([False] * len(pairs), [a for a, _ in pairs], [b for _, b in pairs], "pairs")
    assert (alone.low, alone.high) == pytest.approx(wilson(0, 12), abs=1e-12)


def class_figures_naively(predicted: list[int], labels: list[int], number: int) -> dict[str, float]:
    """Precision, recall and F1 of one class, counted photo by photo; what would be 0 / 0 is left out."""
    hits = sum(p == t == number for p, t in zip(predicted, labels, strict=True))
    claimed, present = predicted.count(number), labels.count(number)
    found = {}
    if claimed:
        found["precision"] = hits / claimed
    if present:
        found["recall"] = hits / present
    if claimed + present:
        found["F1"] = 2 * hits / (claimed + present)
    return found


@pytest.mark.parametrize(
    ("predicted", "labels"),
    [
        pytest.param([0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 1, 2], id="all right"),
        pytest.param([0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 2], id="a class never predicted"),
        pytest.param([0, 2, 1, 1, 0, 2], [0, 0, 0, 1, 1, 1], id="a class never there"),
        pytest.param([0, 0, 1], [0, 1, 1], id="a class of which there is nothing"),
        pytest.param([1, 2, 0], [0, 1, 2], id="all wrong"),
        pytest.param([0], [0], id="one photo"),
    ],
)
def test_figures_of_a_class_equal_a_naive_loop(predicted: list[int], labels: list[int]) -> None:
    items = [f"item {index // 2}" for index in range(len(labels))]
    table = class_metrics(np.array(predicted), np.array(labels), items, ("a", "b", "c"))
    assert list(table) == ["a", "b", "c"]
    for number, figures in enumerate(table.values()):
        expected = class_figures_naively(predicted, labels, number)
        assert {name: metric.value for name, metric in figures.items()} == pytest.approx(expected)
        for metric in figures.values():
            assert metric.low is not None
            assert metric.high is not None
            assert 0 <= metric.low <= metric.high <= 1
            assert metric.over == (
                f"{labels.count(number)} photos of the class, {predicted.count(number)} taken for it; bootstrap by item"
            )


def test_intervals_of_a_class_draw_whole_items() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 40)
    predicted = np.where(rng.random(40) < 0.8, labels, 1 - labels)
    items = np.array([f"item {index}" for index in range(40)])
    once = class_metrics(predicted, labels, items, ("a", "b"))
    copied = class_metrics(predicted.repeat(5), labels.repeat(5), items.repeat(5), ("a", "b"))
    apart = class_metrics(predicted.repeat(5), labels.repeat(5), [f"photo {i}" for i in range(200)], ("a", "b"))
    for name, figures in once.items():
        for figure, metric in figures.items():
            again, narrower = copied[name][figure], apart[name][figure]
            assert (again.value, again.low, again.high) == pytest.approx((metric.value, metric.low, metric.high))
            assert metric.low is not None
            assert narrower.low is not None
            assert metric.low < narrower.low < narrower.value == pytest.approx(metric.value)


def even(low: float, high: float, count: int) -> Scores:
    return np.linspace(low, high, count)


@pytest.mark.parametrize(
    ("genuine", "counterfeit", "lower", "upper"),
    [
        # 39 scores: of the 40 gaps two, 5%, lie above the second largest score
        pytest.param(even(0.30, 0.68, 39), even(0.24, 0.62, 39), 0.31, 0.61, id="overlap"),
        pytest.param(even(0.80, 0.99, 39), even(0.01, 0.20, 39), 0.195, 0.805, id="a gap"),
        pytest.param(even(0.80, 0.99, 20), even(0.60, 0.79, 20), 0.5, 0.80, id="both above a half"),
        pytest.param(even(0.20, 0.39, 20), even(0.01, 0.19, 20), 0.19, 0.5, id="both below a half"),
        pytest.param(even(0.01, 0.19, 20), even(0.80, 0.99, 20), 0.01, 0.99, id="the wrong way round"),
        pytest.param(np.array([0.9]), np.array([0.2]), 0.2, 0.9, id="one a side"),
    ],
)
def test_the_band_lies_between_what_the_sides_reach(
    genuine: Scores, counterfeit: Scores, lower: float, upper: float
) -> None:
    rng = np.random.default_rng(0)
    band = inconclusive_band(rng.permutation(genuine), rng.permutation(counterfeit), SIDES)
    assert (band.lower, band.upper) == pytest.approx((lower, upper), abs=1e-9)


@pytest.mark.parametrize(("first", "second", "too_few"), [(19, 19, False), (18, 200, True), (200, 18, True)])
def test_too_few_validation_samples_are_confessed(first: int, second: int, too_few: bool) -> None:
    band = inconclusive_band(even(0.5, 1, first), even(0, 0.5, second), SIDES)
    assert f"the {first} genuine" in band.rule
    assert f"the {second} counterfeit" in band.rule
    assert ("promise no rate" in band.rule) == too_few


def beta(a: float, b: float) -> Callable[[np.random.Generator, int], Scores]:
    return lambda rng, count: rng.beta(a, b, count)


def saturated(rng: np.random.Generator, count: int) -> Scores:
    """A network that is sure of nearly everything: most probabilities are exactly 1."""
    return np.where(rng.random(count) < 0.6, 1.0, rng.random(count))


@pytest.mark.parametrize("samples", [19, 39, 64])
@pytest.mark.parametrize(
    ("genuine", "counterfeit"),
    [
        pytest.param(beta(6, 3), beta(3, 6), id="overlap"),
        pytest.param(beta(40, 4), beta(4, 40), id="a gap"),
        pytest.param(beta(2, 2), beta(2, 2), id="no difference"),
        pytest.param(beta(9, 2), beta(6, 2), id="both lean one way"),
        pytest.param(saturated, saturated, id="probabilities of exactly 1"),
    ],
)
def test_outside_the_band_at_most_5_percent_of_a_side_are_wrong(
    genuine: Callable[..., Scores], counterfeit: Callable[..., Scores], samples: int
) -> None:
    rng, draws = np.random.default_rng(0), 2000
    wrong = np.zeros(2)
    for _ in range(draws):
        band = inconclusive_band(genuine(rng, samples), counterfeit(rng, samples), SIDES)
        assert band.lower <= 0.5 <= band.upper
        wrong += [band.side(genuine(rng, 1)[0]) == "second", band.side(counterfeit(rng, 1)[0]) == "first"]
    tolerance = 3 * math.sqrt(0.05 * 0.95 / draws)
    assert (wrong / draws).max() <= 0.05 + tolerance


def test_a_histogram_counts_every_probability_once() -> None:
    probabilities = np.array([0.0, 0.049, 0.05, 0.5, 0.999, 1.0])
    counts = histogram(probabilities)
    assert len(counts) == HISTOGRAM_BINS
    assert sum(counts) == 6
    assert (counts[0], counts[1], counts[10], counts[-1]) == (2, 1, 1, 2)
    assert all(isinstance(count, int) for count in counts)


def test_the_scale_of_heatmaps_ends_at_what_the_peak_of_one_in_ten_exceeds() -> None:
    peaks = np.random.default_rng(1).exponential(2.0, 23).astype(np.float32)
    assert full_scale(peaks) == pytest.approx(np.quantile(peaks, 0.9))
    assert full_scale(np.zeros(5)) == 1e-6


@pytest.mark.parametrize(
    ("classes", "counts"),
    [
        pytest.param(("similar", "dissimilar"), ((5, 1), (0, 7)), id="two classes"),
        pytest.param(("a", "b", "c"), ((5, 1, 0), (0, 0, 0), (1000, 2, 31)), id="a class without a sample"),
        pytest.param(
            tuple(f"leather tag, spring collection {index}/counterfeit" for index in range(8)),
            ((1,) * 8,) * 8,
            id="long names",
        ),
    ],
)
def test_a_confusion_matrix_is_drawn(
    classes: tuple[str, ...], counts: tuple[tuple[int, ...], ...], tmp_path: Path
) -> None:
    (tmp_path / "confusion.png").write_bytes(draw_confusion(Confusion("13 test photos", classes, counts)))
    with Image.open(tmp_path / "confusion.png") as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 300
        # the largest share is the darkest cell: more than axes and text is drawn
        assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 20
