"""The scope: which parts are judged at all, at the edges of each check."""

from __future__ import annotations

import statistics

import numpy as np
import pytest

from inference.records import CheckStatus, ScopeCheck
from inference.scope import physical_checks, refusal

SIZE = 64


def busy(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def dotted(low: int, high: int, channel: int | None = None) -> np.ndarray:
    """Half of the pixels low, half high, in one channel or in all."""
    part = np.full((40, 40, 3), low, np.uint8)
    part[::2, :, slice(None) if channel is None else channel] = high
    return part


@pytest.mark.parametrize(
    ("height", "width", "status"),
    [
        (3, 3, "refuse"),
        (7, 7, "refuse"),
        (7, 1, "refuse"),
        (8, 8, "warn"),
        (1, 8, "warn"),
        (8, 1, "warn"),
        (31, 20, "warn"),
        (32, 1, "ok"),
        (20, 32, "ok"),
        (64, 64, "ok"),
        (300, 500, "ok"),
    ],
)
def test_the_resolution_is_judged_by_the_long_side(height: int, width: int, status: CheckStatus) -> None:
    resolution, _ = physical_checks(busy(height, width), SIZE)
    assert (resolution.name, resolution.status, resolution.value) == ("resolution", status, max(height, width))
    assert str(max(height, width)) in resolution.text


@pytest.mark.parametrize("size", [32, 448])
def test_what_is_too_small_depends_on_what_the_network_sees(size: int) -> None:
    edge = size // 8
    statuses = [physical_checks(busy(side, side), size)[0].status for side in (edge - 1, edge)]
    assert statuses == ["refuse", "warn"]


@pytest.mark.parametrize(
    ("part", "status"),
    [
        (dotted(0, 0), "refuse"),
        (dotted(255, 255), "refuse"),
        (dotted(120, 123), "refuse"),
        (dotted(120, 124), "ok"),
        (dotted(120, 124, channel=2), "ok"),
        (dotted(120, 123, channel=0), "refuse"),
        (busy(40, 40), "ok"),
    ],
    ids=["black", "white", "faint", "visible", "in blue only", "faint in red", "busy"],
)
def test_a_blank_part_is_refused(part: np.ndarray, status: CheckStatus) -> None:
    _, content = physical_checks(part, SIZE)
    spread = max(statistics.pstdev(part[:, :, channel].ravel().tolist()) for channel in range(3))
    assert (content.name, content.status) == ("content", status)
    assert content.value == pytest.approx(spread)


def test_the_sentence_of_a_refusal_says_what_to_do() -> None:
    tiny, blank = busy(3, 3), np.zeros((64, 64, 3), np.uint8)
    assert refusal(physical_checks(tiny, SIZE)) == (
        "The part is only 3 pixels long, too few to judge; photograph it closer."
    )
    assert refusal(physical_checks(blank, SIZE)) == (
        "The part is blank (its values spread by 0.0 of 255); choose one with something on it."
    )


OK, WARN = ScopeCheck("content", "ok", 0.0, "A"), ScopeCheck("resolution", "warn", 0.0, "B")
REFUSE, REFUSE_TOO = ScopeCheck("content", "refuse", 0.0, "C"), ScopeCheck("resolution", "refuse", 0.0, "D")


@pytest.mark.parametrize(
    ("checks", "text"),
    [
        ([], None),
        ([OK], None),
        ([OK, WARN], None),
        ([WARN, REFUSE], "C"),
        ([OK, REFUSE_TOO, REFUSE], "D"),
    ],
)
def test_the_first_refusal_puts_a_part_out_of_scope(checks: list[ScopeCheck], text: str | None) -> None:
    assert refusal(checks) == text
