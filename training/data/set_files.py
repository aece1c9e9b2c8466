"""The files of a set: what lies below a folder, what is passed over there, and that every picture can be read.

Whatever keeps a set from being used is said of all its files at once, each by its path in the set: an examiner mends
a set once, and a set has many files of one name.
"""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image
from tqdm import tqdm

from inference.intake.containers import FORMATS
from inference.intake.exhibit import ExhibitRefused, read_exhibit
from inference.records import Exhibit, Refusal

logger = logging.getLogger(__name__)

T = TypeVar("T")

PICTURES = frozenset(ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS)
"""Endings, in lower case with their dot, of the pictures that the intake reads."""

MOST_NAMED = 20
"""Files that a sentence names before it counts the rest."""

_FEW = 3
_SYSTEM_NAMES = {"thumbs.db", "desktop.ini", "__macosx"}


class DataRefused(Refusal):
    """A set that nothing can be trained on as it is."""


@dataclass(frozen=True)
class Walk:
    """What lies below a folder; paths are relative to it, and sorted.

    Attributes:
        files: Files, those in folders that links lead to with the rest.
        hidden: Hidden and system files and folders, which are not looked into.
    """

    files: tuple[Path, ...]
    hidden: tuple[Path, ...]


def walk(root: Path) -> Walk:
    """All that lies below a folder; links are followed, but for one that leads back to a folder it lies in.

    Raises:
        DataRefused: if a link leads nowhere, or a folder cannot be looked into.
    """
    files: list[Path] = []
    hidden: list[Path] = []
    broken: list[str] = []
    waiting = [(Path(), frozenset({_identity(root)}))]
    while waiting:
        folder, above = waiting.pop()
        for name in _names(root, folder):
            inside = folder / name
            path = root / inside
            if name.startswith(".") or name.lower() in _SYSTEM_NAMES:
                hidden.append(inside)
            elif path.is_file():
                files.append(inside)
            elif path.is_dir():
                if _identity(path) in above:
                    logger.warning("%s leads back to a folder it lies in, and is not followed.", inside.as_posix())
                else:
                    waiting.append((inside, above | {_identity(path)}))
            elif path.is_symlink():
                broken.append(f"{inside.as_posix()} (to {path.readlink()})")
            else:
                logger.warning("%s is neither a file nor a folder, and is passed over.", inside.as_posix())
    if broken:
        leads = "link leads" if len(broken) == 1 else "links lead"
        msg = f"{len(broken)} {leads} nowhere in {root}: {named(sorted(broken))}; mend or remove them."
        raise DataRefused(msg)
    return Walk(tuple(sorted(files)), tuple(sorted(hidden)))


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _names(root: Path, folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(root / folder))  # noqa: PTH208 - names are wanted, not paths
    except OSError as error:
        msg = f"The folder {root / folder} cannot be looked into ({error.strerror}); check its permissions."
        raise DataRefused(msg) from error


def named(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def tell_passed_over(root: Path, groups: Mapping[str, Iterable[Path]]) -> None:
    """Log, in one line, what of a set is not used: how many of each kind, and the first of them by name."""
    told = {kind: sorted(path.as_posix() for path in paths) for kind, paths in groups.items()}
    counts = [f"{len(paths)} {kind} ({named(paths, _FEW)})" for kind, paths in told.items() if paths]
    if counts:
        logger.warning("Passed over in %s: %s.", root, ", ".join(counts))


def by_ending(files: Iterable[Path]) -> dict[str, list[Path]]:
    """Files by what their kind is called: their ending in lower case."""
    groups: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(files, key=lambda file: (file.suffix.lower(), file)):
        groups[file.suffix.lower() or "without an ending"].append(file)
    return dict(groups)


def read_all(files: Sequence[tuple[str, Path]], what: str, reader: Callable[[Exhibit], T]) -> list[T]:
    """Read every picture of a set once, to its end.

    Args:
        files: What each is called in the set, and where it lies.
        what: What one is called, as `photo`.
        reader: What is taken of each; the exhibit is dropped.

    Raises:
        DataRefused: if some cannot be read, with all their names.
    """

    def taken(file: tuple[str, Path]) -> T | ExhibitRefused:
        try:
            return reader(read_exhibit(file[1]))
        except ExhibitRefused as refusal:
            return refusal

    with ThreadPoolExecutor() as threads:
        bar = tqdm(threads.map(taken, files), f"Reading {what}s", total=len(files), unit=what, disable=None)
        found = list(bar)
    reasons = {name: one for (name, _), one in zip(files, found, strict=True) if isinstance(one, ExhibitRefused)}
    if reasons:
        first = next(iter(reasons.values()))
        msg = (
            f"{len(reasons)} of {len(files)} {what}s cannot be read, {named([*reasons])}; repair or remove them "
            f"(of the first: {str(first).rstrip('.')})."
        )
        raise DataRefused(msg) from first
    return [one for one in found if not isinstance(one, ExhibitRefused)]


def require_one_owner(files: Iterable[tuple[str, str, str]], advice: str) -> None:
    """Guard a set against one file, by its content, under two labels.

    Args:
        files: Of each its name, its SHA-256 and its owner: a class, a family or a split.
        advice: What to do about it.

    Raises:
        DataRefused: if two files of two owners are the same, naming both and how many more there are.
    """
    first_with: dict[str, tuple[str, str]] = {}
    clashes = []
    for name, sha256, owner in files:
        first, first_owner = first_with.setdefault(sha256, (name, owner))
        if first_owner != owner:
            clashes.append(f"{first} and {name} are the same file, once as {first_owner} and once as {owner}")
    if clashes:
        more = f" (and so are {len(clashes) - 1} more)" if len(clashes) > 1 else ""
        msg = f"{clashes[0]}{more}; {advice}"
        raise DataRefused(msg)
