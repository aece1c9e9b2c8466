"""From the deviations that a collection's witnesses find to one score, and from it to a likelihood ratio."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inference.evidence.calibration import Calibration, outcome
from inference.evidence.scale import ENFSI_2015
from inference.records import WitnessName, require
from inference.records.bounds import Range

SIDES = ("deviates from genuine", "no deviation found")
PROPOSITIONS = (
    "the part was made or altered otherwise than the genuine items",
    "the part is genuine, as the items of the collection are",
)
PATCHES_HEARD_FROM = 1.0
"""Standard deviations of genuine photos from which on the patches are heard. Heard in full, their noise hid some of
what the comparator sees: .01 to .025 of its AUC on validation houses, beside 5 to 40 items; so, .002 at most."""
Deviations = Mapping[WitnessName, Sequence[float]]
"""By witness, how far each of several photos deviates."""


@dataclass(frozen=True)
class EnrolledCalibration:
    """The calibration of the score beside so many genuine photos.

    Attributes:
        photos: Photos that were enrolled of each house, >= 2.
        calibration: Fitted to houses that the comparator never met.
    """

    photos: int
    calibration: Calibration

    def __post_init__(self) -> None:
        Range(2, 10_000).require("photos", self.photos)


@dataclass(frozen=True)
class CollectionRule:
    """How a comparator's card weighs what the witnesses find: the sum of their z-scores, as far as they are heard.

    The weights are equal and not searched: rendered houses are altered in shape above all, so that a search would trust
    the comparator too much. Source: z-score and sum rule of A. Jain, K. Nandakumar, A. Ross: Score normalization in
    multimodal biometric systems, 2005; here the spread of few genuine photos leans on that of many houses, and the
    patches are heard from one standard deviation on.

    Attributes:
        spreads: By witness, the standard deviation of genuine photos' deviations inside a house, > 0.
        counts_as: Photos as which these spreads count beside a collection's own, > 0.
        calibrations: Of the score, by the number of enrolled photos, ascending; none with too few houses.
    """

    spreads: dict[WitnessName, float]
    counts_as: float
    calibrations: tuple[EnrolledCalibration, ...] = ()

    def __post_init__(self) -> None:
        require(bool(self.spreads), "a rule names its witnesses")
        for name, spread in self.spreads.items():
            require(1e-6 <= spread <= 1e6, f"a standard deviation is above 0: that of {name} is {spread}")
        require(0 < self.counts_as <= 1e6, f"spreads count as more than 0 photos, not {self.counts_as}")
        numbers = [one.photos for one in self.calibrations]
        require(numbers == sorted({*numbers}), "calibrations are listed by the number of photos, each once")

    def score(self, deviations: Mapping[WitnessName, float], genuine: Deviations) -> float:
        """How far a questioned photo deviates, by all witnesses together; about 0 for a genuine photo.

        Args:
            deviations: How far it deviates, by witness.
            genuine: How far each enrolled photo deviates from the others, by witness; at least one.
        """
        return _together({name: self.standardised(name, deviations[name], genuine[name]) for name in self.spreads})

    def standardised(self, name: WitnessName, deviation: float, genuine: Sequence[float]) -> float:
        """How far a deviation lies above the mean of a witness's genuine ones, in their standard deviations."""
        mean, spread = self.genuine_level(name, genuine)
        return (deviation - mean) / spread

    def genuine_level(self, name: WitnessName, genuine: Sequence[float]) -> tuple[float, float]:
        """Mean and standard deviation of what a witness sees on genuine photos."""
        mean = float(np.mean(genuine))
        own = float(np.square(np.asarray(genuine) - mean).sum())
        usual = self.counts_as * self.spreads[name] ** 2
        return mean, math.sqrt((usual + own) / (self.counts_as + len(genuine) - 1))

    def scores_left_out(self, genuine: Deviations) -> list[float]:
        """The score of each enrolled photo beside the others."""
        left_out = self.left_out(genuine)
        return [_together(dict(zip(left_out, each, strict=True))) for each in zip(*left_out.values(), strict=True)]

    def left_out(self, genuine: Deviations) -> dict[WitnessName, list[float]]:
        """By witness, how far each enrolled photo lies above the mean of the others, in their standard deviations."""
        return {
            name: [self.standardised(name, one, [*own[:place], *own[place + 1 :]]) for place, one in enumerate(own)]
            for name, own in genuine.items()
        }

    def among(self, deviations: Mapping[WitnessName, float], genuine: Deviations) -> tuple[float, list[float]]:
        """The score of a questioned photo, and those of the enrolled ones as if each were questioned in its place.

        Each is beside all the others, the questioned one with them, so that a further genuine one is as likely to take
        any rank. Source: full conformal prediction, V. Vovk, A. Gammerman, G. Shafer: Algorithmic Learning in a Random
        World, 2005.
        """
        every = {name: [*own, deviations[name]] for name, own in genuine.items()}
        *others, questioned = (self._beside_others(photo, every) for photo in range(len(next(iter(every.values())))))
        return questioned, others

    def _beside_others(self, photo: int, every: Deviations) -> float:
        return self.score(
            {name: own[photo] for name, own in every.items()},
            {name: [*own[:photo], *own[photo + 1 :]] for name, own in every.items()},
        )

    def says_deviates(
        self, deviations: Mapping[WitnessName, float], genuine: Deviations, own: Calibration | None = None
    ) -> bool:
        """Whether a photo is said to deviate; without a calibration beside so few nothing is said.

        Args:
            deviations: How far it deviates, by witness.
            genuine: How far each enrolled photo deviates from the others, by witness.
            own: The collection's own calibration, if known counterfeits gave it one.
        """
        calibration = own or self.calibration_of(len(next(iter(genuine.values()))))
        if calibration is None:
            return False
        side, _ = outcome(calibration.evidence(self.score(deviations, genuine), ENFSI_2015), calibration.sides)
        return side == calibration.sides[0]

    def calibration_of(self, photos: int) -> Calibration | None:
        """The calibration beside so many enrolled photos, or beside the next fewer; None beside fewer than any.

        Beside more photos genuine and altered parts lie farther apart, so that one for fewer does not overstate.
        """
        fitted = [one for one in self.calibrations if one.photos <= photos]
        return fitted[-1].calibration if fitted else None


def _together(standardised: Mapping[WitnessName, float]) -> float:
    """The sum of what the witnesses find, in standard deviations of genuine photos, as far as they are heard."""
    return sum(_heard(name, one) for name, one in standardised.items())


def _heard(name: WitnessName, standardised: float) -> float:
    return max(standardised - PATCHES_HEARD_FROM, 0.0) if name == "patches" else standardised
