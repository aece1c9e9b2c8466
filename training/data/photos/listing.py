"""The listing of a set of photos: by folders, or by a manifest.csv."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from training.data.photos.photo import LABELS, SPLITS, Label, Split, Truth
from training.data.set_files import DataRefused, by_ending, tell_passed_over, walk
from training.data.tables import path_hint, read_table, semicolon_hint

LAYOUT = (
    "the expected layout is <data>/<series>/genuine/* and <data>/<series>/counterfeit/*, or for one "
    "series <data>/genuine/* and <data>/counterfeit/*, where a train, val and test level may come first "
    "and a folder below a label holds the photos of one item"
)

SIDE_FILES = {".txt", ".csv", ".json", ".xml", ".md", ".yaml", ".yml", ".log"}
_REQUIRED_COLUMNS = ("path", "series", "label")
_OPTIONAL_COLUMNS = ("item", "split", "counterfeiter", "severity", "mask", "twin")


@dataclass(frozen=True)
class Listed:
    """A photo as the set states it, before it is read; `name` is its relative path with slashes."""

    path: Path
    name: str
    series: str
    label: Label
    item: str | None
    split: Split | None
    truth: Truth = field(default_factory=Truth)

    @property
    def class_name(self) -> str:
        """Series and label."""
        return f"{self.series}/{self.label}"


def list_folder(root: Path, called: str) -> list[Listed]:
    """The photos below a folder, by the names of their folders; `called` names a series without a folder.

    Raises:
        DataRefused: if the folders do not have the layout of a set of photos.
    """
    found = walk(root)
    side = [file for file in found.files if file.suffix.lower() in SIDE_FILES]
    tell_passed_over(root, {"hidden": found.hidden, **by_ending(side)})
    files = sorted({*found.files} - {*side})
    levels = [[folder.lower() for folder in file.parts[:-1]] for file in files]
    if not any(folder in LABELS for folders in levels for folder in folders):
        msg = f"{root} holds no photos in folders named genuine and counterfeit; {LAYOUT}."
        raise DataRefused(msg)
    has_splits = any(folders[0] in SPLITS for folders in levels if folders)
    has_series = not any(folder in LABELS for folders in levels for folder in folders[has_splits:][:1])
    return [_place(root, file, has_splits, None if has_series else called) for file in files]


def _place(root: Path, file: Path, has_splits: bool, called: str | None) -> Listed:
    """A photo as its folders state it; `called` names a series without a folder."""
    folders = iter(file.parts[:-1])
    split = SPLITS.get(next(folders, "").lower()) if has_splits else None
    series = next(folders, "") if called is None else called
    label = LABELS.get(next(folders, "").lower())
    item = next(folders, None)
    if label is None or (has_splits and split is None) or (item or "").lower() in LABELS:
        msg = f"{file.as_posix()} does not lie as the other photos of {root} do; move or remove it: {LAYOUT}."
        raise DataRefused(msg)
    return Listed(root / file, file.as_posix(), series, label, item and f"{series}/{label}/{item}", split)


def list_csv(file: Path) -> list[Listed]:
    """The photos that a manifest.csv lists.

    Raises:
        DataRefused: if a row cannot be used; the sentence names the row.
    """
    if file.suffix.lower() != ".csv":
        msg = f"{file} is neither a folder nor a CSV file; {LAYOUT}."
        raise DataRefused(msg)
    table = read_table(file, _REQUIRED_COLUMNS, _OPTIONAL_COLUMNS)
    listed = [_list_row(file, number, table.columns, row) for number, row in enumerate(table.rows, start=2)]
    require_listed_once(file, listed)
    require_all_or_none_split(file, listed)
    return listed


def _list_row(file: Path, number: int, columns: Sequence[str], row: Sequence[str]) -> Listed:
    """A photo as one row states it; the number of the row counts from 1 at the header, as in a spreadsheet."""
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
        msg = f"{where} lists {photo}, which is not a file; {path_hint(file.parent, given['path'])}."
        raise DataRefused(msg)
    return Listed(
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
    """The mask or twin that a row names, if any."""
    if not name:
        return None
    if not (file.parent / name).is_file():
        msg = f"{where} names the {column} {name}, which is not a file; {path_hint(file.parent, name)}."
        raise DataRefused(msg)
    return file.parent / name


def require_listed_once(file: Path, listed: Sequence[Listed]) -> None:
    """Refuse a manifest that lists a file twice."""
    first_rows: dict[Path, int] = {}
    for number, photo in enumerate(listed, start=2):
        first = first_rows.setdefault(photo.path.resolve(), number)
        if first != number:
            msg = f"Rows {first} and {number} of {file} both list {photo.name}; delete one of them."
            raise DataRefused(msg)


def require_all_or_none_split(file: Path, listed: Sequence[Listed]) -> None:
    """Refuse a manifest that gives some rows a split and others none."""
    without = [number for number, photo in enumerate(listed, start=2) if photo.split is None]
    if 0 < len(without) < len(listed):
        msg = f"Row {without[0]} of {file} has no split while others have one; give every row a split, or none."
        raise DataRefused(msg)


def require_both_labels(listed: Sequence[Listed]) -> None:
    """Refuse a set in which a series has photos of one label alone."""
    found = {(photo.series, photo.label) for photo in listed}
    for series in sorted({series for series, _ in found}):
        for label in ("genuine", "counterfeit"):
            if (series, label) not in found:
                msg = f"The series {series} has no {label} photos; add some, or leave the series out."
                raise DataRefused(msg)
