"""The commands: `locate`, `examine` and `compare` print findings, `report` issues them, `verify` verifies them.

`batch` examines many photos. `enrol` makes a reference collection of genuine photos, beside which `examine` examines
others. `register` keeps marks to be searched.
`sign-off` logs the review of a report, `export` packs a case, and `delete` empties its folder.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tyro

from inference.bench import Bench
from inference.casework.case import CaseFolder
from inference.casework.custody import EXHIBITS, LOG_NAME, REPORTS, CaseCheck, check_case
from inference.casework.lines import Line
from inference.casework.log import verify_log
from inference.casework.packed import unpacked
from inference.casework.verification import case_lines, verify_report, verify_reports
from inference.collections.collection import name_of
from inference.collections.enrolling import Enrolment, KnownPhoto
from inference.command_line.batching import batch
from inference.command_line.benches import bench_for, means_of
from inference.command_line.choices import crops, grounds, of_each
from inference.command_line.options import (
    CompareOptions,
    DeleteOptions,
    EnrolOptions,
    ExamineOptions,
    ExportOptions,
    LocateOptions,
    SignOffOptions,
    VerifyOptions,
    now,
)
from inference.command_line.pictures import write_comparison, write_examined
from inference.command_line.registering import register
from inference.command_line.reporting import report
from inference.command_line.terminal import told_on_terminal
from inference.command_line.text import (
    collection_text,
    comparison_text,
    detection_text,
    examined_text,
    json_text,
)
from inference.intake.grounds import read_laid_on
from inference.records import Refusal

_DIFFERS, _REFUSED, _NOT_ALL, _INTERRUPTED = 1, 2, 3, 130
_LOG_ALONE = (
    "No exhibits or reports lie beside it, so that only the log was verified: verify the folder of the case, or one "
    "of its reports."
)


def locate(options: LocateOptions) -> None:
    """Print the detections on a photo, best first."""
    (ground,) = grounds(options.ground, 1)
    exhibit = read_laid_on(options.photo, ground)
    locator = bench_for(options).locator(options.model)
    detections = locator.locate(exhibit)
    if options.json:
        print(json_text(detections))
    else:
        print("\n".join(map(detection_text, detections)) or locator.nothing_found(exhibit))


def examine(options: ExamineOptions) -> None:
    """Print the examination of a photo, or of each detected part, and write its maps if asked to."""
    (crop,), (ground,) = crops(options.crop, 1), grounds(options.ground, 1)
    exhibit = read_laid_on(options.photo, ground)
    found = bench_for(options).examine_by(means_of(options, options.model), exhibit, crop)
    for number, one in enumerate(found, 1):
        if options.heatmaps:
            stem = f"{options.photo.stem}.{number}" if options.locate else options.photo.stem
            write_examined(one, options.heatmaps, stem)
    if options.json:
        print(json_text(found if options.locate else found[0]))
    else:
        print("\n\n".join(map(examined_text, found)))


def enrol(options: EnrolOptions) -> None:
    """Make a reference collection, save it, and print which photos are in it."""
    files = (*options.photos, *options.counterfeit)
    count, genuine = len(files), len(options.photos)
    chosen = zip(
        files,
        of_each("--item", options.item, count),
        crops(options.crop, count),
        grounds(options.ground, count),
        strict=True,
    )
    photos = [
        KnownPhoto(read_laid_on(path, ground), item or f"photo {number}", crop)
        for number, (path, item, crop, ground) in enumerate(chosen, 1)
    ]
    enrolment = Enrolment(
        options.part,
        options.series,
        photos[:genuine],
        photos[genuine:],
        bends=options.bends,
        keep_pictures=options.keep_pictures,
    )
    bench = bench_for(options)
    name = name_of(options.part, options.series)
    if name in bench.collections.cards and not options.replace:
        msg = f"There is a collection {name} in {options.collections}; give --replace to take its place."
        raise Refusal(msg)
    collection = bench.enrol(enrolment, told_on_terminal)
    print(collection_text(collection), f"saved as {bench.keep(collection)}", sep="\n")


def compare(options: CompareOptions) -> None:
    """Print a comparison, and write both heatmaps if asked to."""
    (crop, other_crop), (ground, other_ground) = crops(options.crop, 2), grounds(options.ground, 2)
    pair = read_laid_on(options.first, ground), read_laid_on(options.second, other_ground)
    comparison = bench_for(options).compare(*pair, options.model, (crop, other_crop))
    if options.heatmaps:
        write_comparison(comparison, options.heatmaps)
    print(json_text(comparison) if options.json else comparison_text(comparison))


def sign_off(options: SignOffOptions) -> None:
    """Log a review."""
    case = CaseFolder(options.case)
    case.sign_off(options.report, options.reviewer, options.remark, now())
    print(f"The review of {options.report} by {options.reviewer} is line {case.head.sequence} of {case.log}.")


def export(options: ExportOptions) -> None:
    """Write a case into a ZIP."""
    if options.into.exists():
        msg = f"{options.into} exists already; choose another name."
        raise Refusal(msg)
    case = CaseFolder(options.case)
    case.export(options.into)
    print(f"Case {case.number} is in {options.into}; python -m inference verify {options.into} verifies it.")


def delete(options: DeleteOptions) -> None:
    """Empty a case folder, and print what was removed."""
    case = CaseFolder(options.case)
    if case.number != options.confirm:
        msg = f"{options.case} is the folder of case {case.number}, not of case {options.confirm}; nothing was removed."
        raise Refusal(msg)
    print("\n".join(case.delete(options.by, options.reason, now())))


def verify(options: VerifyOptions) -> int:
    """Print the lines of a verification; exit status 1 if one differs, 3 if there is more to verify."""
    if options.issued.suffix == ".jsonl":
        return _verify_log(options.issued)
    bench = bench_for(options)
    if options.issued.suffix.lower() == ".zip":
        with unpacked(options.issued) as folder:
            return _verify_case(folder, bench, options)
    if options.issued.is_dir():
        return _verify_case(options.issued, bench, options)
    return _told(verify_report(options.issued, bench, options.images, options.register))


def _verify_case(folder: Path, bench: Bench, options: VerifyOptions) -> int:
    """Verify the folder of a case, and make the findings of its reports again."""
    case, check = CaseFolder(folder), check_case(folder)
    lines = case_lines(check)
    print(*lines, sep="\n")
    for issued, found in verify_reports(case, bench, options.images, options.register):
        print(f"\nReport {issued}", *found, sep="\n")
        lines += found
    print()
    return _told(lines, printed=True) or (0 if check.vouched else _NOT_ALL)


def _verify_log(log: Path) -> int:
    """Verify a log, and the files beside it if it lies in the folder of its case."""
    folder = log.absolute().parent
    in_case = log.name == LOG_NAME and any((folder / part).exists() for part in (EXHIBITS, REPORTS))
    check = check_case(folder) if in_case else CaseCheck(tuple(verify_log(log)), (), 0)
    differs = any(finding.status == "differs" for finding in check.findings)
    print(*check.findings, sep="\n", end="\n" if check.findings else "")
    if differs:
        return _DIFFERS
    print(f"The log is whole, as far as it can show: {check.limit}")
    print("Verify the folder of the case to make the findings of its reports again." if in_case else _LOG_ALONE)
    return _NOT_ALL


def _told(lines: Sequence[Line], *, printed: bool = False) -> int:
    """Print lines, unless they are printed already, and their summary; gives the exit status."""
    differs = sum(line.status == "differs" for line in lines)
    told = f"{differs} of {len(lines)} lines differ." if differs else "All agrees."
    print(*(() if printed else lines), told, sep="\n")
    return _DIFFERS if differs else 0


def main() -> int:
    """Run a command; a refusal prints one sentence and gives exit status 2."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    commands: dict[str, Callable[..., Any]] = {
        "locate": locate,
        "examine": examine,
        "batch": batch,
        "enrol": enrol,
        "compare": compare,
        "register": register,
        "report": report,
        "verify": verify,
        "sign-off": sign_off,
        "export": export,
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
