"""The scope gate: whether a part is of the kind that a model was made for.

A network that was trained on one kind of goods judges anything else with confidence. So the gate uses an embedding
that was never trained on the goods (`embedding`). It takes two distances from the training photos: to the nearest of
them, and to their middle in units of their spread. `training.assessment.gate` fits the thresholds; here they are only
applied.

Source: nearest neighbours, Y. Sun et al.: Out-of-Distribution Detection with Deep Nearest Neighbors, 2022; distance in
units of spread, K. Lee et al.: A Simple Unified Framework for Detecting Out-of-Distribution Samples, 2018; a frozen
embedding in place of the trained network's own, arXiv 2603.11269.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inference.records import ScopeCheck, require
from inference.scope.gate_card import MOST_EMBEDDINGS, GateCard

Rows = NDArray[np.float64]


class Distances(NamedTuple):
    """The distances of a part from training photos.

    Attributes:
        neighbour: Cosine distance to the k-th nearest, 0 to 2.
        spread: Mahalanobis distance to their middle, per entry of the embedding, >= 0; about 1 is usual.
    """

    neighbour: float
    spread: float


class ScopeGate:
    """Distinguishes parts of a model's own kind from others. It keeps no state, so that threads may share it.

    Args:
        card: The thresholds.
        embeddings: Embeddings of the training photos, float16 (n, d), each of length 1.

    Raises:
        ValueError: if card and embeddings make no gate.
    """

    def __init__(self, card: GateCard, embeddings: NDArray[np.float16]) -> None:
        require(embeddings.dtype == np.float16 and embeddings.ndim == 2, "embeddings are float16 (n, d)")
        require(
            len(embeddings) <= MOST_EMBEDDINGS,
            f"{len(embeddings)} embeddings are more than the {MOST_EMBEDDINGS} of a gate",
        )
        require(len(embeddings) >= card.sources, f"{len(embeddings)} embeddings cannot be of {card.sources} sources")
        require(card.neighbours <= len(embeddings), f"{len(embeddings)} embeddings have no neighbour {card.neighbours}")
        self.card = card
        self.embeddings = embeddings
        self._rows = as_rows(embeddings)
        self._spread = Spread(self._rows @ self._rows.T, self._rows.shape[1])

    def distances(self, embedding: NDArray[np.float32]) -> Distances:
        """The distances of an embedding (d,), of length 1, from the training photos."""
        similarity = self._rows @ embedding.astype(np.float64)
        length = float(np.square(embedding.astype(np.float64)).sum())
        return Distances(
            neighbour_distance(similarity, self.card.neighbours), float(self._spread(similarity[:, None], length)[0])
        )

    def check(self, embedding: NDArray[np.float32]) -> ScopeCheck:
        """Whether a part with this embedding (d,) is of the model's own kind.

        The check's number is the larger of the two distances, each divided by its threshold; above 1 it refuses, and
        above `unusual` of the card it warns.
        """
        found, card = self.distances(embedding), self.card
        nearest, middle = found.neighbour / card.farthest_neighbour, found.spread / card.farthest_spread
        excess = max(nearest, middle)
        numbers = (
            f"its distance from the nearest training pictures is {nearest:.3f} of the allowed one, and from their "
            f"middle {middle:.3f} of the allowed one"
        )
        if excess > 1:
            text = (
                f"The part is unlike everything the model was made for ({numbers}); choose the model for this kind, or "
                "crop to the part and show it as the training pictures do."
            )
            return ScopeCheck("kind", "refuse", excess, text)
        if excess > card.unusual:
            text = (
                f"The part is unlike nearly everything the model was made for ({numbers}); it is examined, but what is "
                "found may hold less."
            )
            return ScopeCheck("kind", "warn", excess, text)
        return ScopeCheck("kind", "ok", excess, f"The part is of the kind the model was made for: {numbers}.")


class Spread:
    """Mahalanobis distances with a shrunk covariance, which few rows determine for many entries.

    There are fewer rows than entries, so that all is computed from inner products. With centred rows Z, the shrunk
    covariance is (1 - r) Z'Z / n + r v I, and its inverse follows from a matrix (n, n).

    Args:
        gram: Inner products of the rows with each other (n, n), not centred.
        entries: Number of entries of a row.

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
        require(shrinkage * variance > 0, "the embeddings are all equal, or more than their entries")
        self._ridge = shrinkage * variance
        self._weight = (1 - shrinkage) / len(gram)
        self._inverse = np.linalg.inv(self._weight * centred + self._ridge * np.eye(len(gram)))

    def __call__(self, products: Rows, lengths: Rows | float) -> Rows:
        """Distances (m,) of m other rows from the mean, as a root mean square over the entries.

        Args:
            products: Inner products of the set's rows with the others (n, m), not centred.
            lengths: Squared lengths of the other rows (m,).
        """
        to_mean = products.mean(0)
        centred = products - self._row_means[:, None] - to_mean[None, :] + self._mean
        squared = lengths - 2 * to_mean + self._mean
        explained = self._weight * np.einsum("im,ij,jm->m", centred, self._inverse, centred, optimize=True)
        return np.asarray(np.sqrt(np.maximum((squared - explained) / self._ridge, 0) / self._entries))


def ledoit_wolf(centred: Rows, entries: int) -> tuple[float, float]:
    """Shrinkage of a covariance towards a multiple of the identity, 0 to 1, and the mean variance of an entry.

    Args:
        centred: Inner products (n, n) of n centred rows.
        entries: Number of entries of a row.
    """
    n = len(centred)
    variance = float(np.trace(centred)) / (n * entries)
    squared = float(np.square(centred).sum()) / n**2
    dispersion = squared / entries - variance**2
    error = (float(np.square(np.diag(centred)).sum()) / n - squared) / (entries * n)
    return (min(error / dispersion, 1.0) if dispersion > 0 else 1.0), variance


def neighbour_distance(similarity: Rows, neighbours: int) -> float:
    """Cosine distance to the k-th nearest, from inner products (n,) of vectors of length 1."""
    return float(1 - np.partition(similarity, -neighbours)[-neighbours])


def as_rows(embeddings: NDArray[np.float16]) -> Rows:
    """Stored embeddings (n, d) at full precision, each scaled to length 1 again."""
    rows = embeddings.astype(np.float64)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
