"""How a reference is built from genuine photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from inference.planes import Planes
from inference.records import Refusal, require
from inference.reference.alignment import Registration, align, edge_correlation, polished_by_ecc, scored
from inference.reference.edges import FINE, MIDDLE, blurred, edge_strength, local_mean, tolerant
from inference.reference.geometry import (
    Matrix,
    Pixels,
    Plane,
    enclosed_area,
    enlargement,
    flipped,
    frame_corners,
    scaling,
    warp,
)
from inference.reference.pyramid import EdgePyramid, PartPyramid
from inference.reference.reference import Reference
from inference.scope.measures import blur

LEAST_PHOTOS = 5
MOST_PHOTOS = 100
_MOSTLY = 0.6
_DECOYS = 8
_LOW_QUANTILE = 0.02
_ABOVE_CHANCE = 0.25
# Share of the strongest edges: a seam or an outline counts, the table does not.
_SHARED = 0.08
_SOFTER = 0.01


def build_reference(series: str, parts: Sequence[Pixels], long_side: int = FINE) -> Reference:
    """The reference of a series from genuine photos.

    The photo that others fit best gives the first frame. The half that fit it best are averaged. All photos are
    registered to that mean, then to the mean of all. The frame becomes the photos' mean view of the part, as upright as
    most of them, cropped to the area that they share.

    Args:
        series: Its name.
        parts: Genuine photos, uint8 (H, W, 3); of more than `MOST_PHOTOS`, evenly spaced ones are used.
        long_side: Long side of the reference in pixels, at least 64.

    Raises:
        Refusal: with fewer than five photos that fit each other.
        ValueError: if `long_side` is too short.
    """
    require(long_side >= 64, f"a reference is at least 64 pixels long, not {long_side}")
    chosen = np.unique(np.linspace(0, len(parts) - 1, min(len(parts), MOST_PHOTOS)).astype(int))
    _require_photos(series, len(chosen))
    views = [PartPyramid(Planes(parts[i])) for i in chosen]
    frame, fits = _first_frame(series, views)
    kept = _best_half(fits)
    _require_photos(series, len(kept))
    turned = mean_view(frame, [fits[i].homography for i in kept])
    laid = [(views[i], turned.into @ fits[i].homography) for i in kept]
    cropped = _crop(_shared_box(laid, turned.shape), long_side)
    laid = [(view, cropped.into @ homography) for view, homography in laid]
    # A mean shows what single photos hide, so that further photos fit it.
    mean = EdgePyramid(EdgeStatistics(laid, cropped.shape).mean())
    laid = [(view, align(view, {series: mean})[0].homography) for view in views]
    laid = _without_strays(series, laid, mean)
    mean = EdgePyramid(EdgeStatistics(laid, cropped.shape).mean())
    laid = [(view, polished_by_ecc(view, mean, homography, FINE)) for view, homography in laid]
    laid = _without_strays(series, laid, mean)
    edges = EdgeStatistics(laid, cropped.shape)
    return Reference(
        series,
        _mean_picture(laid, cropped.shape),
        edges.mean(),
        edges.spread(),
        _least_score(laid, edges),
        max(enlargement(homography, cropped.shape) for _, homography in laid),
        _most_blurred([warp(view.part.pixels, homography, cropped.shape)[0] for view, homography in laid]),
        len(laid),
    )


@dataclass(frozen=True)
class _Frame:
    """A new frame: its shape, and the homography into it."""

    shape: tuple[int, int]
    into: Matrix


_Laid = Sequence[tuple[PartPyramid, Matrix]]


def _first_frame(series: str, views: Sequence[PartPyramid]) -> tuple[tuple[int, int], list[Registration]]:
    """The shape of the photo that the others fit best, and their registrations to it."""
    candidates = np.unique(np.linspace(0, len(views) - 1, 4).astype(int))
    probes = [views[i] for i in np.unique(np.linspace(0, len(views) - 1, 9).astype(int))]

    def lay(seed: PartPyramid, others: Sequence[PartPyramid]) -> list[Registration]:
        frame = {series: EdgePyramid(seed.edges(FINE))}
        return [align(other, frame)[0] for other in others]

    medians = [float(np.median([fit.score for fit in lay(views[i], probes)])) for i in candidates]
    seed = views[candidates[int(np.argmax(medians))]]
    height, width = seed.edges(FINE).shape
    return (height, width), lay(seed, views)


def _best_half(fits: Sequence[Registration]) -> list[int]:
    """Indices of the registrations that score at least the median, or of the best `LEAST_PHOTOS` if there are few."""
    order = sorted(range(len(fits)), key=lambda i: -fits[i].score)
    return [i for i in order[: max(LEAST_PHOTOS, (len(fits) + 1) // 2)] if fits[i].score > 0]


def _most_blurred(registered: Sequence[Pixels]) -> float:
    """Blur that all but 1% of further photos stay below: a one-sided prediction bound for normally distributed blur."""
    values = np.array([blur(Planes(photo)) for photo in registered])
    reach = stdtrit(len(values) - 1, 1 - _SOFTER) * np.sqrt(1 + 1 / len(values))
    return min(1.0, float(values.mean() + reach * values.std(ddof=1)))


def _without_strays(series: str, laid: _Laid, mean: EdgePyramid) -> list[tuple[PartPyramid, Matrix]]:
    """Photos registered to a mean, without those that fit it far worse than the others."""
    kept = _that_fit([scored(series, view, mean, homography) for view, homography in laid])
    _require_photos(series, len(kept))
    return [laid[i] for i in kept]


def _that_fit(fits: Sequence[Registration]) -> list[int]:
    """Indices of the registrations that do not score far below the others."""
    scores = np.array([fit.score for fit in fits])
    middle = float(np.median(scores))
    least = middle - max(4 * float(np.median(np.abs(scores - middle))), 0.15)
    return np.flatnonzero((scores >= least) & (scores > 0)).tolist()


def mean_view(shape: tuple[int, int], homographies: Sequence[Matrix]) -> _Frame:
    """The frame that has the corners of a first frame where the photos show them on average.

    A photo's place, size and turn say nothing of the part and are removed before averaging; the turn that most photos
    share is restored.

    Args:
        shape: Shape of the first frame.
        homographies: From each photo to the first frame.
    """
    outline = frame_corners(np.eye(3), shape)
    start = _as_unit_shape(outline)
    shapes = np.array([_as_unit_shape(frame_corners(np.linalg.inv(homography), shape)) for homography in homographies])
    turns = np.angle(shapes @ start.conj())
    still = shapes * np.exp(-1j * turns)[:, None]
    mean = np.median(still.real, axis=0) + 1j * np.median(still.imag, axis=0)
    turned = mean * np.exp(1j * usual_turn(turns)) * np.sqrt(enclosed_area(outline))
    target = np.stack([turned.real, turned.imag], axis=1)
    target = (target - target.min(axis=0)).astype(np.float32)
    across, down = np.ceil(target.max(axis=0)).astype(int).tolist()
    into = cv2.getPerspectiveTransform(outline.astype(np.float32), target - np.float32(0.5))
    return _Frame((down, across), np.asarray(into, np.float64))


def _as_unit_shape(corners: Matrix) -> NDArray[np.complex128]:
    """Corners (4, 2) as complex numbers around their centre, scaled to enclose an area of 1."""
    centred = corners - corners.mean(axis=0)
    return (centred[:, 0] + 1j * centred[:, 1]) / np.sqrt(enclosed_area(corners))


def usual_turn(turns: NDArray[np.float64]) -> float:
    """Mean of the largest group of turns within 20 degrees of one of them; radians."""
    apart = np.abs(np.angle(np.exp(1j * (turns[:, None] - turns))))
    group = apart[np.argmax((apart < np.deg2rad(20)).sum(axis=1))] < np.deg2rad(20)
    return float(np.angle(np.exp(1j * turns[group]).mean()))


def _crop(box: tuple[int, int, int, int], long_side: int) -> _Frame:
    """The frame of a box (left, top, right, bottom) in another frame, `long_side` long."""
    left, top, right, bottom = box
    zoom = long_side / max(right - left, bottom - top)
    into = scaling(zoom, zoom) @ np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
    return _Frame((max(round((bottom - top) * zoom), 32), max(round((right - left) * zoom), 32)), into)


def _shared_box(laid: _Laid, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) around the edges that all photos share, with a small margin."""
    edges = EdgeStatistics(laid, shape)
    mean = edges.mean()
    inside = cv2.erode(edges.seen.astype(np.uint8), np.ones((15, 15), np.uint8), borderValue=0) > 0
    if not inside.any():
        return 0, 0, shape[1], shape[0]
    # A rough table has edges everywhere: those count that stand out from their surroundings at one place in all photos.
    around = 0.06 * max(shape)
    ground = local_mean(mean, around) / np.maximum(local_mean(edges.seen.astype(np.float32), around), 0.01)
    detail = blurred(mean, 2.0) - ground
    by_chance = 3 * blurred(edges.spread(), 2.0) / np.sqrt(len(laid))
    strong = inside & (detail > np.maximum(by_chance, _SHARED * np.quantile(detail[inside], 0.99)))
    strong = cv2.morphologyEx(strong.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    rows, columns = np.flatnonzero(strong.sum(axis=1) > 3), np.flatnonzero(strong.sum(axis=0) > 3)
    if not rows.size or not columns.size:
        return 0, 0, shape[1], shape[0]
    margin = round(0.025 * max(shape))
    left, right = max(columns[0] - margin, 0), min(columns[-1] + 1 + margin, shape[1])
    top, bottom = max(rows[0] - margin, 0), min(rows[-1] + 1 + margin, shape[0])
    return int(left), int(top), int(right), int(bottom)


class EdgeStatistics:
    """Edge strengths of registered photos, summed over those that cover a point.

    Attributes:
        seen: Points that most photos cover, bool (h, w); points that few cover say nothing of the part.
    """

    def __init__(self, laid: _Laid, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._sum, self._squares, self._count = (np.zeros(shape, np.float64) for _ in range(3))
        for view, homography in laid:
            edges, inside = self._of(view, homography)
            self._sum += edges
            self._squares += edges * edges
            self._count += inside
        self.seen = self._count >= _MOSTLY * len(laid)

    def mean(self) -> Plane:
        """Mean, float32 (h, w), 0 to 1; 0 at points that are not seen."""
        return self._mean(self._sum, self._count)

    def spread(self) -> Plane:
        """Standard deviation, float32 (h, w); 0 at points that are not seen."""
        count = np.maximum(self._count, 1)
        variance = self._squares / count - (self._sum / count) ** 2
        return (np.sqrt(np.maximum(variance, 0)) * self.seen).astype(np.float32)

    def mean_without(self, view: PartPyramid, homography: Matrix) -> Plane:
        """The mean of all photos but one, float32 (h, w)."""
        edges, inside = self._of(view, homography)
        return self._mean(self._sum - edges, self._count - inside)

    def _mean(self, total: Plane, count: Plane) -> Plane:
        return np.clip(total / np.maximum(count, 1) * self.seen, 0, 1).astype(np.float32)

    def _of(self, view: PartPyramid, homography: Matrix) -> tuple[Plane, NDArray[np.bool_]]:
        registered, inside = warp(view.part.pixels, homography, self._shape)
        return tolerant(edge_strength(registered)) * inside, inside


def _mean_picture(laid: _Laid, shape: tuple[int, int]) -> Pixels:
    """Mean of registered photos, uint8 (h, w, 3)."""
    total = np.zeros((*shape, 3), np.float64)
    for view, homography in laid:
        total += warp(view.part.pixels, homography, shape)[0]
    return np.round(total / len(laid)).astype(np.uint8)


def _least_score(laid: _Laid, edges: EdgeStatistics) -> float:
    """The least score: chance + (low - chance) / 4.

    `chance` is the score of genuine photos on the mirror image of the reference, which has the same outline and kind of
    edges but wrong letters. `low` is a low quantile of the scores of genuine photos, each against the mean of the
    others. A counterfeit with several wrong letters scores between the two; it is compared, and not refused.
    """
    scores = [edge_correlation(view, EdgePyramid(edges.mean_without(view, h)), h, MIDDLE)[0] for view, h in laid]
    mirrored = {"": EdgePyramid(flipped(edges.mean()))}
    some = np.unique(np.linspace(0, len(laid) - 1, min(len(laid), _DECOYS)).astype(int))
    by_chance = [align(laid[i][0], mirrored)[0].score for i in some]
    low = float(np.quantile(scores, _LOW_QUANTILE))
    chance = min(low, float(np.median(by_chance)))
    return chance + _ABOVE_CHANCE * (low - chance)


def _require_photos(series: str, count: int) -> None:
    if count < LEAST_PHOTOS:
        msg = (
            f"The series {series} has {count} genuine photos that fit each other, but its reference needs "
            f"{LEAST_PHOTOS}; add genuine photos that show the part flat, whole and from one side."
        )
        raise Refusal(msg)
