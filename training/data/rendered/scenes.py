"""Scenes for the locator: photos of goods among other things, with the boxes of the parts that are on them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from pydantic import TypeAdapter
from tqdm import tqdm

from inference.files import csv_bytes, jpeg_bytes, write_whole
from training.data.npm import CACHE
from training.data.photos.photo import Split
from training.data.processes import worker_processes
from training.data.rendered.build import on_any_processor, opened_typefaces
from training.data.rendered.composing import HEIGHT, KINDS, MOST_COVERED, WIDTH, Found, Kind, compose
from training.data.rendered.plan import generator, require_at_least
from training.data.rendered.typefaces import TYPEFACES, Typeface, Typefaces
from training.data.rendered.written import claim_folder, library_versions

SCENES_VERSION = 2

COLUMNS = (
    *("path", "split", "kind", "part", "left", "top", "width", "height", "visible"),
    *("series", "label", "item", "counterfeiter", "severity"),
)


@dataclass(frozen=True)
class ScenesSettings:
    """Photos of goods among other things, with the boxes of the parts on them.

    Raises:
        RenderingRefusal: if a number is below its least.
    """

    out: Path
    """folder of the set; an unfinished set with the same settings is continued"""
    scenes: int = 2400
    """photos, at least 10"""
    seed: int = 0
    """same seed and settings, same files; at least 0"""
    workers: int = os.cpu_count() or 1
    """processes that render"""
    cache: Path = CACHE
    """folder that holds the typefaces once they are fetched"""

    def __post_init__(self) -> None:
        require_at_least(self, {"scenes": 10, "seed": 0, "workers": 1})


def build_scenes(settings: ScenesSettings, typefaces: Sequence[Typeface] = TYPEFACES) -> None:
    """Render the scenes, or what is still missing of them, their table and a contact sheet into `settings.out`.

    Raises:
        RenderingRefusal: if the folder holds anything but scenes with the same settings.
        PackageRefused: if a typeface cannot be fetched.
    """
    Typefaces(settings.cache, typefaces).fetch()
    claim_folder(settings.out, readme_of(settings))
    render = partial(_render, settings=settings, typefaces=tuple(typefaces))
    with worker_processes(settings.workers) as pool:
        found = list(
            tqdm(pool.map(render, range(settings.scenes)), "rendering scenes", total=settings.scenes, unit="scene")
        )
    write_whole(settings.out / "manifest.csv", manifest(found))
    write_whole(settings.out / "contact_sheet.jpg", contact_sheet(settings, found))


_FACTS: TypeAdapter[tuple[Kind, list[Found]]] = TypeAdapter(tuple[Kind, list[Found]])


def split_of(index: int) -> Split:
    """Which split a scene is in: 8:1:1, by its number."""
    return {8: "val", 9: "test"}.get(index % 10, "train")  # type: ignore[return-value]


def _path(index: int) -> Path:
    return Path(split_of(index), f"scene_{index:05d}.jpg")


@on_any_processor()
def _render(index: int, settings: ScenesSettings, typefaces: tuple[Typeface, ...]) -> tuple[Kind, list[Found]]:
    """One scene, or what is known of it where it is finished; runs in a process of its own."""
    # What a scene holds is written after its photo: a file that is there means that both are.
    facts = settings.out / "facts" / f"scene_{index:05d}.json"
    if facts.exists():
        return _FACTS.validate_json(facts.read_bytes())
    rng = generator("scene", settings.seed, index)
    kind = rng.choice(list(KINDS), p=list(KINDS.values()))
    opened = opened_typefaces(settings.cache, typefaces)
    photo, found = compose(kind, split_of(index), opened, rng)
    write_whole(settings.out / _path(index), photo)
    write_whole(facts, _FACTS.dump_json((kind, found)))
    return kind, found


def manifest(scenes: Sequence[tuple[Kind, list[Found]]]) -> bytes:
    """One row a part; a scene without any has one row that names none."""
    rows: list[list[Any]] = []
    for index, (kind, found) in enumerate(scenes):
        start = [_path(index).as_posix(), split_of(index), kind]
        for number, one in enumerate(found):
            facts = [one.series, one.label, f"s{index:05d}-{number}", one.counterfeiter, one.severity]
            rows.append([*start, one.part, *one.box, f"{one.visible:.3f}", *facts])
        if not found:
            rows.append(start)
    return csv_bytes(COLUMNS, rows)


def contact_sheet(settings: ScenesSettings, scenes: Sequence[tuple[Kind, list[Found]]]) -> bytes:
    """A JPEG of the first twenty scenes with their boxes."""
    columns, width, height = 4, WIDTH // 3, HEIGHT // 3
    shown = scenes[:20]
    sheet = Image.new("RGB", (columns * width, -(-len(shown) // columns) * height), "white")
    for index, (_, found) in enumerate(shown):
        with Image.open(settings.out / _path(index)) as photo:
            small = photo.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
        draw = ImageDraw.Draw(small)
        for one in found:
            left, top, across, down = (value / 3 for value in one.box)
            draw.rectangle((left, top, left + across, top + down), outline=(255, 240, 0), width=2)
            draw.text((left + 3, top + 2), one.part, (255, 240, 0))
        sheet.paste(small, (index % columns * width, index // columns * height))
    return jpeg_bytes(sheet, 85)


def readme_of(settings: ScenesSettings) -> str:
    """The set's page; equal for equal settings, renderer and libraries only."""
    return f"""# Rendered scenes

Photos of goods among other things, every one rendered: bags, belts, garments and tables, with none to three parts of a
house that does not exist, with things that resemble a part and are none (buttons, coins, stickers, woven labels,
rivets, rings, zips), and some with nothing but those. A part may be turned any way and partly covered.

- {settings.scenes} scenes of {WIDTH} x {HEIGHT} pixels, seed {settings.seed}; of ten, eight are for training, one for
  validation, one for test; every item is in one scene only, unseen counterfeiters in test only
- kinds: {", ".join(f"{kind} {share:.0%}" for kind, share in KINDS.items())}
- `manifest.csv`: one row a part, its box around what is to be seen of it, and the share of it that is visible; parts
  that are covered by more than {MOST_COVERED:.0%} have no row
- `facts/`: the same, one file a scene
- renderer version {SCENES_VERSION}; {library_versions()}

Again, with the same bytes on any x86-64 processor:
`python -m training scenes --out DIR --scenes {settings.scenes} --seed {settings.seed}`
"""
