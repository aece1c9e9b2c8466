"""A study that states minutes in place of epochs: how many epochs they come to, found once for its folder."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from inference.files import write_whole
from training.experiments import hms_pace, kag_pace
from training.experiments.budget import most_epochs
from training.experiments.hms_cells import HmsProtocol
from training.experiments.kag_cells import KagProtocol
from training.fitting.run_folder import require_setting

logger = logging.getLogger(__name__)

P = TypeVar("P", KagProtocol, HmsProtocol)
_FILE = "epochs.json"


def settled(study: ModuleType, asked: P) -> P:
    """A protocol with the epochs that its minutes come to: as found before in its folder, or by timing.

    Args:
        study: The table or figure; its `cells` names what is trained for a protocol.
        asked: The protocol; one without minutes stays as it is.

    Raises:
        Refusal: if one epoch of every cell takes longer, if the folder's epochs were found for other minutes, or as
            training does.
    """
    if asked.minutes is None:
        return asked
    epochs = _found_before(asked.out, asked.minutes) or _found(study, asked, asked.minutes)
    return replace(asked, minutes=None, epochs=epochs)


@dataclass(frozen=True)
class Kept:
    """The minutes of a folder's first study, and the epochs that they came to."""

    minutes: float
    epochs: int


def kept_epochs(out: Path) -> Kept | None:
    """What was found for a folder before."""
    file = out / _FILE
    return Kept(**json.loads(file.read_bytes())) if file.exists() else None


def keep_epochs(out: Path, found: Kept) -> None:
    """Keep what was found for a folder."""
    write_whole(out / _FILE, (json.dumps(asdict(found)) + "\n").encode())


def _found_before(out: Path, minutes: float) -> int | None:
    kept = kept_epochs(out)
    if kept is None:
        return None
    require_setting(
        kept.minutes == minutes,
        f"{minutes:g} minutes are not what the cells in {out} were made for: {kept.minutes:g} came to {kept.epochs} "
        f"epochs; go on with --minutes {kept.minutes:g} or --epochs {kept.epochs}, or choose another --out.",
    )
    logger.info("%d epochs, as were found before in %s for %g minutes", kept.epochs, out / _FILE, minutes)
    return kept.epochs


def _found(study: ModuleType, asked: P, minutes: float) -> int:
    began = time.monotonic()
    once: P = replace(asked, minutes=None, epochs=1)
    price = _prices(once, study.cells(once))

    def seconds(epochs: int) -> float:
        at: P = replace(once, epochs=epochs)
        return sum(price(at, cell) for cell in study.cells(at))

    timed = time.monotonic() - began
    epochs, count = most_epochs([seconds], 60 * minutes - timed), len(study.cells(once))
    needed = math.ceil((timed + seconds(1)) / 60)
    require_setting(
        epochs >= 1,
        f"{minutes:g} minutes are too few: one epoch of each of {count} cells takes about {needed}; give "
        f"--minutes {needed} or more, or ask for fewer cells.",
    )
    logger.info(
        "%g minutes come to %d epochs for each of %d cells, which take about %.1f minutes after %.1f of timing",
        *(minutes, epochs, count, seconds(epochs) / 60, timed / 60),
    )
    keep_epochs(asked.out, Kept(minutes, epochs))
    return epochs


def _prices(protocol: P, cells: Sequence[Any]) -> Callable[[P, Any], float]:
    if isinstance(protocol, HmsProtocol):
        return hms_pace.prices(protocol, cells)
    return kag_pace.prices(protocol, cells)
