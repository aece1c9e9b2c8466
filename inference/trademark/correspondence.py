"""Correspondences: which area of one mark corresponds to which area of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inference.heatmap import strength
from inference.records import Correspondence, Heatmap

Pixels = NDArray[np.uint8]
Features = NDArray[np.float32]
Place = tuple[float, float]
FeaturesAndHeatmap = tuple[Features, Heatmap]

MOST = 6
"""Most correspondences that are numbered, since an examiner checks each."""
LEAST = 0.1
"""Least strength of a match that the eye can distinguish from chance."""
_APART = 2


def correspondences(
    first: FeaturesAndHeatmap, second: FeaturesAndHeatmap, *, swapped: bool = False
) -> tuple[Correspondence, ...]:
    """Cells of two feature maps that are mutual nearest neighbours, the strongest first.

    A match is the cosine of two cells' features, less what all cells of both marks have in common, times the geometric
    mean of the evidence for similarity at the two cells, as shares of the model's fixed scale. A match counts where
    the cells are mutual nearest neighbours and it is at least `LEAST` strong; of neighbours only the strongest does.

    Args:
        first: Feature map (C, h, w) of the first mark, and a heatmap of its evidence for similarity.
        second: The same of the second mark.
        swapped: Whether to compute in the other order and give the places in this one; with a canonical order the
            result is the same to the bit, whichever mark comes first.

    Returns:
        At most `MOST` correspondences.
    """
    if swapped:
        return tuple(replace(one, places=one.places[::-1]) for one in correspondences(second, first))
    features, evidence = (first[0], second[0]), (first[1], second[1])
    cells = [_cells_inside(heatmap, feature.shape[1:]) for feature, heatmap in zip(features, evidence, strict=True)]
    if not all(len(inside) for inside, _ in cells):
        return ()
    chosen = [feature[:, inside[:, 0], inside[:, 1]].T for feature, (inside, _) in zip(features, cells, strict=True)]
    middle = np.concatenate(chosen).mean(axis=0)
    here, there = (_unit(vectors - middle) for vectors in chosen)
    weights = [np.sqrt(_at(heatmap, places)) for heatmap, (_, places) in zip(evidence, cells, strict=True)]
    matches = np.maximum(here @ there.T, 0) * np.outer(*weights)
    best_second, best_first = matches.argmax(axis=1), matches.argmax(axis=0)
    mutual = [
        (float(matches[a, b]), a, int(b))
        for a, b in enumerate(best_second)
        if best_first[b] == a and matches[a, b] >= LEAST
    ]
    kept: list[tuple[float, int, int]] = []
    for value, a, b in sorted(mutual, key=lambda match: (-match[0], match[1])):
        beside = any(
            min(_steps(cells[0][0], a, other_a), _steps(cells[1][0], b, other_b)) < _APART
            for _, other_a, other_b in kept
        )
        if not beside and len(kept) < MOST:
            kept.append((value, a, b))
    return tuple(
        Correspondence(number, (cells[0][1][a], cells[1][1][b]), min(value, 1.0))
        for number, (value, a, b) in enumerate(kept, 1)
    )


def _steps(cells: NDArray[np.intp], one: int, other: int) -> int:
    """Distance of two cells in cells, along the longer axis."""
    return int(np.abs(cells[one] - cells[other]).max())


def _cells_inside(heatmap: Heatmap, shape: tuple[int, ...]) -> tuple[NDArray[np.intp], list[Place]]:
    """Rows and columns (n, 2) of the cells whose middle lies in the examined mark, and their places in it."""
    place = heatmap.placement
    inside, places = [], []
    for row, column in np.ndindex(*shape):
        x = ((column + 0.5) / shape[1] - place.left) / place.width
        y = ((row + 0.5) / shape[0] - place.top) / place.height
        if 0 <= x <= 1 and 0 <= y <= 1:
            inside.append((row, column))
            places.append((x, y))
    return np.array(inside, np.intp).reshape(-1, 2), places


def _at(heatmap: Heatmap, places: Sequence[Place], grid: int = 64) -> NDArray[np.float32]:
    """The heatmap at places of the mark, as a share of full scale (n,)."""
    values = strength(heatmap, grid, grid)
    indices = [(min(int(y * grid), grid - 1), min(int(x * grid), grid - 1)) for x, y in places]
    return values[tuple(np.array(indices).T)]


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))
