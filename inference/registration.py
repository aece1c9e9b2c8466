"""Registration: a photo of a part is laid over the genuine reference of its series.

Only the strength of edges is compared, never their sign: a letter is bright or dark as the lamp stands. A search over
all turns, sizes and places on a coarse picture finds starts; maximising the enhanced correlation coefficient (ECC,
Evangelidis and Psarakis, 2008) coarse to fine makes a homography of the best of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.records import Refusal, require

Pixels = NDArray[np.uint8]
# OpenCV's annotations do not tell one dtype from another; the docstrings do.
Plane = NDArray[Any]
Matrix = NDArray[Any]

LEAST_PHOTOS = 5
MOST_PHOTOS = 80

_SEARCH_SIDE = 40
_COARSE, _MIDDLE, _FINE = 112, 224, 448
_TURNS = 32
_FILLS = (0.5, 0.59, 0.7, 0.83, 0.98)
_SAME_FILLS = (0.77, 0.88, 1.0, 1.14, 1.3)
_LEAST_COVERED, _FULLY_COVERED = 0.4, 0.75
_LEAST_AREA, _MOST_AREA = 0.12, 2.2
_STARTS = 4
_ITERATIONS = 30
# Fits this close to the best are told apart at full size.
_CLOSE = 0.1
_MOSTLY = 0.6
_SPREAD_FLOOR = 0.05
# Of the way from the ground to the strongest edges: a seam or an outline counts, the table does not.
_SHARED = 0.22
# Of the most deviating points: about what one altered letter takes of a tag.
_DEVIATING_SHARE = 0.011


@dataclass(frozen=True)
class Reference:
    """What genuine parts of a series look like.

    Attributes:
        series: Its name.
        picture: Mean of the registered genuine photos, uint8 (h, w, 3).
        mean: Mean edge strength, float32 (h, w), 0 to 1.
        spread: Its standard deviation from photo to photo, float32 (h, w).
        least_score: Score below which a fit is worse than those of genuine photos.
        photos: How many photos it was made from.
    """

    series: str
    picture: Pixels = field(repr=False)
    mean: Plane = field(repr=False)
    spread: Plane = field(repr=False)
    least_score: float
    photos: int

    def __post_init__(self) -> None:
        require(self.picture.ndim == 3 and self.picture.dtype == np.uint8, "a reference's picture is uint8 (h, w, 3)")
        require(self.picture.shape[:2] == self.mean.shape == self.spread.shape, "a reference has one frame")
        require(self.mean.dtype == self.spread.dtype == np.float32, "mean and spread are float32")
        require(bool(np.isfinite(self.mean).all() and np.isfinite(self.spread).all()), "mean and spread are finite")
        for array in (self.picture, self.mean, self.spread):
            array.setflags(write=False)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the weights file holds of it."""
        return {
            "picture": self.picture,
            "mean": self.mean.astype(np.float16),
            "spread": self.spread.astype(np.float16),
            "least_score": np.array([self.least_score], np.float32),
            "photos": np.array([self.photos], np.int32),
        }

    @classmethod
    def from_arrays(cls, series: str, arrays: Mapping[str, NDArray[Any]]) -> Reference:
        """The reference that `arrays` was made of; edge strengths keep eleven bits.

        Raises:
            KeyError: if an array is missing.
            ValueError: if they make no reference.
        """
        mean, spread = (arrays[name].astype(np.float32) for name in ("mean", "spread"))
        return cls(series, arrays["picture"], mean, spread, float(arrays["least_score"][0]), int(arrays["photos"][0]))


