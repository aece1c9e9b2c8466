"""A registered photo stacked with the genuine reference of its series: the reference view of a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.reference.difference import deviation
from inference.reference.edges import edge_strength, local_contrast
from inference.reference.geometry import Pixels, Plane
from inference.reference.reference import Reference
from inference.reference.stack import Channel, ReferenceStack


def stacked(
    stack: ReferenceStack, registered: Pixels, covered: NDArray[np.bool_], reference: Reference
) -> NDArray[np.float32]:
    """A network's input, float32 (3, `stack.height`, `stack.width`), with about zero mean and unit standard deviation.

    Args:
        stack: The channels and their size.
        registered: The photo in the reference's frame, uint8 (h, w, 3).
        covered: Points of the frame that the photo covers, bool (h, w); elsewhere the input is 0.
        reference: The genuine reference.

    Raises:
        ValueError: if the reference does not fit into the input.
    """
    edges = edge_strength(registered)
    planes = np.zeros((3, stack.height, stack.width), np.float32)
    top, left = stack.offset(reference)
    height, width = covered.shape
    for plane, channel in zip(planes, stack.channels, strict=True):
        value = _plane(channel, registered, edges, reference)
        plane[top : top + height, left : left + width] = np.where(covered, value, 0)
    return planes


def beside(registered: Pixels, covered: NDArray[np.bool_], genuine_edges: Plane) -> NDArray[np.float32]:
    """A comparator's input: luminance and edges of a registered photo, and the mean edges of genuine ones.

    Args:
        registered: The photo in the reference's frame, uint8 (h, w, 3).
        covered: Points of the frame that the photo covers, bool (h, w); elsewhere the input is 0.
        genuine_edges: Mean edge strength of genuine photos, float32 (h, w), 0 to 1.

    Returns:
        float32 (3, h, w), with about zero mean and unit standard deviation.
    """
    planes = [local_contrast(registered), _centred(edge_strength(registered)), _centred(genuine_edges)]
    return np.stack([np.where(covered, plane, 0) for plane in planes]).astype(np.float32)


def _plane(channel: Channel, registered: Pixels, edges: Plane, reference: Reference) -> Plane:
    match channel:
        case "luminance":
            return local_contrast(registered)
        case "edges":
            return _centred(edges)
        case "genuine edges":
            return _centred(reference.mean)
        case "difference":
            return np.clip(deviation(edges, reference) / 2 - 1, -1, 3)


def _centred(edges: Plane) -> Plane:
    return edges * np.float32(4) - np.float32(1)
