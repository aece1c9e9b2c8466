"""What OpenVINO saves over PyTorch on a processor: every pass of the shipped models by both, in turn, in one run.

Run by hand: `python -m benchmarks.engines`. Seconds depend on the machine and on what else it does; the ratio of two
ways that take turns hardly does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import torch
import tyro

from benchmarks.examination import exhibit
from benchmarks.kag_disturbance import seconds_in_turn
from inference.authenticity.examiner import AuthenticityExaminer
from inference.collections.examiner import CollectionExaminer
from inference.locator.examiner import Locator
from inference.models.catalogue import WEIGHTS_FOLDER, read_catalogue
from inference.models.engines.engine import Engine, Pass, by_torch
from inference.models.engines.openvino_engine import OpenVinoEngine
from inference.trademark.examiner import TrademarkExaminer


@dataclass(frozen=True)
class Settings:
    """Which models are timed, and how."""

    weights: Path = WEIGHTS_FOLDER
    """Folder with the models."""
    batches: tuple[int, ...] = (1, 2, 16)
    """Numbers of images that are seen at once."""
    varying: tuple[int, int] = (320, 448)
    """Height and width of the images in pixels, where a pass takes any."""
    rounds: int = 9
    """How often each engine is timed, in turn."""


def passes_of(weights: Path) -> list[Pass]:
    """The passes that the models of a folder ask for when they examine."""
    asked: list[Pass] = []

    def noting(one: Pass) -> Engine:
        asked.append(one)
        return by_torch(one)

    catalogue = read_catalogue(weights)
    for name in catalogue.names("authenticity"):
        AuthenticityExaminer.load(name, weights, make_engine=noting).examine(exhibit(400, 0))
    for name in catalogue.names("trademark"):
        TrademarkExaminer.load(name, weights, make_engine=noting).compare(exhibit(400, 0), exhibit(400, 1))
    for name in catalogue.names("comparator"):
        CollectionExaminer.load(name, weights, make_engine=noting)
    for name in catalogue.names("locator"):
        Locator.load(name, weights, make_engine=noting)
    return asked


def main(settings: Settings) -> None:
    """Print, for each pass and number of images, the median milliseconds of both engines, and their ratio."""
    print(f"{torch.get_num_threads()} threads, {settings.rounds} rounds")
    for one in passes_of(settings.weights):
        height, width = one.size or settings.varying
        engines: list[Engine] = [by_torch(one), OpenVinoEngine(one)]
        for batch in settings.batches:
            images = torch.randn(batch, 3, height, width)
            ways = {engine.name: partial(engine.features, images) for engine in engines}
            seconds = seconds_in_turn(ways, settings.rounds)
            ratios = [slow / fast for slow, fast in zip(seconds["torch"], seconds["openvino"], strict=True)]
            each = ", ".join(f"{name} {1000 * median(values):8.1f} ms" for name, values in seconds.items())
            print(f"{one.model} {one.name}, {batch:>2} of {height} x {width}: {each}, {median(ratios):5.2f} times")


if __name__ == "__main__":
    main(tyro.cli(Settings))
