"""The cells of the KAG-MTLN paper's tables and figures: each is one training, made once for all of them.

The protocol is the paper's (section 4.1 and 4.2): sets of photos of one part, split 8:1:1, each method with the same
start, steps, augmentation and choice of the best epoch on validation. `reduced` has a small network, `paper` the
paper's settings. The sets are any that `python -m training authenticity` takes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, Literal

from inference.files import csv_bytes, write_whole
from inference.models.card import Card, Metric
from inference.models.catalogue import read_card
from inference.networks.backbones import BackboneName
from training.authenticity import train as authenticity
from training.authenticity.methods import settled
from training.authenticity.settings import PRESETS, AuthenticitySettings
from training.data.photos.photo import PhotoSet
from training.data.photos.photo_set import read_photo_set
from training.experiments.budget import require_budget
from training.figures.metrics import over_seeds
from training.fitting.device_speed import CompileWhen
from training.fitting.fit import finished_once
from training.fitting.run_folder import RunFolder, require_setting
from training.fitting.watch import Fitting

logger = logging.getLogger(__name__)

Changes = Mapping[str, Any]
Find = Callable[[Card], Metric | None]
_AT_NO_COST = ("alpha", "epochs", "padding", "segment_degree", "training_share")
"""Settings that change nothing of what a step takes."""

METHODS: dict[str, Changes] = {
    "ECA Net": {"method": "eca_net"},
    "CBAM": {"method": "cbam"},
    "SwinTransformer": {"method": "swin"},
    "MMAL-Net": {"method": "mmal_net"},
    "API-Net": {"method": "api_net"},
    "MHEM": {"method": "mhem"},
    "DCL": {"method": "dcl"},
    "single task": {"alpha": 1.0, "disturbed_share": 0.0},
    "KAG-MTLN": {},
}
"""What each method changes in the protocol, by the paper's names; the single task is our plain network, without
disturbed photos and without auxiliary task."""

FIGURES: dict[str, Find] = {
    "class accuracy": lambda card: card.figure("class_accuracy"),
    "authenticity accuracy": lambda card: card.figure("accuracy"),
    "authenticity AUC": lambda card: card.figure("auc"),
    "AUC on unseen counterfeiters": lambda card: card.figure("auc", "unseen counterfeiters"),
}
"""What is tabled: the paper's accuracy over series and sides together, and what an examiner asks, the side alone."""


@dataclass(frozen=True)
class KagProtocol:
    """What is trained and tested for a table or figure of the KAG-MTLN paper."""

    data: tuple[Path, ...]
    """Sets of photos as for `python -m training authenticity`, a part each; what the paper shows of one part is made of
    the first."""
    out: Path
    """Folder of the cells, tables and figures; tables with one folder share their cells."""
    protocol: Literal["reduced", "paper"] = "reduced"
    """`reduced`: EfficientNet-Lite0 at 224 pixels. `paper`: ResNet50 at 448 pixels, 200 epochs."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds; each repeats every run."""
    shares: tuple[float, ...] = (1.0, 0.8, 0.6, 0.4, 0.2)
    """Shares of the training items, for Fig. 10."""
    epochs: int | None = None
    """Passes over all training photos; by default those of the protocol. With fewer items a run takes more passes, so
    that every run takes as many steps."""
    minutes: float | None = None
    """Minutes for all cells together, in place of `epochs`: a few steps of each method are timed, and every cell takes
    as many passes as then fit. What was found is kept in the folder for the next table."""
    size: int | None = None
    """Side of the input in pixels; by default that of the protocol."""
    backbone: BackboneName | None = None
    """Network of all methods but Swin; by default that of the protocol."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device."""
    compile: CompileWhen = "auto"
    """When backbones are compiled before they are trained; see `python -m training authenticity`."""

    def __post_init__(self) -> None:
        require_setting(bool(self.data and self.seeds and self.shares), "Name at least one of each to vary.")
        require_setting(
            len({called(data) for data in self.data}) == len(self.data),
            "Two sets have the same name, by which their cells are told apart; rename the folder of one.",
        )
        require_budget(self.minutes, self.epochs)

    def base(self, data: Path) -> AuthenticitySettings:
        """What all cells on a set have in common; the paper's KAG-MTLN, with FWD."""
        preset = PRESETS["paper" if self.protocol == "paper" else "small"]
        padded = replace(preset.preprocessing, padding="gray", size=self.size or preset.preprocessing.size)
        fitting = replace(preset.fit, epochs=self.epochs or preset.fit.epochs, device=self.device, compile=self.compile)
        backbone = self.backbone or preset.backbone
        return replace(preset, data=data, name="cell", fit=fitting, preprocessing=padded, backbone=backbone)


