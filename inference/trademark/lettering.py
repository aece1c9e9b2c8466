"""How much of a mark is lettering: wide runs of strokes of one height.

A network that has learned from drawings takes different words in one typeface for similar. So lettering is recognised
before anything is weighed, from the ink alone: pieces of one height that stand in a line, each near the next; or, as in
joined letters, one wide piece that many strokes cross. A word of one or two letters counts as a drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.trademark.framing import darkest

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

MOST_LETTERING = 0.5
"""Share of ink in lines of letters above which a mark is mostly lettering."""

_LONG_SIDE = 480
_INK = 64
_LEAST_HEIGHT = 6
"""Least height of letters, in pixels at a long side of 480: smaller print can neither be recognised nor matter."""
_LETTERS = 3
_HEIGHTS = 0.55
"""Least height of a letter as a share of its line's: small letters beside capitals."""
_ON_LINE = 0.6
"""Least share of a letter's height that lies inside its line."""
_NEAR = 0.9
"""Greatest gap to the next letter, as a share of the line's height."""
_WIDE = 1.6
"""Least width of a line, in heights."""
_CROSSED, _STROKES = 1.0, 5
"""Least number of strokes that cross a line of letters: for each height of its width, and in all. A letter has about
two, a bar or facet one."""
_JOINED_STROKES = 7
"""Least number of strokes that cross one or two pieces of joined letters: wings, a wave or three rings in a chain have
fewer. Four rings have as many and count as lettering."""
_DENSE = 0.85
"""Least share of a line that its letters leave free."""


@dataclass(frozen=True)
class _Piece:
    """A connected piece of ink: its box and its ink, in pixels."""

    left: int
    top: int
    right: int
    bottom: int
    ink: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left


def lettering(mark: Pixels) -> float:
    """The share of a framed mark's ink that stands in lines of letters, 0 to 1.

    Args:
        mark: uint8 (H, W, 3), of `inference.trademark.framing`: dark on white.
    """
    drawn = _ink(mark)
    total = int(drawn.sum())
    if not total:
        return 0.0
    return min(1.0, sum(piece.ink for line in lines(drawn) for piece in line) / total)


def lines(drawn: Mask) -> list[list[_Piece]]:
    """The lines of letters in a mask (h, w), the tallest first; no piece belongs to two."""
    left = sorted(_pieces(drawn), key=lambda piece: (-piece.height, piece.left))
    found = []
    while left:
        line = _line_of(left[0], left)
        if _is_lettering(line, drawn):
            found.append(line)
            left = [piece for piece in left if piece not in line]
        else:
            left = left[1:]
    return found


def _ink(mark: Pixels) -> Mask:
    height, width = mark.shape[:2]
    scale = _LONG_SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return 255 - darkest(np.asarray(cv2.resize(mark, size, interpolation=how), np.uint8)) > _INK


def _pieces(drawn: Mask) -> list[_Piece]:
    count, _, stats, _ = cv2.connectedComponentsWithStats(drawn.astype(np.uint8), connectivity=8)
    found = []
    for left, top, width, height, ink in stats[1:count].tolist():
        if height >= _LEAST_HEIGHT:
            found.append(_Piece(left, top, left + width, top + height, ink))
    return found


def _line_of(tallest: _Piece, pieces: Sequence[_Piece]) -> list[_Piece]:
    """The pieces in one line with its tallest piece, from left to right."""
    height = tallest.height
    fitting = sorted(
        (
            piece
            for piece in pieces
            if _HEIGHTS * height <= piece.height <= height
            and min(piece.bottom, tallest.bottom) - max(piece.top, tallest.top) >= _ON_LINE * piece.height
        ),
        key=lambda piece: piece.left,
    )
    place = fitting.index(tallest)
    first = last = place
    reach = tallest.right
    while last + 1 < len(fitting) and fitting[last + 1].left - reach <= _NEAR * height:
        last += 1
        reach = max(reach, fitting[last].right)
    reach = tallest.left
    while first > 0 and reach - fitting[first - 1].right <= _NEAR * height:
        first -= 1
        reach = min(reach, fitting[first].left)
    return fitting[first : last + 1]


def _is_lettering(line: Sequence[_Piece], drawn: Mask) -> bool:
    top, bottom = min(piece.top for piece in line), max(piece.bottom for piece in line)
    left, right = min(piece.left for piece in line), max(piece.right for piece in line)
    height, width = bottom - top, right - left
    strokes = _strokes(drawn[top:bottom, left:right])
    if len(line) < _LETTERS:
        crossed = strokes >= _JOINED_STROKES
    else:
        crossed = strokes >= max(_STROKES, _CROSSED * width / height)
    dense = sum(piece.ink for piece in line) > _DENSE * height * width
    return width >= _WIDE * height and crossed and not dense


def _strokes(box: Mask) -> float:
    """Number of strokes that a row of a box crosses: the median over the rows of its middle half."""
    quarter = len(box) // 4
    rows = box[quarter : len(box) - quarter].astype(np.int8)
    starts = (np.diff(rows, axis=1, prepend=0) == 1).sum(axis=1)
    return float(np.median(starts))
