"""A fit that is watched: what its epochs take, and when it has to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from typing import Any

from torch import nn
from torch.utils.data import Dataset

from training.fitting.fit import EpochSampler, FitSettings, Scores, fit
from training.fitting.run_folder import TrainingRefused

Fitting = Callable[..., None]
"""`fit`, or what fits in its place."""


class OutOfTime(TrainingRefused):
    """A training that stopped between two epochs since the next would not have ended in time; it can be continued."""


class Watch:
    """Fits a learner as `fit` does, and notes what each epoch takes.

    Args:
        until: Reading of `time.monotonic` by which the last epoch has to end. An epoch is begun if one that takes as
            long as the longest before it would.
        steps: Most steps of an epoch; by default all.

    Attributes:
        steps: Steps of a whole epoch, whatever the most.
        trained: Seconds of each epoch's steps.
        validated: Seconds of each epoch's validation.
    """

    def __init__(self, until: float = math.inf, steps: int | None = None) -> None:
        self._until = until
        self._most_steps = steps
        self._began: list[float] = []
        self._ended: list[float] = []
        self.steps = 0
        self.trained: list[float] = []
        self.validated: list[float] = []

    @property
    def kept(self) -> list[float]:
        """Seconds from each validation to the next epoch, in which the epoch is kept."""
        return [began - ended for began, ended in zip(self._began[1:], self._ended, strict=False)]

    def __call__(
        self,
        learner: nn.Module,
        dataset: Dataset[Any],
        sampler: EpochSampler,
        validate: Callable[[nn.Module], Scores],
        settings: FitSettings,
        *others: Any,
    ) -> None:
        """Fit.

        Raises:
            OutOfTime: if time is out before the last epoch.
            TrainingRefused: as `fit` does.
        """
        self.steps = max(1, len(sampler) // settings.batch)
        steps = min(self.steps, self._most_steps or self.steps)
        few = _Told(sampler, self._begin, min(len(sampler), steps * settings.batch))

        def timed(network: nn.Module) -> Scores:
            trained = time.monotonic()
            self.trained.append(trained - self._began[-1])
            scores = validate(network)
            self._ended.append(time.monotonic())
            self.validated.append(self._ended[-1] - trained)
            return scores

        fit(learner, dataset, few, timed, settings, *others)

    def _begin(self) -> None:
        now = time.monotonic()
        began = [*self._began, now]
        longest = max((after - before for before, after in pairwise(began)), default=0.0)
        if now + longest > self._until:
            msg = "Time was out before its last epoch; the same command goes on after the last one that ended."
            raise OutOfTime(msg)
        self._began = began


class _Told(EpochSampler):
    """A sampler that tells when an epoch begins, and ends it after so many samples."""

    def __init__(self, whole: EpochSampler, begin: Callable[[], None], length: int) -> None:
        self._whole = whole
        self._begin = begin
        self._length = length
        self.epoch = 0

    def __iter__(self) -> Iterator[tuple[int, int]]:
        self._begin()
        self._whole.epoch = self.epoch
        return islice(iter(self._whole), self._length)
