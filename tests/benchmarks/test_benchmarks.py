"""Every benchmark runs: each once, on the least that it can be asked for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
import tyro
from accelerate.state import AcceleratorState

from benchmarks import soak

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "ui" / "examples"
SMALLEST: dict[str, tuple[str, str]] = {
    "batch": (f"--photos {EXAMPLES / 'parts'} --most 1", "1 of 1 photos"),
    "comparison": ("--model tiny_marks --weights {models} --side 64 --rounds 1", "whole comparison"),
    "engines": ("--weights {models} --batches 1 --varying 64 64 --rounds 1", "openvino"),
    "examination": ("--weights {models} --photo 132 --rounds 1", "series alba"),
    "fast_path": (
        "--backbone six_layer_cnn --size 32 --photos 8 --width 64 --height 48 --batch 2 --device cpu --rounds 1",
        "of the bare step's speed",
    ),
    "kag_disturbance": ("--batch 1 --size 40 --rounds 1", "times as long"),
    "large_pictures": ("--calls 10 --side 200", "times the memory after 10"),
    "location": ("--photo 64 --rounds 1", "photo to finds"),
    "methods": ("--only plain --backbone six_layer_cnn --size 64 --batch 2 --steps 1", '"step"'),
    "register": (
        f"--marks {EXAMPLES / 'marks'} --taken 2 --vectors 1000 --queries 1 --measured assay take-in",
        "recall",
    ),
    "registration": ("--width 320 --height 240 --size 224 --rounds 1", "four references"),
    "soak": ("--calls 1 --clients 1", "1 of 1 calls answered by 1 clients; 0 clients failed\n0 verdicts differ"),
    "training_step": ("--backbone six_layer_cnn --batch 2 --height 64 --width 64 --steps 1 --keep False", "0."),
}
"""Of each benchmark, its options and what it prints."""


@pytest.fixture
def models(tiny_models: Path, guided_models: Path, tmp_path: Path) -> Path:
    """A folder with a small model of each kind: for marks, for parts alone, and for parts beside a reference."""
    for folder in (tiny_models, guided_models):
        shutil.copytree(folder, tmp_path / "models", dirs_exist_ok=True)
    return tmp_path / "models"


@pytest.fixture(autouse=True)
def process_as_it_was(leftovers: None) -> Iterator[None]:
    """Benchmarks set threads and variables of the process that is theirs alone when they are run by hand."""
    threads, variables = (cv2.getNumThreads(), torch.get_num_threads()), dict(os.environ)
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    cv2.setNumThreads(threads[0])
    torch.set_num_threads(threads[1])
    os.environ.clear()
    os.environ.update(variables)


def test_every_benchmark_is_run_here_or_by_the_test_of_timings() -> None:
    of_timings = {"__main__", "jobs"}
    assert {path.stem for path in (ROOT / "benchmarks").glob("*.py")} == SMALLEST.keys() | of_timings


@pytest.mark.parametrize("name", SMALLEST)
def test_a_benchmark_runs(name: str, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options, said = SMALLEST[name]
    benchmark: Any = import_module(f"benchmarks.{name}")
    benchmark.main(tyro.cli(benchmark.Settings, args=options.format(models=models).split()))
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        ([[1.0, 1.0], [2.0, 4.0]], "up to 1.50 s, 95% up to 3.70 s; on average one client waited at most 3.00 times"),
        ([[2.0], []], "up to 2.00 s, 95% up to 2.00 s; on average one client waited at most 1.00 times"),
        ([], "no call was answered"),
    ],
)
def test_how_long_clients_waited(seconds: list[list[float]], told: str) -> None:
    assert told in soak.told_waiting(seconds)
