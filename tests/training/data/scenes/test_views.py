"""Views of scenes: boxes follow their parts, and nothing is mirrored or cut in half."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from training.data.scenes.views import draw_view, turned, vary_light

Pixels = np.ndarray
LABELS = ((10, 20, 50, 45), (90, 60, 130, 100))
COLOURS = ((200, 30, 30), (30, 30, 200))


def scene() -> tuple[Pixels, np.ndarray]:
    """A grey scene, 160 x 120, with a red and a blue part."""
    pixels = np.full((120, 160, 3), 120, np.uint8)
    for (left, top, right, bottom), colour in zip(LABELS, COLOURS, strict=True):
        pixels[top:bottom, left:right] = colour
    return pixels, np.array(LABELS, np.float32)


def extent(pixels: Pixels, channel: int) -> tuple[int, int, int, int]:
    """The box around what is much stronger in one channel than in the opposite one."""
    values = pixels.astype(int)
    rows, columns = np.nonzero(values[..., channel] - values[..., 2 - channel] > 60)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("quarters", range(4))
def test_boxes_turn_with_the_picture(quarters: int) -> None:
    pixels, boxes = turned(*scene(), quarters)
    assert np.array_equal(pixels, np.rot90(scene()[0], quarters))
    for box, channel in zip(boxes, (0, 2), strict=True):
        assert tuple(box) == extent(pixels, channel)


@pytest.mark.parametrize("seed", range(25))
def test_boxes_lie_around_their_parts_in_every_view(seed: int) -> None:
    view = draw_view(*scene(), 96, 128, np.random.default_rng(seed))
    assert (view.pixels.shape, view.pixels.dtype) == ((96, 96, 3), np.uint8)
    assert (view.boxes >= 0).all()
    assert (view.boxes <= 96).all()
    for box, index in zip(view.boxes, view.kept, strict=True):
        found = extent(view.pixels, (0, 2)[index])
        assert np.abs(np.array(found) - box).max() <= 4, seed


def test_no_part_is_left_half_in_and_scenes_without_parts_are_seen_too() -> None:
    whole = 0
    for seed in range(60):
        view = draw_view(*scene(), 96, 128, np.random.default_rng(seed))
        whole += len(view.kept)
        for index, channel in enumerate((0, 2)):
            values = view.pixels.astype(int)
            shown = (values[..., channel] - values[..., 2 - channel] > 60).sum()
            if index not in view.kept:
                # At the largest zoom a part has about 1,600 pixels.
                assert shown < 120
    assert 40 < whole < 120
    view = draw_view(scene()[0], np.zeros((0, 4), np.float32), 96, 128, np.random.default_rng(0))
    assert (view.boxes.shape, view.kept.shape) == ((0, 4), (0,))


def test_the_same_draw_gives_the_same_view() -> None:
    one, again, other = (draw_view(*scene(), 96, 128, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.pixels, again.pixels)
    assert np.array_equal(one.boxes, again.boxes)
    assert not np.array_equal(one.pixels, other.pixels)


def test_views_are_turned_and_never_mirrored(discs: Pixels, clockwise: Callable[[Pixels], bool]) -> None:
    assert clockwise(discs)
    assert not clockwise(discs[:, ::-1])
    whole = np.array([[20, 15, 80, 80]], np.float32)
    for seed in range(20):
        view = draw_view(discs, whole, 96, 96, np.random.default_rng(seed))
        if len(view.kept):
            assert clockwise(view.pixels), seed


def test_light_varies_and_stays_in_range() -> None:
    pixels, _ = scene()
    varied = [vary_light(pixels, np.random.default_rng(seed)) for seed in range(30)]
    assert all((one.shape, one.dtype) == (pixels.shape, np.uint8) for one in varied)
    assert np.ptp([one.mean() for one in varied]) > 40
