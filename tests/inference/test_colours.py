"""The colours of heatmaps: a scale for every colour vision and for print in grey, a veil and lines for every ground.

Lightness and distance are CIELAB's; two colours whose distance is 2.3 can just be told apart.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.drawing import LEVELS, colour_bar, colours, overlay
from inference.heatmap import strength
from inference.records import Heatmap, Placement

Pixels = NDArray[np.uint8]

TO_GREY = (0.2126, 0.7152, 0.0722)
VISIONS = {
    "all three cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "print in grey": [TO_GREY, TO_GREY, TO_GREY],
}
"""What linear RGB is multiplied by to show how it is seen: Machado, Oliveira and Fernandes 2009, severity 1.0.

Grey is the luminance of Rec. 709.
"""

GROUNDS = {
    "black leather": (20, 20, 20),
    "worn black leather": (40, 40, 40),
    "dark brown leather": (62, 40, 28),
    "mid-grey": (128, 128, 128),
    "cream paper": (244, 240, 230),
    "white paper": (255, 255, 255),
}
TAN_LEATHER = (150, 100, 60)


def linear(pixels: Pixels) -> NDArray[np.float64]:
    """Pixels (..., 3) without the curve of sRGB, 0 to 1."""
    value = pixels / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def seen(pixels: Pixels, vision: str) -> NDArray[np.float64]:
    """Colours (n, 3) as L*, a* and b* (n, 3), as they are seen."""
    light = np.clip(linear(pixels) @ np.array(VISIONS[vision]).T, 0, 1)
    return cv2.cvtColor(light[None].astype(np.float32), cv2.COLOR_LRGB2LAB)[0].astype(float)


def scale(steps: int) -> Pixels:
    """The colours from no evidence to full scale, (steps, 3)."""
    return colours(np.linspace(0, 1, steps, dtype=np.float32)[:, None])[:, 0]


def even(evidence: float) -> Heatmap:
    return Heatmap(np.full((2, 2), evidence, np.float32), "last feature map", "a target", 1.0, Placement(0, 0, 1, 1))


def falling() -> Heatmap:
    """Evidence that falls from full scale on the left to none on the right."""
    raw = np.linspace(1, 0, 101, dtype=np.float32)[None].repeat(2, axis=0)
    return Heatmap(raw, "last feature map", "a target", 1.0, Placement(0, 0, 1, 1))


def apart(first: Pixels, second: Pixels, vision: str) -> float:
    """Distance in CIELAB of two colours (3,), as they are seen."""
    one, other = seen(np.stack([first, second]), vision)
    return float(np.linalg.norm(one - other))


@pytest.mark.parametrize("vision", VISIONS)
def test_black_grey_and_white_are_seen_by_all(vision: str) -> None:
    greys = np.array([[0] * 3, [119] * 3, [255] * 3], np.uint8)
    np.testing.assert_allclose(seen(greys, vision), [[0, 0, 0], [50, 0, 0], [100, 0, 0]], atol=0.2)


@pytest.mark.parametrize(
    ("pair", "told_by"),
    [
        ([(200, 0, 0), (90, 91, 0)], {"all three cones", "tritanopia"}),
        ([(0, 120, 170), (0, 130, 90)], {"all three cones", "protanopia", "deuteranopia"}),
    ],
    ids=["red and green", "blue and green"],
)
def test_each_vision_confuses_what_it_is_known_to(pair: list[tuple[int, int, int]], told_by: set[str]) -> None:
    first, second = np.array(pair, np.uint8)
    distance = {vision: apart(first, second, vision) for vision in VISIONS}
    assert {vision for vision, far in distance.items() if far > 45} == told_by
    assert {vision for vision, far in distance.items() if far > 15} == told_by


@pytest.mark.parametrize(
    ("vision", "least_step"),
    [
        ("all three cones", 6.5),
        ("protanopia", 4.0),
        ("deuteranopia", 6.5),
        ("tritanopia", 5.0),
        ("print in grey", 6.5),
    ],
)
def test_the_scale_grows_lighter_all_the_way_in_every_vision(vision: str, least_step: float) -> None:
    lightness = seen(scale(1001), vision)[:, 0]
    assert np.diff(lightness).min() > -0.01
    assert np.diff(lightness[::100]).min() >= least_step


@pytest.mark.parametrize("rival", [cv2.COLORMAP_JET, cv2.COLORMAP_TURBO, cv2.COLORMAP_PLASMA, cv2.COLORMAP_HOT])
def test_other_known_colour_maps_do_not(rival: int) -> None:
    entries = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], rival)[:, 0, ::-1]
    tenths = entries[np.round(np.linspace(0, 255, 11)).astype(int)]
    assert min(np.diff(seen(tenths, vision)[:, 0]).min() for vision in VISIONS) < 4


@pytest.mark.parametrize("vision", VISIONS)
def test_the_bar_shows_every_tenth_apart_and_its_ends_on_paper(vision: str) -> None:
    bar = colour_bar(even(0), 225)
    tenths, paper = bar[12:213:20, 16], bar[0, 0]
    assert len(tenths) == 11
    assert min(apart(above, below, vision) for above, below in pairwise(tenths)) >= 4
    assert min(apart(end, paper, vision) for end in tenths[[0, -1]]) >= 8


@pytest.mark.parametrize(("opacity", "least"), [(0.3, 2.5), (0.6, 5), (1.0, 8)])
@pytest.mark.parametrize("ground", GROUNDS.values(), ids=GROUNDS)
def test_the_veil_is_told_from_the_ground_from_the_first_line_on(
    ground: tuple[int, int, int], opacity: float, least: float
) -> None:
    bare = np.full((61, 61, 3), ground, np.uint8)
    for evidence in np.linspace(LEVELS[0], 1, 37):
        veiled = overlay(even(evidence), bare, opacity)
        distance = {v: apart(veiled[30, 30], bare[30, 30], v) for v in VISIONS if v != "print in grey"}
        assert min(distance.values()) >= least, (evidence, distance)


def test_on_tan_leather_a_dichromat_is_shown_a_part_of_the_scale_by_its_lines_alone() -> None:
    bare, levels = np.full((61, 61, 3), TAN_LEATHER, np.uint8), np.linspace(LEVELS[0], 1, 91)
    veiled = [overlay(even(evidence), bare)[30, 30] for evidence in levels]
    lost = {v: np.mean([apart(one, bare[30, 30], v) < 2.3 for one in veiled]) for v in VISIONS if v != "print in grey"}
    assert {vision for vision, share in lost.items() if share > 0} == {"protanopia", "deuteranopia"}
    assert max(lost.values()) < 0.1


@pytest.mark.parametrize(("opacity", "contrast"), [(0.3, 1.8), (0.6, 4.4), (1.0, 13)])
@pytest.mark.parametrize("ground", [*GROUNDS.values(), TAN_LEATHER], ids=[*GROUNDS, "tan leather"])
def test_a_line_stands_out_from_its_edge_by_lightness_alone(
    ground: tuple[int, int, int], opacity: float, contrast: float
) -> None:
    """A contrast ratio as WCAG 2 defines it, which asks 3:1 of what is drawn."""
    row = overlay(falling(), np.full((50, 404, 3), ground, np.uint8), opacity)[25]
    light, values = linear(row) @ TO_GREY + 0.05, strength(falling(), 404, 50)[25]
    for level in LEVELS:
        at = int((values >= level).sum()) - 1
        near = light[at - 3 : at + 4]
        assert near.max() / near.min() >= contrast
