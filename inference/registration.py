"""Registration: a photo of a flat part is laid over the genuine reference of its series.

Only the strength of edges is compared, never their sign: a letter is bright or dark as the lamp stands. Three steps,
coarse to fine: landmarks of the edges are matched (SIFT, D. Lowe: Distinctive image features from scale-invariant
keypoints. 2004), and the turn, size and place that most matches agree on are taken; tiles of the reference are then
looked for near where they should be, and the homography that most of them agree on is taken, so that a cover or an
altered letter does not pull at the rest; at last the enhanced correlation coefficient is maximised (ECC, Evangelidis
and Psarakis: Parametric image alignment using enhanced correlation coefficient maximization. 2008).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit  # type: ignore[import-untyped]

from inference.genuine_features import GenuineFeatures
from inference.measures import blur
from inference.records import Refusal, require

Pixels = NDArray[np.uint8]
# OpenCV's annotations do not tell one dtype from another; the docstrings do.
Plane = NDArray[Any]
Matrix = NDArray[Any]

LEAST_PHOTOS = 5
MOST_PHOTOS = 100

_COARSE, _MIDDLE, _FINE = 112, 224, 448
# Of a photo and of a mean, which is smooth already; the grain of a material fades.
_LANDMARK_BLURS = (1.5, 1.0)
_LANDMARKS = 800
_FAINTEST_LANDMARK = 0.01
_STRAIGHTEST_LANDMARK = 20
# Perspective is left to the next step, and moves landmarks by as much; in pixels of a picture `_MIDDLE` long.
_MATCH_TOLERANCE = 4
_MATCH_ROUNDS = 3000
_LEAST_PAIRS = 4
_REACHES = (12, 10, 8)
_TILE = 36
_ROBUST_ROUNDS = 8
# Area that a step leaves of the frame; less is a collapse.
_LEAST_STEP = 0.1
_LEAST_MATCHED_AREA = 0.02
# Pixels: a frame that collapses onto a line is a pixel's hundredth.
_LEAST_SEEN = 0.01
_ITERATIONS = 40
_LEAST_COVERED, _FULLY_COVERED = 0.4, 0.75
# Of the photo's area: a frame that shrinks to a speck or grows far beyond the photo fits something else than the part.
_LEAST_AREA, _MOST_AREA = 0.08, 2.2
_MOSTLY = 0.6
_DECOYS = 8
_LOW_QUANTILE = 0.02
_ABOVE_CHANCE = 0.25
_SPREAD_FLOOR = 0.05
# Of the strongest edges: a seam or an outline counts, the table does not.
_SHARED = 0.08
_SOFTER = 0.01
# 300 points of a frame 224 x 122: about what one altered letter takes of a tag.
_DEVIATING_SHARE = 0.011


@dataclass(frozen=True)
class Reference:
    """What genuine parts of a series look like.

    Attributes:
        series: Its name.
        picture: Mean of the registered genuine photos, uint8 (h, w, 3), read-only.
        mean: Mean edge strength, float32 (h, w), 0 to 1, lightly blurred to bear what registration leaves, read-only.
        spread: Its standard deviation from photo to photo, float32 (h, w), >= 0, read-only.
        least_score: A fit that scores less is a bad one. It was set between what genuine photos reach and what they
            reach on the mirror image; -1 to 1.
        most_enlarged: How many pixels a pixel of a genuine photo became along a side, in the one that shows the part
            smallest; > 0. A smaller part is softer than what the reference knows.
        most_blurred: Blur (`measures.blur`) that all but 1% of genuine photos stay below in the reference's frame; 0 to
            1, the softest.
        photos: How many photos it was made from, >= 1.
        features: What a trained network's features of genuine parts are; None before there is one.

    Raises:
        ValueError: if a field is not so.
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
        _require_pixels(self.picture, "a reference's picture")
        require(
            self.picture.shape[:2] == self.mean.shape == self.spread.shape,
            f"picture, mean and spread have one frame, not {self.picture.shape[:2]}, {self.mean.shape} and "
            f"{self.spread.shape}",
        )
        require(self.mean.dtype == self.spread.dtype == np.float32, "mean and spread are float32")
        require(bool(((self.mean >= 0) & (self.mean <= 1)).all()), "a mean edge strength lies between 0 and 1")
        require(bool(((self.spread >= 0) & np.isfinite(self.spread)).all()), "a spread is finite and >= 0")
        require(-1 <= self.least_score <= 1, f"a correlation lies between -1 and 1, not {self.least_score}")
        require(0 < self.most_enlarged < np.inf, f"an enlargement is above 0, not {self.most_enlarged}")
        require(0 <= self.most_blurred <= 1, f"blur lies between 0 and 1, not {self.most_blurred}")
        require(self.photos >= 1, "a reference is made from photos")
        for array in (self.picture, self.mean, self.spread):
            array.setflags(write=False)

    @cached_property
    def handedness(self) -> float:
        """How much tells the reference from its mirror image, 0 (nothing) to 1; found once, in half a second.

        It is the share of its correlation with itself that the mirror image does not reach, laid over it at its best.
        """
        own = _score(_Views.of_edges(self.mean), self.mean, np.eye(3), _MIDDLE)[0]
        return float(np.clip(1 - self.mirror_image.score / own, 0, 1)) if own > 0 else 0.0

    @cached_property
    def mirror_image(self) -> Registration:
        """The reference's own mirror image, flipped left to right, laid over it at its best."""
        mirror, means = _Views.of_edges(_flipped(self.mean)), {self.series: self.mean}
        starts = (_quarter_turns(quarters, self.mean.shape) for quarters in range(4))
        tried = (_fine(self.series, mirror, self.mean, start) for start in starts)
        return max((_lay(mirror, means)[0], *tried), key=lambda fit: fit.score)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a weights file holds of it; the name of the series is kept elsewhere."""
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
        """The reference that `arrays` was made of; edge strengths keep eleven bits.

        Raises:
            KeyError: if an array is missing.
            ValueError: if they make no reference.
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


