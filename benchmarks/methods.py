"""What each method of the KAG-MTLN paper's Table 2 costs, as ratios to a plain classifier in one run.

Run by hand: `python -m benchmarks.methods`. A training step is forward, backward and update of a batch; a use is one
photo through the network that examines; memory is what the process took besides its networks, or the most that a GPU
had allocated. Each method is measured in a process of its own, and the plain one before and after all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, get_args

import torch
import tyro
from torch import nn

from benchmarks.large_pictures import megabytes
from inference.networks import build_network
from inference.networks.backbones import BackboneName
from inference.networks.classifier import PooledClassifier
from training.authenticity.methods import method_of, settled
from training.authenticity.settings import PRESETS, MethodName
from training.comparisons.method import ClassifierLearner

PLAIN = "plain"
CLASSES = 8


@dataclass(frozen=True)
class Settings:
    """The step that is timed."""

    backbone: BackboneName = "resnet50"
    """Network of all methods but Swin."""
    size: int = 224
    """Side of the photos in pixels."""
    batch: int = 8
    """Photos a step; API-Net needs two of a class."""
    steps: int = 3
    """Steps that count."""
    device: str = "cpu"
    """Device."""
    only: str | None = None
    """Measure one method, or `plain`, in this process; each in a process of its own when left out."""


def built(settings: Settings, name: str) -> tuple[nn.Module, nn.Module]:
    """The learner of a method, and the network that examines."""
    weights = torch.ones(CLASSES)
    if name == PLAIN:
        network = PooledClassifier(settings.backbone, CLASSES)
        return ClassifierLearner(network, weights), network
    asked = replace(PRESETS["small"], data=Path(), method=name, backbone=settings.backbone)
    own = settled(asked)
    method = method_of(own)
    stated = method.stated(own.backbone, CLASSES, 0)
    return method.learner(method.build(stated), weights), build_network(method.network, stated)


def measured(settings: Settings, name: str) -> dict[str, float]:
    """Seconds a step and a use, megabytes, and millions of parameters of the network that examines."""
    torch.manual_seed(0)
    device = torch.device(settings.device)
    learner, network = (one.to(device).to(memory_format=torch.channels_last) for one in built(settings, name))
    loaded = megabytes(os.getpid(), "VmRSS")
    optimiser = torch.optim.SGD(learner.parameters(), 1e-3)
    images = torch.rand(settings.batch, 3, settings.size, settings.size, device=device)
    label = torch.arange(settings.batch, device=device) // 2 % CLASSES
    batch = {"image": images, "label": label, "disturbed": torch.zeros_like(label)}

    def step() -> None:
        optimiser.zero_grad()
        learner(batch).backward()
        optimiser.step()

    def use() -> None:
        with torch.no_grad():
            own: Any = network
            own.head(own.features(images[:1]))

    learner.train()
    network.eval()
    cuda = device.type == "cuda"
    seconds = {"step": _seconds(step, settings.steps, cuda), "use": _seconds(use, 3 * settings.steps, cuda)}
    most = torch.cuda.max_memory_allocated() / 1e6 if cuda else float(megabytes(os.getpid(), "VmHWM") - loaded)
    return {**seconds, "megabytes": most, "parameters": sum(one.numel() for one in network.parameters()) / 1e6}


def _seconds(run: Callable[[], None], times: int, cuda: bool) -> float:
    """Median seconds of a run, after one that warms up."""
    found = []
    for _ in range(times + 1):
        started = time.perf_counter()
        run()
        if cuda:
            torch.cuda.synchronize()
        found.append(time.perf_counter() - started)
    return median(found[1:])


def in_own_process(settings: Settings, name: str) -> dict[str, float]:
    """What a process of its own measures."""
    stated = [f"--{key}={getattr(settings, key)}" for key in ("backbone", "size", "batch", "steps", "device")]
    command = [sys.executable, "-m", "benchmarks.methods", *stated, f"--only={name}"]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def main(settings: Settings) -> None:
    """Print a table of all methods."""
    if settings.only:
        print(json.dumps(measured(settings, settings.only)))
        return
    before = in_own_process(settings, PLAIN)
    print(f"plain {settings.backbone}: {before['step']:.2f} s a step, {1e3 * before['use']:.0f} ms a use", flush=True)
    print("| method | step | use | memory | parameters, millions |\n|---|---|---|---|---|", flush=True)
    for name in get_args(MethodName):
        one = in_own_process(settings, name)
        ratios = [f"{one[key] / before[key]:.2f}" for key in ("step", "use", "megabytes")]
        print(f"| {name} | {' | '.join(ratios)} | {one['parameters']:.1f} |", flush=True)
    after = in_own_process(settings, PLAIN)
    step, use = (after[key] / before[key] for key in ("step", "use"))
    print(f"plain again: {step:.2f} of the first step, {use:.2f} of its use")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
