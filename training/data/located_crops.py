"""A set of the parts that a locator finds on the photos of a set, cut out as an examination would.

The KAG-MTLN paper's photos show the part alone (section 4.2); a photo of a whole good shows it small. A split, item or
truth that the set states stays as it is. Photos on which the locator finds nothing are left out, and counted by class.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from inference.files import csv_bytes, png_bytes, write_whole
from inference.intake.exhibit import read_exhibit
from inference.locator.examiner import Locator
from inference.places import WEIGHTS_FOLDER
from inference.records import Crop, Exhibit
from training.data.photos.photo import Photo
from training.data.photos.photo_set import read_photo_set
from training.data.processes import worker_processes

_COLUMNS = ("path", "series", "label", "item", "split", "counterfeiter", "severity", "mask", "twin")


@dataclass(frozen=True)
class LocatedCropsSettings:
    """Cut the parts that a locator finds out of the photos of a set, into a set of their own."""

    data: Path
    """A set as for `python -m training authenticity`."""
    out: Path
    """Folder of the new set."""
    part: str
    """The locator's name of the part, such as leather_tag."""
    locator: str = "locator"
    """Name of the locator."""
    weights: Path = WEIGHTS_FOLDER
    """Its folder."""
    seed: int = 0
    """Seed of the split, where the set states none."""


def cut_located_parts(settings: LocatedCropsSettings) -> str:
    """Write the crops and their manifest.csv, with as many processes as there are processors.

    Returns:
        A sentence for each class on how many photos are in the set, and how many were left out.

    Raises:
        Refusal: if the set or the locator cannot be read.
    """
    Locator.load(settings.locator, settings.weights)
    photos = read_photo_set(settings.data, seed=settings.seed).photos
    with worker_processes() as pool:
        cut = pool.map(_cut_out, range(len(photos)), photos, repeat(settings), chunksize=4)
        rows = list(tqdm(cut, "cutting out", total=len(photos), unit="photo"))
    write_whole(settings.out / "manifest.csv", csv_bytes(_COLUMNS, [row for row in rows if row]))
    every = Counter(photo.class_name for photo in photos)
    kept = Counter(photo.class_name for photo, row in zip(photos, rows, strict=True) if row)
    return "\n".join(f"{name}: {kept[name]} of {count} photos" for name, count in sorted(every.items()))


def _cut_out(number: int, photo: Photo, settings: LocatedCropsSettings) -> list[str] | None:
    """Cut the part out of a photo; its row of the manifest, or None without a part. In a process of its own."""
    exhibit = read_exhibit(photo.path)
    found = _opened(settings.locator, settings.weights).locate(exhibit)
    crop = next((one.crop for one in found if one.part == settings.part), None)
    return _written(photo, exhibit, crop, settings.out, f"{number:06d}") if crop else None


@lru_cache(maxsize=1)
def _opened(name: str, folder: Path) -> Locator:
    """The locator of a process, which computes on one thread: there are as many processes as processors."""
    torch.set_num_threads(1)
    return Locator.load(name, folder)


def _written(photo: Photo, exhibit: Exhibit, crop: Crop, out: Path, name: str) -> list[str]:
    """Write a photo's crop, and those of its mask and twin where it has them; its row of the manifest."""
    folder = Path(photo.series) / photo.label
    truth = photo.truth
    row = [photo.series, photo.label, photo.item, photo.split, truth.counterfeiter, truth.severity]
    write_whole(out / folder / f"{name}.png", _cut(exhibit, crop))
    mask, twin = "", ""
    if truth.mask is not None:
        with Image.open(truth.mask) as picture:
            plane = np.asarray(picture.convert("L"))
        shown = plane[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
        mask = (folder / f"{name}_mask.png").as_posix()
        write_whole(out / mask, png_bytes(Image.fromarray(shown)))
    if truth.twin is not None:
        twin = (folder / f"{name}_twin.png").as_posix()
        write_whole(out / twin, _cut(read_exhibit(truth.twin), crop))
    return [(folder / f"{name}.png").as_posix(), *row, mask, twin]


def _cut(exhibit: Exhibit, crop: Crop) -> bytes:
    return png_bytes(Image.fromarray(exhibit.crop(crop)))
