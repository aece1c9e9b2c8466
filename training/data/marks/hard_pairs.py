"""Drawings of two brands that resemble each other in one respect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from training.data.marks.designs import SAME_SHAPE, SAME_TRACING, letter_of, names_alike
from training.data.marks.packages import SPLITS
from training.data.marks.rasters import main_colours
from training.data.marks.rows import Row, RowPair
from training.data.marks.shapes import Shape, overlaps


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
