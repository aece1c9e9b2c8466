"""The training loop: what it draws, when it stops, what it leaves behind, and that it can be continued."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from inference.models.weights import load_model
from training.data.manifest import Manifest
from training.fitting.fit import BatchDataset, EpochSampler, FitSettings, Scores, accelerator_for, derive_seed, fit
from training.fitting.run_folder import RunFolder, TrainingRefused

SAMPLES = 11
BATCH = 4


class Points(Dataset[dict[str, Tensor]]):
    """Points of a plane, other ones in each epoch; remembers what was drawn."""

    def __init__(self) -> None:
        self.drawn: list[tuple[int, int]] = []

    def __getitem__(self, drawn: tuple[int, int]) -> dict[str, Tensor]:
        self.drawn.append(drawn)
        x = torch.randn(3, generator=torch.Generator().manual_seed(derive_seed(*drawn)))
        return {"x": x, "y": x.sum()}


class BatchedPoints(BatchDataset):
    """The same points, made a batch at a time."""

    def __init__(self) -> None:
        self.points = Points()
        self.process = os.getpid()

    def __getitems__(self, drawn: Sequence[tuple[int, int]]) -> dict[str, Tensor]:
        assert os.getpid() == self.process
        each = [self.points[one] for one in drawn]
        return {name: torch.stack([one[name] for one in each]) for name in ("x", "y")}


class Plane(nn.Module):
    """A learner whose network is one linear layer, with a little noise of its own in training."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        noise = 0.01 * torch.randn_like(batch["y"])
        return (self.layer(batch["x"])[:, 0] - batch["y"] + noise).square().mean()


