"""`sign-off` logs the review of a report, `export` packs a case, `delete` empties its folder, `verify` verifies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inference.bench import Bench
from inference.casework.case import CaseFolder
from inference.casework.custody import EXHIBITS, LOG_NAME, REPORTS, CaseCheck, check_case
from inference.casework.lines import Line
from inference.casework.log import verify_log
from inference.casework.packed import unpacked
from inference.casework.verification import case_lines, verify_report, verify_reports
from inference.command_line.benches import bench_for
from inference.command_line.options import DeleteOptions, ExportOptions, SignOffOptions, VerifyOptions, now
from inference.records import Refusal

_DIFFERS, _NOT_ALL = 1, 3
_LOG_ALONE = (
    "No exhibits or reports lie beside it, so that only the log was verified: verify the folder of the case, or one "
    "of its reports."
)


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
