"""What the processes of a crew are given to do in tests; they import it.

`python -m tests.training.experiments.crew_jobs FILE`: a crew whose one process writes its number there, and sleeps.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import torch

from inference.records import Refusal
from training.experiments.crew import Crew
from training.fitting.watch import OutOfTime

_met: list[str] = []


def work(job: str) -> tuple[int, int, list[str]]:
    """The process, its threads and all jobs that it has done; some jobs go another way."""
    _met.append(job)
    match job:
        case "refuse":
            msg = "It cannot be done; do something else."
            raise Refusal(msg)
        case "break":
            raise ZeroDivisionError
        case "stop":
            msg = "Time was out."
            raise OutOfTime(msg)
        case "die":
            os._exit(3)
        case "sleep":
            time.sleep(600)
    return os.getpid(), torch.get_num_threads(), [*_met]


def sleep_beside(file: str) -> None:
    Path(file).write_text(str(os.getpid()))
    time.sleep(600)


if __name__ == "__main__":
    with Crew(sleep_beside, 1) as crew:
        next(crew.done(sys.argv[1:], time.monotonic() + 600))
