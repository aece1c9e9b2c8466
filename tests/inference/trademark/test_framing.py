"""One framing for all that looks at a mark: margins, ground, polarity, contrast, panels and size say nothing of it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.records import Crop, FramedMark
from inference.trademark.framing import MARGIN, _commonest, _without_specks, darkest, frame_mark

Pixels = NDArray[np.uint8]

WHITE, BLACK, RED, NAVY, CREAM = (255, 255, 255), (0, 0, 0), (200, 20, 30), (10, 20, 90), (250, 240, 220)
SIDE = 120


def anchor(ink: tuple[int, int, int] = BLACK, ground: tuple[int, int, int] = WHITE, side: int = SIDE) -> Pixels:
    """A ring on a stem with a bar: 100 of 120 wide and high, nothing of it meets the edge."""
    large = np.full((4 * side, 4 * side, 3), ground, np.uint8)
    unit = 4 * side / SIDE

    def at(*values: float) -> tuple[int, ...]:
        return tuple(round(value * unit) for value in values)

    cv2.circle(large, at(60, 28), *at(14), ink, *at(8))
    cv2.line(large, at(60, 44), at(60, 104), ink, *at(10))
    cv2.line(large, at(16, 62), at(104, 62), ink, *at(8))
    cv2.ellipse(large, at(60, 70), at(42, 36), 0, 20, 160, ink, *at(8))
    return np.asarray(cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def with_margin(mark: Pixels, margin: int, ground: tuple[int, int, int] = WHITE) -> Pixels:
    return np.asarray(cv2.copyMakeBorder(mark, *[margin] * 4, cv2.BORDER_CONSTANT, value=ground), np.uint8)


def close(one: FramedMark, other: FramedMark, levels: float = 8.0) -> bool:
    """Whether two framed marks are one picture but for rounding: mean difference, at one size."""
    size = 96, 96
    pixels = [cv2.resize(mark.pixels, size, interpolation=cv2.INTER_AREA).astype(float) for mark in (one, other)]
    return float(np.abs(pixels[0] - pixels[1]).mean()) <= levels


def exact(mark: Pixels) -> Pixels:
    return frame_mark(mark).pixels


@pytest.mark.parametrize("times", [0, 1, 2, 4, 8])
@pytest.mark.parametrize("ground", [WHITE, BLACK, RED, CREAM], ids=str)
def test_margins_change_nothing(times: int, ground: tuple[int, int, int]) -> None:
    mark = anchor(NAVY if ground != BLACK else CREAM, ground)
    framed, plain = frame_mark(with_margin(mark, 20 * times, ground)), frame_mark(mark)
    np.testing.assert_array_equal(framed.pixels, plain.pixels)
    assert framed.box == Crop(plain.box.x + 20 * times, plain.box.y + 20 * times, plain.box.width, plain.box.height)


def test_the_box_is_that_of_the_ink_and_the_margin_is_fixed() -> None:
    mark = np.full((200, 300, 3), 255, np.uint8)
    mark[50:120, 80:220] = 0
    framed = frame_mark(mark)
    assert framed.box == Crop(80, 50, 140, 70)
    margin = round(MARGIN * 140)
    assert framed.pixels.shape == framed.shown.shape == (70 + 2 * margin, 140 + 2 * margin, 3)
    inked = framed.pixels.max(axis=2) < 128
    assert inked[margin : margin + 70, margin : margin + 140].all()
    assert inked.sum() == 70 * 140


@pytest.mark.parametrize("levels", [6, 8, 12, 26, 40, 85, 170, 254])
@pytest.mark.parametrize("darker", [True, False])
def test_contrast_is_brought_to_a_standard(levels: int, darker: bool) -> None:
    full = anchor()
    share = (255 - full.astype(float)) / 255
    faint = np.round(255 - levels * share if darker else levels * share).astype(np.uint8)
    framed = frame_mark(faint)
    assert framed.contrast == pytest.approx(levels, abs=1)
    assert close(framed, frame_mark(full), levels=12.0 if levels < 12 else 5.0)


def test_a_negative_is_the_same_mark_to_the_bit() -> None:
    for mark in (anchor(), anchor(RED, CREAM), anchor(NAVY, RED)):
        np.testing.assert_array_equal(exact(mark), exact(255 - mark))


def test_parts_that_are_lighter_and_darker_than_the_ground_stay_apart() -> None:
    mark = np.full((100, 100, 3), 176, np.uint8)
    mark[20:80, 20:50], mark[20:80, 50:80] = 0, 255
    left, right = exact(mark)[40, 25], exact(mark)[40, 60]
    assert abs(int(left[0]) - int(right[0])) > 60


@pytest.mark.parametrize("panel", [RED, NAVY, BLACK, CREAM], ids=str)
@pytest.mark.parametrize("margin", [12, 40, 120])
def test_a_field_of_one_colour_is_a_ground(panel: tuple[int, int, int], margin: int) -> None:
    field = anchor(WHITE if panel != CREAM else RED, panel)
    on_page = frame_mark(with_margin(field, margin))
    assert on_page.panel is not None
    assert on_page.ground == panel
    np.testing.assert_array_equal(on_page.pixels, exact(field))


def test_a_solid_square_is_a_mark_and_no_field() -> None:
    square = np.full((120, 120, 3), 255, np.uint8)
    square[30:90, 30:90] = RED
    framed = frame_mark(square)
    assert framed.panel is None
    assert framed.box == Crop(30, 30, 60, 60)


def tile(side: int = 120, radius: int = 27) -> Pixels:
    """A navy tile with round corners on white, cut to its edges, with a cream disc on it."""
    picture = np.full((side, side, 3), 255, np.uint8)
    cv2.rectangle(picture, (radius, 0), (side - 1 - radius, side - 1), NAVY, -1)
    cv2.rectangle(picture, (0, radius), (side - 1, side - 1 - radius), NAVY, -1)
    for x in (radius, side - 1 - radius):
        for y in (radius, side - 1 - radius):
            cv2.circle(picture, (x, y), radius, NAVY, -1)
    cv2.circle(picture, (side // 2, side // 2), side // 5, CREAM, -1)
    return picture


def letter_h(side: int = 120) -> Pixels:
    picture = np.full((side, side, 3), 255, np.uint8)
    picture[:, : side // 6] = picture[:, -side // 6 :] = picture[side // 2 - 10 : side // 2 + 10] = 0
    return picture


@pytest.mark.parametrize("draw", [tile, letter_h])
def test_a_mark_that_fills_its_picture_is_framed_as_with_a_margin_and_said(draw: Callable[[], Pixels]) -> None:
    tight, free = frame_mark(draw()), frame_mark(with_margin(draw(), 60))
    assert not tight.ground_is_sure
    assert free.ground_is_sure
    assert tight.ground == free.ground == WHITE
    assert close(tight, free)


@pytest.mark.parametrize(("scale", "levels"), [(0.4, 16.0), (1, 8.0), (3, 5.0), (12, 5.0)])
def test_size_changes_little(scale: float, levels: float) -> None:
    large = frame_mark(with_margin(anchor(side=round(SIDE * scale)), round(200 * scale)))
    assert close(large, frame_mark(anchor(side=480)), levels)


@pytest.mark.parametrize("quality", [95, 75, 50])
@pytest.mark.parametrize("margin", [0, 200])
def test_compression_changes_little(quality: int, margin: int) -> None:
    file = cv2.imencode(".jpg", with_margin(anchor(side=360), margin), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    assert close(frame_mark(np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)), frame_mark(anchor(side=360)))


def test_dust_and_uneven_paper_do_not_widen_the_box() -> None:
    rng = np.random.default_rng(0)
    page = np.full((900, 700, 3), 244.0) + rng.normal(0, 2, (900, 700, 1))
    page -= np.linspace(0, 14, 700)[None, :, None]
    page[300:660, 200:560] -= (255 - anchor(side=360)) * 0.85
    page[40:43, 600:603] = 0
    page = np.clip(page, 0, 255).astype(np.uint8)
    framed = frame_mark(page)
    plain = frame_mark(anchor(side=360)).box
    assert (framed.box.x, framed.box.y) == pytest.approx((200 + plain.x, 300 + plain.y), abs=4)
    assert (framed.box.width, framed.box.height) == pytest.approx((plain.width, plain.height), abs=6)


def sheet(gap: int, count: int = 2) -> Pixels:
    spacer = np.full((SIDE, gap, 3), 255, np.uint8)
    return with_margin(np.hstack([anchor(), *[spacer, anchor(RED)] * (count - 1)]), 30)


@pytest.mark.parametrize(("gap", "count", "said"), [(100, 2, 2), (200, 2, 2), (120, 3, 3), (5, 2, 1), (0, 1, 1)])
def test_separate_drawings_are_counted(gap: int, count: int, said: int) -> None:
    assert frame_mark(sheet(gap, count)).drawings == said


@pytest.mark.parametrize("shade", [0, 90, 255])
def test_a_blank_picture_has_no_contrast(shade: int) -> None:
    framed = frame_mark(np.full((40, 60, 3), shade, np.uint8))
    assert framed.contrast == 0
    assert (framed.pixels == 255).all()


def test_a_picture_without_a_ground_is_kept_whole_and_as_it_is() -> None:
    photo = np.random.default_rng(1).integers(0, 256, (80, 100, 3)).astype(np.uint8)
    framed = frame_mark(photo)
    assert framed.ground is None
    assert "no ground was found" in framed.sentence
    np.testing.assert_array_equal(framed.pixels, photo)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 3), (7, 2)])
def test_the_smallest_pictures_are_framed(shape: tuple[int, int]) -> None:
    framed = frame_mark(np.arange(shape[0] * shape[1] * 3, dtype=np.uint8).reshape(*shape, 3))
    assert framed.pixels.shape == framed.shown.shape


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 200, 3), (37, 41, 3)])
def test_the_darkest_channel_is_the_least_of_three(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert np.array_equal(darkest(pixels), [[min(pixel) for pixel in row] for row in pixels.tolist()])


@pytest.mark.parametrize("levels", [2, 5, 256])
def test_the_commonest_row_is_the_first_of_those_that_are_counted_most(levels: int) -> None:
    cells = np.random.default_rng(0).integers(0, levels, (400, 3), np.int32)
    rows = [tuple(row) for row in cells.tolist()]
    assert tuple(_commonest(cells).tolist()) == max(sorted(set(rows)), key=rows.count)


@pytest.mark.parametrize("ink", [0.0, 0.004, 0.05, 0.15, 1.0])
def test_a_speck_is_a_group_of_ink_with_too_small_a_share(ink: float) -> None:
    drawn = np.random.default_rng(0).random((200, 300)) < ink
    drawn[5:25, 5:75] |= ink > 0
    _, labels = cv2.connectedComponents(drawn.astype(np.uint8), connectivity=8)
    groups = [labels == label for label in range(1, labels.max() + 1)]
    kept = [group for group in groups if group.sum() >= max(2, 5e-4 * drawn.sum())]
    assert np.array_equal(_without_specks(drawn), np.logical_or.reduce([np.zeros_like(drawn), *kept]))
