"""Invented wordmarks: one word in several typefaces, words that nearly read alike, others in the same typeface."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from training.data.marks.edits import colour, word
from training.data.marks.elements import Element, Elements, fitted
from training.data.rendered.names import invented
from training.data.rendered.typefaces import Typefaces
from training.data.rendered.word_faces import WORD_FACES

Rng = np.random.Generator
OTHER_FACE, NEARLY_READ, SAME_FACE = "word in another typeface", "similar word", "another word in its typeface"
_EVERY_FACE = tuple(face.name for face in WORD_FACES)
_HELD_OUT = 4
"""Every so many typefaces, one is met in no training word."""
TRAINING_FACES = tuple(name for place, name in enumerate(_EVERY_FACE) if place % _HELD_OUT)


@dataclass(frozen=True)
class Wordmark:
    """A drawn word.

    Attributes:
        letters: What it reads, as drawn.
        face: Its typeface.
        fill: Its colour.
    """

    letters: str
    face: str
    fill: str


def faces_of(split: str) -> tuple[str, ...]:
    """The typefaces that words of a split are set in; every fourth is met outside training only."""
    return TRAINING_FACES if split == "train" else _EVERY_FACE


def family(split: str, rng: Rng) -> Iterator[tuple[str, Wordmark]]:
    """One word and what resembles it, each with its kind; the word itself comes first, with an empty one."""
    faces = faces_of(split)
    own = Wordmark(invented(rng), str(rng.choice(faces)), colour(rng) if rng.random() < 0.5 else "#101010")
    yield "", own
    others = [face for face in faces if face != own.face]
    fill = own.fill if rng.random() < 0.5 else colour(rng)
    yield OTHER_FACE, Wordmark(own.letters, str(rng.choice(others)), fill)
    yield NEARLY_READ, Wordmark(_misspelt(own.letters, rng), own.face, fill)


def stranger(own: Wordmark, rng: Rng) -> Wordmark:
    """Another word in the same typeface and colour."""
    letters = invented(rng)
    while letters.lower()[:2] == own.letters.lower()[:2]:
        letters = invented(rng)
    return Wordmark(letters, own.face, own.fill)


def _misspelt(letters: str, rng: Rng) -> str:
    """One letter changed, added or left out, as a copy spells a name."""
    place = int(rng.integers(1, len(letters)))
    pool = "aeiou" if letters[place].lower() in "aeiou" else "bcdfghklmnprstvz"
    new = str(rng.choice([each for each in pool if each != letters[place].lower()]))
    new = new.upper() if letters.isupper() else new
    match rng.choice(["changed", "added", "left out"] if len(letters) > 4 else ["changed", "added"]):
        case "changed":
            return letters[:place] + new + letters[place + 1 :]
        case "added":
            return letters[:place] + new + letters[place:]
        case _:
            return letters[:place] + letters[place + 1 :]


def drawn(mark: Wordmark, typefaces: Typefaces, rng: Rng) -> Elements:
    """A wordmark's elements: alone, underlined, or between two lines."""
    elements = fitted(word(mark.letters, mark.face, typefaces, mark.fill))
    if rng.random() < 0.8:
        return elements
    lows, highs = zip(*(element.box for element in elements), strict=True)
    (left, top), (right, bottom) = np.min(lows, axis=0), np.max(highs, axis=0)
    thick = 0.12 * (bottom - top)
    lines = [bottom + 1.5 * thick] if rng.random() < 0.6 else [top - 2.5 * thick, bottom + 1.5 * thick]
    bars = (np.array([[left, y], [right, y], [right, y + thick], [left, y + thick]]) for y in lines)
    return *elements, *(Element((bar,), mark.fill) for bar in bars)
