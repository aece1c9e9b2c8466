"""Ranges of the numbers in a card, so that an absurd one is refused before it allocates memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from inference.records import require
from inference.records.bounds import Range, shown

LARGEST_CARD = 64_000_000
"""Most bytes of a card's file; the calibrations of a shipped model take a sixth of a megabyte."""
_DEEPEST = 32
"""Most levels of nested lists and objects; a run's settings take five."""
_LONGEST_WHOLE = 2**63
"""Whole numbers are smaller in magnitude, as seeds and counts are in every library behind a card."""


CLASSES = Range(0, 10_000)
"""Number of classes: an examiner reads the list, and the last layer of a network has a row for each."""
ARGUMENTS = {
    "classes": CLASSES,
    # The KAG-MTLN paper has 512; with 2048 channels of ResNet in 21 cells, 4096 take 700 MB.
    "hidden": Range(1, 4096),
    # Every convolution takes the width squared: 1024 take 38 MB each.
    "channels": Range(1, 1024),
    # The FCOS paper has 4 in each branch.
    "convolutions": Range(0, 16),
    # An intersection over union.
    "overlap": Range(0, 1),
    # The HMS paper's s is 90.
    "scale": Range(1e-6, 1e6),
    # ResNet152 takes some fifty steps.
    "steps_in_head": Range(0, 1000),
}
"""Ranges of the networks' arguments."""
HEATMAP_FULL_SCALE = Range(1e-9, 1e9)
"""Nats a cell of a raw heatmap; training never states less than 1e-6."""


def require_arguments(arguments: Mapping[str, Any]) -> None:
    """Check the ranges of a network's arguments; the network itself checks their types.

    Raises:
        ValueError: if a number is out of its range; the message names the first.
    """
    for name, range_of in ARGUMENTS.items():
        value = arguments.get(name)
        if isinstance(value, (int, float)):
            range_of.require(f"arguments.{name}", value)


def require_numbers(value: Any, where: str = "", depth: int = 0) -> None:
    """Check all numbers in a card's JSON.

    Raises:
        ValueError: if a number is NaN, infinite or beyond 63 bits, or the nesting is too deep; the message names the
            field.
    """
    require(depth <= _DEEPEST, f"{where.partition('.')[0] or 'it'} is nested more than {_DEEPEST} deep")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            require_numbers(inner, f"{where}.{name}" if where else name, depth + 1)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            require_numbers(inner, f"{where}.{number}", depth + 1)
    elif isinstance(value, float):
        require(math.isfinite(value), f"{where} is {value}, not a finite number")
    elif isinstance(value, int):
        require(abs(value) < _LONGEST_WHOLE, f"{where} is {shown(value)}, a number beyond 63 bits")
