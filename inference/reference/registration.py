"""Registration: a photo of a flat part is laid over the genuine reference of its series.

Only the strength of edges is compared, never their sign, because a letter is bright or dark depending on the light.
There are three steps, coarse to fine:

1. Landmarks of the edges are matched, and the turn, size and place on which most matches agree are taken (`landmarks`).
2. Tiles of the reference are searched near their expected places, and the homography on which most tiles agree is
   taken, so that a cover or an altered letter does not distort the rest (`tiles`).
3. The enhanced correlation coefficient is maximised (`alignment`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inference.planes import Planes
from inference.records import require
from inference.reference.alignment import Registration, align, align_from
from inference.reference.edges import FINE, require_pixels
from inference.reference.geometry import Pixels, flipping, normalised
from inference.reference.pyramid import EdgePyramid, PartPyramid
from inference.reference.reference import Reference


def register(part: Pixels, reference: Reference) -> Registration:
    """The part laid over one reference; it fits if its score reaches `least_score`."""
    return register_best(part, [reference])[0]


def register_best(part: Pixels, references: Sequence[Reference]) -> tuple[Registration, ...]:
    """The part laid over each of several references, the best fit first.

    Scores are comparable, since all are taken at one size. Only the best fit is refined at full size.

    Args:
        part: uint8 (H, W, 3); the part fills half of it or more.
        references: At least one, of different series.

    Raises:
        ValueError: if the part is not such pixels, there is no reference, or two references name one series.
    """
    return _best(PartPyramid(Planes(part)), _by_series(part, references))


def best_fit(part: Pixels, references: Sequence[Reference]) -> int:
    """Number of the reference that a part fits best, each by itself; several may be of one series."""
    views = PartPyramid(Planes(part))
    scores = [_best(views, _by_series(part, [reference]))[0].score for reference in references]
    return scores.index(max(scores))


def _best(views: EdgePyramid, by_series: Mapping[str, Reference]) -> tuple[Registration, ...]:
    fits = align(views, _means(by_series))
    if not _fits(fits[0], by_series):
        # Before it counts as a bad fit, it is searched with twice the detail.
        fits = max(fits, align(views, _means(by_series), FINE), key=lambda tried: tried[0].score)
    return tuple(fits)


def register_both_ways(part: Planes, references: Sequence[Reference]) -> tuple[tuple[Registration, ...], Registration]:
    """The part laid over each of several references, and its mirror image over the one that it fits best.

    Registration finds turned parts, so that one mirror trial covers all flips. Mirrored outlines are similar, so that
    each image is also tried from the registration of the other: a missed fit must not decide between the two.

    Args:
        part: As in `register_best`.
        references: As in `register_best`.

    Returns:
        The result of `register_best`, and the best registration of the mirror image; its homography starts from pixels
        of the part flipped left to right.

    Raises:
        ValueError: as `register_best`.
    """
    views, by_series = PartPyramid(part), _by_series(part.pixels, references)
    fits = _best(views, by_series)
    if _fits(fits[0], by_series):
        mirror = max(
            align(views.mirrored, _means(by_series))[0],
            register_across(views.mirrored, by_series[fits[0].series], fits[0]),
            key=lambda fit: fit.score,
        )
    else:
        mirror = _best(views.mirrored, by_series)[0]
    if mirror.score > fits[0].score:
        back = register_across(views, by_series[mirror.series], mirror)
        if back.score > fits[0].score:
            fits = (back, *(fit for fit in fits if fit.series != back.series))
    return fits, mirror


def register_across(views: PartPyramid, reference: Reference, other: Registration) -> Registration:
    """The part laid over a reference, starting from the registration of its mirror image."""
    (_, width), (_, across) = reference.mean.shape, views.shape
    start = reference.mirror_image.homography @ flipping(width) @ other.homography @ flipping(across)
    return align_from(reference.series, views, reference.edges, normalised(start))


def _by_series(part: Pixels, references: Sequence[Reference]) -> dict[str, Reference]:
    """References by the name of their series, after checking them and the part."""
    require_pixels(part, "a part")
    by_series = {reference.series: reference for reference in references}
    require(bool(references), "a part is registered to at least one reference")
    require(len(by_series) == len(references), "each series has one reference")
    return by_series


def _means(by_series: Mapping[str, Reference]) -> dict[str, EdgePyramid]:
    return {series: reference.edges for series, reference in by_series.items()}


def _fits(fit: Registration, by_series: Mapping[str, Reference]) -> bool:
    return fit.score >= by_series[fit.series].least_score
