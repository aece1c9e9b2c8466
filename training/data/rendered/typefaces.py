"""The typefaces of the rendered parts: published under the Open Font License, fetched from npm, pinned."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from fontTools.pens.areaPen import AreaPen
from fontTools.pens.basePen import BasePen
from fontTools.ttLib import TTFont
from matplotlib.path import Path as Curve
from numpy.typing import NDArray

from training.data.npm import CACHE, NpmPackage, PackageRefused, fetch

Polygon = NDArray[np.float32]


@dataclass(frozen=True)
class Typeface(NpmPackage):
    """One weight of a typeface.

    Attributes:
        name: What specifications call it.
        file: The font's path inside the tarball.
    """

    name: str
    file: str


def fontsource(name: str, family: str, weight: int, sha256: str, version: str = "5.3.0") -> Typeface:
    """A typeface of Fontsource: its name here, its family there, its weight and the SHA-256 of its tarball."""
    file = f"package/files/{family}-latin-{weight}-normal.woff"
    return Typeface(f"@fontsource/{family}", version, sha256, name, file)


TYPEFACES = (
    fontsource("Cinzel", "cinzel", 600, "b80629f715b4603fd099c0ceaa94cc7a15308a75a9cf52f0613a312ee6d53c28"),
    fontsource("Marcellus", "marcellus", 400, "414f6e9a43d642ae1251ee79d74af1e3eeaf1d1b6bb6113e2b02504ce207f121"),
    fontsource("Forum", "forum", 400, "021b1ba77b6d7506de5b372d627ba8d513a67dc13a8f1ba9f56ef398b8bb6acc"),
    fontsource("Cormorant", "cormorant-sc", 700, "51d428d8ab8419fe87e4370e057f80ca82a07142df70ee667596a698d70ce040"),
    fontsource("Bodoni", "bodoni-moda", 600, "e79339978034bf8891a0f0eb4ef54551b6fd52df3c03bd29de00c1d9a9663406"),
    fontsource("Playfair", "playfair-display", 500, "564e61951ecc3e962793cd50395f718cda6350cb934f9000dbe0139c768dc023"),
    fontsource("Didot", "gfs-didot", 400, "4caf18278fd4abbbe246ecba38fac2b33c4dd675eb428e0ce61e294f4e6d4b9f"),
    fontsource(
        "Old Standard", "old-standard-tt", 700, "21aa9a282a2d5643bb538da8886d69283aeed096d81d31ebc81fd84230564878"
    ),
    fontsource("Jost", "jost", 500, "c09334afaca948bbb5a674998a9fbcfbd8a8f5dd07eeceb6389357658d93fadf"),
    fontsource("Outfit", "outfit", 400, "1060497f324868b0a2173b6834248d48859faac5664184ec4c15aee0586fad8d"),
    fontsource("Montserrat", "montserrat", 500, "919dce59bbe45ace8a517c1e9de5076282bfeb97e8aa8f5f2dc989451c14c7cb"),
    fontsource("Urbanist", "urbanist", 500, "168782ccb6490682e711c53925eb2f432988bfe86847447e2741f03abba8eb9d"),
    fontsource("Garamond", "eb-garamond", 600, "2e61af0740104953d4fc5cb52a8c6de257ae6d83a4a89e0fd4be2f6132fd40d9"),
    fontsource("Crimson", "crimson-text", 600, "9ca1f89ed823a36d15fdb8d4883798955cd43b4ead4a15b305e76cf8429f0ca4"),
    fontsource("Caslon", "libre-caslon-text", 400, "0dbd17c7fb3403fb5325bb4ea4bfb2dd74e2180439a67db67ad599e536982a7c"),
)
"""All under the SIL Open Font License 1.1."""


@dataclass(frozen=True)
class Glyph:
    """A letter's outline in cap heights: x rightwards from where the letter starts, y downwards from the baseline.

    Attributes:
        filled: Closed polygons of what is ink, float32 (n, 2); they may overlap.
        cut: Closed polygons of what is cut out of their union, float32 (n, 2).
        advance: Width it takes in a line.
    """

    filled: tuple[Polygon, ...]
    cut: tuple[Polygon, ...]
    advance: float


class Typefaces:
    """Glyphs by typeface and letter: `glyph(name, letter)`, drawn once.

    Args:
        cache: Folder of the fetched packages.
        typefaces: What there is.

    Raises:
        PackageRefused: when a glyph is asked for whose package cannot be had.
    """

    def __init__(self, cache: Path = CACHE, typefaces: Sequence[Typeface] = TYPEFACES) -> None:
        self._cache = cache
        self._typefaces = {typeface.name: typeface for typeface in typefaces}
        self._font = lru_cache(maxsize=None)(self._open)
        self.glyph = lru_cache(maxsize=None)(self._glyph)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, as listed."""
        return tuple(self._typefaces)

    def fetch(self) -> None:
        """Fetch whatever is missing, so that nothing is fetched half way through a long run."""
        for typeface in self._typefaces.values():
            fetch(typeface, self._cache)

    def _open(self, name: str) -> TTFont:
        typeface = self._typefaces[name]
        with tarfile.open(fetch(typeface, self._cache)) as archive:
            file = archive.extractfile(typeface.file) if typeface.file in archive.getnames() else None
            if file is None:
                msg = f"{typeface.npm} {typeface.version} holds no {typeface.file}; correct where {name} is listed."
                raise PackageRefused(msg)
            return TTFont(io.BytesIO(file.read()))

    def _glyph(self, name: str, letter: str) -> Glyph:
        """Outline of a letter of a typeface."""
        font = self._font(name)
        glyphs, characters = font.getGlyphSet(), font.getBestCmap()
        capital = _Outline(glyphs)
        glyphs[characters[ord("H")]].draw(capital)
        cap = max(polygon[:, 1].max() for polygon in capital.polygons())
        outline, area = _Outline(glyphs), AreaPen(glyphs)
        glyph = glyphs[characters[ord(letter)]]
        glyph.draw(outline)
        glyph.draw(area)
        ink = np.sign(area.value)
        filled: list[Polygon] = []
        cut: list[Polygon] = []
        for polygon in outline.polygons():
            scaled = (polygon / np.array([cap, -cap])).astype(np.float32)
            (filled if np.sign(_area(polygon)) == ink else cut).append(scaled)
        return Glyph(tuple(filled), tuple(cut), float(glyph.width / cap))