@dataclass(frozen=True)
class Registration:
    """How a part was laid over a reference.

    Attributes:
        series: Whose reference.
        homography: From pixels of the part to pixels of the reference, float64 (3, 3).
        score: Correlation of edge strengths where the part covers the reference, -1 to 1.
        covered: Share of the reference that the part's picture covers, 0 to 1.
    """

    series: str
    homography: Matrix
    score: float
    covered: float

    def apply(self, part: Pixels, shape: tuple[int, ...]) -> tuple[Pixels, NDArray[np.bool_]]:
        """The part in the reference's frame, uint8 (h, w, 3), and where it covers it, bool (h, w)."""
        return _warp(part, self.homography, shape)

    def rows(self) -> tuple[tuple[float, float, float], ...]:
        """The homography row by row."""
        return tuple((float(a), float(b), float(c)) for a, b, c in self.homography)

    def stated(self) -> dict[str, Any]:
        """As JSON values."""
        return {"series": self.series, "homography": self.rows(), "score": self.score, "covered": self.covered}

    @classmethod
    def parse(cls, stated: Mapping[str, Any]) -> Registration:
        """From JSON values."""
        homography = np.array(stated["homography"], np.float64)
        return cls(stated["series"], homography, stated["score"], stated["covered"])


def local_contrast(pixels: Pixels) -> Plane:
    """Luminance against its surroundings, in their standard deviations: float32 (H, W), about -3 to 3.

    Shadows, gradients of light and the tone of a material drop out.
    """
    scale = max(pixels.shape[:2]) / _FINE
    grey: Plane = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    grey = cv2.GaussianBlur(grey, (0, 0), max(0.6 * scale, 0.3))
    around = max(14 * scale, 2.0)
    mean = _box(grey, around)
    deviation = np.sqrt(np.maximum(_box(grey * grey, around) - mean * mean, 0))
    return np.clip((grey - mean) / (deviation + np.float32(0.05)), -3, 3)


