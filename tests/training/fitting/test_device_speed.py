"""What makes a device fast: it changes neither names nor, but for rounding, results, and ends with the training."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from inference.networks.classifier import PooledClassifier
from training.comparisons.method import ClassifierLearner
from training.data.manifest import Manifest
from training.fitting.device_speed import CompiledBackbones, CompileWhen, compiles, room_on, sent, tuned_arithmetic
from training.fitting.fit import FitSettings, Scores, accelerator_for, derive_seed, fit, shuffled
from training.fitting.run_folder import RunFolder

CPU = torch.device("cpu")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
needs_compiler = pytest.mark.skipif(not shutil.which("g++"), reason="there is no C++ compiler")


class Noise(Dataset[dict[str, Tensor]]):
    """Noise of two classes, one brighter than the other."""

    def __getitem__(self, drawn: tuple[int, int]) -> dict[str, Tensor]:
        image = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(derive_seed(*drawn)))
        return {"image": image + drawn[1] % 2, "label": torch.tensor(drawn[1] % 2)}


def learner() -> ClassifierLearner:
    torch.manual_seed(0)
    return ClassifierLearner(PooledClassifier("six_layer_cnn", 2), torch.ones(2))


def is_compiled(one: nn.Module) -> bool:
    return "forward" in vars(cast("ClassifierLearner", one).network.backbone)


def fitted(out: Path, when: CompileWhen, **changes: Any) -> tuple[nn.Module, list[bool]]:
    """A learner after two epochs, and whether its backbone was compiled in each validation."""
    settings = FitSettings(out=out, epochs=2, batch=4, compile=when, device="cpu", bf16=False, **changes)
    run = RunFolder(out, settings, Manifest("", ()), resume=settings.resume)
    one, told = learner(), []

    def validate(validated: nn.Module) -> Scores:
        told.append(is_compiled(validated))
        return {"score": float(len(told))}

    fit(one, Noise(), shuffled(8, 0), validate, settings, run, accelerator_for(settings))
    return one, told


@pytest.mark.parametrize(
    ("when", "device", "expected"),
    [
        ("auto", "cpu", False),
        ("auto", "mps", False),
        ("auto", "cuda", True),
        ("always", "cpu", True),
        ("never", "cuda", False),
    ],
)
def test_cuda_compiles_unless_told_otherwise(when: CompileWhen, device: str, expected: bool) -> None:
    assert compiles(when, torch.device(device)) == expected


@needs_compiler
def test_a_compiled_training_ends_in_the_same_weights_but_for_rounding(tmp_path: Path) -> None:
    torch._dynamo.utils.counters.clear()
    plain, _ = fitted(tmp_path / "plain", "never")
    assert not torch._dynamo.utils.counters["stats"]["unique_graphs"]
    compiled, in_validation = fitted(tmp_path / "compiled", "always")
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    assert in_validation == [False, False]
    assert not is_compiled(compiled)
    assert compiled.state_dict().keys() == plain.state_dict().keys()
    started = learner().state_dict()
    for name, value in plain.state_dict().items():
        assert torch.allclose(value, compiled.state_dict()[name], atol=1e-4), name
    assert not torch.equal(started["network.classifier.weight"], plain.state_dict()["network.classifier.weight"])


@needs_compiler
def test_a_run_is_continued_compiled_or_not(tmp_path: Path) -> None:
    fitted(tmp_path, "never")
    fitted(tmp_path, "always", resume=True)


def test_backbones_are_as_they_were_when_a_step_fails() -> None:
    one = learner()
    compiled = CompiledBackbones(one, "always", CPU)

    def interrupted() -> None:
        with compiled.in_use():
            assert is_compiled(one)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not is_compiled(one)


@pytest.mark.parametrize("device", [CPU, pytest.param(torch.device("cuda"), marks=needs_cuda)], ids=str)
def test_arithmetic_is_as_it_was_after_a_training(device: torch.device) -> None:
    def stated() -> tuple[bool, str]:
        return torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision()

    before = stated()
    with tuned_arithmetic(device):
        assert stated() == (before if device == CPU else (True, "high"))
    assert stated() == before


@needs_cuda
def test_a_tensor_is_sent_without_waiting() -> None:
    cuda, values = torch.device("cuda"), torch.arange(1000.0)
    torch.cuda.synchronize()
    assert torch.equal(sent(values, cuda).cpu(), values)
    assert room_on(cuda) > 0


def test_a_processor_needs_nothing_sent_and_has_no_memory_of_its_own() -> None:
    values = torch.arange(3)
    assert sent(values, CPU) is values
    assert room_on(CPU) == 0
