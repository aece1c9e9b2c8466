"""Bounds of numbers, so that an absurd one is refused."""

from __future__ import annotations

from typing import NamedTuple

from inference.records.validation import require


class Range(NamedTuple):
    """The least and the greatest that a number may be."""

    least: float
    greatest: float

    def require(self, name: str, value: float) -> None:
        """Guard a number.

        Raises:
            ValueError: naming it, if it is not in the range, or no number.
        """
        require(
            self.least <= value <= self.greatest,
            f"{name} lies between {self.least:g} and {self.greatest:g}, not at {shown(value)}",
        )


def shown(value: float) -> str:
    """A number as text, the middle of a long one left out."""
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}… ({len(text)} digits)"
