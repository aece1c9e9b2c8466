"""A lab's own photos: what is there, what each one shows, and which of them may be learned from.

Everything that can be wrong with a set is said here, before any training. Every photo is decoded
once; from that pass come its SHA-256, for the manifest, and a perceptual hash, so that copies of
one photo do not end up on both sides of a split.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inference.groups import Groups
from inference.near_duplicates import near_duplicates, perceptual_hash
from inference.records import Exhibit
from training.data.manifest import Entry, Manifest
from training.data.set_files import DataRefused, by_ending, read_all, require_one_owner, tell_passed_over, walk
from training.data.splitting import stratified_split
from training.data.tables import path_hint, read_table, semicolon_hint

logger = logging.getLogger(__name__)

Label = Literal["genuine", "counterfeit"]
Split = Literal["train", "val", "test"]

LABELS: dict[str, Label] = {
    "genuine": "genuine",
    "real": "genuine",
    "authentic": "genuine",
    "original": "genuine",
    "counterfeit": "counterfeit",
    "fake": "counterfeit",
    "replica": "counterfeit",
    "forged": "counterfeit",
}
"""What a label may be called, in any case."""

SPLITS: dict[str, Split] = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
}
"""What a split may be called, in any case."""

SHARES: dict[Split, int] = {"train": 8, "val": 1, "test": 1}
"""Parts of the items each split gets. Source: KAG-MTLN paper, section 4.1."""

_LAYOUT = (
    "the expected layout is <data>/<series>/genuine/* and <data>/<series>/counterfeit/*, or for one "
    "series <data>/genuine/* and <data>/counterfeit/*, where a train, val and test level may come first "
    "and a folder below a label holds the photos of one item"
)
_SIDE_FILES = {".txt", ".csv", ".json", ".xml", ".md", ".yaml", ".yml", ".log"}
_REQUIRED_COLUMNS = ("path", "series", "label")
_OPTIONAL_COLUMNS = ("item", "split", "counterfeiter", "severity", "mask", "twin")


@dataclass(frozen=True)
class Truth:
    """What a set knows of a counterfeit beyond its label; empty or None where it does not.

    Attributes:
        counterfeiter: Who made it.
        severity: How far it strays from a genuine item, in the set's own words.
        mask: A picture of the photo's size, white where the counterfeit was altered.
        twin: The same photo of a genuine item.
    """

    counterfeiter: str = ""
    severity: str = ""
    mask: Path | None = None
    twin: Path | None = None


@dataclass(frozen=True)
class Photo:
    """One photo of a set.

    Attributes:
        path: Where the file lies.
        series: What kind of part or product it shows.
        label: Whether that is genuine or counterfeit.
        item: The physical item it shows, as the set states it; else as it is stated of one of its
            near-duplicates; else the relative path of the first of these.
        split: What it may be used for.
        sha256: Lower-case hex SHA-256 of the file.
        truth: What else is known of it.
        name: Its path relative to the data folder (or the CSV's), with forward slashes.
    """

    path: Path
    series: str
    label: Label
    item: str
    split: Split
    sha256: str = ""
    truth: Truth = Truth()
    name: str = ""

    @property
    def class_name(self) -> str:
        """Name of its class, `series/label`."""
        return f"{self.series}/{self.label}"


@dataclass(frozen=True)
class PhotoSet:
    """The photos of a set, each in one split.

    Attributes:
        photos: Every photo, in the order of their relative paths.
        split_rule: How the split was made, for the model card.
        manifest_sha256: Lower-case hex SHA-256 over one line a photo, in this order: its path relative to
            the data folder (or the CSV's), SHA-256 of its bytes, series, label, item and split, with
            tabs between.
        called: What a single series without a folder of its own is called, if there is one.
    """

    photos: tuple[Photo, ...]
    split_rule: str
    manifest_sha256: str
    called: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, `series/label`, sorted."""
        return tuple(sorted({photo.class_name for photo in self.photos}))

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the series, sorted."""
        return tuple(sorted({photo.series for photo in self.photos}))

    def of(self, split: Split) -> tuple[Photo, ...]:
        """The photos of one split."""
        return tuple(photo for photo in self.photos if photo.split == split)

    @property
    def manifest(self) -> Manifest:
        """What a run that is started with the set keeps of it."""
        files = tuple(
            Entry(photo.name, photo.sha256, _stated(photo), f"{photo.item}, {photo.split}") for photo in self.photos
        )
        return Manifest(self.manifest_sha256, files, called=self.called)


def _stated(photo: Photo) -> str:
    """What a set says of a photo, but for its item and its split, which may be drawn."""
    return ", ".join(filter(None, (photo.class_name, photo.truth.counterfeiter, photo.truth.severity)))


@dataclass(frozen=True)
class _Listed:
    """A photo as the set states it, before it is read; `name` is its relative path with slashes."""

    path: Path
    name: str
    series: str
    label: Label
    item: str | None
    split: Split | None
    truth: Truth = Truth()

    @property
    def class_name(self) -> str:
        return f"{self.series}/{self.label}"


def read_photo_set(data: Path, *, seed: int = 0, least_items: int = 3, called: str = "") -> PhotoSet:
    """Read, check and split a lab's photos.

    A folder is laid out as `<data>/<series>/<label>/*`; a single series needs no folder of its own and
    is called after `data`. A level train, val, test may come first, and is kept. A folder below a label
    is one item; links are followed. A CSV file has the columns path (relative to it), series and label, and
    may have item (the same text is the same item, in whatever class) and split, and of a counterfeit its
    counterfeiter, severity, mask and twin (see `Truth`).

    What the set does not split itself is split 8:1:1, and a split it lacks is taken from its training
    photos in the same proportion: by item, stratified by class, at least one item of each class in each
    split. A photo without a stated item is kept together with its near-duplicates.

    Args:
        data: The folder, or the CSV file.
        seed: Draws the split, >= 0; the same set and seed give the same split.
        least_items: Items needed of each class over all splits; never fewer than 3 are.
        called: What a single series without a folder of its own is called instead of after `data`, for a run whose
            set was moved.

    Raises:
        DataRefused: If nothing can be trained on the set as it is.
    """
    if not data.exists():
        msg = f"{data} does not exist; check the path, and note that {_LAYOUT}."
        raise DataRefused(msg)
    called = called or data.resolve().name
    listed = sorted(_list_folder(data, called) if data.is_dir() else _list_csv(data), key=lambda photo: photo.name)
    _require_both_labels(listed)

    sha256s, hashes = _read(listed)
    require_one_owner(
        [(photo.name, sha256, photo.class_name) for photo, sha256 in zip(listed, sha256s, strict=True)],
        "remove the one that is wrong.",
    )

    near, groups = _group(listed, sha256s, hashes)
    splits, rule = _split(listed, groups, seed, least_items)
    photos = tuple(
        Photo(entry.path, entry.series, entry.label, item, split, sha256, entry.truth, entry.name)
        for entry, item, split, sha256 in zip(listed, _items(listed, groups), splits, sha256s, strict=True)
    )
    rule += _crossings(listed, near, splits)
    return PhotoSet(photos, rule, _manifest_sha256(photos), called)


def _list_folder(root: Path, called: str) -> list[_Listed]:
    found = walk(root)
    side = [file for file in found.files if file.suffix.lower() in _SIDE_FILES]
    tell_passed_over(root, {"hidden": found.hidden, **by_ending(side)})
    files = sorted({*found.files} - {*side})
    levels = [[folder.lower() for folder in file.parts[:-1]] for file in files]
    if not any(folder in LABELS for folders in levels for folder in folders):
        msg = f"{root} holds no photos in folders named genuine and counterfeit; {_LAYOUT}."
        raise DataRefused(msg)
    has_splits = any(folders[0] in SPLITS for folders in levels if folders)
    has_series = not any(folder in LABELS for folders in levels for folder in folders[has_splits:][:1])
    return [_place(root, file, has_splits, None if has_series else called) for file in files]


def _place(root: Path, file: Path, has_splits: bool, called: str | None) -> _Listed:
    """What its folders say of a photo; `called` is its series where no folder is."""
    folders = iter(file.parts[:-1])
    split = SPLITS.get(next(folders, "").lower()) if has_splits else None
    series = next(folders, "") if called is None else called
    label = LABELS.get(next(folders, "").lower())
    item = next(folders, None)
    if label is None or (has_splits and split is None) or (item or "").lower() in LABELS:
        msg = f"{file.as_posix()} does not lie as the other photos of {root} do; move or remove it: {_LAYOUT}."
        raise DataRefused(msg)
    return _Listed(root / file, file.as_posix(), series, label, item and f"{series}/{label}/{item}", split)


def _list_csv(file: Path) -> list[_Listed]:
    if file.suffix.lower() != ".csv":
        msg = f"{file} is neither a folder nor a CSV file; {_LAYOUT}."
        raise DataRefused(msg)
    table = read_table(file, _REQUIRED_COLUMNS, _OPTIONAL_COLUMNS)
    listed = [_list_row(file, number, table.columns, row) for number, row in enumerate(table.rows, start=2)]
    _require_listed_once(file, listed)
    _require_all_or_none_split(file, listed)
    return listed


def _list_row(file: Path, number: int, columns: Sequence[str], row: Sequence[str]) -> _Listed:
    """What one row says of a photo; its number counts from 1 at the header, as in a spreadsheet."""
    where = f"Row {number} of {file}"
    if len(row) > len(columns):
        msg = f"{where} has {len(row)} cells for {len(columns)} columns; put quotes round a cell with a comma."
        raise DataRefused(msg)
    given = dict(zip(columns, row, strict=False))
    empty = [column for column in _REQUIRED_COLUMNS if not given.get(column)]
    if empty:
        what = "is empty" if not any(given.values()) else f"has no {' and no '.join(empty)}{semicolon_hint(row)}"
        msg = f"{where} {what}; fill it in or delete the row."
        raise DataRefused(msg)
    label, split = given["label"].lower(), given.get("split", "").lower()
    if label not in LABELS:
        msg = f"{where} has the unknown label {given['label']!r}; use one of {', '.join(LABELS)}."
        raise DataRefused(msg)
    if split and split not in SPLITS:
        msg = f"{where} has the unknown split {given['split']!r}; use one of {', '.join(SPLITS)}."
        raise DataRefused(msg)
    photo = Path(given["path"])
    if not (file.parent / photo).is_file():
        msg = f"{where} lists {photo}, which is no file; {path_hint(file.parent, given['path'])}."
        raise DataRefused(msg)
    return _Listed(
        file.parent / photo,
        photo.as_posix(),
        given["series"],
        LABELS[label],
        given.get("item") or None,
        SPLITS.get(split),
        Truth(
            given.get("counterfeiter", ""),
            given.get("severity", ""),
            *(_side_file(file, where, column, given.get(column)) for column in ("mask", "twin")),
        ),
    )


def _side_file(file: Path, where: str, column: str, name: str | None) -> Path | None:
    """The mask or twin that a row names."""
    if not name:
        return None
    if not (file.parent / name).is_file():
        msg = f"{where} names the {column} {name}, which is no file; {path_hint(file.parent, name)}."
        raise DataRefused(msg)
    return file.parent / name


def _require_listed_once(file: Path, listed: Sequence[_Listed]) -> None:
    first_rows: dict[Path, int] = {}
    for number, photo in enumerate(listed, start=2):
        first = first_rows.setdefault(photo.path.resolve(), number)
        if first != number:
            msg = f"Rows {first} and {number} of {file} both list {photo.name}; delete one of them."
            raise DataRefused(msg)


def _require_all_or_none_split(file: Path, listed: Sequence[_Listed]) -> None:
    without = [number for number, photo in enumerate(listed, start=2) if photo.split is None]
    if 0 < len(without) < len(listed):
        msg = f"Row {without[0]} of {file} has no split while others have one; give every row a split, or none."
        raise DataRefused(msg)


def _require_both_labels(listed: Sequence[_Listed]) -> None:
    found = {(photo.series, photo.label) for photo in listed}
    for series in sorted({series for series, _ in found}):
        for label in ("genuine", "counterfeit"):
            if (series, label) not in found:
                msg = f"The series {series} has no {label} photos; add some, or leave the series out."
                raise DataRefused(msg)


def _read(listed: Sequence[_Listed]) -> tuple[list[str], NDArray[np.bool_]]:
    """SHA-256 of every file, and perceptual hashes (n, 255)."""
    looks = read_all([(photo.name, photo.path) for photo in listed], "photo", _look)
    return [sha256 for sha256, _ in looks], np.stack([bits for _, bits in looks])


def _look(exhibit: Exhibit) -> tuple[str, NDArray[np.bool_]]:
    """SHA-256 and perceptual hash of a photo."""
    return exhibit.sha256, perceptual_hash(exhibit.pixels)


def _group(
    listed: Sequence[_Listed], sha256s: Sequence[str], hashes: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each photo its group of near-duplicates, and the group that no split may part.

    The second believes what is stated: two stated items are joined only by a file that is in both,
    because scans of two labels can look as alike as two scans of one.
    """
    near, together = Groups(len(listed)), Groups(len(listed))
    stated = np.array([photo.item is not None for photo in listed])
    for photo, others in near_duplicates(hashes):
        near.join(photo, others)
        together.join(photo, others[~stated[others]] if stated[photo] else others)
    for same in ([photo.item for photo in listed], sha256s):
        for members in _alike(same):
            together.join(members[0], np.array(members))
    sizes = [size for size in Counter(near.of.tolist()).values() if size > 1]
    logger.info("Found %d groups of near-duplicates: %d of %d photos.", len(sizes), sum(sizes), len(listed))
    return near.of, together.of


def _alike(values: Sequence[str | None]) -> list[list[int]]:
    """The indices of each value; None is like nothing."""
    found: dict[str, list[int]] = defaultdict(list)
    for index, value in enumerate(values):
        if value is not None:
            found[value].append(index)
    return list(found.values())


def _items(listed: Sequence[_Listed], groups: NDArray[np.intp]) -> list[str]:
    """The item of each photo: its own where that is stated, else its group's."""
    names: dict[int, str] = {}
    for photo, group in sorted(zip(listed, groups.tolist(), strict=True), key=lambda pair: pair[0].item is None):
        names.setdefault(group, photo.item or photo.name)
    return [photo.item or names[group] for photo, group in zip(listed, groups.tolist(), strict=True)]


def _split(listed: Sequence[_Listed], groups: NDArray[np.intp], seed: int, least_items: int) -> tuple[list[Split], str]:
    """The split of every photo, and the rule for the card."""
    given = {photo.split for photo in listed if photo.split}
    if given and "train" not in given:
        msg = f"The set has {_listing(sorted(given))} and no train; add the photos to train on."
        raise DataRefused(msg)
    shares = {split: share for split, share in SHARES.items() if split == "train" or split not in given}
    _require_items(listed, groups, given, shares, least_items)

    classes_of: dict[int, set[str]] = defaultdict(set)
    for photo, group in zip(listed, groups.tolist(), strict=True):
        if photo.split in (None, "train"):
            classes_of[group].add(photo.class_name)
    drawn = dict(zip(classes_of, stratified_split(list(classes_of.values()), shares, seed), strict=True))
    splits = [
        photo.split if photo.split in ("val", "test") else drawn[group]
        for photo, group in zip(listed, groups.tolist(), strict=True)
    ]
    return splits, _rule(listed, shares, seed)


def _require_items(
    listed: Sequence[_Listed],
    groups: NDArray[np.intp],
    given: set[Split],
    shares: Mapping[Split, int],
    least_items: int,
) -> None:
    """Each class has items enough, over all splits and in each one that is given."""
    found: dict[tuple[str, Split | None], set[int]] = defaultdict(set)
    for photo, group in zip(listed, groups.tolist(), strict=True):
        found[photo.class_name, None].add(group)
        if photo.split:
            found[photo.class_name, photo.split].add(group)
    needed: dict[Split | None, int] = {split: len(shares) if split == "train" else 1 for split in sorted(given)}
    needed[None] = max(least_items, len(SHARES))
    for name in sorted({photo.class_name for photo in listed}):
        for split, least in needed.items():
            items = len(found[name, split])
            if items < least:
                msg = (
                    f"The class {name} has {items} item{'s' * (items != 1)}{f' in {split}' if split else ''} and "
                    f"needs {least}; add photos of other items, or state which photos show which item, because "
                    "near-duplicates without a stated item count as one."
                )
                raise DataRefused(msg)


def _rule(listed: Sequence[_Listed], shares: Mapping[Split, int], seed: int) -> str:
    own = [split for split in SHARES if split not in shares]
    if len(own) == len(SHARES) - 1:
        return f"The split into {_listing(list(SHARES))} is the set's own."
    stated = {photo.item is not None for photo in listed}
    if stated == {True}:
        unit = "by item"
    elif stated == {False}:
        unit = "by photo (no items are stated, near-duplicates were kept together)"
    else:
        unit = "by item (photos without a stated item by photo, near-duplicates kept together)"
    what = f"the photos for {_listing(own)} are the set's own, the others" if own else "the photos"
    ratio = ":".join(str(share) for share in shares.values())
    rule = f"{what} were split {ratio} into {_listing(list(shares))} {unit}, stratified by class, seed {seed}."
    return rule[0].upper() + rule[1:]


def _crossings(listed: Sequence[_Listed], near: NDArray[np.intp], splits: Sequence[Split]) -> str:
    """What lies in more than one split, logged and for the card; empty where nothing does."""
    items = _count_crossing([photo.item for photo in listed], splits)
    duplicates = _count_crossing(near.tolist(), splits)
    counts = f"{items} stated items" * (items > 0), f"{duplicates} groups of near-duplicates" * (duplicates > 0)
    if not any(counts):
        return ""
    warning = f"{' and '.join(filter(None, counts))} lie in more than one split, which flatters the figures."
    logger.warning(warning)
    return f" {warning}"


def _count_crossing(keys: Sequence[Hashable], splits: Sequence[Split]) -> int:
    """How many keys other than None occur in more than one split."""
    found = defaultdict(set)
    for key, split in zip(keys, splits, strict=True):
        if key is not None:
            found[key].add(split)
    return sum(len(there) > 1 for there in found.values())


def _listing(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _manifest_sha256(photos: Sequence[Photo]) -> str:
    lines = [
        "\t".join((photo.name, photo.sha256, photo.series, photo.label, photo.item, photo.split)) for photo in photos
    ]
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
