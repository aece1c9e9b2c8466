"""`python -m benchmarks` times an examiner's jobs, and writes docs/results/timings.md.

A job that takes over a fifth more of the compiled network's time than was recorded is named, and ends the command with
an error; nothing is written then, unless --accept says so.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from string import Template

import tyro

from benchmarks.jobs import ASSAY, BARE, BY_TORCH, STOCK, Jobs, Settings, Timed
from inference.files import write_whole
from inference.models.provenance import library_versions

_RESULTS = Path(__file__).parents[1] / "docs" / "results"
_PAGE = Path(__file__).with_name("timings_page.md")
_MORE = 1.2
"""A ratio that exceeds the recorded one by more has regressed."""


@dataclass(frozen=True)
class Options:
    """What is timed, and where it is recorded."""

    jobs: Settings = field(default_factory=Settings)
    """The jobs."""
    results: Path = _RESULTS
    """Folder of timings.md and of timings.json, the record of before."""
    accept: bool = False
    """Record what has regressed, too."""


def regressed(every: Sequence[Timed], recorded: dict[str, dict[str, float]]) -> list[str]:
    """A sentence for each way of Assay that takes over a fifth more of the compiled network's time than recorded."""
    said = []
    for one in every:
        for way in (BY_TORCH, ASSAY):
            before, now = recorded.get(one.job, {}).get(way), median(one.ratios(way))
            if before is not None and now > _MORE * before:
                said.append(f"{one.job}, {way}: {now:.2f} times the {BARE}, {before:.2f} when it was recorded")
    return said


def page(every: Sequence[Timed], options: Options) -> str:
    """What was timed, as Markdown."""
    return Template(_PAGE.read_text()).substitute(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        lead="; ".join(f"{one.job} {median(one.ratios(ASSAY)):.3g}" for one in every),
        options=" ".join(f"--jobs.{name.replace('_', '-')} {value}" for name, value in asdict(options.jobs).items()),
        bare=BARE,
        stock=STOCK,
        by_torch=BY_TORCH,
        assay=ASSAY,
        rows="\n".join(_row(one) for one in every),
        processors=os.cpu_count(),
        machine=platform.machine(),
        libraries=", ".join(f"{name} {version}" for name, version in library_versions("openvino").items()),
    )


def _row(one: Timed) -> str:
    cells = [_spread(one.ratios(way)) for way in (STOCK, BY_TORCH, ASSAY)]
    gained = _spread([stock / own for stock, own in zip(one.seconds[STOCK], one.seconds[ASSAY], strict=True)])
    return f"| {one.job} | {1000 * median(one.seconds[BARE]):.1f} | {' | '.join(cells)} | {gained} |"


def _spread(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.3g} ({min(ratios):.3g} to {max(ratios):.3g})"


def record(every: Sequence[Timed], options: Options) -> list[str]:
    """Write page and record, unless something has regressed; gives what has."""
    path = options.results / "timings.json"
    worse = regressed(every, json.loads(path.read_text()) if path.is_file() else {})
    if options.accept or not worse:
        ratios = {one.job: {way: round(median(one.ratios(way)), 3) for way in one.seconds} for one in every}
        write_whole(path, (json.dumps(ratios, indent=2) + "\n").encode())
        write_whole(options.results / "timings.md", page(every, options).encode())
    return worse


def main(options: Options) -> None:
    """Time the jobs and record them; end with an error where something has regressed and is not accepted."""
    every = []
    for one in Jobs(options.jobs)():
        print(_row(one), flush=True)
        every.append(one)
    worse = record(every, options)
    print("\n".join(worse) or "nothing has regressed")
    if worse and not options.accept:
        sys.exit(1)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
