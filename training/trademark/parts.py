"""A mark inside another one, as training shows it: cut out loosely, with some of its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from inference.intake.exhibit import read_exhibit
from inference.preprocessing import Preprocessing
from inference.records import Crop
from inference.trademark.framing import frame_mark, in_framed
from training.assessment.mark_trials import Pixels
from training.data.marks.mark_set import MarkSet, Pair

_AROUND = 0.35
"""How much of the neighbours is kept on each side, as a share of the part's own side."""
_TIGHTER = 0.04
"""How much of the part itself a cut may lose on a side, as a share of it."""


@dataclass(frozen=True)
class PartWindow:
    """A part with what surrounds it.

    Attributes:
        pixels: Cut from the framed mark, uint8 (h, w, 3).
        inner: Where the part itself lies in it, in pixels: left, top, right, bottom.
    """

    pixels: Pixels
    inner: tuple[float, float, float, float]

    def cut(self, rng: np.random.Generator) -> Pixels:
        """The part, cut anew: a little too tight or with some of its neighbours, each side by itself."""
        left, top, right, bottom = self.inner
        height, width = self.pixels.shape[:2]
        across, down = right - left, bottom - top
        slack = rng.uniform(-_TIGHTER, _AROUND, 4) * rng.random()
        x, y = max(0, round(left - slack[0] * across)), max(0, round(top - slack[1] * down))
        return self.pixels[
            y : max(y + 1, min(height, round(bottom + slack[3] * down))),
            x : max(x + 1, min(width, round(right + slack[2] * across))),
        ]


def part_windows(marks: MarkSet, preprocessing: Preprocessing) -> dict[Pair, PartWindow]:
    """For each training pair that states where its first mark lies in its second: that part of the second one."""
    stated = {pair: box for pair, box in marks.boxes.items() if marks.marks[pair[0]].split == "train"}
    return {
        pair: part_window(read_exhibit(marks.marks[pair[1]].path).pixels, box, preprocessing)
        for pair, box in tqdm(stated.items(), "reading parts", unit="part", leave=False)
    }


def part_window(picture: Pixels, box: Crop, preprocessing: Preprocessing) -> PartWindow:
    """Of a picture, uint8 (H, W, 3), in which the part lies in a box."""
    mark = frame_mark(picture)
    height, width = mark.pixels.shape[:2]
    left, top, right, bottom = in_framed(mark, box)
    outer = (
        max(0, round(left - _AROUND * (right - left))),
        max(0, round(top - _AROUND * (bottom - top))),
        min(width, round(right + _AROUND * (right - left))),
        min(height, round(bottom + _AROUND * (bottom - top))),
    )
    cut = mark.pixels[outer[1] : outer[3], outer[0] : outer[2]]
    scaled = preprocessing.tone_and_scale(cut)
    ratio = scaled.shape[1] / cut.shape[1]
    x, y = outer[:2]
    return PartWindow(scaled, (ratio * (left - x), ratio * (top - y), ratio * (right - x), ratio * (bottom - y)))
