"""The smooth warp that takes what a homography leaves of a curled or creased item, and no altered letter.

Tiles of the genuine mean, each a sixth of the part, are searched in the registered photo. A field of a few nodes, a
third of the part apart, follows the moves on which most tiles agree: it bends as paper bends, and is too stiff for a
letter. What is altered as smoothly as that, such as the size of all lettering, it hides: stiff items do without it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.reference.edges import MIDDLE, edge_strength, shrunk, tolerant
from inference.reference.geometry import Pixels
from inference.reference.tiles import tile_moves

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Moves = NDArray[np.float32]
"""By how much each point of a frame is taken from elsewhere, in its pixels: (h, w, 2), x and y."""

LEAST_GAIN = 0.01
"""Rise of the correlation with the mean from which a bend counts: of twenty flat photos one gains more."""
_APART = 1 / 3
"""Distance of the nodes, as a share of the long side."""
_REACH = 16
"""Radius of the search for a tile, in pixels of a frame `MIDDLE` long."""
_ROUNDS = 2
"""A tile that has come near is found more exactly."""
_STIFFNESS = 0.001
"""Weight of the nodes' own moves against those of the tiles."""
_ROBUST_ROUNDS = 8
_LEAST_TILES = 6


def bend(pixels: Pixels, covered: Mask, mean: Plane) -> Moves | None:
    """The bend that lays a registered photo onto the mean of genuine ones; None where none is needed or found.

    Args:
        pixels: The photo in the frame, uint8 (h, w, 3).
        covered: Points that it covers, bool (h, w).
        mean: Mean edge strength of genuine photos, float32 (h, w), blurred as `tolerant` does.
    """
    moves: Moves = np.zeros((*mean.shape, 2), np.float32)
    for _ in range(_ROUNDS):
        seen = bent_mask(covered, moves)
        step = _step(_edges(bent(pixels, moves), seen), seen, mean)
        if step is None:
            return None
        moves = _one_after_the_other(step, moves)
    before, after = (_correlation(bent(pixels, one), bent_mask(covered, one), mean) for one in (0 * moves, moves))
    return moves if after - before > LEAST_GAIN else None


def straightened(pixels: Pixels, covered: Mask, mean: Plane) -> tuple[Pixels, Mask]:
    """A registered photo and the points that it covers after its bend, if it needs one; see `bend`."""
    moves = bend(pixels, covered, mean)
    return (pixels, covered) if moves is None else (bent(pixels, moves), bent_mask(covered, moves))


def bent(picture: NDArray[np.uint8], moves: Moves) -> NDArray[np.uint8]:
    """A picture (h, w, 3) with each point taken from where it has moved to."""
    return np.asarray(cv2.remap(picture, *_sources(moves), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def bent_mask(mask: Mask, moves: Moves) -> Mask:
    """A mask (h, w), alike; what comes from outside the frame is False."""
    return np.asarray(cv2.remap(mask.astype(np.float32), *_sources(moves), cv2.INTER_LINEAR) > 0.5, np.bool_)


def _sources(moves: Moves) -> tuple[Plane, Plane]:
    height, width = moves.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return columns + moves[..., 0], rows + moves[..., 1]


def _one_after_the_other(step: Moves, moves: Moves) -> Moves:
    """The moves of a photo that was moved before."""
    before = cv2.remap(moves, *_sources(step), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(step + before, np.float32)


def _edges(pixels: Pixels, covered: Mask) -> Plane:
    return np.asarray(tolerant(edge_strength(pixels)) * covered, np.float32)


def _correlation(pixels: Pixels, covered: Mask, mean: Plane) -> float:
    """Correlation of a photo's edges with the mean, over all of the frame: what it does not cover has none."""
    edges = _edges(pixels, covered)
    return float(np.corrcoef(edges.ravel(), mean.ravel())[0, 1]) if edges.any() and mean.any() else 0.0


def _step(edges: Plane, seen: Mask, mean: Plane) -> Moves | None:
    """The smooth field on which most tiles agree; None with too few tiles."""
    template = shrunk(mean, MIDDLE)
    size = template.shape[1], template.shape[0]
    laid = np.pad(cv2.resize(edges, size, interpolation=cv2.INTER_AREA), _REACH, mode="edge")
    inside = np.pad(cv2.resize(seen.astype(np.uint8), size) > 0, _REACH)
    places, tiles, firmness = tile_moves(template, np.asarray(laid, np.float32), inside, _REACH)
    if len(places) < _LEAST_TILES:
        return None
    nodes = _agreed(_weights_of_nodes(places, template.shape), tiles, firmness)
    rows, columns = np.mgrid[: size[1], : size[0]]
    every = np.stack([columns.ravel(), rows.ravel()], axis=1)
    field = (_weights_of_nodes(every, template.shape) @ nodes).reshape(*template.shape, 2)
    height, width = mean.shape
    enlarged = cv2.resize(field.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(enlarged * (width / size[0]), np.float32)


def _weights_of_nodes(places: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """How much each node counts at places (n, 2), as x and y: (n, k), summing to 1."""
    apart = _APART * max(shape)
    along = []
    for place, length in zip(places.T, shape[::-1], strict=True):
        nodes = np.linspace(0, length - 1, max(2, round(length / apart) + 1))
        near = np.exp(-0.5 * np.square((place[:, None] - nodes) / (0.7 * (nodes[1] - nodes[0]))))
        along.append(near / near.sum(axis=1, keepdims=True))
    across, down = along
    return (down[:, :, None] * across[:, None, :]).reshape(len(places), -1)


def _agreed(
    weights: NDArray[np.float64], tiles: NDArray[np.float64], firmness: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Moves of the nodes (k, 2) that fit most tiles, by reweighted least squares as in `agreed_step` of tiles."""
    count = weights.shape[1]
    say = np.ones(len(tiles))
    nodes = np.zeros((count, 2))
    for _ in range(_ROBUST_ROUNDS):
        firm = say[:, None, None] * firmness
        normal = np.einsum("nk,nab,nl->kalb", weights, firm, weights).reshape(2 * count, 2 * count)
        stiff = _STIFFNESS * np.trace(firm.sum(axis=0)) / count * np.eye(2 * count)
        wanted = np.einsum("nk,nab,nb->ka", weights, firm, tiles).ravel()
        nodes = np.linalg.solve(normal + stiff, wanted).reshape(count, 2)
        left = tiles - weights @ nodes
        error = np.einsum("na,nab,nb->n", left, firmness, left)
        say = 1 / (1 + error / max(2 * float(np.median(error)), 0.5)) ** 2
    return nodes
