"""One motif as many hands have drawn it apart from each other: a lion, a leaf, an anchor.

Two such drawings show one concept and are no copy of each other: they are neither a similar pair nor negatives, but a
class of their own between both.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

from training.data.marks.packages import Drawing, Package, iconify, read_svgs

CONCEPT = "same concept"
PREFIX = "motif"
"""Of a motif's family: "motifanchor" is no negative of a brand that is called anchor."""
_MOST_OF_A_PACKAGE = 2


MOTIF_PACKAGES = (
    iconify(
        "game-icons",
        "1.2.4",
        "f5758efb34d91c4f50b941f355f16ee73938625e5996fabc25171288404460a4",
        "CC-BY-3.0",
        "the GameIcons authors",
    ),
    iconify(
        "mdi",
        "1.2.3",
        "ddd817a7213f91de51147943915c0cda8c8b818a53c92b5c068cfa9883c6d7ac",
        "Apache-2.0",
        "Pictogrammers",
    ),
    iconify("ph", "1.2.2", "e3a582a047d9829fc7e8842c660d8065e598d1b68bb58cb68e75a1f1e5a614cc", "MIT", "Phosphor Icons"),
    iconify(
        "tabler", "1.2.41", "3bf99af156d28d05568aff524a35ed1ba238df640a7835a5e02e1f8e439685f6", "MIT", "Paweł Kuna"
    ),
    iconify(
        "lucide",
        "1.2.137",
        "e74db8c3a55fff55bc82de21268c4bced9f65ff10aacc0d5f3a395b0e93243c3",
        "ISC",
        "Lucide Contributors",
    ),
    iconify(
        "fa6-solid",
        "1.2.4",
        "082c792eaad4751626438773fa7360cb23f495b687cf2dd01b2b0fccc7f6af8b",
        "CC-BY-4.0",
        "Font Awesome (Fonticons, Inc.)",
    ),
    iconify(
        "emojione-monotone",
        "1.2.1",
        "40b90004bafb406b59266155ef9b7e1dd67bf2947fc8db8d07388776f4d0d04e",
        "CC-BY-4.0",
        "Emoji One",
    ),
    iconify(
        "fluent-emoji-flat",
        "1.2.6",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
        "MIT",
        "Microsoft Corporation",
    ),
    iconify(
        "noto-v1",
        "1.2.5",
        "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
        "Apache-2.0",
        "Google Inc",
    ),
)

MOTIFS: dict[str, list[str]] = json.loads(Path(__file__).with_name("motifs.json").read_text())
"""Motifs, each with its other names in the packages."""
_MOTIF_OF = {name: motif for motif, names in MOTIFS.items() for name in (motif, *names)}
_STYLES = {"fill", "filled", "outline", "bold", "duotone", "light", "thin", "solid", "face", "variant", "simple"}
_LEFT_OUT = {"duotone", "light", "thin", "bold"}
"""Ways of drawing that repeat another of the same hand."""


def read_motifs(package: Package, tarball: Path) -> list[Drawing]:
    """At most two drawings of each motif in a package, in order of name."""
    sources = read_svgs(package, tarball)
    by_motif: dict[str, list[Drawing]] = defaultdict(list)
    for name in sorted(sources, key=lambda name: (len(name), name)):
        words = name.split("-")
        if _LEFT_OUT & {*words}:
            continue
        while len(words) > 1 and (words[-1] in _STYLES or words[-1].isdigit()):
            words.pop()
        motif = _MOTIF_OF.get("-".join(words))
        if motif is not None and len(by_motif[motif]) < _MOST_OF_A_PACKAGE:
            icon = re.sub(r"[^a-z0-9]+", "-", name.lower())
            by_motif[motif].append(Drawing(PREFIX + motif.replace("-", ""), package.set, icon, sources[name]))
    return [drawing for motif in sorted(by_motif) for drawing in by_motif[motif]]
