"""The scope gate: whether a part looks at all like what a model was made for.

A network that was trained on one kind of goods goes blind to everything else and judges it with confidence. So this
question is put to an embedding that was never trained on the goods (`inference.embedding`), as two distances to the
training photos: to the nearest of them, and to their middle in units of their spread. The thresholds are fitted by
`training.scope`; here they are only applied.

Source: nearest neighbours, Y. Sun et al.: Out-of-Distribution Detection with Deep Nearest Neighbors, 2022; distance in
units of spread, K. Lee et al.: A Simple Unified Framework for Detecting Out-of-Distribution Samples, 2018; a frozen
embedding in place of the trained network's own, arXiv 2603.11269.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inference.measures import MEASURES
from inference.records import ScopeCheck, require

Rows = NDArray[np.float64]

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
        usual: Of each measure of `inference.measures` that is checked, what all but 1% of the sources keep to.
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
    sees: Literal["part", "registered part", "ink"] = "part"

    def __post_init__(self) -> None:
        require(
            1 <= self.neighbours <= MOST_EMBEDDINGS,
            f"a nearest neighbour is at least the first and one of {MOST_EMBEDDINGS}: neighbours is {self.neighbours}",
        )
        require(0 < self.farthest_neighbour <= 2, f"a cosine distance is up to 2, not {self.farthest_neighbour}")
        # About 1 is usual.
        require(0 < self.farthest_spread <= 1e6, f"a distance is above 0: farthest_spread is {self.farthest_spread}")
        require(0 < self.false_refusals < 1, f"a share lies between 0 and 1, not {self.false_refusals}")
        require(self.usual.keys() <= MEASURES.keys(), f"there are measures {', '.join(MEASURES)}, not {[*self.usual]}")
        require(
            LEAST_SOURCES <= self.sources <= MOST_EMBEDDINGS,
            f"a gate stands on {LEAST_SOURCES} sources, not {self.sources}, and on no more than {MOST_EMBEDDINGS}",
        )


class Distances(NamedTuple):
    """How far a part lies from training photos.

    Attributes:
        neighbour: Cosine distance to the k-th nearest, 0 to 2.
        spread: Distance to their middle, in their spread (Mahalanobis), >= 0; about 1 an entry of the embedding.
    """

    neighbour: float
    spread: float


class ScopeGate:
    """Tells parts of a model's own kind from foreign ones; it keeps no state, threads may share it.

    Args:
        card: Where it refuses.
        embeddings: Of the training photos, float16 (n, d), each of length 1.

    Raises:
        ValueError: if these make no gate.
    """

    def __init__(self, card: GateCard, embeddings: NDArray[np.float16]) -> None:
        require(embeddings.dtype == np.float16 and embeddings.ndim == 2, "embeddings are float16 (n, d)")
        require(len(embeddings) <= MOST_EMBEDDINGS, f"{len(embeddings)} embeddings are more than a gate can weigh")
        require(len(embeddings) >= card.sources, f"{len(embeddings)} embeddings are not of {card.sources} sources")
        require(card.neighbours <= len(embeddings), f"{len(embeddings)} embeddings have no neighbour {card.neighbours}")
        self.card = card
        self.embeddings = embeddings
        self._rows = as_rows(embeddings)
        self._spread = Spread(self._rows @ self._rows.T, self._rows.shape[1])

    def distances(self, embedding: NDArray[np.float32]) -> Distances:
        """How far an embedding (d,), of length 1, lies from the training photos."""
        similarity = self._rows @ embedding.astype(np.float64)
        length = float(np.square(embedding.astype(np.float64)).sum())
        return Distances(
            neighbour_distance(similarity, self.card.neighbours), float(self._spread(similarity[:, None], length)[0])
        )

    def check(self, embedding: NDArray[np.float32]) -> ScopeCheck:
        """Whether a part with this embedding (d,) is of the model's own kind; the number is the larger excess.

        The check's value is the larger of the two distances as a multiple of its threshold; above 1 it refuses.
        """
        found, card = self.distances(embedding), self.card
        nearest, middle = found.neighbour / card.farthest_neighbour, found.spread / card.farthest_spread
        excess = max(nearest, middle)
        numbers = (
            f"it lies at {nearest:.3f} of the distance that is allowed from the nearest training pictures, and at "
            f"{middle:.3f} of that from their middle"
        )
        if excess > 1:
            text = (
                f"The part is unlike everything the model was made for ({numbers}): choose the model for this kind, or "
                "crop to the part and show it as the training pictures do."
            )
            return ScopeCheck("kind", "refuse", excess, text)
        return ScopeCheck("kind", "ok", excess, f"The part is of the kind the model was made for: {numbers}.")


class Spread:
    """Squared lengths in units of a set's own spread: its covariance, shrunk so that few rows do for many entries.

    Everything is taken from inner products, since there are fewer rows than entries: with rows Z less their mean, the
    shrunk covariance is (1 - r) Z'Z / n + r v I, and its inverse follows from a matrix of n x n.

    Args:
        gram: Inner products of the rows with each other (n, n), not centred.
        entries: Entries of a row.

    Source:
        O. Ledoit, M. Wolf: A well-conditioned estimator for large-dimensional covariance matrices, 2004; the inverse by
        Woodbury's identity.
    """

    def __init__(self, gram: Rows, entries: int) -> None:
        self._entries = entries
        self._row_means = gram.mean(1)
        self._mean = float(gram.mean())
        centred = gram - self._row_means[:, None] - self._row_means[None, :] + self._mean
        shrinkage, variance = ledoit_wolf(centred, entries)
        require(shrinkage * variance > 0, "the embeddings are all alike, or more than their entries")
        self._ridge = shrinkage * variance
        self._weight = (1 - shrinkage) / len(gram)
        self._inverse = np.linalg.inv(self._weight * centred + self._ridge * np.eye(len(gram)))

    def __call__(self, products: Rows, lengths: Rows | float) -> Rows:
        """Distances (m,) of m other rows from the mean, per entry: the root of the mean square.

        Args:
            products: Inner products of the set's rows with the others (n, m), not centred.
            lengths: Squared lengths of the others (m,).
        """
        to_mean = products.mean(0)
        centred = products - self._row_means[:, None] - to_mean[None, :] + self._mean
        squared = lengths - 2 * to_mean + self._mean
        explained = self._weight * np.einsum("im,ij,jm->m", centred, self._inverse, centred, optimize=True)
        return np.asarray(np.sqrt(np.maximum((squared - explained) / self._ridge, 0) / self._entries))


def ledoit_wolf(centred: Rows, entries: int) -> tuple[float, float]:
    """How far a covariance is to be shrunk to a multiple of the identity, 0 to 1, and the mean variance of an entry.

    Args:
        centred: Inner products (n, n) of n rows less their mean.
        entries: Entries of a row.
    """
    n = len(centred)
    variance = float(np.trace(centred)) / (n * entries)
    squared = float(np.square(centred).sum()) / n**2
    dispersion = squared / entries - variance**2
    error = (float(np.square(np.diag(centred)).sum()) / n - squared) / (entries * n)
    return (min(error / dispersion, 1.0) if dispersion > 0 else 1.0), variance


def neighbour_distance(similarity: Rows, neighbours: int) -> float:
    """Cosine distance to the k-th nearest, from the inner products (n,) with all of length 1."""
    return float(1 - np.partition(similarity, -neighbours)[-neighbours])


def as_rows(embeddings: NDArray[np.float16]) -> Rows:
    """Stored embeddings (n, d) at full precision, each of length 1 again."""
    rows = embeddings.astype(np.float64)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
