"""What lets a device train at its own speed: compiled backbones, tuned arithmetic, transfers that nothing waits for.

All of it holds while a network is trained and no longer, so that a finished network is judged as it will be used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from inference.networks.backbones import Backbone

CompileWhen = Literal["auto", "always", "never"]


def compiles(when: CompileWhen, device: torch.device) -> bool:
    """Whether what runs on a device is compiled; `auto` compiles on CUDA, where the wait for it pays."""
    return when == "always" or (when == "auto" and device.type == "cuda")


class CompiledBackbones:
    """The backbones of a learner, compiled while they are `in_use`; its parameters keep their names.

    Backbones are nearly all of a step and take batches of one size. The rest of a learner may do what a compiler
    cannot follow, or only for each batch anew.

    Args:
        learner: The learner.
        when: When to compile.
        device: Where it is trained.
    """

    def __init__(self, learner: nn.Module, when: CompileWhen, device: torch.device) -> None:
        chosen = [one for one in learner.modules() if isinstance(one, Backbone)] if compiles(when, device) else []
        self._forwards = [(one, torch.compile(one.forward)) for one in chosen]

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Backbones are compiled here, and as they were afterwards: batches of validation come in several sizes."""
        for backbone, forward in self._forwards:
            setattr(backbone, "forward", forward)  # noqa: B010 - mypy takes methods for constants
        try:
            yield
        finally:
            for backbone, _ in self._forwards:
                del backbone.forward


@contextmanager
def tuned_arithmetic(device: torch.device) -> Iterator[None]:
    """On CUDA the fastest convolutions for each shape, and matrix products in TF32; as it was afterwards.

    Which convolutions are fastest is measured, so that two runs may differ by rounding.
    """
    if device.type != "cuda":
        yield
        return
    before = torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision()
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before[0]
        torch.set_float32_matmul_precision(before[1])


def room_on(device: torch.device) -> int:
    """Free bytes of a device with memory of its own; 0 where it is the processor's."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device; neither this process nor the device's work waits for the transfer."""
    if device.type != "cuda" or tensor.is_cuda:
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
