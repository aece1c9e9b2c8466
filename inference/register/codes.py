"""Vectors that point most nearly the same way, by the signs of their coordinates; every one is looked at.

A vector is turned by fixed random rotations, and of each coordinate the sign is kept: 512 numbers are 64 bytes. The
share of signs in which two codes differ grows with the angle between their vectors, so that the nearest codes hold the
nearest vectors, if enough of them are taken. A scan of all codes needs no graph that depends on the order in which
marks came: it finds the same ones in every copy, and takes any choice of marks for an answer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import shake_256

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard

BITS = 512
"""Signs of a code."""
_WORDS = BITS // 64
_SCANNED_AT_ONCE = 1 << 17
"""Codes of one step of a scan; what it writes stays in a core's cache."""

Codes = NDArray[np.uint64]
"""Codes (n, BITS / 64)."""


def codes_of(vectors: NDArray[np.floating]) -> Codes:
    """The codes (n, BITS / 64) of vectors (n, C) of any length."""
    signs = np.asarray(vectors, np.float32) @ _rotations(vectors.shape[1]) > 0
    return np.packbits(signs, axis=1).view(np.uint64)


class CodeScan:
    """Many codes, ready to be scanned. Threads may share it.

    Args:
        codes: The codes (n, BITS / 64).
    """

    def __init__(self, codes: Codes) -> None:
        # A word of all codes lies together: each step reads and writes in a line.
        self._words = np.ascontiguousarray(codes.T)

    def __len__(self) -> int:
        return self._words.shape[1]

    @classmethod
    def joined(cls, parts: Sequence[CodeScan]) -> CodeScan:
        """The codes of several, one after the other."""
        return cls(np.concatenate([one._words for one in parts], axis=1).T)

    def nearest(self, code: Codes, most: int, among: NDArray[np.bool_] | None = None) -> NDArray[np.intp]:
        """Numbers, in rising order, of the codes that differ from a code in the fewest signs.

        Args:
            code: The code (BITS / 64,).
            most: How many; more where several differ in as many signs as the last one, since none of these is nearer.
            among: Which codes are looked at (n,); by default all.
        """
        if among is not None:
            looked_at = np.flatnonzero(among)
            return looked_at[_fewest(self._differing(code)[looked_at], most)]
        return _fewest(self._differing(code), most)

    def _differing(self, code: Codes) -> NDArray[np.uint16]:
        """In how many signs each code differs from one (n,)."""
        found = np.empty(len(self), np.uint16)
        starts = range(0, len(self), _SCANNED_AT_ONCE)

        def scan(start: int) -> None:
            of = slice(start, start + _SCANNED_AT_ONCE)
            into = found[of]
            into[:] = 0
            differing, signs = np.empty(len(into), np.uint64), np.empty(len(into), np.uint8)
            for words, word in zip(self._words, code, strict=True):
                np.bitwise_count(np.bitwise_xor(words[of], word, out=differing), out=signs)
                np.add(into, signs, out=into)

        if len(starts) == 1:
            scan(0)
        else:
            [*_threads().map(scan, starts)]
        return found


def _fewest(values: NDArray[np.uint16], most: int) -> NDArray[np.intp]:
    """Numbers of the smallest `most` values, and of all that equal the last of them."""
    if most >= len(values):
        return np.arange(len(values))
    return np.flatnonzero(values <= np.partition(values, most - 1)[most - 1])


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count())


@cache
def _rotations(channels: int) -> NDArray[np.float32]:
    """Random rotations side by side (C, BITS): each mixes every coordinate twice, with signs that never change."""
    side = max(64, 1 << (channels - 1).bit_length())
    mixed = hadamard(side).astype(np.float32) / np.float32(np.sqrt(side))
    turned = [
        ((_signs(f"{number} before", side)[:, None] * mixed) @ (_signs(f"{number} between", side)[:, None] * mixed))
        for number in range(-(-BITS // side))
    ]
    return np.concatenate(turned, axis=1)[:channels, :BITS]


def _signs(name: str, count: int) -> NDArray[np.float32]:
    drawn = np.frombuffer(shake_256(name.encode()).digest(-(-count // 8)), np.uint8)
    return np.where(np.unpackbits(drawn, count=count), np.float32(1), np.float32(-1))
