"""Pairs of faces, for the tables of the HMS paper that test networks trained on marks on another task.

Source: HMS paper, section 3.1, which takes 3,000 pairs of one person and 3,000 of two from Labeled Faces in the Wild.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.data.set_files import DataRefused

Pair = tuple[int, int]

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
    listed = {
        person.name: tuple(sorted((p for p in person.iterdir() if p.suffix.lower() in _PICTURES), key=_number))
        for person in sorted(folder.iterdir() if folder.is_dir() else [])
        if person.is_dir()
    }
    paths = tuple(path for pictures in listed.values() for path in pictures)
    people = tuple(name for name, pictures in listed.items() for _ in pictures)
    if sum(len(pictures) > 1 for pictures in listed.values()) < 2:
        msg = (
            f"{folder} does not hold two people with two pictures each; give a folder with a subfolder for each person."
        )
        raise DataRefused(msg)
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


def read_face(path: Path) -> NDArray[np.uint8]:
    """A face as uint8 RGB (H, W, 3); ORL's are grey."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _number(path: Path) -> tuple[str, int]:
    """ORL counts 1 to 10 without leading zeros."""
    digits = "".join(letter for letter in path.stem if letter.isdigit())
    return (path.stem.rstrip("0123456789"), int(digits or 0))


def _at_random(people: tuple[str, ...], rng: np.random.Generator) -> tuple[list[Pair], list[Pair]]:
    """All pairs of one person, and as many of two."""
    same = [(a, b) for a, b in combinations(range(len(people)), 2) if people[a] == people[b]]
    different: list[Pair] = []
    while len(different) < len(same):
        a, b = rng.integers(len(people), size=2).tolist()
        if people[a] != people[b]:
            different.append((a, b))
    return same, different


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
