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
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inference.files import png_bytes, write_whole
from inference.trademark.framing import frame_mark
from inference.trademark.lettering import MOST_LETTERING, lettering
from training.data.marks.designs import (
    SAME_TRACING,
    alphabet,
    brand_of_each,
    design_of,
    family_of,
    joined_names,
    one_design,
)
from training.data.marks.editing import Editor
from training.data.marks.hard_pairs import hard_pairs
from training.data.marks.lockups import PART_KINDS, boxes_of_parts, place_of
from training.data.marks.motifs import CONCEPT, MOTIF_PACKAGES, read_motifs
from training.data.marks.packages import (
    PACKAGES,
    SPLIT_SALT,
    SPLITS,
    Drawing,
    MarksRefusal,
    Package,
    read_drawings,
    read_lettering,
)
from training.data.marks.rasters import drawn_large, framed, on_white, open_picture, render_all
from training.data.marks.rows import LOCKUP, Row, RowPair, SplitCount
from training.data.marks.shapes import Shape, overlaps, shape_of
from training.data.marks.written import write_records
from training.data.npm import CACHE, fetch
from training.data.rendered.typefaces import TYPEFACES, Typefaces
from training.data.rendered.word_faces import WORD_FACES

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class MarksSettings:
    """What a mark set is built from."""

    out: Path
    """Folder the set is built in: a new one, an empty one, or one that this command did not finish."""
    size: int = 224
    """Side of the pictures in pixels, at least 32; long drawings get a longer side."""
    cache: Path = CACHE
    """Folder that holds the packages once they are fetched."""
    edited: int = 4
    """Lookalikes made of each brand's drawing, each of another kind; 0 makes none, and names no hard pairs."""
    words: int = 2000
    """Invented words, each with words that read or look alike, over all splits; none without lookalikes."""

    def __post_init__(self) -> None:
        if self.size < 32:
            msg = f"Pictures of {self.size} pixels are too small to show a mark; ask for 32 or more."
            raise MarksRefusal(msg)


def build_marks(
    settings: MarksSettings, packages: Sequence[Package] = PACKAGES, motifs: Sequence[Package] = MOTIF_PACKAGES
) -> dict[str, SplitCount]:
    """Build the set in `settings.out`, or finish it; a finished one is left as it is.

    Writes SPLIT/BRAND/SET--ICON.png (uint8 RGB, of `settings.size` or, where long, larger), manifest.csv, pairs.csv
    (which drawings of a brand show one design, and of what kind the pair is), dissimilar.csv (hard pairs of two
    brands, and why), graded.csv (drawings of one motif), NOTICE.md, contact_sheet.png, edits.png and, last of all,
    summary.json.

    Args:
        settings: Where and how large.
        packages: What brands are taken from, in order of preference.
        motifs: What motifs are taken from.

    Returns:
        What each split holds.

    Raises:
        PackageRefused: if a package cannot be fetched or is not what was pinned.
        MarksRefusal: if the folder holds something else.
    """
    summary = settings.out / "summary.json"
    _claim(settings, (*packages, *motifs))
    if summary.exists():
        LOG.info("%s is complete, nothing is left to do", settings.out)
        report = json.loads(summary.read_text())
        return {split: SplitCount(**count) for split, count in report["splits"].items()}
    made = _Building(settings, packages)
    made.add_brands()
    made.add_lockups()
    made.add_motifs(motifs)
    hard: list[RowPair] = []
    if settings.edited:
        hard = made.add_edited()
    boxes = boxes_of_parts(made.pairs, settings.out)
    # Where the part is not found again, too little of it is left to speak of a part.
    made.pairs = [pair for pair in made.pairs if pair[2] not in PART_KINDS or pair in boxes]
    counts = write_records(made.rows, made.pairs, hard, made.graded, boxes, settings.out, (*packages, *motifs))
    shutil.rmtree(made.rendered)
    report = {
        "splits": {split: asdict(count) for split, count in counts.items()},
        "similar": _counted(made.pairs),
        "dissimilar": _counted(hard),
        "graded": _counted(made.graded),
    }
    write_whole(summary, json.dumps(report, indent=1).encode())
    return counts


