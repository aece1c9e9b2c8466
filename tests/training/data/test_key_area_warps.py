"""Key-area warps: they change what lies in an area, smoothly, and nothing else."""

from __future__ import annotations

from typing import Any, get_args

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.collections.alterations import Area, window
from inference.records import Refusal
from training.data import key_area_warps
from training.data.key_area_warps import WarpKind, WarpSettings, warp_key_areas

Pixels = NDArray[np.uint8]
KINDS = get_args(WarpKind)
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
SHAPE = (180, 256)


@pytest.fixture
def photo() -> Pixels:
    """Blurred noise: something to move everywhere."""
    noise = np.random.default_rng(0).normal(128, 400, (*SHAPE, 3))
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 3), 0, 255).astype(np.uint8)


@pytest.fixture
def edges() -> NDArray[np.float32]:
    """Strong edges in one small place, weak ones in another, none elsewhere."""
    strength = np.zeros(SHAPE, np.float32)
    strength[60:70, 150:170] = 1.0
    strength[120:130, 40:60] = 0.1
    return strength


@pytest.fixture
def areas(monkeypatch: pytest.MonkeyPatch) -> list[Area]:
    """The areas that are drawn, as they are drawn."""
    drawn: list[Area] = []
    draw = key_area_warps._draw_area

    def remember(*arguments: Any) -> Area:
        drawn.append(draw(*arguments))
        return drawn[-1]

    monkeypatch.setattr(key_area_warps, "_draw_area", remember)
    return drawn


def inside(areas: list[Area]) -> NDArray[np.bool_]:
    """Pixels within the rectangles."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    within = np.zeros(SHAPE, bool)
    for area in areas:
        within |= (np.abs(x - area.x) < area.half_width) & (np.abs(y - area.y) < area.half_height)
    return within


@EVERY_KIND
def test_an_area_changes_and_nothing_outside_it(
    kind: WarpKind, photo: Pixels, edges: NDArray[np.float32], areas: list[Area]
) -> None:
    before = photo.copy()
    for seed in range(25):
        areas.clear()
        warped = warp_key_areas(photo, edges, WarpSettings(kinds=(kind,)), np.random.default_rng(seed))
        assert (warped.dtype, warped.shape) == (photo.dtype, photo.shape)
        assert np.array_equal(warped[~inside(areas)], photo[~inside(areas)])
        assert (warped != photo).any()
        assert 1 <= len(areas) <= 2
    assert np.array_equal(photo, before)


@EVERY_KIND
def test_one_state_gives_one_warp(kind: WarpKind, photo: Pixels, edges: NDArray[np.float32]) -> None:
    first, again, other = (
        warp_key_areas(photo, edges, WarpSettings(kinds=(kind,)), np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@EVERY_KIND
def test_a_flat_photo_stays_flat(kind: WarpKind, edges: NDArray[np.float32]) -> None:
    """Nothing is painted, no seam is left: only what is there is moved."""
    flat = np.full((*SHAPE, 3), (40, 90, 200), np.uint8)
    for seed in range(10):
        assert np.array_equal(
            warp_key_areas(flat, edges, WarpSettings(kinds=(kind,)), np.random.default_rng(seed)), flat
        )


@pytest.mark.parametrize("kind", ["scale", "turn", "shift"])
def test_no_seam_is_left_on_a_slope(kind: WarpKind, edges: NDArray[np.float32], areas: list[Area]) -> None:
    """On an even slope of 8 levels a pixel, neighbours differ by no more than a smooth window lets them."""
    slope = np.tile((np.abs(np.arange(SHAPE[1]) - 128)[None, :, None] * 1.9).astype(np.uint8), (SHAPE[0], 1, 3))
    for seed in range(20):
        areas.clear()
        settings = WarpSettings(kinds=(kind,), smallest_area=0.3)
        warped = warp_key_areas(slope, edges, settings, np.random.default_rng(seed)).astype(int)
        for axis in (0, 1):
            assert np.abs(np.diff(warped, axis=axis)).max() <= 10
        assert areas


@pytest.mark.parametrize(
    "area",
    [Area(30.0, 20.0, 12.0, 9.0), Area(5.0, 3.0, 20.0, 8.0), Area(30.0, 20.0, 0.2, 15.0), Area(59.0, 39.0, 7.5, 4.5)],
    ids=["within", "over a corner", "thin", "at the far corner"],
)
def test_a_window_falls_smoothly_from_one_to_nothing(area: Area) -> None:
    cover = window(area, 40, 60)
    assert (cover.dtype, cover.shape) == (np.float32, (40, 60))

    def share(at: float, centre: float, half: float) -> float:
        out = abs(at - centre) / max(half, 1.0)
        if out <= 2 / 3:
            return 1.0
        if out >= 1:
            return 0.0
        t = (1 - out) * 3
        return 3 * t**2 - 2 * t**3

    for y in range(40):
        for x in range(60):
            expected = share(y, area.y, area.half_height) * share(x, area.x, area.half_width)
            assert cover[y, x] == pytest.approx(expected, abs=1e-6)


def test_areas_lie_where_edges_are(edges: NDArray[np.float32]) -> None:
    rng = np.random.default_rng(0)
    drawn = [key_area_warps._draw_area(edges, WarpSettings(), rng) for _ in range(800)]
    at = np.array([edges[round(area.y), round(area.x)] for area in drawn])
    assert (at > 0).all()
    # In proportion to the squared strength: half as many weak pixels at a tenth of it would be 1 in 200.
    assert 0 < (at < 0.5).mean() < 0.03


@pytest.mark.parametrize(("smallest", "largest"), [(0.05, 0.5), (0.1, 0.1), (0.2, 0.9)])
def test_areas_are_as_large_as_the_settings_let_them(
    smallest: float, largest: float, edges: NDArray[np.float32]
) -> None:
    rng, settings = np.random.default_rng(0), WarpSettings(smallest_area=smallest, largest_area=largest)
    drawn = [key_area_warps._draw_area(edges, settings, rng) for _ in range(800)]
    widths, heights = (
        np.array([2 * getattr(area, f"half_{side}") for area in drawn]) / 256 for side in ("width", "height")
    )
    assert widths.min() == pytest.approx(smallest, rel=0.02)
    assert widths.max() == pytest.approx(largest, rel=0.02)
    assert heights.min() >= smallest - 1e-9
    assert heights.max() <= max(smallest, largest / 3) + 1e-9


@EVERY_KIND
def test_a_picture_without_edges_is_warped_in_its_middle(kind: WarpKind, photo: Pixels, areas: list[Area]) -> None:
    nothing = np.zeros(SHAPE, np.float32)
    warped = warp_key_areas(photo, nothing, WarpSettings(kinds=(kind,)), np.random.default_rng(0))
    assert (warped != photo).any()
    assert {(area.x, area.y) for area in areas} == {(SHAPE[1] // 2, SHAPE[0] // 2)}


@pytest.mark.parametrize("kind", ["scale", "turn", "shift"])
def test_nothing_is_ever_mirrored(kind: WarpKind) -> None:
    """In a picture whose pixels say where they are, right stays right of left, and below below above."""
    y, x = np.mgrid[:200, :200]
    places = np.stack([x, y, x], 2).astype(np.uint8)
    area = Area(100, 100, 75, 75)
    for seed in range(30):
        settings = WarpSettings(kinds=(kind,), least=0.9)
        moved = key_area_warps._warp(places, area, settings, np.random.default_rng(seed))[55:146, 55:146, :2].astype(
            int
        )
        assert (moved != places[55:146, 55:146, :2]).any()
        right, down = moved[:-8, 8:] - moved[:-8, :-8], moved[8:, :-8] - moved[:-8, :-8]
        assert (right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]).min() > 0


def displacement(kind: WarpKind, least: float, side: int) -> list[float]:
    """Strongest disturbance of many: by how many pixels a dot's centre moves, or how many its edge does."""
    found = []
    for seed in range(60):
        canvas = np.zeros((side, side, 3), np.uint8)
        middle, radius = side // 2, side // 8
        cv2.circle(canvas, (middle, middle), radius, (255, 255, 255), -1)
        edges = np.zeros((side, side), np.float32)
        edges[middle, middle] = 1
        rng = np.random.default_rng(seed)
        area = Area(middle, middle, side * 0.45, side * 0.45)
        settings = WarpSettings(kinds=(kind,), least=least)
        y, x = np.nonzero(key_area_warps._warp(canvas, area, settings, rng)[..., 0] > 127)
        if kind == "shift":
            found.append(float(np.hypot(x.mean() - middle, y.mean() - middle)))
        else:
            found.append(float(max(abs(np.ptp(x) / 2 - radius), abs(np.ptp(y) / 2 - radius))))
    return found


