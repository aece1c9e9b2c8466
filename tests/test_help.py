"""`--help` answers at once: what takes seconds to load is loaded by a command that needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SLOW = {"torch", "torchvision", "timm", "pytorch_grad_cam", "cv2", "scipy", "PIL", "gradio", "inference.bench"}
COMMANDS = ("locate", "examine", "batch", "enrol", "compare", "register", "report", "verify", "sign-off", "delete")


def ran(*arguments: str) -> tuple[str, set[str]]:
    """What a program printed, and the modules that it loaded."""
    command = [sys.executable, "-X", "importtime", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    return ended.stdout, {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-m", "inference"], COMMANDS),
        (["-m", "inference", "examine"], ("--series", "genuine or counterfeit")),
        (["-m", "inference", "register", "search"], ("--where", "a mark resembles")),
        (["app.py"], ("--case-folder", "--auth-file")),
    ],
    ids=" ".join,
)
def test_help_is_said_without_what_loads_slowly(arguments: list[str], said: tuple[str, ...]) -> None:
    out, loaded = ran(*arguments, "--help")
    assert [word for word in said if word not in out] == []
    assert loaded & SLOW == set()
    assert "tyro" in loaded
