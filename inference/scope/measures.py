"""Physical measures of a part that do not depend on what it shows, and the advice when one is unusual.

A scope gate holds the value that nearly all training photos stay below. A part beyond it is examined with a warning:
the model has not learned from such photos. A part far beyond it is refused, because its findings would mislead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.preprocessing import at_most
from inference.records import ScopeCheck

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]

_SCALE = 448
_SPECTRUM = 512
_LEAST_SPECTRUM = 64
# Wide enough that a peak, which the window smears over five frequencies a side, is a small share of its surroundings.
_AROUND_PEAK = 15
_COARSEST_MOIRE = 10
_WINDOW = 9
_BLOCK, _LEAST_CELLS = 8, 8
_FAINT_STEP = 0.1
# Rows in a band; a whole picture in floating point would take too much memory.
_BAND = 256
_DARKEST, _BRIGHTEST = 2, 253
_MOST_PIXELS = 0.95
_SMOOTHEST = 0.1
_FAR_BEYOND = 1.25
# The difference of two Laplacians: 0 on planes and on straight edges.
_LAPLACIANS = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


@dataclass(frozen=True)
class Measure:
    """One number of a part; higher is worse.

    Attributes:
        of: Computes the number of a part, uint8 (H, W, 3).
        harmless: Up to this number nothing is reported, whatever the training photos have.
        states: The start of a sentence that states the number.
        shown: Format of the number.
        advice: Advice to the examiner when the number is unusual.
        unusable: Above this number a part is refused, unless the training photos come near it themselves.
    """

    of: Callable[[Pixels], float]
    harmless: float
    states: str
    shown: str
    advice: str
    unusable: float = math.inf

    def check(self, name: str, part: Pixels, usual: float) -> ScopeCheck:
        """Check a part's measure against the training photos."""
        value = self.of(part)
        stated = f"{self.states.format(self.shown.format(value))}; in training it was up to {self.shown.format(usual)}"
        if value > max(_FAR_BEYOND * usual, self.unusable):
            return ScopeCheck(name, "refuse", value, f"{stated}, too far to judge; {self.advice}.")
        if value > max(usual, self.harmless):
            return ScopeCheck(name, "warn", value, f"{stated}: {self.advice}.")
        return ScopeCheck(name, "ok", value, f"{stated}.")


def blur(part: Pixels) -> float:
    """Blur of a part, 0 (sharp) to 1, at a long side of at most 448 pixels: how little it loses when it is blurred.

    Source: F. Crété et al.: The blur effect: perception and estimation with a new no-reference perceptual blur metric,
    2007. A blurred picture hardly changes when it is blurred again, whatever it shows. Noise counts as sharp.
    """
    grey = _grey(at_most(part, _SCALE))
    return max(_left_after_blur(grey), _left_after_blur(np.ascontiguousarray(grey.T)))


def _left_after_blur(grey: Plane) -> float:
    """Share of the steps from row to row that remains when columns are smoothed; 1 without any step."""
    steps, smoothed = (np.abs(np.diff(plane, axis=0)) for plane in (grey, cv2.blur(grey, (1, _WINDOW))))
    total = float(steps.sum())
    return 1 - float(np.maximum(steps - smoothed, 0).sum()) / total if total > 0 else 1.0


def clipped(part: Pixels) -> float:
    """Share of pixels that are nearly black or nearly white and have lost their detail, 0 to 1."""
    dark, bright = cv2.inRange(part, (0,) * 3, (_DARKEST,) * 3), cv2.inRange(part, (_BRIGHTEST,) * 3, (255,) * 3)
    return (cv2.countNonZero(dark) + cv2.countNonZero(bright)) / dark.size


def blocks(part: Pixels) -> float:
    """Steps across the lines of an eight-pixel grid, as a multiple of the steps within its cells; 1 without a grid.

    Coarse JPEG leaves such a grid, which stays when the picture is saved again; a resized picture has none. The grid
    must run both ways, so that stripes do not count.
    """
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    return min(_grid_step(grey), _grid_step(grey.T))


