"""The genuine reference of a series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.records import require
from inference.reference.alignment import Registration, align, align_from, edge_correlation
from inference.reference.edges import MIDDLE, require_pixels
from inference.reference.features import GenuineFeatures
from inference.reference.geometry import Pixels, Plane, flipped, quarter_turns
from inference.reference.pyramid import EdgePyramid


@dataclass(frozen=True)
class Reference:
    """The mean appearance of genuine parts of a series, and its spread.

    Attributes:
        series: Its name.
        picture: Mean of the registered genuine photos, uint8 (h, w, 3), read-only.
        mean: Mean edge strength, float32 (h, w), 0 to 1, lightly blurred to tolerate registration errors, read-only.
        spread: Its standard deviation from photo to photo, float32 (h, w), >= 0, read-only.
        least_score: Least score of a good fit, between the scores of genuine photos on the reference and on its mirror
            image; -1 to 1.
        most_enlarged: Greatest enlargement of a genuine photo in registration, > 0. A part that needs more is softer
            than any photo behind the reference.
        most_blurred: Blur (`measures.blur`) that all but 1% of genuine photos stay below in the reference's frame; 0
            (sharp) to 1.
        photos: Number of photos it was made from, >= 1.
        features: A trained network's features of genuine parts; None without a trained network.

    Raises:
        ValueError: if a field is out of range or shape.
    """

    series: str
    picture: Pixels = field(repr=False)
    mean: Plane = field(repr=False)
    spread: Plane = field(repr=False)
    least_score: float
    most_enlarged: float
    most_blurred: float
    photos: int
    features: GenuineFeatures | None = None

    def __post_init__(self) -> None:
        require(bool(self.series), "a reference names its series")
        require_pixels(self.picture, "a reference's picture")
        require(
            self.picture.shape[:2] == self.mean.shape == self.spread.shape,
            f"picture, mean and spread share one frame, not {self.picture.shape[:2]}, {self.mean.shape} and "
            f"{self.spread.shape}",
        )
        require(self.mean.dtype == self.spread.dtype == np.float32, "mean and spread are float32")
        require(bool(((self.mean >= 0) & (self.mean <= 1)).all()), "a mean edge strength lies between 0 and 1")
        require(bool(((self.spread >= 0) & np.isfinite(self.spread)).all()), "a spread is finite and >= 0")
        require(-1 <= self.least_score <= 1, f"a correlation lies between -1 and 1, not {self.least_score}")
        require(0 < self.most_enlarged < np.inf, f"an enlargement is above 0, not {self.most_enlarged}")
        require(0 <= self.most_blurred <= 1, f"blur lies between 0 and 1, not {self.most_blurred}")
        require(self.photos >= 1, "a reference is made from at least one photo")
        for array in (self.picture, self.mean, self.spread):
            array.setflags(write=False)

    @cached_property
    def edges(self) -> EdgePyramid:
        """The mean edge strength at several sizes; photos are registered to it, and share what is found in it."""
        return EdgePyramid(self.mean)

    @cached_property
    def handedness(self) -> float:
        """How much distinguishes the reference from its mirror image, 0 (nothing) to 1; computed once.

        It is 1 - (correlation of the best-registered mirror image) / (correlation of the reference with itself), at
        least 0.
        """
        own = edge_correlation(self.edges, self.edges, np.eye(3), MIDDLE)[0]
        return float(np.clip(1 - self.mirror_image.score / own, 0, 1)) if own > 0 else 0.0

    @cached_property
    def mirror_image(self) -> Registration:
        """The best registration of the reference's own mirror image, flipped left to right."""
        mirror = EdgePyramid(flipped(self.mean))
        starts = (quarter_turns(quarters, self.mean.shape) for quarters in range(4))
        tried = (align_from(self.series, mirror, self.edges, start) for start in starts)
        return max((align(mirror, {self.series: self.edges})[0], *tried), key=lambda fit: fit.score)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that a weights file holds, without the name of the series."""
        return {
            "picture": self.picture,
            "mean": self.mean.astype(np.float16),
            "spread": self.spread.astype(np.float16),
            "least_score": np.array([self.least_score], np.float32),
            "most_enlarged": np.array([self.most_enlarged], np.float32),
            "most_blurred": np.array([self.most_blurred], np.float32),
            "photos": np.array([self.photos], np.int32),
            **(self.features.arrays() if self.features else {}),
        }

    @classmethod
    def from_arrays(cls, series: str, arrays: Mapping[str, NDArray[Any]]) -> Reference:
        """The reference from its `arrays`; edge strengths are precise to eleven bits.

        Raises:
            KeyError: if an array is missing.
            ValueError: if the arrays make no reference.
        """
        mean, spread = (arrays[name].astype(np.float32) for name in ("mean", "spread"))
        return cls(
            series,
            arrays["picture"],
            mean,
            spread,
            float(arrays["least_score"][0]),
            float(arrays["most_enlarged"][0]),
            float(arrays["most_blurred"][0]),
            int(arrays["photos"][0]),
            GenuineFeatures.from_arrays(arrays),
        )
