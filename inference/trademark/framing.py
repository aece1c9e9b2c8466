"""Framing: the ground of a mark is found, its ink boxed with a fixed border, its contrast brought to a standard.

The border of a picture, the colour of its paper, its polarity and its faintness say nothing of the sign. So all that
sees a mark, in training and in use, sees the result of `frame_mark`: the box around its ink with a border of a
fourteenth of its long side, on white. Each channel shows how far the ink stands out from the ground, as a share of the
strongest ink. A mark and its inverse polarity become one picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.records import Crop, FramedMark

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Colour = NDArray[np.float32]

FRAMING = 1
"""Number of this rule; a card states it, because a calibration holds only for marks framed by the same rule."""

MARGIN = 1 / 14
"""Border on each side of the box, as a fraction of its long side."""

_LONG_SIDE = 640
"""Most pixels of a framed mark's long side, more than any network or eye needs; a box is reduced, never enlarged."""
_LOOKED_AT = 1600
"""Long side in pixels at which ink is searched first; a smaller box in it is searched again at a larger scale."""
_SMOOTH = 0.8
"""Standard deviation in pixels of the blur before ink is separated from ground: single pixels are not ink."""
_ALIKE = 0.12
"""Share of a picture's range within which colours count as one."""
_LEAST_ALIKE = 3.0
_DRAWN = 0.08
"""Least contrast of ink, as a share of the strongest contrast."""
_OVER_PAPER = 1.5
"""Least contrast of ink, as a multiple of the ground's own deviation."""
_LEAST_DRAWN = 1.5
_STRONGEST = 0.98
"""Quantile of the ink's contrasts that is stated as the contrast of the mark."""
_SPECK = 5e-4
"""Share of the ink below which a spot is dust and does not widen the box."""
_ALL_GROUND, _MAYBE_GROUND, _LEAST_GROUND = 0.9, 0.15, 0.25
"""Shares of the edge. A colour with the first share is the ground; of several colours, each with the second share may
be it; a colour below the third is not."""
_PANEL_EDGE, _PANEL_AREA, _PANEL_INK = 0.97, 0.35, 0.02
"""Least shares of a panel: of its edge and of its area in its colour, and of its area in the box of its ink."""
_MOST_PANELS = 3
_APART = 0.5
"""Gap beyond which drawings are separate, as a share of the smaller one's long side."""
_DRAWING = 0.05
"""Least share of the ink in a separate drawing."""


class _Ground(NamedTuple):
    colour: Colour
    strays: float
    sure: bool


@dataclass(frozen=True)
class _Found:
    """The box, ground and panel of a picture's ink; boxes in pixels of the picture."""

    ground: _Ground
    panel: Crop | None
    box: Crop


def frame_mark(part: Pixels) -> FramedMark:
    """Frame a mark.

    Args:
        part: The examined picture, uint8 (H, W, 3), sRGB, at any size, on any ground.

    Returns:
        The framed mark. A picture without a single ground at its edge is kept whole and as it is; a blank picture has a
        contrast of 0.
    """
    ground = _ground(part)
    if ground is None:
        whole = Crop(0, 0, part.shape[1], part.shape[0])
        kept = _reduced(part)
        return FramedMark(None, whole, None, _range(part), 0.0, 1, True, kept, kept)
    box = _ink_box(part, ground)
    if box is None:
        return _framed(part, _Found(ground, None, Crop(0, 0, part.shape[1], part.shape[0])))
    return _framed(part, _on_its_panel(part, _Found(ground, None, box)))


def in_framed(mark: FramedMark, box: Crop) -> tuple[float, float, float, float]:
    """Where a rectangle of the examined picture lies in the framed mark, in its pixels: left, top, right, bottom."""
    scale, x, y = _placement(mark)
    left, top = scale * (box.x - x), scale * (box.y - y)
    return left, top, left + scale * box.width, top + scale * box.height


def _placement(mark: FramedMark) -> tuple[float, float, float]:
    """Pixels of the framed mark for one of the picture, and which place of the picture is its upper left corner."""
    if mark.ground is None:
        return mark.pixels.shape[1] / mark.box.width, 0, 0
    margin = _margin(mark.box)
    return mark.pixels.shape[1] / (mark.box.width + 2 * margin), mark.box.x - margin, mark.box.y - margin


