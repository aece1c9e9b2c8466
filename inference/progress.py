"""How long work says how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Told what is done, in words, and which share of all, 0 to 1."""


def untold(what: str, share: float) -> None:
    """Progress that nobody follows."""
