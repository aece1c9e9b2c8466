"""A set of real trademarks: the same brand as several icon packages have drawn it, each in its own hand.

Two drawings of one brand are a similar pair, drawings of two brands a dissimilar one. To these come lookalikes made
on the drawings, each pair with its kind, and dissimilar pairs that are hard, each with the reason. The packages
are fetched with the npm client at a pinned version and checked against a pinned hash. What is
called one brand is decided over all packages together, and so is the split, which goes by brand:
no mark is met again under test. The same versions of resvg-py and Pillow build the same folder.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import re
import shutil
import string
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from tqdm import tqdm

from inference.files import png_bytes, write_whole
from inference.groups import connected_groups
from inference.records import Refusal
from training.data.mark_edits import (
    TAKES_AN_ELEMENT,
    Elements,
    as_svg,
    edits,
    fitted,
    glyph_changed,
    possible,
    read_elements,
    word,
)
from training.data.npm import CACHE, NpmPackage, fetch
from training.data.rendered.typefaces import Typefaces

LOG = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
SPLIT_SALT = "assay marks 1"
"""The seed of the split: SHA-256 of this and the brand's name decides. Never change it, or brands move."""

MARGIN = 1 / 16
"""White kept on each side of the picture, as a fraction of its side."""
LARGEST_CANVAS = 16
"""No drawing is rasterised on more than this many times the side it is kept at."""
WHITE, DARK_GREY = (255, 255, 255), (64, 64, 64)
"""What drawings are laid on: white, or this grey where the drawing itself is white."""

LOOK_SIDE = 64
"""Side of the squares in which silhouettes and contours are compared, in pixels."""
SAME_TRACING = 0.97
"""Above this IoU of the silhouettes two drawings are one tracing, published twice."""
SAME_DESIGN = 0.30
"""From this IoU on two drawings can show one design; a symbol and a wordmark stay below it."""
SAME_CONTOURS = 0.10
"""From this correlation of the contours on they do; other designs of one name stay below it."""
SAME_SHAPE = 0.70
"""From this IoU on they do whatever their contours, as a solid and an outlined drawing."""
SAME_MARK = 0.90
"""Above this agreement (the lesser of silhouette IoU and contour correlation) two names are one brand."""
SAME_MARK_LIKE_NAMES = 0.60
"""The same where one name begins or ends with the other, as "ember" and "emberjs" do."""

OTHER_DESIGNS: dict[str, list[list[str]]] = json.loads(Path(__file__).with_name("other_designs.json").read_text())
"""By brand: groups of drawings that show another design than its rest, which no measure of shape tells apart.

A relaunched mark, a second symbol. Judged once, by eye and before any training on this list, among the 372 brands with
a pair whose contours correlate by less than .3 and whose silhouettes overlap by less than .8, or .4 whatever the
contours. Drawings of two groups are no similar pair, and as marks of one brand no dissimilar one."""

RENDERING_WORDS = frozenset(
    {"original", "plain", "line", "stroke", "icon", "logo", "color", "colour", "mono", "dark", "light"}
    | {"block", "solid", "fill", "square", "circle", "alt", "cn"}
)
"""Last words of an icon's name that say how it is drawn, not whose it is."""
LETTERING_WORDS = frozenset({"wordmark", "text", "brand", "horizontal"})
"""Last words of an icon's name that say it is, or holds, the brand's name in letters."""

SAME_LETTER = 0.60
"""From this agreement with a capital of a typeface on a drawing is that letter."""
LETTER_FACES = ("Jost", "Montserrat", "Garamond")

EDITED, GLYPH = "edited", "glyph changed"
SHEET_ROWS, SHEET_COLUMNS, SHEET_CELL, SHEET_PAIRS = 40, 8, 96, 7


class MarksRefusal(Refusal):
    """A mark set that cannot be built as asked, and why."""


@dataclass(frozen=True)
class Package(NpmPackage):
    """A published icon package at one version.

    Attributes:
        licence: SPDX name of the licence of the drawings.
        author: Who drew it.
        set: The short name it has in this set; no two packages share one.
        svg_folder: Folder of its SVG files inside the tarball; None where it is one Iconify icons.json.
    """

    licence: str
    author: str
    set: str
    svg_folder: str | None = None


