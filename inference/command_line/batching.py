"""`batch`: many photos are examined by the same means, and their results are written out."""

from __future__ import annotations

from contextlib import closing

from inference.batches.batch import Batch
from inference.command_line.benches import bench_for, means_of
from inference.command_line.issuing import facts_of, print_issued
from inference.command_line.options import BatchOptions
from inference.command_line.terminal import told_on_terminal
from inference.command_line.text import batch_text, json_text
from inference.files import write_whole
from inference.records import Refusal


def batch(options: BatchOptions) -> None:
    """Examine what waits, write the results, and print what came of it.

    Raises:
        Refusal: if the facts of a report are not whole, or the folder holds a batch by other means.
    """
    facts = facts_of(options)
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
            print_issued(lambda made, case: opened.report(facts, made, case), facts, options, options.out)
