"""Physical measures of a part that do not depend on what it shows, and the advice when one is unusual.

A scope gate holds the value that nearly all training photos stay below. A part beyond it is examined with a warning:
the model has not learned from such photos. A part far beyond it is refused, because its findings would mislead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.planes import Plane, Planes
from inference.preprocessing import at_most
from inference.records import ScopeCheck

_SCALE = 448
_SPECTRUM = 512
_LEAST_SPECTRUM = 64
# Wide enough that a peak, which the window smears over five frequencies a side, is a small share of its surroundings.
_AROUND_PEAK = 15
_COARSEST_MOIRE = 10
_WINDOW = 9
_BLOCK, _LEAST_CELLS = 8, 8
# Of second differences, up to eight times 255 each, in a block.
_ROUGHEST = 8 * 255 * _BLOCK**2
_FAINT_STEP = 0.1
# Rows in a band.
_BAND = 256
_DARKEST, _BRIGHTEST = 2, 253
_MOST_PIXELS = 0.95
_SMOOTHEST = 0.1
_FAR_BEYOND = 1.25
# Along both axes it is the difference of two Laplacians: 0 on planes and on straight edges.
_SECOND_DIFFERENCE = np.array([1, -2, 1], np.float32)


@dataclass(frozen=True)
class Measure:
    """One number of a part; higher is worse.

    Attributes:
        of: Computes the number of a part.
        harmless: Up to this number nothing is reported, whatever the training photos have.
        states: The start of a sentence that states the number.
        shown: Format of the number.
        advice: Advice to the examiner when the number is unusual.
        unusable: Above this number a part is refused, unless the training photos come near it themselves.
    """

    of: Callable[[Planes], float]
    harmless: float
    states: str
    shown: str
    advice: str
    unusable: float = math.inf

    def check(self, name: str, part: Planes, usual: float) -> ScopeCheck:
        """Check a part's measure against the training photos."""
        value = self.of(part)
        stated = f"{self.states.format(self.shown.format(value))}; in training it was up to {self.shown.format(usual)}"
        if value > max(_FAR_BEYOND * usual, self.unusable):
            return ScopeCheck(name, "refuse", value, f"{stated}, too far to judge; {self.advice}.")
        if value > max(usual, self.harmless):
            return ScopeCheck(name, "warn", value, f"{stated}: {self.advice}.")
        return ScopeCheck(name, "ok", value, f"{stated}.")


