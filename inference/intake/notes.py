"""What is written down of a file while it is read, and how it is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from inference.records import Refusal

MAX_TEXT = 200
"""Characters after which a value a file states of itself is cut."""


class ExhibitRefused(Refusal):
    """A file that is not examined, with the reason in one sentence that names it."""


@dataclass(frozen=True)
class Notes:
    """What is written down of one file while it is read.

    Attributes:
        name: The file's name as it is shown.
        conversions: Every change between the stored and the examined pixels, in order, as sentences.
        warnings: What an examiner should know of the file, as sentences.
    """

    name: str
    conversions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def printable(text: str, replacement: str = "") -> str:
    """The text with each letter that does not print replaced."""
    return "".join(letter if letter.isprintable() else replacement for letter in text)


def as_text(value: Any) -> str:
    """A tag's value as one line, cut; nothing for a binary one."""
    if isinstance(value, tuple):
        return ", ".join(filter(None, map(as_text, value[:MAX_TEXT])))[:MAX_TEXT]
    if isinstance(value, (bytes, dict)):
        return ""
    return printable(str(value)[:MAX_TEXT]).strip()
