"""Processes that live through a study: each does one job after another, and a job that fails stops nothing."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from types import TracebackType
from typing import Any, Generic, TypeVar

import cv2
import torch
from typing_extensions import Self

from inference.records import Refusal
from training.fitting.memory import keep_freed_memory
from training.fitting.watch import OutOfTime

logger = logging.getLogger(__name__)

_LEAVE = 0.5
"""Seconds that a process has to end by itself."""

J = TypeVar("J")
R = TypeVar("R")


@dataclass(frozen=True)
class Failure:
    """What stands in place of the result of a job.

    Attributes:
        sentence: Why there is none.
        interrupted: Whether time was out, so that the job can go on another time.
    """

    sentence: str
    interrupted: bool = False


class Crew(Generic[J, R]):
    """Processes, started anew and not forked, since a device that a process has used is lost to its forks.

    Args:
        work: Does a job, in one of the processes; a function of a module.
        count: Number of processes.
    """

    def __init__(self, work: Callable[[J], R], count: int) -> None:
        self._work = work
        self._threads = max(1, (os.cpu_count() or 1) // count)
        self._workers = {place: self._started() for place in range(count)}
        self._places = range(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers.values():
            worker.end()

    def done(self, jobs: Iterable[J], until: float) -> Iterator[tuple[J, R | Failure]]:
        """Every job with its result, as they end. A job is taken from `jobs` when a process is free for it.

        Args:
            jobs: The jobs, in their order.
            until: Reading of `time.monotonic`; then running jobs are cancelled, and no further job is taken.
        """
        waiting, running = iter(jobs), dict[int, J]()
        self._give(waiting, running)
        while running:
            pipes = {self._workers[place].pipe: place for place in running}
            ready = wait([*pipes], max(0.0, until - time.monotonic()))
            if not ready:
                for place, job in running.items():
                    self._workers.pop(place).end()
                    yield job, Failure("time was out", interrupted=True)
                return
            places = [place for pipe, place in pipes.items() if pipe in ready]
            ended = [(running.pop(place), self._result(place)) for place in places]
            self._give(waiting, running)
            yield from ended

    def _give(self, waiting: Iterator[J], running: dict[int, J]) -> None:
        for place in self._places:
            if place in running:
                continue
            for job in waiting:
                self._send(place, job)
                running[place] = job
                break

    def _send(self, place: int, job: J) -> None:
        if place not in self._workers:
            self._workers[place] = self._started()
        try:
            self._workers[place].pipe.send(job)
        except OSError:
            # It died while it had nothing to do.
            self._workers.pop(place).end()
            self._send(place, job)

    def _result(self, place: int) -> R | Failure:
        try:
            result: R | Failure = self._workers[place].pipe.recv()
        except (EOFError, OSError):
            status = self._workers.pop(place).end()
            return Failure(f"its process died (status {status}): memory may have run out")
        return result

    def _started(self) -> _Worker:
        return _Worker(self._work, self._threads)


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, work: Callable[[Any], Any], threads: int) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, work, threads), daemon=True)
        self._process.start()
        # With both ends open here, nobody would hear of the other's death.
        theirs.close()

    def end(self) -> int | None:
        """End it; its exit status, below 0 the signal that it died of."""
        self.pipe.close()
        # Without a pipe it ends by itself, unless it does a job.
        self._process.join(_LEAVE)
        self._process.terminate()
        self._process.join()
        return self._process.exitcode


def _serve(pipe: Connection, work: Callable[[Any], Any], threads: int) -> None:
    """Do jobs until there are no more."""
    # Ctrl-C reaches every process of a terminal; the one that commands ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_the_one_that_commands, daemon=True).start()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    keep_freed_memory()
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        pipe.send(_result_of(work, job))


def _end_with_the_one_that_commands() -> None:
    commander = parent_process()
    if commander is not None:
        commander.join()
        os._exit(1)


def _result_of(work: Callable[[Any], Any], job: Any) -> Any:
    try:
        return work(job)
    except Refusal as refusal:
        return Failure(str(refusal), interrupted=isinstance(refusal, OutOfTime))
    except Exception as error:  # whatever it is, the other jobs go on
        logger.exception("a job failed")
        return Failure(f"{type(error).__name__}: {error}")
