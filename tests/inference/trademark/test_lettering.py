"""Mostly lettering: words in any typeface are told from drawings, by what is drawn alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inference.trademark.framing import frame_mark
from inference.trademark.lettering import MOST_LETTERING, lettering

Pixels = NDArray[np.uint8]

FACES = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif-Italic", "DejaVuSansMono", "STIXGeneral", "cmr10", "cmss10")
WORDS = ("ISOBAR", "Veltrano", "lumora", "OSTARA & DOBRIN", "Grenova Labs", "aon", "2468")


def word(text: str, face: str = "DejaVuSans", size: int = 80) -> Pixels:
    font = ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"), size)
    left, top, right, bottom = (round(value) for value in font.getbbox(text, stroke_width=0))
    picture = Image.new("RGB", (right - left + 40, bottom - top + 40), "white")
    ImageDraw.Draw(picture).text((20 - left, 20 - top), text, "black", font)
    return np.asarray(picture)


def share(mark: Pixels) -> float:
    return lettering(frame_mark(mark).pixels)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("text", WORDS)
def test_words_are_lettering(text: str, face: str) -> None:
    assert share(word(text, face)) > MOST_LETTERING


@pytest.mark.parametrize("scale", [0.3, 1, 4])
@pytest.mark.parametrize("negative", [False, True])
def test_size_and_polarity_change_nothing(scale: float, negative: bool) -> None:
    mark = word("GRENOVA", size=round(80 * scale))
    assert share(255 - mark if negative else mark) > MOST_LETTERING


def blank(height: int = 200, width: int = 200) -> Pixels:
    return np.full((height, width, 3), 255, np.uint8)


def disc() -> Pixels:
    return cv2.circle(blank(), (100, 100), 70, (0, 0, 0), -1)


def rings() -> Pixels:
    picture = blank(160, 400)
    for x in (80, 160, 240):
        cv2.circle(picture, (x, 80), 50, (0, 0, 0), 10)
    return picture


def bars() -> Pixels:
    picture = blank(200, 220)
    for x in range(30, 190, 40):
        picture[30:170, x : x + 24] = 0
    return picture


def star() -> Pixels:
    turns = np.arange(10) * np.pi / 5
    radii = np.where(np.arange(10) % 2, 35, 85)
    points = np.stack([100 + radii * np.sin(turns), 100 - radii * np.cos(turns)], axis=1).round().astype(np.int32)
    return cv2.fillPoly(blank(), [points], (0, 0, 0))


def three_leaves() -> Pixels:
    picture = blank(160, 300)
    for x in (70, 150, 230):
        cv2.ellipse(picture, (x, 80), (30, 55), 0, 0, 360, (0, 0, 0), -1)
    return picture


def wave() -> Pixels:
    x = np.arange(20, 380)
    points = np.stack([x, 80 + 40 * np.sin(x / 28)], axis=1).round().astype(np.int32)
    return cv2.polylines(blank(160, 400), [points], False, (0, 0, 0), 14)


@pytest.mark.parametrize("draw", [disc, rings, bars, star, three_leaves, wave], ids=lambda draw: draw.__name__)
def test_drawings_are_no_lettering(draw: Callable[[], Pixels]) -> None:
    assert share(draw()) <= MOST_LETTERING


def test_a_small_word_under_a_large_symbol_is_no_more_than_its_ink() -> None:
    picture = blank(300, 260)
    picture[10:210, 30:230] = disc()
    text = word("OSTARA", size=36)
    picture[230 : 230 + text.shape[0], 30 : 30 + text.shape[1]] = text[: 300 - 230, : 260 - 30]
    assert 0.02 < share(picture) < 0.3


def test_a_blank_mark_has_none() -> None:
    assert lettering(blank()) == 0.0
