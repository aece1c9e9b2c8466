"""Renders a demonstration set: photos of stamped leather tags of a house that does not exist.

Every photo is computed: a height map of grain, lettering and stitches is lit, laid on a table, photographed
and stored as JPEG. A genuine tag follows the specification of its series; a counterfeit follows the same
specification with one to three values altered by its counterfeiter. Nothing after the specification knows
which of the two it is rendering, so material and photography cannot give a label away.
"""

from __future__ import annotations

import csv
import io
import itertools
import logging
import platform
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import cv2
import matplotlib as mpl
import numpy as np
import PIL
from matplotlib.ft2font import FT2Font
from matplotlib.path import Path as Outline
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from inference.files import write_whole
from inference.records import Refusal

Label = Literal["genuine", "counterfeit"]
# OpenCV's annotations do not tell one dtype from another; the docstrings do.
Raster = NDArray[Any]
Colour = tuple[float, float, float]

logger = logging.getLogger(__name__)

RENDERER_VERSION = 1
HOUSE = "ORVANNE"
LABELS: tuple[Label, Label] = ("genuine", "counterfeit")
SEVERITY = (0.5, 1.0)
TAG_WIDTH = 720
PHOTO_WIDTH = 640
PHOTO_HEIGHTS = tuple(range(400, 481, 16))
JPEG_QUALITIES = tuple(range(75, 96))
_OVERSAMPLING = 2
_CAMERA_DISTANCE = 1500.0


class RenderingRefusal(Refusal):
    """Settings or a folder that no set can be rendered with."""


@dataclass(frozen=True)
class Specification:
    """How a tag is made. Lengths are pixels of a tag `TAG_WIDTH` wide, colours linear RGB from 0 to 1.

    Attributes:
        typeface: Font file of the house name and the R sign, as shipped with matplotlib.
        second_typeface: Font file of the second line.
        second_line: Text of the second line.
        tag_height: Height of the tag.
        corner: Radius of its corners.
        stitch: Length of one stitch.
        leather: Darkest and lightest leather of the series.
        thread: Colour of the thread.
        finish: Colour of the stamped letters.
        gloss: Reflection of the stamped letters, 0 (burnt in) to 1 (metal foil).
        size: Cap height of the house name.
        tracking: Space added between its letters, in cap heights.
        weight: What all stamped strokes gain in thickness.
        roundness: Width of the O against the typeface's own.
        baseline: Standard deviation of a letter's height above the baseline, in cap heights.
        letterform: Share of the house name set in the `substitute` typeface, 0 to 1.
        substitute: Font file of the substituted letters.
        second_size: Cap height of the second line.
        second_tracking: Space added between its letters, in cap heights.
        second_shift: How far the second line sits right of the centre.
        sign_radius: Outer radius of the circle around the R.
        sign_gap: Space between the house name and the circle.
        sign_drop: How far the circle's top hangs below the cap line.
        sign_stroke: Thickness of the circle.
        depth: How deep the letters are pressed.
    """

    typeface: str
    second_typeface: str
    second_line: str
    tag_height: int
    corner: float
    stitch: float
    leather: tuple[Colour, Colour]
    thread: Colour
    finish: Colour
    gloss: float
    size: float
    tracking: float
    weight: float = 0.0
    roundness: float = 1.0
    baseline: float = 0.0
    letterform: float = 0.0
    substitute: str = "STIXGeneral"
    second_size: float = 25.0
    second_tracking: float = 0.45
    second_shift: float = 0.0
    sign_radius: float = 17.0
    sign_gap: float = 13.0
    sign_drop: float = 0.0
    sign_stroke: float = 2.2
    depth: float = 3.0


@dataclass(frozen=True)
class Counterfeiter:
    """One hand at work: what it adds to a series' specification at severity 1, field by field."""

    name: str
    changes: dict[str, float]
    substitute: str = "STIXGeneral"

    def falsify(self, genuine: Specification, severity: float) -> Specification:
        """The specification this counterfeiter works to, at a severity from 0 (none) to 1."""
        altered = {field: getattr(genuine, field) + severity * change for field, change in self.changes.items()}
        return replace(genuine, substitute=self.substitute, **altered)


@dataclass(frozen=True)
class Series:
    """One line of the house: its specification, and who counterfeits it."""

    name: str
    specification: Specification
    counterfeiters: tuple[Counterfeiter, ...]


