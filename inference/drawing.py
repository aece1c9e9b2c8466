"""Drawings on copies of examined pictures: heatmaps on their fixed scale, rings, boxes, one mark over another."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inference.heatmap import strength
from inference.records import Correspondence, Crop, Heatmap, LocalAgreement, ReferenceComparison
from inference.trademark.sub_scores import ground

Pixels = NDArray[np.uint8]
DIFFERENCE_FULL_SCALE = 6.0
"""Deviation, in standard deviations of genuine edges, that is drawn with the last colour."""
LEVELS = (0.1, 0.25, 0.5, 0.75)
"""Shares of full scale at which a line of equal evidence is drawn over a picture."""
_FIRST_COLOUR, _LAST_COLOUR = 48, 240
"""Entries of inferno, 0 to 255, for none and for full scale: its black is lost on leather, its near-white on paper."""
_COVER_AT_FIRST_LEVEL = 0.5
"""Share of a pixel that is covered at the first line; in plain proportion, a tenth would not show."""
_COLOUR_BAR_WIDTH = 84
_PALE = 0.72
_INK, _PAPER = (27, 34, 40), (255, 255, 255)


def overlay(heatmap: Heatmap, part: Pixels, opacity: float = 0.6) -> Pixels:
    """The picture with the heatmap laid over it, uint8 (H, W, 3).

    The more evidence on the model's fixed scale, the more a pixel is covered, so that a picture without evidence stays
    as it was photographed. Lines of equal evidence, white edged with black, are seen on any ground.

    Args:
        heatmap: The heatmap of this picture.
        part: The pixels that were examined, uint8 (H, W, 3).
        opacity: Opacity of the heatmap at full scale, 0 to 1.
    """
    height, width = part.shape[:2]
    shown, cover = layer(heatmap, width, height)
    share = opacity * cover[..., None]
    return np.round(part * (1 - share) + shown * share).astype(np.uint8)


def layer(heatmap: Heatmap, width: int, height: int) -> tuple[Pixels, NDArray[np.float32]]:
    """What lies over a picture: colours, uint8 (height, width, 3), and their cover, 0 to 1 (height, width)."""
    value = strength(heatmap, width, height)
    shown, cover = colours(value).astype(np.float32), _cover(value)
    line = max(1, round(max(width, height) / 400))
    for level in LEVELS:
        edges, _ = cv2.findContours((value >= level).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        for colour, thick in ((0, 3 * line), (255, line)):
            drawn = cv2.drawContours(np.zeros((height, width), np.uint8), edges, -1, 255, thick, cv2.LINE_AA)
            over = np.where(value > 0, drawn, 0).astype(np.float32) / 255
            shown += (colour - shown) * over[..., None]
            cover += (1 - cover) * over
    return np.round(shown).astype(np.uint8), cover


def _cover(value: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much of each pixel (H, W) the veil covers, 0 to 1: nothing without evidence, all at full scale."""
    return np.interp(value, (0, LEVELS[0], 1), (0, _COVER_AT_FIRST_LEVEL, 1)).astype(np.float32)


def element_picture(seen: Pixels, place: Crop | None, heatmap: Heatmap) -> Pixels:
    """A mark with its element under the heatmap, the rest paled: uint8 (H, W, 3).

    Args:
        seen: The framed mark, uint8 (H, W, 3).
        place: Where the element lies in it; None for the whole mark.
        heatmap: The heatmap of the element.
    """
    if place is None:
        return overlay(heatmap, seen)
    rows, columns = slice(place.y, place.y + place.height), slice(place.x, place.x + place.width)
    shown = np.asarray(np.round(_PALE * 255 + (1 - _PALE) * seen.astype(np.float32)), np.uint8)
    shown[rows, columns] = overlay(heatmap, seen[rows, columns])
    picture = Image.fromarray(shown)
    line = max(1, round(max(seen.shape[:2]) / 200))
    edge = (place.x, place.y, place.x + place.width - 1, place.y + place.height - 1)
    ImageDraw.Draw(picture).rectangle(edge, outline=_INK, width=line)
    return np.asarray(picture)


def picture(heatmap: Heatmap, width: int, height: int) -> Pixels:
    """The heatmap alone on its fixed scale, with its colour bar: uint8 (height, width + bar, 3)."""
    return np.hstack([colours(strength(heatmap, width, height)), colour_bar(heatmap, height)])


def difference_picture(view: ReferenceComparison) -> Pixels:
    """A difference map on a scale that is fixed for all models: uint8 (h, w, 3)."""
    return colours(np.clip(view.difference / np.float32(DIFFERENCE_FULL_SCALE), 0, 1))


