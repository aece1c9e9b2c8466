"""Figure 3 of the HMS paper: what each loss makes of two marks, drawn as spots.

The paper does not say how it draws features. Here: embeddings of the test marks in the plane of their two first
principal components, the first mark of each pair in red and the second in blue, dissimilar pairs above, similar pairs
below, and a line between the two marks of a pair. A number goes with it: the mean distance of similar pairs over that
of dissimilar ones, in all dimensions; the smaller, the more compact are similar pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inference.files import write_whole
from training.experiments.hms_cells import LOSSES, Cell, HmsProtocol, Study
from training.figures.plots import png_of
from training.trademark.learner import embeddings

_SPOTS = 60
_COLUMNS = 4
Spots = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """Embeddings of pairs: first and second marks (n, 2, d), dissimilar and similar."""

    dissimilar: Spots
    similar: Spots

    @property
    def compactness(self) -> float:
        """Mean distance of similar pairs over that of dissimilar ones."""
        return float(_distance(self.similar).mean() / _distance(self.dissimilar).mean())

    def in_plane(self) -> Spread:
        """The same in the plane of the two first principal components."""
        every = np.concatenate([self.dissimilar, self.similar]).reshape(-1, self.similar.shape[2])
        middle = every.mean(axis=0)
        _, _, axes = np.linalg.svd(every - middle, full_matrices=False)
        return Spread((self.dissimilar - middle) @ axes[:2].T, (self.similar - middle) @ axes[:2].T)


def _distance(pairs: Spots) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(pairs[:, 0] - pairs[:, 1], axis=1))


def cells(protocol: HmsProtocol) -> list[Cell]:
    """What the figure is made of: each loss with the first backbone and head, its first seed."""
    return [
        Cell(row, tuple(LOSSES[row].items()), protocol.backbones[0], protocol.heads[0], protocol.seeds[0])
        for row in protocol.losses
    ]


def run(protocol: HmsProtocol) -> list[str]:
    """Draw the first backbone and head of the protocol, its first seed: hms_fig3.png and .md; the latter's lines."""
    study = Study(protocol)
    spreads = {cell.row: _spread(study, cell) for cell in cells(protocol) if study.judged(cell) is not None}
    lines = ["| loss | distance of similar over dissimilar pairs |", "|---|---|"]
    lines += [f"| {row} | {spread.compactness:.3f} |" for row, spread in spreads.items()]
    write_whole(protocol.out / "hms_fig3.md", ("\n".join(lines) + "\n").encode())
    write_whole(protocol.out / "hms_fig3.png", drawn(spreads))
    return lines


def _spread(study: Study, cell: Cell) -> Spread:
    trials = study.trials["test"]
    found = {}
    for kind in ("random", "similar"):
        flat = [index for pair in trials[kind] for index in pair]
        x = embeddings(study.network(cell), study.pictures, flat, study.preprocessing, torch.device("cpu"))
        found[kind] = x.double().numpy().reshape(len(trials[kind]), 2, -1)
    return Spread(found["random"], found["similar"])


def drawn(spreads: dict[str, Spread]) -> bytes:
    """The figure as a PNG: a cell a loss, dissimilar pairs above similar ones."""
    columns = min(max(len(spreads), 1), _COLUMNS)
    bands = math.ceil(max(len(spreads), 1) / columns)
    figure = Figure(figsize=(2.6 * columns, 5.2 * bands), layout="constrained")
    axes = figure.subplots(2 * bands, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for place, (row, spread) in enumerate(spreads.items()):
        band, column = divmod(place, columns)
        flat = spread.in_plane()
        above, below = axes[2 * band, column], axes[2 * band + 1, column]
        _spots(above, flat.dissimilar[:_SPOTS], "dissimilar")
        _spots(below, flat.similar[:_SPOTS], "similar")
        above.set_title(f"{row}\n{spread.compactness:.2f}", fontsize=9)
    return png_of(figure, 110)


def _spots(axis: Any, pairs: Spots, words: str) -> None:
    """Red first marks, blue second ones, a line between."""
    axis.set_axis_on()
    axis.plot(pairs[..., 0].T, pairs[..., 1].T, color="0.8", linewidth=0.5)
    for number, colour in enumerate(("tab:red", "tab:blue")):
        axis.plot(pairs[:, number, 0], pairs[:, number, 1], ".", color=colour)
    axis.set(xticks=[], yticks=[])
    axis.set_ylabel(words, fontsize=8)
