"""Pairs of marks as they are drawn in training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from inference.trademark.framing import frame_mark
from training.assessment.mark_trials import Pixels
from training.data.degradations import blurred, jpeg, noisy, resized, striped
from training.data.marks.mark_set import MarkSet, Pair
from training.data.marks.raster_styles import on_web
from training.fitting.fit import derive_seed
from training.trademark.parts import part_windows
from training.trademark.settings import TrademarkSettings

_GRADED = 8
"""One in so many pairs of an epoch, at most, shows one concept."""


class TrainingPairs(Dataset[dict[str, Tensor]]):
    """Pairs as they are drawn in training; (epoch, index) decides all randomness of a pair.

    An index below the number of families stands for two of the family's drawings, or for two variations of
    but one, for two variations of it; the indices above stand for the labelled dissimilar pairs, and those above them
    for drawings of one concept.
    """

    def __init__(
        self,
        marks: MarkSet,
        pictures: Sequence[Pixels],
        nearest: Sequence[Sequence[int]],
        settings: TrademarkSettings,
    ) -> None:
        self._pictures = pictures
        self._parts = part_windows(marks, settings.preprocessing)
        self._settings = settings
        self._kind = marks.kind
        self._similar: dict[str, list[Pair]] = defaultdict(list)
        for pair in marks.pairs("train", similar=True):
            if not settings.kinds or marks.kind(pair) in settings.kinds:
                self._similar[marks.marks[pair[0]].family].append(pair)
        members: dict[str, list[int]] = defaultdict(list)
        for index in marks.of("train"):
            members[marks.marks[index].family].append(index)
        # A single drawing makes a pair only if its two copies are varied differently.
        self._families = [name for name in members if settings.augment or name in self._similar]
        self._members = members
        self._number = {name: number for number, name in enumerate(self._families)}
        self._family_of = [self._number.get(mark.family, -1) for mark in marks.marks]
        self._dissimilar = marks.pairs("train", similar=False)
        self._graded = marks.graded_of("train")
        self._alike = min(2 * len(self._similar), len(self._families))
        self._neighbours = {
            name: sorted({self._family_of[near] for index in members[name] for near in nearest[index]} - {-1})
            for name in self._families
        }

    def __len__(self) -> int:
        return self._alike + min(len(self._dissimilar), self._alike) + min(len(self._graded), self._alike // _GRADED)

    def draw(self, generator: torch.Generator) -> list[int]:
        """An epoch: every family of several drawings once, each followed by one near to it.

        So similar brands meet in a batch, where they are each other's hard negatives. Single drawings fill the epoch
        to its length. Labelled dissimilar pairs and drawings of one concept lie evenly between: a network that saw
        them last would forget what is similar.
        """
        drawn: dict[int, None] = {}
        several = [self._number[name] for name in self._similar]
        for position in torch.randperm(len(several), generator=generator).tolist():
            family = several[position]
            if family in drawn:
                continue
            drawn[family] = None
            near = [other for other in self._neighbours[self._families[family]] if other not in drawn]
            if near:
                drawn[near[int(torch.randint(len(near), (1,), generator=generator))]] = None
        drawn |= dict.fromkeys(torch.randperm(len(self._families), generator=generator).tolist())
        labelled = torch.randperm(len(self._dissimilar), generator=generator)[: self._alike] + len(self._families)
        graded = torch.randperm(len(self._graded), generator=generator)[: self._alike // _GRADED]
        graded += len(self._families) + len(self._dissimilar)
        return _interleaved([[*drawn][: self._alike], labelled.tolist(), graded.tolist()], generator)

    def __getitem__(self, drawn: tuple[int, int]) -> dict[str, Tensor]:
        """One sample: pictures `a` and `b` (3, S, S), their `family_a` and `family_b`, `similar` and `graded`."""
        epoch, index = drawn
        rng = np.random.default_rng(derive_seed(self._settings.fit.seed, epoch, index))
        similar = index < len(self._families)
        place = index - len(self._families)
        part = None
        if similar:
            name = self._families[index]
            pairs = self._similar.get(name)
            only = self._members[name][0]
            a, b = self._of_a_kind(pairs, rng) if pairs else (only, only)
            part = self._parts.get((a, b))
        elif place < len(self._dissimilar):
            a, b = self._dissimilar[place]
        else:
            a, b = self._graded[place - len(self._dissimilar)]
        sides = [(a, self._pictures[a]), (b, part.cut(rng) if part else self._pictures[b])]
        (a, first), (b, second) = sides[::-1] if rng.random() < 0.5 else sides
        return {
            "a": self._tensor(first, rng),
            "b": self._tensor(second, rng),
            "family_a": torch.tensor(self._family_of[a]),
            "family_b": torch.tensor(self._family_of[b]),
            "similar": torch.tensor(int(similar)),
            "graded": torch.tensor(place >= len(self._dissimilar)),
        }

    def _of_a_kind(self, pairs: Sequence[Pair], rng: np.random.Generator) -> Pair:
        """One of a family's pairs, with equal probability for each kind, since some kinds have many more pairs."""
        kinds = sorted({self._kind(pair) for pair in pairs})
        kind = kinds[rng.integers(len(kinds))]
        alike = [pair for pair in pairs if self._kind(pair) == kind]
        return alike[rng.integers(len(alike))]

    def _tensor(self, picture: Pixels, rng: np.random.Generator) -> Tensor:
        preprocessing = self._settings.preprocessing
        if self._settings.augment and rng.random() < self._settings.raster_share:
            picture = preprocessing.tone_and_scale(frame_mark(on_web(picture, rng)).pixels)
        mark, _ = preprocessing.frame(picture)
        if self._settings.augment:
            mark = vary(mark, rng, self._settings.vary_colour)
            mark = degrade(mark, rng) if rng.random() < self._settings.degraded_share else mark
        return torch.from_numpy(preprocessing.normalised(mark))


