"""Lockups: where a drawing holds a symbol, and where it does not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training.data.marks.lockups import place_of

Pixels = NDArray[np.uint8]


def symbol(kind: str, colour: str = "#103070") -> Image.Image:
    picture = Image.new("RGB", (120, 120), "white")
    pen = ImageDraw.Draw(picture)
    if kind == "flag":
        pen.polygon([(4, 4), (116, 40), (40, 60), (60, 116), (4, 90)], colour)
        pen.ellipse((70, 66, 110, 106), colour)
    else:
        pen.rectangle((4, 4, 116, 60), colour)
        pen.rectangle((30, 60, 60, 116), colour)
    return picture


def lockup(kind: str, side: int, x: int, y: int, colour: str = "#103070") -> Pixels:
    """The symbol beside bars that stand for letters."""
    picture = Image.new("RGB", (600, 150), "white")
    picture.paste(symbol(kind, colour).resize((side, side), Image.Resampling.LANCZOS), (x, y))
    pen = ImageDraw.Draw(picture)
    for start in range(220, 560, 55):
        pen.rectangle((start, 40, start + 14, 110), "#202020")
        pen.rectangle((start, 96, start + 38, 110), "#202020")
    return np.asarray(picture)


@pytest.mark.parametrize(
    ("side", "x", "y", "colour"), [(140, 4, 4, "#103070"), (90, 60, 20, "#103070"), (140, 4, 4, "#d02010")]
)
def test_a_lockup_holds_its_symbol_at_any_size_and_colour(side: int, x: int, y: int, colour: str) -> None:
    place = place_of(np.asarray(symbol("flag")), lockup("flag", side, x, y, colour))
    assert place is not None
    assert np.abs(np.subtract((place.x, place.y, place.width, place.height), (x, y, side, side))).max() <= 0.12 * side


@pytest.mark.parametrize(
    "whole",
    [
        pytest.param(lockup("block", 140, 4, 4), id="another symbol"),
        pytest.param(lockup("flag", 140, 700, 4), id="letters alone"),
        pytest.param(np.asarray(symbol("flag")), id="the symbol alone"),
        pytest.param(np.full((150, 600, 3), 255, np.uint8), id="nothing"),
    ],
)
def test_what_holds_no_symbol_beside_something_else_is_no_lockup(whole: Pixels) -> None:
    assert place_of(np.asarray(symbol("flag")), whole) is None
