"""A set of many houses: for each one genuine items, and counterfeits with masks of what was altered.

A network that learns to compare learns it from houses, so that houses are split and none is on two sides.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw
from tqdm import tqdm

from inference.files import csv_bytes, jpeg_bytes, png_bytes, write_whole
from training.data.npm import CACHE
from training.data.photos.photo import Label, Split
from training.data.processes import worker_processes
from training.data.rendered.build import altered_area, as_picture, on_any_processor, opened_typefaces
from training.data.rendered.house_design import HOUSE_FACES, House, house_of
from training.data.rendered.making import make_surface
from training.data.rendered.photography import photograph
from training.data.rendered.plan import generator, require_at_least
from training.data.rendered.specification import GRADES, Counterfeiter, Grade, Specification, within_tolerances
from training.data.rendered.surfaces import Surface
from training.data.rendered.typefaces import Typeface, Typefaces
from training.data.rendered.written import claim_folder, library_versions

HOUSES_VERSION = 1
COLUMNS = ("path", "series", "label", "item", "split", "counterfeiter", "severity", "alterations", "mask")
_SHOWN = 12


@dataclass(frozen=True)
class HousesSettings:
    """Many houses, each with genuine items and counterfeits of one part.

    Raises:
        RenderingRefusal: if a count is below its least.
    """

    out: Path
    """folder of the set; an unfinished set with the same settings is continued"""
    houses: int = 300
    """houses, at least 10; of ten, eight are for training, one for validation, one for test"""
    genuine: int = 16
    """genuine items of each training house, at least 8"""
    held_out_genuine: int = 48
    """genuine items of each house for validation or test, enough to enrol forty and examine others; at least 8"""
    counterfeit: int = 12
    """counterfeits of each house, at least 4"""
    photos: int = 1
    """photos of each item, at least 1"""
    seed: int = 0
    """same seed and settings, same files; at least 0"""
    workers: int = os.cpu_count() or 1
    """processes that render"""
    cache: Path = CACHE
    """folder that holds the typefaces once they are fetched"""

    def __post_init__(self) -> None:
        least = {"houses": 10, "genuine": 8, "held_out_genuine": 8, "counterfeit": 4, "photos": 1}
        require_at_least(self, least | {"seed": 0, "workers": 1})


@dataclass(frozen=True)
class HouseItem:
    """One planned item of a house.

    Attributes:
        house: Number of its house.
        split: Split of the house.
        label: Genuine or counterfeit.
        number: Its number among the items of its house and label, from 0.
        hand: Which of the house's counterfeiters made it, from 0; None for a genuine item.
        grade: Severity of its alterations; None for a genuine item.
    """

    house: int
    split: Split
    label: Label
    number: int
    hand: int | None = None
    grade: Grade | None = None

    @property
    def name(self) -> str:
        """Unique within the set."""
        return f"h{self.house:04d}-{self.label[0]}{self.number:03d}"

    @property
    def series(self) -> str:
        """The house's name in the set."""
        return f"house{self.house:04d}"

    def path(self, photo: int) -> Path:
        """Path of a photo in the set."""
        return Path(self.split, self.series, self.label, f"{self.name}_{photo}.jpg")

    def mask(self, photo: int) -> Path:
        """Path of a counterfeit photo's mask: 255 where it is altered, 0 elsewhere."""
        return Path("masks", f"{self.name}_{photo}.png")


def split_of(house: int) -> Split:
    """Which split a house is in: 8:1:1, by its number."""
    return {8: "val", 9: "test"}.get(house % 10, "train")  # type: ignore[return-value]


def plan_houses(settings: HousesSettings) -> list[HouseItem]:
    """Every item of a set, in order; counterfeiters and grades take turns."""
    return [item for house in range(settings.houses) for item in _items(house, settings)]


