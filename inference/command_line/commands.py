"""`locate`, `examine` and `compare` print what they find, `report` issues it, `verify` checks it.

`sign-off` logs a review of a report, and `delete` empties a case folder.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import tyro

from inference.casework.case import CaseFolder
from inference.casework.log import verify_log
from inference.casework.verification import verify_report
from inference.command_line.choices import crops, grounds
from inference.command_line.models import chosen_model, verbal_scale
from inference.command_line.options import (
    CompareOptions,
    DeleteOptions,
    ExamineOptions,
    LocateOptions,
    SignOffOptions,
    VerifyOptions,
    now,
)
from inference.command_line.parts import Parts
from inference.command_line.pictures import write_comparison, write_verdict
from inference.command_line.reporting import report
from inference.command_line.text import comparison_text, find_text, json_text, nothing_found, verdict_text
from inference.grounds import read_laid_on
from inference.location import Locator
from inference.records import Refusal
from inference.trademarks import TrademarkExaminer

_DIFFERS, _REFUSED, _INTERRUPTED = 1, 2, 130


def locate(options: LocateOptions) -> None:
    """Print the parts that are found on a photo, best first."""
    (ground,) = grounds(options.ground, 1)
    exhibit = read_laid_on(options.photo, ground)
    locator = Locator.load(chosen_model(options.model, "locator", options.weights), options.weights, options.device)
    finds = locator.locate(exhibit)
    if options.json:
        print(json_text(finds))
    else:
        print("\n".join(map(find_text, finds)) or nothing_found(locator, exhibit))


def examine(options: ExamineOptions) -> None:
    """Print a verdict, or one for each part that is found, and write its heatmap where asked."""
    (crop,), (ground,) = crops(options.crop, 1), grounds(options.ground, 1)
    verdicts = Parts(options).verdicts(read_laid_on(options.photo, ground), options.model, crop)
    for number, verdict in enumerate(verdicts, 1):
        if options.heatmaps:
            stem = f"{options.photo.stem}.{number}" if options.locate else options.photo.stem
            write_verdict(verdict, options.heatmaps, stem)
    if options.json:
        print(json_text(verdicts if options.locate else verdicts[0]))
    else:
        print("\n\n".join(map(verdict_text, verdicts)))


def compare(options: CompareOptions) -> None:
    """Print a comparison, and write both heatmaps where asked."""
    scale = verbal_scale(options.verbal_scale)
    (crop, other_crop), (ground, other_ground) = crops(options.crop, 2), grounds(options.ground, 2)
    pair = read_laid_on(options.first, ground), read_laid_on(options.second, other_ground)
    name = chosen_model(options.model, "trademark", options.weights)
    examiner = TrademarkExaminer.load(name, options.weights, options.device, scale)
    comparison = examiner.compare(*pair, (crop, other_crop))
    if options.heatmaps:
        write_comparison(comparison, options.heatmaps)
    print(json_text(comparison) if options.json else comparison_text(comparison))


def sign_off(options: SignOffOptions) -> None:
    """Log a review."""
    case = CaseFolder(options.case)
    case.sign_off(options.report, options.reviewer, options.remark, now())
    print(f"The review of {options.report} by {options.reviewer} is line {case.head.sequence} of {case.log}.")


def delete(options: DeleteOptions) -> None:
    """Empty a case folder, and print what was removed."""
    case = CaseFolder(options.case)
    if case.number != options.confirm:
        msg = f"{options.case} is the folder of case {case.number}, not of {options.confirm}; nothing was removed."
        raise Refusal(msg)
    print("\n".join(case.delete(options.by, options.reason, now())))


def verify(options: VerifyOptions) -> int:
    """Print what agrees and what does not; exit status 1 if anything differs."""
    if options.issued.suffix == ".jsonl":
        findings = verify_log(options.issued)
        sound = "The log is whole, as far as a chain tells; its end is checked by a report."
        print("\n".join(map(str, findings)) or sound)
        return _DIFFERS if findings else 0
    scale = verbal_scale(options.verbal_scale)
    lines = verify_report(options.issued, options.images, options.weights, options.device, scale)
    differs = sum(line.status == "differs" for line in lines)
    print(*lines, f"{differs} of {len(lines)} lines differ." if differs else "All agrees.", sep="\n")
    return _DIFFERS if differs else 0


def main() -> int:
    """Run a command; a refusal is one sentence and exit status 2."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    commands: dict[str, Callable[..., Any]] = {
        "locate": locate,
        "examine": examine,
        "compare": compare,
        "report": report,
        "verify": verify,
        "sign-off": sign_off,
        "delete": delete,
    }
    try:
        status = tyro.extras.subcommand_cli_from_dict(
            commands, prog="python -m inference", config=(tyro.conf.OmitArgPrefixes,)
        )
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return _REFUSED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status or 0
