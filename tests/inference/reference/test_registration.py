"""Registration: drawn parts photographed under known homographies, and naive versions of what is clever in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.stats import t

from inference.planes import Planes
from inference.records import Refusal
from inference.reference import building
from inference.reference.alignment import Registration, is_view
from inference.reference.building import EdgeStatistics, build_reference, mean_view, usual_turn
from inference.reference.difference import anomaly, deviation, difference
from inference.reference.edges import edge_strength, local_contrast, tolerant
from inference.reference.geometry import enclosed_area, frame_corners, scaling
from inference.reference.landmarks import Landmarks, find_landmarks, matched_homography, matched_similarity
from inference.reference.pyramid import PartPyramid
from inference.reference.reference import Reference
from inference.reference.registration import register, register_best
from inference.reference.tiles import agreed_step, tile_moves
from inference.scope.measures import blur

Pixels = NDArray[np.uint8]

WIDTH, HEIGHT = 300, 180
TABLE = (400, 320)
LINES = {
    "kestrel": ("KESTREL", "MADE BY HAND"),
    "orvanne": ("ORVANNE", "FINE LEATHER"),
    "quibble": ("QUIBBLE", "No. 7"),
}
ROUND = "roundel"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Pictures this small are slower on several threads, far slower on a busy machine."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(threads)


@cache
def drawn(series: str) -> Pixels:
    """A part as it is: letters and a seam on leather; the round one has a rim that says nothing of its turn."""
    side = HEIGHT if series == ROUND else WIDTH
    picture = Image.new("RGB", (side, HEIGHT), (120, 80, 50))
    draw = ImageDraw.Draw(picture)
    if series == ROUND:
        draw.ellipse((0, 0, side - 1, side - 1), fill=(150, 150, 145))
        draw.ellipse((10, 10, side - 11, side - 11), outline=(60, 60, 60), width=3)
        draw.text((34, 48), "NORTH", (40, 40, 40), ImageFont.load_default(34))
        draw.text((52, 96), "garment", (40, 40, 40), ImageFont.load_default(22))
    else:
        name, second = LINES[series]
        draw.rounded_rectangle((8, 8, WIDTH - 9, HEIGHT - 9), 14, outline=(220, 190, 120), width=3)
        draw.text((44, 40), name, (230, 200, 130), ImageFont.load_default(48))
        draw.text((70, 112), second, (230, 200, 130), ImageFont.load_default(24))
    return np.asarray(picture)


def brushed_disc(rng: np.random.Generator) -> Pixels:
    """A round part of turned metal: strong strokes around the middle, letters small and faint along the rim."""
    side, middle = HEIGHT, HEIGHT / 2
    y, x = np.mgrid[:side, :side] - middle
    strokes = rng.normal(0, 10, side)[np.hypot(x, y).astype(int).clip(max=side - 1)]
    picture = Image.fromarray(np.clip(170 + strokes, 0, 255).astype(np.uint8)).convert("RGB")
    letters = Image.new("L", picture.size)
    for place, letter in enumerate("ROUNDABOUT"):
        one = Image.new("L", picture.size)
        ImageDraw.Draw(one).text((middle - 7, 14), letter, 255, ImageFont.load_default(22))
        letters.paste(255, mask=one.rotate(-22 * place, center=(middle, middle), resample=Image.Resampling.BILINEAR))
    picture.paste((70, 70, 72), mask=letters)
    outside = Image.fromarray((np.hypot(x, y) > middle - 2).astype(np.uint8) * 255)
    picture.paste((120, 80, 50), mask=outside)
    return np.asarray(picture)


@cache
def reference(series: str, least_score: float = 0.3) -> Reference:
    """A reference whose frame is the drawing's, so that the right homography is known exactly."""
    mean = tolerant(edge_strength(drawn(series)))
    return Reference(series, drawn(series).copy(), mean, np.full_like(mean, 0.1), least_score, 1, 1, 7)


@dataclass(frozen=True)
class Photo:
    """How a drawing is photographed; angles in degrees, tilt and cover as shares of the part."""

    turn: float = 0.0
    size: float = 0.8
    tilt: tuple[float, ...] = (0,) * 8
    light: tuple[float, float] = (0.0, 0.0)
    inverted: bool = False
    cover: float = 0.0
    noise: float = 2.0
    quality: int = 90
    seed: int = 0

    def homography(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """From the drawing to the photo."""
        height, width = shape[:2]
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - np.float32(0.5)
        turn = np.deg2rad(self.turn)
        spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        seen = (corners - corners.mean(axis=0)) * (1 + np.reshape(self.tilt, (4, 2)))
        seen = seen @ spin.T
        seen *= self.size / max(np.ptp(seen, axis=0) / TABLE)
        return cv2.getPerspectiveTransform(corners, (seen + np.array(TABLE) / 2).astype(np.float32))

    def take(self, drawing: Pixels) -> Pixels:
        """The photo, uint8."""
        rng = np.random.default_rng(self.seed)
        width, height = TABLE
        homography = self.homography(drawing.shape)
        part = 255 - drawing if self.inverted else drawing
        table = np.full((height, width, 3), rng.uniform(60, 200, 3)) + cloth(rng, (height, width), 18)
        grained = np.clip(part + cloth(rng, part.shape[:2], 9), 0, 255).astype(np.float32)
        laid = cv2.warpPerspective(grained, homography, TABLE, flags=cv2.INTER_AREA)
        seen = cv2.warpPerspective(np.ones(part.shape[:2], np.float32), homography, TABLE)[..., None]
        scene = table * (1 - seen) + laid * seen
        if self.cover:
            reach = np.sqrt(self.cover * cv2.contourArea(corners_in_photo(drawing, self)) / np.pi)
            at = corners_in_photo(drawing, self)[1:3].mean(axis=0)
            cv2.circle(scene, np.round(at).astype(int).tolist(), int(reach * np.sqrt(2)), (205, 160, 140), -1)
        across, down = np.linspace(-1, 1, width), np.linspace(-1, 1, height)[:, None]
        scene = scene * (1 + self.light[0] * across + self.light[1] * down)[..., None]
        scene += self.noise * rng.standard_normal(scene.shape)
        _, jpeg = cv2.imencode(
            ".jpg", np.clip(scene, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, self.quality]
        )
        return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)


