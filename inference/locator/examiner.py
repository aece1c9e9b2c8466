"""From exhibit to detections: the parts on a photo of goods, and their places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import remove_small_boxes
from typing_extensions import Self

from inference.models.card import DetectionRule, WeightsRefused
from inference.models.engines.engine import MakeEngine, Pass, by_torch
from inference.models.weights import Model, load_model
from inference.networks.locator import Locator as LocatorNetwork
from inference.places import WEIGHTS_FOLDER
from inference.records import Crop, Detection, Exhibit, Located

Pixels = NDArray[np.uint8]


class Locator:
    """One locator, ready to detect parts. Threads may share it.

    Args:
        model: The model.
        device: Where it runs: cpu, cuda or mps.
        make_engine: What makes the engine of its network.

    Raises:
        WeightsRefused: if the model is for another task, or its card lacks the rule for detections.
    """

    def __init__(self, model: Model, device: str = "cpu", make_engine: MakeEngine = by_torch) -> None:
        card = model.card
        if card.task != "locator":
            msg = f"{card.name} is a model for {card.task}, not a locator; choose a locator."
            raise WeightsRefused(msg)
        if card.find_rule is None:
            msg = f"The card of {card.name} does not state what counts as a detection; finish its training."
            raise WeightsRefused(msg)
        self.card = card
        self.rule: DetectionRule = card.find_rule
        self.device = torch.device(device)
        self.card_sha256 = model.card_sha256
        self._network = cast("LocatorNetwork", model.network.to(self.device).eval().requires_grad_(False))
        self._engine = make_engine(Pass("features", card.name, card.weights_sha256, self._network.features))
        self._lock = Lock()

    @classmethod
    def load(
        cls, name: str, folder: Path = WEIGHTS_FOLDER, device: str = "cpu", make_engine: MakeEngine = by_torch
    ) -> Self:
        """The locator with the model of that name.

        Raises:
            WeightsRefused: if the model cannot be loaded, or is for another task.
        """
        return cls(load_model(name, folder), device, make_engine)

    def locate(self, exhibit: Exhibit) -> tuple[Detection, ...]:
        """The detections on a picture, best first; none if no score is high enough."""
        boxes, labels, scores = self.detect(exhibit.pixels)
        sure = np.flatnonzero(scores >= self.rule.least_score)
        alone = len(sure) == 1
        return tuple(
            self._detection(exhibit, boxes[i], self.card.classes[labels[i]], float(scores[i]), alone) for i in sure
        )

    def nothing_found(self, exhibit: Exhibit) -> str:
        """The refusal of a photo without a detection, in a sentence."""
        parts = ", ".join(self.card.classes)
        return f"No part ({parts}) was found on {exhibit.name}; if you see one, give its box as x,y,w,h in pixels."

    def located(self, detection: Detection) -> Located:
        """A detection with the locator that made it, for the record of an examination."""
        return Located(detection, self.card.name, self.card.weights_sha256, self.card_sha256)

    def detect(self, pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
        """All boxes that the network proposes, with any score, best first, after non-maximum suppression.

        Args:
            pixels: uint8 (H, W, 3).

        Returns:
            Boxes (n, 4) as left, top, right, bottom in pixels of the picture; indices of the card's classes (n,);
            scores (n,), 0 to 1.
        """
        preprocessing = self.card.preprocessing
        scaled = preprocessing.tone_and_scale(pixels)
        image = torch.from_numpy(preprocessing.normalised(scaled)).to(self.device)
        with self._lock, torch.no_grad():
            batch = self._network.batch([image])
            (found,) = self._network.boxes(batch, self._engine.features(batch.tensors))
        height, width = scaled.shape[:2]
        zoom = np.array([pixels.shape[1] / width, pixels.shape[0] / height] * 2, np.float32)
        # A box in the padding below or beside the picture has no extent inside it.
        inside = remove_small_boxes(found["boxes"], 1)
        found = {name: values[inside] for name, values in found.items()}
        boxes, labels, scores = (found[name].cpu().numpy() for name in ("boxes", "labels", "scores"))
        best = non_maximum_suppression(boxes, scores, self.rule.overlap)
        return boxes[best] * zoom, labels[best], scores[best]

    def _detection(self, exhibit: Exhibit, box: NDArray[np.float32], part: str, score: float, alone: bool) -> Detection:
        left, top, right, bottom = box.tolist()
        spans = max((right - left) / exhibit.width, (bottom - top) / exhibit.height)
        if alone and spans >= self.rule.close_up:
            return Detection(part, score, Crop(0, 0, exhibit.width, exhibit.height), close_up=True)
        return Detection(part, score, self.proposed_crop(exhibit, box.tolist()))

    def proposed_crop(self, exhibit: Exhibit, box: Sequence[float]) -> Crop:
        """The crop for a box (left, top, right, bottom), widened as the card states, inside the picture."""
        return crop_around(exhibit, box, self.rule.margin)


def non_maximum_suppression(boxes: NDArray[np.float32], scores: NDArray[np.float32], overlap: float) -> list[int]:
    """Indices of the boxes (n, 4) that stay, best first.

    A box stays unless its intersection with a better box is more than `overlap` of the smaller of both. The measure is
    not the usual share of the union, because a part that fills the photo is also detected within its own box, and no
    part lies inside another one.
    """
    kept: list[int] = []
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    for index in np.argsort(-scores, kind="stable").tolist():
        starts = np.maximum(boxes[index, :2], boxes[kept, :2])
        ends = np.minimum(boxes[index, 2:], boxes[kept, 2:])
        shared = np.prod(np.maximum(ends - starts, 0), axis=1)
        if (shared <= overlap * np.minimum(areas[index], areas[kept])).all():
            kept.append(index)
    return kept


def crop_around(exhibit: Exhibit, box: Sequence[float], margin: float) -> Crop:
    """The crop for a box (left, top, right, bottom), widened by a share of its longer side, inside the picture."""
    left, top, right, bottom = box
    wider = margin * max(right - left, bottom - top)
    left, top = max(0, int(left - wider)), max(0, int(top - wider))
    right = min(exhibit.width, int(np.ceil(right + wider)))
    bottom = min(exhibit.height, int(np.ceil(bottom + wider)))
    return Crop(left, top, max(1, right - left), max(1, bottom - top))
