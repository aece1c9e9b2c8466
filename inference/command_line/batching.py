"""`batch`: many photos are examined by the same means, and their results are written out."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from inference.batches.batch import Batch
from inference.casework.case import CaseFolder
from inference.casework.custody import REPORTS
from inference.casework.facts import CaseFacts
from inference.command_line.benches import bench_for, means_of
from inference.command_line.options import BatchOptions, now
from inference.command_line.terminal import told_on_terminal
from inference.command_line.text import batch_text, json_text
from inference.files import write_whole
from inference.records import Refusal


def batch(options: BatchOptions) -> None:
    """Examine what waits, write the results, and print what came of it.

    Raises:
        Refusal: if the facts of a report are not whole, or the folder holds a batch by other means.
    """
    facts = _facts(options)
    bench = bench_for(options)
    means = bench.settled(means_of(options, options.model))
    if Batch.is_in(options.out):
        opened = Batch(options.out, bench)
    else:
        opened = Batch.begin(options.out, bench, means, options.sources)
    with closing(opened):
        if opened.store.means != means:
            msg = f"{options.out} holds a batch examined {opened.store.means}; choose another folder for {means}."
            raise Refusal(msg)
        opened.run(told_on_terminal)
        write_whole(options.out / "results.csv", opened.csv())
        rows = opened.store.rows()
        write_whole(options.out / "results.json", json_text(rows).encode())
        print(batch_text(opened.state, rows))
        if facts is not None:
            for path in _reported(opened, facts, options):
                print(path)


def _facts(options: BatchOptions) -> CaseFacts | None:
    """The facts of a report, if one is asked for."""
    texts = (options.item, options.laboratory, options.request, options.remarks, options.reviewer)
    if not (options.case_number or options.examiner or options.case or any(texts)):
        return None
    return CaseFacts(options.case_number, options.examiner, *texts)


def _reported(opened: Batch, facts: CaseFacts, options: BatchOptions) -> list[Path]:
    """Make the report, in the case if one is named; gives where it lies."""
    made = now()
    case = CaseFolder.open(options.case, facts.case_number, made) if options.case else None
    report = opened.report(facts, made, case)
    folder = case.path / REPORTS if case else options.out
    paths = [folder / f"{report.id}{ending}" for ending in (".pdf", ".json")]
    if case is None:
        for path, data in zip(paths, (report.pdf, report.json), strict=True):
            write_whole(path, data)
    return paths