def _items(house: int, settings: HousesSettings) -> Iterator[HouseItem]:
    split = split_of(house)
    for number in range(settings.genuine if split == "train" else settings.held_out_genuine):
        yield HouseItem(house, split, "genuine", number)
    grades = list(GRADES)
    for number in range(settings.counterfeit):
        grade = grades[(number // 4 + number) % len(grades)]
        yield HouseItem(house, split, "counterfeit", number, number % 4, grade)


def build_houses(settings: HousesSettings, typefaces: Sequence[Typeface] = HOUSE_FACES) -> None:
    """Render the houses, or what is still missing of them, their manifest and a contact sheet into `settings.out`.

    Raises:
        RenderingRefusal: if the folder holds anything but houses with the same settings.
        PackageRefused: if a typeface cannot be fetched.
    """
    drawn = Typefaces(settings.cache, typefaces)
    drawn.fetch()
    claim_folder(settings.out, readme_of(settings))
    items = plan_houses(settings)
    missing = [item for item in items if not all((settings.out / file).exists() for file in _files(item, settings))]
    render = partial(_render, settings=settings, typefaces=tuple(typefaces))
    with (
        worker_processes(settings.workers) as pool,
        tqdm(total=len(items), initial=len(items) - len(missing), unit="item", desc="rendering houses") as bar,
    ):
        for _ in pool.map(render, missing, chunksize=4):
            bar.update()
    houses = [house_of(settings.seed, number, drawn) for number in range(settings.houses)]
    write_whole(settings.out / "contact_sheet.jpg", contact_sheet(settings, items))
    write_whole(settings.out / "manifest.csv", manifest(settings, items, houses))


def _files(item: HouseItem, settings: HousesSettings) -> Iterator[Path]:
    """Every file of an item, relative to the set's folder."""
    for photo in range(settings.photos):
        yield item.path(photo)
        if item.hand is not None:
            yield item.mask(photo)


@on_any_processor()
def _render(item: HouseItem, settings: HousesSettings, typefaces: tuple[Typeface, ...]) -> None:
    """All files of an item; runs in a process of its own."""
    opened = opened_typefaces(settings.cache, typefaces)
    house = house_of(settings.seed, item.house, opened)
    key = (settings.seed, item.house, item.label, item.number)

    def make(specification: Specification) -> Surface:
        made = within_tolerances(specification, generator("die", *key))
        return make_surface(house.part, made, opened, generator("material", *key))

    hand = _hand_of(item, house)
    made = house.specification
    if hand is not None and item.grade is not None:
        made = hand.falsify(made, item.grade, generator("hand", *key))
    surface = make(made)
    where = None if hand is None else altered_area(surface, make(house.specification))
    for photo in range(settings.photos):
        shot = photograph(surface, generator("photo", *key, photo))
        if where is not None:
            seen = cv2.warpPerspective(where, shot.homography, shot.size) > 0.5
            write_whole(settings.out / item.mask(photo), png_bytes(as_picture(seen)))
        write_whole(settings.out / item.path(photo), shot.jpeg)


def _hand_of(item: HouseItem, house: House) -> Counterfeiter | None:
    return None if item.hand is None else house.counterfeiters[item.hand]


def manifest(settings: HousesSettings, items: Sequence[HouseItem], houses: Sequence[House]) -> bytes:
    """One row a photo."""
    rows = []
    for item in items:
        hand = _hand_of(item, houses[item.house])
        for photo in range(settings.photos):
            row = [item.path(photo).as_posix(), item.series, item.label, item.name, item.split]
            if hand is not None:
                row += [f"{item.series} {hand.name}", item.grade or "", "; ".join(hand.alterations)]
                row += [item.mask(photo).as_posix()]
            rows.append(row)
    return csv_bytes(COLUMNS, rows)


def contact_sheet(settings: HousesSettings, items: Sequence[HouseItem]) -> bytes:
    """A JPEG of the first houses: of each a genuine item and three counterfeits, with what is altered outlined."""
    width, height = 300, 240
    numbers = range(min(settings.houses, _SHOWN))
    sheet = Image.new("RGB", (4 * width, len(numbers) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for row, house in enumerate(numbers):
        ours = [item for item in items if item.house == house]
        chosen = [ours[0], *[item for item in ours if item.hand is not None][:3]]
        for column, item in enumerate(chosen):
            with Image.open(settings.out / item.path(0)) as photo:
                shown = photo.convert("RGB")
            if item.hand is not None:
                shown = _outlined(shown, settings.out / item.mask(0))
            shown.thumbnail((width - 6, height - 22), Image.Resampling.LANCZOS)
            sheet.paste(shown, (column * width + 3, row * height + 18))
            words = (
                f"{item.series}: {'genuine' if item.hand is None else f'counterfeiter {item.hand + 1}, {item.grade}'}"
            )
            draw.text((column * width + 4, row * height + 3), words, "black")
    return jpeg_bytes(sheet, 88)


def _outlined(photo: Image.Image, mask: Path) -> Image.Image:
    """A photo with the edge of what is altered in red."""
    with Image.open(mask) as opened:
        altered = np.asarray(opened.convert("L"))
    pixels = np.asarray(photo).copy()
    lines, _ = cv2.findContours(altered, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(pixels, lines, -1, (255, 0, 0), 1)
    return Image.fromarray(pixels)


def readme_of(settings: HousesSettings) -> str:
    """The set's page; equal for equal settings, renderer and libraries only."""
    return f"""# Rendered houses

Photos of parts of houses that do not exist, every one rendered, and of their counterfeits. Each house has a name, a
typeface, a part of its own design (leather, metal, paper, card, cloth or foil; emblem, border, guilloche) and four
counterfeiters, each with alterations of their own. It serves to teach a network to compare, whatever the house.

- {settings.houses} houses, seed {settings.seed}; of ten houses eight are for training, one for validation, one for
  test; {settings.genuine} genuine items of each for training ({settings.held_out_genuine} of the others), and
  {settings.counterfeit} counterfeits; {settings.photos} photos of each item
- `<split>/<house>/<label>/<item>_<photo>.jpg`; `masks/<item>_<photo>.png`: white where a counterfeit's surface differs
  from the same item made as the genuine one
- `manifest.csv` names of each photo its house (as series), item, counterfeiter, severity, alterations and mask
- renderer version {HOUSES_VERSION}; {library_versions()}

Again, with the same bytes on any x86-64 processor:
`python -m training houses --out DIR --houses {settings.houses} --genuine {settings.genuine} \\
  --held-out-genuine {settings.held_out_genuine} --counterfeit {settings.counterfeit} --photos {settings.photos} \\
  --seed {settings.seed}`
"""
