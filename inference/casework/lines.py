"""The lines of a verification: what was compared, and whether it is as stated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inference.files import sha256
from inference.records import EngineName

TOLERANCE = 1e-3
"""Tolerance of log odds (nats), scores and log10 LRs, and of a heatmap (share of its full scale): how much another
machine or library may change them."""


@dataclass(frozen=True)
class Line:
    """One comparison of a verification.

    Attributes:
        status: `agrees`, `differs`, or `told` where it is no reason to doubt the report.
        subject: What was compared.
        text: A sentence on what was found.
    """

    status: Literal["agrees", "differs", "told"]
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.status:8}{self.subject}: {self.text}"


def hashed(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """SHA-256 to the files that have it."""
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for file in sorted(folder.glob("*")):
            if file.is_file():
                found.setdefault(sha256(file.read_bytes()), []).append(file)
    return found


def image_line(name: str, expected: str, found: Mapping[str, list[Path]]) -> Line:
    """Whether a stated image is there."""
    if expected in found:
        return Line("agrees", "image", f"{name} is {expected}.")
    for other, files in found.items():
        for file in files:
            if file.name == name or file.stem == expected:
                text = f"{name} had the SHA-256 {expected[:16]}…, but {file} has {other[:16]}…: it is another image."
                return Line("differs", "image", text)
    return Line("differs", "image", f"{name}, SHA-256 {expected}, was not found; name its folder with --images.")


def file_line(subject: str, path: Path, expected: str) -> Line:
    """Whether a file is as stated."""
    if not path.is_file():
        return Line("differs", subject, f"{path} does not exist; name the folder of the models with --weights.")
    return compared(subject, sha256(path.read_bytes()), expected, "the report")


def compared(subject: str, found: str, expected: str, whose: str) -> Line:
    """Whether a hash or an outcome is as stated."""
    if found == expected:
        return Line("agrees", subject, f"{found}.")
    return Line("differs", subject, f"it is {found}, but should be {expected} by {whose}.".replace("..", "."))


def versions_line(subject: str, then: Mapping[str, str], now: Mapping[str, str]) -> Line:
    """Compare versions; others are only told, since repeating the findings shows whether they changed one."""
    changed = [
        f"{name} {then.get(name, 'none')} then, {now.get(name, 'none')} now"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
    if not changed:
        return Line("agrees", subject, "the same versions.")
    return Line("told", subject, f"{'; '.join(changed)}.")


def engine_line(then: EngineName, now: EngineName) -> Line:
    """Whether the engine that looked looks again; another one is only told, since findings must agree by it too."""
    if now == then:
        return Line("agrees", "engine", f"{now}.")
    return Line("told", "engine", f"{then} then, {now} now: what follows agrees or differs as made again by {now}.")


def stated_again(subject: str, then: Any, now: Any) -> Line:
    """Whether values are as stated, numbers within `TOLERANCE`."""
    if same(then, now):
        return Line("agrees", subject, "as stated.")
    return Line("differs", subject, f"it is {now}, and the report states {then}.")


def same(then: Any, now: Any) -> bool:
    """Whether JSON values are equal, numbers within `TOLERANCE`."""
    if isinstance(then, dict) and isinstance(now, dict):
        return then.keys() == now.keys() and all(same(then[key], now[key]) for key in then)
    if isinstance(then, list) and isinstance(now, list):
        return len(then) == len(now) and all(map(same, then, now))
    if isinstance(then, (int, float)) and isinstance(now, (int, float)):
        return abs(then - now) <= TOLERANCE
    return bool(then == now)
