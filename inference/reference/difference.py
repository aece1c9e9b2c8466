"""The difference map of a registered part, from its edges, and its deviation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.records import require
from inference.reference.edges import FINE, blurred, edge_strength, tolerant
from inference.reference.geometry import Pixels, Plane
from inference.reference.reference import Reference

_SPREAD_FLOOR = 0.05
# 300 points of a frame 224 x 122: about the area of one altered letter on a tag.
_DEVIATING_SHARE = 0.011


def difference(registered: Pixels, covered: NDArray[np.bool_], reference: Reference) -> Plane:
    """The difference map: how far each point's edges lie from genuine ones, in standard deviations.

    Args:
        registered: The part in the reference's frame, uint8 (h, w, 3).
        covered: Points of the frame that it covers, bool (h, w).
        reference: The genuine reference.

    Returns:
        float32 (h, w), >= 0; 0 where the part does not cover the frame.

    Raises:
        ValueError: if the part or `covered` does not have the reference's frame.
    """
    require(registered.shape[:2] == covered.shape == reference.mean.shape, "part, cover and reference have one frame")
    return np.where(covered, deviation(edge_strength(registered), reference), np.float32(0))


def deviation(edges: Plane, reference: Reference) -> Plane:
    """How far edge strength (h, w) in a reference's frame lies from its mean, float32 (h, w); see `deviation_from`."""
    return deviation_from(tolerant(edges), reference.mean, reference.spread)


def deviation_from(edges: Plane, mean: Plane, spread: Plane) -> Plane:
    """|edges - mean| / (spread + floor), smoothed: float32 (h, w), from tolerant edges in one frame."""
    away = np.abs(edges - mean) / (spread + np.float32(_SPREAD_FLOOR))
    return blurred(away, 2.5 * max(edges.shape) / FINE)


def anomaly(away: Plane, covered: NDArray[np.bool_]) -> float:
    """The deviation: mean over the most deviating 1.1% of the covered points, >= 0. It needs no network.

    Args:
        away: The difference map, float32 (h, w).
        covered: Points that the part covers, bool (h, w); without any, the deviation is 0.
    """
    values = away[covered]
    count = max(1, round(values.size * _DEVIATING_SHARE))
    return float(np.partition(values, -count)[-count:].mean()) if values.size else 0.0
