"""Which marks of a register a mark resembles: several rankings, each from its own views of both.

The mark is seen as it is, without colour, and in its seven other rotations and mirrorings, each beside the whole
registered marks; and it is looked for among the elements of the registered marks, and these among its own: one sign
inside the other. Vectors find the candidates of each view, and the log odds of the network's own head rank them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.records import Crop, Exhibit, RankingName
from inference.register.store import Reading, View
from inference.trademark.embedder import Embedding, MarkEmbedder

CANDIDATES = 1000
"""Views that vectors find for each view of the mark; the head scores all of them."""

_Way = tuple[View, str, Embedding]
"""A view of the registered marks, what is laid beside it, in words, and its embedding (C,)."""


@dataclass(frozen=True)
class Resemblance:
    """A picture of the register that a mark resembles.

    Attributes:
        digest: SHA-256 of its file.
        log_odds: Of the two, log P(similar) - log P(dissimilar), in nats.
        how: Which views of both it is of, in words.
    """

    digest: str
    log_odds: float
    how: str


class Query:
    """A mark, seen in every way that a search needs.

    Args:
        embedder: What embeds it, and the marks of the register.
        exhibit: The mark.
        crop: What of it is searched for; None for the whole picture.

    Raises:
        Refusal: if it shows no mark that can be compared, or the crop reaches outside the picture.
    """

    def __init__(self, embedder: MarkEmbedder, exhibit: Exhibit, crop: Crop | None) -> None:
        self._embedder = embedder
        framed = embedder.framed(exhibit, crop)
        (mark,) = embedder.embedded([framed])
        turned = embedder.turned(framed)
        self._ways: dict[RankingName, list[_Way]] = {
            "as it is": [("whole", "both as they are", mark.whole)],
            "without colour": [("grey", "both in grey", mark.grey)],
            "turned or mirrored": [("whole", f"the mark {how}", embedding) for how, embedding in turned.items()],
            "part of it": [
                ("element", "the mark as an element of the registered one", mark.whole),
                *(
                    ("whole", f"the registered mark as the element at {place}", embedding)
                    for place, embedding in zip(mark.places, mark.elements, strict=True)
                ),
            ],
        }

    def rankings(self, reading: Reading, most: int) -> dict[RankingName, list[Resemblance]]:
        """The most similar pictures of each ranking, the most similar first; equals by their SHA-256.

        Args:
            reading: The register.
            most: How many of each ranking.
        """
        return {ranking: self._best(reading, ways, most) for ranking, ways in self._ways.items()}

    def _best(self, reading: Reading, ways: Sequence[_Way], most: int) -> list[Resemblance]:
        scored = [one for view in dict.fromkeys(view for view, *_ in ways) for one in self._scored(reading, view, ways)]
        pictures, log_odds = (np.concatenate([one[place] for one in scored]) for place in (0, 1))
        of_way = np.repeat(np.arange(len(scored)), [len(one[0]) for one in scored])
        best: dict[str, Resemblance] = {}
        for place in np.lexsort((pictures, -log_odds)):
            if len(best) == most:
                break
            digest = str(pictures[place])
            best.setdefault(digest, Resemblance(digest, float(log_odds[place]), scored[of_way[place]][2]))
        return [*best.values()]

    def _scored(
        self, reading: Reading, view: View, ways: Sequence[_Way]
    ) -> Iterator[tuple[NDArray[np.str_], NDArray[np.float64], str]]:
        """Candidates (n,), their log odds (n,), and of what, for each way of looking at that view."""
        own = [(how, embedding) for seen, how, embedding in ways if seen == view]
        pictures, embeddings = reading.nearest(view, np.stack([embedding for _, embedding in own]), CANDIDATES)
        for how, embedding in own:
            yield pictures, self._embedder.log_odds(embedding, embeddings), how
