"""Checks of a record's fields, and refusals."""

from __future__ import annotations


class Refusal(ValueError):  # noqa: N818 - a refusal is a term here, and not an error of the program
    """One sentence in place of a result: what cannot be done, why, and what to do."""


def require(condition: bool, message: str) -> None:
    """Check a record's field.

    Raises:
        ValueError: with `message` unless `condition` holds.
    """
    if not condition:
        raise ValueError(message)
