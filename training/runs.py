"""The run folder: settings, log, checkpoint, best weights; what a run needs to be repeated or resumed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from inference.files import write_whole
from inference.records import Refusal

_OWN_FILES = ("settings", "metrics", "best", "checkpoint", "log")
# What may differ between a run and its continuation without changing its result.
_FREE = {"resume", "device", "workers", "title", "part", "licence", "remarks", "steps_in_head", "heatmap", "cache"}


class TrainingRefused(Refusal):
    """A run that cannot start, continue or be finished as asked."""


def require_setting(condition: bool, sentence: str) -> None:
    """Guard a setting.

    Raises:
        TrainingRefused: with `sentence`, if `condition` does not hold.
    """
    if not condition:
        raise TrainingRefused(sentence)


def require_another_folder(out: Path, weights: Path) -> None:
    """Guard the folder that a finished model is written to with a card that says more.

    Raises:
        TrainingRefused: if it is the one the model was read from.
    """
    require_setting(
        out.resolve() != weights.resolve(),
        "--out is another folder than --weights: the model that is there is not overwritten.",
    )


def require_name(name: str) -> None:
    """Guard a model's name, which becomes that of its files.

    Raises:
        TrainingRefused: if it is no plain file name, or one the run folder needs itself.
    """
    require_setting(
        bool(re.fullmatch(r"[a-z0-9][a-z0-9_]*", name)) and name not in _OWN_FILES,
        f"--name is lower-case letters, digits and underscores, and none of {', '.join(_OWN_FILES)}; not {name!r}.",
    )


class RunFolder:
    """A folder that one run owns.

    Args:
        path: The folder; made where it is missing.
        settings: The run's settings, a dataclass.
        resume: Whether a run that is there is continued.
        owner: Whether this process writes the folder; of several that train together only one does.

    Raises:
        TrainingRefused: if there is a run already and it is not to be continued, if there is none to
            continue, or if it was started with other settings.
    """

    def __init__(self, path: Path, settings: Any, *, resume: bool, owner: bool = True) -> None:
        self.path = path
        self._checkpoint = path / "checkpoint.pt"
        self._best = path / "best.safetensors"
        self._log = path / "log.jsonl"
        if owner:
            self._claim(path / "settings.json", plain(asdict(settings)), resume=resume)

    def _claim(self, file: Path, stated: dict[str, Any], *, resume: bool) -> None:
        if resume:
            self._require_same(file, stated)
        elif file.exists():
            msg = f"{self.path} holds a run already; continue it with --resume, or choose another --out."
            raise TrainingRefused(msg)
        write_whole(file, (json.dumps(stated, indent=1, sort_keys=True) + "\n").encode())

    def _require_same(self, file: Path, stated: dict[str, Any]) -> None:
        if not file.exists():
            msg = f"{self.path} holds no run to continue; leave out --resume to start one."
            raise TrainingRefused(msg)
        before = _flat(json.loads(file.read_text()))
        now = _flat(stated)
        changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        changed = [key for key in changed if key.rpartition(".")[2] not in _FREE]
        if changed:
            first = changed[0]
            msg = (
                f"The run in {self.path} was started with {first} = {before.get(first)!r}, not {now.get(first)!r}; "
                f"continue it with the settings in settings.json."
            )
            raise TrainingRefused(msg)

    def log(self, entry: Mapping[str, Any]) -> None:
        """Append one line to log.jsonl."""
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint; an interruption leaves the one before."""
        partial = self._checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._checkpoint)

    def load_checkpoint(self) -> dict[str, Any] | None:
        """The last checkpoint, tensors on the CPU; None before the first epoch ended."""
        if not self._checkpoint.exists():
            return None
        state: dict[str, Any] = torch.load(self._checkpoint, map_location="cpu", weights_only=True)
        return state

    def save_best(self, state: Mapping[str, Tensor]) -> None:
        """Replace the weights of the best epoch."""
        write_whole(self._best, safetensors.torch.save({key: value.contiguous() for key, value in state.items()}))

    def load_best(self) -> dict[str, Tensor]:
        """The weights of the best epoch."""
        return safetensors.torch.load_file(self._best)

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file into the folder."""
        write_whole(self.path / name, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())


def set_name(data: Path) -> str:
    """What a card calls a set, which travels: a folder by its name, a table with the folder it lies in."""
    return f"{data.absolute().parent.name}/{data.name}" if data.suffix else data.name


def stated_settings(settings: Any) -> dict[str, Any]:
    """A run's settings for its card, which travels: files and folders by their names, not by where they lay."""
    return {
        key: value.name if isinstance(value, Path) else stated_settings(value) if is_dataclass(value) else plain(value)
        for key, value in vars(settings).items()
    }


def plain(value: Any) -> Any:
    """Settings as JSON values: paths become their text, tuples lists."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value.as_posix() if isinstance(value, Path) else value


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
