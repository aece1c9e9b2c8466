"""Tiles of a reference, each searched near its expected place, and the homography on which most agree."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.reference.edges import COARSE
from inference.reference.geometry import Matrix, Plane, normalised
from inference.reference.pyramid import EdgePyramid

_TILE = 36
_SMOOTH = 1.2
_ROBUST_ROUNDS = 8
# Least share of the frame's area after a step; less is a collapse.
_LEAST_STEP = 0.1


def moved_by_tiles(views: EdgePyramid, mean: EdgePyramid, homography: Matrix, reach: int) -> Matrix:
    """A homography after the step on which most tiles of the reference agree.

    Args:
        views: The part.
        mean: The reference.
        homography: From pixels of the part to those of the reference.
        reach: Radius of the search for a tile, in pixels of a frame `COARSE` long.
    """
    template, edges = mean.blurred(COARSE, _SMOOTH), views.blurred(COARSE, _SMOOTH)
    down = np.linalg.inv(mean.scaling_up(COARSE))
    inner = down @ homography @ np.linalg.inv(views.scaling(COARSE))
    margin = np.array([[1, 0, reach], [0, 1, reach], [0, 0, 1]]) @ inner
    size = template.shape[1] + 2 * reach, template.shape[0] + 2 * reach
    laid = cv2.warpPerspective(edges, margin, size)
    seen = cv2.warpPerspective(np.ones_like(edges), margin, size) > 0.99
    if not seen.any():
        return homography
    laid[~seen] = laid[seen].mean()
    places, moves, firmness = tile_moves(template, laid, seen, reach)
    if len(places) < 6:
        return homography
    step = agreed_step(places, moves, firmness, template.shape)
    if np.linalg.det(step) < _LEAST_STEP:
        return homography
    return normalised(np.linalg.inv(down) @ np.linalg.inv(step) @ down @ homography)


def tile_moves(template: Plane, laid: Plane, seen: NDArray[np.bool_], reach: int) -> tuple[Matrix, Matrix, Matrix]:
    """The places of a template's tiles in a picture laid over it.

    Args:
        template: float32 (h, w).
        laid: float32 (h + 2 reach, w + 2 reach), over the template with `reach` more on each side.
        seen: Points of `laid` that show the photo, bool.
        reach: Radius of the search for a tile, in pixels.

    Returns:
        Centres of the tiles (n, 2) as x, y; their moves (n, 2); and the firmness of each move, symmetric (n, 2, 2). The
        firmness is low along a straight edge, where a tile slides freely, and grows with the correlation.
    """
    tile = min(_TILE, *template.shape)
    flat = 0.25 * template.std()
    x_slope, y_slope = (cv2.Sobel(template, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    offsets = np.arange(-reach, reach + 1) / reach
    # Of equal peaks the nearer one is taken: letters repeat, and seams look the same all along.
    nearer = 0.15 * (offsets[:, None] ** 2 + offsets**2)
    places, moves, firmness = [], [], []
    for y in _tile_starts(template.shape[0], tile):
        for x in _tile_starts(template.shape[1], tile):
            here = np.s_[y : y + tile, x : x + tile]
            patch = template[here]
            if patch.std() <= flat or not seen[y + reach + tile // 2, x + reach + tile // 2]:
                continue
            around = laid[y : y + tile + 2 * reach, x : x + tile + 2 * reach]
            match = cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED) - nearer
            _, peak, _, (right, below) = cv2.minMaxLoc(match)
            if peak < 0.2:
                continue
            slopes = np.stack([x_slope[here].ravel(), y_slope[here].ravel()]).astype(np.float64)
            structure = slopes @ slopes.T
            places.append((x + (tile - 1) / 2, y + (tile - 1) / 2))
            moves.append((right - reach, below - reach))
            firmness.append(peak**2 * structure / np.trace(structure))
    return np.array(places, np.float64), np.array(moves, np.float64), np.array(firmness, np.float64)


def _tile_starts(extent: int, tile: int) -> list[int]:
    """Starts of half-overlapping tiles along a side."""
    count = max(1, round((extent - tile) / (tile / 2)) + 1)
    return np.unique(np.linspace(0, extent - tile, count).astype(int)).tolist()


def agreed_step(places: Matrix, moves: Matrix, firmness: Matrix, shape: tuple[int, ...]) -> Matrix:
    """The homography near identity that fits most of the moves; moves that disagree lose their weight.

    It is found by iteratively reweighted least squares with Geman and McClure's weights, on the homography linearised
    at identity.

    Args:
        places: (n, 2), in pixels of a frame of `shape`.
        moves: (n, 2).
        firmness: Weight of a move in each direction, symmetric (n, 2, 2).
        shape: Shape of the frame, which sets the scale of the parameters.
    """
    height, width = shape[:2]
    size = max(height, width) / 2
    to_unit = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, size]]) / size
    x, y = ((places - (width / 2, height / 2)) / size).T
    target = moves / size
    one, none = np.ones_like(x), np.zeros_like(x)
    slopes = np.stack(
        [
            np.stack([x, y, one, none, none, none, -x * x, -x * y], 1),
            np.stack([none, none, none, x, y, one, -x * y, -y * y], 1),
        ],
        axis=1,
    )
    pixel = 1 / size**2
    say = np.ones(len(places))
    step = np.zeros(8)
    for _ in range(_ROBUST_ROUNDS):
        weights = say[:, None, None] * firmness
        normal = np.einsum("nak,nab,nbl->kl", slopes, weights, slopes)
        # Tiles on a line leave some parameters open, which then do not change.
        ridge = 1e-3 * np.trace(weights.sum(axis=0)) * np.eye(8)
        step = np.linalg.solve(normal + ridge, np.einsum("nak,nab,nb->k", slopes, weights, target))
        left = target - slopes @ step
        error = np.einsum("na,nab,nb->n", left, firmness, left)
        say = 1 / (1 + error / max(2 * float(np.median(error)), pixel / 2)) ** 2
    unit = np.eye(3) + np.append(step, 0).reshape(3, 3)
    return np.linalg.inv(to_unit) @ unit @ to_unit
