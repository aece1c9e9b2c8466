"""Marks and their similar pairs: families of drawings, or labelled pairs."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import get_args

import numpy as np

from inference.groups import connected_groups
from inference.records import Crop
from training.data.manifest import Entry, Manifest
from training.data.photos.photo import Split
from training.data.set_files import (
    PICTURES,
    DataRefused,
    Walk,
    by_ending,
    read_all,
    require_one_owner,
    tell_passed_over,
    walk,
)
from training.data.tables import path_hint, read_table

logger = logging.getLogger(__name__)

Pair = tuple[int, int]
Row = dict[str, str]

_HELD_OUT = 0.1
_TABLES = ("pairs.csv", "dissimilar.csv", "graded.csv")


@dataclass(frozen=True)
class Mark:
    """One picture of a mark.

    Attributes:
        path: The picture.
        family: Marks of one family may be similar and are never used as dissimilar.
        split: The split of the whole family.
        name: Its path relative to the set's folder (or the CSV's), with forward slashes.
        sha256: Lower-case hex SHA-256 of the picture.
    """

    path: Path
    family: str
    split: Split
    name: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class MarkSet:
    """Marks, and pairs of their indices.

    Attributes:
        marks: All marks.
        similar: Pairs that are similar, each within one family.
        dissimilar: Pairs labelled dissimilar; others are mined in training.
        split_rule: How families were split, in a sentence.
        kinds: The kind of a similar pair, or why a dissimilar one is hard, if the set states it.
        donors: By the index of an edited mark, the family from which it bears an element, if the set states it.
        stated: Statements of its tables on pairs, by both names.
        families_named: Whether the set names its families by folders; else similar pairs connect them.
        graded: Pairs of one family that show one concept in other drawings: neither similar nor dissimilar.
        boxes: Where the first mark of a pair lies in the second, in pixels of its picture, where the set states it.
    """

    marks: tuple[Mark, ...]
    similar: tuple[tuple[int, int], ...]
    dissimilar: tuple[tuple[int, int], ...]
    split_rule: str
    kinds: Mapping[tuple[int, int], str] = field(default_factory=dict)
    donors: Mapping[int, str] = field(default_factory=dict)
    stated: Mapping[str, str] = field(default_factory=dict)
    families_named: bool = True
    graded: tuple[Pair, ...] = ()
    boxes: Mapping[Pair, Crop] = field(default_factory=dict)

    def kind(self, pair: tuple[int, int]) -> str:
        """The stated kind of a pair; empty without one."""
        return self.kinds.get(pair, "")

    def unrelated(self, first: int, second: int) -> bool:
        """Whether two marks are of two brands, and neither bears an element of the other's."""
        of_first, of_second = self.marks[first].family, self.marks[second].family
        shared = of_first == self.donors.get(second) or of_second == self.donors.get(first)
        return not (shared or same_brand(of_first, of_second))

    @property
    def families(self) -> tuple[str, ...]:
        """The family of each mark."""
        return tuple(mark.family for mark in self.marks)

    def of(self, split: Split) -> tuple[int, ...]:
        """Indices of the marks of a split."""
        return tuple(index for index, mark in enumerate(self.marks) if mark.split == split)

    def pairs(self, split: Split, *, similar: bool) -> tuple[tuple[int, int], ...]:
        """Labelled pairs of a split."""
        chosen = self.similar if similar else self.dissimilar
        return tuple(pair for pair in chosen if self.marks[pair[0]].split == split)

    def graded_of(self, split: Split) -> tuple[Pair, ...]:
        """Pairs of a split that show one concept."""
        return tuple(pair for pair in self.graded if self.marks[pair[0]].split == split)

    def subset(self, indices: Sequence[int]) -> MarkSet:
        """The marks with these indices, in this order, with the pairs among them and all statements on both."""
        place = {index: position for position, index in enumerate(indices)}

        def kept(pairs: Iterable[Pair]) -> dict[Pair, Pair]:
            return {(place[a], place[b]): (a, b) for a, b in pairs if a in place and b in place}

        return replace(
            self,
            marks=tuple(self.marks[index] for index in indices),
            similar=tuple(kept(self.similar)),
            dissimilar=tuple(kept(self.dissimilar)),
            kinds={new: self.kinds[old] for new, old in kept(self.kinds).items()},
            donors={place[index]: donor for index, donor in self.donors.items() if index in place},
            graded=tuple(kept(self.graded)),
            boxes={new: self.boxes[old] for new, old in kept(self.boxes).items()},
        )

    @cached_property
    def manifest_sha256(self) -> str:
        """Hash over every picture's bytes, family and split, and over the pairs."""
        digest = hashlib.sha256()
        for mark in self.marks:
            digest.update(f"{mark.sha256}\t{mark.family}\t{mark.split}\n".encode())
        digest.update(repr((self.similar, self.dissimilar, *([self.graded] if self.graded else []))).encode())
        return digest.hexdigest()

    @property
    def manifest(self) -> Manifest:
        """The manifest of the set, which a run keeps."""
        files = tuple(
            Entry(mark.name, mark.sha256, mark.family if self.families_named else "", mark.split) for mark in self.marks
        )
        return Manifest(self.manifest_sha256, files, tuple(Entry(pair, "", said) for pair, said in self.stated.items()))


