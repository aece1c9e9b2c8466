"""Transforms under which a mark stays similar: each makes another picture of the same mark.

Trademark offices compare marks whatever their colour, size or frame; a turned or mirrored mark is rarely another mark.
"""

from __future__ import annotations

import colorsys
import io
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inference.trademark.sub_scores import without_colour

Pixels = NDArray[np.uint8]


def _hue_shift(mark: Pixels, degrees: int) -> Pixels:
    hsv = cv2.cvtColor(mark, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + degrees // 2) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.uint8)


def _negative(mark: Pixels) -> Pixels:
    return np.uint8(255) - mark


def _ground(mark: Pixels) -> tuple[int, int, int]:
    edge = np.concatenate([mark[0], mark[-1], mark[:, 0], mark[:, -1]])
    red, green, blue = (int(value) for value in np.median(edge, axis=0))
    return red, green, blue


def _warped(mark: Pixels, degrees: float = 0.0, scale: float = 1.0) -> Pixels:
    height, width = mark.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    return cv2.warpAffine(mark, turn, (width, height), flags=cv2.INTER_AREA, borderValue=_ground(mark)).astype(np.uint8)


def _quarter(mark: Pixels, quarters: int) -> Pixels:
    return np.ascontiguousarray(np.rot90(mark, -quarters))


def _mirror(mark: Pixels) -> Pixels:
    return np.ascontiguousarray(mark[:, ::-1])


def _ink_colour(mark: Pixels) -> tuple[int, int, int]:
    """Dark on a light ground, light on a dark one."""
    light = colorsys.rgb_to_hls(*(value / 255 for value in _ground(mark)))[1] > 0.5
    return (30, 30, 30) if light else (235, 235, 235)


def _framed(mark: Pixels) -> Pixels:
    small = Image.fromarray(_warped(mark, scale=0.75))
    inset, thick = round(0.04 * min(small.size)), max(1, round(0.03 * min(small.size)))
    box = (inset, inset, small.width - 1 - inset, small.height - 1 - inset)
    ImageDraw.Draw(small).rounded_rectangle(box, 3 * inset, outline=_ink_colour(mark), width=thick)
    return np.asarray(small)


def _with_word(mark: Pixels) -> Pixels:
    height, width = mark.shape[:2]
    picture = Image.new("RGB", (width, height), _ground(mark))
    small = Image.fromarray(mark).resize((round(0.75 * width), round(0.75 * height)), Image.Resampling.LANCZOS)
    picture.paste(small, ((width - small.width) // 2, 0))
    font = ImageFont.load_default(0.17 * height)
    ImageDraw.Draw(picture).text((width / 2, 0.87 * height), "NOVELLE", _ink_colour(mark), font, "mm")
    return np.asarray(picture)


def _with_margin(mark: Pixels, times: int) -> Pixels:
    """The mark with a border of `times` its long side on each side."""
    margin = times * max(mark.shape[:2])
    edges = margin, margin, margin, margin
    return cv2.copyMakeBorder(mark, *edges, borderType=cv2.BORDER_CONSTANT, value=_ground(mark)).astype(np.uint8)


def _faint(mark: Pixels, levels: int) -> Pixels:
    ground = np.array(_ground(mark))
    return np.round(ground + (mark - ground) * (levels / 255)).astype(np.uint8)


def _jpeg(mark: Pixels, quality: int) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(mark).save(file, "JPEG", quality=quality)
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


TRANSFORMS: dict[str, Callable[[Pixels], Pixels]] = {
    "grey": without_colour,
    "hue shifted by 120 degrees": partial(_hue_shift, degrees=120),
    "negative": _negative,
    "mirrored": _mirror,
    "turned by 10 degrees": partial(_warped, degrees=-10),
    "turned by 90 degrees": partial(_quarter, quarters=1),
    "turned by 180 degrees": partial(_quarter, quarters=2),
    "two thirds of the size": partial(_warped, scale=2 / 3),
    "a margin of its own size": partial(_with_margin, times=1),
    "a margin of eight times its size": partial(_with_margin, times=8),
    "26 levels of contrast": partial(_faint, levels=26),
    "8 levels of contrast": partial(_faint, levels=8),
    "framed": _framed,
    "a word added": _with_word,
    "JPEG quality 30": partial(_jpeg, quality=30),
}
"""Each from uint8 RGB (H, W, 3) to a picture of the same mark."""
