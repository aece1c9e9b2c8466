"""What an examination with its heatmap costs beside a bare forward pass of the same network, in one run.

Run by hand: `python -m benchmarks.examination`. For each model in the weights folder four ways take
turns: the network alone on prepared pixels; the same with the heatmap, as an examiner makes it, on the
head; the grad-cam package as it is usually applied, on the whole network; and the whole examination,
from decoded pixels to the record, with preprocessing and scope checks. Seconds depend on the machine;
ratios of ways that were timed side by side hardly do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
import torch
import tyro
from pytorch_grad_cam import GradCAM
from torch import Tensor, nn

from benchmarks.kag_disturbance import seconds_in_turn
from inference.authenticity.examiner import AuthenticityExaminer, log_odds_genuine
from inference.grad_cam import HeadGradCam
from inference.intake.exhibit import exhibit_from_pixels
from inference.models.card import Card
from inference.models.catalogue import read_catalogue
from inference.models.weights import load_model
from inference.places import WEIGHTS_FOLDER
from inference.records import Exhibit
from inference.trademark.examiner import TrademarkExaminer, log_odds_similar

BARE = "bare forward pass"


@dataclass(frozen=True)
class Settings:
    """Which models are timed, and how."""

    weights: Path = WEIGHTS_FOLDER
    """Folder with the models."""
    photo: int = 1000
    """Side of the examined picture in pixels, before preprocessing."""
    device: str = "cpu"
    """Where the network runs."""
    rounds: int = 15
    """How often each way is timed, in turn."""


def exhibit(side: int, seed: int) -> Exhibit:
    """A picture of noise; what is in it does not change what it costs."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return exhibit_from_pixels(pixels, f"noise {seed}")


class Whole(nn.Module):
    """A network as one module, with the feature map between its halves as a layer."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.between = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Images to logits."""
        return self.network.head(self.between(self.network.features(images)))


def ways(card: Card, settings: Settings) -> dict[str, Callable[[], Any]]:
    """The four ways to run a model, the bare one first."""
    exhibits = [exhibit(settings.photo, seed) for seed in range(2 if card.task == "trademark" else 1)]
    images = torch.stack([torch.from_numpy(card.preprocessing(each.pixels).values) for each in exhibits]).to(
        settings.device
    )
    network = cast("Any", load_model(card.name, settings.weights).network.to(settings.device))
    head_cam = HeadGradCam(network.head)
    whole = Whole(network)
    stock_cam = GradCAM(model=whole, target_layers=[whole.between])

    def target(logits: Tensor) -> Tensor:
        return log_odds_similar(logits) if card.task == "trademark" else log_odds_genuine(logits, card.classes)

    def bare() -> Tensor:
        with torch.no_grad():
            return network.head(network.features(images)).cpu()

    def with_heatmap() -> Any:
        with torch.no_grad():
            feature_map = network.features(images)
        return head_cam(feature_map, target)

    def examine() -> Any:
        if isinstance(examiner, TrademarkExaminer):
            return examiner.compare(exhibits[0], exhibits[1])
        return examiner.examine(exhibits[0])

    examiner_of = TrademarkExaminer if card.task == "trademark" else AuthenticityExaminer
    examiner = examiner_of.load(card.name, settings.weights, settings.device)
    return {
        BARE: bare,
        "with the heatmap": with_heatmap,
        "stock grad-cam": lambda: stock_cam(images, [lambda logits: target(logits[None])[0]]),
        "whole examination": examine,
    }


def main(settings: Settings) -> None:
    """Print, for each model, the median seconds of each way and its ratio to the bare forward pass."""
    every = read_catalogue(settings.weights).cards.values()
    cards = [card for card in every if card.task in ("authenticity", "trademark")]
    if not cards:
        print(f"{settings.weights} holds no model that examines anything; train one, or name another --weights.")
    for card in cards:
        seconds = seconds_in_turn(ways(card, settings), settings.rounds)
        size = card.preprocessing.size
        print(
            f"{card.name}: {card.arguments['backbone']} at {size} x {size}, pictures of {settings.photo} x "
            f"{settings.photo}, {settings.device}, {settings.rounds} rounds"
        )
        for name, values in seconds.items():
            ratio = median(value / bare for value, bare in zip(values, seconds[BARE], strict=True))
            print(f"{name:>20}: {1000 * median(values):8.1f} ms, {ratio:5.2f} bare forward passes")


if __name__ == "__main__":
    main(tyro.cli(Settings))