PACKAGES = (
    Package(
        "@iconify-json/logos",
        "1.2.19",
        "1e8907c088bbf02eab8ee1b28f37e68ef22c380f2fb579ff99736b8ce5abf13a",
        "CC0-1.0",
        "Gil Barbara",
        "logos",
    ),
    Package(
        "@iconify-json/devicon",
        "1.2.68",
        "5b5469af72fbe9aecb3b3c941931af967d0901a8deeff7c48ff4a3f0af2dde0c",
        "MIT",
        "the devicons authors",
        "devicon",
    ),
    Package(
        "@lobehub/icons-static-svg",
        "1.95.1",
        "fc2a063f9c5db18f6b3f27a62670c95a9e767cc45ba7bbe5d949f9f9af090fc3",
        "MIT",
        "LobeHub",
        "lobehub",
        svg_folder="package/icons",
    ),
    Package(
        "@cardog-icons/core",
        "1.2.0",
        "e815d497f01adaa4340bdb7fb305020ee8509d22c87fa73965b0bca75747db02",
        "MIT",
        "Cardog",
        "cardog",
        svg_folder="package/optimized",
    ),
    Package(
        "super-tiny-icons",
        "0.6.0",
        "ef73c510abd3bd934e2c98cae2f6b9fcd8d04435fa2b9715435009b48bd51fcf",
        "MIT",
        "Terence Eden and contributors",
        "super-tiny-icons",
        svg_folder="package/images/svg",
    ),
    Package(
        "@iconify-json/skill-icons",
        "1.2.4",
        "98bdbeed5290e48e87d206aa764e79db853cf16b192711a178c5b0fa963c8116",
        "MIT",
        "tandpfun",
        "skill-icons",
    ),
    Package(
        "@iconify-json/simple-icons",
        "1.2.102",
        "b3e23d3c623db2383b57cbed3d18b8e7e23f2ebc0bfc41ab054b82aba90f4c78",
        "CC0-1.0",
        "the Simple Icons collaborators",
        "simple-icons",
    ),
    Package(
        "@iconify-json/streamline-logos",
        "1.2.0",
        "8d933e2ab3a0788639391b98438fd182aad72922d6ce57d502a8ddb8a0cc6eb8",
        "CC-BY-4.0",
        "Streamline",
        "streamline-logos",
    ),
    Package(
        "@iconify-json/cib",
        "1.2.3",
        "0d6efc2ec141f4b23422134a59a092a2e7e9f1fc7ecb08b81986159a5b868ac4",
        "CC0-1.0",
        "CoreUI",
        "cib",
    ),
    Package(
        "@iconify-json/fa7-brands",
        "1.2.4",
        "74351f10b340cf177369363ba2fd7eaed6aea7c3c6b6a2bd8849382cd8dd6198",
        "CC-BY-4.0",
        "Font Awesome (Fonticons, Inc.)",
        "fa7-brands",
    ),
    Package(
        "@iconify-json/bxl",
        "1.2.4",
        "d4216d9156f484a3ca8ecc6478dfb567d63142e2246db6629a5855842b0b442d",
        "MIT",
        "Boxicons",
        "bxl",
    ),
)
"""In order of preference: of one tracing published twice, the earlier package's is kept."""


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
class Drawing:
    """One brand mark as one package draws it.

    Attributes:
        brand: Normalised name of the brand.
        set: Short name of the package.
        icon: Name of the icon in it, in [a-z0-9-].
        svg: Its source.
    """

    brand: str
    set: str
    icon: str
    svg: str

    @property
    def stem(self) -> str:
        """File name without its ending; no two drawings share one."""
        return f"{self.set}--{self.icon}"


