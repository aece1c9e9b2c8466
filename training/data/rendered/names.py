"""Names of brands and houses that do not exist."""

from __future__ import annotations

import numpy as np

_ONSETS = (
    *[
        "b",
        "br",
        "c",
        "ch",
        "cl",
        "d",
        "dr",
        "f",
        "fl",
        "g",
        "gr",
        "h",
        "j",
        "k",
        "kr",
        "l",
        "m",
        "n",
        "p",
        "pr",
        "qu",
        "r",
        "s",
        "sh",
        "st",
        "t",
        "tr",
        "v",
        "w",
        "x",
        "y",
        "z",
    ],
    "",
)
_NUCLEI = ("a", "e", "i", "o", "u", "ai", "ea", "io", "oo", "y")
_CODAS = ("", "", "", "n", "r", "s", "l", "x", "m", "t", "nd", "rt", "ck")


def invented(rng: np.random.Generator) -> str:
    """A name of two or three syllables, in small letters, capitalised or in capitals."""
    spelt = "".join(
        str(rng.choice(part)) for _ in range(int(rng.integers(2, 4))) for part in (_ONSETS, _NUCLEI, _CODAS)
    )
    spelt = spelt[:10]
    case = rng.random()
    return spelt.upper() if case < 0.45 else spelt.capitalize() if case < 0.8 else spelt
