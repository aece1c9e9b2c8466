"""What is weighed of two marks: as wholes beside each other, and each whole beside the elements of the other.

One mark contains the other where one of its elements is similar to the whole other mark; the element that the network
finds most similar is the finding. Two elements never meet: letters of one typeface or pieces of one frame would decide.
A mark is embedded once, whatever it meets, so that thousands of pairs are scored in minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from inference.records import Crop, LocalAgreement, ScopeCheck
from inference.scope.checks import refusal
from inference.trademark.checks import overruled
from inference.trademark.local_features import LocalFeatures, local_agreement
from inference.trademark.mark_view import MarkView, points_at

LogOdds = Callable[[Sequence[tuple[Tensor, Tensor]]], Sequence[float]]
"""Log odds of pairs of embeddings (C,), in nats."""


@dataclass(frozen=True)
class EmbeddedMark:
    """What a mark is scored by.

    Attributes:
        order: The key that puts two marks in canonical order, whichever comes first.
        pixels: The framed mark, uint8 (h, w, 3).
        points: Its local features.
        checks: Its scope checks.
        places: Where the whole mark (None) and then its elements lie, in pixels of the framed mark (1 + n).
        embeddings: The embeddings of these (1 + n, C).
    """

    order: tuple[str, str, str]
    pixels: NDArray[np.uint8]
    points: LocalFeatures
    checks: tuple[ScopeCheck, ...]
    places: tuple[Crop | None, ...]
    embeddings: Tensor

    @classmethod
    def of(cls, view: MarkView, embeddings: Tensor) -> EmbeddedMark:
        """A view with the embeddings of the whole mark and its elements (1 + n, C)."""
        places = (None, *(element.place for element in view.elements))
        return cls(view.order, view.mark.pixels, view.points, view.checks, places, embeddings)

    def points_of(self, number: int) -> LocalFeatures:
        """The local features of the whole mark (0), or of an element at its own size."""
        place = self.places[number]
        return self.points if place is None else points_at(self.pixels, place)


@dataclass(frozen=True)
class Score:
    """The score of two wholes, or of a whole and an element of the other mark.

    Attributes:
        log_odds: log P(similar) - log P(dissimilar), in nats.
        agreement: Agreement of their local features.
        numbers: Which of the whole (0) and the elements of each mark they are.
    """

    log_odds: float
    agreement: LocalAgreement
    numbers: tuple[int, int] = (0, 0)

    def raised(self, agreement_weight: float) -> float:
        """The log odds, raised by so many nats at full agreement."""
        return self.log_odds + agreement_weight * self.agreement.share


@dataclass(frozen=True)
class PairScore:
    """The scores of two marks.

    Attributes:
        whole: Of the wholes.
        element: Of one mark and the most similar element of the other; None if no mark has elements.
        checks: The scope checks beside each other, one tuple a mark.
        swapped: Whether the canonical order of the marks is the other order.
    """

    whole: Score
    element: Score | None
    checks: tuple[tuple[ScopeCheck, ...], tuple[ScopeCheck, ...]]
    swapped: bool

    @property
    def every_check(self) -> tuple[ScopeCheck, ...]:
        """The checks of both marks, in canonical order."""
        return sum(self.checks[::-1] if self.swapped else self.checks, ())

    @property
    def refused(self) -> bool:
        """Whether a scope check refuses the pair."""
        return refusal(self.every_check) is not None


def pair_score(first: EmbeddedMark, second: EmbeddedMark, log_odds: LogOdds) -> PairScore:
    """The scores of two marks; the same, to the bit, whichever mark comes first."""
    swapped = second.order < first.order
    a, b = (second, first) if swapped else (first, second)
    in_a, in_b = ((place, 0) for place in range(1, len(a.places))), ((0, place) for place in range(1, len(b.places)))
    numbers = [(0, 0), *in_a, *in_b]
    found = dict(zip(numbers, log_odds([(a.embeddings[i], b.embeddings[j]) for i, j in numbers]), strict=True))

    def score(chosen: tuple[int, int]) -> Score:
        own, other = chosen[::-1] if swapped else chosen
        return Score(found[chosen], local_agreement(first.points_of(own), second.points_of(other)), (own, other))

    wholes, *elements = numbers
    whole = score(wholes)
    element = score(max(elements, key=found.__getitem__)) if elements else None
    checks = overruled(first.checks, whole.agreement), overruled(second.checks, whole.agreement)
    return PairScore(whole, element, checks, swapped)
