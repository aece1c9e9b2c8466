"""Commands as they ran."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]


class Ran(NamedTuple):
    status: int
    out: str
    error: str


def started(*arguments: object) -> Ran:
    """The command in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "inference", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=900
    )
    return Ran(ended.returncode, ended.stdout, ended.stderr)


def assert_refused(ran: Ran, words: str) -> None:
    assert ran.status == 2
    assert ran.out == ""
    assert ran.error.count("\n") == 1, ran.error
    assert ran.error.endswith(".\n")
    assert words in ran.error
