"""The files of a set: those below a folder, those that are skipped, and the check that every picture can be read.

A fault is reported for all files of a set at once, each by its path in the set, so that an examiner repairs a set once.
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
"""Most files that a sentence names before it counts the rest."""

_FEW = 3
_SYSTEM_NAMES = {"thumbs.db", "desktop.ini", "__macosx"}


class DataRefused(Refusal):
    """A set on which nothing can be trained as it is."""


@dataclass(frozen=True)
class Walk:
    """The content below a folder; paths are relative to it, and sorted.

    Attributes:
        files: Files, including those in linked folders.
        hidden: Hidden and system files and folders, which are not read.
    """

    files: tuple[Path, ...]
    hidden: tuple[Path, ...]


def walk(root: Path) -> Walk:
    """The content below a folder; links are followed, unless one leads back to a folder that contains it.

    Raises:
        DataRefused: if a link leads nowhere, or a folder cannot be read.
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
                    logger.warning(
                        "%s leads back to a folder that contains it, and is not followed.", inside.as_posix()
                    )
                else:
                    waiting.append((inside, above | {_identity(path)}))
            elif path.is_symlink():
                broken.append(f"{inside.as_posix()} (to {path.readlink()})")
            else:
                logger.warning("%s is neither a file nor a folder, and is skipped.", inside.as_posix())
    if broken:
        leads = "link leads" if len(broken) == 1 else "links lead"
        msg = f"{len(broken)} {leads} nowhere in {root}: {named(sorted(broken))}; repair or remove them."
        raise DataRefused(msg)
    return Walk(tuple(sorted(files)), tuple(sorted(hidden)))


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _names(root: Path, folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(root / folder))  # noqa: PTH208 - names are wanted, not paths
    except OSError as error:
        msg = f"The folder {root / folder} cannot be read ({error.strerror}); check its permissions."
        raise DataRefused(msg) from error


def named(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """The first names, and the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def tell_passed_over(root: Path, groups: Mapping[str, Iterable[Path]]) -> None:
    """Log in one line the skipped files of a set: the number of each kind, and the first names."""
    told = {kind: sorted(path.as_posix() for path in paths) for kind, paths in groups.items()}
    counts = [f"{len(paths)} {kind} ({named(paths, _FEW)})" for kind, paths in told.items() if paths]
    if counts:
        logger.warning("Passed over in %s: %s.", root, ", ".join(counts))


def by_ending(files: Iterable[Path]) -> dict[str, list[Path]]:
    """Files by their ending in lower case."""
    groups: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(files, key=lambda file: (file.suffix.lower(), file)):
        groups[file.suffix.lower() or "without an ending"].append(file)
    return dict(groups)


def read_all(files: Sequence[tuple[str, Path]], what: str, reader: Callable[[Exhibit], T]) -> list[T]:
    """Read every picture of a set once, to its end.

    Args:
        files: Name of each in the set, and its path.
        what: Noun for one of them, such as `photo`.
        reader: Takes what is kept of an exhibit, which is then dropped.

    Raises:
        DataRefused: if some cannot be read; the sentence names them.
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
    """Check that no file, by its content, has two labels.

    Args:
        files: Name, SHA-256 and owner (a class, a family or a split) of each.
        advice: What to do about it.

    Raises:
        DataRefused: if two files of two owners are the same; the sentence names both and counts the others.
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
