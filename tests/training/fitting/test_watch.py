"""A watched fit is the fit, noted: the same weights, its parts timed, and a stop between two epochs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.fitting.plane_run import SET, Plane, Points
from training.fitting.fit import EpochSampler, FitSettings, Scores, accelerator_for, fit
from training.fitting.run_folder import RunFolder
from training.fitting.watch import Fitting, OutOfTime, Watch

SAMPLES, BATCH, EPOCHS = 22, 4, 3
PAUSE = 0.3


class Remembered(Points):
    """Points that remember what was drawn."""

    def __init__(self) -> None:
        self.drawn: list[tuple[int, int]] = []

    def __getitem__(self, drawn: tuple[int, int]) -> Tensor:
        self.drawn.append(drawn)
        return super().__getitem__(drawn)


def fitted(out: Path, by: Fitting, pause: float = 0.0, **changes: Any) -> tuple[dict[str, Tensor], Remembered]:
    """The weights of a small run, or of its continuation, and its points; each validation takes `pause` seconds."""
    settings = FitSettings(out=out, batch=BATCH, epochs=EPOCHS, device="cpu", bf16=False, **changes)
    run = RunFolder(out, settings, SET, resume=settings.resume)
    torch.manual_seed(0)
    learner, points = Plane(), Remembered()
    sampler = EpochSampler(lambda drawn: torch.randperm(SAMPLES, generator=drawn).tolist(), SAMPLES, 0)

    def validate(_: nn.Module) -> Scores:
        time.sleep(pause)
        return {"score": float(sampler.epoch)}

    by(learner, points, sampler, validate, settings, run, accelerator_for(settings))
    return learner.state_dict(), points


def equal(some: dict[str, Tensor], others: dict[str, Tensor]) -> bool:
    return all(torch.equal(one, others[name]) for name, one in some.items())


def test_a_watch_changes_nothing_and_times_the_parts_of_each_epoch(tmp_path: Path) -> None:
    plain, drawn = fitted(tmp_path / "plain", fit)
    watch = Watch()
    began = time.monotonic()
    watched, seen = fitted(tmp_path / "watched", watch, PAUSE)
    whole = time.monotonic() - began
    assert equal(watched, plain)
    assert seen.drawn == drawn.drawn
    assert watch.steps == SAMPLES // BATCH
    assert [len(part) for part in (watch.trained, watch.validated, watch.kept)] == [EPOCHS, EPOCHS, EPOCHS - 1]
    assert min(watch.trained + watch.kept) > 0
    assert min(watch.validated) >= PAUSE
    assert sum(watch.trained + watch.validated + watch.kept) <= whole


def test_the_first_steps_of_each_epoch_can_stand_for_all(tmp_path: Path) -> None:
    _, whole = fitted(tmp_path / "whole", fit)
    watch = Watch(steps=2)
    _, few = fitted(tmp_path / "few", watch)
    assert watch.steps == SAMPLES // BATCH
    for epoch in range(EPOCHS):
        first = [drawn for drawn in whole.drawn if drawn[0] == epoch][: 2 * BATCH]
        assert [drawn for drawn in few.drawn if drawn[0] == epoch] == first


def test_time_that_is_out_stops_between_two_epochs_and_the_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole, _ = fitted(tmp_path / "whole", fit)
    out = tmp_path / "stopped"
    # A second epoch as long as the first would end when 2 pauses are over, and more.
    with pytest.raises(OutOfTime, match="goes on after the last one"):
        fitted(out, Watch(until=time.monotonic() + 2 * PAUSE), PAUSE)
    assert [json.loads(line)["epoch"] for line in (out / "log.jsonl").read_text().splitlines()] == [1]
    resumed, _ = fitted(out, Watch(), resume=True)
    assert equal(resumed, whole)


def test_without_any_time_no_epoch_begins(tmp_path: Path) -> None:
    with pytest.raises(OutOfTime):
        fitted(tmp_path, Watch(until=time.monotonic() - 1))
    assert not (tmp_path / "log.jsonl").exists()
