"""Correspondences: which area of one mark corresponds to which area of the other."""

from __future__ import annotations

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
    in_first = np.arange(len(matches))
    in_second = matches.argmax(axis=1)
    values = matches[in_first, in_second]
    mutual = np.flatnonzero((matches.argmax(axis=0)[in_second] == in_first) & (values >= LEAST))
    kept: list[tuple[int, int]] = []
    for a in mutual[np.argsort(-values[mutual], kind="stable")].tolist():
        b = int(in_second[a])
        beside = any(
            min(_steps(cells[0][0], a, other_a), _steps(cells[1][0], b, other_b)) < _APART for other_a, other_b in kept
        )
        if not beside:
            kept.append((a, b))
        if len(kept) == MOST:
            break
    return tuple(
        Correspondence(number, (_place(cells[0][1][a]), _place(cells[1][1][b])), min(float(values[a]), 1.0))
        for number, (a, b) in enumerate(kept, 1)
    )


def _steps(cells: NDArray[np.intp], one: int, other: int) -> int:
    """Distance of two cells in cells, along the longer axis."""
    return int(np.abs(cells[one] - cells[other]).max())


def _place(found: NDArray[np.float64]) -> Place:
    x, y = found.tolist()
    return x, y


def _cells_inside(heatmap: Heatmap, shape: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Rows and columns (n, 2) of cells whose middle lies in the examined mark, and their places x, y in it (n, 2)."""
    place = heatmap.placement
    cells = np.argwhere(np.ones(shape, bool))
    middles = (cells[:, ::-1] + 0.5) / shape[::-1]
    places = (middles - (place.left, place.top)) / (place.width, place.height)
    inside = ((places >= 0) & (places <= 1)).all(axis=1)
    return cells[inside], places[inside]


def _at(heatmap: Heatmap, places: NDArray[np.float64], grid: int = 64) -> NDArray[np.float32]:
    """The heatmap at places of the mark (n, 2), as a share of full scale (n,)."""
    across, down = np.minimum((places * grid).astype(np.intp), grid - 1).T
    return strength(heatmap, grid, grid)[down, across]


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))