def _margin(box: Crop) -> int:
    return max(1, round(MARGIN * max(box.width, box.height)))


def as_ink(mark: Pixels) -> Pixels:
    """A framed mark, uint8 (h, w, 3), without colours: grey, darker the more its ink stands out in any channel."""
    return np.asarray(darkest(mark)[..., None].repeat(3, axis=2))


def darkest(pixels: Pixels) -> NDArray[np.uint8]:
    """The least of the three channels of each pixel, uint8 (h, w); numpy's own way along short axes is slow."""
    red, green, blue = cv2.split(pixels)
    return np.asarray(cv2.min(cv2.min(red, green), blue), np.uint8)


def _framed(part: Pixels, found: _Found) -> FramedMark:
    """The box with its border, in its own colours and at the standard contrast."""
    shown = _reduced(_with_margin(part, found))
    apart = np.abs(shown.astype(np.float32) - found.ground.colour)
    most = _most(apart)
    smooth = _smoothed(most)
    drawn = smooth > _least_drawn(float(smooth.max()), found.ground)
    contrast = float(np.quantile(most[drawn], _STRONGEST)) if drawn.any() else float(most.max())
    paper = most[~drawn]
    noise = min(float(np.quantile(paper, 0.95)) if paper.size else 0.0, contrast * _DRAWN)
    share = np.clip((apart - noise) / max(contrast - noise, 1e-6), 0, 1) if contrast > noise else np.zeros_like(apart)
    return FramedMark(
        ground=_rounded(found.ground.colour),
        box=found.box,
        panel=found.panel,
        contrast=contrast,
        noise=noise,
        drawings=_drawings(drawn),
        ground_is_sure=found.ground.sure,
        pixels=np.round(255 * (1 - share)).astype(np.uint8),
        shown=shown,
    )


def _rounded(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (round(value) for value in colour.tolist())
    return red, green, blue


def _with_margin(part: Pixels, found: _Found) -> Pixels:
    """The box with its border; the border is ground where it exceeds the picture or the panel."""
    box, (height, width) = found.box, part.shape[:2]
    margin = _margin(box)
    inside = found.panel or Crop(0, 0, width, height)
    left, top = max(box.x - margin, inside.x), max(box.y - margin, inside.y)
    right = min(box.x + box.width + margin, inside.x + inside.width)
    bottom = min(box.y + box.height + margin, inside.y + inside.height)
    x, y = left - box.x + margin, top - box.y + margin
    under, beside = box.height + 2 * margin - y - (bottom - top), box.width + 2 * margin - x - (right - left)
    cut, filling = part[top:bottom, left:right], _rounded(found.ground.colour)
    return np.asarray(cv2.copyMakeBorder(cut, y, under, x, beside, cv2.BORDER_CONSTANT, value=filling), np.uint8)


def _reduced(picture: Pixels, long_side: int = _LONG_SIDE) -> Pixels:
    height, width = picture.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _smoothed(plane: Plane) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), _SMOOTH), np.float32)


def _least_drawn(contrast: float, ground: _Ground) -> float:
    return max(_DRAWN * contrast, _OVER_PAPER * ground.strays, _LEAST_DRAWN)


def _ground(part: Pixels) -> _Ground | None:
    """The ground: the colour of the picture's edge; None if no colour has enough of the edge.

    A mark that fills its picture meets the edge, which then has the colours of ground and mark. The colour of four
    corners that are not connected, as around a disc or a tile, is the ground. Otherwise the ground is the colour that
    covers most of the picture.
    """
    near = _one_colour(part)
    edge = np.concatenate([part[0], part[-1], part[1:-1, 0], part[1:-1, -1]]).astype(np.float32)
    colours = _colours(edge, near)
    chosen, share = colours[0]
    if share < _ALL_GROUND:
        possible = [(colour, of_edge) for colour, of_edge in colours if of_edge >= _MAYBE_GROUND] or colours[:1]
        around = next((found for found in possible if _in_loose_corners(part, found[0], near)), None)
        chosen, share = around or max(possible, key=lambda found: _covered(part, found[0], near))
    if share < _LEAST_GROUND:
        return None
    strays = np.abs(edge - chosen).max(axis=1)
    own = strays[strays <= near]
    return _Ground(chosen, float(np.quantile(own, 0.95)), share >= _ALL_GROUND)


