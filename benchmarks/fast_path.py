"""How near training on photos comes to its device: the training loop against the same steps on a ready batch, in turn.

Run by hand: `python -m benchmarks.fast_path` takes the paper's network, size and number of photos, for a GPU; a
processor has time for `--backbone efficientnet_lite0 --size 160 --photos 96 --batch 16 --device cpu --no-bf16`. Both
ways run in one process and take turns, so that a busy moment hits both; what is compiled or tuned once comes before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice, repeat
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import torch
import tyro
from PIL import Image

from inference.networks.backbones import BackboneName
from inference.preprocessing import Preprocessing
from training.authenticity.methods import method_of, settled
from training.authenticity.photo_batches import PhotoBatches
from training.authenticity.samples import class_weights
from training.authenticity.settings import PRESETS, AuthenticitySettings
from training.data.photos.photo import Label, Photo, PhotoSet
from training.fitting.device_speed import CompileWhen
from training.fitting.fit import FitSettings, Loop, accelerator_for, shuffled
from training.fitting.memory import keep_freed_memory

_FILES = 24
"""Different photos; a larger set holds each many times."""
_WARMING = 4
"""Steps of each way that do not count."""


@dataclass(frozen=True)
class Settings:
    """What is trained; the defaults are the paper's."""

    backbone: BackboneName = "resnet50"
    """Feature extractor."""
    size: int = 448
    """Side of the network's input in pixels."""
    photos: int = 2500
    """Photos of the set; a round is one epoch."""
    width: int = 1024
    """Of a photo in pixels."""
    height: int = 768
    """Of a photo in pixels."""
    batch: int = 24
    """Photos a step."""
    augment: bool = False
    """Vary photos, as preset `small` does."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device."""
    bf16: bool = True
    """Mixed precision."""
    compile: CompileWhen = "auto"
    """When backbones are compiled."""
    rounds: int = 3
    """How often both are timed, in turn."""


def photo_set(folder: Path, settings: Settings) -> PhotoSet:
    """So many training photos of soft colours, genuine and counterfeit in turn."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(_FILES):
        coarse = Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
        paths.append(folder / f"{number}.jpg")
        coarse.resize((settings.width, settings.height), Image.Resampling.BICUBIC).save(paths[-1], quality=90)
    labels: tuple[Label, ...] = ("genuine", "counterfeit")
    photos = (
        Photo(paths[number % _FILES], "part", labels[number % 2], f"item {number}", "train")
        for number in range(settings.photos)
    )
    return PhotoSet(tuple(photos), "", "0" * 64)


def training_settings(folder: Path, settings: Settings) -> AuthenticitySettings:
    """Preset `paper` with what is asked for here."""
    fitting = FitSettings(
        out=folder / "run",
        batch=settings.batch,
        device=settings.device,
        bf16=settings.bf16,
        compile=settings.compile,
    )
    return settled(
        replace(
            PRESETS["paper"],
            data=folder,
            fit=fitting,
            preprocessing=Preprocessing(settings.size),
            backbone=settings.backbone,
            augment=settings.augment,
        )
    )


def seconds(run: Callable[[], object]) -> float:
    """Seconds of a run; it ends with a number from the device, and so with its work."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main(settings: Settings) -> None:
    """Print images a second of both ways in each round, and their ratio."""
    keep_freed_memory()
    with TemporaryDirectory() as name:
        training, photos = training_settings(Path(name), settings), photo_set(Path(name), settings)
        accelerator = accelerator_for(training.fit)
        started = time.perf_counter()
        batches = PhotoBatches(photos, training, accelerator.device)
        print(f"{len(batches)} photos read and kept in {time.perf_counter() - started:.1f} s", flush=True)
    method = method_of(training)
    network = method.build(method.stated(training.backbone, len(photos.classes), 0))
    sampler = shuffled(len(batches), training.fit.seed)
    loop = Loop(method.learner(network, class_weights(photos, training)), batches, sampler, training.fit, accelerator)
    ready, steps = next(iter(loop.loader)), len(loop.loader)
    loop.steps(repeat(ready, _WARMING), "warming")
    loop.steps(islice(loop.loader, _WARMING), "warming")

    print(
        f"{training.backbone} at {settings.size} px on {accelerator.device}, {steps} steps of {settings.batch} a round"
    )
    ratios = []
    for epoch in range(1, settings.rounds + 1):
        sampler.epoch = epoch
        bare = seconds(lambda: loop.steps(repeat(ready, steps), "ready batch"))
        whole = seconds(lambda: loop.steps(loop.loader, "training"))
        ratios.append(bare / whole)
        images = steps * settings.batch
        print(f"ready batch {images / bare:.1f}, training {images / whole:.1f} images a second: {ratios[-1]:.3f}")
    print(f"training keeps {median(ratios):.3f} of the bare step's speed (median; {min(ratios):.3f} at least)")
    if accelerator.device.type == "cuda":
        print(f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB of the device at most")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
