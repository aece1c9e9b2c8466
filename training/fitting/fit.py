"""The training loop of all networks: read it top to bottom.

All randomness in an epoch follows from the seed and the epoch's number, so that a run continued from a
checkpoint ends in the same weights as one that was never interrupted.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR
from torch.utils.data import DataLoader, Dataset, Sampler
from tqdm import tqdm

from training.fitting.device_speed import CompiledBackbones, CompileWhen, tuned_arithmetic
from training.fitting.run_folder import RunFolder, TrainingRefused, require_setting

logger = logging.getLogger(__name__)

Scores = dict[str, float]


class Diverged(TrainingRefused):
    """A training in which no epoch gave a finite validation score."""


@dataclass(frozen=True)
class FitSettings:
    """How a network is fitted."""

    out: Path
    """Run folder: settings, log, checkpoints, metrics, weights and card."""
    epochs: int = 200
    """Passes over the training data."""
    batch: int = 24
    """Samples for each step and device."""
    optimiser: Literal["sgd", "adamw"] = "sgd"
    """SGD with momentum .9, or AdamW."""
    learning_rate: float = 0.001
    """Initial (sgd) or highest (adamw) learning rate."""
    least_learning_rate: float = 0.0005
    """Lowest rate of the cosine cycles."""
    weight_decay: float = 0.001
    """Weight decay."""
    schedule: Literal["cosine_cycles", "one_cycle"] = "cosine_cycles"
    """Schedule of the learning rate: the paper's cosine, down and up every ten epochs, or one cycle over the run."""
    patience: int = 30
    """Epochs in a row without a better validation score before the run stops early."""
    seed: int = 0
    """Seed of the split, the initial weights and every epoch."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device; auto takes the first accelerator that is available."""
    bf16: bool = True
    """Mixed precision in bfloat16, on devices that support it."""
    compile: CompileWhen = "auto"
    """When backbones are compiled before they are trained, which takes a minute or more; auto compiles on CUDA."""
    workers: int = 0
    """Processes that prepare images; 0 prepares them in the training process. Photos alone need none: whole batches
    of them are made on the device."""
    resume: bool = False
    """Continue the run in `out` from its last checkpoint."""

    def __post_init__(self) -> None:
        require_setting(self.epochs >= 1, f"--epochs is at least 1, not {self.epochs}.")
        require_setting(self.batch >= 2, f"--batch is at least 2 for batch normalisation, not {self.batch}.")
        require_setting(self.patience >= 0, f"--patience is at least 0, not {self.patience}.")
        require_setting(self.learning_rate > 0, f"--learning-rate is above 0, not {self.learning_rate}.")
        require_setting(self.workers >= 0, f"--workers is at least 0, not {self.workers}.")


def finished_once(fitting: FitSettings, out: Path, seed: int, **changed: Any) -> FitSettings:
    """The settings of one run of a study, to its last epoch: where it was interrupted it is continued."""
    resume = (out / "settings.json").exists()
    return replace(fitting, out=out, seed=seed, patience=10_000, resume=resume, **changed)


class EpochSampler(Sampler[tuple[int, int]]):
    """Yields (epoch, index) for the `length` indices of an epoch, in an order that seed and epoch decide.

    The epoch travels with the index, so that a dataset can derive a sample's randomness from both,
    in whatever process it runs.
    """

    def __init__(self, draw: Callable[[torch.Generator], Sequence[int]], length: int, seed: int) -> None:
        self._draw = draw
        self._length = length
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        generator = torch.Generator().manual_seed(derive_seed(self._seed, self.epoch))
        return ((self.epoch, index) for index in self._draw(generator))


class BatchDataset(Dataset[Any], ABC):
    """A dataset that makes whole batches itself, in the training process and on the device."""

    @abstractmethod
    def __getitems__(self, drawn: Sequence[tuple[int, int]]) -> dict[str, Tensor]:
        """The batch of these (epoch, index)."""


def shuffled(length: int, seed: int) -> EpochSampler:
    """Epochs that draw each of so many samples once."""
    return EpochSampler(lambda generator: torch.randperm(length, generator=generator).tolist(), length, seed)


