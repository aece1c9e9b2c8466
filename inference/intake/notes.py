"""The notes on a file while it is read, and its refusal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from inference.records import Refusal

MAX_TEXT = 200
"""Characters after which a metadata value is cut."""


class ExhibitRefused(Refusal):
    """A file that is not examined; one sentence names it and the reason."""


@dataclass(frozen=True)
class Notes:
    """The notes on one file while it is read.

    Attributes:
        name: The file's name as shown.
        conversions: Every change between the stored and the examined pixels, in order, as sentences.
        warnings: What an examiner should know of the file, as sentences.
    """

    name: str
    conversions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def printable(text: str, replacement: str = "") -> str:
    """The text, with each non-printable character replaced."""
    return "".join(letter if letter.isprintable() else replacement for letter in text)


def as_text(value: Any) -> str:
    """A tag's value as one line, cut to length; empty for a binary value."""
    if isinstance(value, tuple):
        return ", ".join(filter(None, map(as_text, value[:MAX_TEXT])))[:MAX_TEXT]
    if isinstance(value, (bytes, dict)):
        return ""
    return printable(str(value)[:MAX_TEXT]).strip()


def not_read(name: str, kind: str, instead: str) -> ExhibitRefused:
    """The refusal of a kind of file that may be intact.

    Args:
        name: The file's name as shown.
        kind: Its kind, with an article.
        instead: The kind to save it as, with an article.
    """
    return ExhibitRefused(f"{name} is {kind}, and that kind is not read, even if it is intact; save it as {instead}.")
