"""Matplotlib's own typefaces in place of the listed ones: so a set is rendered where nothing can be fetched."""

from __future__ import annotations

import hashlib
import io
import logging
import string
import tarfile
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from inference.files import write_whole
from training.data.rendered.typefaces import TYPEFACES, Typeface

STAND_INS = {
    "Cinzel": "DejaVuSerif",
    "Marcellus": "STIXGeneral",
    "Forum": "cmr10",
    "Cormorant": "STIXGeneralItalic",
    "Bodoni": "STIXGeneralBol",
    "Playfair": "cmb10",
    "Didot": "cmti10",
    "Old Standard": "DejaVuSerif-Bold",
    "Jost": "DejaVuSans",
    "Outfit": "DejaVuSans-Bold",
    "Montserrat": "DejaVuSansMono",
    "Urbanist": "cmss10",
    "Garamond": "DejaVuSerif-Italic",
    "Crimson": "cmtt10",
    "Caslon": "DejaVuSans-Oblique",
}
"""Of each listed typeface, the file of matplotlib's that stands in for it."""
LETTERS = string.ascii_uppercase
"""The letters that the parts need."""


def stood_in(cache: Path) -> tuple[Typeface, ...]:
    """The listed typefaces, each stood in for; their packages lie in the cache afterwards."""
    return tuple(packed(typeface, stand_in(STAND_INS[typeface.name]), cache) for typeface in TYPEFACES)


def packed(typeface: Typeface, font: TTFont, cache: Path) -> Typeface:
    """The typeface as listed, with the digest of a tarball in the cache that holds this font in its place."""
    font.flavor = "woff"
    woff, tarball = io.BytesIO(), io.BytesIO()
    font.save(woff)
    with tarfile.open(fileobj=tarball, mode="w:gz") as archive:
        entry = tarfile.TarInfo(typeface.file)
        entry.size = len(woff.getvalue())
        archive.addfile(entry, io.BytesIO(woff.getvalue()))
    write_whole(cache / typeface.tarball, tarball.getvalue())
    return replace(typeface, sha256=hashlib.sha256(tarball.getvalue()).hexdigest())


def stand_in(name: str) -> TTFont:
    """The letters that the parts need, from one of matplotlib's typefaces."""
    # It tells of each table that it leaves alone.
    logging.getLogger("fontTools.subset").setLevel(logging.WARNING)
    font = TTFont(Path(mpl.get_data_path(), "fonts", "ttf", f"{name}.ttf"))
    options = Options()
    options.layout_features, options.hinting, options.notdef_outline = [], False, True
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "FFTM", "kern", "MATH"]
    letters = Subsetter(options)
    letters.populate(text=LETTERS)
    letters.subset(font)
    return font
