"""What finding the parts on a photo costs beside a bare pass of the backbone, in one run.

Run by hand: `python -m benchmarks.location`. Three ways take turns: the locator's backbone alone on a prepared photo;
its network, with pyramid, head and boxes; and the whole path from decoded pixels to finds. Seconds depend on the
machine; ratios of ways that were timed side by side hardly do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, cast

import torch
import tyro

from benchmarks.examination import exhibit
from benchmarks.kag_disturbance import seconds_in_turn
from inference.locator.examiner import Locator
from inference.models.weights import load_model
from inference.places import WEIGHTS_FOLDER

BARE = "backbone"


@dataclass(frozen=True)
class Settings:
    """Which locator is timed, and how."""

    model: str = "locator"
    """Name of the locator."""
    weights: Path = WEIGHTS_FOLDER
    """Folder with the models."""
    photo: int = 1280
    """Side of the photo in pixels, before preprocessing."""
    device: str = "cpu"
    """Where the network runs."""
    rounds: int = 15
    """How often each way is timed, in turn."""


def without_graph(network: Any, images: Any) -> Any:
    """A network's output, with no graph for gradients."""
    with torch.no_grad():
        return network(images)


def ways(settings: Settings) -> dict[str, Callable[[], Any]]:
    """The three ways, the backbone first."""
    locator = Locator.load(settings.model, settings.weights, settings.device)
    photo, preprocessing = exhibit(settings.photo, 0), locator.card.preprocessing
    image = torch.from_numpy(preprocessing.normalised(preprocessing.tone_and_scale(photo.pixels))).to(settings.device)
    network = cast("Any", load_model(settings.model, settings.weights).network.to(settings.device))

    return {
        BARE: lambda: without_graph(network.backbone, image[None]),
        "network": lambda: without_graph(network, [image]),
        "photo to finds": lambda: locator.locate(photo),
    }


def main(settings: Settings) -> None:
    """Print the median seconds of each way and its ratio to the backbone alone."""
    seconds = seconds_in_turn(ways(settings), settings.rounds)
    print(
        f"{settings.model}: photo of {settings.photo} x {settings.photo}, {settings.device}, {settings.rounds} rounds"
    )
    for name, values in seconds.items():
        ratio = median(value / bare for value, bare in zip(values, seconds[BARE], strict=True))
        least = 1000 * min(values)
        print(
            f"{name:>16}: {1000 * median(values):8.1f} ms, {least:8.1f} at least, {ratio:5.2f} passes of the backbone"
        )


if __name__ == "__main__":
    main(tyro.cli(Settings))
