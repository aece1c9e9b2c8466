"""The typefaces that the rendered parts name, stood in for by matplotlib's own: nothing is fetched."""

from __future__ import annotations

import hashlib
import io
import string
import tarfile
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pytest
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from training.data.rendered.typefaces import TYPEFACES, Typeface, Typefaces

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
LETTERS = string.ascii_uppercase


def packed(typeface: Typeface, font: TTFont, cache: Path) -> Typeface:
    """The typeface as listed, with the digest of a tarball in the cache that holds this font in its place."""
    font.flavor = "woff"
    woff, tarball = io.BytesIO(), io.BytesIO()
    font.save(woff)
    with tarfile.open(fileobj=tarball, mode="w:gz") as archive:
        entry = tarfile.TarInfo(typeface.file)
        entry.size = len(woff.getvalue())
        archive.addfile(entry, io.BytesIO(woff.getvalue()))
    cache.mkdir(parents=True, exist_ok=True)
    (cache / typeface.tarball).write_bytes(tarball.getvalue())
    return replace(typeface, sha256=hashlib.sha256(tarball.getvalue()).hexdigest())


def stand_in(name: str) -> TTFont:
    """The letters that the parts need, from one of matplotlib's typefaces."""
    font = TTFont(Path(mpl.get_data_path(), "fonts", "ttf", f"{name}.ttf"))
    options = Options()
    options.layout_features, options.hinting, options.notdef_outline = [], False, True
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "FFTM", "kern", "MATH"]
    letters = Subsetter(options)
    letters.populate(text=LETTERS)
    letters.subset(font)
    return font


@pytest.fixture(scope="session")
def font_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("typefaces")


@pytest.fixture(scope="session")
def listed(font_cache: Path) -> tuple[Typeface, ...]:
    """The listed typefaces, all of them in the cache."""
    return tuple(packed(typeface, stand_in(STAND_INS[typeface.name]), font_cache) for typeface in TYPEFACES)


@pytest.fixture(scope="session")
def typefaces(listed: tuple[Typeface, ...], font_cache: Path) -> Typefaces:
    return Typefaces(font_cache, listed)
