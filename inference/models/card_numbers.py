"""What the numbers of a card may be, so that an absurd one is refused before anything is made of its size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from inference.records import require
from inference.records.bounds import Range, shown

LARGEST_CARD = 64_000_000
"""Bytes of a card's file. The calibrations of a shipped model are a sixth of a megabyte."""
_DEEPEST = 32
"""Lists and objects inside each other: a run's settings take five."""
_LONGEST_WHOLE = 2**63
"""Whole numbers stay below it either way, as seeds and counts do in every library behind a card."""


CLASSES = Range(0, 10_000)
"""An examiner reads the list; the last layer of a network has a row for each."""
ARGUMENTS = {
    "classes": CLASSES,
    # KAG-MTLN's paper has 512; beside ResNet's 2048 channels in 21 cells, 4096 take 700 MB.
    "hidden": Range(1, 4096),
    # The pyramid's width squared is in every convolution: 1024 take 38 MB in each.
    "channels": Range(1, 1024),
    # FCOS's paper has 4 a branch.
    "convolutions": Range(0, 16),
    # An intersection over union.
    "overlap": Range(0, 1),
    # The HMS paper's s is 90.
    "scale": Range(1e-6, 1e6),
    # ResNet152 takes some fifty steps.
    "steps_in_head": Range(0, 1000),
}
"""Of the networks' arguments."""
HEATMAP_FULL_SCALE = Range(1e-9, 1e9)
"""A raw map is in nats a place; training never states less than 1e-6."""


def require_arguments(arguments: Mapping[str, Any]) -> None:
    """Guard a network's arguments; of what kind each must be, the network itself knows.

    Raises:
        ValueError: naming the first number that is out of its range.
    """
    for name, range_of in ARGUMENTS.items():
        value = arguments.get(name)
        if isinstance(value, (int, float)):
            range_of.require(f"arguments.{name}", value)


def require_numbers(value: Any, where: str = "", depth: int = 0) -> None:
    """Guard all that a card's JSON holds.

    Raises:
        ValueError: naming the field whose number is none, infinite or beyond 63 bits, or that holds lists in lists
            without end.
    """
    require(depth <= _DEEPEST, f"{where.partition('.')[0] or 'it'} is nested more than {_DEEPEST} deep")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            require_numbers(inner, f"{where}.{name}" if where else name, depth + 1)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            require_numbers(inner, f"{where}.{number}", depth + 1)
    elif isinstance(value, float):
        require(math.isfinite(value), f"{where} is {value}, which is no number to work with")
    elif isinstance(value, int):
        require(abs(value) < _LONGEST_WHOLE, f"{where} is {shown(value)}, a number beyond 63 bits")
