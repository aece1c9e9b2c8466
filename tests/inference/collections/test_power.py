"""What a collection finds of known alterations of its own photos."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.collections.alterations import Area
from inference.collections.collection import Collection
from inference.collections.enrolling import Enrolment, KnownPhoto, enrol
from inference.collections.files import load_collection, save_collection
from inference.collections.power import ALTERATIONS, MOST_ALTERED, Alteration, strongest_areas
from inference.collections.registered_photos import RegisteredPhotos
from inference.collections.witnesses import DeviationMap, Kept, Mask
from inference.evidence.collection_rule import CollectionRule
from inference.models.weights import Model
from inference.records import Power
from inference.reference.cells import wholly
from inference.reference.geometry import Pixels


class Sees:
    """Sees whether a photo is, to the byte, one of the enrolled ones; `blind` to every change."""

    def __init__(self, *, blind: bool = False) -> None:
        self.blind = blind
        self.known: set[bytes] = set()

    def keep(self, photos: RegisteredPhotos, chosen: Any) -> Kept:
        self.known |= {one.tobytes() for one in photos.pixels}
        return {"count": np.array([len(chosen)])}

    def map(self, pixels: Pixels, covered: Mask, kept: Kept) -> DeviationMap:
        del kept
        changed = not self.blind and pixels.tobytes() not in self.known
        cells = wholly(covered)
        return DeviationMap(np.full(cells.shape, float(changed), np.float32), cells)


@pytest.fixture(scope="module")
def photos(lettered: Any) -> list[KnownPhoto]:
    return [KnownPhoto(lettered("quorum/genuine", seed), f"item {seed // 2}") for seed in range(8)]


@pytest.fixture(scope="module")
def rule(comparator: Model) -> CollectionRule:
    """Calibrated beside four photos and more."""
    assert comparator.card.collection_rule is not None
    return replace(comparator.card.collection_rule, spreads={"patches": 0.1})


def enrolled(photos: list[KnownPhoto], witness: Any, rule: CollectionRule) -> Collection:
    return enrol(Enrolment("label", "quorum", photos), {"patches": witness}, {"patches": "a" * 64}, rule, long_side=96)


@pytest.mark.parametrize("blind", [False, True])
def test_what_a_witness_sees_is_found_and_what_it_does_not_see_is_not(
    photos: list[KnownPhoto], rule: CollectionRule, blind: bool
) -> None:
    found = enrolled(photos, Sees(blind=blind), rule)
    count = min(len(found.enrolled), MOST_ALTERED)
    assert [(one.kind, one.size) for one in found.power] == [(one.kind, one.size) for one in ALTERATIONS]
    assert {(one.found, one.of) for one in found.power if one.kind == "none"} == {(0, count)}
    assert {(one.found, one.of) for one in found.power if one.kind != "none"} == {(0 if blind else count, count)}


def test_without_a_calibration_nothing_is_said_and_so_nothing_measured(
    photos: list[KnownPhoto], rule: CollectionRule
) -> None:
    assert enrolled(photos, Sees(), replace(rule, calibrations=())).power == ()


def test_power_is_stated_in_the_card_and_by_the_record(
    photos: list[KnownPhoto], rule: CollectionRule, labels: Collection, tmp_path: Path
) -> None:
    found = replace(enrolled(photos, Sees(), rule), power=(Power("wider", 6.0, 3, 5),))
    card = json.loads(save_collection(found, tmp_path).read_text())
    assert card["power"] == [{"kind": "wider", "size": 6.0, "found": 3, "of": 5}]
    assert load_collection("label_quorum", tmp_path).power == found.power
    assert str(found.power[0]) == "a letter's area 6% wider: 3 of 5"
    assert len(labels.power) == len(ALTERATIONS)


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=str)
def test_an_alteration_is_as_large_as_it_says(alteration: Alteration) -> None:
    """Followed on a picture whose values are the places of its pixels."""
    height, width = 120, 200
    places = np.zeros((height, width, 3), np.uint8)
    places[..., 0], places[..., 1] = np.arange(width), np.arange(height)[:, None]
    area = Area(100, 60, 40, 30)
    altered = alteration.applied(places, area).astype(float)
    assert (altered[:20] == places[:20]).all()
    across, down = (altered[60, 112] - altered[60, 88])[:2]
    match alteration.kind:
        case "none":
            assert (altered == places).all()
        case "wider":
            assert 24 / across == pytest.approx(1 + alteration.size / 100, abs=0.06)
        case "turned":
            assert np.rad2deg(np.arctan2(down, across)) == pytest.approx(alteration.size, abs=2.5)
        case "shifted":
            assert altered[60, 100, 0] - 100 == pytest.approx(alteration.size / 100 * width, abs=1)


def strongest_by_hand(edges: np.ndarray, half_height: int, half_width: int) -> tuple[int, int]:
    best, place = -1.0, (0, 0)
    for y in range(half_height, edges.shape[0] - half_height):
        for x in range(half_width, edges.shape[1] - half_width):
            box = edges[y - half_height : y + half_height + 1, x - half_width : x + half_width + 1]
            if (box**2).sum() > best + 1e-6:
                best, place = float((box**2).sum()), (y, x)
    return place


def test_areas_lie_where_edges_are_strongest_and_apart() -> None:
    edges = np.random.default_rng(0).random((60, 100)).astype(np.float32) ** 4
    areas = strongest_areas(edges, 4)
    first = areas[0]
    assert (first.y, first.x) == strongest_by_hand(edges, int(first.half_height), int(first.half_width))
    for number, one in enumerate(areas):
        for other in areas[:number]:
            apart_across = abs(one.x - other.x) > 2 * one.half_width
            apart_down = abs(one.y - other.y) > 2 * one.half_height
            assert apart_across or apart_down


@pytest.mark.parametrize("shape", [(60, 100), (6, 100)], ids=["no edge", "too narrow"])
def test_without_an_edge_or_room_there_is_no_area(shape: tuple[int, int]) -> None:
    edges = np.zeros(shape, np.float32) if shape[0] == 60 else np.ones(shape, np.float32)
    assert strongest_areas(edges, 4) == []


@pytest.mark.parametrize(
    ("kind", "size", "found", "of"),
    [
        ("wider", 6.0, -1, 5),
        ("wider", 6.0, 6, 5),
        ("wider", 6.0, 0, 0),
        ("wider", 0.0, 1, 5),
        ("none", 6.0, 1, 5),
    ],
)
def test_a_power_that_cannot_be_is_refused(kind: Any, size: float, found: int, of: int) -> None:
    with pytest.raises(ValueError, match=r"alteration"):
        Power(kind, size, found, of)
