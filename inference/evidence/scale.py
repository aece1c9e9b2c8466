"""Verbal scales: words for likelihood ratios."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from inference.records import Refusal, require

NEUTRAL_LR = 2.0
"""Up to this likelihood ratio, for either side, the findings support neither."""


class ScaleRefused(Refusal):
    """A verbal scale that cannot be read or used."""


@dataclass(frozen=True)
class VerbalScale:
    """Words for likelihood ratios; they stand beside the number and never replace it.

    Attributes:
        name: Name of the scale in a report.
        source: Where it was published.
        above: Words of support, each with the likelihood ratio above which it holds (>= 1, ascending); an edge belongs
            to the band below it. Up to the first edge, the findings support neither side.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    source: str
    above: dict[str, float]

    def __post_init__(self) -> None:
        edges = [*self.above.values()]
        require(bool(edges), "a verbal scale needs at least one band")
        require(all(math.isfinite(edge) and edge >= 1 for edge in edges), "a band begins at a finite LR of 1 or more")
        require(all(low < high for low, high in pairwise(edges)), "list the bands from the weakest to the strongest")

    @classmethod
    def read(cls, path: Path) -> VerbalScale:
        """A laboratory's own scale, from JSON such as {"name": "...", "source": "...", "above": {"weak": 2, ...}}.

        Raises:
            ScaleRefused: if the file cannot be read, or is not such a scale.
        """
        try:
            return _SCALE.validate_json(path.read_bytes(), strict=True)
        except OSError as error:
            msg = f"The verbal scale {path.name} cannot be read in {path.parent}; check its name and permissions."
            raise ScaleRefused(msg) from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(step) for step in first["loc"]) or "the file"
            msg = (
                f"{path.name} is not a verbal scale: {where}: {first['msg']}; state a name, a source, and under "
                f'"above" each word of support with the likelihood ratio above which it holds.'
            )
            raise ScaleRefused(msg) from error

    def support(self, log10_lr: float) -> str | None:
        """The word for the strength of the support, for either side; None if there is no support."""
        words = [word for word, edge in self.above.items() if abs(log10_lr) > math.log10(edge)]
        return words[-1] if words else None

    def sentence(self, log10_lr: float, propositions: tuple[str, str]) -> str:
        """A likelihood ratio of H1 against H2 in words; it speaks of the findings, never of a proposition itself."""
        support = self.support(log10_lr)
        if support is None:
            return "The findings do not support one proposition over the other."
        favoured, other = propositions if log10_lr > 0 else propositions[::-1]
        return f"The findings provide {support} support for the proposition that {favoured} rather than that {other}."


_SCALE = TypeAdapter(VerbalScale)

ENFSI_2015 = VerbalScale(
    name="ENFSI 2015",
    source="European Network of Forensic Science Institutes: Guideline for Evaluative Reporting in Forensic Science, "
    "2015",
    above={
        "weak": NEUTRAL_LR,
        "moderate": 10,
        "moderately strong": 100,
        "strong": 1_000,
        "very strong": 10_000,
        "extremely strong": 1_000_000,
    },
)
"""The scale of the guideline; its band from 1 to 2 has no word of support."""
