"""The run folder: settings, log, and a checkpoint with the best weights, by which a run is repeated or resumed."""

from __future__ import annotations

import io
import json
import pickle
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import AcquireReturnProxy, FileLock, Timeout
from torch import Tensor

from inference.files import sha256, write_whole
from inference.models.card import Card
from inference.models.card_numbers import ARGUMENTS
from inference.models.weights import save_model
from inference.records import Refusal
from inference.reference.reference import Reference
from inference.scope.gate import ScopeGate
from training.data.manifest import Manifest
from training.figures.metrics import draw_confusion

LOCK_NAME = ".lock"
_OWN_FILES = ("settings", "manifest", "metrics", "checkpoint", "log")
# Settings that may differ between a run and its continuation without changing its result. The paths of data and start
# may differ, since the manifest holds their content.
_FREE = {
    *("resume", "device", "workers", "compile", "title", "part", "licence", "remarks", "steps_in_head", "heatmap"),
    *("cache", "out", "data", "start_from"),
}


class TrainingRefused(Refusal):
    """A run that cannot start, continue or be finished as asked."""


def require_setting(condition: bool, sentence: str) -> None:
    """Check a setting.

    Raises:
        TrainingRefused: with `sentence` unless `condition` holds.
    """
    if not condition:
        raise TrainingRefused(sentence)


def require_argument(name: str, value: float) -> None:
    """Check a setting that a card will state as an argument of the network.

    Raises:
        TrainingRefused: if no card may state it, since the finished model could then not be read.
    """
    least, most = ARGUMENTS[name]
    require_setting(least <= value <= most, f"--{name} lies between {least:g} and {most:g}, not at {value}.")


def require_another_folder(out: Path, weights: Path) -> None:
    """Check the folder to which a finished model is written with a new card.

    Raises:
        TrainingRefused: if it is the folder that the model was read from.
    """
    require_setting(
        out.resolve() != weights.resolve(),
        "--out must be another folder than --weights, so that the model there is kept; choose another --out.",
    )


def require_name(name: str) -> None:
    """Check a model's name, which becomes that of its files.

    Raises:
        TrainingRefused: if it is not a plain file name, or is one that the run folder needs itself.
    """
    require_setting(
        bool(re.fullmatch(r"[a-z0-9][a-z0-9_]*", name)) and name not in _OWN_FILES,
        f"--name is lower-case letters, digits and underscores, and none of {', '.join(_OWN_FILES)}; not {name!r}.",
    )


def hold(folder: Path) -> AcquireReturnProxy:
    """Lock a folder for this process, until the lock's context ends, it is dropped, or the process ends.

    A missing folder is made. The operating system releases the lock with its process, however that ends.

    Raises:
        TrainingRefused: if another process holds the folder, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder.resolve() / LOCK_NAME, timeout=0, is_singleton=True).acquire()
    except Timeout as held:
        msg = f"Another process writes into {folder}; wait until it ends, or choose another --out."
        raise TrainingRefused(msg) from held
    except OSError as error:
        msg = f"{folder} cannot be written ({error.strerror}); check the folder, or choose another --out."
        raise TrainingRefused(msg) from error


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Lock a folder while a command writes into it; a folder made for it is removed again if it stays empty.

    Raises:
        TrainingRefused: as by `hold`.
    """
    made = not folder.exists()
    with hold(folder):
        try:
            yield
        finally:
            if made and [file.name for file in folder.iterdir()] == [LOCK_NAME]:
                (folder / LOCK_NAME).unlink()
                folder.rmdir()