def blur(part: Planes) -> float:
    """Blur of a part, 0 (sharp) to 1, at a long side of at most 448 pixels: how little it loses when it is blurred.

    Source: F. Crété et al.: The blur effect: perception and estimation with a new no-reference perceptual blur metric,
    2007. A blurred picture hardly changes when it is blurred again, whatever it shows. Noise counts as sharp.
    """
    grey = cv2.cvtColor(at_most(part.near, _SCALE), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return max(_left_after_blur(grey), _left_after_blur(np.ascontiguousarray(grey.T)))


def _left_after_blur(grey: NDArray[Any]) -> float:
    """Share of the steps from row to row that remains when columns are smoothed; 1 without any step."""
    steps, smoothed = (np.abs(np.diff(plane, axis=0)) for plane in (grey, cv2.blur(grey, (1, _WINDOW))))
    total = float(steps.sum())
    return 1 - float(np.maximum(steps - smoothed, 0).sum()) / total if total > 0 else 1.0


def clipped(part: Planes) -> float:
    """Share of pixels that are nearly black or nearly white and have lost their detail, 0 to 1."""
    red, green, blue = part.channels
    dark = cv2.max(cv2.max(red, green), blue) <= _DARKEST
    bright = cv2.min(cv2.min(red, green), blue) >= _BRIGHTEST
    return (np.count_nonzero(dark) + np.count_nonzero(bright)) / red.size


def blocks(part: Planes) -> float:
    """Steps across the lines of an eight-pixel grid, as a multiple of the steps within its cells; 1 without a grid.

    Coarse JPEG leaves such a grid, which stays when the picture is saved again; a resized picture has none. The grid
    must run both ways, so that stripes do not count.
    """
    grey = part.grey
    down, across = (grey[:-1], grey[1:]), (grey[:, :-1], grey[:, 1:])
    return min(_grid_step(*down, along=1), _grid_step(*across, along=0))


def _grid_step(before: Plane, after: Plane, along: int) -> float:
    """Mean step between lines that run along an axis at the largest of eight phases, as a multiple of the median."""
    length, lines = before.shape[along], before.shape[1 - along]
    cells = lines // _BLOCK
    if cells < _LEAST_CELLS:
        return 1.0
    # Whole numbers, so that no sum is rounded.
    steps = cv2.reduce(cv2.absdiff(before, after), along, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
    means = (steps / length).astype(np.float32)
    phases = means[: cells * _BLOCK].reshape(cells, _BLOCK).mean(0) + _FAINT_STEP
    return float(phases.max() / np.median(phases))


def moire(part: Planes) -> float:
    """Height of the sharpest peak in the spectrum over its surroundings, in nats; 0 for a part that is too small.

    A photo of a screen or of a raster print has such a peak. Periods of less than ten pixels are searched in the middle
    of the part at its own scale, but not near the axes, where upright edges and JPEG blocks have their peaks.
    """
    height, width = (min(side, _SPECTRUM) for side in part.grey.shape)
    if min(height, width) < _LEAST_SPECTRUM:
        return 0.0
    top, left = (part.grey.shape[0] - height) // 2, (part.grey.shape[1] - width) // 2
    grey = part.grey[top : top + height, left : left + width].astype(np.float32)
    grey = (grey - grey.mean()) * np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    spectrum = np.log(np.abs(np.fft.fftshift(np.fft.fft2(grey))) + 1).astype(np.float32)
    above = spectrum - cv2.blur(spectrum, (_AROUND_PEAK, _AROUND_PEAK))
    down, across = np.abs(np.fft.fftshift(np.fft.fftfreq(height))), np.abs(np.fft.fftshift(np.fft.fftfreq(width)))
    fine = np.hypot(down[:, None], across[None, :]) > 1 / _COARSEST_MOIRE
    off_axis = (down > 3 / height)[:, None] & (across > 3 / width)[None, :]
    return float(above[fine & off_axis].max())


def noise(part: Planes) -> float:
    """Standard deviation of the noise where the part is smoothest, in grey levels of 255.

    Source: J. Immerkær: Fast noise variance estimation, 1996, on blocks; the smoothest tenth counts, so that grain and
    edges do not.
    """
    # Whole numbers, which are counted rather than sorted.
    counts = sum(np.bincount(sums.ravel(), minlength=_ROUGHEST + 1) for sums in _rough_sums(part.grey))
    rank = _SMOOTHEST * (part.grey.size - 1)
    around = [int(rank), min(int(rank) + 1, part.grey.size - 1)]
    means = (np.searchsorted(np.cumsum(counts), around, side="right") / _BLOCK**2).astype(np.float32)
    return float(np.quantile(means / 6 * np.sqrt(np.pi / 2), rank - int(rank)))


def _rough_sums(grey: Plane) -> Iterator[NDArray[np.int32]]:
    """Sums of the second differences in the 8 x 8 pixels around each pixel, a band of rows at a time."""
    height = len(grey)
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        # What a band's rows need of its neighbours: half a block, and a row more for the differences.
        first, last = max(0, top - _BLOCK // 2), min(height, bottom + _BLOCK // 2)
        above = min(first, 1)
        rough = cv2.sepFilter2D(grey[first - above : last + 1], cv2.CV_16S, _SECOND_DIFFERENCE, _SECOND_DIFFERENCE)
        sums = cv2.boxFilter(np.abs(rough[above : above + last - first]), cv2.CV_32S, (_BLOCK, _BLOCK), normalize=False)
        yield np.asarray(sums, np.int32)[top - first : bottom - first]


def spread(part: Planes) -> float:
    """The largest standard deviation of a channel, in levels of 255."""
    return max(map(_deviation, part.channels))


def _deviation(plane: Plane) -> float:
    """Standard deviation of a plane (H, W), from how often each level occurs."""
    # In bands, since OpenCV counts in single precision.
    bands = (plane[top : top + _BAND] for top in range(0, len(plane), _BAND))
    counts = sum(cv2.calcHist([band], [0], None, [256], (0, 256)).ravel().astype(np.float64) for band in bands)
    levels = np.arange(256)
    return float(np.sqrt(counts @ np.square(levels - counts @ levels / plane.size) / plane.size))


def colours(part: Planes) -> float:
    """Number of colours, of 4,096, that make up 95% of the pixels: few in a mark, many in a photo."""
    red, green, blue = ((channel >> 4).astype(np.uint16) for channel in part.channels)
    coarse = red << 8 | green << 4 | blue
    counts = np.sort(np.bincount(coarse.ravel()))[::-1]
    return float(np.searchsorted(np.cumsum(counts), _MOST_PIXELS * coarse.size) + 1)


PHOTO_MEASURES: Mapping[str, Measure] = {
    "blur": Measure(
        blur,
        0.3,
        "The part's blur is {} of 1",
        "{:.2f}",
        "photograph it sharper, without motion, or hand in the original file",
    ),
    "exposure": Measure(
        clipped,
        0.02,
        "{} of the part is black or white beyond recovery",
        "{:.1%}",
        "photograph it in even light",
        unusable=0.2,
    ),
    "compression": Measure(
        blocks,
        1.2,
        "Steps across a grid of eight pixels are {} times those within",
        "{:.2f}",
        "the file was compressed coarsely; hand in the original file",
    ),
    "noise": Measure(
        noise,
        3,
        "The noise where the part is smoothest is {} of 255",
        "{:.1f}",
        "photograph it in more light",
        unusable=16,
    ),
    "moire": Measure(
        moire,
        2.0,
        "The sharpest peak in the part's spectrum is {}",
        "{:.1f}",
        "it may be a photo of a screen or of a print; examine a photo of the item itself",
        unusable=3.0,
    ),
}
MARK_MEASURES: Mapping[str, Measure] = {
    "colours": Measure(
        colours,
        16,
        "Most of the mark is in {} colours",
        "{:.0f}",
        "it looks like a photo; hand in the mark itself, flat and alone",
    )
}
MEASURES: Mapping[str, Measure] = {**PHOTO_MEASURES, **MARK_MEASURES}
"""Every measure, by name."""