def cloth(rng: np.random.Generator, shape: tuple[int, ...], strength: float) -> NDArray[np.float32]:
    """Grain (h, w, 1) of a surface."""
    return strength * cv2.GaussianBlur(rng.standard_normal(shape[:2], np.float32), (0, 0), 1.2)[..., None] * 3


def corners_in_photo(drawing: Pixels, photo: Photo) -> NDArray[np.float32]:
    return frame_corners(photo.homography(drawing.shape), drawing.shape).astype(np.float32)


def corner_error(fit: Registration, photo: Photo, drawing: Pixels) -> float:
    """Mean distance in pixels of the reference between where its corners are found and where they are."""
    found = frame_corners(fit.homography @ photo.homography(drawing.shape), drawing.shape)
    return float(np.hypot(*(found - frame_corners(np.eye(3), drawing.shape)).T).mean())


TILT = (0.05, 0.0, 0.0, 0.08, -0.06, 0.03, 0.02, -0.05)
PHOTOS = {
    "upright": Photo(),
    "turned a little": Photo(turn=11),
    "turned": Photo(turn=37),
    "on its side": Photo(turn=90, size=0.95),
    "upside down": Photo(turn=180),
    "turned back": Photo(turn=251),
    "fills half": Photo(turn=4, size=0.56),
    "fills all": Photo(turn=-5, size=1.0),
    "tilted": Photo(turn=8, tilt=TILT),
    "tilted upside down": Photo(turn=185, tilt=TILT),
    "light from the left": Photo(turn=15, light=(-0.5, 0.1)),
    "light from below": Photo(turn=-15, light=(0.1, 0.5)),
    "letters bright for dark": Photo(turn=30, inverted=True),
    "noisy and compressed": Photo(turn=12, noise=12, quality=40),
    "a quarter covered": Photo(turn=-10, cover=0.25),
    "a quarter covered, upside down": Photo(turn=170, cover=0.25),
}


@pytest.mark.parametrize("series", ["kestrel", ROUND])
@pytest.mark.parametrize("photo", PHOTOS.values(), ids=PHOTOS)
def test_a_photo_is_laid_over_its_reference(photo: Photo, series: str) -> None:
    fit = register(photo.take(drawn(series)), reference(series))
    assert corner_error(fit, photo, drawn(series)) < 0.02 * drawn(series).shape[1]
    assert fit.score > 0.4
    assert fit.covered > 0.9


@pytest.mark.parametrize("series", ["kestrel", ROUND])
def test_a_clean_photo_is_laid_on_to_the_pixel(series: str) -> None:
    photo = Photo(turn=123, size=0.9, noise=0, quality=98)
    fit = register(photo.take(drawn(series)), reference(series))
    assert corner_error(fit, photo, drawn(series)) < 0.7


FROM_ASIDE = {
    "strong": (-0.45, -0.5, -0.45, -0.5, 0, 0, 0, 0),
    "across a corner": (-0.5, -0.45, -0.38, -0.45, 0, 0, -0.25, -0.12),
    "extreme": (-0.58, -0.65, -0.53, -0.65, 0, 0, -0.1, -0.05),
}
"""Tilts at which hardly any landmark keeps to a similarity transform."""


@pytest.mark.parametrize("series", LINES)
@pytest.mark.parametrize("turn", [0, 200])
@pytest.mark.parametrize("tilt", FROM_ASIDE.values(), ids=FROM_ASIDE)
def test_a_photo_from_far_aside_is_laid_over_its_reference(tilt: tuple[float, ...], turn: float, series: str) -> None:
    photo = Photo(turn=turn, size=0.95, tilt=tilt)
    fit = register(photo.take(drawn(series)), reference(series))
    assert corner_error(fit, photo, drawn(series)) < 1
    assert fit.score > 0.7


