"""The run folder: settings, log, checkpoint, best weights; what a run needs to be repeated or resumed."""

from __future__ import annotations

import io
import json
import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from inference.files import write_whole
from inference.records import Refusal
from training.data.manifest import Manifest

_OWN_FILES = ("settings", "manifest", "metrics", "best", "checkpoint", "log")
# What may differ between a run and its continuation without changing its result. Where data and start lie does not
# matter: the manifest holds what they are.
_FREE = {
    *("resume", "device", "workers", "title", "part", "licence", "remarks", "steps_in_head", "heatmap", "cache"),
    *("out", "data", "start_from"),
}


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
        manifest: The set it trains on.
        resume: Whether a run that is there is continued.
        owner: Whether this process writes the folder; of several that train together only one does.

    Raises:
        TrainingRefused: if there is a run already and it is not to be continued, if there is none to
            continue, or if it was started with other settings or another set. Also later, when the folder cannot
            be written to, or holds what is damaged.
    """

    def __init__(self, path: Path, settings: Any, manifest: Manifest, *, resume: bool, owner: bool = True) -> None:
        self.path = path
        self._checkpoint = path / "checkpoint.pt"
        self._best = path / "best.safetensors"
        self._log = path / "log.jsonl"
        if owner:
            self._claim(plain(asdict(settings)), manifest, resume=resume)

    def _claim(self, stated: dict[str, Any], manifest: Manifest, *, resume: bool) -> None:
        settings = self.path / "settings.json"
        if resume:
            self._require_same(settings, stated, manifest)
        elif settings.exists():
            msg = f"{self.path} holds a run already; continue it with --resume, or choose another --out."
            raise TrainingRefused(msg)
        else:
            self.write_json("manifest.json", manifest.as_json())
        self.write_json(settings.name, stated)

    def _require_same(self, file: Path, stated: dict[str, Any], manifest: Manifest) -> None:
        if not file.exists():
            msg = f"{self.path} holds no run to continue; leave out --resume to start one."
            raise TrainingRefused(msg)
        before = _flat(_read_json(file))
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
        known = recorded_manifest(self.path)
        if known is None:
            msg = (
                f"The run in {self.path} was started before runs kept a list of their data, so that nothing tells "
                "whether it is still the same; start again into another --out."
            )
            raise TrainingRefused(msg)
        difference = known.changed_to(manifest)
        if difference:
            msg = (
                f"The data is not what the run in {self.path} was started with: {difference}; restore it, or start "
                "again into another --out."
            )
            raise TrainingRefused(msg)

    def log(self, entry: Mapping[str, Any]) -> None:
        """Append one line to log.jsonl; what an interruption left of a line goes."""
        before = self._log.read_bytes() if self._log.exists() else b""
        whole = before[: before.rfind(b"\n") + 1]
        self._write(self._log, whole + f"{json.dumps(entry)}\n".encode())

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint; an interruption, or a full disk, leaves the one before."""
        content = io.BytesIO()
        torch.save(state, content)
        self._write(self._checkpoint, content.getvalue())

    def load_checkpoint(self) -> dict[str, Any] | None:
        """The last checkpoint, tensors on the CPU; None before the first epoch ended.

        Raises:
            TrainingRefused: if it is cut short or damaged, or holds more than weights and numbers.
        """
        if not self._checkpoint.exists():
            return None
        try:
            _check_archive(self._checkpoint)
            state: dict[str, Any] = torch.load(self._checkpoint, map_location="cpu", weights_only=True)
        except (zipfile.BadZipFile, EOFError, RuntimeError) as error:
            raise _damaged(self._checkpoint) from error
        except pickle.UnpicklingError as error:
            msg = f"{self._checkpoint} holds more than weights and numbers, and is not loaded; restore the run's own."
            raise TrainingRefused(msg) from error
        return state

    def save_best(self, state: Mapping[str, Tensor]) -> None:
        """Replace the weights of the best epoch."""
        self._write(self._best, safetensors.torch.save({key: value.contiguous() for key, value in state.items()}))

    def load_best(self) -> dict[str, Tensor]:
        """The weights of the best epoch.

        Raises:
            TrainingRefused: if they are gone, cut short or damaged.
        """
        try:
            return safetensors.torch.load_file(self._best)
        except (FileNotFoundError, SafetensorError) as error:
            raise _damaged(self._best) from error

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file into the folder."""
        self._write(self.path / name, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())

    def _write(self, file: Path, content: bytes) -> None:
        try:
            write_whole(file, content)
        except OSError as error:
            msg = (
                f"{file} cannot be written ({error.strerror}); free some space or check the folder, then go on with "
                "--resume from the last finished epoch."
            )
            raise TrainingRefused(msg) from error


def recorded_manifest(run: Path) -> Manifest | None:
    """The set that the run in a folder was started with; None where it keeps none.

    Raises:
        TrainingRefused: if its list is damaged.
    """
    file = run / "manifest.json"
    if not file.exists():
        return None
    try:
        return Manifest.of_json(_read_json(file))
    except (KeyError, TypeError) as error:
        raise _damaged(file) from error


def _check_archive(file: Path) -> None:
    """Compare what a checkpoint holds with its checksums, which loading does not.

    Raises:
        BadZipFile: if it is cut short, or a byte of it has changed.
    """
    with zipfile.ZipFile(file) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(damaged)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        stated = json.loads(file.read_bytes())
    except ValueError as error:
        raise _damaged(file) from error
    if not isinstance(stated, dict):
        raise _damaged(file)
    return stated


def _damaged(file: Path) -> TrainingRefused:
    return TrainingRefused(
        f"{file} is gone, cut short or damaged: the run cannot go on from it; restore the file, or start again into "
        "another --out."
    )


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
