"""Lookalikes made on the drawing itself: what an imitator does to a mark, element by element."""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from training.data.marks.elements import (
    Element,
    Elements,
    Polygon,
    about_middle,
    fitted,
    minor,
    movable,
    principal,
    size,
)
from training.data.marks.frames import FILLED, FRAMES, in_frame
from training.data.marks.imitations import hand_drawn, in_another_style
from training.data.rendered.typefaces import Typefaces

Rng = np.random.Generator
_LIGHTEST_INK = 0.9
"""Lightness from which on a colour is lost on white paper."""
_FACES = ("Jost", "Outfit", "Montserrat", "Urbanist", "Garamond", "Playfair")
_SYLLABLES = ("ka", "lo", "mi", "ren", "tos", "vel", "bra", "nu", "sol", "dex", "qui", "far")
FRAMED, HAND_DRAWN, IMITATED = "framed", "hand-drawn", "imitated"
BESIDE_WORD, PARTLY_COPIED = "beside a word", "partly copied"
Edit = Callable[[Elements, Elements, Rng], Elements]


def colour(rng: Rng) -> str:
    """Any strong colour that shows on white, #rrggbb."""
    return _as_fill(colorsys.hls_to_rgb(rng.random(), rng.uniform(0.3, 0.55), rng.uniform(0.6, 1)))


