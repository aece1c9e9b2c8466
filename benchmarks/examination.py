"""What an examination with its heatmap costs beside a bare forward pass of the same network, in one run.

Run by hand: `python -m benchmarks.examination`. For each model in the weights folder these ways take
turns: the network alone on prepared pixels; the same with the heatmap, as an examiner makes it, on the
head; the grad-cam package as it is usually applied, on the whole network; and the whole examination,
from decoded pixels to the record, with preprocessing and scope checks, of a part with the series left
open and stated. A part that is laid beside a reference is that reference's own picture, since one that
fits nothing is searched longer. Seconds depend on the machine; ratios of ways that were timed side by
side hardly do.
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
from PIL import Image
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
from inference.reference.reference import Reference
from inference.request import Request
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


def genuine(reference: Reference, side: int) -> Exhibit:
    """The picture of a reference at a long side of so many pixels."""
    picture = Image.fromarray(reference.picture)
    ratio = side / max(picture.size)
    enlarged = picture.resize((round(picture.width * ratio), round(picture.height * ratio)), Image.Resampling.BICUBIC)
    return exhibit_from_pixels(np.asarray(enlarged), f"genuine {reference.series}")


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
    """The ways to run a model, the bare one first."""
    model = load_model(card.name, settings.weights)
    examiner: AuthenticityExaminer | TrademarkExaminer
    if card.task == "trademark":
        examiner = TrademarkExaminer(model, settings.device)
        marks = exhibit(settings.photo, 0), exhibit(settings.photo, 1)
        seen = [examiner.view(mark).image for mark in marks]
        whole = {"whole comparison": lambda: examiner.compare(*marks)}
    else:
        examiner = AuthenticityExaminer(model, settings.device)
        photo = genuine(model.references[0], settings.photo) if model.references else exhibit(settings.photo, 0)
        seen = [examiner.view(Request(photo)).tensor]
        whole = {
            f"series {series or 'open'}": lambda series=series: examiner.examine(photo, series)
            for series in (None, card.series[0])
        }
    images = torch.stack(seen).to(settings.device)
    # One of its own, since an examiner freezes the one that it holds, and stock grad-cam needs all gradients.
    network = cast("Any", load_model(card.name, settings.weights).network.to(settings.device))
    head_cam = HeadGradCam(network.head)
    in_one = Whole(network)
    stock_cam = GradCAM(model=in_one, target_layers=[in_one.between])

    def target(logits: Tensor) -> Tensor:
        return log_odds_similar(logits) if card.task == "trademark" else log_odds_genuine(logits, card.classes)

    def bare() -> Tensor:
        with torch.no_grad():
            return network.head(network.features(images)).cpu()

    def with_heatmap() -> Any:
        with torch.no_grad():
            feature_map = network.features(images)
        return head_cam(feature_map, target)

    return {
        BARE: bare,
        "with the heatmap": with_heatmap,
        "stock grad-cam": lambda: stock_cam(images, [lambda logits: target(logits[None])[0]]),
        **whole,
    }


def main(settings: Settings) -> None:
    """Print, for each model, the median seconds of each way and its ratio to the bare forward pass."""
    every = read_catalogue(settings.weights).cards.values()
    cards = [card for card in every if card.task in ("authenticity", "trademark")]
    if not cards:
        print(f"{settings.weights} holds no model that examines anything; train one, or name another --weights.")
    for card in cards:
        seconds = seconds_in_turn(ways(card, settings), settings.rounds)
        print(
            f"{card.name}: {card.arguments['backbone']}, pictures of {settings.photo} x "
            f"{settings.photo}, {settings.device}, {settings.rounds} rounds"
        )
        for name, values in seconds.items():
            ratio = median(value / bare for value, bare in zip(values, seconds[BARE], strict=True))
            print(f"{name:>20}: {1000 * median(values):8.1f} ms, {ratio:5.2f} bare forward passes")


if __name__ == "__main__":
    main(tyro.cli(Settings))
