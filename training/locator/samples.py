"""Scenes as they are drawn in training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from inference.intake.exhibit import read_exhibit
from inference.preprocessing import Preprocessing
from training.assessment.detections import truth
from training.data.photos.photo import Split
from training.data.scenes.scene_set import SceneSet
from training.data.scenes.views import draw_view, vary_light
from training.figures.average_precision import SceneBoxes
from training.fitting.fit import derive_seed
from training.locator.settings import LocatorSettings

Pixels = NDArray[np.uint8]
_KEPT = 1.25
"""Long side of the scenes in memory, as a multiple of the long side that the network sees in use."""


class TrainingViews(Dataset[dict[str, Tensor]]):
    """Training scenes as they are drawn; (epoch, index) decides all randomness of a view.

    Scenes are decoded once and kept in memory as pixels, a little larger than the network sees them.
    """

    def __init__(self, scenes: SceneSet, settings: LocatorSettings) -> None:
        self._settings = settings
        self._scenes = read_shrunk(scenes, "train", round(_KEPT * settings.preprocessing.size))
        self._most = max(len(shrunk.known.labels) for shrunk in self._scenes)

    def __len__(self) -> int:
        return len(self._scenes)

    def __getitem__(self, drawn: tuple[int, int]) -> dict[str, Tensor]:
        """One view: `image` (3, S, S), and its `boxes` (m, 4) and `labels` (m,), filled up with the label -1."""
        epoch, index = drawn
        settings, scene = self._settings, self._scenes[index]
        rng = np.random.default_rng(derive_seed(settings.fit.seed, epoch, index))
        view = draw_view(scene.pixels, scene.known.boxes, settings.view, settings.preprocessing.size, rng)
        boxes, labels = torch.zeros(self._most, 4), torch.full((self._most,), -1)
        boxes[: len(view.kept)] = torch.from_numpy(view.boxes)
        labels[: len(view.kept)] = torch.from_numpy(scene.known.labels[view.kept])
        image = torch.from_numpy(settings.preprocessing.normalised(vary_light(view.pixels, rng)))
        return {"image": image, "boxes": boxes, "labels": labels}


@dataclass(frozen=True)
class Shrunk:
    """A scene in memory: its pixels, uint8 (h, w, 3), and its boxes in these pixels."""

    pixels: Pixels
    known: SceneBoxes


def read_shrunk(scenes: SceneSet, split: Split, long_side: int) -> list[Shrunk]:
    """The scenes of a split, with their long side scaled to `long_side` pixels."""
    preprocessing = Preprocessing(size=long_side)
    shrunk = []
    for scene in tqdm(scenes.of(split), f"reading {split} scenes", unit="scene", leave=False):
        photo, known = read_exhibit(scene.path).pixels, truth(scenes, scene)
        pixels = preprocessing.tone_and_scale(photo)
        zoom = np.array([pixels.shape[1] / photo.shape[1], pixels.shape[0] / photo.shape[0]] * 2, np.float32)
        shrunk.append(Shrunk(pixels, replace(known, boxes=known.boxes * zoom)))
    return shrunk