def _as_fill(rgb: Sequence[float] | Polygon) -> str:
    red, green, blue = (round(255 * channel) for channel in rgb)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _rgb(fill: str) -> Polygon:
    return np.array([int(fill[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def _lightness(fill: str) -> float:
    return colorsys.rgb_to_hls(*_rgb(fill))[1]


def _ink(elements: Elements) -> str:
    """The colour of the largest element that shows on white paper; dark grey where none does."""
    shown = [element for element in elements if _lightness(element.fill) < _LIGHTEST_INK]
    return max(shown, key=size).fill if shown else "#202428"


def _recoloured(own: Elements, _: Elements, rng: Rng) -> Elements:
    """Every colour becomes another one."""
    new = {fill: colour(rng) for fill in sorted({element.fill for element in own})}
    return tuple(replace(element, fill=new[element.fill]) for element in own)


def _outlined(own: Elements, _: Elements, rng: Rng) -> Elements:
    """Filled shapes become their outlines; what was white on a ground takes the ground's colour to be seen."""
    width, ink = rng.uniform(0.02, 0.045), _ink(own)
    shown = {fill: fill if _lightness(fill) < _LIGHTEST_INK else ink for fill in {element.fill for element in own}}
    return tuple(replace(element, stroke=width, fill=shown[element.fill]) for element in own)


def _negative(own: Elements, _: Elements, rng: Rng) -> Elements:
    """On a tile: the largest colour and white change places, and other colours go between by their lightness."""
    ground = _ink(own)
    depth = 1 - _lightness(ground)
    white = {fill: min(1.0, (1 - _lightness(fill)) / depth) for fill in {element.fill for element in own}}
    inverted = {fill: _as_fill(share + (1 - share) * _rgb(ground)) for fill, share in white.items()}
    return _tile(ground, 0.16, rng), *(
        replace(each, fill=inverted[each.fill]) for each in fitted(own, (0.17, 0.17), (0.83, 0.83))
    )


def _turned(own: Elements, _: Elements, rng: Rng) -> Elements:
    """By a quarter, a half, or somewhat."""
    degrees = float(rng.choice([90, 180, 270, rng.uniform(15, 60), -rng.uniform(15, 60)]))
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return about_middle(own, np.array([[cos, -sin], [sin, cos]]))


def _mirrored(own: Elements, _: Elements, __: Rng) -> Elements:
    """Left to right."""
    return about_middle(own, np.diag([-1.0, 1.0]))


def _tile(fill: str, corner: float, rng: Rng) -> Element:
    """A square with rounded corners, or a disc."""
    radius = 0.5 if rng.random() < 0.4 else corner
    t = np.linspace(0, np.pi / 2, 13)
    quarter = np.stack([np.cos(t), np.sin(t)], axis=1) * radius
    inner = 0.5 - radius
    turns = [np.array([[c, -s], [s, c]]) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    corners = [(quarter + inner) @ turn.T for turn in turns]
    return Element((np.concatenate(corners) + 0.5,), fill)


def _framed(own: Elements, _: Elements, rng: Rng) -> Elements:
    """Inside a rounded square, or one of the frames that many marks share."""
    if rng.random() < 0.3:
        frame = replace(_tile(_ink(own), 0.16, rng), stroke=rng.uniform(0.03, 0.06))
        return frame, *fitted(own, (0.24, 0.24), (0.76, 0.76))
    return framed_alike(own, str(rng.choice([*FRAMES])), rng)


def framed_alike(own: Elements, frame: str, rng: Rng) -> Elements:
    """Inside the frame of that name."""
    return in_frame(own, FRAMES[frame](_ink(own), rng), "#ffffff" if frame in FILLED else "")


def beside_word(own: Elements, letters: str, face: str, above: bool, typefaces: Typefaces) -> Elements:
    """A symbol left of a word, or above it, as a lockup has it."""
    drawn = word(letters, face, typefaces, _ink(own))
    if above:
        return *fitted(own, (0.0, 0.0), (1.0, 1.0)), *fitted(drawn, (-0.6, 1.12), (1.6, 1.4))
    return *fitted(own, (0.0, 0.0), (1.0, 1.0)), *_at_left(fitted(drawn, (1.15, 0.22), (5.0, 0.78)), 1.15)


def _at_left(elements: Elements, left: float) -> Elements:
    by = np.array([left - min(element.box[0][0] for element in elements), 0.0])
    return tuple(element.moved(np.eye(2), by) for element in elements)


def _hand_drawn(own: Elements, _: Elements, rng: Rng) -> Elements:
    """By another hand: every line runs a little otherwise."""
    return hand_drawn(own, rng)


def _imitated(own: Elements, other: Elements, rng: Rng) -> Elements:
    """By another hand, in another style or proportion, other colours, and an element less or another one."""
    own = hand_drawn(own, rng)
    changes: list[Edit] = [_recoloured, _stretched, lambda mark, _, coin: in_another_style(mark, coin)]
    if minor(own):
        changes += [_left_out, _swapped]
    for change in rng.permutation(len(changes))[: int(rng.integers(2, 4))].tolist():
        if changes[change] not in (_left_out, _swapped) or minor(own):
            own = changes[change](own, other, rng)
    return own


def word(letters: str, face: str, typefaces: Typefaces, fill: str) -> Elements:
    """A word in a typeface."""
    elements, x = [], 0.0
    for letter in letters:
        glyph = typefaces.glyph(face, letter)
        polygons = tuple(polygon + np.array([x, 0]) for polygon in (*glyph.filled, *glyph.cut))
        elements.append(Element(tuple(np.asarray(polygon, np.float64) for polygon in polygons), fill))
        x += glyph.advance
    return tuple(elements)


def _with_word(own: Elements, letters: str, face: str, typefaces: Typefaces) -> Elements:
    below = fitted(word(letters, face, typefaces, _ink(own)), (0.05, 0.78), (0.95, 0.98))
    return *fitted(own, (0.15, 0.0), (0.85, 0.7)), *below


def _beside_word(typefaces: Typefaces, own: Elements, _: Elements, rng: Rng) -> Elements:
    return beside_word(own, _invented(rng), str(rng.choice(_FACES)), bool(rng.random() < 0.3), typefaces)


def _invented(rng: Rng) -> str:
    return "".join(rng.choice(_SYLLABLES, int(rng.integers(2, 4)), replace=False)).upper()


def _word_added(typefaces: Typefaces, own: Elements, _: Elements, rng: Rng) -> Elements:
    """A word below."""
    return _with_word(own, _invented(rng), str(rng.choice(_FACES)), typefaces)


def _left_out(own: Elements, _: Elements, rng: Rng) -> Elements:
    """One minor element less."""
    gone = int(rng.choice(minor(own)))
    return *own[:gone], *own[gone + 1 :]


def _added(own: Elements, other: Elements, rng: Rng) -> Elements:
    """Another brand's largest element in a corner, and the mark a little smaller, away from it."""
    x, y = rng.choice([0.0, 0.72]), rng.choice([0.0, 0.72])
    element = replace(principal(other), fill=_ink(own))
    away = np.where(np.array([x, y]) == 0, 0.2, 0.0)
    return *fitted(own, away.tolist(), (away + 0.8).tolist()), *fitted((element,), (x, y), (x + 0.28, y + 0.28))


def _element(own: Elements, rng: Rng) -> int:
    """One of the elements that are no ground, the larger the likelier."""
    inner = movable(own)
    sizes = np.array([size(own[i]) + 1e-6 for i in inner])
    return int(rng.choice(inner, p=sizes / sizes.sum()))


def _shifted(own: Elements, _: Elements, rng: Rng) -> Elements:
    """One element elsewhere."""
    chosen, angle = _element(own, rng), rng.uniform(0, 2 * np.pi)
    by = rng.uniform(0.15, 0.3) * np.array([np.cos(angle), np.sin(angle)])
    return tuple(element.moved(np.eye(2), by) if i == chosen else element for i, element in enumerate(own))


def _swapped(own: Elements, other: Elements, rng: Rng) -> Elements:
    """One minor element gives way to another brand's, in its place."""
    chosen = int(rng.choice(minor(own)))
    low, high = own[chosen].box
    strange = fitted((replace(principal(other), fill=own[chosen].fill),), low.tolist(), high.tolist())
    return *own[:chosen], *strange, *own[chosen + 1 :]


def _partly_copied(own: Elements, other: Elements, rng: Rng) -> Elements:
    """The whole mark small in another brand's company."""
    left = fitted(own, (0.0, 0.2), (0.58, 0.78))
    right = fitted(other, (0.66, 0.25), (1.0, 0.75))
    fill = _ink(own) if rng.random() < 0.5 else colour(rng)
    return *left, *(replace(element, fill=fill) for element in right)


def _stretched(own: Elements, _: Elements, rng: Rng) -> Elements:
    """Narrower, flatter or slanted."""
    squeeze, slant = rng.uniform(0.55, 0.8), rng.uniform(-0.25, 0.25)
    matrix = np.diag([squeeze, 1.0]) if rng.random() < 0.5 else np.diag([1.0, squeeze])
    return about_middle(own, np.array([[1.0, slant], [0.0, 1.0]]) @ matrix)


def _redesigned(own: Elements, other: Elements, rng: Rng) -> Elements:
    """Several things at once: proportions, colours, and an element or the outline."""
    own = _recoloured(_stretched(own, other, rng), other, rng)
    last = _swapped if minor(own) else _outlined
    return last(own, other, rng)


def edits(typefaces: Typefaces) -> dict[str, Edit]:
    """Every kind of edit: a drawing's elements, another brand's, and a generator to the edited drawing."""
    return {
        "recoloured": _recoloured,
        "outline": _outlined,
        "negative": _negative,
        "rotated": _turned,
        "mirrored": _mirrored,
        FRAMED: _framed,
        "word added": partial(_word_added, typefaces),
        "element removed": _left_out,
        "element added": _added,
        "element moved": _shifted,
        "element swapped": _swapped,
        PARTLY_COPIED: _partly_copied,
        "proportions changed": _stretched,
        "redesigned": _redesigned,
        HAND_DRAWN: _hand_drawn,
        IMITATED: _imitated,
        BESIDE_WORD: partial(_beside_word, typefaces),
    }


TAKES_AN_ELEMENT = {"element added", "element swapped", PARTLY_COPIED, "redesigned", IMITATED}
"""Kinds after which a drawing may bear another brand's element: beside that brand it is no negative."""


def glyph_changed(own: Elements, typefaces: Typefaces, rng: Rng) -> tuple[Elements, Elements]:
    """The mark above a word, and above the same word with one letter changed: two drawings, alike."""
    name, face = _invented(rng), str(rng.choice(_FACES))
    place = int(rng.integers(len(name)))
    other = str(rng.choice([letter for letter in "ABDEFKLMNORSTUV" if letter != name[place]]))
    changed = name[:place] + other + name[place + 1 :]
    return _with_word(own, name, face, typefaces), _with_word(own, changed, face, typefaces)