def edge_strength(pixels: Pixels) -> Plane:
    """How strong an edge runs through each point, whichever its direction and sign: float32 (H, W), 0 to 1."""
    contrast = local_contrast(pixels)
    x, y = (cv2.Sobel(contrast, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    return np.tanh(np.hypot(x, y) * np.float32(1.2 * max(1.0, max(pixels.shape[:2]) / _FINE)))


def register(part: Pixels, reference: Reference) -> Registration:
    """The part laid over one reference."""
    return register_best(part, [reference])[0]


def register_best(part: Pixels, references: Sequence[Reference]) -> tuple[Registration, ...]:
    """The part laid over each reference, best fit first.

    Args:
        part: uint8 (H, W, 3).
        references: At least one.

    Source: ECC, see above; DESIGN of the search is ours.
    """
    views = _Views(part)
    by_series = {reference.series: reference for reference in references}

    def lay(turns: int, starts: int) -> list[Registration]:
        fits = [_fit(views, r.mean, name, _search(views, r.mean, turns, starts)) for name, r in by_series.items()]
        nearly = max(fit.score for fit in fits) - _CLOSE
        fits = [_refined(views, by_series[f.series].mean, f, _FINE) if f.score >= nearly else f for f in fits]
        return sorted(fits, key=lambda fit: -fit.score)

    fits = lay(_TURNS, _STARTS)
    if fits[0].score < by_series[fits[0].series].least_score:
        # Before it is called a bad fit, it is looked for twice as hard.
        fits = max(fits, lay(2 * _TURNS, 2 * _STARTS), key=lambda tried: tried[0].score)
    return tuple(fits)


def difference(registered: Pixels, covered: NDArray[np.bool_], reference: Reference) -> Plane:
    """How far each point's edges stray from genuine ones, in standard deviations.

    Args:
        registered: The part in the reference's frame, uint8 (h, w, 3).
        covered: Where it covers the frame, bool (h, w).
        reference: What is genuine.

    Returns:
        float32 (h, w), >= 0; 0 where the part does not cover the frame.
    """
    return np.where(covered, deviation(edge_strength(registered), reference), np.float32(0))


def deviation(edges: Plane, reference: Reference) -> Plane:
    """|edges - mean| / (spread + floor), smoothed: float32 (h, w)."""
    scale = max(edges.shape) / _FINE
    away = np.abs(_tolerant(edges) - reference.mean) / (reference.spread + np.float32(_SPREAD_FLOOR))
    return cv2.GaussianBlur(away, (0, 0), 2.5 * scale)


def anomaly(away: Plane, covered: NDArray[np.bool_]) -> float:
    """Mean deviation over the most deviating points: a verdict's number without any network."""
    values = away[covered]
    count = max(1, round(values.size * _DEVIATING_SHARE))
    return float(np.partition(values, -count)[-count:].mean()) if values.size else 0.0


def build_reference(series: str, parts: Sequence[Pixels], long_side: int = _FINE) -> Reference:
    """The reference of a series from genuine photos.

    The photo that others fit best gives the first frame; all are laid over it, averaged, and laid over their
    mean. The frame is then made the photos' mean view of the part, cropped to what they share.

    Args:
        series: Its name.
        parts: Genuine photos, uint8 (H, W, 3); of more than `MOST_PHOTOS`, evenly taken ones are used.
        long_side: Of the reference in pixels.

    Raises:
        Refusal: with fewer than five photos that fit each other.
    """
    chosen = [parts[i] for i in np.unique(np.linspace(0, len(parts) - 1, min(len(parts), MOST_PHOTOS)).astype(int))]
    _require_photos(series, len(chosen))
    views = [_Views(part) for part in chosen]
    frame, fits = _first_frame(series, views)
    kept = _that_fit(fits)
    _require_photos(series, len(kept))
    # The photos' mean view of the first frame's corners is the frame that favours no photo.
    frame = _mean_view(frame, [fits[i] for i in kept])
    homographies = {i: frame.from_first @ fits[i].homography for i in kept}
    frame = frame.cropped(_shared_box([(views[i], homographies[i]) for i in kept], frame.shape), long_side)
    homographies = {i: frame.from_last @ homography for i, homography in homographies.items()}
    for _ in range(2):
        mean, _ = _average([(views[i], homographies[i]) for i in homographies], frame.shape)
        refined = {i: _refined(views[i], mean, Registration(series, h, 0, 0), _FINE) for i, h in homographies.items()}
        good = set(_that_fit(list(refined.values()), list(refined)))
        homographies = {i: fit.homography for i, fit in refined.items() if i in good}
    _require_photos(series, len(homographies))
    laid = [(views[i], homographies[i]) for i in homographies]
    mean, spread = _average(laid, frame.shape)
    picture: Plane = np.mean([_warp(view.part, h, frame.shape)[0].astype(np.float32) for view, h in laid], axis=0)
    scores = np.array([_score(view.edges(_FINE), view.scaled(h, _FINE), mean)[0] for view, h in laid])
    low = float(np.quantile(scores, 0.02))
    least = low - 2.5 * (float(np.median(scores)) - low)
    return Reference(series, np.asarray(np.round(picture), np.uint8), mean, spread, least, len(laid))


class _Views:
    """A part's edge strength at several sizes, each made once."""

    def __init__(self, part: Pixels) -> None:
        self.part = part
        self._made: dict[int, Plane] = {}

    def edges(self, side: int) -> Plane:
        """At a long side of at most `side`."""
        if side not in self._made:
            height, width = self.part.shape[:2]
            ratio = min(1.0, side / max(height, width))
            size = max(8, round(width * ratio)), max(8, round(height * ratio))
            small = cv2.resize(self.part, size, interpolation=cv2.INTER_AREA) if ratio < 1 else self.part
            self._made[side] = edge_strength(np.asarray(small, np.uint8))
        return self._made[side]

    def scaled(self, homography: Matrix, side: int) -> Matrix:
        """A homography from the part's pixels, from those of `edges(side)` instead."""
        height, width = self.edges(side).shape
        return homography @ _scaling(self.part.shape[1] / width, self.part.shape[0] / height)


def _search(
    views: _Views, mean: Plane, turns: int = _TURNS, starts: int = _STARTS, fills: Sequence[float] = _FILLS
) -> list[Matrix]:
    """The likeliest homographies from the part to a reference: turns, sizes and places on a coarse picture."""
    template = _shrunk(mean, _SEARCH_SIDE)
    edges = _blurred(views.edges(_COARSE), 1.2)
    whole = np.ones_like(edges)
    height, width = edges.shape
    found: list[tuple[float, Matrix]] = []
    for fill in fills:
        zoom = _SEARCH_SIDE / (fill * max(height, width))
        side = int(np.ceil(np.hypot(height, width) * zoom)) + 2 * max(template.shape) // 4
        for turn in range(turns):
            turned = cv2.getRotationMatrix2D((width / 2, height / 2), turn * 360 / turns, zoom)
            turned[:, 2] += (side / 2 - width / 2, side / 2 - height / 2)
            picture = cv2.warpAffine(edges, turned, (side, side), flags=cv2.INTER_LINEAR)
            if min(picture.shape) < max(template.shape):
                continue
            match = cv2.matchTemplate(picture, template, cv2.TM_CCOEFF_NORMED)
            photo = cv2.warpAffine(whole, turned, (side, side), flags=cv2.INTER_NEAREST)
            box = template.shape[::-1]
            inside = cv2.boxFilter(photo, -1, box, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
            match[inside[: match.shape[0], : match.shape[1]] < _LEAST_COVERED] = -1
            _, best, _, (x, y) = cv2.minMaxLoc(match)
            to_template = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]]) @ np.vstack([turned, [0, 0, 1]])
            found.append(
                (best, _scaling(mean.shape[1] / template.shape[1], mean.shape[0] / template.shape[0]) @ to_template)
            )
    found.sort(key=lambda one: -one[0])
    back = _scaling(edges.shape[1] / views.part.shape[1], edges.shape[0] / views.part.shape[0])
    return [homography @ back for _, homography in _distinct(found, mean.shape, starts)]