@dataclass(frozen=True)
class Look:
    """What a drawing looks like, as far as families are concerned.

    Attributes:
        silhouette: bool (64, 64), the mark without its tile, cropped to its extent and centred.
        contours: float32 (4096,), where colours change in the mark without its tile, zero mean and unit
            length: the dot product of two is their correlation.
        coloured: Whether it has a hue at all.
        white: Whether it would be lost on white paper.
    """

    silhouette: NDArray[np.bool_]
    contours: NDArray[np.float32]
    coloured: bool
    white: bool


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
    drawings = _render_all(drawings, rendered, settings.size)
    looks = [look_of(_open(rendered / f"{d.stem}.png")) for d in tqdm(drawings, desc="comparing", unit="mark")]
    rows: list[Row] = []
    pairs: list[RowPair] = []
    shown: list[tuple[Row, Look]] = []
    editor = Editor(settings)
    for brand, members in tqdm(_brands(drawings, looks).items(), desc="writing", unit="brand"):
        kept = [members[i] for i in family_of([looks[j] for j in members])]
        family: list[Row] = []
        for index in kept:
            drawing, look = drawings[index], looks[index]
            row = Row.of(drawing, brand, packages)
            if not (settings.out / row.path).exists():
                picture = _framed(_open(rendered / f"{drawing.stem}.png"), settings.size, look)
                write_whole(settings.out / row.path, png_bytes(picture))
            family.append(row)
        designs = np.array([design_of(brand, drawings[index].stem) for index in kept])
        one = one_design([looks[index] for index in kept]) & (designs[:, None] == designs)
        alike = np.argwhere(np.triu(one, k=1)).tolist()
        pairs += [(family[a], family[b], _kind(family[a], family[b])) for a, b in alike]
        rows += family
        shown += [(row, looks[index]) for row, index in zip(family, kept, strict=True)]
        editor.take(brand, [(row, drawings[index]) for row, index in zip(family, kept, strict=True)])
    hard: list[RowPair] = []
    if settings.edited:
        edited, likenesses = editor.make()
        rows, pairs = rows + edited, pairs + likenesses
        hard = hard_pairs(shown, settings.out, alphabet(editor.typefaces))
    counts = _write_records(rows, pairs, hard, settings.out, packages)
    shutil.rmtree(rendered)
    report = {
        "splits": {split: asdict(count) for split, count in counts.items()},
        "similar": _counted(pairs),
        "dissimilar": _counted(hard),
    }
    write_whole(summary, json.dumps(report, indent=1).encode())
    return counts


def design_of(brand: str, stem: str) -> int:
    """Which design of its brand a drawing shows, as far as they were judged by eye: 0 for all that is not listed."""
    groups = OTHER_DESIGNS.get(brand, [])
    return next((number for number, stems in enumerate(groups, 1) if stem in stems), 0)


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
        content = png_bytes(_framed(rgba, size, look_of(rgba)))
        if self._brand_of.setdefault(hashlib.sha256(content).hexdigest(), row.brand) != row.brand:
            LOG.info("%s is the same picture as one of another brand, and left out", path)
            return None
        if not (self._settings.out / path).exists():
            write_whole(self._settings.out / path, content)
        return replace(row, path=path, set=EDITED, icon=f"{kind}--{row.set}--{row.icon}")


def hard_pairs(shown: Sequence[tuple[Row, Look]], out: Path, letters_as: Sequence[Look]) -> list[RowPair]:
    """For each brand's first drawing the drawing of another brand of its split that is nearest in one respect.

    In silhouette, and in colour (a histogram of 4 x 4 x 4 colours, of drawings that have a hue); and where the drawing
    is a letter, another brand's drawing of the same letter. Brands of which one name contains the other are no two.

    Args:
        shown: Drawings as they came, by brand.
        out: Where their pictures lie.
        letters_as: What the capitals look like, see `alphabet`.
    """
    found: list[RowPair] = []
    for split in SPLITS:
        members = [(row, look) for row, look in shown if row.split == split]
        if len(members) < 2:
            continue
        first = {row.brand: i for i, (row, _) in reversed([*enumerate(members)])}
        silhouettes = np.stack([look.silhouette for _, look in members])
        colours = np.stack([_colours(out / row.path) for row, _ in members])
        hued = np.array([look.coloured for _, look in members])
        letters = np.array([_letter(look, letters_as) for _, look in members])
        overlap = overlaps(silhouettes[[*first.values()]], silhouettes)
        bar = tqdm(zip(first.items(), overlap, strict=True), "hard pairs", len(first), unit="brand")
        for (brand, i), near in bar:
            strange = np.array([not _alike(brand, row.brand) and row.brand != brand for row, _ in members])
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


