"""Reports that a command makes beside what it does, in a case or in a folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from inference.casework.case import CaseFolder
from inference.casework.custody import REPORTS
from inference.casework.facts import CaseFacts
from inference.casework.report import Report
from inference.command_line.options import FactsOptions, now
from inference.files import write_whole


def facts_of(options: FactsOptions) -> CaseFacts | None:
    """The facts of a report; None where none is asked for.

    Raises:
        CaseRefused: if some are given, and the number of the case or the examiner is missing.
    """
    texts = (options.item, options.laboratory, options.request, options.remarks, options.reviewer)
    if not (options.case_number or options.examiner or options.case or any(texts)):
        return None
    return CaseFacts(options.case_number, options.examiner, *texts)


def print_issued(
    report: Callable[[datetime, CaseFolder | None], Report], facts: CaseFacts, options: FactsOptions, folder: Path
) -> None:
    """Make a report, in the case if one is named, else in a folder, and print where its files lie.

    Args:
        report: Makes it, and issues it in the case.
        facts: What it states of the case.
        options: They name the case's folder.
        folder: Where it lies without a case.
    """
    made = now()
    case = CaseFolder.open(options.case, facts.case_number, made) if options.case else None
    issued = report(made, case)
    for ending, data in ((".pdf", issued.pdf), (".json", issued.json)):
        path = (case.path / REPORTS if case else folder) / f"{issued.id}{ending}"
        if case is None:
            write_whole(path, data)
        print(path)
