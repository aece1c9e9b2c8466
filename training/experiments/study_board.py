"""What a study has found so far: its table, its learning curves, and where it was made."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from inference.files import csv_bytes, write_whole
from inference.models.card import Card
from inference.models.provenance import code_version
from training.data.photos.photo import PhotoSet
from training.experiments.kag_cells import FIGURES, KagProtocol, trained
from training.experiments.packing import is_packed
from training.experiments.study_plan import SETS, Planned, order_in_words
from training.figures.metrics import over_seeds
from training.figures.plots import png_of

THROUGHPUT = "throughput.json"
PACKS = "packs"
_STATED = ("torch", "torchvision", "timm", "accelerate", "numpy", "opencv-python-headless", "Pillow")
_CURVES = ("epoch", "loss", "score", "accuracy", "auc", "seconds")


def folder_of(one: Planned, protocol: KagProtocol) -> Path:
    """The run folder of a cell."""
    return protocol.out / "cells" / one.cell(protocol).name


def is_finished(one: Planned, protocol: KagProtocol) -> bool:
    """Whether a cell has its card and is packed."""
    folder = folder_of(one, protocol)
    return (folder / "cell.json").exists() and is_packed(folder, protocol.out / PACKS)


@dataclass
class Board:
    """The cells of a study, and what is known of each.

    Attributes:
        protocol: Their protocol.
        photos: Their sets.
        order: All of them.
        reasons: Why cells are not finished, where it is known.
    """

    protocol: KagProtocol
    photos: Mapping[Path, PhotoSet]
    order: Sequence[Planned]
    reasons: dict[Planned, str]
    _cards: dict[Planned, Card] = field(default_factory=dict)

    def card(self, one: Planned) -> Card | None:
        """The card of a finished cell.

        Raises:
            Refusal: if it was trained with other settings or on another set.
        """
        if one not in self._cards and is_finished(one, self.protocol):
            cell = one.cell(self.protocol)
            self._cards[one] = trained(self.protocol, cell, every=self.photos[cell.data])
        return self._cards.get(one)

    def write(self) -> list[str]:
        """Write study.md, study.csv, curves.csv and curves.png; the first one's lines."""
        out, lines = self.protocol.out, [*self._lines()]
        write_whole(out / "study.md", ("\n".join(lines) + "\n").encode())
        figures = [f"{name}{end}" for name in FIGURES for end in ("", " low", " high")]
        columns = ["row", "set", "share", "seed", "steps", "images a second", *figures, "not finished"]
        write_whole(out / "study.csv", csv_bytes(columns, map(self._row, self.order)))
        curves = {one: self._curve(one) for one in self.order}
        flat = [[*_stated(one), *(epoch[name] for name in _CURVES)] for one, curve in curves.items() for epoch in curve]
        write_whole(out / "curves.csv", csv_bytes(["row", "set", "share", "seed", *_CURVES], flat))
        write_whole(out / "curves.png", drawn(curves))
        return lines

    def _lines(self) -> Iterator[str]:
        finished = {one: card for one in self.order if (card := self.card(one))}
        yield "# Study of the KAG-MTLN paper on rendered leather tags"
        yield f"Each takes {self.protocol.epochs} passes over all training photos, or as many steps over fewer items."
        yield f"{len(finished)} of {len(self.order)} cells are finished."
        yield f"The order: {order_in_words()}."
        yield ""
        yield f"| | set | items | seed | steps | images a second | {' | '.join(FIGURES)} |"
        yield "|---" * (6 + len(FIGURES)) + "|"
        for one, card in finished.items():
            steps, rate = self._throughput(one)
            found = [over_seeds([metric] if (metric := find(card)) else []) for find in FIGURES.values()]
            stated = [one.row, SETS[one.mould], f"{one.share:.0%}", one.seed, steps, rate, *found]
            yield f"| {' | '.join(map(str, stated))} |"
        if len(finished) < len(self.order):
            yield ""
            yield "Not finished:"
            yield ""
            for one in self.order:
                if one not in finished:
                    named = f"{one.row}, {SETS[one.mould]}, {one.share:.0%} of the items, seed {one.seed}"
                    yield f"- {named}: {self._why(one)}"

    def _row(self, one: Planned) -> list[Any]:
        card, row = self.card(one), [*_stated(one), *self._throughput(one)]
        if card is None:
            return [*row, *[""] * (3 * len(FIGURES)), self._why(one)]
        for find in FIGURES.values():
            metric = find(card)
            row += [metric.value, metric.low, metric.high] if metric else [""] * 3
        return row

    def _why(self, one: Planned) -> str:
        epochs, all_epochs = len(self._curve(one)), one.cell(self.protocol).settings(self.protocol).fit.epochs
        begun = f"{epochs} of {all_epochs} epochs are done" if epochs else "not begun"
        return f"{begun}; {self.reasons[one]}" if one in self.reasons else begun

    def _throughput(self, one: Planned) -> tuple[Any, Any]:
        file = folder_of(one, self.protocol) / THROUGHPUT
        if not file.exists():
            return "", ""
        found = json.loads(file.read_bytes())
        return found["steps"], found["images_a_second"]

    def _curve(self, one: Planned) -> list[dict[str, Any]]:
        log = folder_of(one, self.protocol) / "log.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def _stated(one: Planned) -> list[Any]:
    return [one.row, SETS[one.mould], one.share, one.seed]


def drawn(curves: Mapping[Planned, Sequence[Mapping[str, Any]]]) -> bytes:
    """Validation score over the share of a cell's epochs as a PNG: a panel a set and share, a colour a row."""
    begun = {one: curve for one, curve in curves.items() if curve}
    panels = [*dict.fromkeys((one.mould, one.share) for one in begun or curves)]
    rows = [*dict.fromkeys(one.row for one in curves)]
    figure = Figure(figsize=(4.2 * len(panels), 4), layout="constrained")
    axes = dict(zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True))
    for (mould, share), axis in axes.items():
        axis.set(title=f"{SETS[mould]}, {share:.0%} of the items", xlabel="epoch", ylabel="validation score")
    for one, curve in begun.items():
        line = [(epoch["epoch"], epoch["score"]) for epoch in curve]
        label = f"{one.row}, {one.seed}" if one.seed else one.row
        axes[one.mould, one.share].plot(*zip(*line, strict=True), color=f"C{rows.index(one.row)}", label=label)
    if begun:
        for axis in axes.values():
            axis.legend(fontsize="x-small")
    return png_of(figure, 110)


def environment(at_once: int, *, cuda: bool) -> dict[str, Any]:
    """What the figures of a study may depend on beside its settings; no path and no name of a machine."""
    return {
        "device": torch.cuda.get_device_name() if cuda else "no CUDA",
        "cuda": torch.version.cuda,
        "processors": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "cells_at_once": at_once,
        "assay": code_version(),
        "python": platform.python_version(),
        **{name: _version(name) for name in _STATED},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
