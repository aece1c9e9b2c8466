"""Builds a rendered set: photos of genuine parts and of counterfeits, each counterfeit with its mask and its twin.

A genuine item follows the specification of its series; a counterfeit follows the same one, altered by its
counterfeiter. Nothing after the specification knows which of the two it renders, so that material and
photography cannot give a label away; `training/data/audit.py` checks it.
"""

from __future__ import annotations

import csv
import io
import itertools
import logging
import os
import platform
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import fontTools
import matplotlib as mpl
import numpy as np
import PIL
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from inference.files import png_bytes, write_whole
from inference.records import Refusal
from training.data.audit import Audit, audit
from training.data.npm import CACHE
from training.data.photos import Label, Split
from training.data.rendered.lettering import Raster
from training.data.rendered.photography import photograph
from training.data.rendered.specification import (
    ALTERATIONS,
    EXAMINED_WIDTH,
    GRADES,
    HOUSE,
    PARTS,
    SUBSTITUTED_LETTERS,
    Counterfeiter,
    Grade,
    Part,
    PartName,
    Series,
    Specification,
    within_tolerances,
)
from training.data.rendered.surfaces import Surface, make_surface
from training.data.rendered.typefaces import TYPEFACES, Typeface, Typefaces
from training.processes import worker_processes

logger = logging.getLogger(__name__)

RENDERER_VERSION = 3
HELD_OUT = 0.1
"""Share of the items of each class that are for validation, and as many again for test, unless another is asked for."""
LABELS: tuple[Label, Label] = ("genuine", "counterfeit")
UNSEEN_SHARE = 0.1
"""Share of the counterfeits made by counterfeiters that appear in test only."""
COLUMNS = (
    "path",
    "series",
    "label",
    "item",
    "split",
    "counterfeiter",
    "severity",
    "alterations",
    "mask",
    "twin",
)

# What is compared of a counterfeit and its twin, and from where on a point counts as altered.
_ALTERED = {"height": 0.12, "colour": 0.03, "metal": 0.1}
_LEAST_ITEMS_A_CLASS = 4


class RenderingRefusal(Refusal):
    """Settings or a folder that no set can be rendered with."""


@dataclass(frozen=True)
class RenderedSettings:
    """What a rendered set holds.

    Raises:
        RenderingRefusal: if a count is below its least, the seed below 0, or not 0 < held_out <= .5.
    """

    part: PartName
    """kind of part"""
    out: Path
    """folder of the set; an unfinished set with the same settings is continued"""
    items: int | None = None
    """items of all series and classes together; as many as give the photos the paper had when left out"""
    photos: int = 3
    """photos of each item, at least 1"""
    seed: int = 0
    """same seed and settings, same files; at least 0"""
    held_out: float = HELD_OUT
    """share of the items of each class for validation, and as many again for test; .4 makes a set to calibrate a
    finished model on (a counterfeiter in no training photo counts as never seen, so some must be left to train on)"""
    workers: int = os.cpu_count() or 1
    """processes that render"""
    cache: Path = CACHE
    """folder that holds the typefaces once they are fetched"""

    def __post_init__(self) -> None:
        classes = len(LABELS) * len(PARTS[self.part].series)
        least = {"items": classes * _LEAST_ITEMS_A_CLASS, "photos": 1, "seed": 0, "workers": 1}
        for name, lowest in least.items():
            value = getattr(self, name)
            if value is not None and value < lowest:
                msg = f"A rendered set needs {name} of at least {lowest}, not {value}; give a larger number."
                raise RenderingRefusal(msg)
        if not 0 < self.held_out <= 0.5:
            msg = f"A rendered set cannot hold out a share of {self.held_out}; give one above 0 and at most 0.5."
            raise RenderingRefusal(msg)

    @property
    def kind(self) -> Part:
        """The part that is rendered."""
        return PARTS[self.part]


@dataclass(frozen=True)
class Item:
    """One planned item.

    Attributes:
        series: The series it is, or pretends to be.
        label: Whether it is genuine.
        number: Counts the items of its series and label from 0.
        split: All photos of an item share it.
        counterfeiter: Who made it; None for a genuine item.
        grade: How far it strays; None for a genuine item.
    """

    series: Series
    label: Label
    number: int
    split: Split
    counterfeiter: Counterfeiter | None = None
    grade: Grade | None = None

    @property
    def name(self) -> str:
        """Unique within the set."""
        return f"{self.series.name}-{self.label[0]}{self.number:04d}"

    def path(self, photo: int) -> Path:
        """Where a photo lies in the set."""
        return Path(self.split, self.series.name, self.label, f"{self.name}_{photo}.jpg")

    def twin(self, photo: int) -> Path:
        """Where the same photo lies with a genuine item in place of a counterfeit."""
        return Path("twins", f"{self.name}_{photo}.jpg")

    def mask(self, photo: int) -> Path:
        """Where the mask of what is altered lies: 255 where it is, 0 elsewhere."""
        return Path("masks", f"{self.name}_{photo}.png")


