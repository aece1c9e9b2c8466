"""Genuine photos judged as questioned ones are: each beside those of other items."""

from __future__ import annotations

from collections.abc import Sequence

from inference.collections.registered_photos import RegisteredPhotos
from inference.collections.witnesses import DeviationMap, Witness, beside, usual_of


def left_out_maps(witness: Witness, registered: RegisteredPhotos, items: Sequence[str]) -> list[DeviationMap]:
    """What a witness sees on each photo beside those of other items."""
    return [beside(witness, registered, photo, others_of(photo, items)) for photo in range(len(items))]


def deviations_of(maps: Sequence[DeviationMap], items: Sequence[str]) -> list[float]:
    """How far each photo deviates, by its map beyond what the photos of other items usually show.

    A photo that took part in what is usual would deviate less than a new one.
    """
    return [
        one.beyond(usual_of([maps[other] for other in others_of(photo, items)])).score for photo, one in enumerate(maps)
    ]


def others_of(photo: int, items: Sequence[str]) -> list[int]:
    """The photos of other items than a photo's; all other photos where every one is of one item."""
    others = [other for other, item in enumerate(items) if item != items[photo]]
    return others or [other for other in range(len(items)) if other != photo]