def _distinct(found: Sequence[tuple[float, Matrix]], shape: tuple[int, ...], count: int) -> list[tuple[float, Matrix]]:
    """The first few that lay the reference's corners at clearly different places."""
    kept: list[tuple[float, Matrix]] = []
    places: list[Matrix] = []
    for score, homography in found:
        corners = _corners_of(np.linalg.inv(homography), shape)
        size = np.ptp(corners, axis=0).max()
        if all(np.abs(corners - other).max() > 0.3 * size for other in places):
            kept.append((score, homography))
            places.append(corners)
            if len(kept) == count:
                break
    return kept


def _fit(views: _Views, mean: Plane, series: str, starts: Sequence[Matrix]) -> Registration:
    """The best of several starts, each refined: affinely first, then by a homography."""
    coarse = [_refined(views, mean, Registration(series, start, 0, 0), _COARSE, cv2.MOTION_AFFINE) for start in starts]
    nearly = max(fit.score for fit in coarse) - _CLOSE / 2
    likeliest = [fit for fit in coarse if fit.score >= nearly][:2]
    return max((_refined(views, mean, fit, _MIDDLE) for fit in likeliest), key=lambda fit: fit.score)


def _refined(
    views: _Views, mean: Plane, fit: Registration, side: int, motion: int = cv2.MOTION_HOMOGRAPHY
) -> Registration:
    """A fit improved by ECC at a size, and its score there."""
    template, edges = _shrunk(mean, side), views.edges(side)
    to_template = _scaling(template.shape[1] / mean.shape[1], template.shape[0] / mean.shape[0])
    start = to_template @ views.scaled(fit.homography, side)
    candidates: list[Matrix] = [start]
    blur = 1.5 if side < _FINE else 1.0
    inverse = np.linalg.inv(start)
    warp = (inverse / inverse[2, 2]).astype(np.float32)
    if motion == cv2.MOTION_AFFINE:
        warp = warp[:2]
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ITERATIONS, 1e-4)
    try:
        _, found = cv2.findTransformECC(
            _blurred(template, blur), _blurred(edges, blur), warp, motion, criteria, np.ones(edges.shape, np.uint8), 1
        )
    except cv2.error:
        # ECC found no way up from this start: it stays as it is.
        found = None
    if found is not None:
        whole = np.vstack([found, [0, 0, 1]]) if motion == cv2.MOTION_AFFINE else found
        candidates.append(np.linalg.inv(whole.astype(np.float64)))
    scored = [(*_score(edges, candidate, template), candidate) for candidate in candidates]
    score, covered, best = max(scored, key=lambda one: one[0])
    at_part = np.linalg.inv(to_template) @ best @ np.linalg.inv(views.scaled(np.eye(3), side))
    return replace(fit, homography=at_part / at_part[2, 2], score=score, covered=covered)