def members(pairs: Iterable[Pair]) -> list[int]:
    """Indices of the marks in some pairs, each once, in order."""
    return sorted({index for pair in pairs for index in pair})


def same_brand(first: str, second: str) -> bool:
    """Whether two families are one brand, or one name (of four letters or more) contains the other."""
    short, long = sorted((first, second), key=len)
    return short == long or (len(short) >= 4 and not short.isdigit() and short in long)


def read_mark_set(data: Path, *, seed: int = 0) -> MarkSet:
    """Marks from a folder with one subfolder for each family, or from a CSV of a, b, label.

    A level `train`, `val`, `test` above the families is kept; otherwise families are split 8:1:1. All marks of a
    folder are similar, unless tables beside the folders say more:

    - `pairs.csv` names the similar pairs; the other pairs of a family are then neither similar nor dissimilar. Its
      columns are a, b and optionally kind; donor, the family from which b bears an element; and box, the place of a in
      b: x, y, width and height in pixels.
    - `dissimilar.csv` names hard pairs of two families, and may say why in its column kind.
    - `graded.csv` names pairs of one family that show one concept in other drawings.

    In a CSV, label is `similar` or `dissimilar` (or 1, 0), paths are relative to it, and similar pairs make a family.

    Raises:
        DataRefused: if it cannot be read, one file is in two families, or a split has no similar pair.
    """
    if not data.exists():
        msg = f"There is no {data}; give a folder with one subfolder for each mark family, or a CSV of a, b, label."
        raise DataRefused(msg)
    marks = _from_csv(data, seed) if data.is_file() else _from_folder(data, seed)
    for split in get_args(Split):
        if not marks.pairs(split, similar=True):
            msg = (
                f"{data} leaves no pair of similar marks for {split}; add families with two or more drawings, "
                f"at least ten in all."
            )
            raise DataRefused(msg)
    return marks