@dataclass(frozen=True)
class Registration:
    """How a part was laid over a reference.

    Attributes:
        series: Whose reference.
        homography: From pixels of the part to pixels of the reference, float64 (3, 3), read-only.
        score: Correlation of edge strengths where the part covers the reference, -1 to 1; less where it covers little.
            All scores are taken at one size, so that those of several references compare.
        covered: Share of the reference that the part's picture covers, 0 to 1.

    Raises:
        ValueError: if a field is not so.
    """

    series: str
    homography: Matrix
    score: float
    covered: float

    def __post_init__(self) -> None:
        require(self.homography.shape == (3, 3), f"a homography is (3, 3), not {self.homography.shape}")
        require(bool(np.isfinite(self.homography).all()), "a homography is finite")
        require(-1.001 <= self.score <= 1.001, f"a correlation lies between -1 and 1, not {self.score}")
        require(0 <= self.covered <= 1, f"a share lies between 0 and 1, not {self.covered}")
        self.homography.setflags(write=False)

    def apply(self, part: Pixels, shape: tuple[int, ...]) -> tuple[Pixels, NDArray[np.bool_]]:
        """The part in the frame of a reference of `shape`, uint8 (h, w, 3), and where it covers it, bool (h, w)."""
        _require_pixels(part, "a part")
        return _warp(part, self.homography, shape)

    def rows(self) -> tuple[tuple[float, float, float], ...]:
        """The homography row by row."""
        return tuple((float(a), float(b), float(c)) for a, b, c in self.homography)

    def stated(self) -> dict[str, Any]:
        """As JSON values."""
        return {"series": self.series, "homography": self.rows(), "score": self.score, "covered": self.covered}

    @classmethod
    def parse(cls, stated: Mapping[str, Any]) -> Registration:
        """From JSON values.

        Raises:
            KeyError: if one is missing.
            ValueError: if they make no registration.
        """
        homography = np.array(stated["homography"], np.float64)
        return cls(stated["series"], homography, stated["score"], stated["covered"])


def local_contrast(pixels: Pixels) -> Plane:
    """Luminance against its surroundings, in their standard deviations: float32 (H, W), -3 to 3.

    Shadows, gradients of light and the tone of a material drop out. Surroundings are about a thirtieth of the long
    side, so that pictures of one part at several sizes give the same contrast.
    """
    _require_pixels(pixels, "a picture")
    scale = max(pixels.shape[:2]) / _FINE
    grey: Plane = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    grey = _blurred(grey, 0.6 * scale)
    around = max(14 * scale, 2.0)
    mean = _local_mean(grey, around)
    deviation = np.sqrt(np.maximum(_local_mean(grey * grey, around) - mean * mean, 0))
    return np.clip((grey - mean) / (deviation + np.float32(0.05)), -3, 3)


