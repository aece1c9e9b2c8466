"""Photos of whole goods with the boxes of the parts on them: a folder with a manifest.csv, as `scenes` renders it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from training.data.manifest import Entry, Manifest
from training.data.photos.photo import Split
from training.data.set_files import DataRefused, read_all, require_one_owner
from training.data.tables import path_hint, read_table

MANIFEST = "manifest.csv"
MARGIN = 0.06
"""Widening of a crop on each side of a part's box, as a share of the longer side."""
_REQUIRED = ("path", "split", "part", "left", "top", "width", "height")
_OPTIONAL = ("kind", "series", "label")


@dataclass(frozen=True)
class LabelledPart:
    """A part in a scene.

    Attributes:
        part: Its kind.
        box: Left, top, right and bottom in pixels of the photo.
        series: Its series; empty if not stated.
        label: Genuine or counterfeit; empty if not stated.
    """

    part: str
    box: tuple[int, int, int, int]
    series: str
    label: str


@dataclass(frozen=True)
class LabelledScene:
    """A photo and the parts that are visible on it.

    Attributes:
        path: Path of the file.
        split: Its split.
        kind: Kind of photo; empty if not stated.
        parts: The parts; empty for an empty scene.
        name: Its path relative to the set's folder, with forward slashes.
        sha256: Lower-case hex SHA-256 of the file.
    """

    path: Path
    split: Split
    kind: str
    parts: tuple[LabelledPart, ...]
    name: str = ""
    sha256: str = ""

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

    @property
    def manifest(self) -> Manifest:
        """The manifest of the set, which a run keeps."""
        files = (Entry(scene.name, scene.sha256, _stated(scene), scene.split) for scene in self.scenes)
        return Manifest(self.manifest_sha256, tuple(files))

    def of(self, split: Split) -> tuple[LabelledScene, ...]:
        """The scenes of a split."""
        return tuple(scene for scene in self.scenes if scene.split == split)

    def labels(self, scene: LabelledScene) -> NDArray[np.int64]:
        """Index in `parts` of each part of a scene (n,)."""
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
    by_path: dict[str, list[dict[str, str]]] = defaultdict(list)
    for _, given in read_table(manifest, _REQUIRED, _OPTIONAL).named():
        row = dict.fromkeys((*_REQUIRED, *_OPTIONAL), "") | given
        by_path[row["path"]].append(row)
    listed = [_scene(folder, path, rows) for path, rows in by_path.items()]
    sha256s = read_all([(scene.name, scene.path) for scene in listed], "scene", lambda exhibit: exhibit.sha256)
    scenes = tuple(replace(scene, sha256=sha256) for scene, sha256 in zip(listed, sha256s, strict=True))
    require_one_owner([(scene.name, scene.sha256, f"{scene.split} scene") for scene in scenes], "remove one of them.")
    parts = tuple(sorted({part.part for scene in scenes for part in scene.parts}))
    for split in get_args(Split):
        found = {part.part for scene in scenes if scene.split == split for part in scene.parts}
        lacking = sorted({*parts} - found)
        if lacking or not parts:
            msg = f"{manifest} has no {' and no '.join(lacking) or 'part'} in its {split} scenes; render or label more."
            raise DataRefused(msg)
    return SceneSet(scenes, parts, hashlib.sha256(manifest.read_bytes()).hexdigest())


def _scene(folder: Path, path: str, rows: list[dict[str, str]]) -> LabelledScene:
    first = rows[0]
    for split in {row["split"] for row in rows} - {*get_args(Split)}:
        msg = f"The split of {path} is {split!r}; give train, val or test."
        raise DataRefused(msg)
    if len({row["split"] for row in rows}) > 1:
        msg = f"{path} is in two splits; give all rows of a photo the same split."
        raise DataRefused(msg)
    if not (folder / path).is_file():
        msg = f"{MANIFEST} names {path}, which is not in {folder}; {path_hint(folder, path)}."
        raise DataRefused(msg)
    parts = tuple(_part(path, row) for row in rows if row["part"])
    return LabelledScene(folder / path, first["split"], first["kind"], parts, path)  # type: ignore[arg-type]


def _stated(scene: LabelledScene) -> str:
    """The set's statement on a scene, without its split: its kind and boxes."""
    parts = (f"{part.part} at {part.box} {part.series} {part.label}".strip() for part in scene.parts)
    return "; ".join(filter(None, (scene.kind, *parts)))


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
    return LabelledPart(row["part"], box, row["series"], row["label"])
