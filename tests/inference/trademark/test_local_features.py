"""What of two drawings coincides: turned, resized, framed and in part, and not where marks merely look alike."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from inference.drawing import in_two_colours, lay_over
from inference.intake.exhibit import read_exhibit
from inference.records import LocalAgreement
from inference.trademark.local_features import (
    LEAST_MATCHED,
    local_agreement,
    local_features,
    negative_of,
)

Pixels = NDArray[np.uint8]

EXAMPLES = Path(__file__).parents[3] / "ui" / "examples" / "marks"


def mark(seed: int, side: int = 300) -> Pixels:
    """Twelve bars and discs in dark colours on white."""
    rng = np.random.default_rng(seed)
    drawn = np.full((side, side, 3), 255, np.uint8)
    for _ in range(12):
        x, y, size = (int(value) for value in rng.integers([40, 40, 12], [side - 40, side - 40, 36]))
        colour = tuple(int(value) for value in rng.integers(0, 160, 3))
        if rng.random() < 0.5:
            cv2.circle(drawn, (x, y), size // 2, colour, -1)
        else:
            corners = cv2.boxPoints(((x, y), (size * 2, size / 2), float(rng.uniform(0, 180)))).astype(np.int32)
            cv2.fillPoly(drawn, [corners], colour)
    return drawn


def turned(picture: Pixels, degrees: float, scale: float = 1.0) -> Pixels:
    """Clockwise about its middle."""
    side = picture.shape[0]
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), -degrees, scale)
    return np.asarray(cv2.warpAffine(picture, turn, (side, side), borderValue=(255, 255, 255)), np.uint8)


def agree(first: Pixels, second: Pixels) -> LocalAgreement:
    return local_agreement(local_features(first), local_features(second))


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "itself": lambda picture: picture,
    "half as large": lambda picture: np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5), np.uint8),
    "on a larger sheet": lambda picture: np.pad(picture, ((200, 50), (20, 300), (0, 0)), constant_values=255),
    "recoloured": lambda picture: np.asarray(picture[..., ::-1] // 2 + 127, np.uint8),
    "in part": lambda picture: picture[:, : picture.shape[1] * 2 // 3],
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_one_drawing_lies_on_itself_however_it_is_shown(name: str) -> None:
    for seed in range(5):
        found = agree(mark(seed), CHANGES[name](mark(seed)))
        assert found.share > 0.15
        assert found.turn == pytest.approx(0, abs=3)


@pytest.mark.parametrize("degrees", [-120, -45, 20, 90, 170])
def test_the_turn_of_the_second_mark_is_told(degrees: float) -> None:
    found = agree(mark(1), turned(mark(1), degrees, 0.8))
    assert found.share > 0.25
    assert found.turn == pytest.approx(degrees, abs=3)


def test_a_place_of_the_first_mark_is_found_on_the_second() -> None:
    """Pixels of the marks as they are, whatever their size and framing."""
    drawn = mark(3)
    shown = np.pad(
        np.rot90(np.repeat(np.repeat(drawn, 2, 0), 2, 1), -1), ((31, 7), (50, 90), (0, 0)), constant_values=255
    )
    transform = agree(drawn, shown).transform
    assert transform is not None
    for x, y in ((60, 80), (150, 150), (230, 110)):
        # Doubled, turned clockwise by a quarter, then padded by 50 and 31.
        there = 2 * (drawn.shape[0] - 1 - y) + 0.5 + 50, 2 * x + 0.5 + 31
        assert np.reshape(transform, (2, 3)) @ (x, y, 1) == pytest.approx(there, abs=2)


def test_the_second_mark_is_laid_over_the_first() -> None:
    drawn = mark(3)
    shown = np.pad(np.rot90(drawn, -1), ((31, 7), (50, 90), (0, 0)), constant_values=255)
    laid = lay_over(drawn, shown, agree(drawn, shown))
    assert laid is not None
    assert laid.shape == drawn.shape
    assert np.abs(laid.astype(float) - drawn).mean() < 3
    assert lay_over(drawn, shown, LocalAgreement(0, 9)) is None


def test_points_of_a_negative_are_those_of_a_picture_with_light_and_dark_exchanged() -> None:
    for seed in range(4):
        derived, found = negative_of(local_features(mark(seed))), local_features(255 - mark(seed))
        apart = np.linalg.norm(derived.descriptors[:, None] - found.descriptors[None], axis=2)
        nearest = apart.argmin(axis=1)
        assert len(found.points) == len(derived.points)
        assert derived.points == pytest.approx(found.points[nearest], abs=0.1)
        # Of length 512 each, and rounded.
        assert apart.min(axis=1).max() < 10


@pytest.mark.parametrize("degrees", [0, 90])
def test_a_negative_agrees_and_is_laid_over_as_the_mark_it_is_one_of(degrees: float) -> None:
    drawn = mark(2)
    found = agree(drawn, 255 - turned(drawn, degrees))
    assert found.negative
    assert found.share > 0.5
    assert found.turn == pytest.approx(degrees, abs=3)
    laid = lay_over(drawn, 255 - turned(drawn, degrees), found)
    assert laid is not None
    assert np.abs(laid.astype(float) - drawn).mean() < 6
    back = agree(255 - turned(drawn, degrees), drawn)
    assert (back.matched, back.negative) == (found.matched, True)


def test_a_mark_is_no_negative_of_itself() -> None:
    assert not any(agree(mark(seed), turned(mark(seed), 30)).negative for seed in range(8))


def test_two_colours_tell_what_either_mark_draws_alone() -> None:
    first, laid = np.full((2, 2, 3), 255, np.uint8), np.full((2, 2, 3), 255, np.uint8)
    first[0], laid[:, 0] = 0, 0
    white, red, cyan, black = [255] * 3, [255, 0, 0], [0, 255, 255], [0] * 3
    assert in_two_colours(first, laid).tolist() == [[black, red], [cyan, white]]


def test_strangers_do_not_lie_on_each_other() -> None:
    shares = [agree(mark(a), mark(b)).share for a in range(8) for b in range(a)]
    assert max(shares) < 0.15
    assert np.mean(shares) < 0.05


@pytest.mark.parametrize(
    "picture",
    [
        np.full((40, 40, 3), 255, np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((3, 900, 3), np.uint8),
        np.pad(np.zeros((30, 30, 3), np.uint8), ((9, 9), (9, 9), (0, 0)), constant_values=255),
    ],
    ids=["blank", "one pixel", "a line", "a square"],
)
def test_a_mark_with_next_to_no_points_agrees_with_nothing(picture: Pixels) -> None:
    for found in (agree(picture, mark(0)), agree(mark(0), picture)):
        assert (found.matched, found.share, found.transform) == (0, 0.0, None)


def test_a_mark_shrunk_to_a_speck_lies_on_nothing() -> None:
    """Points at one place, each with a direction of its own, would all be met by a mark of no size."""
    drawn = local_features(mark(4))
    speck = replace(drawn, points=np.full_like(drawn.points, 60.0) + np.float32(1e-3) * drawn.points)
    for found in (local_agreement(drawn, speck), local_agreement(speck, drawn)):
        assert (found.matched, found.transform) == (0, None)


def test_points_at_two_places_lie_on_each_other_by_chance() -> None:
    drawn = local_features(mark(4))
    places = np.where(np.arange(len(drawn.points))[:, None] % 2, 40.0, 160.0).astype(np.float32).repeat(2, axis=1)
    heap = replace(drawn, points=places)
    assert len(drawn.points) > 2 * LEAST_MATCHED
    assert local_agreement(heap, replace(heap, points=places[:, ::-1] + np.float32(9))).matched == 0


def test_the_other_order_gives_the_same_with_the_turn_about() -> None:
    first, second = local_features(mark(2)), local_features(turned(mark(2), 90))
    there, back = local_agreement(first, second), local_agreement(second, first)
    assert (back.matched, back.of) == (there.matched, there.of)
    assert there.turn == pytest.approx(90, abs=3)
    assert back.turn == pytest.approx(-there.turn)
    assert there.matched >= LEAST_MATCHED


def test_it_is_the_same_at_all_times_and_in_every_thread() -> None:
    pairs = [(mark(seed), turned(mark(seed), 30)) for seed in range(4)] * 4
    alone = [agree(*pair) for pair in pairs]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda pair: agree(*pair), pairs)) == alone


@pytest.mark.parametrize(
    ("pair", "least", "most"),
    [("1-lookalike-pair", 0.3, 1.0), ("2-lookalike-pair-recoloured", 0.3, 1.0), ("3-unrelated-pair", 0.0, 0.1)],
)
def test_of_the_examples_lookalikes_agree_and_strangers_do_not(pair: str, least: float, most: float) -> None:
    first, second = (read_exhibit(path).pixels for path in sorted((EXAMPLES / pair).glob("*")))
    assert least <= agree(first, second).share <= most
