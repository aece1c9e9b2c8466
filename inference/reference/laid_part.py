"""A part laid over the genuine reference that it fits best, and all that is stated of it there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.planes import Planes
from inference.records import MirrorTrial, ReferenceComparison
from inference.reference.alignment import Registration
from inference.reference.geometry import Pixels, Plane, enlargement
from inference.reference.reference import Reference
from inference.reference.registration import register_both_ways
from inference.scope.measures import blur


@dataclass(frozen=True)
class LaidPart:
    """A part in the frame of the reference that it fits best.

    Attributes:
        fits: Its registration to each reference that was tried, best first.
        mirror: The best registration of its mirror image.
        reference: The reference that it fits best.
        mirror_reference: The one that its mirror image fits best.
        registered: The part in the frame of the reference, uint8 (h, w, 3).
        covered: Points of the frame that it covers, bool (h, w).
    """

    fits: tuple[Registration, ...]
    mirror: Registration
    reference: Reference
    mirror_reference: Reference
    registered: Pixels = field(repr=False)
    covered: NDArray[np.bool_] = field(repr=False)

    @classmethod
    def over(cls, part: Planes, references: Sequence[Reference]) -> LaidPart:
        """The part over the best of several references of different series.

        Raises:
            ValueError: as `register_both_ways`.
        """
        fits, mirror = register_both_ways(part, references)
        by_series = {reference.series: reference for reference in references}
        reference = by_series[fits[0].series]
        registered, covered = fits[0].apply(part.pixels, reference.mean.shape)
        return cls(fits, mirror, reference, by_series[mirror.series], registered, covered)

    def compared(
        self,
        difference: Plane,
        deviation: float,
        measured: Literal["edges", "features", "witnesses"],
        least_lead: float = 0.0,
    ) -> ReferenceComparison:
        """All that is stated of the part there; see `ReferenceComparison`."""
        best, *others = self.fits
        return ReferenceComparison(
            series=best.series,
            score=best.score,
            least_score=self.reference.least_score,
            enlarged=enlargement(best.homography, self.registered.shape),
            most_enlarged=self.reference.most_enlarged,
            blurred=blur(Planes(self.registered)),
            most_blurred=self.reference.most_blurred,
            covered=best.covered,
            runner_up={other.series: other.score for other in others},
            mirror=MirrorTrial(
                self.mirror.series,
                self.mirror.score,
                self.mirror_reference.least_score,
                self.mirror_reference.handedness,
            ),
            least_lead=least_lead,
            homography=best.rows(),
            deviation=deviation,
            measured=measured,
            registered=self.registered,
            reference=self.reference.picture,
            difference=difference,
            photos=self.reference.photos,
        )
