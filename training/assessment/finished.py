"""What every command is asked for that takes a finished model; its own settings extend it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from inference.places import WEIGHTS_FOLDER


@dataclass(frozen=True)
class FinishedModelSettings:
    """A finished model, and a set whose truth is known."""

    model: tyro.conf.Positional[str]
    """Name of an authenticity or trademark model."""
    data: Path
    """The set it was trained on."""
    out: Path
    """Folder for what is written."""
    weights: Path = WEIGHTS_FOLDER
    """Folder of the models."""
