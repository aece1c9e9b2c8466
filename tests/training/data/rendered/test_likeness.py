"""How far the counterfeits of a hand are alike: the shift of edges in pixels, and who is like whom."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.assessment import likeness
from training.assessment.likeness import LikenessSettings, edge_difference, measure_likeness
from training.data.rendered.lettering import Raster
from training.data.rendered.typefaces import Typeface


def signed_distance(left: int, right: int) -> Raster:
    """Of a bar that reaches from column `left` to before column `right`."""
    mask = np.zeros((40, 60), np.uint8)
    mask[:, left:right] = 255
    inside, outside = (cv2.distanceTransform(plane, cv2.DIST_L2, 5) for plane in (mask, 255 - mask))
    return np.asarray(inside - outside, np.float32)


@pytest.mark.parametrize(
    ("right", "shift"),
    [
        pytest.param(40, 0.0, id="the same"),
        # Of nine columns near an edge the left one's four stay, the right one's differ by 1, 1, 2 (crossed), 1 and 1.
        pytest.param(41, 6 / 9, id="one edge, by one"),
        # The right one's four differ by 1, 2, 4 and 5, since a distance counts as 3 at most.
        pytest.param(60, 12 / 8, id="one edge, by more than is told apart"),
    ],
)
def test_items_differ_by_how_far_their_edges_have_moved(right: int, shift: float) -> None:
    assert edge_difference(signed_distance(20, 40), signed_distance(20, right)) == pytest.approx(shift)


def test_a_hand_with_one_mould_makes_one_piece_and_one_with_many_does_not(
    font_cache: Path,
    listed: tuple[Typeface, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(likeness, "_MOST_ITEMS", 3)
    found = measure_likeness(LikenessSettings("metal_buckle", cache=font_cache), listed)
    each_item, each_hand = found["a mould for each item"], found["a mould for each hand"]
    assert each_hand["two of one hand"].value == 0 < each_item["two of one hand"].value
    assert each_hand["two genuine items"] == each_item["two genuine items"]
    for figures in found.values():
        assert figures["two of two hands"].value > figures["a counterfeit and its twin"].value > 0