def _from_folder(root: Path, seed: int) -> MarkSet:
    splits = [name for name in get_args(Split) if (root / name).is_dir()]
    if splits and len(splits) < len(get_args(Split)):
        missing = next(name for name in get_args(Split) if name not in splits)
        msg = f"{root} has some of the folders train, val and test, but no {missing}; give all three or none."
        raise DataRefused(msg)
    families = _families(root, walk(root), splits)
    if not families:
        msg = f"{root} holds no pictures in subfolders; put the drawings of each mark family into a folder of its own."
        raise DataRefused(msg)
    if splits:
        split_of: dict[str, Split] = {folder.name: folder.parent.name for folder in families}  # type: ignore[misc]
        if len(split_of) < len(families):
            msg = f"{root} has a family in more than one of train, val and test; keep each in one."
            raise DataRefused(msg)
        rule = "By family, as given by the set's own train, val and test folders."
    else:
        several = [folder.name for folder, pictures in families.items() if len(pictures) > 1]
        alone = [folder.name for folder, pictures in families.items() if len(pictures) == 1]
        split_of = split_families(several, seed) | split_families(alone, seed)
        rule = f"By family, 8:1:1, shuffled with seed {seed}."
    marks = _read_marks(
        [
            (root / path, path.as_posix(), folder.name, split_of[folder.name])
            for folder, pictures in families.items()
            for path in pictures
        ],
        "delete one of them, or make the two families one.",
    )
    similar, hard, graded = (root / name for name in _TABLES)
    alike: dict[Pair, Row] = (
        _listed_pairs(similar, marks, one_family=True)
        if similar.exists()
        else {pair: {} for pair in _family_pairs(marks)}
    )
    unlike = _listed_pairs(hard, marks, one_family=False) if hard.exists() else {}
    alike_in_concept = _listed_pairs(graded, marks, one_family=True) if graded.exists() else {}
    kinds = {pair: row["kind"] for pair, row in (alike | unlike | alike_in_concept).items() if row.get("kind")}
    boxes = {pair: _box(row["box"], similar.name) for pair, row in alike.items() if row.get("box")}
    donors = {pair[1]: row["donor"] for pair, row in alike.items() if row.get("donor")}
    stated = {
        f"{marks[a].name} and {marks[b].name}": ", ".join(filter(None, (said, row.get("kind"), row.get("donor"))))
        for said, pairs in (("similar", alike), ("dissimilar", unlike), ("one concept", alike_in_concept))
        for (a, b), row in pairs.items()
        if row
    }
    return MarkSet(
        marks, tuple(alike), tuple(unlike), rule, kinds, donors, stated, graded=tuple(alike_in_concept), boxes=boxes
    )


def _box(stated: str, table: str) -> Crop:
    try:
        x, y, width, height = (int(value) for value in stated.split())
        return Crop(x, y, width, height)
    except ValueError as error:
        msg = f"{table}: the box {stated!r} is no x, y, width and height in pixels; write four numbers, or none."
        raise DataRefused(msg) from error


def _families(root: Path, found: Walk, splits: Sequence[str]) -> dict[Path, list[Path]]:
    """The pictures of each family, by its folder, all relative to the root; skipped files are logged."""
    depth = 2 + bool(splits)
    pictures = [path for path in found.files if path.suffix.lower() in PICTURES]
    placed = [path for path in pictures if len(path.parts) == depth and (not splits or path.parts[0] in splits)]
    elsewhere = sorted({*pictures} - {*placed})
    tell_passed_over(
        root,
        {
            "hidden": found.hidden,
            **by_ending({*found.files} - {*pictures, *map(Path, _TABLES)}),
            "pictures in no family's folder": [path for path in elsewhere if len(path.parts) <= depth],
            "pictures in folders below a family's": [path for path in elsewhere if len(path.parts) > depth],
        },
    )
    families: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted(placed, key=lambda path: (path.parts[0] in splits and splits.index(path.parts[0]), path)):
        families[path.parent].append(path)
    return dict(families)


def _read_marks(listed: Sequence[tuple[Path, str, str, Split]], advice: str) -> tuple[Mark, ...]:
    """Marks from the path, name, family and split of each, after checking that all are readable and in one family."""
    sha256s = read_all([(name, path) for path, name, _, _ in listed], "mark", lambda exhibit: exhibit.sha256)
    require_one_owner(
        [(name, sha256, f"family {family}") for (_, name, family, _), sha256 in zip(listed, sha256s, strict=True)],
        advice,
    )
    return tuple(
        Mark(path, family, split, name, sha256)
        for (path, name, family, split), sha256 in zip(listed, sha256s, strict=True)
    )


def _family_pairs(marks: Sequence[Mark]) -> tuple[tuple[int, int], ...]:
    by_family = defaultdict(list)
    for index, mark in enumerate(marks):
        by_family[mark.family].append(index)
    return tuple(pair for members in by_family.values() for pair in combinations(members, 2))