def _colours(path: Path) -> NDArray[np.float64]:
    """Shares of 64 colours among what is drawn on a picture."""
    pixels = _open(path)
    drawn = pixels[np.abs(pixels.astype(int) - pixels[0, 0]).max(axis=2) > 24]
    bins = (drawn // 64).astype(int) @ np.array([16, 4, 1])
    return np.bincount(bins, minlength=64) / max(len(bins), 1)


def _letter(look: Look, letters_as: Sequence[Look]) -> str:
    """The capital letter a drawing is, or nothing."""
    silhouettes, contours = np.stack([a.silhouette for a in letters_as]), np.stack([a.contours for a in letters_as])
    agreement = np.minimum(overlaps(look.silhouette[None], silhouettes)[0], contours @ look.contours)
    best = int(agreement.argmax())
    return string.ascii_uppercase[best // len(LETTER_FACES)] if agreement[best] >= SAME_LETTER else ""


def alphabet(typefaces: Typefaces) -> list[Look]:
    """What the capitals look like, A in each of `LETTER_FACES`, then B."""
    drawn = [
        render(as_svg(fitted(word(letter, face, typefaces, "#000000"))), LOOK_SIDE)
        for letter in string.ascii_uppercase
        for face in LETTER_FACES
    ]
    return [look_of(rgba) for rgba in drawn if rgba is not None]


def _counted(pairs: Sequence[RowPair]) -> dict[str, dict[str, int]]:
    """Pairs by kind and split."""
    counts: dict[str, dict[str, int]] = {}
    for first, _, kind in pairs:
        row = counts.setdefault(kind, dict.fromkeys(SPLITS, 0))
        row[first.split] += 1
    return dict(sorted(counts.items()))


def brand_of(icon: str) -> str | None:
    """The brand an icon is called after, in [a-z0-9]; None where the icon is lettering, not a symbol.

    Words that say how a mark is drawn are taken off the end, never the last word that is left. The
    spelt-out dot of "nodedotjs" goes too, so that it meets "node-js".
    """
    words = [word for word in re.split(r"[^a-z0-9]+", icon.lower().replace("+", "plus")) if word]
    if words and words[0] == "square":
        words = words[1:] or words
    while len(words) > 1:
        numbered = words[-1].isdigit() and words[-2] == "logo"
        if words[-1] not in RENDERING_WORDS and not numbered:
            break
        words.pop()
    if not words or (len(words) > 1 and words[-1] in LETTERING_WORDS):
        return None
    return re.sub(r"(?<=.)dot(?=(js|net|io|com|org|ai|dev|app)$)", "", "".join(words))


def split_of(brand: str) -> str:
    """The split all drawings of `brand` go to: 80 % train, 10 % val, 10 % test, by hash of the name."""
    tenth = int.from_bytes(hashlib.sha256(f"{SPLIT_SALT}:{brand}".encode()).digest()[:8], "big") % 10
    return {0: "test", 1: "val"}.get(tenth, "train")


def read_drawings(package: Package, tarball: Path) -> list[Drawing]:
    """Every symbol in the package, in order of name.

    Where a brand is there both as "name" and as "name icon", the former holds lettering: only the
    icon is taken.
    """
    with tarfile.open(tarball) as archive:
        if package.svg_folder is None:
            sources = _iconify_svgs(json.loads(_member(archive, "package/icons.json")))
        else:
            sources = {
                Path(member.name).stem: _member(archive, member.name).decode()
                for member in archive
                if member.isfile() and member.name.startswith(f"{package.svg_folder}/") and member.name.endswith(".svg")
            }
    by_brand: dict[str, list[Drawing]] = defaultdict(list)
    for name in sorted(sources):
        brand = brand_of(name)
        if brand:
            icon = re.sub(r"[^a-z0-9]+", "-", name.lower())
            by_brand[brand].append(Drawing(brand, package.set, icon, sources[name]))
    chosen: list[Drawing] = []
    for drawings in by_brand.values():
        symbols = [drawing for drawing in drawings if "icon" in drawing.icon.split("-")[1:]]
        chosen += symbols or drawings
    return chosen


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    try:
        file = archive.extractfile(name)
    except KeyError:
        file = None
    if file is None:
        msg = f"A package without a file {name} has not the layout that was stated; correct its entry."
        raise MarksRefusal(msg)
    return file.read()


def _iconify_svgs(collection: dict[str, Any]) -> dict[str, str]:
    # Aliases are left out: they are the same drawing under a second name.
    svgs = {}
    for name, icon in collection["icons"].items():
        box = {"left": 0, "top": 0, "width": 16, "height": 16}
        box |= {key: source[key] for source in (collection, icon) for key in box if key in source}
        svgs[name] = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{box["left"]} {box["top"]} {box["width"]} {box["height"]}">{icon["body"]}</svg>'
        )
    return svgs


def render(svg: str, side: int) -> NDArray[np.uint8] | None:
    """The drawing cropped to its extent and scaled so that its longer side is `side` pixels.

    What has no colour of its own (currentColor) comes out black. System fonts are not used, so that
    every machine draws the same.

    Returns:
        uint8 (h, w, 4), straight alpha; None where nothing is drawn.
    """
    canvas = 2 * side
    picture = _rasterise(svg, canvas)
    extent = _extent(picture)
    if extent is None:
        return None
    drawn = max(extent[2] - extent[0], extent[3] - extent[1])
    if drawn < side:  # a small drawing on a large sheet: never enlarge pixels
        picture = _rasterise(svg, min(LARGEST_CANVAS * side, canvas * 2 * side // drawn))
        extent = _extent(picture) or extent
    picture = picture.crop(extent)
    scale = side / max(picture.size)
    return np.asarray(
        picture.resize(
            (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))),
            Image.Resampling.LANCZOS,
        )
    )


def _rasterise(svg: str, canvas: int) -> Image.Image:
    png = resvg_py.svg_to_bytes(svg_string=svg, width=canvas, height=canvas, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def _extent(picture: Image.Image) -> tuple[int, int, int, int] | None:
    return picture.getchannel("A").point(lambda alpha: 255 * (alpha >= 16)).getbbox()


def look_of(rgba: NDArray[np.uint8]) -> Look:
    """What a rendered drawing, uint8 (h, w, 4) with something drawn, looks like."""
    drawn = rgba[..., 3] >= 128
    if not drawn.any():  # nothing but thin or faint lines
        drawn = rgba[..., 3] >= 16
    colours = rgba[drawn][:, :3].astype(np.int16)
    coloured = bool((np.ptp(colours, axis=1) > 40).mean() > 0.02)
    white = bool((colours.min(axis=1) > 215).mean() > 0.5)
    mark = _off_tile(rgba)
    if mark is not None:
        white = False
        drawn = mark
        rgba = np.where(mark[..., None], rgba | np.array([0, 0, 0, 255], np.uint8), np.uint8(0))
    silhouette = _squared(Image.fromarray(drawn).convert("L")) >= 128
    return Look(silhouette, _contours(rgba), coloured, white)


def _off_tile(rgba: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """The mark on a tile: what differs from the tile's colour; None where the drawing is no tile.

    A tile is a (rounded) square whose colour runs evenly along its edge. A disc is none: it is as
    often the mark itself as its ground.
    """
    height, width = rgba.shape[:2]
    hull = _filled(rgba[..., 3] >= 128)
    if min(height, width) < 0.9 * max(height, width) or hull.mean() < 0.9:
        return None
    inset = max(1, round(0.04 * max(height, width)))
    edge = np.zeros((height, width), bool)
    edge[[inset, -inset - 1], width // 4 : -(width // 4)] = True
    edge[height // 4 : -(height // 4), [inset, -inset - 1]] = True
    # A plane through the edge's colours: the ground may be a gradient.
    y, x = np.mgrid[:height, :width]
    plane = np.stack([np.ones_like(x), x / width, y / height], axis=-1)
    ground = plane @ np.linalg.lstsq(plane[edge], rgba[edge].astype(float), rcond=None)[0]
    difference = np.abs(rgba - ground).max(axis=2)
    if (difference[edge] <= 24).mean() < 0.95 or (rgba[edge][:, 3] >= 128).mean() < 0.95:
        return None
    # The tile's own soft rim is no part of the mark.
    shrunk = Image.fromarray(np.pad(hull, inset)).convert("L").filter(ImageFilter.MinFilter(2 * inset + 1))
    mark = (np.asarray(shrunk)[inset:-inset, inset:-inset] > 0) & (difference > 48)
    return mark if mark.mean() > 0.01 else None


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with its holes closed: what lies between drawn pixels both across and down."""
    across = np.logical_or.accumulate(mask, 1) & np.logical_or.accumulate(mask[:, ::-1], 1)[:, ::-1]
    down = np.logical_or.accumulate(mask, 0) & np.logical_or.accumulate(mask[::-1], 0)[::-1]
    return across & down


def _squared(picture: Image.Image) -> NDArray[np.uint8]:
    """The picture cropped to its extent, centred in LOOK_SIDE squared with its aspect kept."""
    picture = picture.crop(picture.getbbox())
    scale = LOOK_SIDE / max(picture.size)
    width, height = (max(1, round(length * scale)) for length in picture.size)
    square = Image.new(picture.mode, (LOOK_SIDE, LOOK_SIDE))
    square.paste(
        picture.resize((width, height), Image.Resampling.BOX),
        ((LOOK_SIDE - width) // 2, (LOOK_SIDE - height) // 2),
    )
    return np.asarray(square)


def _contours(rgba: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Where any channel changes, softened by a pixel, as a vector of zero mean and unit length."""
    square = _squared(Image.fromarray(rgba)).astype(np.float32)
    square[..., :3] *= square[..., 3:] / 255
    square = np.pad(square, ((1, 0), (1, 0), (0, 0)))
    across = np.abs(np.diff(square, axis=1))[1:].max(axis=2)
    down = np.abs(np.diff(square, axis=0))[:, 1:].max(axis=2)
    lines = Image.fromarray(np.maximum(across, down) > 24).convert("L").filter(ImageFilter.GaussianBlur(1))
    vector = np.asarray(lines, np.float32).ravel()
    vector -= vector.mean()
    return vector / max(float(np.linalg.norm(vector)), 1.0)


def overlaps(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Intersection over union of every mask of `first` with every one of `second`.

    Args:
        first: bool (n, ...).
        second: bool (m, ...), masks of the same shape.

    Returns:
        float32 (n, m), 0 to 1; two empty masks have 0.
    """
    a = first.reshape(len(first), -1).astype(np.float32)
    b = second.reshape(len(second), -1).astype(np.float32)
    both = a @ b.T
    either = a.sum(1)[:, None] + b.sum(1)[None, :] - both
    return both / np.maximum(either, 1)


def one_design(looks: Sequence[Look]) -> NDArray[np.bool_]:
    """Which drawings show one design, bool (n, n): overlapping silhouettes, and contours or much of the shape."""
    silhouettes = np.stack([look.silhouette for look in looks])
    contours = np.stack([look.contours for look in looks])
    iou = overlaps(silhouettes, silhouettes)
    return (iou >= SAME_DESIGN) & ((contours @ contours.T >= SAME_CONTOURS) | (iou >= SAME_SHAPE))


def family_of(looks: Sequence[Look]) -> list[int]:
    """Which drawings of a brand to keep: the largest group that shows one design, each tracing once.

    Of one tracing the coloured drawing is kept, then the one that shows on white, then the earlier.

    Returns:
        Indices into `looks`, ascending; never empty where there are looks.
    """
    silhouettes = np.stack([look.silhouette for look in looks])
    iou = overlaps(silhouettes, silhouettes)
    kept: list[int] = []
    for i in sorted(range(len(looks)), key=lambda i: (not looks[i].coloured, looks[i].white, i)):
        if all(iou[i, j] <= SAME_TRACING for j in kept):
            kept.append(i)
    group_of = connected_groups(len(kept), np.argwhere(one_design([looks[i] for i in kept])).tolist())
    largest = max(group_of, key=lambda group: (group_of.count(group), -group))
    return sorted(kept[k] for k, group in enumerate(group_of) if group == largest)


def joined_names(drawings: Sequence[Drawing], looks: Sequence[Look]) -> dict[str, str]:
    """For every brand name the one name of its brand: the packages call many marks by two names.

    Left apart, the same mark would be its own dissimilar pair, and could lie on both sides of the split.
    The name with most drawings stands for its group, then the first in the alphabet.
    """
    silhouettes = np.stack([look.silhouette for look in looks])
    contours = np.stack([look.contours for look in looks])
    names = sorted({drawing.brand for drawing in drawings})
    number = {name: i for i, name in enumerate(names)}
    links = []
    for start in range(0, len(drawings), 512):  # a block of rows at a time, for the memory
        block = slice(start, start + 512)
        agreement = np.minimum(overlaps(silhouettes[block], silhouettes), contours[block] @ contours.T)
        for row, b in np.argwhere(agreement > SAME_MARK_LIKE_NAMES):
            first, second = drawings[start + row].brand, drawings[b].brand
            if first < second and (agreement[row, b] > SAME_MARK or _alike(first, second)):
                links.append((number[first], number[second]))
    count = Counter(drawing.brand for drawing in drawings)
    joined: dict[str, str] = {}
    members: dict[int, list[str]] = defaultdict(list)
    for name, group in zip(names, connected_groups(len(names), links), strict=True):
        members[group].append(name)
    for group_names in members.values():
        chosen = min(group_names, key=lambda name: (-count[name], name))
        joined |= dict.fromkeys(group_names, chosen)
    return joined


def _alike(first: str, second: str) -> bool:
    short, long = sorted((first, second), key=len)
    return len(short) >= 3 and (long.startswith(short) or long.endswith(short))


def _brands(drawings: Sequence[Drawing], looks: Sequence[Look]) -> dict[str, list[int]]:
    """Brand to the indices of its drawings, both in order."""
    joined = joined_names(drawings, looks)
    members: dict[str, list[int]] = defaultdict(list)
    for i, drawing in enumerate(drawings):
        members[joined[drawing.brand]].append(i)
    return dict(sorted(members.items()))


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


def _open(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture)


def _render_all(drawings: Sequence[Drawing], folder: Path, size: int) -> list[Drawing]:
    """Render what is not rendered yet, and return the drawings that show anything."""
    side = round(size * (1 - 2 * MARGIN))
    shown = []
    for drawing in tqdm(drawings, desc="rendering", unit="mark"):
        path = folder / f"{drawing.stem}.png"
        if not path.exists():
            rgba = render(drawing.svg, side)
            if rgba is None:
                LOG.info("%s is blank and left out", drawing.stem)
                continue
            write_whole(path, png_bytes(Image.fromarray(rgba)))
        shown.append(drawing)
    return shown


def _framed(rgba: NDArray[np.uint8], size: int, look: Look) -> Image.Image:
    """The drawing in the middle of a square RGB picture, on white or, where it is white itself, on grey."""
    drawing = Image.fromarray(rgba)
    picture = Image.new("RGB", (size, size), DARK_GREY if look.white else WHITE)
    picture.paste(drawing, ((size - drawing.width) // 2, (size - drawing.height) // 2), drawing)
    return picture


def _write_records(
    rows: Sequence[Row], pairs: Sequence[RowPair], hard: Sequence[RowPair], out: Path, packages: Sequence[Package]
) -> dict[str, SplitCount]:
    rows = sorted(rows, key=lambda row: row.path)
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, [column.name for column in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_whole(out / "manifest.csv", table.getvalue().encode())
    tables = {"pairs.csv": pairs, **({"dissimilar.csv": hard} if hard else {})}
    for name, listed in tables.items():
        lines = "".join(f"{first.path},{second.path},{kind},{second.donor}\n" for first, second, kind in listed)
        write_whole(out / name, f"a,b,kind,donor\n{lines}".encode())
    write_whole(out / "NOTICE.md", _notice(packages).encode())
    write_whole(out / "contact_sheet.png", png_bytes(_contact_sheet(rows, out)))
    write_whole(out / "edits.png", png_bytes(_sheet_of_kinds([*pairs, *hard], out)))
    return {
        split: _count([row for row in rows if row.split == split], sum(first.split == split for first, _, _ in pairs))
        for split in SPLITS
    }


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
                with Image.open(out / row.path) as picture:
                    small = picture.resize((SHEET_CELL - 4, SHEET_CELL - 4))
                sheet.paste(small, (left + side * SHEET_CELL, top + 2))
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
            with Image.open(out / row.path) as picture:
                small = picture.resize((SHEET_CELL - 4, SHEET_CELL - 4))
            sheet.paste(small, ((column + 2) * SHEET_CELL + 2, line * SHEET_CELL + 2))
    return sheet
