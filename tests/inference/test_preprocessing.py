"""Preprocessing: tone, scale and FWD padding against loops over single pixels."""

from __future__ import annotations

import colorsys
import itertools
import re

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.fwd import Padding, pad_to_square
from inference.preprocessing import (
    HALF,
    IMAGENET_MEAN,
    IMAGENET_STD,
    RGB,
    Preprocessing,
    auto_contrast,
    gamma_correction,
    resize,
)
from inference.records import Placement

Pixels = NDArray[np.uint8]

FIXED: dict[Padding, tuple[int, int, int]] = {"black": (0, 0, 0), "white": (255, 255, 255), "gray": (128, 128, 128)}
PADDINGS: tuple[Padding, ...] = ("none", "black", "white", "gray", "random", "uniform")
SHAPES = [(5, 9), (9, 5), (4, 9), (9, 4), (1, 60), (60, 1), (8, 9), (1, 2)]


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def mean_colour(pixels: list[Pixels]) -> tuple[int, ...]:
    return tuple(round(sum(int(pixel[channel]) for pixel in pixels) / len(pixels)) for channel in range(3))


def edge_colour(picture: Pixels, row: int, column: int) -> tuple[int, ...]:
    """Mean of the edge of the picture that lies next to a place outside it."""
    height, width = picture.shape[:2]
    if row < 0:
        return mean_colour([picture[0, x] for x in range(width)])
    if row >= height:
        return mean_colour([picture[height - 1, x] for x in range(width)])
    if column < 0:
        return mean_colour([picture[y, 0] for y in range(height)])
    return mean_colour([picture[y, width - 1] for y in range(height)])


def padded_naively(picture: Pixels, padding: Padding) -> Pixels:
    height, width = picture.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side, 3), np.uint8)
    for row, column in itertools.product(range(side), range(side)):
        y, x = row - top, column - left
        if 0 <= y < height and 0 <= x < width:
            square[row, column] = picture[y, x]
        else:
            square[row, column] = FIXED.get(padding) or edge_colour(picture, y, x)
    return square


def outside(square: Pixels, height: int, width: int) -> Pixels:
    """The pixels (n, 3) of a square that the centred picture does not cover."""
    side = len(square)
    top, left = (side - height) // 2, (side - width) // 2
    covered = np.zeros((side, side), bool)
    covered[top : top + height, left : left + width] = True
    return square[~covered]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("padding", ["black", "white", "gray", "uniform"])
def test_padding_fills_up_to_a_centred_square(padding: Padding, shape: tuple[int, int]) -> None:
    picture = noise(*shape)
    square, _ = pad_to_square(picture, padding)
    assert np.array_equal(square, padded_naively(picture, padding))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("padding", PADDINGS[1:])
def test_the_placement_says_where_the_picture_lies(padding: Padding, shape: tuple[int, int]) -> None:
    picture = noise(*shape)
    square, place = pad_to_square(picture, padding)
    edges = np.array([place.left, place.top, place.width, place.height]) * len(square)
    left, top, width, height = edges.round().astype(int).tolist()
    assert edges == pytest.approx([left, top, width, height])
    assert (height, width) == shape
    assert np.array_equal(square[top : top + height, left : left + width], picture)
    assert 0 <= (len(square) - height) - 2 * top <= 1, "an odd pixel goes below"
    assert 0 <= (len(square) - width) - 2 * left <= 1, "an odd pixel goes to the right"


@pytest.mark.parametrize("padding", PADDINGS)
def test_a_square_picture_is_left_alone(padding: Padding) -> None:
    picture = noise(6, 6)
    square, place = pad_to_square(picture, padding)
    assert np.array_equal(square, picture)
    assert place == Placement(0, 0, 1, 1)


