"""How a reference collection is made of genuine photos: which of them fit each other, and how far they deviate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from inference.collections.collection import (
    LEAST_PHOTOS,
    Collection,
    EnrolledPhoto,
    Known,
)
from inference.collections.known_counterfeits import own_calibration, power_over_known
from inference.collections.left_out import deviations_of, left_out_maps
from inference.collections.power import measured_power
from inference.collections.registered_photos import LEAST_AGREEMENT, RegisteredPhotos
from inference.collections.witnesses import DeviationMap, Witness, usual_of
from inference.evidence.collection_rule import CollectionRule
from inference.models.provenance import code_version
from inference.planes import Planes
from inference.progress import Progress, untold
from inference.records import Crop, Exhibit, Refusal, WitnessName
from inference.reference.alignment import Registration
from inference.reference.building import build_reference
from inference.reference.edges import FINE
from inference.reference.geometry import Pixels
from inference.reference.reference import Reference
from inference.reference.registration import register_both_ways

_BENDINGS = 2
"""Photos are bent to their mean, which is sharper then, and once more to that."""


@dataclass(frozen=True)
class KnownPhoto:
    """A photo of an item that an examiner knows to be genuine, or a counterfeit.

    Attributes:
        exhibit: The photo.
        item: The item that it shows; photos of one item never stand beside each other.
        crop: What of it shows the part; None for the whole picture.
    """

    exhibit: Exhibit
    item: str
    crop: Crop | None = None

    @property
    def pixels(self) -> Pixels:
        """The part, uint8 (H, W, 3).

        Raises:
            Refusal: if the crop reaches outside the picture.
        """
        return self.exhibit.crop(self.crop)


@dataclass(frozen=True)
class Enrolment:
    """What an examiner hands in for a collection.

    Attributes:
        part: The part that the photos show.
        series: Its series.
        photos: Photos of genuine items; those that do not fit the others are left out, each with the reason.
        counterfeits: Photos of known counterfeits, handled alike.
        bends: Whether the items bend, so that photos are laid onto each other by a smooth bend, too.
        keep_pictures: Whether the collection keeps the registered photos.
    """

    part: str
    series: str
    photos: Sequence[KnownPhoto]
    counterfeits: Sequence[KnownPhoto] = ()
    bends: bool = False
    keep_pictures: bool = False


def enrol(
    enrolment: Enrolment,
    witnesses: Mapping[WitnessName, Witness],
    made_with: Mapping[WitnessName, str],
    rule: CollectionRule,
    progress: Progress = untold,
    long_side: int = FINE,
) -> Collection:
    """A collection of genuine photos.

    Args:
        enrolment: What is handed in.
        witnesses: What judges photos, by name.
        made_with: By witness, the SHA-256 of its weights.
        rule: Weighs what they find.
        progress: Is told what is done.
        long_side: Long side of the reference in pixels.

    Raises:
        Refusal: if fewer than five photos fit each other, or a photo is handed in as genuine and as a counterfeit.
    """
    photos, forged, bends = _distinct(enrolment.photos), _distinct(enrolment.counterfeits), enrolment.bends
    _require_enough(photos, len(enrolment.photos))
    _require_apart(photos, forged)
    progress("building the reference", 0.0)
    reference = build_reference(enrolment.series, [photo.pixels for photo in photos], long_side)
    fits = _fits(photos, reference, progress, 0.3, 0.55)
    _require_fitting(photos, fits)
    registered = _laid(photos, fits, reference)
    agreeing = registered.agreeing(range(len(registered.pixels)))
    fits = _without_strays(fits, registered, agreeing)
    _require_fitting(photos, fits)
    registered, kept = registered.only(agreeing), [number for number, fit in enumerate(fits) if not fit.left_out]
    for _ in range(_BENDINGS if bends else 0):
        registered = registered.bent_to(registered.mean_edges(range(len(kept))))
    reference = replace(reference, mean=registered.mean_edges(range(len(kept))), photos=len(kept))
    # As a file holds it, with fewer bits.
    reference = Reference.from_arrays(enrolment.series, reference.arrays())
    items = [photos[number].item for number in kept]
    maps: dict[WitnessName, list[DeviationMap]] = {}
    deviations: dict[WitnessName, list[float]] = {}
    known: dict[WitnessName, Known] = {}
    for place, (name, witness) in enumerate(witnesses.items()):
        progress(f"comparing each photo with the others ({name})", 0.55 + 0.2 * place / len(witnesses))
        maps[name] = left_out_maps(witness, registered, items)
        deviations[name] = deviations_of(maps[name], items)
        known[name] = Known(witness.keep(registered, range(len(kept))), usual_of(maps[name]))
    places = {number: place for place, number in enumerate(kept)}
    of_genuine = [
        tuple((name, own[places[number]]) for name, own in deviations.items()) if number in places else ()
        for number in range(len(photos))
    ]
    genuine = _listed(photos, fits, of_genuine)
    judged = [
        _judged(photo, fit, reference, witnesses, known, bends=bends)
        for photo, fit in zip(forged, _fits(forged, reference, progress, 0.75, 0.8), strict=True)
    ]
    counterfeits = _listed(forged, [fit for fit, _ in judged], [deviations for _, deviations in judged])
    enrolled, met = ([photo for photo in each if not photo.left_out] for each in (genuine, counterfeits))
    calibration = own_calibration(enrolled, met, rule)
    progress("measuring what it would find", 0.8)
    power = measured_power(registered, items, witnesses, maps, deviations, rule, bends=bends, own=calibration)
    progress("enrolled", 1.0)
    return Collection(
        enrolment.part,
        enrolment.series,
        genuine,
        reference,
        known,
        registered if enrolment.keep_pictures else None,
        made_with,
        code_version(),
        datetime.now(timezone.utc).isoformat(timespec="seconds"),
        (*power, *power_over_known(enrolled, met, rule)),
        bends,
        counterfeits,
        calibration,
    )


@dataclass(frozen=True)
class _Fit:
    """How a photo lies on the reference, and why it is left out; empty if it is not."""

    registration: Registration
    left_out: str = ""


def _distinct(photos: Sequence[KnownPhoto]) -> list[KnownPhoto]:
    """The photos, each file once."""
    return [*{photo.exhibit.sha256: photo for photo in reversed(photos)}.values()][::-1]


def _require_enough(photos: Sequence[KnownPhoto], handed_in: int) -> None:
    if len(photos) < LEAST_PHOTOS:
        twice = f", {handed_in - len(photos)} of them twice" if len(photos) < handed_in else ""
        msg = (
            f"A collection needs {LEAST_PHOTOS} genuine photos, and {handed_in} were handed in{twice}; add photos, "
            "best of further items."
        )
        raise Refusal(msg)


def _require_apart(photos: Sequence[KnownPhoto], counterfeits: Sequence[KnownPhoto]) -> None:
    genuine = {photo.exhibit.sha256 for photo in photos} | {photo.item for photo in photos}
    for photo in counterfeits:
        if photo.exhibit.sha256 in genuine:
            msg = f"{photo.exhibit.name} is handed in as genuine and as a counterfeit; say which it is."
            raise Refusal(msg)
        if photo.item in genuine:
            msg = f"The item {photo.item} is named both genuine and a counterfeit; say which it is."
            raise Refusal(msg)


def _require_fitting(photos: Sequence[KnownPhoto], fits: Sequence[_Fit]) -> None:
    out = [f"{photo.exhibit.name}: {fit.left_out}" for photo, fit in zip(photos, fits, strict=True) if fit.left_out]
    count = len(photos) - len(out)
    if count < LEAST_PHOTOS:
        msg = f"Only {count} of {len(photos)} photos fit each other, and {LEAST_PHOTOS} are needed ({'; '.join(out)})."
        raise Refusal(msg)


def _fits(
    photos: Sequence[KnownPhoto], reference: Reference, progress: Progress, first: float, last: float
) -> list[_Fit]:
    fits = []
    for number, photo in enumerate(photos):
        progress(f"registering {photo.exhibit.name}", first + (last - first) * number / len(photos))
        fits.append(_fit(photo, reference))
    return fits


def _laid(photos: Sequence[KnownPhoto], fits: Sequence[_Fit], reference: Reference) -> RegisteredPhotos:
    """The photos that fit, in the frame of the reference; at least one."""
    fitting = [(photo.pixels, fit.registration) for photo, fit in zip(photos, fits, strict=True) if not fit.left_out]
    parts, registrations = zip(*fitting, strict=True)
    return RegisteredPhotos.laid(parts, [one.homography for one in registrations], reference.mean.shape)


def _without_strays(fits: Sequence[_Fit], registered: RegisteredPhotos, agreeing: Sequence[int]) -> list[_Fit]:
    """The fits, with those of photos left out that do not agree with the others where they were laid."""
    mean = registered.mean_edges(agreeing) if agreeing else registered.mean_edges(range(len(registered.pixels)))
    places = iter(range(len(registered.pixels)))
    found = []
    for fit in fits:
        place = None if fit.left_out else next(places)
        if place is not None and place not in agreeing:
            fit = _stray(fit, registered.agreement(place, mean))
        found.append(fit)
    return found


def _stray(fit: _Fit, agreement: float) -> _Fit:
    why = (
        f"its lines do not lie on those of the others (agreement {agreement:.2f}, and {LEAST_AGREEMENT:.2f} is "
        "needed): a pattern that repeats can mislead the fit"
    )
    return replace(fit, left_out=why)


def _judged(
    photo: KnownPhoto,
    fit: _Fit,
    reference: Reference,
    witnesses: Mapping[WitnessName, Witness],
    known: Mapping[WitnessName, Known],
    *,
    bends: bool,
) -> tuple[_Fit, tuple[tuple[WitnessName, float], ...]]:
    """How a questioned photo lies, and by witness how far it deviates from all enrolled ones, unless it is left out."""
    if fit.left_out:
        return fit, ()
    laid = _laid([photo], [fit], reference)
    laid = laid.bent_to(reference.mean) if bends else laid
    agreement = laid.agreement(0, reference.mean)
    if agreement < LEAST_AGREEMENT:
        return _stray(fit, agreement), ()
    return fit, tuple(
        (name, witness.map(laid.pixels[0], laid.covered_by(0), known[name].kept).beyond(known[name].usual).score)
        for name, witness in witnesses.items()
    )


def _listed(
    photos: Sequence[KnownPhoto],
    fits: Sequence[_Fit],
    deviations: Sequence[tuple[tuple[WitnessName, float], ...]],
) -> tuple[EnrolledPhoto, ...]:
    return tuple(
        EnrolledPhoto(
            photo.exhibit.name,
            photo.exhibit.sha256,
            photo.item,
            photo.crop,
            fit.registration.score,
            fit.left_out,
            own,
        )
        for photo, fit, own in zip(photos, fits, deviations, strict=True)
    )


def _fit(photo: KnownPhoto, reference: Reference) -> _Fit:
    (fit, *_), mirror = register_both_ways(Planes(photo.pixels), [reference])
    if mirror.score > fit.score:
        return _Fit(fit, "it shows the part mirrored")
    if fit.score < reference.least_score:
        why = (
            f"it does not fit the other photos (fit {fit.score:.3f}, and {reference.least_score:.3f} is needed): it "
            "shows another part or series, or the part is creased, covered or cropped"
        )
        return _Fit(fit, why)
    return _Fit(fit)
