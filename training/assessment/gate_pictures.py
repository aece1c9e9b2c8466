"""The pictures to which a scope gate is fitted and on which it is measured."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.intake.exhibit import ExhibitRefused, exhibit_from_pixels, read_exhibit
from inference.locator.examiner import crop_around
from inference.models.card import Card
from inference.preprocessing import at_most
from inference.request import Request
from training.data.degradations import blurred, jpeg, noisy
from training.data.marks.mark_set import MarkSet, read_mark_set
from training.data.photos.photo import PhotoSet, Split
from training.data.photos.photo_set import read_photo_set
from training.data.scenes.scene_set import MARGIN, SceneSet
from training.data.set_files import PICTURES, DataRefused

Pixels = NDArray[np.uint8]
logger = logging.getLogger(__name__)

Degradation = Callable[[Pixels], Pixels]
MOST_MEASURED = 200


@dataclass(frozen=True)
class Picture:
    """A measured picture.

    Attributes:
        path: Its file.
        source: The item or mark family that it shows; refusals are counted by source.
        box: Left, top, right and bottom of the part in it, in pixels; None if the whole picture is the part.
        series: The series that the part claims to be; None if every reference is tried.
    """

    path: Path
    source: str
    box: tuple[int, int, int, int] | None = None
    series: str | None = None

    def request(self, degrade: Degradation | None = None) -> Request:
        """What an examiner is asked of it, degraded or not: of a boxed part as a locator proposes it."""
        exhibit = read_exhibit(self.path)
        crop = crop_around(exhibit, self.box, MARGIN) if self.box else None
        if degrade is None:
            return Request(exhibit, self.series, crop)
        return Request(exhibit_from_pixels(degrade(exhibit.crop(crop)), exhibit.name), self.series)


COMMON_SIZE = 224


def _noisy(part: Pixels) -> Pixels:
    return noisy(part, 40, np.random.default_rng(0))


DEGRADATIONS: Mapping[str, Degradation] = {
    "heavily blurred": partial(blurred, sigma=12.5),
    "noisy": _noisy,
    "JPEG quality 10": partial(jpeg, quality=10),
    "40 pixels long": partial(at_most, long_side=40),
}
"""Degradations that the scope checks should notice."""


def own_set(card: Card, data: Path) -> PhotoSet | MarkSet:
    """The set a model was trained on.

    Raises:
        DataRefused: if it cannot be read, or is another one.
    """
    every = (read_mark_set if card.task == "trademark" else read_photo_set)(data, seed=card.seed)
    if every.manifest_sha256 != card.data_sha256:
        msg = f"{data} is not the set {card.name} was trained on, by its hash; name that set, as it was then."
        raise DataRefused(msg)
    return every


def pictures_of(every: PhotoSet | MarkSet, split: Split) -> list[Picture]:
    """The photos of a split, each with its item, or the marks, each with its family."""
    if isinstance(every, MarkSet):
        return [Picture(mark.path, mark.family) for mark in every.marks if mark.split == split]
    return [Picture(photo.path, photo.item, series=photo.series) for photo in every.of(split)]


def parts_in(scenes: SceneSet, card: Card, split: Split) -> list[Picture]:
    """The parts of a model's kind and series in the scenes of a split.

    Raises:
        DataRefused: if there are none.
    """
    found = [
        Picture(scene.path, scene.path.name, part.box, part.series)
        for scene in scenes.of(split)
        for part in scene.parts
        if part.part == card.part and part.series in card.series
    ]
    if not found:
        msg = f"The {split} scenes show no {card.part or 'part'} of a series that {card.name} knows; leave them out."
        raise DataRefused(msg)
    return found


def pictures_in(folder: Path) -> list[Picture]:
    """The readable pictures of a folder and those below it, each its own source."""
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURES]
    listed = evenly([Picture(path, str(path)) for path in paths])
    readable = [picture for picture in listed if _readable(picture.path)]
    if not readable:
        msg = f"{folder} holds no readable picture; name a folder with some."
        raise DataRefused(msg)
    return readable


def _readable(path: Path) -> bool:
    try:
        read_exhibit(path)
    except ExhibitRefused as refusal:
        logger.info("Left out: %s", refusal)
        return False
    return True


def evenly(pictures: Sequence[Picture]) -> list[Picture]:
    """At most two hundred of the pictures, evenly spaced."""
    taken = np.linspace(0, len(pictures) - 1, min(len(pictures), MOST_MEASURED)).round().astype(int)
    return [pictures[index] for index in taken]
