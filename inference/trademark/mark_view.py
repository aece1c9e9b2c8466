"""What a mark is compared by: as a whole, and by its elements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.preprocessing import Prepared, Preprocessing
from inference.records import Crop, Exhibit, FramedMark, ScopeCheck
from inference.trademark.elements import elements
from inference.trademark.local_features import LocalFeatures, local_features


@dataclass(frozen=True)
class Element:
    """A part of a framed mark, seen as a mark of its own.

    Attributes:
        place: Where it lies, in pixels of the framed mark.
        prepared: The network's input.
    """

    place: Crop
    prepared: Prepared

    @property
    def image(self) -> Tensor:
        """What the network sees of it, (3, S, S)."""
        return torch.from_numpy(self.prepared.values)


@dataclass(frozen=True)
class MarkView:
    """The view of a mark by which it is compared.

    Attributes:
        exhibit: The exhibit.
        crop: The crop that is compared; None for the whole picture.
        mark: The framed mark.
        prepared: The framed mark as the network's input, with sentences on what was done.
        points: Its local features.
        checks: Its scope checks.
        elements: Its elements; none for a model that weighs only wholes.
    """

    exhibit: Exhibit
    crop: Crop | None
    mark: FramedMark
    prepared: Prepared
    points: LocalFeatures
    checks: tuple[ScopeCheck, ...]
    elements: tuple[Element, ...] = ()

    @property
    def image(self) -> Tensor:
        """What the network sees of it, (3, S, S)."""
        return torch.from_numpy(self.prepared.values)

    @property
    def order(self) -> tuple[str, str, str]:
        """The key that puts two marks in canonical order, whichever comes first."""
        return self.exhibit.sha256, str(self.crop), str(self.exhibit.ground)


def elements_of(mark: FramedMark, preprocessing: Preprocessing) -> tuple[Element, ...]:
    """The elements of a mark as the network sees them, without the whole mark."""
    return tuple(Element(box, preprocessing(_cut_out(mark.pixels, box))) for box in elements(mark.pixels))


def points_at(mark: NDArray[np.uint8], place: Crop) -> LocalFeatures:
    """The local features of a part of a framed mark, uint8 (h, w, 3), found at the part's own size."""
    return local_features(_cut_out(mark, place))


def _cut_out(pixels: NDArray[np.uint8], box: Crop) -> NDArray[np.uint8]:
    return pixels[box.y : box.y + box.height, box.x : box.x + box.width]