class _Outline(BasePen):
    """A pen that keeps a glyph's curves, to flatten them."""

    def __init__(self, glyphs: Any) -> None:
        super().__init__(glyphs)
        self._points: list[tuple[float, float]] = []
        self._codes: list[int] = []

    def polygons(self) -> list[NDArray[np.float64]]:
        """Every closed curve in font units, (n, 2)."""
        if not self._points:
            return []
        # A thousand units a cap height: flattened to a unit, far finer than any photo.
        return [np.asarray(polygon) for polygon in Curve(self._points, self._codes).to_polygons()]

    def _moveTo(self, point: tuple[float, float]) -> None:  # noqa: N802 - the library's names
        self._add(Curve.MOVETO, point)

    def _lineTo(self, point: tuple[float, float]) -> None:  # noqa: N802
        self._add(Curve.LINETO, point)

    def _curveToOne(self, *points: tuple[float, float]) -> None:  # noqa: N802
        for point in points:
            self._add(Curve.CURVE4, point)

    def _closePath(self) -> None:  # noqa: N802
        self._add(Curve.CLOSEPOLY, (0, 0))

    def _add(self, code: Any, point: tuple[float, float]) -> None:
        self._codes.append(code)
        self._points.append(point)


def _area(polygon: NDArray[np.float64]) -> float:
    """Signed area, positive counter-clockwise with y upwards."""
    x, y = polygon.T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)