def test_without_padding_a_picture_is_left_alone() -> None:
    picture = noise(5, 9)
    square, place = pad_to_square(picture, "none")
    assert np.array_equal(square, picture)
    assert place == Placement(0, 0, 1, 1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_random_padding_is_one_colour_that_depends_on_the_picture_only(shape: tuple[int, int]) -> None:
    squares = [pad_to_square(noise(*shape, seed), "random")[0] for seed in (1, 1, 2, 3, 4)]
    colours = [outside(square, *shape) for square in squares]
    assert all((colour == colour[0]).all() for colour in colours)
    assert np.array_equal(colours[0], colours[1])
    assert len({tuple(colour[0]) for colour in colours}) == 4


def test_random_padding_does_not_depend_on_how_the_pixels_lie_in_memory() -> None:
    picture = noise(5, 9)
    view = np.asfortranarray(picture)
    assert np.array_equal(pad_to_square(picture, "random")[0], pad_to_square(view, "random")[0])


def test_uniform_padding_continues_each_edge_with_its_own_mean() -> None:
    picture = np.zeros((2, 6, 3), np.uint8)
    picture[0, :3], picture[1] = (200, 100, 60), (10, 20, 30)
    square, _ = pad_to_square(picture, "uniform")
    assert (square[:2] == (100, 50, 30)).all()
    assert (square[4:] == (10, 20, 30)).all()


@pytest.mark.parametrize("gamma", [0.5, 0.8, 1.2, 1.8, 2.2])
def test_gamma_correction_follows_its_formula(gamma: float) -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    corrected = gamma_correction(values, gamma)
    expected = [round(255 * (value / 255) ** (1 / gamma)) for value in range(256)]
    assert corrected.dtype == np.uint8
    assert corrected[:, :, 0].ravel().tolist() == expected
    assert (corrected == corrected[:, :, :1]).all()


def test_gamma_one_changes_nothing_and_a_larger_one_brightens() -> None:
    picture = noise(4, 4)
    assert np.array_equal(gamma_correction(picture, 1), picture)
    assert gamma_correction(picture, 2.0).mean() > picture.mean() > gamma_correction(picture, 0.5).mean()


def test_no_auto_contrast_leaves_the_bytes() -> None:
    picture = noise(4, 4) // 2 + 40
    assert np.array_equal(auto_contrast(picture, None), picture)


@pytest.mark.parametrize("clipped", [0.0, 1.0, 5.0])
def test_auto_contrast_stretches_grey_to_the_full_range(clipped: float) -> None:
    ramp = np.linspace(70, 180, 400).astype(np.uint8).reshape(20, 20, 1).repeat(3, axis=2)
    stretched = auto_contrast(ramp, clipped)
    assert (stretched.min(), stretched.max()) == (0, 255)
    order = np.argsort(ramp[..., 0].ravel(), kind="stable")
    assert (np.diff(stretched[..., 0].ravel()[order].astype(int)) >= 0).all()


def test_auto_contrast_ignores_outliers_up_to_its_share() -> None:
    picture = np.full((10, 10, 3), 100, np.uint8)
    picture[:5] = 140
    picture[0, 0], picture[9, 9] = 255, 0
    assert np.array_equal(auto_contrast(picture, 0), picture), "black and white are there already"
    stretched = auto_contrast(picture, 2)
    assert set(np.unique(stretched)) == {0, 255}


def test_auto_contrast_keeps_the_hue() -> None:
    muted = (np.random.default_rng(0).integers(95, 150, (12, 12, 1)) + np.array([30, 0, -25])).astype(np.uint8)
    muted[0], muted[-1] = (75, 60, 40), (215, 200, 180)
    stretched = auto_contrast(muted, 0)
    assert (stretched.min(), stretched.max()) == (0, 255)
    for before, after in zip(muted[1:-1].reshape(-1, 3), stretched[1:-1].reshape(-1, 3), strict=True):
        hue_before, hue_after = (colorsys.rgb_to_hsv(*(pixel / 255))[0] for pixel in (before, after))
        assert hue_after == pytest.approx(hue_before, abs=0.01)


def test_auto_contrast_leaves_a_blank_part_blank() -> None:
    blank = np.full((5, 5, 3), 90, np.uint8)
    assert np.array_equal(auto_contrast(blank, 1.0), blank)


@pytest.mark.parametrize(("mean", "std"), [(IMAGENET_MEAN, IMAGENET_STD), (HALF, HALF)])
def test_normalisation_can_be_undone(mean: RGB, std: RGB) -> None:
    framed = noise(16, 16)
    values = Preprocessing(size=16, mean=mean, std=std).normalised(framed)
    assert values.dtype == np.float32
    assert values.shape == (3, 16, 16)
    for channel in range(3):
        restored = (values[channel].astype(np.float64) * std[channel] + mean[channel]) * 255
        assert np.abs(restored - framed[:, :, channel]).max() < 1e-3


@pytest.mark.parametrize("size", [8, 32, 41])
@pytest.mark.parametrize(
    ("height", "width"), [(1, 500), (500, 1), (3, 3), (90, 61), (61, 90), (20, 33), (41, 41), (1, 1)]
)
def test_the_long_side_is_scaled_to_the_size(height: int, width: int, size: int) -> None:
    scaled = Preprocessing(size=size).tone_and_scale(noise(height, width))
    short = max(1, round(min(height, width) * size / max(height, width)))
    expected = (size, size) if height == width else (short, size) if height < width else (size, short)
    assert scaled.shape == (*expected, 3)
    assert scaled.dtype == np.uint8


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("height", "width"), [(1, 500), (500, 1), (50, 51), (30, 90), (90, 30), (2, 1), (32, 32)])
def test_every_part_fills_its_place_in_the_square(padding: Padding, height: int, width: int) -> None:
    preprocessing = Preprocessing(size=32, padding=padding)
    prepared = preprocessing(noise(height, width))
    assert prepared.values.shape == (3, 32, 32)
    if padding == "none" or height == width:
        assert prepared.placement == Placement(0, 0, 1, 1)
    else:
        assert max(prepared.placement.width, prepared.placement.height) == 1
        assert min(prepared.placement.width, prepared.placement.height) < 1


