"""Ranges of numbers, so that an absurd number is refused."""

from __future__ import annotations

from typing import NamedTuple

from inference.records.validation import require


class Range(NamedTuple):
    """The least and the greatest value of a number."""

    least: float
    greatest: float

    def require(self, name: str, value: float) -> None:
        """Check a number.

        Raises:
            ValueError: if it is outside the range or not a number; the message names it.
        """
        require(
            self.least <= value <= self.greatest,
            f"{name} lies between {self.least:g} and {self.greatest:g}, not at {shown(value)}",
        )


def shown(value: float) -> str:
    """A number as text, shortened if long."""
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}… ({len(text)} digits)"
