"""The items of a rendered set: their series, side, counterfeiter and split."""

from __future__ import annotations

import itertools
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.random import Generator

from inference.records import Refusal
from training.data.npm import CACHE
from training.data.photos.photo import Label, Split
from training.data.rendered.house import PARTS
from training.data.rendered.specification import GRADES, Counterfeiter, Grade, Part, PartName, Series

HELD_OUT = 0.1
"""Default share of the items of each class for validation, and the same share for test."""
Mould = Literal["item", "hand"]
LABELS: tuple[Label, Label] = ("genuine", "counterfeit")
UNSEEN_SHARE = 0.1
"""Share of the counterfeits by counterfeiters who appear in test only."""
_LEAST_ITEMS_A_CLASS = 4


class RenderingRefusal(Refusal):
    """Settings or a folder with which no set can be rendered."""


def require_at_least(settings: object, least: Mapping[str, int]) -> None:
    """Guard settings that are numbers; one that is left open is any.

    Raises:
        RenderingRefusal: if one is below its least.
    """
    for name, lowest in least.items():
        value = getattr(settings, name)
        if value is not None and value < lowest:
            msg = f"--{name} is at least {lowest}, not {value}; give a larger number."
            raise RenderingRefusal(msg)


@dataclass(frozen=True)
class RenderedSettings:
    """The settings of a rendered set.

    Raises:
        RenderingRefusal: if a count is below its least, the seed below 0, or not 0 < held_out <= .5.
    """

    part: PartName
    """kind of part"""
    out: Path
    """folder of the set; an unfinished set with the same settings is continued"""
    items: int | None = None
    """items of all series and classes together; by default as many as give the paper's number of photos"""
    photos: int = 3
    """photos of each item, at least 1"""
    seed: int = 0
    """same seed and settings, same files; at least 0"""
    held_out: float = HELD_OUT
    """share of the items of each class for validation, and as many again for test; .4 makes a set to calibrate a
    finished model on (a counterfeiter in no training photo counts as never seen, so some must be left to train on)"""
    mould: Mould = "item"
    """what has its own mould: each counterfeit `item`, or each counterfeiter (`hand`), whose items are then alike"""
    workers: int = os.cpu_count() or 1
    """processes that render"""
    cache: Path = CACHE
    """folder that holds the typefaces once they are fetched"""

    def __post_init__(self) -> None:
        classes = len(LABELS) * len(PARTS[self.part].series)
        require_at_least(self, {"items": classes * _LEAST_ITEMS_A_CLASS, "photos": 1, "seed": 0, "workers": 1})
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
        series: The series that it is, or claims to be.
        label: Genuine or counterfeit.
        number: Its number among the items of its series and label, from 0.
        split: The split of all its photos.
        counterfeiter: Who made it; None for a genuine item.
        grade: Severity of its alterations; None for a genuine item.
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
        """Path of a photo in the set."""
        return Path(self.split, self.series.name, self.label, f"{self.name}_{photo}.jpg")

    def twin(self, photo: int) -> Path:
        """Path of a photo's twin."""
        return Path("twins", f"{self.name}_{photo}.jpg")

    def mask(self, photo: int) -> Path:
        """Path of a photo's mask: 255 where it is altered, 0 elsewhere."""
        return Path("masks", f"{self.name}_{photo}.png")


def plan(settings: RenderedSettings) -> list[Item]:
    """Every item of a set, in order.

    Within each class the items held out go to validation and test, the others to train; counterfeits by unseen
    counterfeiters are in test only and come on top. Counterfeiters take turns, and so do the grades of a
    counterfeiter's items; where a counterfeiter has one mould, it has one grade.
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
            earlier, hand = divmod(turn, len(hands))
            grade = list(GRADES)[(hand if settings.mould == "hand" else earlier) % len(GRADES)]
            yield Item(series, "counterfeit", next(numbers), split, hands[hand], grade)


def _apportion(shares: list[float], total: int) -> list[int]:
    """Whole numbers in proportion to shares that add up to `total`, none below the least of a class."""
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


def generator(*key: int | str) -> Generator:
    """A generator that depends on `key` alone, whatever was drawn before."""
    return np.random.default_rng([part if isinstance(part, int) else zlib.crc32(part.encode()) for part in key])