def _grid_step(grey: NDArray[Any]) -> float:
    """Mean step between rows at the largest of eight phases, as a multiple of the median phase."""
    bands = (grey[top : top + _BAND + 1].astype(np.float32) for top in range(0, max(1, len(grey) - 1), _BAND))
    steps = np.concatenate([np.abs(np.diff(band, axis=0)).mean(1) for band in bands])
    cells = len(steps) // _BLOCK
    if cells < _LEAST_CELLS:
        return 1.0
    phases = steps[: cells * _BLOCK].reshape(cells, _BLOCK).mean(0) + _FAINT_STEP
    return float(phases.max() / np.median(phases))


def moire(part: Pixels) -> float:
    """Height of the sharpest peak in the spectrum over its surroundings, in nats; 0 for a part that is too small.

    A photo of a screen or of a raster print has such a peak. Periods of less than ten pixels are searched in the middle
    of the part at its own scale, but not near the axes, where upright edges and JPEG blocks have their peaks.
    """
    height, width = (min(side, _SPECTRUM) for side in part.shape[:2])
    if min(height, width) < _LEAST_SPECTRUM:
        return 0.0
    top, left = (part.shape[0] - height) // 2, (part.shape[1] - width) // 2
    grey = _grey(np.ascontiguousarray(part[top : top + height, left : left + width]))
    grey = (grey - grey.mean()) * np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    spectrum = np.log(np.abs(np.fft.fftshift(np.fft.fft2(grey))) + 1).astype(np.float32)
    above = spectrum - cv2.blur(spectrum, (_AROUND_PEAK, _AROUND_PEAK))
    down, across = np.abs(np.fft.fftshift(np.fft.fftfreq(height))), np.abs(np.fft.fftshift(np.fft.fftfreq(width)))
    fine = np.hypot(down[:, None], across[None, :]) > 1 / _COARSEST_MOIRE
    off_axis = (down > 3 / height)[:, None] & (across > 3 / width)[None, :]
    return float(above[fine & off_axis].max())


def noise(part: Pixels) -> float:
    """Standard deviation of the noise where the part is smoothest, in grey levels of 255.

    Source: J. Immerkær: Fast noise variance estimation, 1996, on blocks; the smoothest tenth counts, so that grain and
    edges do not.
    """
    rough = cv2.filter2D(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), cv2.CV_32F, _LAPLACIANS)
    rough = cv2.blur(np.abs(rough, out=rough), (_BLOCK, _BLOCK)).ravel()
    # Only the two values around the quantile are scaled, not all.
    rank = _SMOOTHEST * (rough.size - 1)
    around = [int(rank), min(int(rank) + 1, rough.size - 1)]
    rough.partition(around)
    return float(np.quantile(rough[around] / 6 * np.sqrt(np.pi / 2), rank - int(rank)))


def spread(part: Pixels) -> float:
    """The largest standard deviation of a channel, in levels of 255.

    Squares are added in the order of the pixels, as numpy does, but a band at a time to save memory.
    """
    return max(_deviation(cv2.extractChannel(part, channel)) for channel in range(3))


def _deviation(plane: NDArray[Any]) -> float:
    squares = np.square(np.arange(256) - plane.sum(dtype=np.float64) / plane.size)
    total = np.zeros(1)
    for top in range(0, len(plane), _BAND):
        total = np.add.accumulate(np.append(total, cv2.LUT(plane[top : top + _BAND], squares)))[-1:]
    return float(np.sqrt(total[0] / plane.size))


def colours(part: Pixels) -> float:
    """Number of colours, of 4,096, that make up 95% of the pixels: few in a mark, many in a photo."""
    coarse = (part >> 4).astype(np.int64) @ np.array([256, 16, 1])
    counts = np.sort(np.bincount(coarse.ravel()))[::-1]
    return float(np.searchsorted(np.cumsum(counts), _MOST_PIXELS * coarse.size) + 1)


def _grey(part: Pixels) -> Plane:
    return cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)


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
