"""Specifications of the house's parts, its counterfeiters, and the severity of their alterations.

Lengths are pixels of a part `PART_WIDTH` wide. Alterations are stated in pixels of a part 448 wide, the
size an examiner has beside a genuine one: `ALTERATIONS` gives the amount of each at the grade `plain`, and
`GRADES` the share of it at the other grades. Both were fixed by eye before any network was trained, and are
not changed afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from numpy.random import Generator

from training.data.rendered.ornaments import Border, Emblem, Guilloche

Colour = tuple[float, float, float]
PartName = Literal["leather_tag", "metal_buckle", "round_label"]
Grade = Literal["plain", "clear", "fine", "hardly visible"]
HOUSE = "ORVANNE"
PART_WIDTH = 720
EXAMINED_WIDTH = 448
GRADES: dict[Grade, float] = {"plain": 1.0, "clear": 0.6, "fine": 0.4, "hardly visible": 0.25}
"""Share of an alteration at each grade."""


@dataclass(frozen=True)
class Leather:
    """Full-grain leather with foil or burnt-in stamping.

    Attributes:
        dark: Darkest leather of the series, linear RGB.
        light: Lightest.
        thread: Colour of the stitches.
        stitch: Length of one stitch; 0 for none.
    """

    dark: Colour
    light: Colour
    thread: Colour
    stitch: float


@dataclass(frozen=True)
class Metal:
    """Cast metal, brushed or polished.

    Attributes:
        tint: Reflectance, linear RGB.
        brushed: 0 polished to 1 brushed.
        enamel: Colour that the engraving is filled with; None for bare metal.
    """

    tint: Colour
    brushed: float
    enamel: Colour | None = None


@dataclass(frozen=True)
class Print:
    """Flat ink on a stock.

    Attributes:
        stock: What it is printed on.
        ground: Colour of the stock, linear RGB; of foil the metal's reflectance.
        second: Colour of the second ink, which patterns are printed in.
        bleed: Width over which an edge of ink fades.
        mottle: How unevenly the ink lies, 0 to 1.
    """

    stock: Literal["paper", "card", "cloth", "foil"]
    ground: Colour
    second: Colour
    bleed: float = 0.8
    mottle: float = 0.08


@dataclass(frozen=True)
class Line:
    """A line of lettering.

    Attributes:
        text: What it says.
        typeface: Its typeface, see `typefaces`.
        size: Cap height.
        tracking: Space added between letters, in cap heights.
        below: Distance of its baseline below the part's centre; of a line on a circle, its radius.
        circle: Whether it runs along the upper or the lower half of a circle.
        shift: How far it sits right of its place, along the circle on one.
        tilt: How far the right end of a line half as wide as the part lies lower than its left one; on a
            circle the line is turned about the part's centre instead, by the same angle.
    """

    text: str
    typeface: str
    size: float
    tracking: float
    below: float
    circle: Literal["upper", "lower"] | None = None
    shift: float = 0.0
    tilt: float = 0.0


@dataclass(frozen=True)
class Specification:
    """How a part is made.

    Attributes:
        height: Height of the part.
        corner: Radius of its corners.
        material: What it is made of.
        house: The line with the house's name, followed by the R sign.
        second: The other line.
        depth: How deep the lettering is pressed or engraved.
        finish: Colour of stamped letters, linear RGB.
        gloss: Reflection of stamped letters, 0 (burnt in) to 1 (metal foil).
        weight: What all strokes gain in thickness.
        roundness: Width of the O against the typeface's own.
        lifted: How far a letter of the house's name sits above the baseline, for each of its letters.
        slant: How far the top of a letter leans right.
        substitute: Typeface of the substituted letters.
        substituted: Places in the house's name that are set in it.
        serif_cut: How much is cut off the ends of serifs.
        corner_cut: Radius at which outer corners are rounded.
        joint_fill: Radius at which inner corners are filled.
        sign_radius: Outer radius of the circle around the R.
        sign_gap: Space between the house's name and the circle.
        sign_drop: How far the circle's top hangs below the cap line.
        sign_stroke: Thickness of the circle.
        emblem: A device beside the lettering, made as it is; None for none.
        border: Lines along the edge, made as it is; None for none.
        pattern: Fine waves in the second ink of a print; None for none.
    """

    height: int
    corner: float
    material: Leather | Metal | Print
    house: Line
    second: Line
    depth: float
    finish: Colour = (0.5, 0.5, 0.5)
    gloss: float = 1.0
    weight: float = 0.0
    roundness: float = 1.0
    lifted: tuple[float, ...] = (0.0,) * len(HOUSE)
    slant: float = 0.0
    substitute: str = ""
    substituted: tuple[int, ...] = ()
    serif_cut: float = 0.0
    corner_cut: float = 0.0
    joint_fill: float = 0.0
    sign_radius: float = 17.0
    sign_gap: float = 13.0
    sign_drop: float = 0.0
    sign_stroke: float = 2.4
    emblem: Emblem | None = None
    border: Border | None = None
    pattern: Guilloche | None = None


Alteration = Callable[[Specification, float, Generator], Specification]


def _spread_letters(made: Specification, pixels: float, _: Generator) -> Specification:
    """The first and the last letter of the house's name move apart by `pixels`."""
    house = made.house
    tracking = house.tracking + pixels / house.size / (len(house.text) - 1)
    return replace(made, house=replace(house, tracking=tracking))