def edge_strength(pixels: Pixels) -> Plane:
    """How strong an edge runs through each point, whichever its direction and sign.

    Args:
        pixels: uint8 (H, W, 3).

    Returns:
        float32 (H, W), 0 to 1.
    """
    contrast = local_contrast(pixels)
    x, y = (cv2.Sobel(contrast, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    return np.tanh(np.hypot(x, y) * np.float32(1.2 * max(1.0, max(pixels.shape[:2]) / _FINE)))


def register(part: Pixels, reference: Reference) -> Registration:
    """The part laid over one reference; whether it fits, its score against `least_score` says."""
    return register_best(part, [reference])[0]


def register_best(part: Pixels, references: Sequence[Reference]) -> tuple[Registration, ...]:
    """The part laid over each of several references, the best fit first.

    Scores compare: all are taken at one size. Only the best fit is polished to the last pixel.

    Args:
        part: uint8 (H, W, 3), of which the part fills half or more.
        references: At least one, of different series.

    Raises:
        ValueError: if the part is not such pixels, or the references are none or name a series twice.
    """
    views, by_series = _Views(part), _by_series(part, references)
    fits = _lay(views, _means(by_series))
    if not _fits(fits[0], by_series):
        # Before it is called a bad fit, it is looked for with twice the detail.
        fits = max(fits, _lay(views, _means(by_series), _FINE), key=lambda tried: tried[0].score)
    return tuple(fits)


def register_both_ways(part: Pixels, references: Sequence[Reference]) -> tuple[tuple[Registration, ...], Registration]:
    """The part laid over each of several references, and its mirror image over the one that it fits best.

    A mirror image that is turned as well is found like any turned part, so that one trial serves all flips. Outlines
    are much alike when mirrored, so that each is tried from where the other lies too: neither is to lose by a fit that
    was missed.

    Args:
        part: As in `register_best`.
        references: As in `register_best`.

    Returns:
        What `register_best` gives; and the best fit of the mirror image, whose homography leads from its pixels,
        flipped left to right.

    Raises:
        ValueError: as `register_best`.
    """
    by_series = _by_series(part, references)
    fits, mirrored = register_best(part, references), _flipped(part)
    if _fits(fits[0], by_series):
        mirror = max(
            _lay(_Views(mirrored), _means(by_series))[0],
            _laid_across(mirrored, by_series[fits[0].series], fits[0]),
            key=lambda fit: fit.score,
        )
    else:
        mirror = register_best(mirrored, references)[0]
    if mirror.score > fits[0].score:
        back = _laid_across(part, by_series[mirror.series], mirror)
        if back.score > fits[0].score:
            fits = (back, *(fit for fit in fits if fit.series != back.series))
    return fits, mirror


def _laid_across(part: Pixels, reference: Reference, other: Registration) -> Registration:
    """The part laid over a reference, starting from where its mirror image lies."""
    width = reference.mean.shape[1]
    start = reference.mirror_image.homography @ _flip(width) @ other.homography @ _flip(part.shape[1])
    return _fine(reference.series, _Views(part), reference.mean, _normalised(start))


def _by_series(part: Pixels, references: Sequence[Reference]) -> dict[str, Reference]:
    """References by the name of their series, once they and the part are what a registration takes."""
    _require_pixels(part, "a part")
    by_series = {reference.series: reference for reference in references}
    require(bool(references), "a part is registered to at least one reference")
    require(len(by_series) == len(references), "each series has one reference")
    return by_series


def _means(by_series: Mapping[str, Reference]) -> dict[str, Plane]:
    return {series: reference.mean for series, reference in by_series.items()}


def _fits(fit: Registration, by_series: Mapping[str, Reference]) -> bool:
    return fit.score >= by_series[fit.series].least_score


def enlargement(homography: Matrix, shape: tuple[int, ...]) -> float:
    """How many pixels of a reference's frame of `shape` a pixel of the part becomes along a side, > 0."""
    height, width = shape[:2]
    return float(np.sqrt(height * width / max(_area(_corners(np.linalg.inv(homography), shape)), _LEAST_SEEN)))


def difference(registered: Pixels, covered: NDArray[np.bool_], reference: Reference) -> Plane:
    """How far each point's edges stray from genuine ones, in standard deviations.

    Args:
        registered: The part in the reference's frame, uint8 (h, w, 3).
        covered: Where it covers the frame, bool (h, w).
        reference: What is genuine.

    Returns:
        float32 (h, w), >= 0; 0 where the part does not cover the frame.

    Raises:
        ValueError: if the part or its cover is not in the reference's frame.
    """
    require(registered.shape[:2] == covered.shape == reference.mean.shape, "a difference is taken in one frame")
    return np.where(covered, deviation(edge_strength(registered), reference), np.float32(0))


def deviation(edges: Plane, reference: Reference) -> Plane:
    """|edges - mean| / (spread + floor), smoothed: float32 (h, w), of edge strength in the reference's frame."""
    scale = max(edges.shape) / _FINE
    away = np.abs(_tolerant(edges) - reference.mean) / (reference.spread + np.float32(_SPREAD_FLOOR))
    return _blurred(away, 2.5 * scale)


def anomaly(away: Plane, covered: NDArray[np.bool_]) -> float:
    """Mean over the most deviating 1.1% of what is covered, >= 0: finds counterfeits without any network.

    Args:
        away: What `difference` gave, float32 (h, w).
        covered: Where the part covers the frame, bool (h, w); nowhere gives 0.
    """
    values = away[covered]
    count = max(1, round(values.size * _DEVIATING_SHARE))
    return float(np.partition(values, -count)[-count:].mean()) if values.size else 0.0


def build_reference(series: str, parts: Sequence[Pixels], long_side: int = _FINE) -> Reference:
    """The reference of a series from genuine photos.

    The photo that others fit best gives the first frame. The half that fit it best are averaged, and all are laid over
    their mean, then over the mean of all. The frame is made the photos' mean view of the part, as upright as most of
    them, and cropped to what they share.

    Args:
        series: Its name.
        parts: Genuine photos, uint8 (H, W, 3); of more than `MOST_PHOTOS`, evenly taken ones are used.
        long_side: Of the reference in pixels, at least 64.

    Raises:
        Refusal: with fewer than five photos that fit each other.
        ValueError: if `long_side` is too short.
    """
    require(long_side >= 64, f"a reference is at least 64 pixels long, not {long_side}")
    chosen = np.unique(np.linspace(0, len(parts) - 1, min(len(parts), MOST_PHOTOS)).astype(int))
    _require_photos(series, len(chosen))
    views = [_Views(parts[i]) for i in chosen]
    frame, fits = _first_frame(series, views)
    kept = _best_half(fits)
    _require_photos(series, len(kept))
    turned = _mean_view(frame, [fits[i].homography for i in kept])
    laid = [(views[i], turned.into @ fits[i].homography) for i in kept]
    cropped = _crop(_shared_box(laid, turned.shape), long_side)
    laid = [(view, cropped.into @ homography) for view, homography in laid]
    # A mean shows what single photos hide: against it the others fit too.
    mean = _Edges(laid, cropped.shape).mean()
    laid = [(view, _lay(view, {series: mean})[0].homography) for view in views]
    laid = _without_strays(series, laid, mean)
    mean = _Edges(laid, cropped.shape).mean()
    laid = [(view, _polished(view, mean, homography, _FINE)) for view, homography in laid]
    laid = _without_strays(series, laid, mean)
    edges = _Edges(laid, cropped.shape)
    return Reference(
        series,
        _mean_picture(laid, cropped.shape),
        edges.mean(),
        edges.spread(),
        _least_score(laid, edges),
        max(enlargement(homography, cropped.shape) for _, homography in laid),
        _most_blurred([_warp(view.part, homography, cropped.shape)[0] for view, homography in laid]),
        len(laid),
    )


class _Views:
    """A part's edge strength at several sizes, each made once."""

    def __init__(self, part: Pixels) -> None:
        self.part = part
        self._made: dict[int, Plane] = {}

    @classmethod
    def of_edges(cls, edges: Plane) -> _Views:
        """Of a part of which the edge strength alone is known, float32 (h, w)."""
        views = cls(np.zeros((*edges.shape, 3), np.uint8))
        views._made = {side: _shrunk(edges, side) for side in (_COARSE, _MIDDLE, _FINE)}
        return views

    def edges(self, side: int) -> Plane:
        """At a long side of at most `side`."""
        if side not in self._made:
            height, width = self.part.shape[:2]
            ratio = min(1.0, side / max(height, width))
            size = max(8, round(width * ratio)), max(8, round(height * ratio))
            small = cv2.resize(self.part, size, interpolation=cv2.INTER_AREA) if ratio < 1 else self.part
            self._made[side] = edge_strength(np.asarray(small, np.uint8))
        return self._made[side]

    def scaling(self, side: int) -> Matrix:
        """From pixels of the part to those of `edges(side)`."""
        height, width = self.edges(side).shape
        return _scaling(width / self.part.shape[1], height / self.part.shape[0])


def _lay(views: _Views, means: Mapping[str, Plane], side: int = _MIDDLE) -> list[Registration]:
    """Fits to all references, the best first: all with care, the best one finely.

    Args:
        views: The part.
        means: Edge strength of each series' reference.
        side: Long side of the pictures whose landmarks are matched.
    """
    found = _landmarks(views.edges(side), _LANDMARK_BLURS[0])
    fits = []
    for series, mean in means.items():
        template = _shrunk(mean, side)
        matched = _matched(found, _landmarks(template, _LANDMARK_BLURS[1]), side)
        start = _normalised(_up(mean, template) @ matched @ views.scaling(side))
        fits.append(_careful(series, views, mean, start))
    fits.sort(key=lambda fit: -fit.score)
    first = fits[0]
    fine = _polished(views, means[first.series], first.homography, _FINE)
    return [_scored(first.series, views, means[first.series], fine), *fits[1:]]


def _fine(series: str, views: _Views, mean: Plane, start: Matrix) -> Registration:
    """A fit moved by its tiles, then polished, the last time finely."""
    return _scored(series, views, mean, _polished(views, mean, _careful(series, views, mean, start).homography, _FINE))


def _careful(series: str, views: _Views, mean: Plane, start: Matrix) -> Registration:
    """A fit moved by its tiles, then polished."""
    coarse = max((start, _moved(views, mean, start, _REACHES[0])), key=lambda h: _score(views, mean, h, _COARSE)[0])
    homography = coarse
    for reach in _REACHES[1:]:
        homography = _moved(views, mean, homography, reach)
    # Tiles of a strongly altered part can lead astray.
    polished = [_polished(views, mean, one, _MIDDLE) for one in (homography, coarse)]
    return max((_scored(series, views, mean, one) for one in polished), key=lambda fit: fit.score)


@dataclass(frozen=True)
class _Landmarks:
    """Places (n, 2) as x, y, and what the edges around each look like (n, 128), both float32."""

    places: Plane
    descriptors: Plane


def _landmarks(edges: Plane, blur: float) -> _Landmarks:
    """The most distinct places of a picture of edge strengths (h, w)."""
    smooth = _blurred(edges, blur)
    levels = np.clip(smooth * (255 / max(float(np.quantile(smooth, 0.995)), 1e-3)), 0, 255).astype(np.uint8)
    sift = cv2.SIFT.create(_LANDMARKS, contrastThreshold=_FAINTEST_LANDMARK, edgeThreshold=_STRAIGHTEST_LANDMARK)
    points, descriptors = sift.detectAndCompute(levels, None)
    if not points:
        return _Landmarks(np.empty((0, 2), np.float32), np.empty((0, 128), np.float32))
    return _Landmarks(np.array([point.pt for point in points], np.float32), np.asarray(descriptors, np.float32))


def _matched(photo: _Landmarks, reference: _Landmarks, side: int) -> Matrix:
    """The similarity from a photo to a reference that most pairs of landmarks agree on, which are each other's likest.

    With too few pairs it is the identity, which fits badly and is told by its score.
    """
    if not (len(photo.places) and len(reference.places)):
        return np.eye(3)
    pairs = cv2.BFMatcher(cv2.NORM_L2, crossCheck=True).match(photo.descriptors, reference.descriptors)
    if len(pairs) < _LEAST_PAIRS:
        return np.eye(3)
    similarity, _ = cv2.estimateAffinePartial2D(
        photo.places[[pair.queryIdx for pair in pairs]],
        reference.places[[pair.trainIdx for pair in pairs]],
        ransacReprojThreshold=_MATCH_TOLERANCE * side / _MIDDLE,
        maxIters=_MATCH_ROUNDS,
    )
    if similarity is None or abs(np.linalg.det(similarity[:, :2])) < _LEAST_MATCHED_AREA:
        return np.eye(3)
    return np.vstack([similarity, [0, 0, 1]])


def _moved(views: _Views, mean: Plane, homography: Matrix, reach: int) -> Matrix:
    """A homography after the step that most tiles of the reference agree on.

    Args:
        views: The part.
        mean: The reference's edge strength.
        homography: From pixels of the part to those of the reference.
        reach: How far a tile is looked for, in pixels of a frame `_COARSE` long.
    """
    template = _blurred(_shrunk(mean, _COARSE), 1.2)
    edges = _blurred(views.edges(_COARSE), 1.2)
    down = np.linalg.inv(_up(mean, template))
    inner = down @ homography @ np.linalg.inv(views.scaling(_COARSE))
    margin = np.array([[1, 0, reach], [0, 1, reach], [0, 0, 1]]) @ inner
    size = template.shape[1] + 2 * reach, template.shape[0] + 2 * reach
    laid = cv2.warpPerspective(edges, margin, size)
    seen = cv2.warpPerspective(np.ones_like(edges), margin, size) > 0.99
    if not seen.any():
        return homography
    laid[~seen] = laid[seen].mean()
    places, moves, firmness = _tile_moves(template, laid, seen, reach)
    if len(places) < 6:
        return homography
    step = _agreed_step(places, moves, firmness, template.shape)
    if np.linalg.det(step) < _LEAST_STEP:
        return homography
    return _normalised(np.linalg.inv(down) @ np.linalg.inv(step) @ down @ homography)


def _tile_moves(template: Plane, laid: Plane, seen: NDArray[np.bool_], reach: int) -> tuple[Matrix, Matrix, Matrix]:
    """Where tiles of a template are found in a picture laid over it.

    Args:
        template: float32 (h, w).
        laid: float32 (h + 2 reach, w + 2 reach), over the template with `reach` more on each side.
        seen: Where `laid` shows the photo.
        reach: How far a tile is looked for, in pixels.

    Returns:
        Centres of the tiles (n, 2) as x, y; their moves (n, 2); and how firmly each move is known, symmetric (n, 2, 2):
        along a straight edge a tile slides freely, and the correlation it reached counts.
    """
    tile = min(_TILE, *template.shape)
    flat = 0.25 * template.std()
    x_slope, y_slope = (cv2.Sobel(template, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    offsets = np.arange(-reach, reach + 1) / reach
    # Of equal peaks the nearer one: letters repeat, and seams are the same all along.
    nearer = 0.15 * (offsets[:, None] ** 2 + offsets**2)
    places, moves, firmness = [], [], []
    for y in _tile_starts(template.shape[0], tile):
        for x in _tile_starts(template.shape[1], tile):
            here = np.s_[y : y + tile, x : x + tile]
            patch = template[here]
            if patch.std() <= flat or not seen[y + reach + tile // 2, x + reach + tile // 2]:
                continue
            around = laid[y : y + tile + 2 * reach, x : x + tile + 2 * reach]
            match = cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED) - nearer
            _, peak, _, (right, below) = cv2.minMaxLoc(match)
            if peak < 0.2:
                continue
            slopes = np.stack([x_slope[here].ravel(), y_slope[here].ravel()]).astype(np.float64)
            structure = slopes @ slopes.T
            places.append((x + (tile - 1) / 2, y + (tile - 1) / 2))
            moves.append((right - reach, below - reach))
            firmness.append(peak**2 * structure / np.trace(structure))
    return np.array(places, np.float64), np.array(moves, np.float64), np.array(firmness, np.float64)


def _tile_starts(extent: int, tile: int) -> list[int]:
    """Starts of half-overlapping tiles along a side."""
    count = max(1, round((extent - tile) / (tile / 2)) + 1)
    return np.unique(np.linspace(0, extent - tile, count).astype(int)).tolist()


def _agreed_step(places: Matrix, moves: Matrix, firmness: Matrix, shape: tuple[int, ...]) -> Matrix:
    """The homography near identity that moves most places as they moved; those that disagree lose their say.

    Iteratively reweighted least squares with Geman and McClure's weights, on the homography linearised at identity.

    Args:
        places: (n, 2), in pixels of a frame of `shape`.
        moves: (n, 2).
        firmness: Weight of a move in each direction, symmetric (n, 2, 2).
        shape: Of the frame; it sets the scale of the parameters.
    """
    height, width = shape[:2]
    size = max(height, width) / 2
    to_unit = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, size]]) / size
    x, y = ((places - (width / 2, height / 2)) / size).T
    target = moves / size
    one, none = np.ones_like(x), np.zeros_like(x)
    slopes = np.stack(
        [
            np.stack([x, y, one, none, none, none, -x * x, -x * y], 1),
            np.stack([none, none, none, x, y, one, -x * y, -y * y], 1),
        ],
        axis=1,
    )
    pixel = 1 / size**2
    say = np.ones(len(places))
    step = np.zeros(8)
    for _ in range(_ROBUST_ROUNDS):
        weights = say[:, None, None] * firmness
        normal = np.einsum("nak,nab,nbl->kl", slopes, weights, slopes)
        # Tiles on a line leave some parameters open: those stay where they are.
        ridge = 1e-3 * np.trace(weights.sum(axis=0)) * np.eye(8)
        step = np.linalg.solve(normal + ridge, np.einsum("nak,nab,nb->k", slopes, weights, target))
        left = target - slopes @ step
        error = np.einsum("na,nab,nb->n", left, firmness, left)
        say = 1 / (1 + error / max(2 * float(np.median(error)), pixel / 2)) ** 2
    unit = np.eye(3) + np.append(step, 0).reshape(3, 3)
    return np.linalg.inv(to_unit) @ unit @ to_unit


def _polished(views: _Views, mean: Plane, homography: Matrix, side: int) -> Matrix:
    """A homography improved by ECC at a size, or as it was where that scores no better."""
    template, edges = _shrunk(mean, side), views.edges(side)
    up, down = _up(mean, template), views.scaling(side)
    blur = 1.5 if side < _FINE else 1.0
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ITERATIONS, 1e-4)
    start = _normalised(down @ np.linalg.inv(homography) @ up).astype(np.float32)
    seen = np.ones(edges.shape, np.uint8)
    try:
        _, found = cv2.findTransformECC(
            _blurred(template, blur), _blurred(edges, blur), start, cv2.MOTION_HOMOGRAPHY, criteria, seen, 1
        )
    except cv2.error:
        # ECC found no way up from here.
        return homography
    if not np.isfinite(found).all() or abs(np.linalg.det(found)) < 1e-6:
        return homography
    polished = _normalised(up @ np.linalg.inv(found.astype(np.float64)) @ down)
    return max((homography, polished), key=lambda tried: _score(views, mean, tried, side)[0])


