"""Flat pictures that are no marks: what a scope gate of marks is measured on as near to its kind.

Pages of text, codes, charts, forms, tables and patterns come from the same programs as marks do, in flat colours and
without a photo's noise, and an examiner may hand one in by mistake.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from inference.files import png_bytes, write_whole
from training.data.rendered.plan import require_at_least
from training.data.rendered.written import claim_folder, library_versions

_TYPEFACES = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Italic", "DejaVuSansMono", "STIXGeneral")
_LETTERS = "abcdefghijklmnoprstuvw"
_SIDES = (240, 900)
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class FlatPicturesSettings:
    """Pages of text, codes, charts, forms, tables and patterns, to measure a scope gate of marks on.

    Raises:
        RenderingRefusal: if a number is below its least.
    """

    out: Path
    """folder of the pictures; unfinished ones with the same settings are continued"""
    pictures: int = 300
    """how many, at least 1; the kinds take turns"""
    seed: int = 0
    """same seed and settings, same files; at least 0"""

    def __post_init__(self) -> None:
        require_at_least(self, {"pictures": 1, "seed": 0})


def build_flat_pictures(settings: FlatPicturesSettings) -> list[Path]:
    """Draw whatever is not there yet; the files.

    Raises:
        RenderingRefusal: if the folder holds something else.
    """
    claim_folder(settings.out, _readme(settings))
    kinds, paths = list(KINDS), []
    for number in tqdm(range(settings.pictures), "drawing", unit="picture", leave=False):
        kind = kinds[number % len(kinds)]
        path = settings.out / f"{kind}-{number:04d}.png"
        if not path.exists():
            write_whole(path, png_bytes(draw_flat(kind, np.random.default_rng((settings.seed, number)))))
        paths.append(path)
    return paths


def draw_flat(kind: str, rng: Generator) -> Image.Image:
    """A picture of one of `KINDS`, RGB, of 240 to 900 pixels a side."""
    width, height = (int(side) for side in rng.integers(*_SIDES, 2))
    ground, ink = _colours(rng)
    picture = Image.new("RGB", (width, height), ground)
    KINDS[kind](picture, ink, rng)
    return picture


def _colours(rng: Generator) -> tuple[Colour, Colour]:
    """Of the ground and of what is drawn on it: mostly dark on white, else any light and dark one, either way round."""
    if rng.random() < 0.5:
        return (255, 255, 255), (0, 0, 0)
    light, dark = rng.integers(200, 256, 3).tolist(), rng.integers(0, 110, 3).tolist()
    ground, ink = (dark, light) if rng.random() < 0.3 else (light, dark)
    return (ground[0], ground[1], ground[2]), (ink[0], ink[1], ink[2])


def _font(size: float, rng: Generator) -> ImageFont.FreeTypeFont:
    name = str(rng.choice(_TYPEFACES))
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"), round(size))


def _word(rng: Generator) -> str:
    return "".join(rng.choice([*_LETTERS], rng.integers(2, 10)))


def _line(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, width: float, rng: Generator) -> str:
    """Words that fill a width."""
    words = [_word(rng).capitalize()]
    while draw.textlength(" ".join(words), font) < width:
        words.append(_word(rng))
    return " ".join(words[:-1]) or words[0]


def _page(picture: Image.Image, ink: Colour, rng: Generator) -> None:
    """Paragraphs, the last line of each shorter."""
    draw, margin = ImageDraw.Draw(picture), 0.06 * picture.width
    size = rng.uniform(0.02, 0.06) * max(picture.size)
    font, top = _font(size, rng), margin
    while top < picture.height - size:
        last = rng.random() < 0.2
        width = (picture.width - 2 * margin) * (rng.uniform(0.2, 0.8) if last else 1)
        draw.text((margin, top), _line(draw, font, width, rng), ink, font)
        top += size * (2.2 if last else 1.35)


def _code(picture: Image.Image, ink: Colour, rng: Generator) -> None:
    """A square code, or bars, with a line of digits."""
    digits = "".join(rng.choice([*"0123456789"], rng.integers(8, 60)))
    if rng.random() < 0.5:
        modules = np.asarray(cv2.QRCodeEncoder.create().encode(digits)) < 128
    else:
        modules = np.repeat(rng.random((1, int(rng.integers(40, 90)))) < 0.5, 40, axis=0)
    scale = 0.8 * min(picture.width / modules.shape[1], 0.85 * picture.height / modules.shape[0])
    size = max(1, round(modules.shape[1] * scale)), max(1, round(modules.shape[0] * scale))
    mask = Image.fromarray(modules.astype(np.uint8) * 255).resize(size, Image.Resampling.NEAREST)
    left, top = (picture.width - size[0]) // 2, int(0.05 * picture.height)
    picture.paste(Image.new("RGB", size, ink), (left, top), mask)
    ImageDraw.Draw(picture).text((left, top + size[1]), digits[:13], ink, _font(0.06 * picture.height, rng))


def _chart(picture: Image.Image, ink: Colour, rng: Generator) -> None:
    """Axes with bars, or with lines."""
    draw, count = ImageDraw.Draw(picture), int(rng.integers(4, 12))
    left, bottom = 0.12 * picture.width, 0.88 * picture.height
    draw.line([(left, 0.06 * picture.height), (left, bottom), (0.95 * picture.width, bottom)], ink, 2)
    places = np.linspace(left, 0.93 * picture.width, count + 1)
    font, step = _font(0.04 * picture.height, rng), places[1] - places[0]
    for series in range(int(rng.integers(1, 4))):
        heights = bottom - rng.uniform(0.05, 0.75, count + 1) * picture.height
        colour = ink if series == 0 else _shade(rng)
        if rng.random() < 0.5:
            draw.line([*zip(places, heights, strict=True)], colour, 3)
        else:
            for place, height in zip(places[:-1], heights, strict=False):
                draw.rectangle((place + 0.2 * step, height, place + 0.8 * step, bottom), colour)
    for place in places[:-1]:
        draw.text((place, bottom), f"{rng.integers(100)}", ink, font)


def _form(picture: Image.Image, ink: Colour, rng: Generator) -> None:
    """A window: a title bar, labelled fields and buttons."""
    draw, (width, height) = ImageDraw.Draw(picture), picture.size
    size = max(8.0, 0.045 * height)
    font, accent = _font(size, rng), _shade(rng)
    draw.rectangle((0, 0, width, 2 * size), accent)
    draw.text((size, 0.4 * size), _line(draw, font, 0.5 * width, rng), (255, 255, 255), font)
    top = 3 * size
    while top < height - 4 * size:
        draw.text((size, top), _word(rng).capitalize(), ink, font)
        draw.rectangle((0.4 * width, top, 0.92 * width, top + 1.5 * size), None, ink)
        draw.text((0.42 * width, top), _word(rng), ink, font)
        top += 2.4 * size
    draw.rounded_rectangle((0.65 * width, height - 2.6 * size, 0.92 * width, height - 0.8 * size), 6, accent)


def _table(picture: Image.Image, ink: Colour, rng: Generator) -> None:
    """Rows and columns of numbers, ruled."""
    draw, (width, height) = ImageDraw.Draw(picture), picture.size
    rows, columns = int(rng.integers(4, 14)), int(rng.integers(2, 7))
    font = _font(0.5 * height / rows, rng)
    for row in range(rows):
        draw.line([(0, row * height / rows), (width, row * height / rows)], ink)
        for column in range(columns):
            draw.line([(column * width / columns, 0), (column * width / columns, height)], ink)
            shown = f"{rng.integers(10_000)}" if row and column else _word(rng)
            draw.text(((column + 0.1) * width / columns, (row + 0.15) * height / rows), shown, ink, font)


def _pattern(picture: Image.Image, ink: Colour, rng: Generator) -> None:
    """One small shape, again and again."""
    draw, step = ImageDraw.Draw(picture), float(rng.uniform(0.04, 0.15) * max(picture.size))
    size, shape = step * rng.uniform(0.3, 0.8), rng.integers(4)
    for row, top in enumerate(np.arange(0, picture.height, step)):
        for left in np.arange(-step / 2 * (row % 2), picture.width, step):
            box = (left, top, left + size, top + size)
            if shape == 0:
                draw.ellipse(box, ink)
            elif shape == 1:
                draw.rectangle(box, ink)
            elif shape == 2:
                draw.line([(left, top + size), (left + step, top)], ink, 3)
            else:
                draw.arc(box, 0, 180, ink, 3)


def _shade(rng: Generator) -> Colour:
    red, green, blue = rng.integers(30, 200, 3).tolist()
    return red, green, blue


KINDS: dict[str, Callable[[Image.Image, Colour, Generator], None]] = {
    "page": _page,
    "code": _code,
    "chart": _chart,
    "form": _form,
    "table": _table,
    "pattern": _pattern,
}
"""How each kind is drawn on its ground."""


def _readme(settings: FlatPicturesSettings) -> str:
    return (
        f"# Flat pictures that are no marks\n\n{settings.pictures} drawn pictures of {', '.join(KINDS)}; seed "
        f"{settings.seed}. Nothing in them is anybody's mark.\n\nMade with {library_versions()}.\n"
    )
