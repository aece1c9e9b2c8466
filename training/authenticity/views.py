"""The views in training: the photo alone, or the registered photo stacked with its genuine reference.

Both views load photos once, keep them as pixels, and make a network's input from them as `inference` does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Protocol

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from inference.files import write_whole
from inference.intake.exhibit import read_exhibit
from inference.models.provenance import code_version
from inference.preprocessing import Preprocessing
from inference.reference.alignment import Registration
from inference.reference.building import build_reference
from inference.reference.channels import stacked
from inference.reference.reference import Reference
from inference.reference.registration import register
from inference.reference.stack import ReferenceStack
from training.data.framed_photos import Normalisation
from training.data.photos.photo import Photo, PhotoSet
from training.data.processes import worker_processes
from training.data.variations import vary_registered

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]

REFERENCE_CACHE = Path.home() / ".cache" / "assay" / "references"


class View(Protocol):
    """A view of photos; it keeps each photo as `Seen`."""

    def read(self, photos: Sequence[Photo]) -> list[Seen]:
        """The photos, as pixels."""

    def inputs(self, seen: Sequence[Seen], device: torch.device) -> Tensor:
        """A network's input (B, 3, H, W) from undisturbed photos, as an examination has it."""


@dataclass(frozen=True)
class Seen:
    """A photo as a view keeps it.

    Attributes:
        pixels: uint8 (h, w, 3).
        covered: Points of the reference's frame that the photo covers, bool (h, w); None for the photo alone.
        registration: Its registration; None for the photo alone.
    """

    pixels: Pixels
    covered: NDArray[np.bool_] | None = None
    registration: Registration | None = None


class PhotoView:
    """The photo alone: toned, scaled, padded (FWD). A training samples its own photos otherwise, see `PhotoBatches`."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        self._preprocessing = preprocessing

    def read(self, photos: Sequence[Photo]) -> list[Seen]:
        """The photos, framed."""
        bar = tqdm(photos, "reading photos", unit="photo", leave=False)
        scaled = (self._preprocessing.tone_and_scale(read_exhibit(photo.path).pixels) for photo in bar)
        return [Seen(self._preprocessing.frame(pixels)[0]) for pixels in scaled]

    def inputs(self, seen: Sequence[Seen], device: torch.device) -> Tensor:
        """A network's input (B, 3, S, S)."""
        framed = torch.from_numpy(np.stack([one.pixels for one in seen])).to(device)
        return Normalisation(self._preprocessing, device)(framed.permute(0, 3, 1, 2))


