"""What a cell of the KAG-MTLN paper takes on this machine: a small training of it is timed, from start to card."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from inference.authenticity.examiner import AuthenticityExaminer
from inference.models.weights import load_model
from training.assessment.photos import examine_all
from training.authenticity import train as authenticity
from training.authenticity.samples import training_share
from training.authenticity.settings import AuthenticitySettings
from training.authenticity.views import PhotoView
from training.data.photos.photo import PhotoSet, Split
from training.experiments.kag_cells import Cell, KagProtocol, read_once
from training.fitting.fit import accelerator_for
from training.fitting.watch import Watch

logger = logging.getLogger(__name__)

_STEPS = 5
"""Steps that count; as many go before them, in which a device warms up and networks are compiled."""
_JUDGED = 8
"""Photos of each class in validation and test."""


@dataclass(frozen=True)
class Pace:
    """What a training takes, in seconds.

    Attributes:
        once: What it does once, whatever the size of the set.
        read: A training or validation photo, when it is read.
        step: A step.
        validated: A validation photo, in every epoch.
        kept: An epoch, when it is kept.
        judged: A validation or test photo, when the finished network is judged.
    """

    once: float
    read: float
    step: float
    validated: float
    kept: float
    judged: float

    def seconds(self, photos: PhotoSet, batch: int, epochs: int) -> float:
        """What a training of so many epochs takes on a set."""
        train, val, test = (len(photos.of(split)) for split in ("train", "val", "test"))
        epoch = steps_an_epoch(train, batch) * self.step + val * self.validated + self.kept
        return self.once + (train + val) * self.read + epochs * epoch + (val + test) * self.judged


def steps_an_epoch(photos: int, batch: int) -> int:
    """Steps of an epoch of so many training photos: whole batches, at least one."""
    return max(1, photos // batch)


def paced(settings: AuthenticitySettings, every: PhotoSet) -> Pace:
    """The pace of a training on a set, by one of two short epochs on few of its photos, beside its folder.

    Raises:
        Refusal: as training does.
    """
    photos = _few(every, settings.fit.batch)
    seen = [photo for split in ("train", "val") for photo in photos.of(split)]
    judged = [photo for split in ("val", "test") for photo in photos.of(split)]
    settings.fit.out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".timed-", dir=settings.fit.out.parent, ignore_cleanup_errors=True) as folder:
        timed = replace(settings, fit=replace(settings.fit, out=Path(folder), epochs=2, resume=False))
        watch, began = Watch(steps=_STEPS), time.monotonic()
        authenticity.train(timed, every=photos, for_examiners=False, fitted_by=watch)
        whole = time.monotonic() - began
        examiner = AuthenticityExaminer(load_model(timed.name, timed.fit.out), str(accelerator_for(timed.fit).device))
        read = _seconds(lambda: PhotoView(timed.preprocessing).read(seen)) / len(seen)
        examined = _seconds(lambda: examine_all(examiner, judged)) / len(judged)
    steps = min(_STEPS, watch.steps)
    epoch = watch.trained[1] + watch.validated[1] + watch.kept[0]
    return Pace(
        once=max(0.0, whole - 2 * epoch - len(seen) * read - len(judged) * examined),
        read=read,
        step=watch.trained[1] / steps,
        validated=watch.validated[1] / len(photos.of("val")),
        kept=watch.kept[0],
        judged=examined,
    )


def prices(protocol: KagProtocol, cells: Sequence[Cell]) -> Callable[[KagProtocol, Cell], float]:
    """From a protocol with its epochs and one of these cells to the seconds that the cell takes; each kind is timed."""
    paces: dict[Cell, Pace] = {}
    for kind in dict.fromkeys(cell.kind for cell in cells):
        logger.info("timing %s", kind.name)
        paces[kind] = paced(kind.settings(protocol), read_once(kind.data, kind.seed))

    def price(settled: KagProtocol, cell: Cell) -> float:
        settings = cell.settings(settled)
        photos = _shared(settings.data, cell.kind.seed, settings.training_share)
        return paces[cell.kind].seconds(photos, settings.fit.batch, settings.fit.epochs)

    return price


@lru_cache(maxsize=64)
def _shared(data: Path, seed: int, share: float) -> PhotoSet:
    return training_share(read_once(data, seed), share)


def _few(photos: PhotoSet, batch: int) -> PhotoSet:
    """A set of the first photos of each class: enough for the steps in training, and for a judgement."""
    most: dict[Split, int] = {"train": -(-_STEPS * batch // len(photos.classes)), "val": _JUDGED, "test": _JUDGED}
    in_order = sorted(photos.photos, key=lambda photo: (photo.split, photo.class_name))
    groups = groupby(in_order, lambda photo: (photo.split, photo.class_name))
    kept = [photo for (split, _), group in groups for photo in [*group][: most[split]]]
    return replace(photos, photos=tuple(kept))


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began