SERIES = (
    Series(
        "atelier",
        Specification(
            typeface="STIXGeneralBol",
            second_typeface="STIXGeneral",
            second_line="MADE BY HAND",
            tag_height=380,
            corner=34,
            stitch=17,
            leather=((0.15, 0.055, 0.022), (0.30, 0.125, 0.05)),
            thread=(0.55, 0.36, 0.16),
            finish=(0.74, 0.50, 0.20),
            gloss=0.9,
            size=64,
            tracking=0.10,
        ),
        (
            Counterfeiter("A1", {"letterform": 1.0, "tracking": 0.05}, substitute="DejaVuSerif-Bold"),
            Counterfeiter("A2", {"roundness": -0.30, "sign_radius": 7.0}),
            Counterfeiter("A3", {"tracking": 0.17, "weight": -1.5}),
            Counterfeiter("A4", {"second_shift": 48, "baseline": 0.08, "depth": -2.0}),
        ),
    ),
    Series(
        "boulevard",
        Specification(
            typeface="cmss10",
            second_typeface="cmss10",
            second_line="FINE LEATHER",
            tag_height=350,
            corner=14,
            stitch=13,
            leather=((0.010, 0.010, 0.012), (0.035, 0.034, 0.036)),
            thread=(0.05, 0.05, 0.055),
            finish=(0.50, 0.51, 0.53),
            gloss=1.0,
            size=64,
            tracking=0.22,
            weight=0.6,
            second_size=23,
            second_tracking=0.7,
            sign_radius=16,
        ),
        (
            Counterfeiter("B1", {"letterform": 1.0, "size": 5.0}, substitute="DejaVuSans"),
            Counterfeiter("B2", {"weight": 3.2, "sign_gap": 15}),
            Counterfeiter("B3", {"roundness": 0.28, "second_tracking": -0.35}),
            Counterfeiter("B4", {"size": -13, "sign_stroke": 3.0, "baseline": 0.07}),
        ),
    ),
    Series(
        "lumiere",
        Specification(
            typeface="cmr10",
            second_typeface="cmr10",
            second_line="HOUSE OF LEATHER",
            tag_height=400,
            corner=64,
            stitch=20,
            leather=((0.11, 0.012, 0.020), (0.24, 0.035, 0.045)),
            thread=(0.60, 0.38, 0.30),
            finish=(0.80, 0.55, 0.30),
            gloss=0.8,
            size=63,
            tracking=0.12,
            weight=0.7,
            second_size=24,
            second_tracking=0.35,
            depth=2.6,
        ),
        (
            Counterfeiter("L1", {"letterform": 1.0, "weight": 1.4}, substitute="STIXGeneral"),
            Counterfeiter("L2", {"tracking": -0.15, "second_shift": -44}),
            Counterfeiter("L3", {"sign_drop": 36, "sign_radius": -6.0, "roundness": 0.2}),
            Counterfeiter("L4", {"baseline": 0.09, "weight": 2.6}),
        ),
    ),
    Series(
        "riviera",
        Specification(
            typeface="DejaVuSerif",
            second_typeface="DejaVuSans",
            second_line="HAND FINISHED",
            tag_height=370,
            corner=24,
            stitch=15,
            leather=((0.42, 0.33, 0.22), (0.62, 0.52, 0.38)),
            thread=(0.78, 0.72, 0.60),
            finish=(0.075, 0.040, 0.022),
            gloss=0.12,
            size=58,
            tracking=0.10,
            second_size=21,
            second_tracking=0.6,
            depth=4.0,
        ),
        (
            Counterfeiter("R1", {"letterform": 1.0}, substitute="STIXGeneralBol"),
            Counterfeiter("R2", {"roundness": -0.28, "tracking": 0.12}),
            Counterfeiter("R3", {"weight": -1.9, "depth": -2.5, "sign_gap": 14}),
            Counterfeiter("R4", {"sign_radius": 7.0, "sign_stroke": 2.2, "second_size": 5.0}),
        ),
    ),
)

# Standard deviation between two tags of one die, genuine or not.
TOLERANCES = {
    "size": 0.35,
    "tracking": 0.003,
    "weight": 0.10,
    "roundness": 0.004,
    "second_shift": 0.8,
    "sign_radius": 0.2,
    "sign_gap": 0.5,
    "sign_stroke": 0.08,
    "depth": 0.15,
}