def _score(edges: Plane, homography: Matrix, mean: Plane) -> tuple[float, float]:
    """Correlation of edge strengths where the part covers the reference, and the share that it covers."""
    laid = cv2.warpPerspective(_blurred(edges, 1.0), homography, mean.shape[::-1], flags=cv2.INTER_LINEAR)
    inside = cv2.warpPerspective(np.ones_like(edges), homography, mean.shape[::-1]) > 0.99
    covered = float(inside.mean())
    # A frame that shrinks to a speck of the photo, or grows far beyond it, fits something other than the part.
    area = _area(_corners_of(np.linalg.inv(homography), mean.shape)) / edges.size
    if covered < _LEAST_COVERED or not _LEAST_AREA < area < _MOST_AREA:
        return -1.0, covered
    a, b = laid[inside] - laid[inside].mean(), mean[inside] - mean[inside].mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return (float((a * b).sum()) / norm * min(1.0, covered / _FULLY_COVERED) if norm > 0 else -1.0), covered


@dataclass(frozen=True)
class _Frame:
    """A frame in the making: its shape, and the homographies that lead into it."""

    shape: tuple[int, int]
    from_first: Matrix
    from_last: Matrix

    def cropped(self, box: tuple[int, int, int, int], long_side: int) -> _Frame:
        """The frame of a box (left, top, right, bottom) in it, at a long side."""
        left, top, right, bottom = box
        zoom = long_side / max(right - left, bottom - top)
        crop = _scaling(zoom, zoom) @ np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
        shape = round((bottom - top) * zoom), round((right - left) * zoom)
        return _Frame(shape, crop @ self.from_first, crop)


def _first_frame(series: str, views: Sequence[_Views]) -> tuple[_Frame, list[Registration]]:
    """The whole picture of the photo that the others fit best, and how they fit it."""
    candidates = np.unique(np.linspace(0, len(views) - 1, 4).astype(int))
    probes = [views[i] for i in np.unique(np.linspace(0, len(views) - 1, 9).astype(int))]

    def lay(seed: _Views, others: Sequence[_Views]) -> list[Registration]:
        mean = seed.edges(_FINE)
        return [_fit(other, mean, series, _search(other, mean, fills=_SAME_FILLS)) for other in others]

    medians = [float(np.median([fit.score for fit in lay(views[i], probes)])) for i in candidates]
    seed = views[candidates[int(np.argmax(medians))]]
    shape = seed.edges(_FINE).shape
    return _Frame((shape[0], shape[1]), np.eye(3), np.eye(3)), lay(seed, views)


def _that_fit(fits: Sequence[Registration], names: Sequence[int] | None = None) -> list[int]:
    """Which fits are not far below the others."""
    scores = np.array([fit.score for fit in fits])
    middle = float(np.median(scores))
    least = middle - max(4 * float(np.median(np.abs(scores - middle))), 0.15)
    return [i for i, score in zip(names or range(len(fits)), scores, strict=True) if score >= least]


def _mean_view(frame: _Frame, fits: Sequence[Registration]) -> _Frame:
    """The frame in which the corners of the first one lie where the photos, on average, show them."""
    corners = []
    for fit in fits:
        seen = _corners_of(np.linalg.inv(fit.homography), frame.shape)
        centre = seen.mean(0)
        # Each photo's view at the first frame's size and place: position and distance say nothing of the part.
        size = np.sqrt(_area(seen))
        corners.append((seen - centre) / size)
    mean = np.median(corners, axis=0)
    target = mean * np.sqrt(_area(_corners_of(np.eye(3), frame.shape)))
    target = (target - target.min(0)).astype(np.float32)
    homography = cv2.getPerspectiveTransform(_corners_of(np.eye(3), frame.shape).astype(np.float32), target)
    across, down = np.ceil(target.max(0)).astype(int).tolist()
    return _Frame((max(down, 8), max(across, 8)), np.asarray(homography, np.float64), np.eye(3))


