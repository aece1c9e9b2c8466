"""Codes find the vectors that point the same way, and no fewer than are asked for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.register import codes
from inference.register.codes import BITS, CodeScan, codes_of


def directions(count: int, channels: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, channels)).astype(np.float32)


def differing(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> int:
    """Signs in which two codes differ, one by one."""
    return sum(
        (int(a) >> place) & 1 != (int(b) >> place) & 1 for a, b in zip(one, other, strict=True) for place in range(64)
    )


@pytest.mark.parametrize("channels", [2, 3, 8, 100, 256, 512, 1536])
def test_the_share_of_differing_signs_is_that_of_the_angle(channels: int) -> None:
    one, other = directions(2, channels)
    for turned in (one, 3 * one, one + other, other, -one):
        cosine = one @ turned / np.linalg.norm(one) / np.linalg.norm(turned)
        expected = np.arccos(np.clip(cosine, -1, 1)) / np.pi
        share = differing(*codes_of(np.stack([one, turned]))) / BITS
        assert share == pytest.approx(expected, abs=0.08)


def test_codes_are_the_same_on_every_machine() -> None:
    """A register is copied to other machines, and its codes with it."""
    drawn = np.sin(np.arange(3 * 8, dtype=np.float32)).reshape(3, 8)
    assert [f"{word:016x}" for word in codes_of(drawn)[:, 0].tolist()] == [
        "aa5a17b4555a71d2",
        "005af08f445a660e",
        "55a5e84baaa59f2d",
    ]


@pytest.mark.parametrize("count", [1, 50, 300])
@pytest.mark.parametrize("most", [1, 7, 50, 1000])
@pytest.mark.parametrize("filtered", [False, True])
def test_the_nearest_are_those_of_every_pair_of_codes(
    count: int, most: int, filtered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "_SCANNED_AT_ONCE", 64)
    held = codes_of(directions(count, 8).round())  # Rounded, so that several differ in as many signs.
    query = codes_of(directions(1, 8, seed=1))[0]
    among = np.arange(count) % 3 == 0 if filtered else None
    counted = {number: differing(code, query) for number, code in enumerate(held) if number % 3 == 0 or not filtered}
    last = sorted(counted.values())[:most][-1]
    expected = [number for number, value in counted.items() if value <= last]
    assert CodeScan(held).nearest(query, most, among).tolist() == expected
    halves = CodeScan.joined([CodeScan(held[: count // 2]), CodeScan(held[count // 2 :])])
    assert halves.nearest(query, most, among).tolist() == expected


def test_nothing_is_near_where_nothing_is() -> None:
    query = codes_of(directions(1, 8))[0]
    assert CodeScan(codes_of(directions(0, 8))).nearest(query, 5).tolist() == []
    assert CodeScan(codes_of(directions(4, 8))).nearest(query, 5, np.zeros(4, bool)).tolist() == []


def test_enough_codes_hold_the_nearest_vectors() -> None:
    """Vectors of the spectrum of embeddings, where a few directions hold most: 95 of the nearest 100 among 500."""
    scale = 1 / np.sqrt(1 + np.arange(256, dtype=np.float32))
    held, queries = directions(20_000, 256) * scale, directions(10, 256, seed=1) * scale
    scan, codes = CodeScan(codes_of(held)), codes_of(queries)
    unit = held / np.linalg.norm(held, axis=1, keepdims=True)
    kept = [
        np.isin(np.argsort(-unit @ query)[:10], scan.nearest(code, 500)).mean()
        for query, code in zip(queries, codes, strict=True)
    ]
    assert np.mean(kept) >= 0.95