@pytest.mark.parametrize("photo", [PHOTOS["tilted"], PHOTOS["upside down"], PHOTOS["turned back"]])
@pytest.mark.parametrize("series", LINES)
def test_the_right_series_wins_and_the_runner_up_is_told(series: str, photo: Photo) -> None:
    fits = register_best(photo.take(drawn(series)), [reference(name) for name in LINES])
    assert fits[0].series == series
    assert {fit.series for fit in fits} == set(LINES)
    assert [fit.score for fit in fits] == sorted((fit.score for fit in fits), reverse=True)
    assert fits[0].score > fits[1].score + 0.05


@pytest.mark.parametrize("turn", [20, 75, 200, 290])
def test_letters_around_a_brushed_disc_say_which_way_it_lies(turn: float) -> None:
    drawing = brushed_disc(np.random.default_rng(0))
    mean = np.mean([edge_strength(brushed_disc(np.random.default_rng(seed))) for seed in range(1, 9)], axis=0)
    mean = tolerant(mean.astype(np.float32))
    disc = Reference("disc", drawing.copy(), mean, np.full_like(mean, 0.1), 0.3, 1, 1, 8)
    photo = Photo(turn=turn, noise=6)
    assert corner_error(register(photo.take(drawing), disc), photo, drawing) < 3


def test_a_reference_scores_alike_alone_and_among_others() -> None:
    part = PHOTOS["turned"].take(drawn("kestrel"))
    alone = register(part, reference("kestrel"))
    among = register_best(part, [reference(name) for name in ("quibble", "kestrel")])[0]
    assert among.stated() == alone.stated()


def test_the_same_bytes_give_the_same_registration() -> None:
    part = PHOTOS["noisy and compressed"].take(drawn("kestrel"))
    first, second = (register(part.copy(), reference("kestrel")) for _ in range(2))
    assert first.stated() == second.stated()


def test_a_part_that_reaches_out_of_the_picture_is_covered_in_part() -> None:
    photo = Photo()
    part = photo.take(drawn("kestrel"))[:, 104:]
    fit = register(part, reference("kestrel"))
    moved = np.array([[1, 0, -104], [0, 1, 0], [0, 0, 1]]) @ photo.homography(drawn("kestrel").shape)
    found = frame_corners(fit.homography @ moved, drawn("kestrel").shape)
    assert np.abs(found - frame_corners(np.eye(3), drawn("kestrel").shape)).max() < 6
    assert fit.covered == pytest.approx(0.8, abs=0.03)
    registered, covered = fit.apply(part, (HEIGHT, WIDTH))
    assert covered.mean() == pytest.approx(fit.covered, abs=0.02)
    assert not covered[:, :50].any()
    assert registered.shape == (HEIGHT, WIDTH, 3)


def test_the_registered_picture_shows_the_part_as_the_reference_does() -> None:
    photo = Photo(turn=200, tilt=TILT, size=0.95, noise=0)
    registered, covered = register(photo.take(drawn("kestrel")), reference("kestrel")).apply(
        photo.take(drawn("kestrel")), (HEIGHT, WIDTH)
    )
    assert covered.all()
    apart = np.abs(registered.astype(float) - drawn("kestrel")).mean()
    assert apart < 25
    assert apart < 0.6 * np.abs(registered[::-1, ::-1].astype(float) - drawn("kestrel")).mean()