@dataclass(frozen=True)
class RenderedSettings:
    """What a rendered demonstration set holds.

    Raises:
        RenderingRefusal: if a count is below 1 or the seed below 0.
    """

    out: Path
    """folder of the set; an unfinished set with the same settings is continued"""
    items: int = 160
    """tags per series and class, at least 1"""
    photos: int = 3
    """photos of each tag, at least 1"""
    seed: int = 0
    """same seed and settings, same files; at least 0"""

    def __post_init__(self) -> None:
        for name, lowest in (("items", 1), ("photos", 1), ("seed", 0)):
            value = getattr(self, name)
            if value < lowest:
                msg = f"A rendered set needs {name} of at least {lowest}, not {value}; give a larger number."
                raise RenderingRefusal(msg)


@dataclass(frozen=True)
class Item:
    """One planned tag.

    Attributes:
        series: The series it is, or pretends to be.
        label: Whether it is genuine.
        number: Counts the tags of its series and label from 0.
        split: train, val or test; all photos of a tag share it.
        counterfeiter: Who made it; None for a genuine tag.
        severity: How far it is altered, within `SEVERITY`; 0 for a genuine tag.
    """

    series: Series
    label: Label
    number: int
    split: str
    counterfeiter: Counterfeiter | None
    severity: float

    @property
    def name(self) -> str:
        """Unique within the set."""
        return f"{self.series.name}-{self.label[0]}{self.number:04d}"

    @property
    def alterations(self) -> tuple[str, ...]:
        """The fields of the specification that were altered."""
        return () if self.counterfeiter is None else tuple(self.counterfeiter.changes)

    def specification(self) -> Specification:
        """What the tag is made to, before tolerances."""
        genuine = self.series.specification
        return genuine if self.counterfeiter is None else self.counterfeiter.falsify(genuine, self.severity)

    def path(self, photo: int) -> Path:
        """Where a photo lies in the set."""
        return Path(self.split, self.series.name, self.label, f"{self.name}_{photo}.jpg")


@dataclass(frozen=True)
class Tag:
    """A tag as it lies on the table, before light falls on it.

    Attributes:
        height: Relief in pixels, float32 (h, w).
        colour: Linear RGB, float32 (h, w, 3).
        gloss: Strength of the mirror reflection, float32 (h, w).
        cover: 1 where the tag is, 0 around it, float32 (h, w).
    """

    height: Raster
    colour: Raster
    gloss: Raster
    cover: Raster


@dataclass(frozen=True)
class Photography:
    """The circumstances of one photo; angles in degrees, lengths in pixels of the photo."""

    height: int
    quality: int
    scale: float
    rotation: float
    tilt: tuple[float, float]
    shift: tuple[float, float]
    azimuth: float
    elevation: float
    exposure: float
    warmth: float
    vignette: float
    blur: float
    noise: float
    cloth: bool
    table: Colour

    @classmethod
    def draw(cls, rng: Generator) -> Photography:
        """Circumstances for any photo: the one distribution that both labels are photographed under."""
        brightness = rng.uniform(0.03, 0.45)
        tint = rng.uniform(0.75, 1.2, 3)
        return cls(
            height=int(rng.choice(PHOTO_HEIGHTS)),
            quality=int(rng.choice(JPEG_QUALITIES)),
            scale=rng.uniform(0.72, 0.82),
            rotation=rng.uniform(-8, 8),
            tilt=(rng.uniform(-12, 12), rng.uniform(-12, 12)),
            shift=(rng.uniform(-16, 16), rng.uniform(-10, 10)),
            azimuth=rng.uniform(200, 340),
            elevation=rng.uniform(38, 62),
            exposure=rng.uniform(0.8, 1.2),
            warmth=rng.uniform(-0.10, 0.10),
            vignette=rng.uniform(0.1, 0.4),
            blur=rng.uniform(0.35, 0.9),
            noise=rng.uniform(0.004, 0.014),
            cloth=bool(rng.integers(2)),
            table=(brightness * tint[0], brightness * tint[1] * 0.92, brightness * tint[2] * 0.8),
        )


