"""Photos of whole goods with the boxes of the parts on them: a folder with a manifest.csv, as `scenes` renders it."""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from training.data.photos import DataRefused, Split

MANIFEST = "manifest.csv"
MARGIN = 0.06
"""What a crop of a part adds to each side of its box, as a share of the longer side."""
_REQUIRED = ("path", "split", "part", "left", "top", "width", "height")


@dataclass(frozen=True)
class LabelledPart:
    """A part in a scene.

    Attributes:
        part: Which kind.
        box: Left, top, right and bottom in pixels of the photo.
        series: Its series; empty where the manifest does not say.
        label: Genuine or counterfeit; empty where the manifest does not say.
    """

    part: str
    box: tuple[int, int, int, int]
    series: str
    label: str


@dataclass(frozen=True)
class LabelledScene:
    """A photo and the parts that are to be seen on it.

    Attributes:
        path: Where the file lies.
        split: What it may be used for.
        kind: What kind of photo; empty where the manifest does not say.
        parts: None for an empty scene.
    """

    path: Path
    split: Split
    kind: str
    parts: tuple[LabelledPart, ...]

    @property
    def boxes(self) -> NDArray[np.float32]:
        """The parts' boxes (n, 4)."""
        return np.array([part.box for part in self.parts], np.float32).reshape(-1, 4)


@dataclass(frozen=True)
class SceneSet:
    """Scenes that a locator is trained on, or measured with.

    Attributes:
        scenes: In the manifest's order.
        parts: The kinds of parts, in alphabetical order.
        manifest_sha256: Hash of the manifest.
    """

    scenes: tuple[LabelledScene, ...]
    parts: tuple[str, ...]
    manifest_sha256: str

    def of(self, split: Split) -> tuple[LabelledScene, ...]:
        """The scenes of a split."""
        return tuple(scene for scene in self.scenes if scene.split == split)

    def labels(self, scene: LabelledScene) -> NDArray[np.int64]:
        """Which of `parts` each part of a scene is (n,)."""
        return np.array([self.parts.index(part.part) for part in scene.parts], np.int64)


def read_scene_set(folder: Path) -> SceneSet:
    """The scenes of a folder, by its manifest: one row a part, or one without a part for a scene that has none.

    Raises:
        DataRefused: if the manifest or a photo is missing, a row cannot be read, or a split has no part.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        msg = f"{folder} holds no {MANIFEST} with the boxes of its scenes; render it with python -m training scenes."
        raise DataRefused(msg)
    content = manifest.read_bytes()
    table = csv.DictReader(content.decode("utf-8-sig").splitlines())
    rows = list(table)
    missing = [name for name in _REQUIRED if name not in (table.fieldnames or ())]
    if missing:
        msg = f"{manifest} lacks the column {missing[0]}; it needs {', '.join(_REQUIRED)}."
        raise DataRefused(msg)
    by_path: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        by_path[row["path"]].append(row)
    scenes = tuple(_scene(folder, path, listed) for path, listed in by_path.items())
    parts = tuple(sorted({part.part for scene in scenes for part in scene.parts}))
    for split in get_args(Split):
        found = {part.part for scene in scenes if scene.split == split for part in scene.parts}
        lacking = sorted({*parts} - found)
        if lacking or not parts:
            msg = f"{manifest} has no {' and no '.join(lacking) or 'part'} in its {split} scenes; render or label more."
            raise DataRefused(msg)
    return SceneSet(scenes, parts, hashlib.sha256(content).hexdigest())


def _scene(folder: Path, path: str, rows: list[dict[str, str]]) -> LabelledScene:
    first = rows[0]
    for split in {row["split"] for row in rows} - {*get_args(Split)}:
        msg = f"The split of {path} is {split!r}; give train, val or test."
        raise DataRefused(msg)
    if len({row["split"] for row in rows}) > 1:
        msg = f"{path} is in two splits; give all rows of a photo the same."
        raise DataRefused(msg)
    if not (folder / path).is_file():
        msg = f"{MANIFEST} names {path}, which is not in {folder}; restore the set."
        raise DataRefused(msg)
    parts = tuple(_part(path, row) for row in rows if row["part"])
    return LabelledScene(folder / path, first["split"], first.get("kind") or "", parts)  # type: ignore[arg-type]


def _part(path: str, row: dict[str, str]) -> LabelledPart:
    try:
        left, top, width, height = (int(row[name]) for name in ("left", "top", "width", "height"))
    except ValueError as error:
        msg = f"A box of {path} is not four whole numbers; correct left, top, width and height."
        raise DataRefused(msg) from error
    if min(left, top) < 0 or min(width, height) < 1:
        msg = f"A box of {path} lies outside the photo or is empty; correct left, top, width and height."
        raise DataRefused(msg)
    box = left, top, left + width, top + height
    return LabelledPart(row["part"], box, row.get("series") or "", row.get("label") or "")