class FailingPlane(Plane):
    """A learner that cannot finish its first step."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def forward(self, _: dict[str, Tensor]) -> Tensor:
        raise self.error


def closeness(learner: nn.Module) -> Scores:
    """A validation score that rises as the plane is found."""
    return {"score": -float((cast("Plane", learner).layer.weight.detach() - 1).square().sum())}


def fit_plane(
    out: Path,
    validate: Callable[[nn.Module], Scores] = closeness,
    learner: nn.Module | None = None,
    dataset: BatchDataset | None = None,
    **settings: Any,
) -> tuple[nn.Module, Points]:
    stated = FitSettings(out=out, batch=BATCH, device="cpu", bf16=False, **settings)
    run = RunFolder(out, stated, Manifest("", ()), resume=stated.resume)
    torch.manual_seed(stated.seed)
    learner, points = learner or Plane(), Points()
    sampler = EpochSampler(
        lambda generator: torch.randperm(SAMPLES, generator=generator).tolist(), SAMPLES, stated.seed
    )
    fit(learner, dataset or points, sampler, validate, stated, run, accelerator_for(stated))
    return learner, points


def log_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_seeds_differ_in_every_part_and_their_order() -> None:
    parts = [(seed, epoch, index) for seed, epoch, index in product(range(5), range(20), range(100))]
    seeds = {derive_seed(*part) for part in parts}
    assert len(seeds) == len(parts)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(1, 2) != derive_seed(2, 1) != derive_seed(2)
    assert derive_seed(1, 2) == derive_seed(1, 2)


def test_seed_and_epoch_decide_the_order() -> None:
    def order(seed: int, epoch: int) -> list[tuple[int, int]]:
        sampler = EpochSampler(lambda generator: torch.randperm(50, generator=generator).tolist(), 50, seed)
        sampler.epoch = epoch
        assert len(sampler) == 50
        return list(sampler)

    assert {epoch for epoch, _ in order(0, 3)} == {3}
    assert sorted(index for _, index in order(0, 3)) == list(range(50))
    assert order(0, 3) == order(0, 3)
    indices = {tuple(index for _, index in order(seed, epoch)) for seed, epoch in product(range(2), range(3))}
    assert len(indices) == 6


def test_an_epoch_draws_each_sample_at_most_once_in_whole_batches(tmp_path: Path) -> None:
    _, points = fit_plane(tmp_path, epochs=3)
    assert max(Counter(points.drawn).values()) == 1
    assert Counter(epoch for epoch, _ in points.drawn) == dict.fromkeys(range(3), SAMPLES // BATCH * BATCH)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_dataset_that_makes_whole_batches_teaches_the_same(workers: int, tmp_path: Path) -> None:
    """In the training process: no other may use its device."""
    one_by_one, _ = fit_plane(tmp_path / "one by one", epochs=3, learning_rate=0.05)
    batched = BatchedPoints()
    together, _ = fit_plane(tmp_path / "together", dataset=batched, epochs=3, learning_rate=0.05, workers=workers)
    assert len(batched.points.drawn) == 3 * (SAMPLES // BATCH * BATCH)
    for name, value in one_by_one.state_dict().items():
        assert torch.equal(value, together.state_dict()[name])


def test_it_learns_and_says_so(tmp_path: Path) -> None:
    learner, _ = fit_plane(tmp_path, epochs=30, learning_rate=0.1)
    log = log_of(tmp_path)
    assert closeness(learner)["score"] == max(line["score"] for line in log) > -0.1
    assert [line["epoch"] for line in log] == list(range(1, 31))
    assert all(line.keys() == {"epoch", "loss", "rate", "score", "seconds", "checkpoint"} for line in log)
    assert log[-1]["loss"] < log[0]["loss"] / 10


@pytest.mark.parametrize(
    ("scores", "patience", "epochs", "best"),
    [
        pytest.param([1, 2, 3, 4], 5, 4, 4, id="never worse"),
        pytest.param([3, 2, 1, 0], 0, 2, 1, id="patience 0 ends with the first epoch that is no better"),
        pytest.param([1, 2, 3, 3], 0, 4, 3, id="patience 0 goes on while it gets better"),
        pytest.param([3, 2, 1, 0], 1, 3, 1, id="patience 1 bears one epoch that is no better"),
        pytest.param([1, 0, 2, 2, 2], 1, 5, 3, id="patience starts anew with a better one; equal is no better"),
        pytest.param([3, 2, 1, 0], 9, 4, 1, id="more patience than epochs"),
    ],
)
def test_it_stops_early_and_keeps_the_best_epoch(
    scores: list[float], patience: int, epochs: int, best: int, tmp_path: Path
) -> None:
    seen: list[Tensor] = []

    def validate(learner: nn.Module) -> Scores:
        assert not learner.training
        seen.append(cast("Plane", learner).layer.weight.detach().clone())
        return {"score": scores[len(seen) - 1]}

    learner, _ = fit_plane(tmp_path, validate, epochs=len(scores), patience=patience)
    assert len(seen) == len(log_of(tmp_path)) == epochs
    assert torch.equal(cast("Plane", learner).layer.weight, seen[best - 1])


def test_a_run_that_never_has_a_score_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingRefused):
        fit_plane(tmp_path, lambda _: {"score": math.nan}, epochs=2)


@pytest.mark.parametrize(
    ("epoch", "share"), [(1, 0.97553), (5, 0.5), (10, 0.0), (15, 0.5), (20, 1.0)], ids=lambda value: f"{value:g}"
)
def test_the_papers_rate_goes_down_and_up_every_ten_epochs(epoch: int, share: float, tmp_path: Path) -> None:
    fit_plane(tmp_path, epochs=epoch, learning_rate=0.001, least_learning_rate=0.0005)
    assert log_of(tmp_path)[-1]["rate"] == pytest.approx(0.0005 + 0.0005 * share, abs=1e-9)


def test_one_cycle_rises_to_the_stated_rate_and_ends_near_nothing(tmp_path: Path) -> None:
    fit_plane(tmp_path, epochs=20, optimiser="adamw", schedule="one_cycle", learning_rate=0.01)
    # the last line states the rate of a step that is not taken
    rates = [line["rate"] for line in log_of(tmp_path)][:-1]
    top = rates.index(max(rates))
    assert rates[top] == pytest.approx(0.01, rel=0.01)
    assert all(before < after for before, after in pairwise(rates[: top + 1]))
    assert all(before > after for before, after in pairwise(rates[top:]))
    assert rates[-1] < 1e-4


def interrupting(at: int) -> Callable[[nn.Module], Scores]:
    """A validation that is interrupted when it is called for the at-th time."""
    calls = iter(range(1, at + 1))

    def validate(learner: nn.Module) -> Scores:
        if next(calls) == at:
            raise KeyboardInterrupt
        return closeness(learner)

    return validate


@pytest.mark.parametrize("epoch", [1, 2, 4], ids="interrupted in epoch {}".format)
@pytest.mark.parametrize(
    ("optimiser", "schedule"), [("sgd", "cosine_cycles"), ("adamw", "one_cycle"), ("sgd", "one_cycle")]
)
def test_a_continued_run_ends_as_one_that_was_never_interrupted(
    optimiser: str, schedule: str, epoch: int, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"epochs": 5, "optimiser": optimiser, "schedule": schedule, "learning_rate": 0.05}
    whole, _ = fit_plane(tmp_path / "whole", **how)
    with pytest.raises(KeyboardInterrupt):
        fit_plane(tmp_path / "parts", interrupting(epoch), **how)
    torch.manual_seed(99)
    parts, points = fit_plane(tmp_path / "parts", resume=True, **how)
    assert {drawn for drawn, _ in points.drawn} == set(range(epoch - 1, 5))
    assert all(torch.equal(value, parts.state_dict()[key]) for key, value in whole.state_dict().items())
    assert [line["epoch"] for line in log_of(tmp_path / "parts")] == [1, 2, 3, 4, 5]


def test_a_finished_run_continued_is_left_as_it_is(tmp_path: Path) -> None:
    whole, _ = fit_plane(tmp_path, epochs=2)
    again, points = fit_plane(tmp_path, epochs=2, resume=True)
    assert not points.drawn
    assert torch.equal(cast("Plane", whole).layer.weight, cast("Plane", again).layer.weight)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(torch.OutOfMemoryError("CUDA out of memory."), id="on a GPU"),
        pytest.param(RuntimeError("MPS backend out of memory (...)"), id="on a Mac"),
        pytest.param(RuntimeError("DefaultCPUAllocator: can't allocate memory"), id="on a CPU"),
        pytest.param(MemoryError(), id="in Python"),
    ],
)
def test_out_of_memory_is_refused_with_advice(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(TrainingRefused) as refusal:
        fit_plane(tmp_path, learner=FailingPlane(error))
    sentence = str(refusal.value)
    assert sentence.startswith(f"Memory ran out with {BATCH} samples a step; use a smaller --batch or --size")
    # a run is not continued with another batch, so advice to do so would be refused in its turn
    assert "--resume" not in sentence


def test_another_error_is_not_taken_for_want_of_memory(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        fit_plane(tmp_path, learner=FailingPlane(RuntimeError("mat1 and mat2 shapes cannot be multiplied")))


@pytest.mark.parametrize(
    ("device", "there"), [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())]
)
def test_a_device_that_is_not_there_is_refused(device: Any, there: bool, tmp_path: Path) -> None:
    if there:
        pytest.skip(f"there is a {device} device")
    with pytest.raises(TrainingRefused, match=rf"^This machine has no {device} device; use --device cpu, or auto\.$"):
        accelerator_for(FitSettings(out=tmp_path, device=device))


@pytest.fixture
def ended() -> Iterator[Callable[[subprocess.Popen[str]], tuple[str, str]]]:
    """Waits for a process and gives what it wrote; none outlives its test."""
    started = []

    def end(process: subprocess.Popen[str]) -> tuple[str, str]:
        started.append(process)
        return process.communicate(timeout=900)

    yield end
    for process in started:
        process.kill()


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    """Until a run has written a file."""
    deadline = time.monotonic() + 600
    while not (file.exists() and file.stat().st_size):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"no {file.name} in ten minutes"
        time.sleep(0.01)


def test_a_killed_run_is_continued_to_the_same_bytes(
    authenticity_run: Path,
    authenticity_arguments: tuple[object, ...],
    start_training: Callable[..., subprocess.Popen[str]],
    ended: Callable[..., tuple[str, str]],
    tmp_path: Path,
) -> None:
    out = tmp_path / "killed"
    process = start_training(*authenticity_arguments, "--out", out)
    wait_for(out / "log.jsonl", process)
    process.kill()
    ended(process)
    assert process.returncode == -signal.SIGKILL
    assert not (out / "authenticity.safetensors").exists()

    process = start_training(*authenticity_arguments, "--out", out, "--resume")
    _, errors = ended(process)
    assert process.returncode == 0, errors
    assert {line["epoch"] for line in log_of(out)} == {1, 2, 3}
    weights = [(folder / "authenticity.safetensors").read_bytes() for folder in (authenticity_run, out)]
    assert weights[0] == weights[1]


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="started where an interrupt is not passed on"
)
def test_an_interrupt_ends_a_run_in_one_line(
    authenticity_arguments: tuple[object, ...],
    start_training: Callable[..., subprocess.Popen[str]],
    ended: Callable[..., tuple[str, str]],
    tmp_path: Path,
) -> None:
    process = start_training(*authenticity_arguments, "--out", tmp_path)
    wait_for(tmp_path / "checkpoint.pt", process)
    process.send_signal(signal.SIGINT)
    _, errors = ended(process)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1].startswith("Stopped. A training run continues with --resume")
    assert "Traceback" not in errors
    checkpoint = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert checkpoint["epoch"] >= 1


def test_two_processes_make_one_run(
    authenticity_arguments: tuple[object, ...],
    start_training: Callable[..., subprocess.Popen[str]],
    ended: Callable[..., tuple[str, str]],
    tmp_path: Path,
) -> None:
    """As `accelerate launch` starts them on two GPUs; here on the CPU, over gloo."""
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    out = tmp_path / "run"
    process = start_training(*authenticity_arguments, "--epochs", 2, "--out", out, launcher=launcher)
    _, errors = ended(process)
    assert process.returncode == 0, errors
    assert [line["epoch"] for line in log_of(out)] == [1, 2]
    assert load_model("authenticity", out).card.metrics
    assert not list(out.glob(".*.partial"))