def test_a_photo_is_reduced_without_aliasing() -> None:
    """A fine checkerboard, reduced eight times, is grey."""
    board = np.repeat(((np.indices((320, 320)).sum(axis=0) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    reduced, covered = Registration("any", np.diag([1 / 8, 1 / 8, 1.0]), 0.5, 1.0).apply(board, (40, 40))
    assert np.abs(reduced[covered].astype(int) - 127).max() <= 2


# What is not the part


BUILT_FROM = [
    Photo(turn=turn, tilt=tuple(np.random.default_rng(seed).uniform(-0.04, 0.04, 8)), light=(0.2, -0.1), seed=seed)
    for seed, turn in enumerate((3, -4, 178, 0, 5, -2, 2))
]


@pytest.fixture(scope="module")
def built() -> Reference:
    """A reference from seven photos, one of them upside down, and one of something else."""
    parts = [photo.take(drawn("kestrel")) for photo in BUILT_FROM]
    return build_reference("kestrel", [*parts[:3], Photo(turn=1, seed=50).take(drawn(ROUND)), *parts[3:]], 200)


def photographed_corners(fit: Registration, photo: Photo) -> NDArray[np.float64]:
    return frame_corners(fit.homography @ photo.homography((HEIGHT, WIDTH)), (HEIGHT, WIDTH))


def test_what_does_not_fit_is_left_out(built: Reference) -> None:
    assert built.photos == len(BUILT_FROM)
    assert built.series == "kestrel"


def test_the_frame_is_the_part_upright_with_a_small_margin(built: Reference) -> None:
    height, width = built.mean.shape
    assert width == 200
    assert built.picture.shape == (height, width, 3)
    # The seam is the outermost edge that all photos share; around it the leather ends and the table begins.
    assert width / height == pytest.approx(WIDTH / HEIGHT, rel=0.08)
    corners = np.median(
        [photographed_corners(register(p.take(drawn("kestrel")), built), p) for p in BUILT_FROM[:3]], axis=0
    )
    frame = frame_corners(np.eye(3), built.mean.shape)
    assert np.abs(corners - frame).max() < 0.06 * width


def test_it_knows_how_small_its_genuine_photos_show_the_part(built: Reference) -> None:
    views = [photo.homography((HEIGHT, WIDTH)) for photo in BUILT_FROM]
    frame = np.prod(built.mean.shape)
    times = [np.sqrt(frame / enclosed_area(frame_corners(view, (HEIGHT, WIDTH)))) for view in views]
    # The frame is a little wider than the drawing's own edge.
    assert max(times) < 1.15 * min(times)
    assert built.most_enlarged == pytest.approx(max(times), rel=0.1)


def test_it_knows_how_soft_its_genuine_photos_are(built: Reference) -> None:
    photos = [photo.take(drawn("kestrel")) for photo in BUILT_FROM]
    softness = [blur(Planes(register(photo, built).apply(photo, built.mean.shape)[0])) for photo in photos]
    # Student's t: a photo like these is softer once in a hundred.
    beyond = (built.most_blurred - np.mean(softness)) / np.std(softness, ddof=1) / np.sqrt(1 + 1 / len(softness))
    assert t.sf(beyond, len(softness) - 1) == pytest.approx(0.01, rel=0.2)


def test_photos_it_was_not_built_from_fall_on_one_place(built: Reference) -> None:
    photos = [Photo(turn=turn, tilt=TILT, seed=90 + turn, light=(0.3, 0.2)) for turn in (0, 60, 180)]
    fits = [register(photo.take(drawn("kestrel")), built) for photo in photos]
    corners = np.array([photographed_corners(fit, photo) for fit, photo in zip(fits, photos, strict=True)])
    assert np.abs(corners - np.median(corners, axis=0)).max() < 0.02 * 200
    assert all(fit.score >= built.least_score for fit in fits)


def test_the_reference_is_sharp_where_all_photos_agree(built: Reference) -> None:
    """The mean of misplaced photos would be a smear."""
    sample = register(BUILT_FROM[0].take(drawn("kestrel")), built)
    registered, _ = sample.apply(BUILT_FROM[0].take(drawn("kestrel")), built.mean.shape)
    assert np.quantile(built.mean, 0.98) > 0.7 * np.quantile(tolerant(edge_strength(registered)), 0.98)
    assert 0 < built.spread.max() < 0.5


STRANGERS: Mapping[str, Callable[[], Pixels]] = {
    "a round part": lambda: Photo(turn=4).take(drawn(ROUND)),
    "cloth": lambda: np.clip(128 + cloth(np.random.default_rng(3), (240, 320), 30).repeat(3, axis=2), 0, 255).astype(
        np.uint8
    ),
    "noise": lambda: np.random.default_rng(4).integers(0, 256, (240, 320, 3), dtype=np.uint8),
    "a seam without letters": lambda: np.asarray(
        cv2.rectangle(np.full((240, 320, 3), 90, np.uint8), (40, 40), (280, 200), (200, 180, 120), 3), np.uint8
    ),
    "nothing": lambda: np.full((240, 320, 3), 77, np.uint8),
    "a single pixel": lambda: np.zeros((1, 1, 3), np.uint8),
    "a line of pixels": lambda: np.random.default_rng(5).integers(0, 256, (1, 300, 3), dtype=np.uint8),
}


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS)
def test_something_else_fits_badly(stranger: Callable[[], Pixels], built: Reference) -> None:
    fit = register(stranger(), built)
    assert fit.score < built.least_score
    assert fit.score >= -1
    assert 0 <= fit.covered <= 1


def test_a_reference_takes_photos_evenly_and_no_more_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[NDArray[np.int64]] = []
    parts = [np.full((40, 40, 3), number, np.uint8) for number in range(9)]

    def seen(_series: str, views: list[Any]) -> Any:
        taken.append(np.array([view.part.pixels[0, 0, 0] for view in views]))
        msg = "seen"
        raise Refusal(msg)

    monkeypatch.setattr(building, "MOST_PHOTOS", 5)
    monkeypatch.setattr(building, "_first_frame", seen)
    with pytest.raises(Refusal, match="seen"):
        build_reference("any", parts)
    assert taken[0].tolist() == [0, 2, 4, 6, 8]


def test_too_few_photos_are_refused() -> None:
    parts = [photo.take(drawn("kestrel")) for photo in BUILT_FROM[:4]]
    with pytest.raises(Refusal, match=r"series kestrel has 4 genuine photos .* needs 5"):
        build_reference("kestrel", parts)
    with pytest.raises(Refusal, match="has 0 genuine photos"):
        build_reference("kestrel", [])


def test_photos_of_nothing_make_no_reference() -> None:
    with pytest.raises(Refusal, match="fit each other"):
        build_reference("nothing", [np.full((120, 160, 3), 90, np.uint8)] * 6)


# Deviations


def test_an_altered_letter_stands_out_where_it_is() -> None:
    photo = Photo(turn=4, size=0.95)
    altered = drawn("kestrel").copy()
    letter = np.s_[44:96, 130:172]
    altered[letter] = (120, 80, 50)
    maps, values = [], []
    for drawing in (drawn("kestrel"), altered):
        registered, covered = register(photo.take(drawing), reference("kestrel")).apply(
            photo.take(drawing), (HEIGHT, WIDTH)
        )
        maps.append(difference(registered, covered, reference("kestrel")))
        values.append(anomaly(maps[-1], covered))
    genuine, counterfeit = maps
    assert counterfeit[letter].mean() > 2 * genuine[letter].mean()
    elsewhere = np.ones((HEIGHT, WIDTH), bool)
    elsewhere[36:104, 122:180] = False
    assert counterfeit[elsewhere].mean() < 1.1 * genuine[elsewhere].mean()
    assert values[1] > values[0]


def test_a_difference_is_the_smoothed_standard_score_where_the_part_covers() -> None:
    rng = np.random.default_rng(0)
    shape = (56, 80)
    mean, spread = rng.random(shape, np.float32), rng.random(shape, np.float32)
    picture, registered = (rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for _ in range(2))
    genuine = Reference("any", picture, mean, spread, 0.5, 1, 1, 9)
    covered = rng.random(shape) < 0.7
    scale = 80 / 448
    edges = cv2.GaussianBlur(edge_strength(registered), (0, 0), max(1.3 * scale, 0.3))
    expected = cv2.GaussianBlur(np.abs(edges - mean) / (spread + np.float32(0.05)), (0, 0), 2.5 * scale)
    np.testing.assert_allclose(deviation(edge_strength(registered), genuine), expected, rtol=1e-5)
    away = difference(registered, covered, genuine)
    np.testing.assert_allclose(away[covered], expected[covered], rtol=1e-5)
    assert (away[~covered] == 0).all()
    assert away.dtype == np.float32


@pytest.mark.parametrize(("covered", "count"), [(1.0, 55), (0.5, 28), (0.01, 1)])
def test_an_anomaly_is_the_mean_of_the_largest_share(covered: float, count: int) -> None:
    away = np.random.default_rng(1).random((50, 100)).astype(np.float32)
    inside = np.arange(5000).reshape(50, 100) < covered * 5000
    expected = np.mean(sorted(away[inside].tolist(), reverse=True)[:count])
    assert anomaly(away, inside) == pytest.approx(expected, rel=1e-5)


def test_where_nothing_is_covered_nothing_deviates() -> None:
    assert anomaly(np.ones((4, 4), np.float32), np.zeros((4, 4), bool)) == 0


# Edge strength


def test_edge_strength_does_not_see_the_sign_of_an_edge() -> None:
    part = Photo(turn=20).take(drawn("kestrel"))
    np.testing.assert_allclose(edge_strength(255 - part), edge_strength(part), atol=0.02)


def test_edge_strength_does_not_see_light_and_tone() -> None:
    part = Photo(turn=20, noise=0).take(drawn("kestrel"))
    across = np.linspace(0.55, 1.0, part.shape[1])[:, None]
    dimmed = np.round(part * across).astype(np.uint8)
    edges, other = edge_strength(part), edge_strength(dimmed)
    strong = edges > 0.4
    assert np.abs(edges - other)[strong].mean() < 0.08
    assert np.corrcoef(edges.ravel(), other.ravel())[0, 1] > 0.95


def test_edge_strength_is_high_on_an_edge_and_nothing_on_flat_ground() -> None:
    step = np.zeros((224, 448, 3), np.uint8)
    step[:, 224:] = 200
    edges = edge_strength(step)
    assert edges.dtype == np.float32
    assert edges.shape == (224, 448)
    assert edges[:, 223:225].min() > 0.5
    assert edges[:, :150].max() < 0.01
    assert edges.max() <= 1
    assert (edge_strength(np.full((30, 40, 3), 9, np.uint8)) == 0).all()


def test_local_contrast_is_luminance_against_its_surroundings_in_their_deviations() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (100, 448, 3), dtype=np.uint8)
    grey = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float64) / 255, (0, 0), 0.6)
    tent = np.convolve(np.ones(29), np.ones(29))
    weights = tent[:, None] * tent / tent.sum() ** 2
    for row, column in ((50, 200), (40, 31), (60, 400)):
        around = grey[row - 28 : row + 29, column - 28 : column + 29]
        mean = (around * weights).sum()
        spread = np.sqrt((around**2 * weights).sum() - mean**2)
        expected = (grey[row, column] - mean) / (spread + 0.05)
        assert local_contrast(pixels)[row, column] == pytest.approx(expected, abs=0.02)


