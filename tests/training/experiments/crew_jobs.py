"""What the processes of a crew are given to do in tests; they import it."""

from __future__ import annotations

import os
import time

import torch

from inference.records import Refusal
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
