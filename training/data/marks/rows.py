"""What is said of a drawing in a built set, and of a pair of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.data.marks.packages import Drawing, Package, split_of

EDITED, GLYPH, LOCKUP = "edited", "glyph changed", "lockup"


@dataclass(frozen=True)
class SplitCount:
    """What one split holds.

    Attributes:
        brands: Brands, each with one family of drawings.
        drawings: Pictures.
        brands_with_pairs: Brands with two drawings or more.
        similar_pairs: Unordered pairs of drawings of one brand that show one design.
    """

    brands: int
    drawings: int
    brands_with_pairs: int
    similar_pairs: int


@dataclass(frozen=True)
class Row:
    """A line of the manifest.

    Attributes:
        path: Of the picture, relative to the manifest, with forward slashes.
        brand: Whose mark it is, in [a-z0-9].
        set: Short name of the package.
        icon: Name of the icon in it.
        split: train, val or test.
        licence: SPDX name of the drawing's licence.
        package: The package's name on npm.
        version: The package's version.
        donor: The brand that an edited drawing bears an element of; empty for any other.
    """

    path: str
    brand: str
    set: str
    icon: str
    split: str
    licence: str
    package: str
    version: str
    donor: str = ""

    @classmethod
    def of(cls, drawing: Drawing, brand: str, packages: Sequence[Package]) -> Row:
        """The line for a drawing that was found to belong to `brand`."""
        split = split_of(brand)
        package = next(package for package in packages if package.set == drawing.set)
        path = f"{split}/{brand}/{drawing.stem}.png"
        return cls(path, brand, drawing.set, drawing.icon, split, package.licence, package.npm, package.version)


RowPair = tuple[Row, Row, str]
"""Two rows and the kind of their pair."""
