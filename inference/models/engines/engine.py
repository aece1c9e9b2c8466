"""What an engine is asked to run, what it gives, and PyTorch as the engine that is the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from inference.records import EngineName, Refusal

Maps = tuple[Tensor, ...]
Run = Callable[[Tensor], "Tensor | Maps"]


class EngineRefused(Refusal):
    """An engine is not here, does not run on the device, or cannot run a network as PyTorch does."""


@dataclass(frozen=True)
class Pass:
    """A pass of a network that needs no graph.

    Attributes:
        name: Its name among those of the network, such as `features`.
        model: The model's name.
        weights_sha256: SHA-256 of the model's weights.
        run: Images (B, 3, H, W) to one map or several, by PyTorch; what it does depends on no value of the images.
        size: Height and width of the images in pixels; None where they vary.
    """

    name: str
    model: str
    weights_sha256: str
    run: Run = field(repr=False)
    size: tuple[int, int] | None = None


class Engine(Protocol):
    """Runs one pass. Threads may share it."""

    @property
    def name(self) -> EngineName:
        """Its name in records."""

    def features(self, images: Tensor) -> Maps:
        """Images (B, 3, H, W) to the maps of the pass, float32, without a graph."""


MakeEngine = Callable[[Pass], Engine]


class TorchEngine:
    """Runs a pass by PyTorch, on the device of its network.

    Args:
        run: See `Pass`.
    """

    name: ClassVar[EngineName] = "torch"

    def __init__(self, run: Run) -> None:
        self._run = run

    def features(self, images: Tensor) -> Maps:
        """See `Engine`."""
        with torch.no_grad():
            maps = self._run(images)
        return (maps,) if isinstance(maps, Tensor) else maps


def by_torch(one: Pass) -> Engine:
    """The engine that is the reference."""
    return TorchEngine(one.run)