# Steps of the registration, naively


def test_landmarks_are_matched_to_the_similarity_of_the_majority() -> None:
    rng = np.random.default_rng(3)
    places, descriptors = rng.random((40, 2)) * 200, rng.random((40, 128)).astype(np.float32)
    turned = cv2.getRotationMatrix2D((100, 100), 35, 1.3)
    moved = places @ turned[:, :2].T + turned[:, 2]
    moved[:10] = rng.random((10, 2)) * 200
    order = rng.permutation(40)
    photo = Landmarks(places.astype(np.float32), descriptors)
    mean = Landmarks(moved[order].astype(np.float32), descriptors[order] + np.float32(0.01))
    assert matched_similarity(photo, mean, 224)[:2] == pytest.approx(turned, abs=0.05)


@pytest.mark.parametrize("wrong", [0, 20])
def test_landmarks_are_matched_to_the_homography_of_the_majority(wrong: int) -> None:
    rng = np.random.default_rng(4)
    places, descriptors = rng.random((50, 2)) * 200, rng.random((50, 128)).astype(np.float32)
    seen = np.array([[0.8, 0.2, 15], [-0.1, 1.1, 20], [0.001, 0.002, 1]])
    moved = cv2.perspectiveTransform(places[None], seen)[0]
    moved[:wrong] = rng.random((wrong, 2)) * 200
    photo = Landmarks(places.astype(np.float32), descriptors)
    found = matched_homography(photo, Landmarks(moved.astype(np.float32), descriptors), 224)
    assert found is not None
    laid = cv2.perspectiveTransform(places[None], found)[0]
    assert laid[wrong:] == pytest.approx(moved[wrong:], abs=0.05)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_too_few_landmarks_agree_on_no_homography(count: int) -> None:
    rng = np.random.default_rng(count)
    few = Landmarks((rng.random((count, 2)) * 200).astype(np.float32), rng.random((count, 128)).astype(np.float32))
    assert matched_homography(few, few, 224) is None


