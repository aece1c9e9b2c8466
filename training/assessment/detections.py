"""The true and the detected boxes of scenes."""

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
    """The true boxes of a scene, in pixels of its photo."""
    return SceneBoxes(scene.boxes, scenes.labels(scene), np.ones(len(scene.parts), np.float32))


def detect_all(
    locator: location.Locator, scenes: Sequence[LabelledScene], change: Change | None = None
) -> list[SceneBoxes]:
    """All boxes that a finished locator proposes on each scene, with any score.

    Args:
        locator: The locator.
        scenes: The scenes.
        change: Changes a photo, uint8 (H, W, 3), first; its size stays.
    """
    found = []
    for scene in tqdm(scenes, "locating", unit="scene", leave=False):
        pixels = read_exhibit(scene.path).pixels
        found.append(SceneBoxes(*locator.detect(change(pixels) if change else pixels)))
    return found
