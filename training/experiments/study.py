"""The most valuable cells of the KAG-MTLN paper that fit into a few minutes of a machine, such as one that is lent.

Nothing is fetched: the sets are rendered there. Every cell takes the same number of steps, and several are trained at a
time. What is finished is kept at once; the same command goes on where an earlier one stopped.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from inference.files import write_whole
from inference.networks.backbones import BackboneName
from training.authenticity.samples import training_share
from training.data.photos.photo import PhotoSet
from training.experiments.budget import Price, affordable
from training.experiments.crew import Crew, Failure
from training.experiments.kag_cells import Cell, KagProtocol, read_once, trained
from training.experiments.kag_pace import Pace, paced, steps_an_epoch
from training.experiments.minutes import Kept, keep_epochs, kept_epochs
from training.experiments.packing import pack
from training.experiments.study_board import PACKS, THROUGHPUT, Board, environment, is_finished
from training.experiments.study_plan import LEAST_STEPS, ORDER, Planned, data_of, epochs_within, planned
from training.experiments.study_sets import made_sets
from training.fitting.pretrained import fetch_nothing
from training.fitting.run_folder import require_setting
from training.fitting.watch import Watch

logger = logging.getLogger(__name__)

_RENDERED = 0.25
"""Share of the minutes in which the sets are made."""
_SPARED = 0.05
"""Share of the minutes for the start of the program and its last tables."""
_PLANNED = 0.9
"""Share of what is then left that is planned for, since a timing is not exact."""
_AT_ONCE = {"reduced": 4, "paper": 2}
"""Cells at a time on a GPU. Small networks leave most of it idle; the paper's fills it, but not while one of two reads,
judges or writes. On a processor cells would only take turns."""
_PACKED = ("cell.json", "cell.safetensors", "log.jsonl", "settings.json", "metrics.json", THROUGHPUT)


@dataclass(frozen=True)
class KagStudy:
    """Train the most valuable cells of the KAG-MTLN paper that fit into a few minutes."""

    out: Path
    """Folder of the study: study.md, study.csv, curves.csv, curves.png and environment.json; the finished cells in
    packs/, in small files; and sets and run folders, by which the same command goes on."""
    minutes: float = 8.0
    """Minutes after which the command has ended."""
    protocol: Literal["reduced", "paper"] | None = None
    """`reduced`: EfficientNet-Lite0 at 224 pixels. `paper`: ResNet50 at 448 pixels. By default `paper` on CUDA."""
    size: int | None = None
    """Side of the input in pixels; by default that of the protocol."""
    backbone: BackboneName | None = None
    """Network of all methods but Swin; by default that of the protocol."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device."""
    at_once: int | None = None
    """Cells that are trained at a time; by default 1 on a processor, and on CUDA 4 of `reduced` or 2 of `paper`."""

    def __post_init__(self) -> None:
        require_setting(self.minutes > 0, f"--minutes is above 0, not {self.minutes}.")
        require_setting(self.at_once is None or self.at_once >= 1, f"--at-once is at least 1, not {self.at_once}.")

    def kag_protocol(self, *, cuda: bool) -> KagProtocol:
        """The protocol of its cells, on CUDA or elsewhere; one epoch stands for those not found yet."""
        protocol = self.protocol or ("paper" if cuda else "reduced")
        return KagProtocol(
            data_of(self.out),
            self.out,
            protocol,
            epochs=1,
            size=self.size,
            backbone=self.backbone,
            device=self.device,
            compile="never",  # it would take a minute or more of each cell
        )


@dataclass(frozen=True)
class Job:
    """A cell to time or to train.

    Attributes:
        planned: Its place in the order.
        protocol: Its protocol.
        cell: The cell.
        photos: Its set, read.
        until: Reading of `time.monotonic` by which its last epoch has to end; None for a cell to time.
    """

    planned: Planned
    protocol: KagProtocol
    cell: Cell
    photos: PhotoSet
    until: float | None


def work(job: Job) -> Pace | None:
    """Time a cell, or train and pack it, in a process of the crew.

    Raises:
        Refusal: as training does; OutOfTime where the cell has to go on another time.
    """
    fetch_nothing()
    settings = job.cell.settings(job.protocol)
    if job.until is None:
        return paced(settings, job.photos)
    watch = Watch(job.until)

    def watched(*arguments: Any) -> None:
        watch(*arguments)
        if watch.trained:
            images = settings.fit.batch * watch.steps * len(watch.trained) / sum(watch.trained)
            stated = {"steps": settings.fit.epochs * watch.steps, "images_a_second": round(images, 1)}
            write_whole(settings.fit.out / THROUGHPUT, json.dumps(stated).encode())

    trained(job.protocol, job.cell, every=job.photos, fitted_by=watched)
    pack(settings.fit.out, [name for name in _PACKED if (settings.fit.out / name).exists()], job.protocol.out / PACKS)
    return None