def plan(settings: RenderedSettings) -> list[Item]:
    """Every tag of a set, in order; within each series and label 8:1:1 tags go to train, val and test."""
    items = []
    for series, label in itertools.product(SERIES, LABELS):
        order = _generator("split", settings.seed, series.name, label).permutation(settings.items)
        for number, place in enumerate(order):
            share = (place + 0.5) / settings.items
            split = "train" if share < 0.8 else "val" if share < 0.9 else "test"
            forged = label == "counterfeit"
            counterfeiter = series.counterfeiters[number % len(series.counterfeiters)] if forged else None
            draw = _generator("severity", settings.seed, series.name, label, number).uniform(*SEVERITY)
            items.append(Item(series, label, number, split, counterfeiter, draw if forged else 0.0))
    return items


def build_rendered(settings: RenderedSettings) -> None:
    """Render the set, or what is still missing of it, into `settings.out`.

    Each file is written whole or not at all, so a run that was interrupted continues to the same bytes.

    Raises:
        RenderingRefusal: if the folder holds anything but a set with the same settings.
    """
    _claim(settings)
    items = plan(settings)
    with tqdm(total=len(items) * settings.photos, unit="photo", desc="rendering tags") as progress:
        for item in items:
            key = (settings.seed, item.series.name, item.label, item.number)
            missing = [p for p in range(settings.photos) if not (settings.out / item.path(p)).exists()]
            progress.update(settings.photos - len(missing))
            if not missing:
                continue
            tag = make_tag(item.specification(), _generator("tag", *key))
            for photo in missing:
                jpeg = photograph(tag, _generator("photo", *key, photo))
                write_whole(settings.out / item.path(photo), jpeg)
                progress.update()
    write_whole(settings.out / "contact_sheet.jpg", _contact_sheet(settings.out, items))
    write_whole(settings.out / "manifest.csv", _manifest(items, settings.photos).encode())
    logger.info("%d photos of %d tags in %s", len(items) * settings.photos, len(items), settings.out)


def make_tag(specification: Specification, rng: Generator) -> Tag:
    """One tag made to a specification, within the tolerances of its die and the variety of its leather."""
    made = _within_tolerances(specification, rng)
    shape = (made.tag_height, TAG_WIDTH)
    inside = _rounded_rectangle(shape, inset=3.0, corner=made.corner)
    letters = _lettering(made, rng)
    grain = _grain(shape, rng)
    thread, holes = _stitches(made, rng)

    pressed = _ramp(letters, 2.2)
    relief = grain * (1 - 0.65 * pressed) + 5 * _ramp(inside - 6, 6) - made.depth * pressed
    relief += 3.2 * thread - 2.5 * holes

    dark, light = np.array(made.leather)
    red, green, blue = (dark + (light - dark) * rng.uniform()).tolist()
    patches = 1 + 0.10 * _noise(shape, 90, rng) + 0.04 * _noise(shape, 14, rng) + 0.06 * grain
    colour = _rgb(np.clip(patches, 0.5, 1.5), (red, green, blue))
    # Foil does not reach the bottom of every pore, and rubs off in patches.
    foil = _ramp(letters, 0.7) * np.clip(1.0 + 0.22 * grain + 0.08 * _noise(shape, 30, rng), 0.3, 1)
    colour = _mix(colour, made.finish, foil)
    colour = _mix(colour, made.thread, thread) * _rgb(1 - 0.7 * holes)
    gloss = (0.10 + (made.gloss - 0.10) * foil) * (1 - thread)
    return Tag(relief, colour, gloss, _ramp(inside, 0.7))


def photograph(tag: Tag, rng: Generator) -> bytes:
    """One photo of a tag on a table, as JPEG bytes: `PHOTO_WIDTH` wide, one of `PHOTO_HEIGHTS` high."""
    seen = Photography.draw(rng)
    size = (PHOTO_WIDTH, seen.height)
    homography = _perspective(tag.cover.shape, seen)
    laid = cv2.warpPerspective(_light(tag, seen, rng), homography, size)
    cover = cv2.warpPerspective(tag.cover, homography, size)

    azimuth = np.deg2rad(seen.azimuth)
    fall = np.array([[1, 0, -7 * np.cos(azimuth)], [0, 1, -7 * np.sin(azimuth)]])
    shadow = cv2.GaussianBlur(cv2.warpAffine(cover, fall, size), (0, 0), 6)
    scene = _rgb(_table(seen, rng) * (1 - 0.65 * shadow) * (1 - cover), seen.table) + laid

    across = np.linspace(-1, 1, size[0], dtype=np.float32)
    down = np.linspace(-1, 1, size[1], dtype=np.float32)[:, None]
    lamp = 1 + 0.16 * (across * float(np.cos(azimuth)) + down * float(np.sin(azimuth)))
    corners = 1 - seen.vignette * (across**2 + down**2) / 2
    scene *= _rgb(seen.exposure * lamp * corners, (1 + seen.warmth, 1, 1 - seen.warmth))
    scene = cv2.GaussianBlur(scene, (0, 0), seen.blur)
    scene += seen.noise * np.sqrt(scene + 0.02) * rng.standard_normal(scene.shape, np.float32)
    # A square root stands for the sRGB curve: close to it, and cheap.
    pixels = (255 * np.sqrt(np.clip(scene, 0, 1)) + 0.5).astype(np.uint8)
    return _jpeg(Image.fromarray(pixels), seen.quality)