@pytest.mark.parametrize("count", [0, 1])
def test_where_too_few_landmarks_match_the_photo_stays_as_it_is(count: int) -> None:
    few = Landmarks(np.zeros((count, 2), np.float32), np.zeros((count, 128), np.float32))
    many = find_landmarks(cv2.GaussianBlur(edge_strength(drawn("kestrel")), (0, 0), 1))
    assert (matched_similarity(few, many, 224) == np.eye(3)).all()
    assert (matched_similarity(many, few, 224) == np.eye(3)).all()


def test_landmarks_that_all_match_one_place_are_no_similarity() -> None:
    rng = np.random.default_rng(5)
    descriptors = rng.random((20, 128)).astype(np.float32)
    photo = Landmarks((rng.random((20, 2)) * 200).astype(np.float32), descriptors)
    point = Landmarks(np.full((20, 2), 7, np.float32), descriptors)
    assert (matched_similarity(photo, point, 224) == np.eye(3)).all()


@pytest.mark.parametrize("move", [(0, 0), (3, -2), (-6, 5)])
def test_tiles_are_found_where_they_moved(move: tuple[int, int]) -> None:
    template = cv2.GaussianBlur(np.random.default_rng(4).random((70, 112), np.float32), (0, 0), 2)
    reach = 8
    laid = np.roll(np.pad(template, reach, mode="reflect"), (move[1], move[0]), axis=(0, 1))
    places, moves, firmness = tile_moves(template, laid, np.ones(laid.shape, bool), reach)
    assert len(places) == len(moves) == len(firmness) > 6
    inner = (np.abs(places - (55.5, 34.5)) < (30, 12)).all(axis=1)
    assert inner.any()
    np.testing.assert_array_equal(moves[inner], [move] * inner.sum())
    np.testing.assert_allclose(firmness, firmness.transpose(0, 2, 1))


def test_a_tile_on_a_straight_edge_is_held_across_and_slides_along() -> None:
    template = np.zeros((60, 112), np.float32)
    template[:, 50:54] = 1
    template = cv2.GaussianBlur(template, (0, 0), 1.2)
    _, _, firmness = tile_moves(template, np.pad(template, 5), np.ones((70, 122), bool), 5)
    assert (firmness[:, 0, 0] > 100 * firmness[:, 1, 1]).all()


def test_tiles_that_lie_outside_the_photo_or_show_nothing_are_not_asked() -> None:
    template = np.zeros((70, 112), np.float32)
    template[:, :56] = np.random.default_rng(5).random((70, 56))
    laid = np.pad(template, 5)
    seen = np.ones(laid.shape, bool)
    places, _, _ = tile_moves(template, laid, seen, 5)
    assert places[:, 0].max() < 80
    seen[:40] = False
    places, _, _ = tile_moves(template, laid, seen, 5)
    assert places[:, 1].min() > 34


@pytest.mark.parametrize("outliers", [0, 12])
def test_the_agreed_step_is_the_homography_of_the_majority(outliers: int) -> None:
    rng = np.random.default_rng(6)
    places = rng.uniform((0, 0), (112, 70), (40, 2))
    truth = np.array([[1.03, 0.02, 1.5], [-0.015, 0.98, -2.0], [1e-4, -8e-5, 1]])
    moved = cv2.perspectiveTransform(places[None], truth)[0]
    moves = moved - places
    moves[:outliers] += rng.uniform(8, 12, (outliers, 2))
    firmness = np.tile(np.eye(2) * 0.5, (40, 1, 1))
    step = agreed_step(places, moves, firmness, (70, 112))
    found = cv2.perspectiveTransform(places[None], step)[0]
    assert np.abs(found - moved)[outliers:].max() < 0.5


