"""The commands: `locate`, `examine` and `compare` print findings, `report` issues them, `verify` verifies them.

`batch` examines many photos. `enrol` makes a reference collection of genuine photos, beside which `examine` examines
others. `register` keeps marks to be searched.
`sign-off` logs the review of a report, `export` packs a case, and `delete` empties its folder.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import tyro

from inference.command_line.options import (
    BatchOptions,
    CompareOptions,
    DeleteOptions,
    EnrolOptions,
    ExamineOptions,
    ExportOptions,
    LocateOptions,
    RegisterCommand,
    ReportOptions,
    SignOffOptions,
    VerifyOptions,
)
from inference.records import Refusal

_REFUSED, _INTERRUPTED = 2, 130


@dataclass(frozen=True)
class Command:
    """A command: its options, and the module of this room that has its function.

    The module is loaded when the command runs, so that `--help` waits for no network.
    """

    options: type
    module: str


COMMANDS = {
    "locate": Command(LocateOptions, "examining"),
    "examine": Command(ExamineOptions, "examining"),
    "batch": Command(BatchOptions, "batching"),
    "enrol": Command(EnrolOptions, "examining"),
    "compare": Command(CompareOptions, "examining"),
    "register": Command(RegisterCommand, "registering"),
    "report": Command(ReportOptions, "reporting"),
    "verify": Command(VerifyOptions, "keeping"),
    "sign-off": Command(SignOffOptions, "keeping"),
    "export": Command(ExportOptions, "keeping"),
    "delete": Command(DeleteOptions, "keeping"),
}


def main() -> int:
    """Run a command; a refusal prints one sentence and gives exit status 2."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    kinds: dict[str, Callable[..., Any]] = {name: command.options for name, command in COMMANDS.items()}
    try:
        options = tyro.extras.subcommand_cli_from_dict(
            kinds, prog="python -m inference", config=(tyro.conf.OmitArgPrefixes,)
        )
        name = next(name for name, kind in kinds.items() if type(options) is kind)
        module = import_module(f"inference.command_line.{COMMANDS[name].module}")
        status = getattr(module, name.replace("-", "_"))(options)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return _REFUSED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status or 0