@dataclass(frozen=True)
class Cell:
    """One training on one set.

    Attributes:
        data: Its set.
        changes: Each setting in which it differs from the protocol, and its value.
        seed: Its seed.
    """

    data: Path
    changes: tuple[tuple[str, Any], ...]
    seed: int

    @classmethod
    def of(cls, protocol: KagProtocol, changes: Changes, data: Path, seed: int) -> Cell:
        """The cell that changes so much in the protocol; what is as in the protocol changes nothing."""
        plain = protocol.base(data)
        differing = {name: value for name, value in changes.items() if value != _stated(plain, name)}
        return cls(data, tuple(sorted(differing.items())), seed)

    @property
    def kind(self) -> Cell:
        """The plainest cell whose steps take as long."""
        costly = tuple((name, value) for name, value in self.changes if name not in _AT_NO_COST)
        return replace(self, changes=costly, seed=0)

    @property
    def name(self) -> str:
        """Its folder; tables that have the same cell share it."""
        words = [called(self.data)]
        words += [f"{name}_{value}".replace(".", "p") for name, value in self.changes]
        return f"{'-'.join(words)}-{self.seed}"

    def settings(self, protocol: KagProtocol) -> AuthenticitySettings:
        """What `python -m training authenticity` would be given."""
        plain, own = protocol.base(self.data), dict(self.changes)
        padded = replace(plain.preprocessing, padding=own.pop("padding", plain.preprocessing.padding))
        # With fewer items a run takes more passes, so that it takes as many steps.
        epochs = round(own.pop("epochs", plain.fit.epochs) / own.get("training_share", 1.0))
        fitting = finished_once(plain.fit, protocol.out / "cells" / self.name, self.seed, epochs=epochs)
        return replace(plain, preprocessing=padded, fit=fitting, **own)


def _stated(settings: AuthenticitySettings, name: str) -> Any:
    """The value of a setting by which cells differ."""
    elsewhere = {"padding": settings.preprocessing.padding, "epochs": settings.fit.epochs}
    return elsewhere[name] if name in elsewhere else getattr(settings, name)


def called(data: Path) -> str:
    """The name of a set, by which its cells are told from those of another."""
    return data.parent.name if data.suffix else data.name


def cells_of(protocol: KagProtocol, rows: Mapping[str, Changes], sets: int | None = 1) -> list[Cell]:
    """The cells of a table in the order in which they are trained: seed by seed, set by set.

    Args:
        protocol: The protocol.
        rows: What each row changes in the protocol.
        sets: How many of the protocol's sets have a table; by default the first, None for all.
    """
    combinations = product(protocol.seeds, protocol.data[:sets], rows.values())
    return [Cell.of(protocol, changes, data, seed) for seed, data, changes in combinations]


def trained(
    protocol: KagProtocol, cell: Cell, *, every: PhotoSet | None = None, fitted_by: Fitting | None = None
) -> Card:
    """The card of a cell, which is trained when it is first asked for and never again.

    Args:
        protocol: The protocol.
        cell: The cell.
        every: Its set, where it has been read already.
        fitted_by: What fits its network in place of `fit`: a watch over it.

    Raises:
        Refusal: as training does; also if the cell was trained with other settings or on another set.
    """
    settings = cell.settings(protocol)
    card = settings.fit.out / f"{settings.name}.json"
    photos = every or read_once(settings.data, settings.fit.seed)
    if card.exists():
        RunFolder(settings.fit.out, settled(settings), photos.manifest, resume=True, owner=False)
    else:
        logger.info("training %s", cell.name)
        authenticity.train(settings, every=photos, for_examiners=False, fitted_by=fitted_by)
    return read_card(card)


@lru_cache(maxsize=8)
def read_once(data: Path, seed: int) -> PhotoSet:
    """A set as all cells of a seed split it; kept, since reading one takes as long as training a small cell."""
    return read_photo_set(data, seed=seed)


def tabled(
    protocol: KagProtocol, name: str, rows: Mapping[str, Changes], figures: Mapping[str, Find], sets: int | None = 1
) -> list[str]:
    """Train whatever is missing, seed by seed; write NAME.csv and NAME.md after every cell; the Markdown's lines.

    Args:
        protocol: The protocol.
        name: Name of the table.
        rows: What each row changes in the protocol.
        figures: The columns.
        sets: How many of the protocol's sets have a table; by default the first, None for all.
    """
    data = protocol.data[:sets]
    found: dict[tuple[Path, str], list[Card]] = {}
    for seed, one, row in product(protocol.seeds, data, rows):
        found.setdefault((one, row), []).append(trained(protocol, Cell.of(protocol, rows[row], one, seed)))
        text = list(_lines(data, rows, figures, found))
        write_whole(protocol.out / f"{name}.md", ("\n".join(text) + "\n").encode())
        columns = ["set", "row", "seed", "figure", "value", "low", "high"]
        write_whole(protocol.out / f"{name}.csv", csv_bytes(columns, _rows(protocol, figures, found)))
    return text


def _lines(
    data: Sequence[Path],
    rows: Iterable[str],
    figures: Mapping[str, Find],
    found: Mapping[tuple[Path, str], Sequence[Card]],
) -> Iterator[str]:
    for one in data:
        yield f"{one}:"
        yield ""
        yield f"| | {' | '.join(figures)} |"
        yield "|---" * (1 + len(figures)) + "|"
        for row in rows:
            cards = found.get((one, row), ())
            cells = [over_seeds([metric for card in cards if (metric := find(card))]) for find in figures.values()]
            yield f"| {row} | {' | '.join(cells)} |"
        yield ""


def _rows(
    protocol: KagProtocol, figures: Mapping[str, Find], found: Mapping[tuple[Path, str], Sequence[Card]]
) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for (one, row), cards in found.items():
        for (seed, card), (figure, find) in product(zip(protocol.seeds, cards, strict=False), figures.items()):
            metric = find(card)
            rows.append(
                [str(one), row, seed, figure, *([metric.value, metric.low, metric.high] if metric else [""] * 3)]
            )
    return rows
