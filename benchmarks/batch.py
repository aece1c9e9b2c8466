"""The memory of a batch over many photos: whether it grows with their number.

Run by hand, on Linux: `python -m benchmarks.batch --photos FOLDER`. The folder's photos are examined as the tab Batch
does it. Megabytes depend on the machine; how they grow over the second half of the photos hardly does.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import tyro

from benchmarks.large_pictures import ROOT, megabytes
from benchmarks.soak import told_growth
from inference.batches.batches import Batches
from inference.bench import Bench
from inference.request import Means
from ui.memory import share_freed_memory


@dataclass(frozen=True)
class Settings:
    """Which photos, and how many."""

    photos: Path
    """Folder of JPEGs, at any depth."""
    most: int = 2000
    """Photos that are examined, the first by path."""
    model: str | None = None
    """Model that examines them; by default the first."""


def main(settings: Settings) -> None:
    """Print how many photos were examined, how fast, and how memory grew."""
    share_freed_memory()  # as the app does when it starts
    chosen = sorted(settings.photos.rglob("*.jpg"))[: settings.most]
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        photos.mkdir()
        for number, path in enumerate(chosen):
            shutil.copyfile(path, photos / f"{number:06d}.jpg")
        bench = Bench(ROOT / "weights", references=ROOT / "references")
        memory = [(time.monotonic(), megabytes(os.getpid(), "VmRSS"))]
        with closing(Batches(Path(folder) / "batches", bench)) as batches:
            batch = batches.begin("", Means(model=settings.model), [photos])
            begun = time.monotonic()
            while batches.told.running:
                time.sleep(1)
                memory.append((time.monotonic(), megabytes(os.getpid(), "VmRSS")))
            done = batch.state.done
        print(f"{done} of {len(chosen)} photos, {done / (time.monotonic() - begun):.2f} a second")
        print(told_growth(memory))


if __name__ == "__main__":
    main(tyro.cli(Settings))
