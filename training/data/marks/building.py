"""A set of real trademarks: the same brand as several icon packages have drawn it, each in its own hand.

Two drawings of one brand are a similar pair, drawings of two brands a dissimilar one. To these come lookalikes made
on the drawings, each pair with its kind, and dissimilar pairs that are hard, each with the reason. The packages are
fetched with the npm client at a pinned version and checked against a pinned hash. What is called one brand is decided
over all packages together, and so is the split, which goes by brand: no mark is met again under test. The same versions
of resvg-py and Pillow build the same folder.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from inference.files import png_bytes, write_whole
from training.data.marks.designs import (
    SAME_SHAPE,
    SAME_TRACING,
    alphabet,
    brand_of_each,
    design_of,
    family_of,
    letter_of,
    names_alike,
    one_design,
)
from training.data.marks.edits import TAKES_AN_ELEMENT, edits, glyph_changed
from training.data.marks.elements import Elements, as_svg, possible, read_elements
from training.data.marks.packages import PACKAGES, SPLIT_SALT, SPLITS, Drawing, MarksRefusal, Package, read_drawings
from training.data.marks.rasters import MARGIN, framed, main_colours, open_picture, render, render_all
from training.data.marks.rows import EDITED, GLYPH, Row, RowPair, SplitCount
from training.data.marks.shapes import Shape, overlaps, shape_of
from training.data.marks.written import write_records
from training.data.npm import CACHE, fetch
from training.data.rendered.typefaces import Typefaces

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class MarksSettings:
    """What a mark set is built from."""

    out: Path
    """Folder the set is built in: a new one, an empty one, or one that this command did not finish."""
    size: int = 160
    """Side of the square pictures, in pixels; at least 32."""
    cache: Path = CACHE
    """Folder that holds the packages once they are fetched."""
    edited: int = 3
    """Lookalikes made of each brand's drawing, each of another kind; 0 makes none, and names no hard pairs."""

    def __post_init__(self) -> None:
        if self.size < 32:
            msg = f"Pictures of {self.size} pixels are too small to show a mark; ask for 32 or more."
            raise MarksRefusal(msg)


def build_marks(settings: MarksSettings, packages: Sequence[Package] = PACKAGES) -> dict[str, SplitCount]:
    """Build the set in `settings.out`, or finish it; a finished one is left as it is.

    Writes SPLIT/BRAND/SET--ICON.png (uint8 RGB, `settings.size` squared), manifest.csv, pairs.csv (which
    drawings of a brand show one design, and of what kind the pair is), dissimilar.csv (hard pairs of two brands, and
    why), NOTICE.md, contact_sheet.png, edits.png and, last of all, summary.json.

    Args:
        settings: Where and how large.
        packages: What to build from, in order of preference.

    Returns:
        What each split holds.

    Raises:
        PackageRefused: if a package cannot be fetched or is not what was pinned.
        MarksRefusal: if the folder holds something else.
    """
    summary = settings.out / "summary.json"
    _claim(settings, packages)
    if summary.exists():
        LOG.info("%s is complete, nothing is left to do", settings.out)
        report = json.loads(summary.read_text())
        return {split: SplitCount(**count) for split, count in report["splits"].items()}
    drawings = [drawing for package in packages for drawing in read_drawings(package, fetch(package, settings.cache))]
    rendered = settings.out / ".rendered"
    drawings = render_all(drawings, rendered, settings.size)
    shapes = [shape_of(open_picture(rendered / f"{d.stem}.png")) for d in tqdm(drawings, desc="comparing", unit="mark")]
    rows: list[Row] = []
    pairs: list[RowPair] = []
    shown: list[tuple[Row, Shape]] = []
    editor = Editor(settings)
    for brand, members in tqdm(brand_of_each(drawings, shapes).items(), desc="writing", unit="brand"):
        kept = [members[i] for i in family_of([shapes[j] for j in members])]
        family: list[Row] = []
        for index in kept:
            drawing, shape = drawings[index], shapes[index]
            row = Row.of(drawing, brand, packages)
            if not (settings.out / row.path).exists():
                picture = framed(open_picture(rendered / f"{drawing.stem}.png"), settings.size, shape)
                write_whole(settings.out / row.path, png_bytes(picture))
            family.append(row)
        designs = np.array([design_of(brand, drawings[index].stem) for index in kept])
        one = one_design([shapes[index] for index in kept]) & (designs[:, None] == designs)
        alike = np.argwhere(np.triu(one, k=1)).tolist()
        pairs += [(family[a], family[b], _kind(family[a], family[b])) for a, b in alike]
        rows += family
        shown += [(row, shapes[index]) for row, index in zip(family, kept, strict=True)]
        editor.take(brand, [(row, drawings[index]) for row, index in zip(family, kept, strict=True)])
    hard: list[RowPair] = []
    if settings.edited:
        edited, likenesses = editor.make()
        rows, pairs = rows + edited, pairs + likenesses
        hard = hard_pairs(shown, settings.out, alphabet(editor.typefaces))
    counts = write_records(rows, pairs, hard, settings.out, packages)
    shutil.rmtree(rendered)
    report = {
        "splits": {split: asdict(count) for split, count in counts.items()},
        "similar": _counted(pairs),
        "dissimilar": _counted(hard),
    }
    write_whole(summary, json.dumps(report, indent=1).encode())
    return counts


