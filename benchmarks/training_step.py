"""What keeping freed memory saves in training on a processor: the same steps in two processes, in turn, in one run.

Run by hand: `python -m benchmarks.training_step`. An allocator's settings hold for a whole process, so that each round
starts a process a way; steps before the first counted ones warm it up.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import median

import torch
import tyro
from torch import nn

from inference.networks.backbones import BackboneName
from inference.networks.kag_mtln import KagMtln
from training.fitting.memory import keep_freed_memory


@dataclass(frozen=True)
class Settings:
    """The step that is timed; the defaults are those of the shipped models of parts."""

    backbone: BackboneName = "efficientnet_lite0"
    """Feature extractor."""
    batch: int = 16
    """Pictures a step."""
    height: int = 352
    """Of a picture in pixels."""
    width: int = 448
    """Of a picture in pixels."""
    steps: int = 4
    """Steps that count, in each process."""
    rounds: int = 3
    """How often both are timed, in turn."""
    keep: bool | None = None
    """Time one way in this process and print its seconds a step; both ways in processes of their own when left out."""


def seconds_a_step(settings: Settings) -> float:
    """Median seconds of a step of forward, backward and update."""
    network = KagMtln(settings.backbone, classes=8, hidden=128).to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters())
    images = torch.randn(settings.batch, 3, settings.height, settings.width)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(settings.batch, dtype=torch.long)
    seconds = []
    for _ in range(settings.steps + 2):
        started = time.perf_counter()
        loss = nn.functional.cross_entropy(network(images).main, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad()
        seconds.append(time.perf_counter() - started)
    return median(seconds[2:])


def in_own_process(settings: Settings, *, keep: bool) -> float:
    """The same, measured by a process of its own."""
    stated = [f"--{name}={getattr(settings, name)}" for name in ("backbone", "batch", "height", "width", "steps")]
    way = "--keep=True" if keep else "--keep=False"
    command = [sys.executable, "-m", "benchmarks.training_step", *stated, way]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(settings: Settings) -> None:
    """Print the seconds a step of both ways, and their ratio."""
    if settings.keep is not None:
        if settings.keep and not keep_freed_memory():
            sys.exit("This system's allocator is left as it is: there is nothing to compare.")
        print(seconds_a_step(settings))
        return
    found = [tuple(in_own_process(settings, keep=keep) for keep in (False, True)) for _ in range(settings.rounds)]
    given, kept = (median(seconds) for seconds in zip(*found, strict=True))
    least = min(before / after for before, after in found)
    print(f"given back {given:.2f} s a step, kept {kept:.2f} s: {given / kept:.2f} times, at least {least:.2f}")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