class _Building:
    """A set that is being built: its rows and pairs so far.

    Attributes:
        rows: What is in its folder.
        pairs: Similar pairs, with their kinds.
        graded: Pairs of one motif, neither similar nor not.
        rendered: Where drawings lie as they were rendered.
    """

    def __init__(self, settings: MarksSettings, packages: Sequence[Package]) -> None:
        self.rows: list[Row] = []
        self.pairs: list[RowPair] = []
        self.graded: list[RowPair] = []
        self.rendered = settings.out / ".rendered"
        self._settings = settings
        self._packages = packages
        self._typefaces = Typefaces(settings.cache, (*TYPEFACES, *WORD_FACES))
        self._editor = Editor(settings.out, settings.size, settings.edited, self._typefaces)
        self._shown: list[tuple[Row, Shape]] = []
        self._families: dict[str, list[tuple[Row, Drawing]]] = {}
        self._joined: dict[str, str] = {}

    def add_brands(self) -> None:
        """Each brand's drawings of one design, and their pairs."""
        cache = self._settings.cache
        found = [drawing for package in self._packages for drawing in read_drawings(package, fetch(package, cache))]
        drawings = render_all(found, self.rendered, self._settings.size)
        shapes = self._shapes(drawings)
        self._joined = joined_names(drawings, shapes)
        for brand, members in tqdm(brand_of_each(drawings, self._joined).items(), desc="writing", unit="brand"):
            kept = [members[i] for i in family_of([shapes[j] for j in members])]
            family = [self._written(drawings[index], brand, shapes[index], self._packages) for index in kept]
            designs = np.array([design_of(brand, drawings[index].stem) for index in kept])
            one = one_design([shapes[index] for index in kept]) & (designs[:, None] == designs)
            alike = np.argwhere(np.triu(one, k=1)).tolist()
            self.pairs += [(family[a], family[b], _kind(family[a], family[b])) for a, b in alike]
            self._shown += [(row, shapes[index]) for row, index in zip(family, kept, strict=True)]
            self._families[brand] = [(row, drawings[index]) for row, index in zip(family, kept, strict=True)]
            self._editor.take(brand, self._families[brand])

    def add_lockups(self) -> None:
        """The brands' names in letters: those that hold the symbol beside it, and wordmarks without one."""
        cache = self._settings.cache
        found = [drawing for package in self._packages for drawing in read_lettering(package, fetch(package, cache))]
        brand_of: dict[str, str] = {}
        for drawing in tqdm(found, desc="lockups", unit="mark"):
            brand = self._joined.get(drawing.brand, drawing.brand)
            family = self._families.get(brand, [])
            rgba = drawn_large(drawing.svg, self._settings.size)
            if rgba is None:
                continue
            symbol = self._symbol_in(rgba, family, drawing)
            if symbol is None and family and not _is_lettering(rgba):
                continue  # another design, of which nothing is known
            if brand_of.setdefault(hashlib.sha256(rgba.tobytes()).hexdigest(), brand) != brand:
                continue  # two brands of one owner share a wordmark: one file in two families says nothing
            row = self._written(drawing, brand, shape_of(rgba), self._packages, rgba)
            if symbol is not None:
                self.pairs.append((symbol, row, LOCKUP))

    def _symbol_in(self, rgba: NDArray[np.uint8], family: Sequence[tuple[Row, Drawing]], lockup: Drawing) -> Row | None:
        """The drawing of a family that a lockup holds; one of the same package is asked first."""
        own_first = sorted(family, key=lambda member: member[1].set != lockup.set)
        for row, drawing in own_first:
            symbol = open_picture(self.rendered / f"{drawing.stem}.png")
            if place_of(on_white(symbol), on_white(rgba)) is not None:
                return row
        return None

    def add_motifs(self, packages: Sequence[Package]) -> None:
        """Drawings of one motif by several hands, and which of them show one concept."""
        cache = self._settings.cache
        found = [drawing for package in packages for drawing in read_motifs(package, fetch(package, cache))]
        drawings = render_all(found, self.rendered, self._settings.size)
        shapes = self._shapes(drawings)
        by_motif: dict[str, list[int]] = defaultdict(list)
        for index, drawing in enumerate(drawings):
            by_motif[drawing.brand].append(index)
        for motif, members in sorted(by_motif.items()):
            silhouettes = np.stack([shapes[index].silhouette for index in members])
            apart = np.triu(overlaps(silhouettes, silhouettes), k=1).max(axis=0) <= SAME_TRACING
            kept = [index for index, new in zip(members, apart, strict=True) if new]
            family = [self._written(drawings[index], motif, shapes[index], packages) for index in kept]
            self.graded += [(a, b, CONCEPT) for a, b in combinations(family, 2) if a.set != b.set]
            self._editor.take(motif, [(row, drawings[index]) for row, index in zip(family, kept, strict=True)])

    def add_edited(self) -> list[RowPair]:
        """Lookalikes, invented words, rasters; returns the hard pairs."""
        rasters = self._editor.rasters([[row for row, _ in family] for family in self._families.values()])
        edited = self._editor.lookalikes()
        shared, with_own, sharing = self._editor.sharing()
        words, alike, one_face = self._editor.words(self._settings.words)
        self.rows += [*rasters[0], *edited[0], *shared, *words]
        self.pairs += [*rasters[1], *edited[1], *with_own, *alike]
        letters = alphabet(self._typefaces)
        return [*hard_pairs(self._shown, self._settings.out, letters), *sharing, *one_face]

    def _shapes(self, drawings: Sequence[Drawing]) -> list[Shape]:
        bar = tqdm(drawings, desc="comparing", unit="mark")
        return [shape_of(open_picture(self.rendered / f"{drawing.stem}.png")) for drawing in bar]

    def _written(
        self,
        drawing: Drawing,
        brand: str,
        shape: Shape,
        packages: Sequence[Package],
        rgba: NDArray[np.uint8] | None = None,
    ) -> Row:
        """A drawing's picture in the set's folder, and its row."""
        row = Row.of(drawing, brand, packages)
        if not (self._settings.out / row.path).exists():
            rgba = open_picture(self.rendered / f"{drawing.stem}.png") if rgba is None else rgba
            write_whole(self._settings.out / row.path, png_bytes(framed(rgba, self._settings.size, shape)))
        self.rows.append(row)
        return row


def _is_lettering(rgba: NDArray[np.uint8]) -> bool:
    return lettering(frame_mark(on_white(rgba)).pixels) > MOST_LETTERING


def _kind(first: Row, second: Row) -> str:
    return "redrawn" if first.set != second.set else "another version"


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
            "words": settings.words,
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
