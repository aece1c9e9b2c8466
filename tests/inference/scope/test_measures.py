"""Measures of large parts are made in bands, and come to the same bits as the plain formula on the whole."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from inference.intake.depth import in_mode, pixels_of
from inference.scope.gate_card import MEASURE_NAMES
from inference.scope.measures import MEASURES, blocks, clipped, noise, spread

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
    [(spread, plain_spread), (clipped, plain_clipped), (noise, plain_noise), (blocks, plain_blocks)],
    ids=["spread", "clipped", "noise", "blocks"],
)
def test_a_measure_is_that_of_the_plain_formula_to_the_bit(measure: Callable, plain: Callable, name: str) -> None:
    assert measure(PICTURES[name]).hex() == plain(PICTURES[name]).hex()


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
