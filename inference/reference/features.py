"""A network's features of genuine parts, place by place; they show deviations without a counterfeit to learn from.

Registration puts each place of the part at the same place of every feature map. There each channel has a mean and a
standard deviation over genuine photos, and the distance of a photo is measured in standard deviations. Features at a
quarter of the input's size are fine enough for one letter, and too general to depend on one counterfeiter.

Source: PaDiM, T. Defard et al.: a Patch Distribution Modeling Framework for Anomaly Detection and Localization, 2021,
with a standard deviation for each channel in place of a covariance, and a tolerance of one cell for registration.
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
_LEAST_DEVIATION = 1e-3  # for a part that covers nothing, which is refused
_NEIGHBOURS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


@dataclass(frozen=True)
class GenuineFeatures:
    """Mean and standard deviation of the features of a series' genuine parts.

    Attributes:
        mean: float32 (C, h, w), read-only.
        spread: Standard deviation, float32 (C, h, w), > 0, read-only; infinite at places that too few photos show.

    Raises:
        ValueError: if a field has another shape or range.
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
        """The arrays that a weights file holds."""
        return {"feature_mean": self.mean.astype(np.float16), "feature_spread": self.spread.astype(np.float16)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> GenuineFeatures | None:
        """The features from their `arrays`, precise to eleven bits; None without such arrays.

        Raises:
            ValueError: if the arrays make no such features.
        """
        if "feature_mean" not in arrays:
            return None
        mean, spread = (arrays[name].astype(np.float32) for name in ("feature_mean", "feature_spread"))
        return cls(mean, spread)

    def difference(self, features: NDArray[np.float32], covered: NDArray[np.bool_]) -> Plane:
        """The difference map, in standard deviations (root mean square over the channels).

        Each place is compared with the same place and its four neighbours in the photo; the least distance counts.

        Args:
            features: Features of the photo, (C, h, w).
            covered: Places that the photo covers, bool (h, w).

        Returns:
            float32 (h, w), >= 0; 0 at places that the photo does not cover or that too few genuine photos show.

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
    """The deviation: mean over the most deviating thousandth of the covered places, >= 0.

    Args:
        away: The difference map of `GenuineFeatures.difference`, (h, w).
        covered: Places that the photo covers, bool (h, w); without any, the deviation is 0.
    """
    values = away[covered]
    count = max(1, round(values.size * _STRANGEST_SHARE))
    return float(np.partition(values, -count)[-count:].mean()) if values.size else 0.0


@dataclass(frozen=True)
class Fusion:
    """The fused score: z(log odds) - z(ln deviation), standardised over genuine validation photos.

    The weights are equal and not searched: validation has only counterfeiters that training knows, so that a search
    would trust the network too much. Source: z-score and sum rule of A. Jain, K. Nandakumar, A. Ross: Score
    normalization in multimodal biometric systems, 2005.

    Attributes:
        log_odds: Mean and standard deviation of log P(genuine) - log P(counterfeit), in nats.
        log_deviation: Mean and standard deviation of the deviation's natural logarithm.
    """

    log_odds: tuple[float, float]
    log_deviation: tuple[float, float]

    def __post_init__(self) -> None:
        # In nats; beyond this range a score is not finite.
        for name, (mean, deviation) in (("log_odds", self.log_odds), ("log_deviation", self.log_deviation)):
            Range(-1e6, 1e6).require(f"the mean of {name}", mean)
            require(1e-6 <= deviation <= 1e6, f"a standard deviation is above 0: that of {name} is {deviation}")

    def __str__(self) -> str:
        odds, far = self.log_odds, self.log_deviation
        return (
            f"(log odds - {odds[0]:.2f}) / {odds[1]:.2f} - (ln deviation - {far[0]:.2f}) / {far[1]:.2f}, "
            "both over genuine validation photos"
        )

    @classmethod
    def of(cls, log_odds: NDArray[np.float64], deviations: NDArray[np.float64]) -> Fusion:
        """The fusion from genuine photos (n,) that the network has not trained on; deviations are >= 0."""
        far = np.log(np.maximum(deviations, _LEAST_DEVIATION))
        return cls((float(log_odds.mean()), float(log_odds.std())), (float(far.mean()), float(far.std())))

    def score(self, log_odds: float, deviation: float) -> float:
        """The fused score: high for genuine, 0 for an average genuine photo."""
        far = math.log(max(deviation, _LEAST_DEVIATION))
        return (log_odds - self.log_odds[0]) / self.log_odds[1] - (far - self.log_deviation[0]) / self.log_deviation[1]