class RunFolder:
    """A folder that one run owns, and one process at a time.

    An epoch is kept in three steps: its checkpoint is written beside the earlier one; its line in the log states the
    SHA-256 of that checkpoint; then the new checkpoint replaces the earlier one. So the last line of the log always
    names the run's checkpoint, to the bit, and each checkpoint states the log before it. The checkpoint also holds the
    best weights.

    Args:
        path: The folder; made if it is missing.
        settings: The run's settings, a dataclass.
        manifest: The set it trains on.
        resume: Whether to continue the run in the folder.
        owner: Whether this process writes the folder; of several that train together, only one does.

    Raises:
        TrainingRefused: if there is a run already and `resume` is false, if there is none to continue, if it was
            started with other settings or another set, or if another process writes into the folder. Also later, if
            the folder cannot be written, or a file in it is damaged.
    """

    def __init__(self, path: Path, settings: Any, manifest: Manifest, *, resume: bool, owner: bool = True) -> None:
        self.path = path
        self._checkpoint = path / "checkpoint.pt"
        self._next = path / "checkpoint.next.pt"
        self._log = path / "log.jsonl"
        self._logged = b""
        stated = plain(asdict(settings))
        if resume:
            self._require_same(stated, manifest)
        if owner:
            self._held = hold(path)
            self._claim(stated, manifest, resume=resume)

    def _claim(self, stated: dict[str, Any], manifest: Manifest, *, resume: bool) -> None:
        settings = self.path / "settings.json"
        if not resume and (settings.exists() or self._log.exists()):
            msg = f"{self.path} holds a run already; continue it with --resume, or choose another --out."
            raise TrainingRefused(msg)
        try:
            for left_over in self.path.glob(".*.partial"):
                left_over.unlink()
            self._finish_interrupted_epoch()
        except OSError as error:
            raise _unwritable(self.path, error) from error
        if not resume:
            self.write_json("manifest.json", manifest.as_json())
        self.write_json(settings.name, stated)

    def _finish_interrupted_epoch(self) -> None:
        """Put a prepared checkpoint in its place if the log states it; otherwise remove it."""
        if not self._next.exists():
            return
        lines = _read(self._log).splitlines() if self._log.exists() else []
        if lines and _json_of(self._log, lines[-1]).get("checkpoint") == sha256(_read(self._next)):
            self._next.replace(self._checkpoint)
        else:
            self._next.unlink()

    def _require_same(self, stated: dict[str, Any], manifest: Manifest) -> None:
        file = self.path / "settings.json"
        if not file.exists() and self._log.exists():
            raise _damaged(file)
        if not file.exists():
            msg = f"{self.path} holds no run to continue; leave out --resume to start one."
            raise TrainingRefused(msg)
        before = _flat(_json_of(file, _read(file)))
        now = _flat(stated)
        changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        changed = [key for key in changed if key.rpartition(".")[2] not in _FREE]
        if changed:
            first = changed[0]
            msg = (
                f"The run in {self.path} was started with {first} = {before.get(first)!r}, not {now.get(first)!r}; "
                "continue it with the settings in settings.json, or choose another --out."
            )
            raise TrainingRefused(msg)
        known = recorded_manifest(self.path)
        if known is None:
            msg = (
                f"The run in {self.path} was started before runs kept a list of their data, so that it is not known "
                "whether the data is the same; start again into another --out."
            )
            raise TrainingRefused(msg)
        difference = known.changed_to(manifest)
        if difference:
            msg = (
                f"The data is not what the run in {self.path} was started with: {difference}; restore it, or start "
                "again into another --out."
            )
            raise TrainingRefused(msg)

    def save_checkpoint(self, state: dict[str, Any], figures: Mapping[str, Any]) -> None:
        """Keep an epoch; an interruption or a full disk leaves this epoch or the one before.

        Args:
            state: All that the run continues from, and under `best_learner` the weights of its best epoch; tensors,
                numbers, text, and lists and mappings of these.
            figures: The epoch's line in log.jsonl.
        """
        content = io.BytesIO()
        torch.save({**state, "figures": json.dumps(figures), "log_before": sha256(self._logged)}, content)
        saved = content.getvalue()
        logged = self._logged + f"{json.dumps({**figures, 'checkpoint': sha256(saved)})}\n".encode()
        self.write(self._next.name, saved)
        self.write(self._log.name, logged)
        try:
            self._next.replace(self._checkpoint)
        except OSError as error:
            raise _unwritable(self._checkpoint, error) from error
        self._logged = logged

    def load_checkpoint(self) -> dict[str, Any] | None:
        """The last kept state, tensors on the CPU; None before the end of the first epoch.

        Raises:
            TrainingRefused: if log and checkpoint are not exactly those that the run kept together last.
        """
        if not self._log.exists():
            if self._checkpoint.exists():
                raise _damaged(self._log)
            return None
        log = _read(self._log)
        *before, last = log.splitlines(keepends=True) or [b""]
        stated = _json_of(self._log, last)
        if "checkpoint" not in stated:
            msg = (
                f"The run in {self.path} was started before checkpoints had a checksum, so that it is not known "
                "whether they are whole; start again into another --out."
            )
            raise TrainingRefused(msg)
        saved = _read(self._checkpoint)
        if sha256(saved) != stated["checkpoint"]:
            msg = (
                f"{self._checkpoint} is not the checkpoint that the last line of {self._log.name} names: one of them "
                "is damaged, or belongs to another run or epoch; restore both, or start again into another --out."
            )
            raise TrainingRefused(msg)
        try:
            state: dict[str, Any] = torch.load(io.BytesIO(saved), map_location="cpu", weights_only=True)
            figures, log_before = json.loads(state.pop("figures")), state.pop("log_before")
        except (pickle.UnpicklingError, EOFError, RuntimeError, LookupError, TypeError, ValueError) as error:
            raise _damaged(self._checkpoint) from error
        line = json.dumps({**figures, "checkpoint": sha256(saved)})
        if last != f"{line}\n".encode() or sha256(b"".join(before)) != log_before:
            raise _damaged(self._log)
        self._logged = log
        return state

    def load_best(self) -> dict[str, Tensor]:
        """The weights of the best epoch.

        Raises:
            TrainingRefused: as by `load_checkpoint`, or if no epoch has ended.
        """
        state = self.load_checkpoint()
        if state is None:
            raise _damaged(self._checkpoint)
        best: dict[str, Tensor] = state["best_learner"]
        return best

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file into the folder."""
        self.write(name, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())

    def write(self, name: str, content: bytes) -> None:
        """Write a file into the folder."""
        try:
            write_whole(self.path / name, content)
        except OSError as error:
            raise _unwritable(self.path / name, error) from error

    def write_model(
        self,
        card: Card,
        state: Mapping[str, Tensor],
        references: Sequence[Reference] = (),
        gate: ScopeGate | None = None,
    ) -> Card:
        """Write the finished model's two files into the folder, and what its card counts; the card as written."""
        if card.confusion is not None:
            self.write("confusion_matrix.png", draw_confusion(card.confusion))
        self.write_json("metrics.json", {name: asdict(metric) for name, metric in card.metrics.items()})
        try:
            return save_model(card, state, self.path, references, gate)
        except OSError as error:
            raise _unwritable(self.path / f"{card.name}.safetensors or .json", error) from error


