"""Faces, for the tables of the HMS paper: pairs that test networks trained on marks, and a set to train one on.

Source: HMS paper, section 3.1, which takes 3,000 pairs of one person and 3,000 of two from Labeled Faces in the Wild.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.files import sha256
from training.data.marks.mark_set import Mark, MarkSet, Pair, split_families
from training.data.set_files import DataRefused

_PICTURES = {".pgm", ".png", ".jpg", ".jpeg", ".bmp"}


@dataclass(frozen=True)
class FacePairs:
    """Pictures of faces, and pairs of their indices.

    Attributes:
        paths: The pictures.
        people: The person on each.
        same: Pairs of one person.
        different: As many pairs of two people.
        rule: How they were paired, in words.
    """

    paths: tuple[Path, ...]
    people: tuple[str, ...]
    same: tuple[Pair, ...]
    different: tuple[Pair, ...]
    rule: str

    @property
    def digest(self) -> str:
        """Eight hex digits that tell these pairs from other ones, wherever their folder lies."""
        named = [
            [f"{self.people[one]}/{self.paths[one].name}" for one in pair] for pair in (*self.same, *self.different)
        ]
        return sha256(json.dumps(named).encode())[:8]


def read_faces(folder: Path, most: int, seed: int = 0) -> FacePairs:
    """Faces from a folder with one subfolder for each person, the layout of ORL and LFW.

    If LFW's own `pairs.txt` lies in the folder or beside it, its pairs are taken; otherwise pairs are drawn at random.

    Args:
        folder: The folder.
        most: Most pairs of each kind.
        seed: Seed of the random pairs.

    Raises:
        DataRefused: if it does not hold two people with two pictures each, or pairs.txt names missing pictures.
    """
    listed = _people(folder)
    paths = tuple(path for pictures in listed.values() for path in pictures)
    people = tuple(name for name, pictures in listed.items() for _ in pictures)
    table = next((path for path in (folder / "pairs.txt", folder.parent / "pairs.txt") if path.exists()), None)
    if table is not None:
        same, different = _official(table, paths)
        rule = "the pairs of LFW's pairs.txt"
    else:
        same, different = _at_random(people, np.random.default_rng(seed))
        rule = f"pairs of one person and of two at random, seed {seed}"
    count = min(most, len(same), len(different))
    rng = np.random.default_rng(seed)
    chosen = [[pairs[i] for i in sorted(rng.permutation(len(pairs))[:count])] for pairs in (same, different)]
    return FacePairs(paths, people, tuple(chosen[0]), tuple(chosen[1]), rule)


def face_set(folder: Path, seed: int = 0) -> MarkSet:
    """The same folder as a set to train on: a person is a family, and people with a single picture are left out.

    Raises:
        DataRefused: as by `read_faces`, or if there are too few people for three splits.
    """
    listed = {name: pictures for name, pictures in _people(folder).items() if len(pictures) > 1}
    split_of = split_families(listed, seed)
    if len({*split_of.values()}) < 3:
        msg = f"{folder} holds too few people with two pictures each to train and judge on; give three at least."
        raise DataRefused(msg)
    marks = tuple(
        Mark(path, name, split_of[name], path.relative_to(folder).as_posix(), sha256(path.read_bytes()))
        for name, pictures in listed.items()
        for path in pictures
    )
    rule = f"By person, 8:1:1, shuffled with seed {seed}."
    return MarkSet(marks, tuple(_of_one_person([mark.family for mark in marks])), (), rule)


def read_face(path: Path) -> NDArray[np.uint8]:
    """A face as uint8 RGB (H, W, 3); ORL's are grey."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _people(folder: Path) -> dict[str, tuple[Path, ...]]:
    """The pictures of each person.

    Raises:
        DataRefused: if there are not two people with two pictures each.
    """
    listed = {
        person.name: tuple(sorted((p for p in person.iterdir() if p.suffix.lower() in _PICTURES), key=_number))
        for person in sorted(folder.iterdir() if folder.is_dir() else [])
        if person.is_dir()
    }
    if sum(len(pictures) > 1 for pictures in listed.values()) < 2:
        msg = (
            f"{folder} does not hold two people with two pictures each; give a folder with a subfolder for each person."
        )
        raise DataRefused(msg)
    return listed


def _number(path: Path) -> tuple[str, int]:
    """ORL counts 1 to 10 without leading zeros."""
    digits = "".join(letter for letter in path.stem if letter.isdigit())
    return (path.stem.rstrip("0123456789"), int(digits or 0))


def _at_random(people: tuple[str, ...], rng: np.random.Generator) -> tuple[list[Pair], list[Pair]]:
    """All pairs of one person, and as many of two."""
    same = _of_one_person(people)
    different: list[Pair] = []
    while len(different) < len(same):
        a, b = rng.integers(len(people), size=2).tolist()
        if people[a] != people[b]:
            different.append((a, b))
    return same, different


def _of_one_person(people: Sequence[str]) -> list[Pair]:
    """All pairs of one person's pictures, by the person on each."""
    pictures: dict[str, list[int]] = {}
    for index, person in enumerate(people):
        pictures.setdefault(person, []).append(index)
    return sorted(pair for own in pictures.values() for pair in combinations(own, 2))


def _official(table: Path, paths: tuple[Path, ...]) -> tuple[list[Pair], list[Pair]]:
    """LFW's lines: NAME N M of one person, or NAME N OTHER M of two; N is the number in the file's name."""
    place = {path.stem: index for index, path in enumerate(paths)}
    same: list[Pair] = []
    different: list[Pair] = []
    for number, line in enumerate(table.read_text().splitlines()[1:], 2):
        words = line.split()
        if not words:
            continue
        first = (words[0], words[1]) if len(words) in (3, 4) else None
        second = (words[0], words[2]) if len(words) == 3 else tuple(words[2:])
        names = [f"{who[0]}_{int(who[1]):04d}" for who in (first, second) if who and who[1].isdigit()]
        if len(names) != 2 or not place.keys() >= {*names}:
            msg = f"{table.name}, line {number} does not name two pictures in the folder; give LFW as it was published."
            raise DataRefused(msg)
        (same if len(words) == 3 else different).append((place[names[0]], place[names[1]]))
    return same, different