def _resize_letters(made: Specification, pixels: float, _: Generator) -> Specification:
    return replace(made, house=replace(made.house, size=made.house.size + pixels))


def _lift_letters(made: Specification, pixels: float, rng: Generator) -> Specification:
    """Two letters leave the baseline, one up, one down."""
    up, down = rng.permutation(len(made.house.text))[:2].tolist()
    lifted = [0.0] * len(made.house.text)
    lifted[up], lifted[down] = pixels, -pixels
    return replace(made, lifted=tuple(lifted))


def _widen_round_letters(made: Specification, pixels: float, _: Generator) -> Specification:
    return replace(made, roundness=made.roundness + pixels / made.house.size)


def _shallow(made: Specification, share: float, _: Generator) -> Specification:
    return replace(made, depth=made.depth * (1 - share))


def _second_line(field: Literal["shift", "size", "tilt"]) -> Alteration:
    def alter(made: Specification, pixels: float, _: Generator) -> Specification:
        return replace(made, second=replace(made.second, **{field: getattr(made.second, field) + pixels}))

    return alter


def _tilt_house(made: Specification, pixels: float, _: Generator) -> Specification:
    return replace(made, house=replace(made.house, tilt=made.house.tilt + pixels))


def _add(field: str) -> Alteration:
    def alter(made: Specification, pixels: float, _: Generator) -> Specification:
        return replace(made, **{field: getattr(made, field) + pixels})

    return alter


@dataclass(frozen=True)
class AlterationKind:
    """One kind of alteration.

    Attributes:
        words: Its effect, for the set's page.
        plain: Its amount at the grade `plain`: pixels of a part 448 wide, or as `unit` says.
        alter: Applies it, in pixels of `PART_WIDTH`.
        unit: Unit of `plain`.
    """

    words: str
    plain: float
    alter: Alteration
    unit: Literal["px", "share"] = "px"

    def apply(self, made: Specification, direction: float, grade: Grade, rng: Generator) -> Specification:
        """The specification altered at a grade, in a direction of -1 or 1."""
        scale = PART_WIDTH / EXAMINED_WIDTH if self.unit == "px" else 1.0
        return self.alter(made, self.plain * GRADES[grade] * direction * scale, rng)


ALTERATIONS = {
    "tracking": AlterationKind("ends of the house's name move apart or together", 10.0, _spread_letters),
    "weight": AlterationKind("strokes gain or lose thickness", 3.0, _add("weight")),
    "size": AlterationKind("cap height of the house's name", 5.0, _resize_letters),
    "baseline": AlterationKind("one letter above, one below the baseline", 4.5, _lift_letters),
    "roundness": AlterationKind("width of the O", 8.0, _widen_round_letters),
    "slant": AlterationKind("tops of the house's letters lean", 6.0, _add("slant")),
    "tilt": AlterationKind("the right end of the house's name hangs or rises", 6.0, _tilt_house),
    "serifs": AlterationKind("ends of the serifs are cut off", 4.5, _add("serif_cut")),
    "corners": AlterationKind("outer corners are rounded, by radius", 4.5, _add("corner_cut")),
    "joints": AlterationKind("inner corners are filled, by radius", 4.0, _add("joint_fill")),
    "depth": AlterationKind("the lettering is shallower", 0.85, _shallow, "share"),
    "sign size": AlterationKind("radius of the circle around the R", 4.0, _add("sign_radius")),
    "sign gap": AlterationKind("the R sign stands away", 9.0, _add("sign_gap")),
    "sign drop": AlterationKind("the R sign hangs lower", 9.0, _add("sign_drop")),
    "second shift": AlterationKind("the second line is off its place", 14.0, _second_line("shift")),
    "second size": AlterationKind("cap height of the second line", 4.0, _second_line("size")),
    "second tilt": AlterationKind("the second line's right end hangs or rises", 6.0, _second_line("tilt")),
}
"""Every alteration but `letterform`, which substitutes letters of a similar typeface."""


def _of(field: Literal["emblem", "border", "pattern"], name: str) -> Alteration:
    """A length of an ornament, if the part has it."""

    def alter(made: Specification, pixels: float, _: Generator) -> Specification:
        ornament = getattr(made, field)
        if ornament is None:
            return made
        return replace(made, **{field: replace(ornament, **{name: getattr(ornament, name) + pixels})})

    return alter


def _thicker_border(made: Specification, pixels: float, _: Generator) -> Specification:
    border = made.border
    return replace(made, border=border and replace(border, stroke=max(0.8, border.stroke + pixels)))


def _wider_pattern(made: Specification, share: float, _: Generator) -> Specification:
    pattern = made.pattern
    return replace(made, pattern=pattern and replace(pattern, pitch=pattern.pitch * (1 + share)))


