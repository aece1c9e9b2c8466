"""The published icon packages that marks are taken from, pinned and hashed."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.records import Refusal
from training.data.npm import NpmPackage

SPLITS = ("train", "val", "test")
SPLIT_SALT = "assay marks 1"
"""The seed of the split: SHA-256 of this and the brand's name decides. Never change it, or brands move."""

RENDERING_WORDS = frozenset(
    {"original", "plain", "line", "stroke", "icon", "logo", "color", "colour", "mono", "dark", "light"}
    | {"block", "solid", "fill", "square", "circle", "alt", "cn"}
)
"""Last words of an icon's name that say how it is drawn, not whose it is."""
LETTERING_WORDS = frozenset({"wordmark", "text", "brand", "horizontal"})
"""Last words of an icon's name that say it is, or holds, the brand's name in letters."""


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


def iconify(name: str, version: str, sha256: str, licence: str, author: str) -> Package:
    """One of Iconify's collections of that name."""
    return Package(f"@iconify-json/{name}", version, sha256, licence, author, name)


PACKAGES = (
    iconify(
        "logos", "1.2.19", "1e8907c088bbf02eab8ee1b28f37e68ef22c380f2fb579ff99736b8ce5abf13a", "CC0-1.0", "Gil Barbara"
    ),
    iconify(
        "devicon",
        "1.2.68",
        "5b5469af72fbe9aecb3b3c941931af967d0901a8deeff7c48ff4a3f0af2dde0c",
        "MIT",
        "the devicons authors",
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
    iconify(
        "skill-icons", "1.2.4", "98bdbeed5290e48e87d206aa764e79db853cf16b192711a178c5b0fa963c8116", "MIT", "tandpfun"
    ),
    iconify(
        "simple-icons",
        "1.2.102",
        "b3e23d3c623db2383b57cbed3d18b8e7e23f2ebc0bfc41ab054b82aba90f4c78",
        "CC0-1.0",
        "the Simple Icons collaborators",
    ),
    iconify(
        "streamline-logos",
        "1.2.0",
        "8d933e2ab3a0788639391b98438fd182aad72922d6ce57d502a8ddb8a0cc6eb8",
        "CC-BY-4.0",
        "Streamline",
    ),
    iconify("cib", "1.2.3", "0d6efc2ec141f4b23422134a59a092a2e7e9f1fc7ecb08b81986159a5b868ac4", "CC0-1.0", "CoreUI"),
    iconify(
        "fa7-brands",
        "1.2.4",
        "74351f10b340cf177369363ba2fd7eaed6aea7c3c6b6a2bd8849382cd8dd6198",
        "CC-BY-4.0",
        "Font Awesome (Fonticons, Inc.)",
    ),
    iconify("bxl", "1.2.4", "d4216d9156f484a3ca8ecc6478dfb567d63142e2246db6629a5855842b0b442d", "MIT", "Boxicons"),
)
"""In order of preference: of one tracing published twice, the earlier package's is kept."""


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


def read_svgs(package: Package, tarball: Path) -> dict[str, str]:
    """Every drawing's source in the package, by its name there."""
    with tarfile.open(tarball) as archive:
        if package.svg_folder is None:
            return _iconify_svgs(json.loads(_member(archive, "package/icons.json")))
        return {
            Path(member.name).stem: _member(archive, member.name).decode()
            for member in archive
            if member.isfile() and member.name.startswith(f"{package.svg_folder}/") and member.name.endswith(".svg")
        }


def read_drawings(package: Package, tarball: Path) -> list[Drawing]:
    """Every symbol in the package, in order of name.

    Where a brand is there both as "name" and as "name icon", the former holds lettering: only the
    icon is taken.
    """
    sources = read_svgs(package, tarball)
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


def read_lettering(package: Package, tarball: Path) -> list[Drawing]:
    """What `read_drawings` leaves out: drawings that are, or hold, their brand's name in letters, in order of name."""
    sources = read_svgs(package, tarball)
    symbols = {(drawing.brand, drawing.icon) for drawing in read_drawings(package, tarball)}
    found = []
    for name in sorted(sources):
        icon = re.sub(r"[^a-z0-9]+", "-", name.lower())
        words = [word for word in icon.split("-") if word and word not in LETTERING_WORDS]
        brand = brand_of("-".join(words)) if words else None
        if brand and (brand, icon) not in symbols and not {"icon", "dark"} & {*words[1:]}:
            found.append(Drawing(brand, package.set, icon, sources[name]))
    return found


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
