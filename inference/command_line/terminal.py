"""What a person at a terminal is told meanwhile."""

from __future__ import annotations

import sys


def told_on_terminal(what: str, share: float) -> None:
    """A line of progress, which the next one replaces; nothing where nobody looks."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{share:4.0%} {what}", end="\n" if share == 1 else "", file=sys.stderr, flush=True)
