"""What a built set of marks writes down: its tables, its notice, its contact sheets."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from inference.files import csv_bytes, png_bytes, write_whole
from inference.records import Crop
from training.data.marks.packages import SPLITS, Package
from training.data.marks.rasters import WHITE
from training.data.marks.rows import EDITED, Row, RowPair, SplitCount

SHEET_ROWS, SHEET_COLUMNS, SHEET_CELL, SHEET_PAIRS = 40, 8, 96, 7


def write_records(
    rows: Sequence[Row],
    pairs: Sequence[RowPair],
    hard: Sequence[RowPair],
    graded: Sequence[RowPair],
    boxes: Mapping[RowPair, Crop],
    out: Path,
    packages: Sequence[Package],
) -> dict[str, SplitCount]:
    """Write the tables, the notice and the contact sheets of a set into its folder, and count what it holds."""
    rows = sorted(rows, key=lambda row: row.path)
    columns = [column.name for column in fields(Row)]
    write_whole(out / "manifest.csv", csv_bytes(columns, [astuple(row) for row in rows]))
    tables = {"pairs.csv": pairs, "dissimilar.csv": hard, "graded.csv": graded}
    for name, listed in tables.items():
        if not listed:
            continue
        lines = [(a.path, b.path, kind, b.donor, _box(boxes.get((a, b, kind)))) for a, b, kind in listed]
        write_whole(out / name, csv_bytes(("a", "b", "kind", "donor", "box"), lines))
    write_whole(out / "NOTICE.md", _notice(packages).encode())
    write_whole(out / "contact_sheet.png", png_bytes(_contact_sheet(rows, out)))
    write_whole(out / "edits.png", png_bytes(_sheet_of_kinds([*pairs, *hard, *graded], out)))
    return {
        split: _count([row for row in rows if row.split == split], sum(first.split == split for first, _, _ in pairs))
        for split in SPLITS
    }


def _box(box: Crop | None) -> str:
    return "" if box is None else " ".join(map(str, box.rectangle))


def _count(rows: Iterable[Row], similar_pairs: int) -> SplitCount:
    sizes = Counter(row.brand for row in rows).values()
    return SplitCount(
        brands=len(sizes),
        drawings=sum(sizes),
        brands_with_pairs=sum(size > 1 for size in sizes),
        similar_pairs=similar_pairs,
    )


def _notice(packages: Sequence[Package]) -> str:
    lines = [
        "# Sources of this mark set",
        "",
        "The pictures were rendered from the drawings in these packages, unaltered but for their size, their",
        f"margin and a plain ground; those named {EDITED}--KIND were altered further, as the kind says:",
        "",
        "| Set | Package | Version | Drawn by | Licence | SHA-256 of the package |",
        "|---|---|---|---|---|---|",
        *(f"| {p.set} | {p.npm} | {p.version} | {p.author} | {p.licence} | {p.sha256} |" for p in packages),
        "",
        "The licences cover the drawings. They give no right to the trademarks shown, which belong to their",
        "owners and are shown here for research into visual similarity only; no owner endorses this set.",
    ]
    return "\n".join(lines) + "\n"


def _sheet_of_kinds(pairs: Sequence[RowPair], out: Path) -> Image.Image:
    """Some test pairs of each kind, both drawings beside each other, for the eye: a kind a row."""
    by_kind: dict[str, list[RowPair]] = defaultdict(list)
    for pair in pairs:
        if pair[0].split == "test":
            by_kind[pair[2]].append(pair)
    across = SHEET_PAIRS * 2 * SHEET_CELL + 2 * SHEET_CELL
    sheet = Image.new("RGB", (across, max(1, len(by_kind)) * SHEET_CELL), WHITE)
    pen = ImageDraw.Draw(sheet)
    for line, (kind, listed) in enumerate(sorted(by_kind.items())):
        pen.text((4, line * SHEET_CELL + SHEET_CELL // 2), kind, fill=(0, 0, 0))
        for column, (first, second, _) in enumerate(listed[:: max(1, len(listed) // SHEET_PAIRS)][:SHEET_PAIRS]):
            left, top = (2 + 2 * column) * SHEET_CELL, line * SHEET_CELL
            for side, row in enumerate((first, second)):
                sheet.paste(_small(out / row.path), (left + side * SHEET_CELL, top + 2))
            pen.line((left - 2, top, left - 2, top + SHEET_CELL), (0, 0, 0))
    return sheet


def _contact_sheet(rows: Sequence[Row], out: Path) -> Image.Image:
    """Test brands with several drawings, evenly picked from the alphabet: a brand a row, for the eye."""
    drawn: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.split == "test" and row.set != EDITED:
            drawn[row.brand].append(row)
    several = [brand for brand, members in drawn.items() if len(members) > 1]
    shown = several[:: max(1, -(-len(several) // SHEET_ROWS))]
    sheet = Image.new("RGB", ((SHEET_COLUMNS + 2) * SHEET_CELL, max(1, len(shown)) * SHEET_CELL), WHITE)
    pen = ImageDraw.Draw(sheet)
    for line, brand in enumerate(shown):
        pen.text((4, line * SHEET_CELL + SHEET_CELL // 2), brand, fill=(0, 0, 0))
        for column, row in enumerate(drawn[brand][:SHEET_COLUMNS]):
            sheet.paste(_small(out / row.path), ((column + 2) * SHEET_CELL + 2, line * SHEET_CELL + 2))
    return sheet


def _small(file: Path) -> Image.Image:
    with Image.open(file) as picture:
        return ImageOps.contain(picture, (SHEET_CELL - 4, SHEET_CELL - 4))
