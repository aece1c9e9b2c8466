"""The scope gate: whether a part is at all of the kind that a model was made for.

A network that was trained on one kind of goods goes blind to everything else and judges it with confidence. So this
question is put to an embedding that was never trained on the goods (`embedding`), as two distances to the
training photos: to the nearest of them, and to their middle in units of their spread. The thresholds are fitted by
`training.assessment.gate`; here they are only applied.

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
