"""Lookalikes of the drawings of a set, written beside them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from inference.files import png_bytes, write_whole
from training.data.marks import lettering
from training.data.marks.edits import (
    BESIDE_WORD,
    FRAMED,
    TAKES_AN_ELEMENT,
    beside_word,
    edits,
    framed_alike,
    glyph_changed,
)
from training.data.marks.elements import Elements, as_svg, possible, read_elements
from training.data.marks.frames import FRAMES
from training.data.marks.packages import SPLIT_SALT, SPLITS, Drawing, split_of
from training.data.marks.raster_styles import STYLES, on_web
from training.data.marks.rasters import drawn_large, framed
from training.data.marks.rows import EDITED, GLYPH, Row, RowPair
from training.data.marks.shapes import shape_of
from training.data.rendered.names import invented
from training.data.rendered.typefaces import Typefaces

LOG = logging.getLogger(__name__)
SAME_FRAME, SAME_LAYOUT = "same frame", "same layout"
_JPEG_QUALITY = 92
_RASTERS = {"train": 1, "val": 2, "test": 2}


class Editor:
    """Makes lookalikes of one plain drawing a brand, from elements of its own and of another brand of its split.

    What is made of a brand follows from its name, so that an interrupted build goes on alike.

    Args:
        out: The set's folder.
        size: Side of its pictures, in pixels.
        edited: Lookalikes of each drawing.
        typefaces: What words are set in.
    """

    def __init__(self, out: Path, size: int, edited: int, typefaces: Typefaces) -> None:
        self._out = out
        self._size = size
        self._edited = edited
        self._typefaces = typefaces
        self._taken: dict[str, dict[str, tuple[Row, Elements]]] = {split: {} for split in SPLITS}
        self._brand_of: dict[str, str] = {}

    def take(self, brand: str, family: Sequence[tuple[Row, Drawing]]) -> None:
        """Keep the first drawing of a brand that can be taken apart."""
        for row, drawing in family:
            elements = read_elements(drawing.svg)
            if elements is not None:
                self._taken[row.split][brand] = (row, elements)
                return

    def lookalikes(self) -> tuple[list[Row], list[RowPair]]:
        """Write all lookalikes: their rows, and their pairs with their kinds."""
        kinds = edits(self._typefaces)
        rows: list[Row] = []
        pairs: list[RowPair] = []
        for taken in self._taken.values():
            donors = [(donor, elements) for donor, (_, elements) in taken.items()]
            for brand, (row, own) in tqdm(taken.items(), desc="editing", unit="brand"):
                rng = generator(brand)
                usable = [kind for kind in (*kinds, GLYPH) if possible(kind, own)]
                for kind in rng.permutation(usable)[: self._edited].tolist():
                    donor, other = donors[int(rng.integers(len(donors)))]
                    if kind == GLYPH:
                        made = glyph_changed(own, self._typefaces, rng)
                        first, second = (self._write(row, f"word {n}", one) for n, one in enumerate(made, 1))
                    else:
                        second = self._write(row, kind, kinds[kind](own, other, rng))
                        if second is not None and kind in TAKES_AN_ELEMENT:
                            second = replace(second, donor=donor)
                        first = row
                    if first is not None and second is not None:
                        rows += [one for one in (first, second) if one is not row]
                        pairs.append((first, second, kind))
        return rows, pairs

    def sharing(self) -> tuple[list[Row], list[RowPair], list[RowPair]]:
        """Two brands in one frame, or beside words of one typeface: rows, similar pairs of each, and hard pairs."""
        rows: list[Row] = []
        pairs: list[RowPair] = []
        hard: list[RowPair] = []
        for split, taken in self._taken.items():
            brands = [*taken.values()]
            order = generator(f"{split} shared").permutation(len(brands)).tolist()
            for number, (a, b) in enumerate(zip(order[::2], order[1::2], strict=False)):
                both = brands[a], brands[b]
                kind = (SAME_FRAME, SAME_LAYOUT)[number % 2]
                made = [
                    self._write(row, kind, drawn)
                    for (row, _), drawn in zip(both, self._shared(kind, both), strict=True)
                ]
                for (row, _), new in zip(both, made, strict=True):
                    if new is not None:
                        rows.append(new)
                        pairs.append((row, new, FRAMED if kind == SAME_FRAME else BESIDE_WORD))
                if made[0] is not None and made[1] is not None:
                    hard.append((made[0], made[1], kind))
        return rows, pairs, hard

    def _shared(self, kind: str, both: Sequence[tuple[Row, Elements]]) -> list[Elements]:
        seed = f"{both[0][0].brand} {both[1][0].brand}"
        if kind == SAME_FRAME:
            frame = str(generator(seed).choice([*FRAMES]))
            # The same coin for both, so that their frames are one.
            return [framed_alike(elements, frame, generator(seed)) for _, elements in both]
        rng = generator(seed)
        face, above = str(rng.choice(lettering.faces_of(both[0][0].split))), bool(rng.random() < 0.3)
        return [beside_word(elements, invented(rng), face, above, self._typefaces) for _, elements in both]

    def words(self, count: int) -> tuple[list[Row], list[RowPair], list[RowPair]]:
        """So many invented wordmarks: rows, pairs that read or look alike, and hard pairs in one typeface."""
        rows: list[Row] = []
        pairs: list[RowPair] = []
        hard: list[RowPair] = []
        for number in tqdm(range(count), desc="lettering", unit="word"):
            brand = f"word{number:04d}"
            split = split_of(brand)
            rng = generator(brand)
            template = Row("", brand, EDITED, brand, split, "CC0-1.0", "", "")
            own: Row | None = None
            for kind, mark in lettering.family(split, rng):
                row = self._write(template, kind or "word", lettering.drawn(mark, self._typefaces, rng))
                if row is None:
                    continue
                rows.append(row)
                if not kind:
                    own, first = row, mark
                elif own is not None:
                    pairs.append((own, row, kind))
            if own is not None:
                other = replace(template, brand=f"other{number:04d}")
                strange = lettering.stranger(first, rng)
                row = self._write(other, "word", lettering.drawn(strange, self._typefaces, rng))
                if row is not None:
                    rows.append(row)
                    hard.append((own, row, lettering.SAME_FACE))
        return rows, pairs, hard

    def rasters(self, families: Sequence[Sequence[Row]]) -> tuple[list[Row], list[RowPair]]:
        """Drawings as the web and the street show them, each beside a drawing of its brand."""
        rows: list[Row] = []
        pairs: list[RowPair] = []
        for family in tqdm(families, desc="rasters", unit="brand"):
            rng = generator(f"{family[0].brand} rasters")
            for style in rng.permutation([*STYLES])[: _RASTERS[family[0].split]].tolist():
                row = family[int(rng.integers(len(family)))]
                with Image.open(self._out / row.path) as picture:
                    drawing = np.asarray(picture.convert("RGB"))
                name = style.replace(" ", "-")
                path = f"{row.split}/{row.brand}/{EDITED}--{name}--{row.set}--{row.icon}.jpg"
                if not (self._out / path).exists():
                    encoded = cv2.imencode(
                        ".jpg", on_web(drawing, rng, style)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
                    )[1]
                    write_whole(self._out / path, encoded.tobytes())
                made = replace(row, path=path, set=EDITED, icon=f"{name}--{row.set}--{row.icon}")
                rows.append(made)
                pairs.append((family[0], made, style))
        return rows, pairs

    def _write(self, row: Row, kind: str, elements: Elements) -> Row | None:
        """An edited drawing beside the one it was made of; None where nothing of it shows.

        None, too, where another brand's has come out as the very same picture, such as a tile that nothing stands out
        from: one file in two families would be a dissimilar pair of one mark.
        """
        rgba = drawn_large(as_svg(elements), self._size)
        if rgba is None:
            return None
        kind = kind.replace(" ", "-")
        path = f"{row.split}/{row.brand}/{EDITED}--{kind}--{row.set}--{row.icon}.png"
        content = png_bytes(framed(rgba, self._size, shape_of(rgba)))
        if self._brand_of.setdefault(hashlib.sha256(content).hexdigest(), row.brand) != row.brand:
            LOG.info("%s is the same picture as one of another brand, and left out", path)
            return None
        if not (self._out / path).exists():
            write_whole(self._out / path, content)
        return replace(row, path=path, set=EDITED, icon=f"{kind}--{row.set}--{row.icon}")


def generator(name: str) -> np.random.Generator:
    """Chance that follows from a name."""
    return np.random.default_rng(list(hashlib.sha256(f"{SPLIT_SALT}:{name}".encode()).digest()[:8]))
