"""The tables of the HMS paper's cells, and how a cell stands in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

from inference.files import csv_bytes, write_whole
from inference.models.card import Metric
from inference.networks.backbones import BackboneName
from inference.networks.hms import LinearFeature
from training.assessment.judged_pairs import JudgedPairs
from training.experiments.hms_cells import Cell, HmsProtocol, Kind, cells
from training.figures.metrics import over_seeds

Figure = Callable[[JudgedPairs, Kind], Metric]
Table = dict[tuple[str, LinearFeature, BackboneName], list[Metric]]
Tables = dict[tuple[str, Kind], Table]


def tabled(
    protocol: HmsProtocol,
    judge: Callable[[Cell], JudgedPairs | None],
    name: str,
    figures: dict[str, Figure],
    kinds: Sequence[Kind],
) -> list[str]:
    """Run whatever is not finished; write NAME.csv and NAME.md after every cell; the Markdown's lines."""
    found: Tables = {key: {} for key in product(figures, kinds)}
    rows: list[list[Any]] = []
    text: list[str] = []
    for cell in cells(protocol):
        judged = judge(cell)
        for (figure, kind), table in found.items():
            key = (cell.row, cell.head, cell.backbone)
            metrics = table.setdefault(key, [])
            if judged is None:
                rows.append([*key, cell.seed, kind, figure, "diverged", "", ""])
                continue
            metric = figures[figure](judged, kind)
            metrics.append(metric)
            rows.append([*key, cell.seed, kind, figure, metric.value, metric.low, metric.high])
        text = list(_lines(protocol, found))
        write_whole(protocol.out / f"{name}.md", ("\n".join(text) + "\n").encode())
        columns = ["loss", "head", "backbone", "seed", "dissimilar pairs", "figure", "value", "low", "high"]
        write_whole(protocol.out / f"{name}.csv", csv_bytes(columns, rows))
    return text


def _lines(protocol: HmsProtocol, found: Tables) -> Iterator[str]:
    for ((figure, kind), table), head in product(found.items(), protocol.heads):
        yield f"{figure}, {head} head, {kind} dissimilar pairs:"
        yield ""
        yield f"| loss | {' | '.join(protocol.backbones)} |"
        yield "|---" * (1 + len(protocol.backbones)) + "|"
        for row in protocol.losses:
            values = [table.get((row, head, backbone)) for backbone in protocol.backbones]
            yield f"| {row} | {' | '.join(map(stated_cell, values))} |"
        yield ""


def stated_cell(metrics: list[Metric] | None) -> str:
    """A cell that is not there yet, or diverged; one run with its interval; of several the mean, least and greatest."""
    if metrics is None:
        return ""
    return over_seeds(metrics) or "diverged"
