"""What a rendered set writes down of itself: manifest, readme and contact sheet."""

from __future__ import annotations

import itertools
import platform
from pathlib import Path

import cv2
import fontTools
import matplotlib as mpl
import numpy as np
import PIL
from PIL import Image, ImageDraw, ImageFont

from inference.files import csv_bytes, jpeg_bytes, write_whole
from training.data.rendered.plan import HELD_OUT, Item, RenderedSettings, RenderingRefusal
from training.data.rendered.specification import ALTERATIONS, EXAMINED_WIDTH, GRADES, HOUSE, SUBSTITUTED_LETTERS, Grade

RENDERER_VERSION = 3

COLUMNS = (
    "path",
    "series",
    "label",
    "item",
    "split",
    "counterfeiter",
    "severity",
    "alterations",
    "mask",
    "twin",
)


def claim_folder(out: Path, text: str) -> None:
    """Make a set's folder ours: the README it opens with names the settings, and tells sets apart.

    Raises:
        RenderingRefusal: if it holds anything but a set with the same README.
    """
    readme = out / "README.md"
    if out.is_file():
        msg = f"{out} is a file; give a folder for the rendered set."
        raise RenderingRefusal(msg)
    if readme.exists() and readme.read_text(encoding="utf-8") == text:
        return
    if out.exists() and any(out.iterdir()):
        msg = (
            f"{out} already holds something other than this rendered set (or one made with other "
            "settings or library versions); give an empty folder."
        )
        raise RenderingRefusal(msg)
    write_whole(readme, text.encode())


def library_versions() -> str:
    """The libraries that the rendered bytes depend on, with their versions."""
    versions = {
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "OpenCV": cv2.__version__,
        "Pillow": PIL.__version__,
        "matplotlib": mpl.__version__,
        "fonttools": fontTools.version,
    }
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def readme_of(settings: RenderedSettings, *, stand_ins: bool = False) -> str:
    """The set's page; equal for equal settings, renderer and libraries only.

    Args:
        settings: Of the set.
        stand_ins: Whether other typefaces stand in for the listed ones.
    """
    part = settings.kind
    hands = "\n".join(
        f"| {series.name} | {hand.name} | {', '.join(hand.alterations)}"
        f"{f' ({hand.lookalike})' if hand.lookalike else ''} | {'test only' if hand.unseen else ''} |"
        for series in part.series
        for hand in series.counterfeiters
    )
    items, photos, seed = settings.items or part.items, settings.photos, settings.seed
    counts = f"--items {items} --photos {photos} --seed {seed}"
    if settings.held_out != HELD_OUT:
        counts += f" --held-out {settings.held_out:g}"
    moulds = ""
    if settings.mould == "hand":
        counts += " --mould hand"
        moulds = "\n- each counterfeiter has one mould: alterations, grade and die are the same in all its items"
    if stand_ins:
        moulds += "\n- other typefaces stand in for those that the renderer lists: the command below gives other bytes"
    ratio = ":".join(f"{10 * share:.4g}" for share in (1 - 2 * settings.held_out, *[settings.held_out] * 2))
    return f"""# A rendered set: {part.title}s

Every photo here is rendered. The house {HOUSE} does not exist, its counterfeiters neither: the set says nothing of
real goods. What it does have is what no set of real goods has: for every counterfeit the exact place of what was
altered, and its genuine twin.

- {items} items of {len(part.series)} series, genuine and counterfeit, {photos} photos each, seed {seed}
- `<split>/<series>/<label>/<item>_<photo>.jpg`; in each class train, val and test hold {ratio} of the items; items by
  the counterfeiters marked "test only" are in test on top of that
- `masks/<item>_<photo>.png`: white where a counterfeit's surface differs from its twin's
- `twins/<item>_<photo>.jpg`: the same photo, light, camera and wear, only the alteration missing
- `manifest.csv` names of each photo its item, counterfeiter, severity, alterations, mask and twin
- material and photography are drawn from the same distributions on both sides; `AUDIT.md` says what a classifier
  that sees only size, JPEG, colour statistics and noise makes of it{moulds}
- renderer version {RENDERER_VERSION}; {library_versions()}

Again, with the same bytes on any x86-64 processor:
`python -m training rendered --part {part.name} --out DIR {counts}`

## Severity
{severity_table()}

## Counterfeiters
| series | counterfeiter | alters | |
|---|---|---|---|
{hands}
"""


def severity_table() -> str:
    """The severity scale in Markdown: what each alteration does at each grade."""
    rows = [f"| alteration | {' | '.join(GRADES)} |", "|---" * (len(GRADES) + 1) + "|"]
    rows.append(
        f"| letterform: letters of a lookalike typeface | {' | '.join(str(n) for n in SUBSTITUTED_LETTERS.values())} |"
    )
    for name, kind in ALTERATIONS.items():
        unit = " px" if kind.unit == "px" else ""
        steps = " | ".join(f"{kind.plain * share:.2g}{unit}" for share in GRADES.values())
        rows.append(f"| {name}: {kind.words} | {steps} |")
    return (
        f"Pixels are those of a part {EXAMINED_WIDTH} wide. The scale was fixed by eye, beside a genuine item, before "
        "any training.\n\n" + "\n".join(rows)
    )


def manifest(items: list[Item], photos: int) -> bytes:
    """The table of the photos; what only counterfeits have is empty for genuine items."""
    rows = []
    for item, photo in itertools.product(items, range(photos)):
        row = [item.path(photo).as_posix(), item.series.name, item.label, item.name, item.split]
        if item.counterfeiter:
            hand = item.counterfeiter
            row += [f"{item.series.name} {hand.name}", str(item.grade), ";".join(hand.alterations)]
            row += [item.mask(photo).as_posix(), item.twin(photo).as_posix()]
        rows.append(row)
    return csv_bytes(COLUMNS, rows)


def contact_sheet(folder: Path, items: list[Item]) -> bytes:
    """A JPEG: for each series a genuine item, then for each of two grades a counterfeit, its twin and its mask."""
    width, height, caption = 340, 290, 22
    series = list({item.series.name: item.series for item in items}.values())
    grades: tuple[Grade, Grade] = ("plain", "fine")
    sheet = Image.new("RGB", (7 * width, len(series) * (height + caption)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, one in enumerate(series):
        ours = [item for item in items if item.series is one]
        cells = [(f"{one.name}: genuine", next(item for item in ours if item.label == "genuine").path(0))]
        for grade in grades:
            item = next((item for item in ours if item.grade == grade), None)
            if item and item.counterfeiter:
                words = f"{item.counterfeiter.name}, {grade}: {', '.join(item.counterfeiter.alterations)}"
                cells += [(words, item.path(0)), ("its genuine twin", item.twin(0)), ("what is altered", item.mask(0))]
        for column, (words, path) in enumerate(cells):
            left, top = column * width, row * (height + caption)
            with Image.open(folder / path) as photo:
                shown: Image.Image = photo.convert("RGB")
                shown.thumbnail((width - 4, height), Image.Resampling.LANCZOS)
                sheet.paste(shown, (left + (width - shown.width) // 2, top + caption))
            draw.text((left + 6, top + 3), words, "black", font)
    return jpeg_bytes(sheet, 88)
