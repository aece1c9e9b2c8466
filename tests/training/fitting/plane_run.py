"""A tiny training run, and a process that lets it live and die over and over.

`python -m tests.training.fitting.plane_run`: each line that it reads asks for a run in a fork of its own, and is
answered by a line that says how that ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from inference import files
from inference.models.card import Card
from inference.preprocessing import Preprocessing
from training.data.manifest import Entry, Manifest
from training.fitting import run_folder as runs
from training.fitting.fit import EpochSampler, FitSettings, Scores, accelerator_for, derive_seed, fit
from training.fitting.run_folder import RunFolder, TrainingRefused

SET = Manifest("0" * 64, (Entry("1.jpg", "a" * 64, "genuine"),))
EPOCHS = 2
SAMPLES = 8
NOBODY = 65534

WATCHED = {runs.__file__, files.__file__}
"""The code that writes a run folder."""
UNWATCHED = {"plain", "_flat", "require_setting", "require_name"}
"""What of it has no part in writing."""


class Points(Dataset[Tensor]):
    """Points of a plane, other ones in each epoch."""

    def __getitem__(self, drawn: tuple[int, int]) -> Tensor:
        return torch.randn(3, generator=torch.Generator().manual_seed(derive_seed(*drawn)))


class Plane(nn.Module):
    """A learner that is one linear layer and normalises its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 1))

    def forward(self, batch: Tensor) -> Tensor:
        return (self.layers(batch)[:, 0] - batch.sum(1) + 0.01 * torch.randn(len(batch))).square().mean()


def train(out: Path) -> None:
    """Start a run, or go on with the one that is there, to the model's two files, as every trainer does."""
    resume = (out / "settings.json").exists()
    settings = FitSettings(out=out, batch=4, epochs=EPOCHS, device="cpu", bf16=False, learning_rate=0.05, resume=resume)
    run = RunFolder(out, settings, SET, resume=resume)
    torch.manual_seed(settings.seed)
    learner = Plane()
    sampler = EpochSampler(lambda drawn: torch.randperm(SAMPLES, generator=drawn).tolist(), SAMPLES, settings.seed)

    def validate(_: nn.Module) -> Scores:
        # The first epoch is the best one: its weights must outlive the second.
        return {"score": -float(sampler.epoch)}

    fit(learner, Points(), sampler, validate, settings, run, accelerator_for(settings))
    run.write_model(plane_card(), learner.state_dict())


def plane_card() -> Card:
    return Card(
        name="plane",
        title="Plane",
        task="pretrained",
        network="backbone",
        arguments={"name": "six_layer_cnn"},
        classes=(),
        preprocessing=Preprocessing(size=40),
        band=None,
        heatmap_full_scale=None,
        split_rule="none",
        data="points",
        data_sha256=SET.sha256,
        seed=0,
        settings={},
        metrics={},
        confusion=None,
        histogram=None,
        licence="Apache-2.0",
        source="made by a test",
        intended_use="tests",
        limits=(),
        made="2025-01-01",
        weights_sha256="",
    )


def refusal(out: Path) -> str | None:
    """What a training says that cannot be done; None where it can."""
    try:
        train(out)
    except TrainingRefused as refused:
        return str(refused)
    return None


@dataclass(frozen=True)
class Life:
    """One run of a training process."""

    out: str
    """Its run folder."""
    killed_at: int = 0
    """It dies just before so many lines of the code that writes run folders are run; 0 lets it live."""
    as_nobody: bool = False
    """Whether it goes without the rights of root, for whom no folder is read-only."""

    def live(self) -> str | None:
        """Train, or die; gives what is refused."""
        if self.as_nobody and os.geteuid() == 0:
            os.setuid(NOBODY)
        left = self.killed_at

        def on_line(_: FrameType, event: str, __: object) -> Any:
            nonlocal left
            left -= event == "line"
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            return on_line

        if self.killed_at:
            sys.settrace(lambda frame, *_: on_line if _writes(frame.f_code) else None)
        return refusal(Path(self.out))


def _writes(code: CodeType) -> bool:
    return code.co_filename in WATCHED and not code.co_name.startswith("<") and code.co_name not in UNWATCHED


def main() -> None:
    torch.set_num_threads(1)
    for line in sys.stdin:
        life = Life(**json.loads(line))
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.write(writing, json.dumps(life.live()).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as told:
            said = told.read()
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps([ended, json.loads(said) if said else None]), flush=True)


if __name__ == "__main__":
    main()