class RegisteredView:
    """The registered photo stacked with the genuine reference of its series.

    Args:
        references: One reference for each series.
        stack: How photo and reference become a network's input.
        cache: Folder that keeps registrations from run to run; each takes a fraction of a second.
    """

    def __init__(self, references: Sequence[Reference], stack: ReferenceStack, cache: Path) -> None:
        self.references = tuple(references)
        self._by_series = {reference.series: reference for reference in references}
        self.stack = stack
        digest = hashlib.sha256(code_version().encode())
        for reference in references:
            digest.update(reference.mean.tobytes() + reference.spread.tobytes())
        self._cache = cache / f"registrations-{digest.hexdigest()[:16]}.jsonl"

    def read(self, photos: Sequence[Photo]) -> list[Seen]:
        """The photos, each in the frame of its series' reference.

        The series is stated, as by an examiner who knows what a part claims to be; `open_series` measures how often it
        must be.
        """
        registrations = self._register(photos)
        bar = tqdm(photos, "reading photos", unit="photo", leave=False)
        seen = []
        for photo, registration in zip(bar, registrations, strict=True):
            pixels, covered = registration.apply(read_exhibit(photo.path).pixels, self._shape(registration))
            seen.append(Seen(pixels, covered, registration))
        return seen

    def inputs(self, seen: Sequence[Seen], device: torch.device) -> Tensor:
        """A network's input (B, 3, H, W) from undisturbed photos."""
        return torch.stack([self.tensor(one, one.pixels) for one in seen]).to(device)

    def key_edges(self, seen: Seen) -> Plane:
        """The edges of the genuine reference, which locate the key areas of a photo."""
        return self.reference(seen).mean

    def tensor(self, seen: Seen, pixels: Pixels, generator: torch.Generator | None = None) -> Tensor:
        """A network's input (3, H, W) from disturbed or undisturbed pixels, varied if a generator is given."""
        if generator is not None:
            pixels = vary_registered(pixels, generator)
        return torch.from_numpy(stacked(self.stack, pixels, _covered(seen), self.reference(seen)))

    def covered_cells(self, seen: Seen) -> NDArray[np.bool_]:
        """Mask (h, w) of the cells that the photo covers on a feature map at a quarter of the input's size."""
        return self.stack.covered_cells(_covered(seen), self.reference(seen))

    def fits(self, seen: Seen) -> bool:
        """Whether the photo fits its reference as genuine photos do."""
        return seen.registration is not None and seen.registration.score >= self.reference(seen).least_score

    def reference(self, seen: Seen) -> Reference:
        """The reference of the photo's series."""
        if seen.registration is None:
            msg = "a registered photo states its registration"
            raise ValueError(msg)
        return self._by_series[seen.registration.series]

    def _shape(self, registration: Registration) -> tuple[int, int]:
        height, width = self._by_series[registration.series].mean.shape
        return height, width

    def _register(self, photos: Sequence[Photo]) -> list[Registration]:
        """The registration of each photo to the reference of its series, from the cache if it is there."""
        known = {}
        if self._cache.exists():
            for line in self._cache.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                    known[entry["sha256"]] = Registration.parse(entry)
                except (ValueError, KeyError):
                    # An interruption cut the line short, so that its photo is registered again.
                    continue
        missing = [photo for photo in photos if photo.sha256 not in known]
        if missing:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            with worker_processes() as pool, self._cache.open("a", encoding="utf-8") as file:
                found = pool.map(_fit, missing, repeat(self.references), chunksize=8)
                for photo, registration in zip(
                    tqdm(missing, "registering", unit="photo", leave=False), found, strict=True
                ):
                    known[photo.sha256] = registration
                    # The line break comes first, so that a line after one cut short stands alone.
                    file.write("\n" + json.dumps({"sha256": photo.sha256, **registration.stated()}))
        return [known[photo.sha256] for photo in photos]


def _covered(seen: Seen) -> NDArray[np.bool_]:
    if seen.covered is None:
        msg = "a registered photo states what it covers"
        raise ValueError(msg)
    return seen.covered


def _fit(photo: Photo, references: tuple[Reference, ...]) -> Registration:
    own = next(reference for reference in references if reference.series == photo.series)
    return register(read_exhibit(photo.path).pixels, own)


def build_references(photos: PhotoSet, long_side: int, cache: Path) -> tuple[Reference, ...]:
    """The genuine reference of each series, from its genuine training photos.

    Args:
        photos: The set.
        long_side: Long side of the references in pixels.
        cache: Folder that keeps references from run to run; each takes a minute.

    Raises:
        Refusal: if a series has too few genuine training photos that fit each other.
    """
    genuine = [photo for photo in photos.of("train") if photo.label == "genuine"]
    by_series = {series: [photo for photo in genuine if photo.series == series] for series in photos.series}
    with worker_processes() as pool:
        found = pool.map(_build_once, by_series, by_series.values(), repeat(long_side), repeat(cache))
        return tuple(tqdm(found, "building references", total=len(by_series), unit="series", leave=False))


def _build_once(series: str, photos: Sequence[Photo], long_side: int, cache: Path) -> Reference:
    """A reference as an examiner has it: the file keeps as few bits as a weights file does."""
    of = json.dumps([code_version(), long_side, [photo.sha256 for photo in photos]])
    kept = cache / f"reference-{hashlib.sha256(of.encode()).hexdigest()[:16]}.safetensors"
    if not kept.exists():
        built = build_reference(series, [read_exhibit(photo.path).pixels for photo in photos], long_side)
        write_whole(kept, safetensors.numpy.save(built.arrays()))
    return Reference.from_arrays(series, safetensors.numpy.load(kept.read_bytes()))
