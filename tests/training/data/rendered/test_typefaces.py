"""Typefaces: outlines are read alike whatever the font's format, and what is ink is told from what is cut out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

from inference.records import Refusal
from training.data.rendered.house import PARTS
from training.data.rendered.stand_ins import packed
from training.data.rendered.typefaces import TYPEFACES, Polygon, Typeface, Typefaces

Box = tuple[int, int, int, int]
CAP = 500


def outline(pen: TTGlyphPen | T2CharStringPen, filled: list[Box], cut: list[Box], clockwise: bool) -> None:
    """Boxes (left, bottom, right, top), those that are filled drawn clockwise or not, the others the other way."""
    for boxes, turned in ((filled, clockwise), (cut, not clockwise)):
        for left, bottom, right, top in boxes:
            corners = [(left, bottom), (left, top), (right, top), (right, bottom)]
            first, *others = corners if turned else corners[::-1]
            pen.moveTo(first)
            for corner in others:
                pen.lineTo(corner)
            pen.closePath()


def boxed_font(truetype: bool, clockwise: bool) -> TTFont:
    """A font with an H of three overlapping bars and an O with a counter; cap height 500, advance 600."""
    drawings: dict[str, tuple[list[Box], list[Box]]] = {
        ".notdef": ([], []),
        "H": ([(50, 0, 150, CAP), (450, 0, 550, CAP), (100, 200, 500, 300)], []),
        "O": ([(50, 0, 550, CAP)], [(150, 100, 450, 400)]),
    }
    builder = FontBuilder(1000, isTTF=truetype)
    builder.setupGlyphOrder(list(drawings))
    builder.setupCharacterMap({ord(name): name for name in ("H", "O")})
    glyphs = {}
    for name, (filled, cut) in drawings.items():
        pen = TTGlyphPen(None) if truetype else T2CharStringPen(600, None)
        outline(pen, filled, cut, clockwise)
        glyphs[name] = pen.glyph() if truetype else pen.getCharString()
    if truetype:
        builder.setupGlyf(glyphs)
    else:
        builder.setupCFF("Boxed", {}, glyphs, {})
    builder.setupHorizontalMetrics({".notdef": (600, 0), "H": (600, 50), "O": (600, 50)})
    builder.setupHorizontalHeader()
    builder.setupNameTable({"familyName": "Boxed"})
    builder.setupOS2()
    builder.setupPost()
    return builder.font


def box_of(polygon: Polygon) -> tuple[float, ...]:
    return tuple((CAP * np.concatenate([polygon.min(0), polygon.max(0)])).round(2).tolist())


@pytest.mark.parametrize("clockwise", [True, False], ids=["clockwise", "counter-clockwise"])
@pytest.mark.parametrize("truetype", [True, False], ids=["TrueType", "CFF"])
def test_ink_and_counters_are_told_apart_whichever_way_they_are_drawn(
    truetype: bool, clockwise: bool, tmp_path: Path
) -> None:
    typeface = packed(TYPEFACES[0], boxed_font(truetype, clockwise), tmp_path)
    typefaces = Typefaces(tmp_path, [typeface])
    bars, ring = typefaces.glyph("Cinzel", "H"), typefaces.glyph("Cinzel", "O")
    # y points down from the baseline, and one cap height is 1.
    assert sorted(map(box_of, bars.filled)) == [(50, -500, 150, 0), (100, -300, 500, -200), (450, -500, 550, 0)]
    assert bars.cut == ()
    assert [box_of(polygon) for polygon in ring.filled] == [(50, -500, 550, 0)]
    assert [box_of(polygon) for polygon in ring.cut] == [(150, -400, 450, -100)]
    assert (bars.advance, ring.advance) == (1.2, 1.2)
    assert {polygon.dtype for polygon in (*ring.filled, *ring.cut)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", [typeface.name for typeface in TYPEFACES])
def test_counters_lie_inside_the_ink(name: str, typefaces: Typefaces) -> None:
    counters = {letter: len(typefaces.glyph(name, letter).cut) for letter in "ORPVN"}
    assert counters == {"O": 1, "R": 1, "P": 1, "V": 0, "N": 0}
    letter = typefaces.glyph(name, "O")
    (filled,), (cut,) = letter.filled, letter.cut
    assert (filled.min(0) < cut.min(0)).all()
    assert (filled.max(0) > cut.max(0)).all()


def test_a_curve_is_flattened_finely(typefaces: Typefaces) -> None:
    """No chord of the O strays from its curve by more than a hundredth of a pixel at 78 pixels a cap height."""
    (ring,) = typefaces.glyph("Jost", "O").filled
    chords = np.diff(ring, axis=0, append=ring[:1])
    turns = np.arctan2(*chords[np.hypot(*chords.T) > 1e-6].T[::-1])
    bends = np.abs((np.diff(turns) + np.pi) % (2 * np.pi) - np.pi)
    assert (np.hypot(*chords.T)[:-1].max() * bends.max() / 8) * 78 < 1


def test_every_typeface_that_a_part_names_is_listed_with_a_digest_of_its_own() -> None:
    named = {
        name
        for part in PARTS.values()
        for series in part.series
        for name in (
            series.specification.house.typeface,
            series.specification.second.typeface,
            *(hand.lookalike for hand in series.counterfeiters if hand.lookalike),
        )
    }
    assert named == {typeface.name for typeface in TYPEFACES}
    assert len({typeface.sha256 for typeface in TYPEFACES}) == len(TYPEFACES)
    assert all(len(typeface.sha256) == 64 for typeface in TYPEFACES)


def test_fetching_takes_what_lies_in_the_cache(
    listed: tuple[Typeface, ...], font_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    Typefaces(font_cache, listed).fetch()
    with pytest.raises(Refusal, match=r"@fontsource/cinzel .*SHA-256"):
        Typefaces(font_cache).fetch()


def test_a_font_that_is_not_in_its_package_is_refused(listed: tuple[Typeface, ...], font_cache: Path) -> None:
    elsewhere = replace(listed[0], file="package/files/cinzel.woff")
    with pytest.raises(Refusal, match=r"@fontsource/cinzel 5\.3\.0 holds no package/files/cinzel\.woff"):
        Typefaces(font_cache, [elsewhere]).glyph("Cinzel", "O")
