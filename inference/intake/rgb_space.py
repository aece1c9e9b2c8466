"""RGB colour spaces by their primaries and curve, and their conversion to sRGB.

Sources: ITU-T H.273 (the numbered primaries and curves), IEC 61966-2-1 (sRGB), SMPTE ST 2084 (PQ),
ITU-R BT.2100 (HLG) and BT.2408 (its white), ICC.1 annex E (Bradford's adaptation).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
"""x and y of white, red, green and blue, each above 0 and below 1."""

D65 = (0.3127, 0.3290)
SRGB_PRIMARIES: Primaries = (D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
ADOBE_PRIMARIES: Primaries = (D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
ADOBE_GAMMA = 563 / 256

NUMBERED_PRIMARIES: dict[int, Primaries] = {
    1: SRGB_PRIMARIES,
    4: ((0.310, 0.316), (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: (D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: (D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: (D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    8: ((0.310, 0.316), (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: (D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: ((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: (D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: (D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}

WHITE_OF_PQ_AND_HLG = 203
"""White of a page in PQ and HLG, in cd/m²; brighter light is cut off."""

_PEAK_OF_HLG, _GAMMA_OF_HLG = 1000, 1.2
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_LEVELS = np.arange(256) / 255
_ROWS_AT_ONCE = 128


def power(exponent: float) -> NDArray[np.float64]:
    """The light of 256 levels, (256,), on a display with a gamma."""
    return _LEVELS**exponent


def srgb_curve() -> NDArray[np.float64]:
    """The curve of sRGB."""
    return np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)


def pq_curve() -> NDArray[np.float64]:
    """The light of a PQ display, 1 for the white of a page."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    raised = _LEVELS ** (1 / m2)
    return 10_000 / WHITE_OF_PQ_AND_HLG * (np.maximum(raised - c1, 0) / (c2 - c3 * raised)) ** (1 / m1)


def hlg_curve() -> NDArray[np.float64]:
    """The light of the scene, 0 to 1, before the display's own gamma."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(_LEVELS <= 0.5, _LEVELS**2 / 3, (np.exp((_LEVELS - c) / a) + b) / 12)


NUMBERED_CURVES: dict[int, Callable[[], NDArray[np.float64]]] = {
    4: lambda: power(2.2),
    5: lambda: power(2.8),
    8: lambda: power(1),
    13: srgb_curve,
    16: pq_curve,
    18: hlg_curve,
}
PQ, HLG = 16, 18


@dataclass(frozen=True)
class RgbSpace:
    """A colour space of 8-bit pixels.

    Attributes:
        name: Its name in a sentence.
        primaries: Its white, red, green and blue.
        curve: Light of each of 256 levels, 1 for white; (256,), or (3, 256) with one row a channel.
        is_hlg: Whether the display adds a gamma that depends on all three channels.
    """

    name: str
    primaries: Primaries
    curve: NDArray[np.float64]
    is_hlg: bool = False

    def to_srgb(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The same colours, uint8 (H, W, 3), in sRGB; colours outside sRGB are cut off."""
        matrix = (np.linalg.inv(_to_xyz(SRGB_PRIMARIES)) @ _adapted(self.primaries)).astype(np.float32)
        curves = np.broadcast_to(self.curve, (3, 256)).astype(np.float32)
        converted = np.empty_like(pixels)
        for top in range(0, len(pixels), _ROWS_AT_ONCE):
            rows = pixels[top : top + _ROWS_AT_ONCE]
            light = np.stack([curve[rows[..., channel]] for channel, curve in enumerate(curves)], axis=-1)
            if self.is_hlg:
                light = self._displayed(light)
            converted[top : top + _ROWS_AT_ONCE] = _encoded(light @ matrix.T)
        return converted

    def _displayed(self, scene: NDArray[np.float32]) -> NDArray[np.float32]:
        luminance = scene @ _to_xyz(self.primaries)[1].astype(np.float32)
        shown = scene * np.maximum(luminance, 1e-6)[..., None] ** (_GAMMA_OF_HLG - 1)
        return (shown * (_PEAK_OF_HLG / WHITE_OF_PQ_AND_HLG)).astype(np.float32)

    @property
    def is_srgb(self) -> bool:
        """Whether a conversion to sRGB would change no more than rounding does."""
        levels = np.linspace(0, 255, 9).astype(np.uint8)
        cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
        return bool((np.abs(self.to_srgb(cube).astype(int) - cube) <= 1).all())


def are_possible(primaries: Primaries) -> bool:
    """Whether such primaries are possible: all within the diagram, and not on one line."""
    white, *corners = primaries
    inside = all(0 <= x <= 1 and 0 < y <= 1 and x + y <= 1 for x, y in primaries)
    (ax, ay), (bx, by), (cx, cy) = corners
    area = abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2
    return inside and area > 0.001 and bool((np.linalg.solve(_corners(primaries), _xyz(white)) > 0).all())


def _xyz(chromaticity: tuple[float, float]) -> NDArray[np.float64]:
    x, y = chromaticity
    return np.array([x / y, 1, (1 - x - y) / y])


def _corners(primaries: Primaries) -> NDArray[np.float64]:
    return np.stack([_xyz(corner) for corner in primaries[1:]], axis=1)


def _to_xyz(primaries: Primaries) -> NDArray[np.float64]:
    corners = _corners(primaries)
    return corners * np.linalg.solve(corners, _xyz(primaries[0]))


def _adapted(primaries: Primaries) -> NDArray[np.float64]:
    """Matrix (3, 3) from RGB to XYZ, adapted to D65."""
    ratio = (_BRADFORD @ _xyz(D65)) / (_BRADFORD @ _xyz(primaries[0]))
    return np.linalg.inv(_BRADFORD) @ np.diag(ratio) @ _BRADFORD @ _to_xyz(primaries)


def _encoded(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    light = np.clip(light, 0, 1)
    levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055)
    return np.rint(255 * levels).astype(np.uint8)
