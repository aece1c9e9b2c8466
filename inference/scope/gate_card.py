"""What a card states of a scope gate; `inference.scope.gate` applies it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from inference.records import require

Sees = Literal["part", "registered part", "ink"]
"""What a gate tells a kind by."""

MEASURE_NAMES = ("blur", "exposure", "compression", "noise", "moire", "colours")
"""Every measure a gate may hold a usual value of; `inference.scope.measures` takes them."""
LEAST_SOURCES = 19
"""Under so many sources no distance is known that all but 5% keep under."""
MOST_EMBEDDINGS = 10_000
"""Their inner products take 800 MB."""


@dataclass(frozen=True)
class GateCard:
    """What a scope gate was fitted on, and where it refuses.

    Attributes:
        neighbours: The nearest neighbour that counts, >= 1.
        farthest_neighbour: Cosine distance to it above which a part is refused, up to 2.
        farthest_spread: Distance to the middle of the training photos, in their spread, above which it is, > 0.
        false_refusals: Share of parts of the model's own kind that may be refused, 0 to 1.
        rule: How the thresholds were found, in words.
        sources: Training sources behind them, at least 19.
        usual: Of each measure (`MEASURE_NAMES`) that is checked, what all but 1% of the sources keep to.
        embedding_sha256: SHA-256 of the weights of the embedding.
        sees: What the embedding looks at: the part as it was cropped, or registered to its reference, or the ink of a
            framed mark, whatever its colour.
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

    def __post_init__(self) -> None:
        require(
            1 <= self.neighbours <= MOST_EMBEDDINGS,
            f"a nearest neighbour is at least the first and one of {MOST_EMBEDDINGS}: neighbours is {self.neighbours}",
        )
        require(0 < self.farthest_neighbour <= 2, f"a cosine distance is up to 2, not {self.farthest_neighbour}")
        # About 1 is usual.
        require(0 < self.farthest_spread <= 1e6, f"a distance is above 0: farthest_spread is {self.farthest_spread}")
        require(0 < self.false_refusals < 1, f"a share lies between 0 and 1, not {self.false_refusals}")
        require(
            self.usual.keys() <= {*MEASURE_NAMES}, f"there are measures {', '.join(MEASURE_NAMES)}, not {[*self.usual]}"
        )
        require(
            LEAST_SOURCES <= self.sources <= MOST_EMBEDDINGS,
            f"a gate stands on {LEAST_SOURCES} sources, not {self.sources}, and on no more than {MOST_EMBEDDINGS}",
        )