def _one_colour(part: Pixels) -> float:
    """Greatest distance of two pixels of one colour, in levels."""
    return max(_ALIKE * _range(part), _LEAST_ALIKE)


def _range(part: Pixels) -> float:
    """The widest range of a channel, 0 to 255 levels."""
    least, most = (cv2.reduce(part, 0, kind)[0] for kind in (cv2.REDUCE_MIN, cv2.REDUCE_MAX))
    return float((most.max(axis=0).astype(np.int16) - least.min(axis=0)).max())


def _most(apart: Plane) -> Plane:
    """The largest of three channels, (H, W, 3) to (H, W)."""
    red, green, blue = cv2.split(apart)
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.float32)


def _apart(part: Pixels, colour: Colour) -> Plane:
    """Distance of each pixel from a colour, in the channel that differs most, float32 (H, W)."""
    return _most(np.abs(part.astype(np.float32) - colour))


def _colours(pixels: Colour, near: float) -> list[tuple[Colour, float]]:
    """The colours of pixels (n, 3) and their shares, the commonest first; each colour includes those near it."""
    left = pixels
    found: list[tuple[Colour, float]] = []
    while len(left) and len(found) < 4:
        middle = (_commonest((left // near).astype(np.int32)) + 0.5) * near
        kept = np.abs(left - middle).max(axis=1) <= near
        colour = np.median(left[kept], axis=0).astype(np.float32)
        kept |= np.abs(left - colour).max(axis=1) <= near
        found.append((colour, float(kept.sum()) / len(pixels)))
        left = left[~kept]
    return sorted(found, key=lambda colour: -colour[1])


def _commonest(cells: NDArray[np.int32]) -> NDArray[np.int32]:
    """The commonest row of some (n, 3) from 0 to 255, the least of several; numpy's own way for rows is slow."""
    numbers, counts = np.unique(cells @ np.array([1 << 16, 1 << 8, 1], np.int32), return_counts=True)
    return np.array([numbers[counts.argmax()] >> shift & 255 for shift in (16, 8, 0)], np.int32)


def _in_loose_corners(part: Pixels, colour: Colour, near: float) -> bool:
    """Whether the four corners have this colour, and no area of it connects two of them."""
    if min(part.shape[:2]) < 8:
        return False
    small = _reduced(part, _LONG_SIDE)
    _, labels = cv2.connectedComponents(_is_colour(small, colour, near).astype(np.uint8), connectivity=4)
    corners = {int(labels[y, x]) for y in (0, -1) for x in (0, -1)}
    return 0 not in corners and len(corners) == 4


def _covered(part: Pixels, colour: Colour, near: float) -> float:
    return float(_is_colour(_reduced(part), colour, near).mean())


def _is_colour(part: Pixels, colour: Colour, near: float) -> Mask:
    return np.asarray(_apart(part, colour) <= near)


def _ink_box(part: Pixels, ground: _Ground) -> Crop | None:
    """The box around the ink without dust; searched in the reduced picture first, then at a larger scale."""
    step = math.ceil(max(part.shape[:2]) / _LOOKED_AT)
    looked_at = _reduced(part, max(1, max(part.shape[:2]) // step)) if step > 1 else part
    apart = _apart(looked_at, ground.colour)
    # The blur keeps noise from counting; the unblurred picture keeps the blur from widening the ink.
    smooth = _smoothed(apart)
    drawn = _without_specks(np.minimum(apart, smooth) > _least_drawn(float(smooth.max()), ground))
    if not drawn.any():
        return None
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    down, across = part.shape[0] / drawn.shape[0], part.shape[1] / drawn.shape[1]
    slack = 0 if step == 1 else 2
    left, top = (
        max(0, math.floor((first - slack) * scale)) for first, scale in ((columns[0], across), (rows[0], down))
    )
    right = min(part.shape[1], math.ceil((columns[-1] + 1 + slack) * across))
    bottom = min(part.shape[0], math.ceil((rows[-1] + 1 + slack) * down))
    box = Crop(left, top, right - left, bottom - top)
    if step == 1 or max(box.width, box.height) > 0.9 * max(part.shape[:2]):
        return box
    closer = _ink_box(_cut(part, box), ground)
    return box if closer is None else _moved(closer, box)


def _without_specks(drawn: Mask) -> Mask:
    count, labels = cv2.connectedComponents(drawn.astype(np.uint8), connectivity=8)
    areas = np.bincount(labels[drawn], minlength=count)
    kept = areas >= max(2, _SPECK * areas.sum())
    return drawn if kept[1:].all() else np.asarray(kept[labels])


def _cut(part: Pixels, box: Crop) -> Pixels:
    return part[box.y : box.y + box.height, box.x : box.x + box.width]


def _moved(box: Crop, into: Crop) -> Crop:
    return replace(box, x=box.x + into.x, y=box.y + into.y)


def _on_its_panel(part: Pixels, found: _Found) -> _Found:
    """The ink on a panel, if there is one: a card, label or filled field of one colour on the ground."""
    for _ in range(_MOST_PANELS):
        inner = _panel(part, found)
        if inner is None:
            break
        found = inner
    return found


def _panel(part: Pixels, found: _Found) -> _Found | None:
    box = found.box
    rim = max(1, round(0.01 * min(box.width, box.height)))
    if min(box.width, box.height) < 8 + 2 * rim:
        return None
    panel = Crop(box.x + rim, box.y + rim, box.width - 2 * rim, box.height - 2 * rim)
    field = _cut(part, panel)
    near = _one_colour(_cut(part, box))
    edge = np.concatenate([field[0], field[-1], field[:, 0], field[:, -1]]).astype(np.float32)
    colour, share = _colours(edge, near)[0]
    stands_out = float(np.abs(colour - found.ground.colour).max()) > near
    if share < _PANEL_EDGE or not stands_out or _covered(field, colour, near) < _PANEL_AREA:
        return None
    strays = np.abs(edge - colour).max(axis=1)
    ground = _Ground(colour, float(np.quantile(strays[strays <= near], 0.95)), True)
    inner = _ink_box(field, ground)
    if inner is None or inner.width * inner.height < _PANEL_INK * panel.width * panel.height:
        return None
    return _Found(ground, panel, _moved(inner, panel))


def _drawings(drawn: Mask) -> int:
    """Number of separate drawings: groups of ink with wide gaps between them and enough ink each."""
    small = _reduced_mask(drawn)
    count, _, stats, _ = cv2.connectedComponentsWithStats(small.astype(np.uint8), connectivity=8)
    boxes = [_Box.of(row) for row in stats[1:count]]
    total = sum(box.ink for box in boxes)
    groups = _joined(sorted(boxes, key=lambda box: -box.ink))
    return max(1, sum(group.ink >= _DRAWING * total for group in groups))


def _reduced_mask(drawn: Mask, long_side: int = 160) -> Mask:
    scale = long_side / max(drawn.shape)
    if scale >= 1:
        return drawn
    size = max(1, round(drawn.shape[1] * scale)), max(1, round(drawn.shape[0] * scale))
    return np.asarray(cv2.resize(drawn.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.1)


@dataclass(frozen=True)
class _Box:
    left: int
    top: int
    right: int
    bottom: int
    ink: int

    @classmethod
    def of(cls, row: NDArray[np.int32]) -> _Box:
        left, top, width, height, ink = (int(value) for value in row)
        return cls(left, top, left + width, top + height, ink)

    @property
    def long_side(self) -> int:
        return max(self.right - self.left, self.bottom - self.top)

    def gap(self, other: _Box) -> int:
        across = max(self.left, other.left) - min(self.right, other.right)
        down = max(self.top, other.top) - min(self.bottom, other.bottom)
        return max(across, down, 0)

    def with_(self, other: _Box) -> _Box:
        return _Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
            self.ink + other.ink,
        )


def _joined(boxes: Sequence[_Box]) -> list[_Box]:
    """The boxes after joining any two that lie near each other for their size."""
    groups: list[_Box] = []
    for box in boxes:
        joining = box
        while near := next((g for g in groups if g.gap(joining) <= _APART * min(g.long_side, joining.long_side)), None):
            groups.remove(near)
            joining = near.with_(joining)
        groups.append(joining)
    return groups