def recorded_manifest(run: Path) -> Manifest | None:
    """The manifest with which the run in a folder was started; None if it keeps none.

    Raises:
        TrainingRefused: if the manifest is damaged.
    """
    file = run / "manifest.json"
    if not file.exists():
        return None
    try:
        return Manifest.of_json(_json_of(file, _read(file)))
    except (KeyError, TypeError) as error:
        raise _damaged(file) from error


def _json_of(file: Path, content: bytes) -> dict[str, Any]:
    """The JSON object of a whole file or of a line."""
    try:
        stated = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(file) from error
    if not isinstance(stated, dict):
        raise _damaged(file)
    return stated


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _damaged(file) from error


def _unwritable(file: Path, error: OSError) -> TrainingRefused:
    return TrainingRefused(
        f"{file} cannot be written ({error.strerror}); free some space or check the folder, then continue with "
        "--resume from the last finished epoch."
    )


def _damaged(file: Path) -> TrainingRefused:
    return TrainingRefused(
        f"{file} is missing or damaged, so that the run cannot continue; restore the file, or start again into "
        "another --out."
    )


def set_name(data: Path) -> str:
    """The name of a set in a card: that of a folder, or of a table with its folder, since cards travel."""
    return f"{data.absolute().parent.name}/{data.name}" if data.suffix else data.name


def stated_settings(settings: Any) -> dict[str, Any]:
    """A run's settings for its card, with names in place of paths, since cards travel."""
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
