"""What registering a photo costs beside resizing it and beside a forward pass, in one run.

Run by hand: `python -m benchmarks.registration`. A lettered part is drawn and photographed turned on a rough table;
ways take turns: plain resizing, the forward pass of a network of the small preset without trained weights,
registration to one reference and to four, and the whole reference comparison: registration to four and the difference
map.
Seconds depend on the machine; ratios of ways that were timed side by side hardly do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.kag_disturbance import seconds_in_turn
from inference.networks.backbones import build_backbone
from inference.reference.difference import anomaly, difference
from inference.reference.edges import edge_strength
from inference.reference.reference import Reference
from inference.reference.registration import register_best

Pixels = NDArray[np.uint8]

NAMES = ("KESTREL", "ORVANNE", "QUIBBLE", "TAMARIND")
RESIZE = "resize"


@dataclass(frozen=True)
class Settings:
    """The photo that is registered, and how often."""

    width: int = 640
    """Width of the photo in pixels."""
    height: int = 480
    """Its height."""
    turn: float = 140.0
    """How far the part lies turned, in degrees."""
    size: int = 448
    """Long side of the references, and side of the network's input, in pixels."""
    threads: int = 1
    """Threads of OpenCV and torch."""
    rounds: int = 9
    """How often each way is timed, in turn."""


def drawn(name: str, size: int) -> Pixels:
    """A part with a seam and two lines, uint8 (0.6 size, size, 3)."""
    height = round(0.6 * size)
    part = np.full((height, size, 3), (120, 80, 50), np.uint8)
    inset = size // 30
    cv2.rectangle(part, (inset, inset), (size - inset, height - inset), (220, 190, 120), 3)
    for text, line, share in ((name, 0.5, 1 / 200), ("MADE BY HAND", 0.75, 1 / 400)):
        place = round(0.14 * size), round(line * height)
        cv2.putText(part, text, place, cv2.FONT_HERSHEY_SIMPLEX, size * share, (230, 200, 130), 3)
    return part


def photographed(part: Pixels, settings: Settings) -> Pixels:
    """A part turned on a rough table, uint8 (height, width, 3)."""
    rng = np.random.default_rng(0)
    height, width = part.shape[:2]
    zoom = 0.95 * min(settings.width, settings.height) / np.hypot(height, width)
    turned = cv2.getRotationMatrix2D((width / 2, height / 2), settings.turn, zoom)
    turned[:, 2] += (settings.width / 2 - width / 2, settings.height / 2 - height / 2)
    table = np.clip(rng.normal(140, 25, (settings.height, settings.width, 3)), 0, 255).astype(np.uint8)
    cv2.warpAffine(part, turned, (settings.width, settings.height), table, cv2.INTER_AREA, cv2.BORDER_TRANSPARENT)
    return table


def reference(name: str, size: int) -> Reference:
    """A reference of one photo, the drawing itself."""
    part = drawn(name, size)
    mean = cv2.GaussianBlur(edge_strength(part), (0, 0), 1.3)
    return Reference(name, part, mean, np.full_like(mean, 0.1), 0.2, 1, 1, 1)


def ways(settings: Settings) -> dict[str, Callable[[], Any]]:
    """What is timed, resizing first."""
    photo = photographed(drawn(NAMES[0], settings.size), settings)
    references = [reference(name, settings.size) for name in NAMES]
    backbone = build_backbone("efficientnet_lite0").eval()
    images = torch.rand(1, 3, settings.size, settings.size)

    def forward() -> Tensor:
        with torch.no_grad():
            return backbone(images)

    def reference_comparison() -> float:
        best = register_best(photo, references)[0]
        registered, covered = best.apply(photo, references[0].mean.shape)
        return anomaly(difference(registered, covered, references[0]), covered)

    if register_best(photo, references)[0].series != NAMES[0]:
        msg = "the photo was registered to the wrong reference: there is nothing to time"
        raise AssertionError(msg)
    return {
        RESIZE: lambda: cv2.resize(photo, (settings.size, settings.size), interpolation=cv2.INTER_AREA),
        "forward pass": forward,
        "one reference": lambda: register_best(photo, references[:1]),
        "four references": lambda: register_best(photo, references),
        "reference comparison": reference_comparison,
    }


def main(settings: Settings) -> None:
    """Print the median seconds of each way and its ratios to resizing and to the forward pass."""
    cv2.setNumThreads(settings.threads)
    torch.set_num_threads(settings.threads)
    seconds = seconds_in_turn(ways(settings), settings.rounds)
    print(
        f"photo of {settings.width} x {settings.height}, references {settings.size} pixels long, "
        f"{settings.threads} threads, {settings.rounds} rounds"
    )
    for name, values in seconds.items():
        resizes, passes = (
            median(value / other for value, other in zip(values, seconds[plain], strict=True))
            for plain in (RESIZE, "forward pass")
        )
        print(f"{name:>16}: {1000 * median(values):8.1f} ms, {resizes:7.1f} resizes, {passes:5.2f} forward passes")


if __name__ == "__main__":
    main(tyro.cli(Settings))
