"""A network's features of genuine parts, place by place: what deviates is found without a counterfeit.

A registered part shows the same place of the part at the same place of every feature map. There each channel has a mean
and a spread over genuine photos, and a photo strays by as many spreads. Features of a quarter of the input's size are
fine enough for one letter and general enough not to know one counterfeiter from another.

Source: PaDiM, T. Defard et al.: a Patch Distribution Modeling Framework for Anomaly Detection and Localization, 2021,
with a spread for each channel in place of a covariance, and tolerance of a cell for what registration leaves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.records import require
from inference.records.bounds import Range

Plane = NDArray[np.float32]

CELL = 4
"""Side of a feature map's cell in pixels of the input."""
_STRANGEST_SHARE = 0.001
_LEAST_DEVIATION = 1e-3  # of a part that covers nothing, which is refused
_NEIGHBOURS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


@dataclass(frozen=True)
class GenuineFeatures:
    """Mean and spread of the features of a series' genuine parts.

    Attributes:
        mean: float32 (C, h, w), read-only.
        spread: float32 (C, h, w), > 0, read-only; infinite where too few photos show the place to compare it.

    Raises:
        ValueError: if a field is not so.
    """

    mean: NDArray[np.float32] = field(repr=False)
    spread: NDArray[np.float32] = field(repr=False)

    def __post_init__(self) -> None:
        require(self.mean.dtype == self.spread.dtype == np.float32, "mean and spread are float32")
        require(self.mean.ndim == 3 and self.mean.shape == self.spread.shape, "mean and spread are (C, h, w)")
        require(bool(np.isfinite(self.mean).all()) and bool((self.spread > 0).all()), "a mean is finite, a spread > 0")
        for array in (self.mean, self.spread):
            array.setflags(write=False)

    def arrays(self) -> dict[str, NDArray[np.float16]]:
        """What a weights file holds of them."""
        return {"feature_mean": self.mean.astype(np.float16), "feature_spread": self.spread.astype(np.float16)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> GenuineFeatures | None:
        """The features that `arrays` was made of, to eleven bits; None where it holds none.

        Raises:
            ValueError: if they are none of genuine parts.
        """
        if "feature_mean" not in arrays:
            return None
        mean, spread = (arrays[name].astype(np.float32) for name in ("feature_mean", "feature_spread"))
        return cls(mean, spread)

    def difference(self, features: NDArray[np.float32], covered: NDArray[np.bool_]) -> Plane:
        """How far each place strays from genuine parts, in spreads (root mean square over the channels).

        A place may be compared with itself or with one of its four neighbours in the photo; the least distance counts.

        Args:
            features: Of the photo, (C, h, w).
            covered: Where the photo covers the part, bool (h, w).

        Returns:
            float32 (h, w), >= 0; 0 where the photo does not cover the part, or nothing is known.

        Raises:
            ValueError: if the features are of another shape.
        """
        require(features.shape == self.mean.shape, f"features are {self.mean.shape}, not {features.shape}")
        height, width = covered.shape
        around = np.pad(features, ((0, 0), (1, 1), (1, 1)), mode="edge")

        def away(down: int, across: int) -> Plane:
            beside = around[:, 1 + down : 1 + down + height, 1 + across : 1 + across + width]
            return np.sqrt(np.square((beside - self.mean) / self.spread).mean(0))

        least = np.min([away(*step) for step in _NEIGHBOURS], axis=0)
        return np.where(covered, least, 0).astype(np.float32)


def deviation_of(away: Plane, covered: NDArray[np.bool_]) -> float:
    """Mean over the strangest thousandth of the places, >= 0.

    Args:
        away: What `GenuineFeatures.difference` gave, (h, w).
        covered: Where the photo covers the part, bool (h, w); nowhere gives 0.
    """
    values = away[covered]
    count = max(1, round(values.size * _STRANGEST_SHARE))
    return float(np.partition(values, -count)[-count:].mean()) if values.size else 0.0


@dataclass(frozen=True)
class Fusion:
    """How log odds and deviation make one score: their sum, each in standard deviations of genuine validation photos.

    The weights are equal and not searched: validation knows only counterfeiters that training knows too, and would
    trust the network too far. Source: z-score and sum rule of A. Jain, K. Nandakumar, A. Ross: Score normalization in
    multimodal biometric systems, 2005.

    Attributes:
        log_odds: Mean and standard deviation of log P(genuine) - log P(counterfeit), in nats.
        log_deviation: The same of the deviation's natural logarithm.
    """

    log_odds: tuple[float, float]
    log_deviation: tuple[float, float]

    def __post_init__(self) -> None:
        # In nats; beyond, a score is no number any more.
        for name, (mean, deviation) in (("log_odds", self.log_odds), ("log_deviation", self.log_deviation)):
            Range(-1e6, 1e6).require(f"the mean of {name}", mean)
            require(1e-6 <= deviation <= 1e6, f"a standard deviation is above 0: that of {name} is {deviation}")

    def __str__(self) -> str:
        odds, far = self.log_odds, self.log_deviation
        return (
            f"(log odds - {odds[0]:.2f}) / {odds[1]:.2f} - (ln deviation - {far[0]:.2f}) / {far[1]:.2f}, "
            "both against genuine validation photos"
        )

    @classmethod
    def of(cls, log_odds: NDArray[np.float64], deviations: NDArray[np.float64]) -> Fusion:
        """From genuine photos (n,) that the network has not trained on; deviations are >= 0."""
        far = np.log(np.maximum(deviations, _LEAST_DEVIATION))
        return cls((float(log_odds.mean()), float(log_odds.std())), (float(far.mean()), float(far.std())))

    def score(self, log_odds: float, deviation: float) -> float:
        """The score: high for genuine, 0 for what genuine photos have on average."""
        far = math.log(max(deviation, _LEAST_DEVIATION))
        return (log_odds - self.log_odds[0]) / self.log_odds[1] - (far - self.log_deviation[0]) / self.log_deviation[1]