def _interleaved(sequences: Sequence[Sequence[int]], generator: torch.Generator) -> list[int]:
    """All values in a random order in which each sequence keeps its own."""
    source = torch.tensor([number for number, values in enumerate(sequences) for _ in values])
    following = [iter(values) for values in sequences]
    return [next(following[number]) for number in source[torch.randperm(len(source), generator=generator)].tolist()]


def vary(framed: Pixels, rng: np.random.Generator, colour: bool = True) -> Pixels:
    """Vary position, angle, size and colour of a mark, uint8 (S, S, 3); it is never mirrored."""
    varied: Pixels = _recoloured(framed, rng) if colour else framed
    if rng.random() < 0.8:
        varied = _moved(np.ascontiguousarray(varied), rng)
    return varied


def degrade(framed: Pixels, rng: np.random.Generator) -> Pixels:
    """Degrade a mark, uint8 (S, S, 3): compression, few pixels, blur, noise, or stripes of a screen."""
    match rng.choice(["jpeg", "resized", "blurred", "noisy", "striped"]):
        case "jpeg":
            return jpeg(framed, rng.uniform(10, 90))
        case "resized":
            return resized(framed, rng.uniform(0.2, 0.8))
        case "blurred":
            return blurred(framed, rng.uniform(3, 10))
        case "noisy":
            return noisy(framed, rng.uniform(2, 30), rng)
        case _:
            return striped(framed, rng.uniform(2, 30), rng.uniform(2, 12), rng.uniform(0, np.pi))


def _recoloured(framed: Pixels, rng: np.random.Generator) -> Pixels:
    varied: Pixels = framed
    if rng.random() < 0.3:
        varied = varied[..., rng.permutation(3)]
    if rng.random() < 0.15:
        varied = varied.mean(axis=2, keepdims=True).astype(np.uint8).repeat(3, axis=2)
    return varied


def _moved(framed: Pixels, rng: np.random.Generator) -> Pixels:
    side = framed.shape[0]
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-12, 12), rng.uniform(0.75, 1.1))
    turn[:, 2] += rng.uniform(-0.06, 0.06, 2) * side
    turn[0, 1] += rng.uniform(-0.08, 0.08)
    corner = [int(value) for value in framed[0, 0]]
    return cv2.warpAffine(framed, turn, (side, side), flags=cv2.INTER_LINEAR, borderValue=corner).astype(np.uint8)
