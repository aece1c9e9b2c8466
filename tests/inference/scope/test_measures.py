"""Measures are counted in whole numbers, and come to the same bits as the plain formula in floating point."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from inference.intake.depth import in_mode, pixels_of
from inference.planes import NEAR_SIDE, Planes
from inference.preprocessing import at_most
from inference.scope.gate_card import MEASURE_NAMES
from inference.scope.measures import MEASURES, blocks, blur, clipped, colours, moire, noise, spread

SIZES = [(1, 1), (1, 40), (40, 1), (9, 8), (64, 71), (257, 300), (700, 65), (1030, 515)]
MIDDLE = np.float32([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])


def pictures() -> dict[str, np.ndarray]:
    rng, made = np.random.default_rng(0), {}
    for height, width in SIZES:
        grain = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        made[f"grain {height} x {width}"] = grain
        made[f"dark {height} x {width}"] = np.clip(grain.astype(int) - 220, 0, 255).astype(np.uint8)
        made[f"bright {height} x {width}"] = np.maximum(grain, 253)
        made[f"flat {height} x {width}"] = np.full_like(grain, (3, 200, 255))
    made["a crop"] = rng.integers(0, 256, (400, 300, 3), dtype=np.uint8)[11:-3, 7:-20]
    return made


PICTURES = pictures()


def grey(part: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)


def plain_spread(part: np.ndarray) -> float:
    return float(part.std(axis=(0, 1)).max())


def plain_clipped(part: np.ndarray) -> float:
    return float(((part <= 2).all(2) | (part >= 253).all(2)).mean())


def plain_noise(part: np.ndarray) -> float:
    rough = cv2.blur(np.abs(cv2.filter2D(grey(part), -1, MIDDLE)), (8, 8)) / 6 * np.sqrt(np.pi / 2)
    return float(np.quantile(rough, 0.1))


def plain_moire(part: np.ndarray) -> float:
    height, width = (min(side, 512) for side in part.shape[:2])
    if min(height, width) < 64:
        return 0.0
    top, left = (part.shape[0] - height) // 2, (part.shape[1] - width) // 2
    middle = grey(np.ascontiguousarray(part[top : top + height, left : left + width]))
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    spectrum = np.log(np.abs(np.fft.fftshift(np.fft.fft2((middle - middle.mean()) * window))) + 1).astype(np.float32)
    above = spectrum - cv2.blur(spectrum, (15, 15))
    down, across = (np.abs(np.fft.fftshift(np.fft.fftfreq(side))) for side in (height, width))
    fine = np.hypot(down[:, None], across[None, :]) > 1 / 10
    return float(above[fine & (down > 3 / height)[:, None] & (across > 3 / width)[None, :]].max())


def plain_colours(part: np.ndarray) -> float:
    _, counts = np.unique((part >> 4).reshape(-1, 3), axis=0, return_counts=True)
    covered = np.cumsum(np.sort(counts)[::-1])
    return float((covered < 0.95 * len(part) * len(part[0])).sum() + 1)


def plain_blocks(part: np.ndarray) -> float:
    def step(plane: np.ndarray) -> float:
        steps = np.abs(np.diff(plane, axis=0)).mean(1)
        cells = len(steps) // 8
        if cells < 8:
            return 1.0
        phases = steps[: cells * 8].reshape(cells, 8).mean(0) + 0.1
        return float(phases.max() / np.median(phases))

    return min(step(grey(part)), step(grey(part).T))


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize(
    ("measure", "plain"),
    [
        (clipped, plain_clipped),
        (noise, plain_noise),
        (blocks, plain_blocks),
        (moire, plain_moire),
        (colours, plain_colours),
    ],
    ids=["clipped", "noise", "blocks", "moire", "colours"],
)
def test_a_measure_is_that_of_the_plain_formula_to_the_bit(measure: Callable, plain: Callable, name: str) -> None:
    assert measure(Planes(PICTURES[name])).hex() == plain(PICTURES[name]).hex()


@pytest.mark.parametrize("name", PICTURES)
def test_the_spread_is_that_of_the_plain_formula(name: str) -> None:
    """The plain formula rounds at every pixel, the counts of levels do not."""
    assert spread(Planes(PICTURES[name])) == pytest.approx(plain_spread(PICTURES[name]), rel=1e-10, abs=1e-10)


def test_levels_are_counted_beyond_what_single_precision_holds() -> None:
    """Single precision stops counting at 2 ** 24, a little more than 16 million pixels."""
    half = np.zeros((6000, 6000), np.uint8)
    half[:3000] = 9
    assert spread(Planes(cv2.merge([half, half, half]))) == 4.5


def photographed(height: int, width: int, grain: float, softness: float) -> np.ndarray:
    """A large photo of shapes, more or less soft and grainy."""
    rng = np.random.default_rng(height + width)
    coarse = rng.integers(0, 256, (height // 60, width // 60, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    soft = cv2.GaussianBlur(picture, (0, 0), softness).astype(np.float32)
    return np.clip(soft + rng.normal(0, grain, (height, width, 1)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(512, 640), (1100, 1791), (3, 1700)])
def test_blur_of_a_part_below_1792_pixels_is_that_of_the_picture_at_448(size: tuple[int, int]) -> None:
    part = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert Planes(part).near is part
    assert blur(Planes(part)).hex() == blur(Planes(at_most(part, 448))).hex()


@pytest.mark.parametrize("size", [(1344, 1792), (3000, 4000), (2999, 2003)])
@pytest.mark.parametrize(("grain", "softness"), [(0, 4), (12, 4), (4, 30)])
def test_blur_of_a_larger_part_is_nearly_so(size: tuple[int, int], grain: float, softness: float) -> None:
    part = photographed(*size, grain, softness)
    assert NEAR_SIDE <= max(Planes(part).near.shape) < 2 * NEAR_SIDE
    assert blur(Planes(part)) == pytest.approx(blur(Planes(at_most(part, 448))), abs=0.005)


@pytest.mark.parametrize("size", SIZES)
def test_pixels_come_in_bands_as_they_are_in_the_picture(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert np.array_equal(pixels_of(Image.fromarray(pixels)), pixels)


def test_a_picture_that_is_in_a_mode_is_not_copied() -> None:
    picture = Image.new("RGB", (4, 3), (1, 2, 3))
    assert in_mode(picture, "RGB") is picture
    assert in_mode(picture, "L").mode == "L"


def test_a_card_may_state_every_measure_and_no_other() -> None:
    assert tuple(MEASURES) == MEASURE_NAMES
