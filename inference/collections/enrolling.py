"""How a reference collection is made of genuine photos: which of them fit each other, and how far they deviate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from inference.collections.collection import LEAST_PHOTOS, Collection, EnrolledPhoto, deviations_of, left_out_maps
from inference.collections.registered_photos import RegisteredPhotos
from inference.collections.witnesses import Plane, Witness, usual_map
from inference.records import Exhibit, Refusal
from inference.reference.alignment import Registration
from inference.reference.building import build_reference
from inference.reference.edges import FINE
from inference.reference.reference import Reference
from inference.reference.registration import register_both_ways

Progress = Callable[[str, float], None]
"""Told what is done, in words, and which share of all, 0 to 1."""


@dataclass(frozen=True)
class GenuinePhoto:
    """A photo that an examiner vouches for.

    Attributes:
        exhibit: The photo.
        item: The item that it shows; photos of one item never stand beside each other.
    """

    exhibit: Exhibit
    item: str


def enrol(
    photos: Sequence[GenuinePhoto],
    part: str,
    series: str,
    witnesses: Mapping[str, Witness],
    progress: Progress = lambda _, __: None,
    long_side: int = FINE,
) -> Collection:
    """A collection of genuine photos.

    Args:
        photos: The photos; those that do not fit the others are left out, each with the reason.
        part: The part that they show.
        series: Its series.
        witnesses: What judges photos, by name.
        progress: Is told what is done.
        long_side: Long side of the reference in pixels.

    Raises:
        Refusal: if fewer than five photos fit each other.
    """
    once = {photo.exhibit.sha256: photo for photo in reversed(photos)}
    distinct = [*once.values()][::-1]
    if len(distinct) < LEAST_PHOTOS:
        twice = f", {len(photos) - len(distinct)} of them twice" if len(distinct) < len(photos) else ""
        msg = (
            f"A collection needs {LEAST_PHOTOS} genuine photos, and {len(photos)} were handed in{twice}; add photos, "
            "best of further items."
        )
        raise Refusal(msg)
    progress("building the reference", 0.0)
    reference = build_reference(series, [photo.exhibit.pixels for photo in distinct], long_side)
    fits: list[tuple[Registration, str]] = []
    for number, photo in enumerate(distinct):
        progress(f"registering {photo.exhibit.name}", 0.3 + 0.3 * number / len(distinct))
        fits.append(_fit(photo, reference))
    kept = [number for number, (_, why) in enumerate(fits) if not why]
    if len(kept) < LEAST_PHOTOS:
        named = "; ".join(f"{distinct[number].exhibit.name}: {why}" for number, (_, why) in enumerate(fits) if why)
        msg = f"Only {len(kept)} of {len(distinct)} photos fit each other, and {LEAST_PHOTOS} are needed ({named})."
        raise Refusal(msg)
    registered = RegisteredPhotos.laid(
        [distinct[number].exhibit.pixels for number in kept],
        [fits[number][0].homography for number in kept],
        reference.mean.shape,
    )
    reference = replace(reference, mean=registered.mean_edges(range(len(kept))), photos=len(kept))
    items = [distinct[number].item for number in kept]
    deviations: dict[int, list[tuple[str, float]]] = {number: [] for number in kept}
    usual: dict[str, Plane] = {}
    for place, (name, witness) in enumerate(witnesses.items()):
        progress(f"comparing each photo with the others ({name})", 0.6 + 0.4 * place / len(witnesses))
        maps = left_out_maps(witness, registered, items)
        usual[name] = usual_map(maps)
        for number, own in zip(kept, deviations_of(maps, items), strict=True):
            deviations[number].append((name, own))
    progress("enrolled", 1.0)
    listed = tuple(
        EnrolledPhoto(
            photo.exhibit.name,
            photo.exhibit.sha256,
            photo.item,
            fits[number][0].score,
            fits[number][1],
            tuple(deviations.get(number, ())),
        )
        for number, photo in enumerate(distinct)
    )
    return Collection(part, series, listed, reference, registered, usual)


def _fit(photo: GenuinePhoto, reference: Reference) -> tuple[Registration, str]:
    """How a photo lies on the reference, and why it is left out; empty if it is not."""
    (fit, *_), mirror = register_both_ways(photo.exhibit.pixels, [reference])
    if mirror.score > fit.score:
        return fit, "it shows the part mirrored"
    if fit.score < reference.least_score:
        return fit, (
            f"it does not fit the other photos (fit {fit.score:.2f}, and {reference.least_score:.2f} is needed): it "
            "shows another part or series, or the part is creased, covered or cropped"
        )
    return fit, ""