def _generator(*key: int | str) -> Generator:
    """Randomness that depends on `key` alone, whatever was drawn before."""
    return np.random.default_rng([part if isinstance(part, int) else zlib.crc32(part.encode()) for part in key])


def _within_tolerances(specification: Specification, rng: Generator) -> Specification:
    return replace(
        specification,
        **{field: getattr(specification, field) + rng.normal(0, sd) for field, sd in TOLERANCES.items()},
    )


def _ramp(distance: Raster, width: float) -> Raster:
    """0 to 1 over `width` pixels either side of an edge, smoothly; `distance` is positive inside."""
    t = np.clip(distance / (2 * width) + 0.5, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _mix(ground: Raster, colour: Colour, share: Raster) -> Raster:
    return ground * _rgb(1 - share) + _rgb(share, colour)


def _rgb(plane: Raster, colour: Colour = (1, 1, 1)) -> Raster:
    """A plane in one colour, (h, w, 3); several times faster than broadcasting along the last axis."""
    return cv2.merge([plane * np.float32(channel) for channel in colour])


def _noise(shape: tuple[int, int], cell: float, rng: Generator) -> Raster:
    """Smooth noise of about unit variance whose features are about `cell` pixels large."""
    coarse = rng.standard_normal((int(shape[0] / cell) + 3, int(shape[1] / cell) + 3), np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _grain(shape: tuple[int, int], rng: Generator) -> Raster:
    """Height of full-grain leather, about -1 to 1: pebbles between creases, on slower waves."""
    pitch = rng.uniform(7, 11)
    rows, columns = np.mgrid[0 : shape[0] : pitch, 0 : shape[1] : pitch]
    centres = np.stack([rows, columns]) + rng.uniform(-0.5, 0.5, (2, *rows.shape)) * pitch
    y, x = np.clip(np.rint(centres).astype(int), 0, np.array(shape)[:, None, None] - 1)
    elsewhere = np.ones(shape, np.uint8)
    elsewhere[y, x] = 0
    pebbles = 0.5 - cv2.distanceTransform(elsewhere, cv2.DIST_L2, 3) / pitch
    rough = 0.16 * _noise(shape, 2.5, rng) + 0.22 * _noise(shape, 6, rng) + 0.5 * _noise(shape, 60, rng)
    relief: Raster = rng.uniform(0.9, 1.6) * pebbles + rough
    return cv2.GaussianBlur(relief, (0, 0), 0.8)


def _rounded_rectangle(shape: tuple[int, int], inset: float, corner: float) -> Raster:
    """Signed distance in pixels to the tag's outline, positive inside."""
    half_height, half_width = shape[0] / 2 - inset, shape[1] / 2 - inset
    y = np.abs(np.arange(shape[0], dtype=np.float32) - shape[0] / 2 + 0.5)[:, None] - half_height + corner
    x = np.abs(np.arange(shape[1], dtype=np.float32) - shape[1] / 2 + 0.5) - half_width + corner
    outside = np.hypot(np.maximum(x, 0), np.maximum(y, 0)) + np.minimum(np.maximum(x, y), 0)
    return np.asarray(corner - outside, np.float32)


def _stitches(made: Specification, rng: Generator) -> tuple[Raster, Raster]:
    """Cover of the thread and of the needle holes, 0 to 1, along a line inside the border."""
    inset, scale = 21.0, _OVERSAMPLING
    width, height, radius = (
        TAG_WIDTH - 2 * inset,
        made.tag_height - 2 * inset,
        max(made.corner - inset + 6, 6.0),
    )
    quarter = np.linspace(0, np.pi / 2, 24)
    arcs = [
        (x + radius * np.cos(quarter + turn), y + radius * np.sin(quarter + turn))
        for x, y, turn in (
            (inset + width - radius, inset + height - radius, 0.0),
            (inset + radius, inset + height - radius, np.pi / 2),
            (inset + radius, inset + radius, np.pi),
            (inset + width - radius, inset + radius, 1.5 * np.pi),
        )
    ]
    line = np.concatenate([np.stack(arc, 1) for arc in arcs])
    line = np.vstack([line, line[:1]])
    travelled = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    count = int(travelled[-1] / made.stitch)
    starts = (np.arange(count) + rng.uniform()) * travelled[-1] / count
    ends = starts + 0.72 * made.stitch
    wobble = rng.normal(0, 0.5, (2, count, 2))
    points = [
        np.stack([np.interp(at % travelled[-1], travelled, line[:, axis]) for axis in (0, 1)], 1)
        for at in (starts, ends)
    ]
    threads, holes = np.zeros((2, made.tag_height * scale, TAG_WIDTH * scale), np.uint8)
    for start, end in zip(*np.rint((np.array(points) + wobble) * scale).astype(int), strict=True):
        cv2.line(threads, start.tolist(), end.tolist(), 255, round(4.0 * scale), cv2.LINE_AA)
        for hole in (start, end):
            cv2.circle(holes, hole.tolist(), round(3.0 * scale), 255, -1, cv2.LINE_AA)
    thread, hole = (
        cv2.GaussianBlur(
            cv2.resize(layer, (TAG_WIDTH, made.tag_height), interpolation=cv2.INTER_AREA) / np.float32(255),
            (0, 0),
            0.9,
        )
        for layer in (threads, holes)
    )
    return thread, hole * (1 - thread)


@cache
def _glyph(typeface: str, letter: str) -> tuple[tuple[Raster, ...], float]:
    """Outline polygons of a letter and its advance, in cap heights, y downwards from the baseline."""
    font = FT2Font(str(Path(mpl.get_data_path(), "fonts", "ttf", f"{typeface}.ttf")))
    font.set_size(400, 72)
    font.load_char(ord("H"))
    cap = float(np.asarray(font.get_path()[0])[:, 1].max())
    advance = font.load_char(ord(letter)).linearHoriAdvance / 65536
    polygons = [np.asarray(polygon, np.float32) for polygon in Outline(*font.get_path()).to_polygons()]
    return tuple(polygon / np.array([cap, -cap], np.float32) for polygon in polygons), advance / cap


def _fill(mask: Raster, polygons: Iterator[Raster]) -> None:
    """Fill one closed shape with its holes; the shape is in pixels of the tag, the mask is oversampled."""
    points = [np.rint(polygon * (_OVERSAMPLING * 16)).astype(np.int32) for polygon in polygons]
    cv2.fillPoly(mask, points, 255, cv2.LINE_8, 4)


def _lettering(made: Specification, rng: Generator) -> Raster:
    """Signed distance in pixels to the edge of all that is stamped, positive inside."""
    mask = np.zeros((made.tag_height * _OVERSAMPLING, TAG_WIDTH * _OVERSAMPLING), np.uint8)
    substituted = set(rng.permutation(len(HOUSE))[: round(made.letterform * len(HOUSE))].tolist())
    faces = [made.substitute if place in substituted else made.typeface for place in range(len(HOUSE))]
    lifts = rng.normal(0, 1, len(HOUSE)) * made.baseline * made.size
    centre, baseline = TAG_WIDTH / 2, 0.47 * made.tag_height + made.size / 2 - 8
    widths = [_glyph(face, c)[1] * (made.roundness if c == "O" else 1) for face, c in zip(faces, HOUSE, strict=True)]
    left = centre - made.size * (sum(widths) + made.tracking * (len(HOUSE) - 1)) / 2
    for face, letter, lift, width in zip(faces, HOUSE, lifts, widths, strict=True):
        polygons, advance = _glyph(face, letter)
        scale, place = (made.size * width / advance, made.size), (left, baseline + lift)
        _fill(mask, (polygon * scale + place for polygon in polygons))
        left += made.size * (width + made.tracking)

    radius = made.sign_radius
    x = left - made.size * made.tracking + made.sign_gap + radius
    y = baseline - made.size + made.sign_drop + radius
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    _fill(mask, (circle * r + (x, y) for r in (radius, radius - made.sign_stroke)))
    polygons, advance = _glyph(made.typeface, "R")
    _fill(
        mask,
        (polygon * radius * 0.95 + (x - radius * 0.475 * advance, y + radius * 0.475) for polygon in polygons),
    )

    gap = made.second_size * made.second_tracking
    # The Computer Modern fonts have no space.
    widths = [0.45 if c == " " else _glyph(made.second_typeface, c)[1] for c in made.second_line]
    left = centre + made.second_shift - (made.second_size * sum(widths) + gap * (len(widths) - 1)) / 2
    for letter, width in zip(made.second_line, widths, strict=True):
        if letter != " ":
            place = (left, baseline + 58)
            _fill(mask, (p * made.second_size + place for p in _glyph(made.second_typeface, letter)[0]))
        left += made.second_size * width + gap
    inside, outside = (cv2.distanceTransform(m, cv2.DIST_L2, 3) for m in (mask, 255 - mask))
    distance = cv2.resize(inside - outside, (TAG_WIDTH, made.tag_height), interpolation=cv2.INTER_AREA)
    return distance / _OVERSAMPLING + made.weight / 2


def _light(tag: Tag, seen: Photography, rng: Generator) -> Raster:
    """The tag under a lamp, linear RGB times cover, float32 (h, w, 3)."""
    azimuth, elevation = np.deg2rad([seen.azimuth, seen.elevation])
    to_lamp = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    halfway = to_lamp + np.array([0, 0, 1])
    halfway /= np.linalg.norm(halfway)
    slope_x, slope_y = (cv2.Sobel(tag.height, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    length = np.sqrt(1 + slope_x**2 + slope_y**2)

    def facing(direction: Raster) -> Raster:
        x, y, z = direction.tolist()
        return np.maximum(z - x * slope_x - y * slope_y, 0) / length

    diffuse = 0.4 + 0.75 * facing(to_lamp) / float(to_lamp[2])
    mirror = facing(halfway) ** 12
    # Metal mirrors its surroundings: a slow pattern across the tag that the letters pick up.
    room = 0.35 + 0.25 * _noise(tag.cover.shape, 240, rng)
    shine = tag.gloss * (0.25 * mirror + np.clip(room, 0, 1) * tag.gloss**2 * 0.5)
    red, green, blue = cv2.split(tag.colour)
    tinted = 0.75 * shine / np.maximum(np.maximum(red, green), blue)
    return tag.colour * _rgb((diffuse + tinted) * tag.cover) + _rgb(0.25 * shine * tag.cover)


def _perspective(shape: tuple[int, ...], seen: Photography) -> Raster:
    """The homography from the flat tag to the photo."""
    height, width = shape
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    spin, nod, swing = np.deg2rad([seen.rotation, *seen.tilt])
    flat = (corners - (width / 2, height / 2)) * seen.scale
    x = flat[:, 0] * np.cos(spin) - flat[:, 1] * np.sin(spin)
    y = flat[:, 0] * np.sin(spin) + flat[:, 1] * np.cos(spin)
    distance = _CAMERA_DISTANCE + y * np.sin(nod) + x * np.sin(swing)
    upright = np.stack([x * np.cos(swing), y * np.cos(nod)], 1) * (_CAMERA_DISTANCE / distance)[:, None]
    middle = (PHOTO_WIDTH / 2 + seen.shift[0], seen.height / 2 + seen.shift[1])
    return np.asarray(cv2.getPerspectiveTransform(corners, (upright + middle).astype(np.float32)))


def _table(seen: Photography, rng: Generator) -> Raster:
    """Brightness of what the tag lies on, woven cloth or wood, about 1, float32 (h, w)."""
    shape = (seen.height, PHOTO_WIDTH)
    angle, pitch = rng.uniform(-0.35, 0.35), rng.uniform(4.5, 8)
    x, y = np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)[:, None]
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    along, across = x * cos + y * sin, y * cos - x * sin
    if seen.cloth:
        warp, weft = (np.sin(d * (np.pi / pitch) + 0.5 * _noise(shape, 25, rng)) for d in (along, across))
        pattern = 0.22 * warp * weft + 0.08 * np.abs(warp) + 0.10 * _noise(shape, 2, rng)
    else:
        streaks = cv2.warpAffine(
            _noise((shape[0], 24), 2.2, rng),
            np.array([[30, 0, -40], [np.tan(angle) * 30, 1, -40]]),
            shape[::-1],
            borderMode=cv2.BORDER_REFLECT,
        )
        rings = np.sin(across / (pitch * 2.4) + 1.6 * _noise(shape, 150, rng))
        pattern = 0.13 * rings + 0.10 * streaks + 0.03 * _noise(shape, 1.5, rng)
    pattern += 0.08 * _noise(shape, 120, rng)
    return np.clip(1 + pattern, 0.2, 2)


def _claim(settings: RenderedSettings) -> None:
    """Make the folder ours: the README it opens with names the settings, and tells sets apart."""
    readme, text = settings.out / "README.md", _readme(settings)
    if settings.out.is_file():
        msg = f"{settings.out} is a file; give a folder for the rendered set."
        raise RenderingRefusal(msg)
    if readme.exists() and readme.read_text(encoding="utf-8") == text:
        return
    if settings.out.exists() and any(settings.out.iterdir()):
        msg = (
            f"{settings.out} already holds something other than this rendered set (or one made with other "
            "settings or library versions); give an empty folder."
        )
        raise RenderingRefusal(msg)
    write_whole(readme, text.encode())


def _readme(settings: RenderedSettings) -> str:
    versions = {
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "OpenCV": cv2.__version__,
        "Pillow": PIL.__version__,
        "matplotlib": mpl.__version__,
    }
    counterfeiters = "\n".join(
        f"- {series.name}, {c.name}: {', '.join(c.changes)}" for series in SERIES for c in series.counterfeiters
    )
    return f"""# Rendered leather tags: a demonstration set

Every photo here is rendered. The house {HOUSE} does not exist, its counterfeiters neither: the set shows
Assay at work and says nothing of its accuracy on real goods.

- {len(SERIES)} series x genuine and counterfeit x {settings.items} tags x {settings.photos} photos,
  seed {settings.seed}
- `<split>/<series>/<genuine|counterfeit>/<item>_<photo>.jpg`; train, val and test hold 8:1:1 of the tags
- `manifest.csv` names, for each photo, its tag, its counterfeiter, the severity (uniform from
  {SEVERITY[0]} to {SEVERITY[1]}) and what was altered; genuine tags vary within manufacturing tolerances
- material and photography are drawn from the same distributions on both sides
- renderer version {RENDERER_VERSION}; {", ".join(f"{name} {version}" for name, version in versions.items())}

Again, with the same bytes: `python -m training rendered --out DIR --items {settings.items} \\
--photos {settings.photos} --seed {settings.seed}`

## What each counterfeiter alters
{counterfeiters}
"""


def _manifest(items: list[Item], photos: int) -> str:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["path", "series", "label", "item", "split", "counterfeiter", "severity", "alterations"])
    for item, photo in itertools.product(items, range(photos)):
        hand = item.counterfeiter
        maker = ("", "") if hand is None else (hand.name, f"{item.severity:.3f}")
        path = item.path(photo).as_posix()
        table.writerow([path, item.series.name, item.label, item.name, item.split, *maker, ";".join(item.alterations)])
    return text.getvalue()


def _contact_sheet(folder: Path, items: list[Item]) -> bytes:
    """Per series a row: two genuine tags, then the first of each counterfeiter."""
    width, height, caption = 400, 270, 24
    sheet = Image.new("RGB", (6 * width, len(SERIES) * (height + caption)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for row, series in enumerate(SERIES):
        ours = [item for item in items if item.series is series]
        shown = [i for i in ours if i.label == "genuine"][:2] + [i for i in ours if i.label == "counterfeit"][:4]
        for column, item in enumerate(shown):
            left, top = column * width, row * (height + caption)
            with Image.open(folder / item.path(0)) as photo:
                photo.thumbnail((width, height), Image.Resampling.LANCZOS)
                sheet.paste(photo, (left + (width - photo.width) // 2, top + caption))
            hand = item.counterfeiter
            words = "genuine" if hand is None else f"{hand.name} {item.severity:.2f}: {', '.join(item.alterations)}"
            draw.text((left + 6, top + 3), f"{series.name} {words}", "black", font)
    return _jpeg(sheet, 90)


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=quality)
    return encoded.getvalue()
