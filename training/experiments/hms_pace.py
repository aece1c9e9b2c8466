"""What a cell of the HMS paper takes on this machine: a few steps of each network are timed, and its validation."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from training.experiments.hms_cells import Cell, HmsFaces, HmsProtocol, Study
from training.fitting.fit import Diverged
from training.fitting.watch import Watch

logger = logging.getLogger(__name__)

_STEPS = 5
"""Steps that count; as many go before them, in which a device warms up."""


@dataclass(frozen=True)
class Pace:
    """What a training takes, in seconds.

    Attributes:
        once: What it does once: its start and the test of its network.
        epoch: An epoch, validated and kept.
    """

    once: float
    epoch: float


def prices(protocol: HmsProtocol, cells: Sequence[Cell]) -> Callable[[HmsProtocol, Cell], float]:
    """From a protocol with its epochs and one of these cells to the seconds that the cell takes; each network is timed.

    Margins cost nothing, so that cells of one network differ only where they compare by distance.
    """
    study, began = Study(protocol), time.monotonic()
    study.trials  # noqa: B018 - the marks are read and paired here, as they will be once for all cells
    shared = (time.monotonic() - began) / len(cells)
    paces: dict[tuple[str, bool], Pace] = {}
    for cell in cells:
        if _kind(cell) not in paces:
            logger.info("timing %s", cell.name)
            paces[_kind(cell)] = paced(study, cell)

    def price(settled: HmsProtocol, cell: Cell) -> float:
        pace = paces[_kind(cell)]
        return shared + pace.once + cell.settings(settled).fit.epochs * pace.epoch

    return price


def paced(study: Study, cell: Cell) -> Pace:
    """The pace of a cell, by one of two short epochs, beside its folder.

    Raises:
        Refusal: as training does.
    """
    settings = cell.settings(study.protocol)
    settings.fit.out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".timed-", dir=settings.fit.out.parent, ignore_cleanup_errors=True) as folder:
        timed = replace(settings, fit=replace(settings.fit, out=Path(folder), epochs=2, resume=False))
        watch, began = Watch(steps=_STEPS), time.monotonic()
        # What diverges in a few steps has taken its time all the same.
        with suppress(Diverged):
            study.train(timed, watch)
        whole = time.monotonic() - began
    steps = min(_STEPS, watch.steps)
    apart = watch.validated[1] + watch.kept[0]
    validated = sum(len(study.trials["val"][kind]) for kind in ("similar", "random"))
    tested = sum(map(len, study.trials["test"].values()))
    if isinstance(study.protocol, HmsFaces):
        tested += 2 * study.protocol.face_pairs
    return Pace(
        once=max(0.0, whole - 2 * (watch.trained[1] + apart)) + watch.validated[1] * tested / validated,
        epoch=watch.steps * watch.trained[1] / steps + apart,
    )


def _kind(cell: Cell) -> tuple[str, bool]:
    return cell.backbone, cell.by_distance
