"""Which marks of a register a mark resembles: several rankings, each from its own views of both.

A ranking is by the log odds of the network's own head. The mark is seen as it is, without colour, and in its seven
other rotations and mirrorings, each beside the whole registered marks; and it is looked for among the elements of the
registered marks, and these among its own: one sign inside the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from inference.records import Crop, Exhibit, RankingName
from inference.register.store import Store, View
from inference.trademark.embedder import MarkEmbedder

_Scored = tuple[str, NDArray[np.float64]]
"""What was done, in words, and the log odds (n,) of each picture."""


@dataclass(frozen=True)
class Resemblance:
    """A picture of the register that a mark resembles.

    Attributes:
        picture: Its number.
        log_odds: Of the two, log P(similar) - log P(dissimilar), in nats.
        how: Which views of both it is of, in words.
    """

    picture: int
    log_odds: float
    how: str


class Search:
    """A register as it stands, ready to be searched; every mark is scored, so that none is missed.

    Args:
        store: The register.
        embedder: What embeds its marks.
    """

    def __init__(self, store: Store, embedder: MarkEmbedder) -> None:
        self.version = store.version
        self._embedder = embedder
        self._views = {view: store.embeddings(view) for view in get_args(View)}
        self._pictures, _ = self._views["whole"]

    def rankings(
        self, exhibit: Exhibit, crop: Crop | None, most: int, among: NDArray[np.int64] | None = None
    ) -> dict[RankingName, list[Resemblance]]:
        """The most similar pictures of each ranking, the most similar first; of equals the first taken in.

        Args:
            exhibit: The mark.
            crop: What of it is searched for; None for the whole picture.
            most: How many of each ranking.
            among: Numbers of the pictures that are looked at; by default all.

        Raises:
            Refusal: if it shows no mark that can be compared, or the crop reaches outside the picture.
        """
        framed = self._embedder.framed(exhibit, crop)
        (mark,) = self._embedder.embedded([framed])
        turned = self._embedder.turned(framed)
        scored: dict[RankingName, list[_Scored]] = {
            "as it is": [("both as they are", self._beside("whole", mark.whole))],
            "without colour": [("both in grey", self._beside("grey", mark.grey))],
            "turned or mirrored": [
                (f"the mark {how}", self._beside("whole", embedding)) for how, embedding in turned.items()
            ],
            "part of it": [
                ("the mark as an element of the registered one", self._beside("element", mark.whole)),
                *(
                    (f"the registered mark as the element at {place}", self._beside("whole", embedding))
                    for place, embedding in zip(mark.places, mark.elements, strict=True)
                ),
            ],
        }
        looked_at = np.ones(len(self._pictures), bool) if among is None else np.isin(self._pictures, among)
        return {ranking: self._best(ways, looked_at, most) for ranking, ways in scored.items()}

    def _beside(self, view: View, embedding: NDArray[np.float32]) -> NDArray[np.float64]:
        """The log odds (n,) of an embedding beside each picture, beside its most similar one of several views."""
        pictures, embeddings = self._views[view]
        found = np.full(len(self._pictures), -np.inf)
        if len(pictures):
            place = np.searchsorted(self._pictures, pictures)
            np.maximum.at(found, place, self._embedder.log_odds(embedding, embeddings))
        return found

    def _best(self, ways: Sequence[_Scored], looked_at: NDArray[np.bool_], most: int) -> list[Resemblance]:
        scores = np.stack([values for _, values in ways])
        best, which = np.where(looked_at, scores.max(axis=0), -np.inf), scores.argmax(axis=0)
        order = np.argsort(-best, kind="stable")[:most]
        return [
            Resemblance(int(self._pictures[place]), float(best[place]), ways[which[place]][0])
            for place in order
            if np.isfinite(best[place])
        ]