def _kind(first: Row, second: Row) -> str:
    return "redrawn" if first.set != second.set else "another version"


class Editor:
    """Makes lookalikes of one plain drawing a brand, from elements of its own and of another brand of its split.

    What is made of a brand follows from its name, so that an interrupted build goes on alike.
    """

    def __init__(self, settings: MarksSettings) -> None:
        self.typefaces = Typefaces(settings.cache)
        self._settings = settings
        self._taken: dict[str, dict[str, tuple[Row, Elements]]] = {split: {} for split in SPLITS}
        self._brand_of: dict[str, str] = {}

    def take(self, brand: str, family: Sequence[tuple[Row, Drawing]]) -> None:
        """Keep the first drawing of a brand that can be taken apart."""
        for row, drawing in family:
            elements = read_elements(drawing.svg)
            if elements is not None:
                self._taken[row.split][brand] = (row, elements)
                return

    def make(self) -> tuple[list[Row], list[RowPair]]:
        """Write all lookalikes: their rows, and their pairs with their kinds."""
        kinds = edits(self.typefaces)
        rows: list[Row] = []
        pairs: list[RowPair] = []
        for taken in self._taken.values():
            donors = [(donor, elements) for donor, (_, elements) in taken.items()]
            for brand, (row, own) in tqdm(taken.items(), desc="editing", unit="brand"):
                rng = np.random.default_rng(list(hashlib.sha256(f"{SPLIT_SALT}:{brand}".encode()).digest()[:8]))
                usable = [kind for kind in (*kinds, GLYPH) if possible(kind, own)]
                for kind in rng.permutation(usable)[: self._settings.edited].tolist():
                    donor, other = donors[int(rng.integers(len(donors)))]
                    if kind == GLYPH:
                        made = glyph_changed(own, self.typefaces, rng)
                        first, second = (self._write(row, f"word-{n}", one) for n, one in enumerate(made, 1))
                    else:
                        second = self._write(row, kind.replace(" ", "-"), kinds[kind](own, other, rng))
                        if second is not None and kind in TAKES_AN_ELEMENT:
                            second = replace(second, donor=donor)
                        first = row
                    if first is not None and second is not None:
                        rows += [one for one in (first, second) if one is not row]
                        pairs.append((first, second, kind))
        return rows, pairs

    def _write(self, row: Row, kind: str, elements: Elements) -> Row | None:
        """An edited drawing beside the one it was made of; None where nothing of it shows.

        None, too, where another brand's has come out as the very same picture, such as a tile that nothing stands out
        from: one file in two families would be a dissimilar pair of one mark.
        """
        size = self._settings.size
        rgba = render(as_svg(elements), round(size * (1 - 2 * MARGIN)))
        if rgba is None:
            return None
        path = f"{row.split}/{row.brand}/{EDITED}--{kind}--{row.set}--{row.icon}.png"
        content = png_bytes(framed(rgba, size, shape_of(rgba)))
        if self._brand_of.setdefault(hashlib.sha256(content).hexdigest(), row.brand) != row.brand:
            LOG.info("%s is the same picture as one of another brand, and left out", path)
            return None
        if not (self._settings.out / path).exists():
            write_whole(self._settings.out / path, content)
        return replace(row, path=path, set=EDITED, icon=f"{kind}--{row.set}--{row.icon}")