def _scored(series: str, views: _Views, mean: Plane, homography: Matrix) -> Registration:
    return Registration(series, homography, *_score(views, mean, homography, _MIDDLE))


def _score(views: _Views, mean: Plane, homography: Matrix, side: int) -> tuple[float, float]:
    """Correlation of edge strengths where the part covers the reference, and the share that it covers."""
    template, edges = _shrunk(mean, side), views.edges(side)
    inner = np.linalg.inv(_up(mean, template)) @ homography @ np.linalg.inv(views.scaling(side))
    size = template.shape[::-1]
    seen = cv2.warpPerspective(np.ones_like(edges), inner, size) > 0.99
    covered = float(seen.mean())
    if covered < _LEAST_COVERED or not _is_view(inner, template.shape, edges.size):
        return -1.0, covered
    laid = cv2.warpPerspective(_blurred(edges, 1.0), inner, size)
    a, b = laid[seen] - laid[seen].mean(), template[seen] - template[seen].mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    if norm == 0:
        return -1.0, covered
    return float((a * b).sum()) / norm * min(1.0, covered / _FULLY_COVERED), covered


def _is_view(homography: Matrix, shape: tuple[int, ...], photo_area: int) -> bool:
    """Whether a camera could have seen a frame so: from its front, all of it ahead, and at a likely size."""
    height, width = shape
    seen_from = np.linalg.inv(homography)
    ahead = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]]) @ seen_from[2]
    if not (ahead * ahead[0] > 0).all():
        return False
    corners = _corners(seen_from, shape)
    sides = np.roll(corners, -1, axis=0) - corners
    after = np.roll(sides, -1, axis=0)
    convex = (sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0] > 0).all()
    return bool(convex) and _LEAST_AREA < _area(corners) / photo_area < _MOST_AREA