def run(study: KagStudy, began: float | None = None) -> list[str]:
    """Make the sets, time the methods, and train cell after cell until time is out; the lines of study.md.

    Args:
        study: The study.
        began: Reading of `time.monotonic` when its command began; by default now.

    Raises:
        Refusal: if time is too short for one cell, or the folder holds cells of other settings.
    """
    until = (time.monotonic() if began is None else began) + 60 * study.minutes * (1 - _SPARED)
    for left_over in study.out.glob("**/.timed-*"):
        shutil.rmtree(left_over)
    cuda = study.device in ("auto", "cuda") and torch.cuda.is_available()
    protocol = study.kag_protocol(cuda=cuda)
    at_once = study.at_once or (_AT_ONCE[protocol.protocol] if cuda else 1)
    # The processes start while the sets are made, and are there when they are needed.
    with Crew(work, at_once) as crew:
        made_sets(study.out, 60 * study.minutes * _RENDERED)
        where = environment(at_once, cuda=cuda)
        write_whole(study.out / "environment.json", (json.dumps(where, indent=1) + "\n").encode())
        photos = {data: read_once(data, 0) for data in protocol.data}
        order = [*planned(ORDER)]
        waiting = [one for one in order if not is_finished(one, protocol)]
        prices, reasons = _prices(crew, protocol, photos, waiting, until)
        epochs = _epochs(study, protocol, photos, [*prices.values()], until - time.monotonic(), at_once)
        board = Board(replace(protocol, epochs=epochs), photos, order, reasons)
        board.write()
        for job, result in crew.done(_jobs(board, prices, until, at_once), until):
            if isinstance(result, Failure):
                board.reasons[job.planned] = result.sentence
            board.write()
        return board.write()


def _prices(
    crew: Crew[Job, Pace | None],
    protocol: KagProtocol,
    photos: Mapping[Path, PhotoSet],
    waiting: Sequence[Planned],
    until: float,
) -> tuple[dict[Planned, Price], dict[Planned, str]]:
    """The prices of cells, and why some have none; all methods are timed, side by side as they will be trained."""
    # Photos of both sets are alike, so that the first one's stand for them.
    kinds = {one: replace(one.cell(protocol).kind, data=protocol.data[0]) for one in waiting}
    of_kind = {kind: one for one, kind in kinds.items()}
    jobs = [Job(of_kind[kind], protocol, kind, photos[kind.data], None) for kind in dict.fromkeys(kinds.values())]
    paces = {job.cell: pace for job, pace in crew.done(jobs, until)}
    prices: dict[Planned, Price] = {}
    reasons: dict[Planned, str] = {}
    for one, kind in kinds.items():
        pace = paces.get(kind)
        if isinstance(pace, Pace):
            prices[one] = _price(protocol, one, photos, pace)
        else:
            reasons[one] = pace.sentence if isinstance(pace, Failure) else "time was out before its method was timed"
    return prices, reasons


def _price(protocol: KagProtocol, one: Planned, photos: Mapping[Path, PhotoSet], pace: Pace) -> Price:
    cell = one.cell(protocol)
    used = training_share(photos[cell.data], one.share)

    def price(epochs: int) -> float:
        settings = cell.settings(replace(protocol, epochs=epochs))
        return pace.seconds(used, settings.fit.batch, settings.fit.epochs)

    return price


def _epochs(
    study: KagStudy,
    protocol: KagProtocol,
    photos: Mapping[Path, PhotoSet],
    prices: Sequence[Price],
    seconds: float,
    at_once: int,
) -> int:
    """The epochs of the study's cells, found by its first call."""
    kept = kept_epochs(study.out)
    if kept or not prices:
        return kept.epochs if kept else protocol.base(protocol.data[0]).fit.epochs
    every, batch = photos[protocol.data[0]], protocol.base(protocol.data[0]).fit.batch
    least = math.ceil(LEAST_STEPS / steps_an_epoch(len(every.of("train")), batch))
    epochs = epochs_within(prices, least, _PLANNED * seconds, at_once)
    keep_epochs(study.out, Kept(study.minutes, epochs))
    logger.info("every cell takes %d epochs; the least are %d", epochs, least)
    return epochs


def _jobs(board: Board, prices: Mapping[Planned, Price], until: float, at_once: int) -> Iterator[Job]:
    """Cells to train: in their order those that were planned for, then each that would still end in time.

    If none would, the first one is begun all the same, to be gone on with another time.
    """
    epochs, begun = board.protocol.base(board.protocol.data[0]).fit.epochs, False
    every = [*prices]
    left = _PLANNED * (until - time.monotonic())
    first = [every[number] for number in affordable([*prices.values()], epochs, left, at_once)]
    for one in dict.fromkeys([*first, *every]):
        seconds, left = prices[one](epochs), until - time.monotonic()
        if begun and one not in first and seconds > left:
            board.reasons[one] = f"it would take about {seconds:.0f} s, and {max(0.0, left):.0f} s were left"
            continue
        begun, cell = True, one.cell(board.protocol)
        yield Job(one, board.protocol, cell, board.photos[cell.data], until)
