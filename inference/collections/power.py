"""The power of a collection: what share of known alterations of its own photos it finds.

Without it, "no deviation found" would say nothing. Each photo is altered in one key area, in its own frame, and judged
beside the photos of other items, as a questioned one is beside all; and unaltered, so that what is found of alterations
can be held against what is found of none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.collections.alterations import Area, Pixels, scaled, shifted, turned
from inference.collections.bending import straightened
from inference.collections.left_out import others_of
from inference.collections.registered_photos import RegisteredPhotos
from inference.collections.witnesses import DeviationMap, Witness, usual_of
from inference.evidence.calibration import Calibration
from inference.evidence.collection_rule import CollectionRule, Deviations
from inference.records import AlterationKind, Power, WitnessName

MOST_ALTERED = 8
"""Photos that are altered, at most, evenly spaced."""
_AREAS = 6
"""Areas of strong edges among which the alterations are spread."""
_HALF_WIDTH, _HALF_HEIGHT = 0.07, 0.05
"""Half the width and height of an area, as shares of the long side: a letter or two, and its surroundings."""


@dataclass(frozen=True)
class Alteration:
    """A way to alter a key area, and its size: per cent, degrees, or per cent of the long side."""

    kind: AlterationKind
    size: float

    def applied(self, pixels: Pixels, area: Area) -> Pixels:
        """A registered photo with this area altered, uint8 (H, W, 3)."""
        match self.kind:
            case "none":
                return pixels
            case "wider":
                return scaled(pixels, area, 1 - 1 / (1 + self.size / 100), 0)
            case "turned":
                return turned(pixels, area, self.size)
            case "shifted":
                return shifted(pixels, area, self.size / 100 * max(pixels.shape[:2]), 0)


ALTERATIONS = (
    Alteration("none", 0.0),
    Alteration("wider", 6.0),
    Alteration("wider", 20.0),
    Alteration("turned", 6.0),
    Alteration("shifted", 1.0),
)


def measured_power(
    photos: RegisteredPhotos,
    items: Sequence[str],
    witnesses: Mapping[WitnessName, Witness],
    maps: Mapping[WitnessName, Sequence[DeviationMap]],
    genuine: Deviations,
    rule: CollectionRule,
    *,
    bends: bool = False,
    own: Calibration | None = None,
) -> tuple[Power, ...]:
    """What share of each known alteration is said to deviate; nothing of photos without an edge or a calibration.

    Args:
        photos: The enrolled photos.
        items: The item of each.
        witnesses: What judges them, by name.
        maps: By witness, what it sees on each photo beside those of other items.
        genuine: By witness, how far each photo deviates.
        rule: Weighs what they find.
        bends: Whether a questioned photo is laid onto them by a smooth bend, too, which may hide an alteration.
        own: The collection's own calibration, if known counterfeits gave it one.
    """
    areas = strongest_areas(photos.mean_edges(range(len(items))), _AREAS)
    if not areas or not (own or rule.calibrations):
        return ()
    chosen = np.unique(np.linspace(0, len(items) - 1, MOST_ALTERED).round().astype(int)).tolist()
    hits = [0] * len(ALTERATIONS)
    for place, photo in enumerate(chosen):
        others, covered = others_of(photo, items), photos.covered_by(photo)
        kept = {name: witness.keep(photos, others) for name, witness in witnesses.items()}
        usual = {name: usual_of([own[other] for other in others]) for name, own in maps.items()}
        beside = {name: [own[other] for other in others] for name, own in genuine.items()}
        for number, alteration in enumerate(ALTERATIONS):
            altered, seen = alteration.applied(photos.pixels[photo], areas[(place + number) % len(areas)]), covered
            if bends:
                altered, seen = straightened(altered, covered, photos.mean_edges(others))
            deviations = {
                name: witness.map(altered, seen, kept[name]).beyond(usual[name]).score
                for name, witness in witnesses.items()
            }
            hits[number] += rule.says_deviates(deviations, beside, own)
    return tuple(Power(one.kind, one.size, found, len(chosen)) for one, found in zip(ALTERATIONS, hits, strict=True))


def strongest_areas(edges: NDArray[np.float32], most: int) -> list[Area]:
    """The areas (h, w) with the strongest edges that do not overlap, the strongest first; none where no edge is."""
    height, width = edges.shape
    half_width, half_height = (max(2, round(half * max(height, width))) for half in (_HALF_WIDTH, _HALF_HEIGHT))
    if height <= 2 * half_height or width <= 2 * half_width:
        return []
    strength = cv2.boxFilter(edges**2, -1, (2 * half_width + 1, 2 * half_height + 1), borderType=cv2.BORDER_CONSTANT)
    inside = np.zeros_like(strength)
    inside[half_height : height - half_height, half_width : width - half_width] = 1
    left, areas = strength * inside, list[Area]()
    while len(areas) < most and left.max() > 1e-6:
        y, x = np.unravel_index(int(left.argmax()), left.shape)
        areas.append(Area(float(x), float(y), float(half_width), float(half_height)))
        rows, columns = (
            slice(max(int(middle) - 2 * half, 0), int(middle) + 2 * half + 1)
            for middle, half in ((y, half_height), (x, half_width))
        )
        left[rows, columns] = 0
    return areas