@dataclass(frozen=True)
class _Frame:
    """A new frame: its shape, and the homography that leads into it."""

    shape: tuple[int, int]
    into: Matrix


_Laid = Sequence[tuple[_Views, Matrix]]


def _first_frame(series: str, views: Sequence[_Views]) -> tuple[tuple[int, int], list[Registration]]:
    """The shape of the photo that the others fit best, and how they fit it."""
    candidates = np.unique(np.linspace(0, len(views) - 1, 4).astype(int))
    probes = [views[i] for i in np.unique(np.linspace(0, len(views) - 1, 9).astype(int))]

    def lay(seed: _Views, others: Sequence[_Views]) -> list[Registration]:
        return [_lay(other, {series: seed.edges(_FINE)})[0] for other in others]

    medians = [float(np.median([fit.score for fit in lay(views[i], probes)])) for i in candidates]
    seed = views[candidates[int(np.argmax(medians))]]
    height, width = seed.edges(_FINE).shape
    return (height, width), lay(seed, views)


def _best_half(fits: Sequence[Registration]) -> list[int]:
    """Which fits score no less than the middle one, or the best `LEAST_PHOTOS` of a few."""
    order = sorted(range(len(fits)), key=lambda i: -fits[i].score)
    return [i for i in order[: max(LEAST_PHOTOS, (len(fits) + 1) // 2)] if fits[i].score > 0]


def _most_blurred(registered: Sequence[Pixels]) -> float:
    """What all but 1% of further photos stay below, were blur normal: a one-sided prediction bound of so few photos."""
    values = np.array([blur(photo) for photo in registered])
    reach = stdtrit(len(values) - 1, 1 - _SOFTER) * np.sqrt(1 + 1 / len(values))
    return min(1.0, float(values.mean() + reach * values.std(ddof=1)))


def _without_strays(series: str, laid: _Laid, mean: Plane) -> list[tuple[_Views, Matrix]]:
    """Photos laid over a mean, without those that fit it far worse than the others."""
    kept = _that_fit([_scored(series, view, mean, homography) for view, homography in laid])
    _require_photos(series, len(kept))
    return [laid[i] for i in kept]


def _that_fit(fits: Sequence[Registration]) -> list[int]:
    """Which fits are not far below the others."""
    scores = np.array([fit.score for fit in fits])
    middle = float(np.median(scores))
    least = middle - max(4 * float(np.median(np.abs(scores - middle))), 0.15)
    return np.flatnonzero((scores >= least) & (scores > 0)).tolist()


def _mean_view(shape: tuple[int, int], homographies: Sequence[Matrix]) -> _Frame:
    """The frame in which the corners of a first one lie where the photos, on average, show them.

    A photo's place, size and turn say nothing of the part and are taken out before averaging; the turn that most
    photos share is put back.

    Args:
        shape: Of the first frame.
        homographies: From each photo to the first frame.
    """
    outline = _corners(np.eye(3), shape)
    start = _as_unit_shape(outline)
    shapes = np.array([_as_unit_shape(_corners(np.linalg.inv(homography), shape)) for homography in homographies])
    turns = np.angle(shapes @ start.conj())
    still = shapes * np.exp(-1j * turns)[:, None]
    mean = np.median(still.real, axis=0) + 1j * np.median(still.imag, axis=0)
    turned = mean * np.exp(1j * _usual_turn(turns)) * np.sqrt(_area(outline))
    target = np.stack([turned.real, turned.imag], axis=1)
    target = (target - target.min(axis=0)).astype(np.float32)
    across, down = np.ceil(target.max(axis=0)).astype(int).tolist()
    into = cv2.getPerspectiveTransform(outline.astype(np.float32), target - np.float32(0.5))
    return _Frame((down, across), np.asarray(into, np.float64))


def _as_unit_shape(corners: Matrix) -> NDArray[np.complex128]:
    """Corners (4, 2) as complex numbers around their centre, enclosing an area of 1."""
    centred = corners - corners.mean(axis=0)
    return (centred[:, 0] + 1j * centred[:, 1]) / np.sqrt(_area(corners))


def _usual_turn(turns: NDArray[np.float64]) -> float:
    """Mean of the largest group of turns within 20 degrees of one of them; radians."""
    apart = np.abs(np.angle(np.exp(1j * (turns[:, None] - turns))))
    group = apart[np.argmax((apart < np.deg2rad(20)).sum(axis=1))] < np.deg2rad(20)
    return float(np.angle(np.exp(1j * turns[group]).mean()))


def _crop(box: tuple[int, int, int, int], long_side: int) -> _Frame:
    """The frame of a box (left, top, right, bottom) in another frame, `long_side` long."""
    left, top, right, bottom = box
    zoom = long_side / max(right - left, bottom - top)
    into = _scaling(zoom, zoom) @ np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
    return _Frame((max(round((bottom - top) * zoom), 32), max(round((right - left) * zoom), 32)), into)


def _shared_box(laid: _Laid, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) around the edges that all photos share, with a small margin."""
    edges = _Edges(laid, shape)
    mean = edges.mean()
    inside = cv2.erode(edges.seen.astype(np.uint8), np.ones((15, 15), np.uint8), borderValue=0) > 0
    if not inside.any():
        return 0, 0, shape[1], shape[0]
    # A rough table has edges all over: what counts stands out from its surroundings, in the same place in all photos.
    around = 0.06 * max(shape)
    ground = _local_mean(mean, around) / np.maximum(_local_mean(edges.seen.astype(np.float32), around), 0.01)
    detail = _blurred(mean, 2.0) - ground
    by_chance = 3 * _blurred(edges.spread(), 2.0) / np.sqrt(len(laid))
    strong = inside & (detail > np.maximum(by_chance, _SHARED * np.quantile(detail[inside], 0.99)))
    strong = cv2.morphologyEx(strong.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    rows, columns = np.flatnonzero(strong.sum(axis=1) > 3), np.flatnonzero(strong.sum(axis=0) > 3)
    if not rows.size or not columns.size:
        return 0, 0, shape[1], shape[0]
    margin = round(0.025 * max(shape))
    left, right = max(columns[0] - margin, 0), min(columns[-1] + 1 + margin, shape[1])
    top, bottom = max(rows[0] - margin, 0), min(rows[-1] + 1 + margin, shape[0])
    return int(left), int(top), int(right), int(bottom)


class _Edges:
    """Edge strengths of registered photos, summed over those that cover a point.

    Attributes:
        seen: Where most photos reach, bool (h, w); what few show says nothing of the part.
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
        """Mean, float32 (h, w), 0 to 1; 0 where it is not seen."""
        return self._mean(self._sum, self._count)

    def spread(self) -> Plane:
        """Standard deviation, float32 (h, w); 0 where it is not seen."""
        count = np.maximum(self._count, 1)
        variance = self._squares / count - (self._sum / count) ** 2
        return (np.sqrt(np.maximum(variance, 0)) * self.seen).astype(np.float32)

    def mean_without(self, view: _Views, homography: Matrix) -> Plane:
        """The mean of all photos but one, float32 (h, w)."""
        edges, inside = self._of(view, homography)
        return self._mean(self._sum - edges, self._count - inside)

    def _mean(self, total: Plane, count: Plane) -> Plane:
        return np.clip(total / np.maximum(count, 1) * self.seen, 0, 1).astype(np.float32)

    def _of(self, view: _Views, homography: Matrix) -> tuple[Plane, NDArray[np.bool_]]:
        registered, inside = _warp(view.part, homography, self._shape)
        return _tolerant(edge_strength(registered)) * inside, inside


def _mean_picture(laid: _Laid, shape: tuple[int, int]) -> Pixels:
    """Mean of registered photos, uint8 (h, w, 3)."""
    total = np.zeros((*shape, 3), np.float64)
    for view, homography in laid:
        total += _warp(view.part, homography, shape)[0]
    return np.round(total / len(laid)).astype(np.uint8)


def _least_score(laid: _Laid, edges: _Edges) -> float:
    """A quarter of the way from what genuine photos reach on what they do not show up to their lowest score.

    What they do not show is the mirror image of the reference: the same outline, the same kind of edges, and wrong
    letters. The lowest score is a low quantile over photos, each against the mean of the others. A counterfeit with
    several wrong letters scores between the two, and is to be compared, not turned away.
    """
    scores = [_score(view, edges.mean_without(view, h), h, _MIDDLE)[0] for view, h in laid]
    mirrored = {"": _flipped(edges.mean())}
    some = np.unique(np.linspace(0, len(laid) - 1, min(len(laid), _DECOYS)).astype(int))
    by_chance = [_lay(laid[i][0], mirrored)[0].score for i in some]
    low = float(np.quantile(scores, _LOW_QUANTILE))
    chance = min(low, float(np.median(by_chance)))
    return chance + _ABOVE_CHANCE * (low - chance)


def _require_photos(series: str, count: int) -> None:
    if count < LEAST_PHOTOS:
        msg = (
            f"The series {series} has {count} genuine photos that fit each other and its reference needs "
            f"{LEAST_PHOTOS}; add genuine photos that show the part flat, whole and alike."
        )
        raise Refusal(msg)


def _require_pixels(pixels: Pixels, what: str) -> None:
    require(
        pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size > 0,
        f"{what} is uint8 (H, W, 3), not {pixels.dtype} {pixels.shape}",
    )


def _warp(part: Pixels, homography: Matrix, shape: tuple[int, ...]) -> tuple[Pixels, NDArray[np.bool_]]:
    """A part in a frame, sampled without aliasing, and where it covers the frame."""
    height, width = shape[:2]
    shrink = 1 / enlargement(homography, shape)
    source, into = part, homography
    if shrink > 1.5:
        size = max(1, round(part.shape[1] / shrink)), max(1, round(part.shape[0] / shrink))
        source = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
        into = homography @ _scaling(part.shape[1] / size[0], part.shape[0] / size[1])
    laid = cv2.warpPerspective(source, into, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpPerspective(np.ones(source.shape[:2], np.float32), into, (width, height))
    return np.asarray(laid, np.uint8), inside > 0.99


def _flipped(picture: Plane) -> Plane:
    """Mirrored left to right, (h, w) or (h, w, 3)."""
    return cv2.flip(picture, 1)


def _tolerant(edges: Plane) -> Plane:
    """Edges blurred by what registration may leave."""
    return _blurred(edges, 1.3 * max(edges.shape) / _FINE)


def _blurred(plane: Plane, sigma: float) -> Plane:
    return cv2.GaussianBlur(plane, (0, 0), max(sigma, 0.3))


def _local_mean(plane: Plane, reach: float) -> Plane:
    side = 2 * round(reach) + 1
    return cv2.blur(cv2.blur(plane, (side, side)), (side, side))


def _shrunk(plane: Plane, side: int) -> Plane:
    height, width = plane.shape
    ratio = min(1.0, side / max(height, width))
    return cv2.resize(
        plane, (max(4, round(width * ratio)), max(4, round(height * ratio))), interpolation=cv2.INTER_AREA
    )


def _up(plane: Plane, shrunk: Plane) -> Matrix:
    """From pixels of a shrunk plane to those of the plane."""
    return _scaling(plane.shape[1] / shrunk.shape[1], plane.shape[0] / shrunk.shape[0])


def _scaling(x: float, y: float) -> Matrix:
    """Between pixels of a picture and those of it resized; the centre of the first pixel is at 0."""
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def _flip(width: int) -> Matrix:
    """Between pixels of a picture and those of it mirrored left to right."""
    return np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]], np.float64)


def _quarter_turns(quarters: int, shape: tuple[int, ...]) -> Matrix:
    """A turn by so many right angles about the middle of a frame of `shape`."""
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarters]
    x, y = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    return np.array([[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y], [0, 0, 1]], np.float64)


def _normalised(homography: Matrix) -> Matrix:
    return homography / homography[2, 2]


def _corners(homography: Matrix, shape: tuple[int, ...]) -> Matrix:
    """Where a frame's corners go, float64 (4, 2), clockwise from the top left."""
    height, width = shape[:2]
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64) - 0.5
    return np.asarray(cv2.perspectiveTransform(corners, homography)[0], np.float64)


def _area(corners: Matrix) -> float:
    x, y = corners.T
    return float(abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2)
