"""What is in scenes, and what a locator takes for parts in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inference.intake.exhibit import read_exhibit
from inference.locator import examiner as location
from training.data.scenes.scene_set import LabelledScene, SceneSet
from training.figures.average_precision import SceneBoxes

Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def truth(scenes: SceneSet, scene: LabelledScene) -> SceneBoxes:
    """What is in a scene, in pixels of its photo."""
    return SceneBoxes(scene.boxes, scenes.labels(scene), np.ones(len(scene.parts), np.float32))


def detect_all(
    locator: location.Locator, scenes: Sequence[LabelledScene], change: Change | None = None
) -> list[SceneBoxes]:
    """What a finished locator takes for parts in each of the scenes, however unsure.

    Args:
        locator: The locator.
        scenes: The scenes.
        change: What is done to a photo, uint8 (H, W, 3), before; its size stays.
    """
    found = []
    for scene in tqdm(scenes, "locating", unit="scene", leave=False):
        pixels = read_exhibit(scene.path).pixels
        found.append(SceneBoxes(*locator.detect(change(pixels) if change else pixels)))
    return found
