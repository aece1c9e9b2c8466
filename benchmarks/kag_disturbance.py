"""What the closed form of KAG saves over the paper's loop: both on the same batch and coins, in one run.

Run by hand: `python -m benchmarks.kag_disturbance`. Seconds depend on the machine and on what else it
does; the ratio of two that were timed side by side hardly does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
import tyro
from torch import Tensor

from training.data.kag import swap_patches, toss_coins


@dataclass(frozen=True)
class Settings:
    """The batch that is disturbed; the defaults are the paper's."""

    batch: int = 24
    """Pictures a batch."""
    size: int = 448
    """Side of a picture in pixels, taken to the nearest multiple of the degree."""
    degree: int = 20
    """KAG's N."""
    device: str = "cpu"
    """Where the batch lies."""
    rounds: int = 9
    """How often both are timed, in turn."""


def seconds_in_turn(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way in each round; the ways take turns, so that a busy moment hits all of them.

    A round before the first one is not counted, nor is a call before each: it finds the memory that another way left.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            way()
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
    return {name: values[1:] for name, values in seconds.items()}


def literal_loop(images: Tensor, tosses: Tensor) -> Tensor:
    """The algorithm of the KAG-MTLN paper, section 3.1, line by line; shapes as in `swap_patches`."""
    images = images.clone()
    degree = tosses.shape[1]
    height, width = images.shape[2] // degree, images.shape[3] // degree
    for image, coins in zip(images, tosses.tolist(), strict=True):
        for r in range(degree):
            row = image[:, r * height : (r + 1) * height]
            for c in range(degree - 1):
                if coins[r][c]:
                    here, right = row[..., c * width : (c + 1) * width], row[..., (c + 1) * width : (c + 2) * width]
                    temp = here.clone()
                    here.copy_(right)
                    right.copy_(temp)
    return images


def main(settings: Settings) -> None:
    """Print the seconds a batch of both ways, and their ratio."""
    side = max(settings.degree, round(settings.size / settings.degree) * settings.degree)
    device = torch.device(settings.device)
    images = torch.randint(0, 256, (settings.batch, 3, side, side), dtype=torch.uint8, device=device)
    tosses = toss_coins(settings.batch, settings.degree).to(device)
    if not torch.equal(swap_patches(images, tosses), literal_loop(images, tosses)):
        msg = "the closed form and the loop disagree: there is nothing to compare"
        raise AssertionError(msg)

    def finished(way: Callable[[Tensor, Tensor], Tensor]) -> None:
        way(images, tosses)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    seconds = seconds_in_turn(
        {"literal loop": lambda: finished(literal_loop), "closed form": lambda: finished(swap_patches)},
        settings.rounds,
    )
    print(f"{settings.batch} pictures of {side} x {side}, N = {settings.degree}, {device}, {settings.rounds} rounds")
    for name, values in seconds.items():
        print(f"{name:>14}: {1000 * min(values):8.1f} ms a batch at least, {1000 * median(values):8.1f} ms median")
    ratios = [loop / form for loop, form in zip(*seconds.values(), strict=True)]
    print(f"the loop takes {median(ratios):.1f} times as long (median of the rounds; {min(ratios):.1f} at least)")


if __name__ == "__main__":
    main(tyro.cli(Settings))