def test_without_padding_the_part_is_stretched() -> None:
    left_black = np.zeros((10, 40, 3), np.uint8)
    left_black[:, 20:] = 255
    stretched, place = Preprocessing(size=20, padding="none").frame(
        Preprocessing(size=20, padding="none").tone_and_scale(left_black)
    )
    assert place == Placement(0, 0, 1, 1)
    assert (stretched[:, :8] == 0).all()
    assert (stretched[:, 12:] == 255).all()


def test_padding_does_not_deform_the_part() -> None:
    part = np.zeros((10, 40, 3), np.uint8)
    part[:, 20:] = 255
    preprocessing = Preprocessing(size=20, padding="gray")
    framed, place = preprocessing.frame(preprocessing.tone_and_scale(part))
    assert place == Placement(0, 7 / 20, 1, 5 / 20)
    assert (framed[:7] == 128).all()
    assert (framed[12:] == 128).all()
    assert (framed[7:12, :8] == 0).all()
    assert (framed[7:12, 12:] == 255).all()


def test_a_part_that_has_the_size_is_not_resampled() -> None:
    picture = noise(12, 20)
    assert np.array_equal(resize(picture, 20, 12), picture)
    assert np.array_equal(Preprocessing(size=20).tone_and_scale(picture), picture)


@pytest.mark.parametrize(
    ("padding", "gamma", "contrast"), itertools.product(PADDINGS, [1.0, 1.6], [None, 1.0]), ids=str
)
def test_training_takes_the_same_steps_to_the_bit(padding: Padding, gamma: float, contrast: float | None) -> None:
    preprocessing = Preprocessing(size=24, padding=padding, gamma=gamma, auto_contrast=contrast)
    part = noise(37, 61)
    framed, placement = preprocessing.frame(preprocessing.tone_and_scale(part))
    whole = preprocessing(part)
    assert np.array_equal(whole.values, preprocessing.normalised(framed))
    assert whole.placement == placement


def test_tone_comes_before_padding() -> None:
    prepared = Preprocessing(size=16, gamma=2.0, padding="gray", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))(
        noise(8, 16)
    )
    assert (prepared.values[:, 0, 0] * 255).round().tolist() == [128, 128, 128]


def test_the_part_itself_is_never_written_to() -> None:
    part = noise(20, 30)
    part.setflags(write=False)
    before = part.copy()
    for padding in PADDINGS:
        Preprocessing(size=16, padding=padding, gamma=1.5, auto_contrast=1.0)(part)
    assert np.array_equal(part, before)


@pytest.mark.parametrize(
    ("preprocessing", "said", "unsaid"),
    [
        (Preprocessing(size=32), ["61 x 37 to 32 x 32 pixels", "FWD padding gray"], ["gamma", "auto-contrast"]),
        (Preprocessing(size=32, gamma=1.6), ["gamma correction: values raised to 1/1.6"], ["auto-contrast"]),
        (Preprocessing(size=32, auto_contrast=1.5), ["auto-contrast: 1.5 % clipped at each end"], ["gamma"]),
        (Preprocessing(size=32, auto_contrast=0.0), ["auto-contrast: 0 % clipped"], ["gamma"]),
        (Preprocessing(size=32, padding="uniform"), ["FWD padding uniform"], ["stretched"]),
        (Preprocessing(size=32, padding="none"), ["stretched to the square"], ["FWD"]),
        (Preprocessing(size=32, mean=HALF, std=HALF), ["mean 0.5, 0.5, 0.5, std 0.5, 0.5, 0.5"], ["0.485"]),
    ],
)
def test_sentences_say_what_was_done(preprocessing: Preprocessing, said: list[str], unsaid: list[str]) -> None:
    sentences = preprocessing(noise(37, 61)).sentences
    for words in said:
        assert sum(words in sentence for sentence in sentences) == 1
    for words in unsaid:
        assert not any(words in sentence for sentence in sentences)


def test_sentences_stand_in_the_order_of_the_steps() -> None:
    sentences = Preprocessing(size=32, gamma=2.0, auto_contrast=1.0)(noise(37, 61)).sentences
    assert [sentence.split()[0] for sentence in sentences] == ["gamma", "auto-contrast:", "61", "normalised"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"size": 7}, "size lies between 8 and"),
        ({"size": 32, "gamma": 0.0}, "gamma is above 0"),
        ({"size": 32, "gamma": -1.0}, "gamma is above 0"),
        ({"size": 32, "gamma": float("nan")}, "gamma is above 0"),
        ({"size": 32, "auto_contrast": -0.1}, "auto-contrast clips 0 to 50 %"),
        ({"size": 32, "auto_contrast": 50.0}, "auto-contrast clips 0 to 50 %"),
        ({"size": 32, "std": (0.5, 0.0, 0.5)}, "std lies between"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Preprocessing(**settings)


@pytest.mark.parametrize("settings", [{"size": 8}, {"size": 8, "auto_contrast": 0.0}, {"size": 8, "gamma": 0.01}])
def test_settings_at_the_end_of_their_range_work(settings: dict) -> None:
    assert Preprocessing(**settings)(noise(9, 11)).values.shape == (3, 8, 8)
