"""Which model and which words a command uses."""

from __future__ import annotations

from pathlib import Path

from inference.evidence import ENFSI_2015, VerbalScale
from inference.weights import Task, WeightsRefused, read_catalogue


def verbal_scale(path: Path | None) -> VerbalScale:
    """The laboratory's words for likelihood ratios, or those of ENFSI 2015.

    Raises:
        Refusal: if the file at the path is no verbal scale.
    """
    return ENFSI_2015 if path is None else VerbalScale.read(path)


def chosen_model(name: str | None, task: Task, folder: Path) -> str:
    """The model that is named for a task, or the first one there is, in alphabetical order.

    Raises:
        WeightsRefused: if there is none.
    """
    names = read_catalogue(folder).names(task)
    if name is None and not names:
        msg = f"There is no model for {task} in {folder}; put its .safetensors and .json there."
        raise WeightsRefused(msg)
    if name is not None and name not in names:
        msg = f"There is no model {name!r} for {task} in {folder}; there are: {', '.join(names) or 'none'}."
        raise WeightsRefused(msg)
    return name or names[0]