def derive_seed(*parts: int) -> int:
    """A 63-bit seed that depends on every part and on their order."""
    seed = 0
    for part in parts:
        seed = (seed * 6364136223846793005 + part + 1442695040888963407) % 2**63
    return seed


def accelerator_for(settings: FitSettings) -> Accelerator:
    """Accelerate on the chosen device.

    Raises:
        TrainingRefused: if there is no such device.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(settings.device, True):
        msg = f"This machine has no {settings.device} device; use --device cpu, or auto."
        raise TrainingRefused(msg)
    accelerator = Accelerator(
        cpu=settings.device == "cpu",
        mixed_precision="bf16" if settings.bf16 else "no",
        step_scheduler_with_optimizer=False,
    )
    logger.info("training on %s, mixed precision %s", accelerator.device, accelerator.mixed_precision)
    return accelerator


def fit(
    learner: nn.Module,
    dataset: Dataset[Any],
    sampler: EpochSampler,
    validate: Callable[[nn.Module], Scores],
    settings: FitSettings,
    run: RunFolder,
    accelerator: Accelerator,
) -> None:
    """Train a learner; afterwards the run folder holds the weights of its best epoch.

    Args:
        learner: Module whose forward takes a batch of the dataset and returns its loss.
        dataset: Indexed by (epoch, index), or a `BatchDataset`.
        sampler: The order of the dataset.
        validate: Gives the figures of the learner in evaluation mode; `score` is maximised.
        settings: The settings.
        run: The run folder.
        accelerator: The device.

    Raises:
        Diverged: if no epoch gave a finite validation score.
        TrainingRefused: if memory runs out.
    """
    loop = Loop(learner, dataset, sampler, settings, accelerator)
    epoch, best, best_epoch = 0, -float("inf"), 0
    best_learner: dict[str, Tensor] = {}

    checkpoint = run.load_checkpoint()
    if checkpoint:
        learner.load_state_dict(checkpoint["learner"])
        loop.optimiser.load_state_dict(checkpoint["optimiser"])
        loop.schedule.load_state_dict(checkpoint["schedule"])
        epoch, best, best_epoch = checkpoint["epoch"], checkpoint["best"], checkpoint["best_epoch"]
        best_learner = checkpoint["best_learner"]
        logger.info("continuing after epoch %d", epoch)

    while epoch < settings.epochs and epoch - best_epoch <= settings.patience:
        started = time.monotonic()
        sampler.epoch = epoch
        torch.manual_seed(derive_seed(settings.seed, epoch))
        loss = loop.steps(loop.loader, f"epoch {epoch + 1}/{settings.epochs}")

        scores = _validate_on_main(learner, validate, accelerator)
        epoch += 1
        if scores["score"] > best:
            best, best_epoch = scores["score"], epoch
            best_learner = {name: value.detach().to("cpu", copy=True) for name, value in learner.state_dict().items()}
        if accelerator.is_main_process:
            run.save_checkpoint(
                {
                    "learner": learner.state_dict(),
                    "optimiser": loop.optimiser.state_dict(),
                    "schedule": loop.schedule.state_dict(),
                    "epoch": epoch,
                    "best": best,
                    "best_epoch": best_epoch,
                    "best_learner": best_learner,
                },
                {
                    "epoch": epoch,
                    "loss": loss,
                    "rate": loop.schedule.get_last_lr()[0],
                    **scores,
                    "seconds": round(time.monotonic() - started, 1),
                },
            )
            figures = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
            logger.info(
                "epoch %d: loss %.4f, validation %s%s",
                epoch,
                loss,
                figures,
                " (best)" if best_epoch == epoch else "",
            )
    if epoch < settings.epochs:
        logger.info("stopped early: no better validation score in %d epochs", settings.patience)
    if best_epoch == 0:
        msg = (
            "No epoch gave a validation score that is a number: the training diverged; start again into another "
            "--out with a smaller --learning-rate."
        )
        raise Diverged(msg)
    accelerator.wait_for_everyone()
    learner.load_state_dict(run.load_best())


class Loop:
    """What takes the steps of a training, on its device.

    Args are those of `fit`.

    Attributes:
        loader: The batches of an epoch, or this process's share of them.
        optimiser: The optimiser.
        schedule: The schedule of learning rates.
    """

    def __init__(
        self,
        learner: nn.Module,
        dataset: Dataset[Any],
        sampler: EpochSampler,
        settings: FitSettings,
        accelerator: Accelerator,
    ) -> None:
        learner.to(memory_format=torch.channels_last)
        optimiser, loader = _optimiser(learner, settings), _loader(dataset, sampler, settings)
        self._wrapped, self.optimiser, self.loader = accelerator.prepare(learner, optimiser, loader)
        self.schedule = _schedule(self.optimiser, settings, len(self.loader))
        self._compiled = CompiledBackbones(learner, settings.compile, accelerator.device)
        self._accelerator = accelerator
        self._batch = settings.batch

    def steps(self, batches: Iterable[Any], title: str) -> float:
        """One step a batch; the mean of their losses.

        The loop asks for no value before its last step, so that a device never waits for this process.

        Raises:
            TrainingRefused: if memory runs out.
        """
        self._wrapped.train()
        accelerator, losses = self._accelerator, []
        bar = tqdm(batches, title, unit="step", leave=False, disable=not accelerator.is_main_process)
        try:
            with tuned_arithmetic(accelerator.device), self._compiled.in_use():
                for batch in bar:
                    with accelerator.autocast():
                        loss = self._wrapped(batch)
                    accelerator.backward(loss)
                    accelerator.clip_grad_norm_(self._wrapped.parameters(), 5.0)
                    self.optimiser.step()
                    self.optimiser.zero_grad()
                    self.schedule.step()
                    losses.append(loss.detach())
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            msg = (
                f"Memory ran out with {self._batch} samples a step; use a smaller --batch or --size, or the small "
                f"preset, and start again into another --out."
            )
            raise TrainingRefused(msg) from error
        return float(torch.stack(losses).mean())


def _loader(dataset: Dataset[Any], sampler: EpochSampler, settings: FitSettings) -> DataLoader[Any]:
    whole = isinstance(dataset, BatchDataset)
    return DataLoader(
        dataset,
        settings.batch,
        sampler=sampler,
        num_workers=0 if whole else settings.workers,
        collate_fn=_as_made if whole else None,
        drop_last=len(sampler) > settings.batch,
    )


def _as_made(batch: Any) -> Any:
    return batch


def _is_out_of_memory(error: Exception) -> bool:
    words = ("out of memory", "not enough memory", "can't allocate memory")
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(word in str(error) for word in words)


def _validate_on_main(learner: nn.Module, validate: Callable[[nn.Module], Scores], accelerator: Accelerator) -> Scores:
    """Validation figures, computed by one process and shared with all."""
    scores: list[Scores] = [{}]
    if accelerator.is_main_process:
        learner.eval()
        with accelerator.autocast():
            scores = [validate(learner)]
    return broadcast_object_list(scores)[0]


def _optimiser(learner: nn.Module, settings: FitSettings) -> torch.optim.Optimizer:
    if settings.optimiser == "sgd":
        return torch.optim.SGD(
            learner.parameters(), settings.learning_rate, momentum=0.9, weight_decay=settings.weight_decay
        )
    return torch.optim.AdamW(learner.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)


def _schedule(optimiser: Any, settings: FitSettings, steps: int) -> LRScheduler:
    """The schedule of learning rates, stepped every batch. Source of the cycles: KAG-MTLN paper, section 4.1."""
    inner = getattr(optimiser, "optimizer", optimiser)
    if settings.schedule == "cosine_cycles":
        return CosineAnnealingLR(inner, T_max=10 * steps, eta_min=settings.least_learning_rate)
    return OneCycleLR(inner, settings.learning_rate, epochs=settings.epochs, steps_per_epoch=steps)