def _shared_box(laid: Sequence[tuple[_Views, Matrix]], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) around the edges that all photos share, with a small margin."""
    mean, spread = _average(laid, shape)
    smooth = cv2.GaussianBlur(mean, (0, 0), 2.0)
    inside = cv2.erode((spread > 0).astype(np.uint8), np.ones((15, 15), np.uint8), borderValue=0) > 0
    ground = np.median(smooth[inside])
    strong = inside & (smooth > ground + _SHARED * (np.quantile(smooth[inside], 0.99) - ground))
    rows, columns = np.flatnonzero(strong.sum(1) > 3), np.flatnonzero(strong.sum(0) > 3)
    if not rows.size or not columns.size:
        return 0, 0, shape[1], shape[0]
    margin = round(0.025 * max(shape))
    left, right = max(columns[0] - margin, 0), min(columns[-1] + 1 + margin, shape[1])
    top, bottom = max(rows[0] - margin, 0), min(rows[-1] + 1 + margin, shape[0])
    return int(left), int(top), int(right), int(bottom)


def _average(laid: Sequence[tuple[_Views, Matrix]], shape: tuple[int, int]) -> tuple[Plane, Plane]:
    """Mean and standard deviation of the photos' edge strengths in a frame, over the photos that cover a point."""
    total, squares, count = (np.zeros(shape, np.float64) for _ in range(3))
    for view, homography in laid:
        registered, inside = _warp(view.part, homography, shape)
        edges = np.where(inside, _tolerant(edge_strength(registered)), 0)
        total += edges
        squares += edges * edges
        count += inside
    # Where few photos reach, what they show says nothing of the part.
    seen = count >= _MOSTLY * len(laid)
    total, squares = total * seen, squares * seen
    count = np.maximum(count, 1)
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean * mean, 0))
    return mean.astype(np.float32), spread.astype(np.float32)


def _require_photos(series: str, count: int) -> None:
    if count < LEAST_PHOTOS:
        msg = (
            f"The series {series} has {count} genuine photos that fit each other and its reference needs "
            f"{LEAST_PHOTOS}; add genuine photos that show the part flat, whole and alike."
        )
        raise Refusal(msg)


def _warp(part: Pixels, homography: Matrix, shape: tuple[int, ...]) -> tuple[Pixels, NDArray[np.bool_]]:
    """A part in a frame, sampled without aliasing, and where it covers the frame."""
    height, width = shape[:2]
    shrink = np.sqrt(abs(_area(_corners_of(np.linalg.inv(homography), shape))) / (height * width))
    source, to_frame = part, homography
    if shrink > 1.5:
        ratio = 1 / shrink
        size = max(1, round(part.shape[1] * ratio)), max(1, round(part.shape[0] * ratio))
        source = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        to_frame = homography @ _scaling(part.shape[1] / size[0], part.shape[0] / size[1])
    laid = cv2.warpPerspective(
        source, to_frame, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    inside = cv2.warpPerspective(
        np.ones(source.shape[:2], np.float32), to_frame, (width, height), flags=cv2.INTER_LINEAR
    )
    return np.asarray(laid, np.uint8), inside > 0.99


def _tolerant(edges: Plane) -> Plane:
    """Edges blurred by what registration may leave."""
    return _blurred(edges, 1.3 * max(edges.shape) / _FINE)


def _blurred(plane: Plane, sigma: float) -> Plane:
    return cv2.GaussianBlur(plane, (0, 0), max(sigma, 0.3))


def _box(plane: Plane, sigma: float) -> Plane:
    side = 2 * round(sigma) + 1
    return cv2.blur(cv2.blur(plane, (side, side)), (side, side))


def _shrunk(plane: Plane, side: int) -> Plane:
    height, width = plane.shape
    ratio = min(1.0, side / max(height, width))
    size = max(4, round(width * ratio)), max(4, round(height * ratio))
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)


def _scaling(x: float, y: float) -> Matrix:
    return np.diag([x, y, 1.0])


def _corners_of(homography: Matrix, shape: tuple[int, ...]) -> Matrix:
    """Where a frame's corners (4, 2) go."""
    height, width = shape[:2]
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
    return np.asarray(cv2.perspectiveTransform(corners, homography)[0], np.float64)


def _area(corners: Matrix) -> float:
    x, y = corners.T
    return float(abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2)