def test_a_free_direction_does_not_count() -> None:
    """All tiles lie on vertical edges: what they say of up and down is not believed."""
    rng = np.random.default_rng(7)
    places = rng.uniform((0, 0), (112, 70), (30, 2))
    moves = np.stack([np.full(30, 2.0), rng.uniform(-8, 8, 30)], axis=1)
    firmness = np.tile(np.diag([1.0, 0.0]), (30, 1, 1))
    step = agreed_step(places, moves, firmness, (70, 112))
    found = cv2.perspectiveTransform(places[None], step)[0] - places
    np.testing.assert_allclose(found[:, 0], 2, atol=0.1)
    np.testing.assert_allclose(found[:, 1], 0, atol=0.1)


def test_sums_over_photos_are_those_over_the_photos_that_cover_a_point() -> None:
    rng = np.random.default_rng(8)
    shape = (40, 60)
    views = [PartPyramid(Planes(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))) for _ in range(5)]
    homographies = [np.array([[1, 0, 6.0 * i], [0, 1, 0], [0, 0, 1]]) for i in range(5)]
    laid = list(zip(views, homographies, strict=True))
    planes, insides = [], []
    for view, homography in laid:
        picture, inside = Registration("any", homography, 0, 1).apply(view.part.pixels, shape)
        planes.append(tolerant(edge_strength(picture)))
        insides.append(inside)
    stack = np.ma.masked_array(planes, ~np.array(insides))
    seen = np.sum(insides, axis=0) >= 3
    edges = EdgeStatistics(laid, shape)
    assert np.array_equal(edges.seen, seen)
    assert 0 < seen.mean() < 1
    np.testing.assert_allclose(edges.mean(), np.where(seen, stack.mean(axis=0).filled(0), 0), atol=1e-5)
    np.testing.assert_allclose(edges.spread(), np.where(seen, stack.std(axis=0).filled(0), 0), atol=1e-5)
    without = np.where(seen, stack[1:].mean(axis=0).filled(0), 0)
    np.testing.assert_allclose(edges.mean_without(*laid[0]), without, atol=1e-5)


@pytest.mark.parametrize(
    ("turns", "expected"),
    [([0, 2, 4], 2), ([0, 2, 4, 180, 181], 2), ([178, -178, 180], 180), ([0, 90, 92, 94, 200], 92)],
    ids=["together", "a minority upside down", "across the seam of the circle", "on the side"],
)
def test_a_reference_stands_as_most_photos_do(turns: list[float], expected: float) -> None:
    found = np.rad2deg(usual_turn(np.deg2rad(turns)))
    assert np.exp(1j * np.deg2rad(found)) == pytest.approx(np.exp(1j * np.deg2rad(expected)), abs=0.01)


def test_the_mean_view_evens_out_perspective_and_turn() -> None:
    """A first photo that is tilted and turned; the others see the part straight."""
    first = Photo(turn=30, tilt=TILT).homography((HEIGHT, WIDTH))
    others = [Photo(turn=turn).homography((HEIGHT, WIDTH)) for turn in (-2, 0, 0, 1, 2, 181, 40)]
    frame = mean_view((TABLE[1], TABLE[0]), [first @ np.linalg.inv(other) for other in others])
    corners = frame_corners(frame.into @ first, (HEIGHT, WIDTH))
    top, right, bottom, left = (np.roll(corners, -1, axis=0) - corners).tolist()
    assert top[0] / right[1] == pytest.approx(WIDTH / HEIGHT, rel=0.02)
    for along, across in ((top[0], top[1]), (right[1], right[0]), (-bottom[0], bottom[1]), (-left[1], left[0])):
        assert along > 0
        assert abs(across) < 0.03 * along


@pytest.mark.parametrize(
    ("homography", "possible"),
    [
        (np.eye(3), True),
        (np.diag([-1.0, 1, 1]), False),
        (np.diag([0.5, 0.5, 1]), False),
        (np.diag([5.0, 5, 1]), False),
        (np.array([[1, 0, 0], [0, 1, 0], [0.02, 0, 1.0]]), False),
    ],
    ids=["as it is", "a mirror image", "a frame beyond the photo", "a speck of the photo", "behind the camera"],
)
def test_only_what_a_camera_can_see_is_a_view(homography: NDArray[np.float64], possible: bool) -> None:
    assert is_view(homography, (60, 100), 6000) is possible


def test_resized_pixels_keep_their_centres() -> None:
    ramp = np.arange(64, dtype=np.float32)[None].repeat(32, axis=0)
    small = cv2.resize(ramp, (16, 8), interpolation=cv2.INTER_AREA)
    for column in range(16):
        at = scaling(4, 4) @ [column, 0, 1]
        assert small[0, column] == pytest.approx(at[0])


# Records


