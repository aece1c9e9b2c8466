"""Drawings as the web and the street show them: what each style makes of a mark, and that it stays the same mark."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.trademark.framing import frame_mark
from training.data.marks.raster_styles import STYLES, on_web

Pixels = NDArray[np.uint8]


def drawing(side: int = 160) -> Pixels:
    """A dark ring beside a bar, on white."""
    rows, columns = np.mgrid[:side, :side] / side
    ring = np.abs(np.hypot(rows - 0.5, columns - 0.4) - 0.22) < 0.07
    bar = (np.abs(columns - 0.82) < 0.06) & (np.abs(rows - 0.5) < 0.3)
    picture = np.full((side, side, 3), 255, np.uint8)
    picture[ring | bar] = (20, 40, 120)
    return picture


def strokes(mark: Pixels) -> int:
    """How many strokes the middle row of a framed mark crosses."""
    row = (mark[len(mark) // 2].min(axis=1) < 128).astype(np.int8)
    return int((np.diff(row, prepend=0) == 1).sum())


@pytest.mark.parametrize("style", STYLES)
def test_a_style_follows_from_its_chance_and_changes_the_picture(style: str) -> None:
    own = drawing()
    one, again, other = (on_web(own, np.random.default_rng(seed), style) for seed in (1, 1, 2))
    assert one.dtype == np.uint8
    assert one.ndim == 3
    assert np.array_equal(one, again)
    assert one.shape != own.shape or not np.array_equal(one, own)
    assert one.shape != other.shape or not np.array_equal(one, other)


@pytest.mark.parametrize(
    "style", ["gradient", "relief", "coloured ground", "black ground", "scan", "few pixels", "glow"]
)
def test_the_mark_is_found_again_on_its_new_ground(style: str) -> None:
    found = [strokes(frame_mark(on_web(drawing(), np.random.default_rng(seed), style)).pixels) for seed in range(8)]
    assert sum(count == 3 for count in found) >= 6, found


@pytest.mark.parametrize(
    ("style", "dark"), [("black ground", True), ("few pixels", False), ("app icon", False), ("scan", False)]
)
def test_a_style_has_its_ground(style: str, dark: bool) -> None:
    for seed in range(5):
        corner = on_web(drawing(), np.random.default_rng(seed), style)[0, 0]
        assert (corner.max() < 60) if dark else (corner.min() > 180)


def test_few_pixels_are_few() -> None:
    assert all(max(on_web(drawing(), np.random.default_rng(seed), "few pixels").shape) <= 80 for seed in range(5))


def test_every_style_is_drawn() -> None:
    rng = np.random.default_rng(0)
    shapes = {on_web(drawing(), rng).tobytes() for _ in range(40)}
    assert len(shapes) == 40


@pytest.mark.parametrize("style", ["chrome", "coloured ground", "black ground", "glow", "gradient"])
def test_the_tones_of_a_drawing_stay_apart(style: str) -> None:
    """A light bar on a dark tile: in one colour, the tile alone would be left."""
    tile = np.full((160, 160, 3), 255, np.uint8)
    tile[20:140, 20:140] = (30, 40, 60)
    tile[70:90, 40:120] = (230, 190, 60)
    apart = []
    for seed in range(6):
        picture = on_web(tile, np.random.default_rng(seed), style).astype(float).mean(axis=2)
        height, width = picture.shape
        bar, beside = picture[height // 2], picture[round(height * 0.36)]
        middle = slice(round(width * 0.42), round(width * 0.58))
        apart.append(abs(bar[middle].mean() - beside[middle].mean()))
    assert np.median(apart) > 20