def _other_ink(made: Specification, share: float, rng: Generator) -> Specification:
    """The ink strays towards the colour of the other ink, or away from it."""
    if not isinstance(made.material, Print):
        return made
    red, green, blue = (
        min(1.0, max(0.0, own + share * (other - own) + 0.15 * abs(share) * rng.normal()))
        for own, other in zip(made.finish, made.material.second, strict=True)
    )
    return replace(made, finish=(red, green, blue))


def _of_print(field: Literal["bleed", "mottle"]) -> Alteration:
    def alter(made: Specification, amount: float, _: Generator) -> Specification:
        material = made.material
        if not isinstance(material, Print):
            return made
        return replace(made, material=replace(material, **{field: max(0.1, getattr(material, field) + abs(amount))}))

    return alter


ORNAMENT_ALTERATIONS = {
    "emblem size": AlterationKind("radius of the emblem", 5.0, _of("emblem", "radius")),
    "emblem place": AlterationKind("the emblem stands to one side", 8.0, _of("emblem", "x")),
    "emblem turn": AlterationKind("the emblem is turned, in degrees", 10.0, _of("emblem", "turn"), "share"),
    "border weight": AlterationKind("thickness of the border", 3.0, _thicker_border),
    "border inset": AlterationKind("the border stands further in", 5.0, _of("border", "inset")),
    "pattern pitch": AlterationKind("the waves stand wider", 0.25, _wider_pattern, "share"),
    "pattern wave": AlterationKind("the waves swing further", 4.0, _of("pattern", "wave")),
    "ink": AlterationKind("colour of the ink", 0.5, _other_ink, "share"),
    "bleed": AlterationKind("edges of the ink fade", 2.5, _of_print("bleed")),
    "mottle": AlterationKind("the ink lies unevenly", 0.6, _of_print("mottle"), "share"),
}
"""What else a house with ornaments and print may have altered."""
EVERY_ALTERATION = ALTERATIONS | ORNAMENT_ALTERATIONS
SUBSTITUTED_LETTERS: dict[Grade, int] = {"plain": len(HOUSE), "clear": 4, "fine": 2, "hardly visible": 1}
"""`letterform`: number of letters of the house's name that come from the similar typeface."""


@dataclass(frozen=True)
class Counterfeiter:
    """A counterfeiter: the alterations they make, each with its direction, all at one grade for each item.

    Attributes:
        name: Unique within the part.
        strays: Alteration to direction (-1 or 1).
        lookalike: Typeface it substitutes letters of; empty for none.
        unseen: Whether it appears in test only.
    """

    name: str
    strays: dict[str, float]
    lookalike: str = ""
    unseen: bool = False

    @property
    def alterations(self) -> tuple[str, ...]:
        """Names of the alterations."""
        return ("letterform",) * bool(self.lookalike) + tuple(self.strays)

    def falsify(self, genuine: Specification, grade: Grade, rng: Generator) -> Specification:
        """The specification to which this counterfeiter works."""
        made = genuine
        if self.lookalike:
            places = rng.permutation(len(made.house.text))[: SUBSTITUTED_LETTERS[grade]]
            made = replace(made, substitute=self.lookalike, substituted=tuple(sorted(places.tolist())))
        for name, direction in self.strays.items():
            made = EVERY_ALTERATION[name].apply(made, direction, grade, rng)
        return made


@dataclass(frozen=True)
class Series:
    """One line of the house.

    Attributes:
        name: As in the manifest.
        specification: How its genuine items are made.
        counterfeiters: Who counterfeits it.
        genuine: Share of its genuine items among all items of the part.
        counterfeit: Share of its counterfeits.
    """

    name: str
    specification: Specification
    counterfeiters: tuple[Counterfeiter, ...]
    genuine: float
    counterfeit: float


@dataclass(frozen=True)
class Part:
    """A kind of part, and how many items of it a set holds by default."""

    name: PartName
    title: str
    series: tuple[Series, ...]
    items: int


# Standard deviation between genuine items of one die; counterfeits are made just as exactly.
TOLERANCES = {
    "weight": 0.10,
    "roundness": 0.004,
    "sign_radius": 0.20,
    "sign_gap": 0.40,
    "sign_stroke": 0.08,
}

LINE_TOLERANCES = {"size": 0.25, "tracking": 0.002, "shift": 0.6, "tilt": 0.4}
DEPTH_TOLERANCE = 0.06


def within_tolerances(made: Specification, rng: Generator) -> Specification:
    """One item's own values within the tolerances of its die, drawn equally for every specification."""
    fields = {field: getattr(made, field) + rng.normal(0, sd) for field, sd in TOLERANCES.items()}
    for name in ("house", "second"):
        line = getattr(made, name)
        fields[name] = replace(line, **{f: getattr(line, f) + rng.normal(0, sd) for f, sd in LINE_TOLERANCES.items()})
    return replace(made, **fields, depth=made.depth * (1 + rng.normal(0, DEPTH_TOLERANCE)))


GOLD, SILVER, ROSE = (0.83, 0.58, 0.24), (0.72, 0.72, 0.74), (0.80, 0.52, 0.40)