def colour_bar(heatmap: Heatmap, height: int) -> Pixels:
    """The scale of a heatmap: colours from 0 (bottom) to full scale (top), and a tick at its peak."""
    bar = Image.new("RGB", (_COLOUR_BAR_WIDTH, height), _PAPER)
    levels = np.linspace(1, 0, max(height - 24, 2), dtype=np.float32)[:, None].repeat(16, axis=1)
    bar.paste(Image.fromarray(colours(levels)), (8, 12))
    draw = ImageDraw.Draw(bar)
    font = ImageFont.load_default(11)
    peak = min(heatmap.peak / heatmap.full_scale, 1)
    peak_y = 12 + (1 - peak) * (height - 24)
    draw.text((30, 5), f"{heatmap.full_scale:.3g}", _INK, font)
    draw.text((30, height - 19), "0", _INK, font)
    draw.polygon([(25, peak_y), (31, peak_y - 4), (31, peak_y + 4)], _INK)
    if 20 < peak_y < height - 28:
        draw.text((34, peak_y - 7), f"{heatmap.peak:.2g}", _INK, font)
    return np.asarray(bar)


def colours(value: NDArray[np.float32]) -> Pixels:
    """Shares of full scale (H, W), 0 to 1, in the one colour map of all pictures, uint8 RGB (H, W, 3)."""
    entries = np.round(_FIRST_COLOUR + value * (_LAST_COLOUR - _FIRST_COLOUR)).astype(np.uint8)
    bgr = cv2.applyColorMap(entries, cv2.COLORMAP_INFERNO)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8)


def ringed(pixels: Pixels, correspondences: Sequence[Correspondence], mark: int) -> Pixels:
    """A mark, uint8 (H, W, 3), with a numbered ring at its end of each correspondence.

    Args:
        pixels: The examined mark, or a picture of its shape.
        correspondences: The correspondences.
        mark: Index of this mark in the pair, 0 or 1.
    """
    height, width = pixels.shape[:2]
    radius = max(9, round(0.045 * max(height, width)))
    scale = 3
    large = cv2.resize(pixels, (scale * width, scale * height), interpolation=cv2.INTER_NEAREST)
    picture = Image.fromarray(large.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(scale * 1.15 * radius)
    for one in correspondences:
        x, y = one.places[mark]
        middle = (scale * x * width, scale * y * height)
        for colour, thick, reach in ((_INK, 4, radius + 1), (_PAPER, 2, radius)):
            box = [value + sign * scale * reach for sign in (-1, 1) for value in middle]
            draw.ellipse(box, outline=colour, width=scale * thick)
        draw.text(middle, str(one.number), _INK, font, "mm", stroke_width=scale, stroke_fill=_PAPER)
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))


def lay_over(first: Pixels, second: Pixels, agreement: LocalAgreement) -> Pixels | None:
    """The second mark in the frame of the first, uint8 (H, W, 3) like it; in inverse polarity if that is what agrees.

    Returns:
        None if no points of the two agree.
    """
    if agreement.transform is None:
        return None
    if agreement.negative:
        second = np.uint8(255) - second
    there = np.reshape(agreement.transform, (2, 3))
    how, around = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, ground(second).tolist()
    return np.asarray(cv2.warpAffine(second, there, first.shape[1::-1], flags=how, borderValue=around), np.uint8)


def in_two_colours(first: Pixels, laid: Pixels) -> Pixels:
    """Two marks (H, W, 3) in one picture for print: red is dark in the first alone, cyan in the second, black in both.

    In black and white, red prints darker than cyan.
    """
    here, there = (cv2.cvtColor(mark, cv2.COLOR_RGB2GRAY) for mark in (first, laid))
    return np.dstack([there, here, here])


def numbered(pixels: Pixels, boxes: Sequence[Crop]) -> Pixels:
    """A picture (H, W, 3) with its boxes numbered, from 1; unchanged without boxes."""
    if not boxes:
        return pixels
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    line = max(2, round(max(pixels.shape[:2]) / 350))
    font = ImageFont.load_default(9 * line)
    for number, box in enumerate(boxes, 1):
        x, y, width, height = box.rectangle
        draw.rectangle((x, y, x + width - 1, y + height - 1), outline="black", width=2 * line)
        draw.rectangle((x, y, x + width - 1, y + height - 1), outline="white", width=line)
        corner = (x + 5 * line, max(y - 2 * line, 6 * line))
        draw.circle(corner, 7 * line, fill="black", outline="white", width=line)
        draw.text(corner, str(number), fill="white", font=font, anchor="mm")
    return np.asarray(picture)
