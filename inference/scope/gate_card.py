"""The scope gate in a card; `inference.scope.gate` applies it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from inference.records import require

Sees = Literal["part", "registered part", "ink"]
"""What a gate tells a kind by."""

MEASURE_NAMES = ("blur", "exposure", "compression", "noise", "moire", "colours")
"""Every measure for which a gate may state a usual value; `inference.scope.measures` computes them."""
LEAST_SOURCES = 19
"""Least number of sources: fewer give no distance that 95% of parts stay below."""
MOST_EMBEDDINGS = 10_000
"""Most embeddings of a gate; their inner products take 800 MB."""


@dataclass(frozen=True)
class GateCard:
    """The data and the thresholds of a scope gate.

    Attributes:
        neighbours: The k of the k-th nearest neighbour, >= 1.
        farthest_neighbour: Greatest cosine distance to that neighbour, up to 2; above it a part is refused.
        farthest_spread: Greatest distance to the middle of the training photos, in their spread, > 0; above it too.
        false_refusals: Share of parts of the model's own kind that may be refused, 0 to 1.
        rule: How the thresholds were found, in words.
        sources: Number of training sources behind them, at least 19.
        usual: For each checked measure (`MEASURE_NAMES`), the value that 99% of the sources stay below.
        embedding_sha256: SHA-256 of the weights of the embedding.
        sees: The view that is embedded: the cropped part, the registered part, or the ink of a framed mark whatever its
            colour.
        unusual: Share of the greatest distances above which a part is examined with a warning, up to 1: 1 for a gate
            that only refuses.
    """

    neighbours: int
    farthest_neighbour: float
    farthest_spread: float
    false_refusals: float
    rule: str
    sources: int
    usual: dict[str, float]
    embedding_sha256: str
    sees: Sees = "part"
    unusual: float = 1.0

    def __post_init__(self) -> None:
        require(
            1 <= self.neighbours <= MOST_EMBEDDINGS,
            f"neighbours lies between 1 and {MOST_EMBEDDINGS}, not at {self.neighbours}",
        )
        require(0 < self.farthest_neighbour <= 2, f"a cosine distance is up to 2, not {self.farthest_neighbour}")
        # About 1 is usual.
        require(0 < self.farthest_spread <= 1e6, f"a distance is above 0: farthest_spread is {self.farthest_spread}")
        require(0 < self.unusual <= 1, f"a warning comes before the refusal: unusual is {self.unusual}")
        require(0 < self.false_refusals < 1, f"a share lies between 0 and 1, not {self.false_refusals}")
        require(
            self.usual.keys() <= {*MEASURE_NAMES}, f"there are measures {', '.join(MEASURE_NAMES)}, not {[*self.usual]}"
        )
        require(
            LEAST_SOURCES <= self.sources <= MOST_EMBEDDINGS,
            f"a gate needs {LEAST_SOURCES} to {MOST_EMBEDDINGS} sources, not {self.sources}",
        )