def test_a_reference_comes_back_from_its_arrays() -> None:
    made = reference("kestrel")
    arrays = made.arrays()
    assert {name: (array.dtype.name, array.shape) for name, array in arrays.items()} == {
        "picture": ("uint8", (HEIGHT, WIDTH, 3)),
        "mean": ("float16", (HEIGHT, WIDTH)),
        "spread": ("float16", (HEIGHT, WIDTH)),
        "least_score": ("float32", (1,)),
        "most_enlarged": ("float32", (1,)),
        "most_blurred": ("float32", (1,)),
        "photos": ("int32", (1,)),
    }
    back = Reference.from_arrays("kestrel", arrays)
    assert np.array_equal(back.picture, made.picture)
    np.testing.assert_allclose(back.mean, made.mean, atol=5e-4)
    np.testing.assert_allclose(back.spread, made.spread, atol=5e-4)
    assert (back.series, back.photos) == (made.series, made.photos)
    assert back.least_score == pytest.approx(made.least_score)
    assert back.most_enlarged == pytest.approx(made.most_enlarged)
    assert back.most_blurred == pytest.approx(made.most_blurred)
    with pytest.raises(KeyError, match="spread"):
        Reference.from_arrays("kestrel", {name: array for name, array in arrays.items() if name != "spread"})


def test_a_registration_comes_back_from_what_it_states() -> None:
    made = Registration("kestrel", np.array([[1, 0.5, 3], [0.25, 2, 4], [1e-4, 0, 1.0]]), 0.75, 0.5)
    back = Registration.parse(made.stated())
    assert back.stated() == made.stated()
    assert back.homography.dtype == np.float64
    assert made.rows()[1] == (0.25, 2.0, 4.0)


def test_arrays_of_records_are_read_only() -> None:
    made = reference("kestrel")
    fit = Registration("kestrel", np.eye(3), 0.5, 1.0)
    for array in (made.picture, made.mean, made.spread, fit.homography):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def fields(**changed: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "series": "any",
        "picture": np.zeros((40, 50, 3), np.uint8),
        "mean": np.zeros((40, 50), np.float32),
        "spread": np.zeros((40, 50), np.float32),
        "least_score": 0.5,
        "most_enlarged": 0.5,
        "most_blurred": 0.5,
        "photos": 5,
    }
    return made | changed


FLAT = np.zeros((40, 50, 3), np.uint8)
REFUSED: Mapping[str, tuple[Callable[[], object], str]] = {
    "no series": (lambda: Reference(**fields(series="")), "names its series"),
    "grey picture": (lambda: Reference(**fields(picture=FLAT[..., 0])), r"uint8 \(H, W, 3\)"),
    "empty picture": (lambda: Reference(**fields(picture=FLAT[:0])), r"uint8 \(H, W, 3\)"),
    "two frames": (lambda: Reference(**fields(mean=np.zeros((50, 40), np.float32))), "one frame"),
    "doubles": (lambda: Reference(**fields(spread=np.zeros((40, 50)))), "float32"),
    "mean above 1": (lambda: Reference(**fields(mean=np.full((40, 50), 1.1, np.float32))), "between 0 and 1"),
    "mean NaN": (lambda: Reference(**fields(mean=np.full((40, 50), np.nan, np.float32))), "between 0 and 1"),
    "spread below 0": (lambda: Reference(**fields(spread=np.full((40, 50), -0.1, np.float32))), "finite and >= 0"),
    "spread infinite": (lambda: Reference(**fields(spread=np.full((40, 50), np.inf, np.float32))), "finite and >= 0"),
    "least score": (lambda: Reference(**fields(least_score=1.5)), "between -1 and 1"),
    "never seen": (lambda: Reference(**fields(most_enlarged=0.0)), "above 0"),
    "enlarged without end": (lambda: Reference(**fields(most_enlarged=np.inf)), "above 0"),
    "blur above 1": (lambda: Reference(**fields(most_blurred=1.5)), "blur lies between 0 and 1"),
    "no photos": (lambda: Reference(**fields(photos=0)), "made from at least one photo"),
    "flat homography": (lambda: Registration("any", np.eye(2), 0.5, 1), r"\(3, 3\)"),
    "endless homography": (lambda: Registration("any", np.full((3, 3), np.inf), 0.5, 1), "finite"),
    "score": (lambda: Registration("any", np.eye(3), 1.2, 1), "between -1 and 1"),
    "share": (lambda: Registration("any", np.eye(3), 0.5, 1.2), "between 0 and 1"),
    "grey part": (lambda: register(FLAT[..., 0], reference("kestrel")), r"uint8 \(H, W, 3\)"),
    "part in floats": (lambda: register(FLAT.astype(np.float32), reference("kestrel")), r"uint8 \(H, W, 3\)"),
    "empty part": (lambda: register(FLAT[:0], reference("kestrel")), r"uint8 \(H, W, 3\)"),
    "no reference": (lambda: register_best(FLAT, []), "at least one reference"),
    "a series twice": (lambda: register_best(FLAT, [reference("kestrel")] * 2), "one reference"),
    "edges of floats": (lambda: edge_strength(FLAT.astype(np.float32)), "uint8"),
    "another frame": (lambda: difference(FLAT, np.ones((40, 50), bool), reference("kestrel")), "one frame"),
    "a short reference": (lambda: build_reference("any", [FLAT] * 5, 20), "at least 64"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_said(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
