"""Figure 6 of the HMS paper: accuracy over s, d1 and d2, one at a time from the paper's 90, .003 and .006.

Beyond the paper's range go margins that are usual elsewhere, and d2 outside the norms, the other reading of eq. 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from matplotlib.figure import Figure

from inference.files import csv_bytes, write_whole
from inference.models.card import Metric
from training.experiments.hms_cells import LOSSES, Cell, HmsProtocol, Study, accuracy
from training.experiments.hms_tables import stated_cell
from training.figures.plots import png_of

PAPER: dict[str, Any] = {
    "method": "hms",
    "scale": 90.0,
    "angular_margin": 0.003,
    "additive_margin": 0.006,
    "margin_inside": True,
}
VARIED: dict[str, tuple[str, tuple[float, ...], dict[str, Any]]] = {
    "s": ("scale", (1.0, 10.0, 30.0, 64.0, 90.0, 128.0), {}),
    "d1": ("angular_margin", (0.0, 0.003, 0.03, 0.1, 0.3), {}),
    "d2": ("additive_margin", (0.0, 0.006, 0.06, 0.2, 0.35), {}),
    "d2 outside": ("additive_margin", (0.006, 0.06, 0.35, 5.0), {"margin_inside": False}),
}
"""What is varied, by its name in the paper: the setting, its values, and what else it changes."""

Point = tuple[str, float, list[Metric]]


def cells(protocol: HmsProtocol) -> list[Cell]:
    """What the figure is made of; a point that is varied twice has one cell."""
    points = [point_cell(*point, protocol, seed) for point in settings() for seed in protocol.seeds]
    return [*dict.fromkeys(points)]


def run(protocol: HmsProtocol) -> list[str]:
    """Train what is missing, for the first backbone and head; hms_fig6.md, .csv and .png; the first one's lines."""
    study = Study(protocol)
    points: list[Point] = []
    for name, value, loss in settings():
        cells = [point_cell(name, value, loss, protocol, seed) for seed in protocol.seeds]
        judged = [study.judged(cell) for cell in cells]
        points.append((name, value, [accuracy(one, "random") for one in judged if one is not None]))
        _write(protocol, points)
    return lines(points)


def settings() -> Iterator[tuple[str, float, dict[str, Any]]]:
    """Every point: what is varied, its value, and the settings it stands for."""
    for name, (setting, values, others) in VARIED.items():
        for value in values:
            yield name, value, PAPER | others | {setting: value}


def point_cell(name: str, value: float, loss: dict[str, Any], protocol: HmsProtocol, seed: int) -> Cell:
    """The cell of a point: that of the tables where a row of theirs has these settings, or else one of its own."""
    rows = [row for row, known in LOSSES.items() if PAPER | known == loss]
    row = rows[0] if rows else f"HMS {name} {value:g}"
    stated = LOSSES[row] if rows else loss
    return Cell(row, tuple(stated.items()), protocol.backbones[0], protocol.heads[0], seed)


def lines(points: list[Point]) -> list[str]:
    """The figure as a table in Markdown."""
    rows = [f"| {name} | {value:g} | {stated_cell(metrics)} |" for name, value, metrics in points]
    return ["| varied | value | accuracy, random pairs |", "|---|---|---|", *rows]


def _write(protocol: HmsProtocol, points: list[Point]) -> None:
    rows = [[name, value, m.value, m.low, m.high] for name, value, metrics in points for m in metrics]
    write_whole(protocol.out / "hms_fig6.csv", csv_bytes(["varied", "value", "accuracy", "low", "high"], rows))
    write_whole(protocol.out / "hms_fig6.md", ("\n".join(lines(points)) + "\n").encode())
    write_whole(protocol.out / "hms_fig6.png", _drawn(points))


def _drawn(points: list[Point]) -> bytes:
    figure = Figure(figsize=(3 * len(VARIED), 3.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(VARIED), sharey=True, squeeze=False)[0], VARIED, strict=True):
        found = [(value, metrics) for one, value, metrics in points if one == name and metrics]
        means = [sum(m.value for m in metrics) / len(metrics) for _, metrics in found]
        axes.plot(range(len(found)), means, "-", color="0.6")
        for place, (_, metrics) in enumerate(found):
            axes.plot([place] * len(metrics), [m.value for m in metrics], ".", color="tab:blue")
        axes.set_xticks(range(len(found)), [f"{value:g}" for value, _ in found])
        axes.set(xlabel=name)
    return png_of(figure, 110)