def plan(settings: RenderedSettings) -> list[Item]:
    """Every item of a set, in order.

    Within each class the items held out go to validation and test, the others to train; counterfeits by unseen
    counterfeiters are in test only and come on top. Counterfeiters and grades take turns.
    """
    part = settings.kind
    classes = list(itertools.product(part.series, LABELS))
    counts = _apportion([getattr(series, label) for series, label in classes], settings.items or part.items)
    items: list[Item] = []
    for (series, label), count in zip(classes, counts, strict=True):
        if label == "genuine":
            splits = _splits(count, settings.held_out, generator("split", settings.seed, series.name, label))
            items += [Item(series, label, number, split) for number, split in enumerate(splits)]
        else:
            items += _counterfeits(series, count, settings)
    return items


def _counterfeits(series: Series, count: int, settings: RenderedSettings) -> Iterator[Item]:
    """The counterfeits of a series: those of known hands first, then those of unseen ones."""
    unseen = max(1, round(count * UNSEEN_SHARE))
    rng = generator("split", settings.seed, series.name, "counterfeit")
    known = _splits(count - unseen, settings.held_out, rng)
    new: list[Split] = ["test"] * unseen
    numbers = itertools.count()
    for is_new, splits in ((False, known), (True, new)):
        hands = [hand for hand in series.counterfeiters if hand.unseen == is_new]
        for turn, split in enumerate(splits):
            grade = list(GRADES)[(turn // len(hands)) % len(GRADES)]
            yield Item(series, "counterfeit", next(numbers), split, hands[turn % len(hands)], grade)


def _apportion(shares: list[float], total: int) -> list[int]:
    """Whole numbers in proportion to shares, adding up to `total`, none below the least a class needs."""
    exact = np.array(shares) / sum(shares) * total
    counts = np.maximum(np.floor(exact).astype(int), _LEAST_ITEMS_A_CLASS)
    while counts.sum() != total:
        step = 1 if counts.sum() < total else -1
        ahead = np.where((step > 0) | (counts > _LEAST_ITEMS_A_CLASS), (exact - counts) * step, -np.inf)
        counts[int(np.argmax(ahead))] += step
    return counts.tolist()


def _splits(count: int, share: float, rng: Generator) -> list[Split]:
    """A split for each of `count` >= 3 items: `share` of them for validation and for test, at least one in each."""
    held_out = max(1, min(round(count * share), (count - 1) // 2))
    shares: dict[Split, int] = {"val": held_out, "test": held_out, "train": count - 2 * held_out}
    splits = [split for split, share in shares.items() for _ in range(share)]
    return [splits[place] for place in rng.permutation(count)]


def build_rendered(settings: RenderedSettings, typefaces: Sequence[Typeface] = TYPEFACES) -> Audit:
    """Render the set, or what is still missing of it, into `settings.out`, and audit it for shortcuts.

    Each file is written whole or not at all, so a run that was interrupted continues to the same bytes.

    Args:
        settings: What the set holds.
        typefaces: The typefaces that the specifications name.

    Returns:
        What the shortcut audit found.

    Raises:
        RenderingRefusal: if the folder holds anything but a set with the same settings.
        PackageRefused: if a typeface cannot be fetched.
    """
    Typefaces(settings.cache, typefaces).fetch()
    claim_folder(settings.out, _readme(settings))
    items = plan(settings)
    missing = [item for item in items if not all((settings.out / file).exists() for file in _files(item, settings))]
    render, words = partial(_render, settings=settings, typefaces=tuple(typefaces)), f"rendering {settings.part}"
    with (
        worker_processes(settings.workers) as pool,
        tqdm(total=len(items), initial=len(items) - len(missing), unit="item", desc=words) as bar,
    ):
        for _ in pool.map(render, missing):
            bar.update()
    write_whole(settings.out / "contact_sheet.jpg", contact_sheet(settings.out, items))
    write_whole(settings.out / "manifest.csv", _manifest(items, settings.photos).encode())
    found = audit(settings.out / "manifest.csv", settings.seed)
    write_whole(settings.out / "AUDIT.md", found.page().encode())
    logger.info("%d photos of %d items in %s; %s", len(items) * settings.photos, len(items), settings.out, found)
    return found


def _files(item: Item, settings: RenderedSettings) -> Iterator[Path]:
    """Every file of an item, relative to the set's folder."""
    for photo in range(settings.photos):
        yield item.path(photo)
        if item.counterfeiter:
            yield item.twin(photo)
            yield item.mask(photo)


@cache
def opened_typefaces(folder: Path, typefaces: tuple[Typeface, ...]) -> Typefaces:
    """The typefaces, opened once a process."""
    return Typefaces(folder, typefaces)


@contextmanager
def on_any_processor() -> Iterator[None]:
    """OpenCV without what it optimises for the processor at hand: the same bytes on each."""
    optimised = cv2.useOptimized()
    cv2.setUseOptimized(False)
    try:
        yield
    finally:
        cv2.setUseOptimized(optimised)


@on_any_processor()
def _render(item: Item, settings: RenderedSettings, typefaces: tuple[Typeface, ...]) -> None:
    """All files of an item; runs in a process of its own."""
    key = (settings.seed, settings.part, item.series.name, item.label, item.number)
    genuine = item.series.specification

    def make(specification: Specification) -> Surface:
        made = within_tolerances(specification, generator("die", *key))
        opened = opened_typefaces(settings.cache, typefaces)
        return make_surface(settings.part, made, opened, generator("material", *key))

    if item.counterfeiter is None or item.grade is None:
        surface = make(genuine)
        for photo in range(settings.photos):
            write_whole(settings.out / item.path(photo), photograph(surface, generator("photo", *key, photo)).jpeg)
        return
    altered = item.counterfeiter.falsify(genuine, item.grade, generator("hand", *key))
    surface, twin = make(altered), make(genuine)
    where = altered_area(surface, twin)
    for photo in range(settings.photos):
        shot = photograph(surface, generator("photo", *key, photo))
        write_whole(settings.out / item.path(photo), shot.jpeg)
        write_whole(settings.out / item.twin(photo), photograph(twin, generator("photo", *key, photo)).jpeg)
        seen = cv2.warpPerspective(where, shot.homography, shot.size) > 0.5
        write_whole(settings.out / item.mask(photo), png_bytes(_as_picture(seen)))


def altered_area(surface: Surface, twin: Surface) -> Raster:
    """1 where a counterfeit's surface visibly differs from its twin's, 0 elsewhere, float32 (h, w).

    What moves leaves an edge on either side; gaps of a stroke's width between them are closed.
    """
    altered = np.zeros(surface.cover.shape, np.uint8)
    for name, least in _ALTERED.items():
        change = np.abs(getattr(surface, name) - getattr(twin, name))
        altered |= ((change.max(axis=2) if change.ndim == 3 else change) > least).astype(np.uint8)
    closing = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    return cv2.morphologyEx(altered, cv2.MORPH_CLOSE, closing).astype(np.float32)


def generator(*key: int | str) -> Generator:
    """Randomness that depends on `key` alone, whatever was drawn before."""
    return np.random.default_rng([part if isinstance(part, int) else zlib.crc32(part.encode()) for part in key])


def _as_picture(mask: Raster) -> Image.Image:
    """A mask, bool (h, w), in one bit a pixel."""
    return Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).convert("1")


def claim_folder(out: Path, text: str) -> None:
    """Make a set's folder ours: the README it opens with names the settings, and tells sets apart.

    Raises:
        RenderingRefusal: if it holds anything but a set with the same README.
    """
    readme = out / "README.md"
    if out.is_file():
        msg = f"{out} is a file; give a folder for the rendered set."
        raise RenderingRefusal(msg)
    if readme.exists() and readme.read_text(encoding="utf-8") == text:
        return
    if out.exists() and any(out.iterdir()):
        msg = (
            f"{out} already holds something other than this rendered set (or one made with other "
            "settings or library versions); give an empty folder."
        )
        raise RenderingRefusal(msg)
    write_whole(readme, text.encode())


def library_versions() -> str:
    """The libraries that the rendered bytes depend on, with their versions."""
    versions = {
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "OpenCV": cv2.__version__,
        "Pillow": PIL.__version__,
        "matplotlib": mpl.__version__,
        "fonttools": fontTools.version,
    }
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _readme(settings: RenderedSettings) -> str:
    """The set's page; equal for equal settings, renderer and libraries only."""
    part = settings.kind
    hands = "\n".join(
        f"| {series.name} | {hand.name} | {', '.join(hand.alterations)}"
        f"{f' ({hand.lookalike})' if hand.lookalike else ''} | {'test only' if hand.unseen else ''} |"
        for series in part.series
        for hand in series.counterfeiters
    )
    items, photos, seed = settings.items or part.items, settings.photos, settings.seed
    counts = f"--items {items} --photos {photos} --seed {seed}"
    if settings.held_out != HELD_OUT:
        counts += f" --held-out {settings.held_out:g}"
    ratio = ":".join(f"{10 * share:.4g}" for share in (1 - 2 * settings.held_out, *[settings.held_out] * 2))
    return f"""# A rendered set: {part.title}s

Every photo here is rendered. The house {HOUSE} does not exist, its counterfeiters neither: the set says nothing of
real goods. What it does have is what no set of real goods has: for every counterfeit the exact place of what was
altered, and its genuine twin.

- {items} items of {len(part.series)} series, genuine and counterfeit, {photos} photos each, seed {seed}
- `<split>/<series>/<label>/<item>_<photo>.jpg`; in each class train, val and test hold {ratio} of the items; items by
  the counterfeiters marked "test only" are in test on top of that
- `masks/<item>_<photo>.png`: white where a counterfeit's surface differs from its twin's
- `twins/<item>_<photo>.jpg`: the same photo, light, camera and wear, only the alteration missing
- `manifest.csv` names of each photo its item, counterfeiter, severity, alterations, mask and twin
- material and photography are drawn from the same distributions on both sides; `AUDIT.md` says what a classifier
  that sees only size, JPEG, colour statistics and noise makes of it
- renderer version {RENDERER_VERSION}; {library_versions()}

Again, with the same bytes on any x86-64 processor:
`python -m training rendered --part {part.name} --out DIR {counts}`

## Severity
{severity_table()}

## Counterfeiters
| series | counterfeiter | alters | |
|---|---|---|---|
{hands}
"""


def severity_table() -> str:
    """The severity scale in Markdown: what each alteration does at each grade."""
    rows = [f"| alteration | {' | '.join(GRADES)} |", "|---" * (len(GRADES) + 1) + "|"]
    rows.append(
        f"| letterform: letters of a lookalike typeface | {' | '.join(str(n) for n in SUBSTITUTED_LETTERS.values())} |"
    )
    for name, kind in ALTERATIONS.items():
        unit = " px" if kind.unit == "px" else ""
        steps = " | ".join(f"{kind.plain * share:.2g}{unit}" for share in GRADES.values())
        rows.append(f"| {name}: {kind.words} | {steps} |")
    return (
        f"Pixels are those of a part {EXAMINED_WIDTH} wide. The scale was fixed by eye, beside a genuine item, before "
        "any training.\n\n" + "\n".join(rows)
    )


def _manifest(items: list[Item], photos: int) -> str:
    """The table of the photos; what only counterfeits have is empty for genuine items."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for item, photo in itertools.product(items, range(photos)):
        row = [item.path(photo).as_posix(), item.series.name, item.label, item.name, item.split]
        if item.counterfeiter:
            hand = item.counterfeiter
            row += [f"{item.series.name} {hand.name}", str(item.grade), ";".join(hand.alterations)]
            row += [item.mask(photo).as_posix(), item.twin(photo).as_posix()]
        table.writerow(row + [""] * (len(COLUMNS) - len(row)))
    return text.getvalue()


def contact_sheet(folder: Path, items: list[Item]) -> bytes:
    """A JPEG: for each series a genuine item, then for each of two grades a counterfeit, its twin and its mask."""
    width, height, caption = 340, 290, 22
    series = list({item.series.name: item.series for item in items}.values())
    grades: tuple[Grade, Grade] = ("plain", "fine")
    sheet = Image.new("RGB", (7 * width, len(series) * (height + caption)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, one in enumerate(series):
        ours = [item for item in items if item.series is one]
        cells = [(f"{one.name}: genuine", next(item for item in ours if item.label == "genuine").path(0))]
        for grade in grades:
            item = next((item for item in ours if item.grade == grade), None)
            if item and item.counterfeiter:
                words = f"{item.counterfeiter.name}, {grade}: {', '.join(item.counterfeiter.alterations)}"
                cells += [(words, item.path(0)), ("its genuine twin", item.twin(0)), ("what is altered", item.mask(0))]
        for column, (words, path) in enumerate(cells):
            left, top = column * width, row * (height + caption)
            with Image.open(folder / path) as photo:
                shown: Image.Image = photo.convert("RGB")
                shown.thumbnail((width - 4, height), Image.Resampling.LANCZOS)
                sheet.paste(shown, (left + (width - shown.width) // 2, top + caption))
            draw.text((left + 6, top + 3), words, "black", font)
    encoded = io.BytesIO()
    sheet.save(encoded, "JPEG", quality=88)
    return encoded.getvalue()