def hard_pairs(shown: Sequence[tuple[Row, Shape]], out: Path, letters_as: Sequence[Shape]) -> list[RowPair]:
    """For each brand's first drawing the drawing of another brand of its split that is nearest in one respect.

    In silhouette, and in colour (a histogram of 4 x 4 x 4 colours, of drawings that have a hue); and where the drawing
    is a letter, another brand's drawing of the same letter. Brands of which one name contains the other are no two.

    Args:
        shown: Drawings as they came, by brand.
        out: Where their pictures lie.
        letters_as: What the capitals shape like, see `alphabet`.
    """
    found: list[RowPair] = []
    for split in SPLITS:
        members = [(row, shape) for row, shape in shown if row.split == split]
        if len(members) < 2:
            continue
        first = {row.brand: i for i, (row, _) in reversed([*enumerate(members)])}
        silhouettes = np.stack([shape.silhouette for _, shape in members])
        colours = np.stack([main_colours(out / row.path) for row, _ in members])
        hued = np.array([shape.coloured for _, shape in members])
        letters = np.array([letter_of(shape, letters_as) for _, shape in members])
        overlap = overlaps(silhouettes[[*first.values()]], silhouettes)
        bar = tqdm(zip(first.items(), overlap, strict=True), "hard pairs", len(first), unit="brand")
        for (brand, i), near in bar:
            strange = np.array([not names_alike(brand, row.brand) and row.brand != brand for row, _ in members])
            alike = np.minimum(colours[i], colours).sum(axis=1)
            reasons = [("same silhouette", near, strange & (near >= SAME_SHAPE) & (near <= SAME_TRACING))]
            if hued[i]:
                reasons.append(("same colour", alike, strange & hued & (alike >= 0.8)))
            if letters[i]:
                reasons.append(("same letter", near, strange & (letters == letters[i])))
            for reason, value, usable in reasons:
                if usable.any():
                    best = int(np.where(usable, value, -1).argmax())
                    found.append((members[i][0], members[best][0], reason))
    return found


def _counted(pairs: Sequence[RowPair]) -> dict[str, dict[str, int]]:
    """Pairs by kind and split."""
    counts: dict[str, dict[str, int]] = {}
    for first, _, kind in pairs:
        row = counts.setdefault(kind, dict.fromkeys(SPLITS, 0))
        row[first.split] += 1
    return dict(sorted(counts.items()))


def _claim(settings: MarksSettings, packages: Sequence[Package]) -> None:
    """Make the folder ours, or see that it is: finished parts of another build must not be mixed in."""
    claim = settings.out / "build.json"
    build = json.dumps(
        {
            "size": settings.size,
            "split": SPLIT_SALT,
            "edited": settings.edited,
            "packages": [asdict(p) for p in packages],
        },
        indent=1,
    )
    if claim.exists():
        if claim.read_text() != build:
            msg = f"{settings.out} holds a mark set with other settings; choose another folder or delete it."
            raise MarksRefusal(msg)
        return
    settings.out.mkdir(parents=True, exist_ok=True)
    if any(path.suffix != ".partial" for path in settings.out.iterdir()):
        msg = f"{settings.out} holds other files; choose an empty folder for the mark set."
        raise MarksRefusal(msg)
    write_whole(claim, build.encode())