@pytest.mark.parametrize("least", [0.15, 0.8])
def test_disturbances_lie_between_the_weakest_and_the_strongest(least: float) -> None:
    shifts = displacement("shift", least, 200)
    assert min(shifts) >= 200 * 0.022 * least - 0.5
    assert 200 * 0.022 * 0.85 <= max(shifts) <= 200 * 0.022 + 0.5
    # Scaled by a third at most: enlarging maps r (1 - s) to r.
    scales = displacement("scale", least, 200)
    assert min(scales) >= 25 * (1 - 1 / (1 + 0.33 * least)) - 1
    assert max(scales) <= 25 * (1 / (1 - 0.33) - 1) + 1


@pytest.mark.parametrize("side", [224, 448, 896])
def test_strokes_grow_by_about_two_pixels_of_448_at_most(side: int) -> None:
    grown = displacement("weight", 0.95, side)
    assert max(grown) == pytest.approx(2 * side / 448, abs=1.0)
    assert min(grown) >= 0.95 * 2 * side / 448 - 1.2


@EVERY_KIND
def test_no_level_is_moved_beyond_those_around(kind: WarpKind, photo: Pixels, edges: NDArray[np.float32]) -> None:
    """Whatever is moved or made bolder was there before: nothing gets lighter or darker than its surroundings."""
    narrow = np.clip(photo, 100, 140)
    for seed in range(10):
        warped = warp_key_areas(narrow, edges, WarpSettings(kinds=(kind,), least=0.9), np.random.default_rng(seed))
        assert warped.min() >= 100
        assert warped.max() <= 140


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"kinds": ()}, "at least one kind"),
        ({"smallest_area": 0.0}, "from 0.0 to 0.5"),
        ({"smallest_area": 0.6}, "from 0.6 to 0.5"),
        ({"largest_area": 1.5}, "from 0.05 to 1.5"),
        ({"least": 0.0}, "cannot be 0.0"),
        ({"least": 1.1}, "cannot be 1.1"),
    ],
    ids=str,
)
def test_settings_that_nothing_can_be_drawn_with_are_refused(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said) as refusal:
        WarpSettings(**bad)
    assert str(refusal.value).endswith(".")