def _listed_pairs(table: Path, marks: Sequence[Mark], *, one_family: bool) -> dict[Pair, Row]:
    """Pairs within one family, or of two families of one split, with the table's statement on each."""
    index = {mark.path: position for position, mark in enumerate(marks)}
    pairs = {}
    for number, row in read_table(table, ("a", "b"), ("kind", "donor", "box")).named():
        a, b = (index.get(table.parent / row.get(column, "")) for column in ("a", "b"))
        fits = a is not None and b is not None and a != b and (marks[a].family == marks[b].family) == one_family
        if a is None or b is None or not fits or marks[a].split != marks[b].split:
            whose = "of one family's folder" if one_family else "of two families of one split"
            slashes = "write paths with forward slashes" if any("\\" in cell for cell in row.values()) else "correct it"
            msg = f"{table.name}, line {number}: a and b are not two marks {whose}; {slashes}."
            raise DataRefused(msg)
        pairs[a, b] = row
    return pairs


def _from_csv(table: Path, seed: int) -> MarkSet:
    labels = {"similar": True, "1": True, "dissimilar": False, "0": False}
    pairs = []
    for number, row in read_table(table, ("a", "b", "label")).named():
        label = labels.get(row.get("label", "").lower())
        if label is None:
            msg = f"{table.name}, line {number}: the label is {row.get('label')!r}; write similar or dissimilar."
            raise DataRefused(msg)
        names = [row.get(column, "") for column in ("a", "b")]
        paths = [table.parent / name for name in names]
        missing = next((name for name, path in zip(names, paths, strict=True) if not path.is_file()), None)
        if missing is not None:
            msg = f"{table.name}, line {number}: there is no file {missing!r}; {path_hint(table.parent, missing)}."
            raise DataRefused(msg)
        pairs.append((paths[0], paths[1], label))
    paths = sorted({path for a, b, _ in pairs for path in (a, b)})
    index = {path: position for position, path in enumerate(paths)}
    similar = [(index[a], index[b]) for a, b, label in pairs if label]
    dissimilar = [(index[a], index[b]) for a, b, label in pairs if not label]
    family = connected_groups(len(paths), similar)
    clash = next(((a, b) for a, b in dissimilar if family[a] == family[b]), None)
    if clash:
        first, second = (paths[position].name for position in clash)
        msg = f"{table.name} calls {first} and {second} dissimilar, but similar pairs connect them; correct the labels."
        raise DataRefused(msg)
    several = {family[position] for pair in similar for position in pair}
    alone = set(family) - several
    split_of = split_families(map(str, sorted(several)), seed) | split_families(map(str, sorted(alone)), seed)
    names = [Path(os.path.relpath(path, table.parent)).as_posix() for path in paths]
    marks = _read_marks(
        [
            (path, name, str(number), split_of[str(number)])
            for path, name, number in zip(paths, names, family, strict=True)
        ],
        "list both by one name, or as a similar pair.",
    )
    kept = [(a, b) for a, b in dissimilar if marks[a].split == marks[b].split]
    if len(kept) < len(dissimilar):
        logger.info("%d dissimilar pairs cross two splits and are left out", len(dissimilar) - len(kept))
    rule = f"By family of similar marks, 8:1:1, shuffled with seed {seed}; dissimilar pairs across splits left out."
    stated = {f"{names[index[a]]} and {names[index[b]]}": "similar" if label else "dissimilar" for a, b, label in pairs}
    return MarkSet(marks, tuple(similar), tuple(kept), rule, stated=stated, families_named=False)


def split_families(families: Iterable[str], seed: int) -> dict[str, Split]:
    """Split families 8:1:1, with at least one in each split if there are three or more."""
    names = sorted(families)
    order = np.random.default_rng(seed).permutation(len(names))
    held_out = max(round(len(names) * _HELD_OUT), 1) if len(names) >= 3 else 0
    result: dict[str, Split] = {}
    for rank, position in enumerate(order):
        split: Split = "test" if rank < held_out else "val" if rank < 2 * held_out else "train"
        result[names[position]] = split
    return result
