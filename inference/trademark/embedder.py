"""Marks for a register: framed as they are for a comparison, and embedded in every view that a search needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.records import Crop, Exhibit, Provenance, Refusal
from inference.scope.checks import refusal
from inference.trademark.checks import mark_checks
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.framing import frame_mark
from inference.trademark.mark_view import elements_of
from inference.trademark.sub_scores import turned_views, without_colour

Embedding = NDArray[np.float32]


@dataclass(frozen=True)
class FramedInputs:
    """What the network sees of a mark.

    Attributes:
        whole: The whole mark, (3, S, S).
        grey: The same without colour.
        places: Where its elements lie, in pixels of the framed mark (n).
        elements: The elements, (3, S, S) each (n).
    """

    whole: Tensor
    grey: Tensor
    places: tuple[Crop, ...]
    elements: tuple[Tensor, ...]


@dataclass(frozen=True)
class EmbeddedViews:
    """What a register keeps of a mark, and what is searched for.

    Attributes:
        whole: The embedding of the whole mark (C,).
        grey: That of the mark without colour.
        places: Where its elements lie, in pixels of the framed mark (n).
        elements: Their embeddings (n, C).
    """

    whole: Embedding = field(repr=False)
    grey: Embedding = field(repr=False)
    places: tuple[Crop, ...]
    elements: Embedding = field(repr=False)


class MarkEmbedder:
    """Embeds marks with one trademark model. Threads may share it."""

    def __init__(self, examiner: TrademarkExaminer) -> None:
        self._examiner = examiner

    @property
    def sha256(self) -> str:
        """SHA-256 of the model's weights."""
        return self._examiner.card.weights_sha256

    def framed(self, exhibit: Exhibit, crop: Crop | None = None) -> FramedInputs:
        """A mark as the network sees it, and its elements for a model that weighs them.

        Raises:
            Refusal: if the picture shows no mark, one that is too small or too faint to compare, or the crop reaches
                outside the picture.
        """
        card = self._examiner.card
        mark = frame_mark(exhibit.crop(crop))
        refused = refusal(mark_checks(mark, card.preprocessing.size, words=card.lettering))
        if refused is not None:
            raise Refusal(refused)
        elements = elements_of(mark, card.preprocessing) if card.element_rule else ()
        whole, grey = (
            torch.from_numpy(card.preprocessing(pixels).values) for pixels in (mark.pixels, without_colour(mark.pixels))
        )
        return FramedInputs(
            whole, grey, tuple(element.place for element in elements), tuple(element.image for element in elements)
        )

    def embedded(self, marks: Sequence[FramedInputs]) -> list[EmbeddedViews]:
        """The embeddings of some marks."""
        images = [image for mark in marks for image in (mark.whole, mark.grey, *mark.elements)]
        of_mark = self._embed(images).split([2 + len(mark.elements) for mark in marks])
        return [
            EmbeddedViews(own[0].numpy(), own[1].numpy(), mark.places, own[2:].numpy())
            for mark, own in zip(marks, of_mark, strict=True)
        ]

    def turned(self, mark: FramedInputs) -> dict[str, Embedding]:
        """The embeddings (C,) of a mark in the seven other rotations and mirrorings, each by what was done."""
        views = turned_views(mark.whole)
        return dict(zip(views, self._embed([*views.values()]).numpy(), strict=True))

    def log_odds(self, one: Embedding, others: NDArray[np.float16]) -> NDArray[np.float64]:
        """Log P(similar) - log P(dissimilar) (n,), in nats, of one embedding (C,) beside each of others (n, C)."""
        return self._examiner.compare_with_all(torch.from_numpy(one), torch.from_numpy(others.astype(np.float32)))

    @property
    def dimensions(self) -> int:
        """Length of the compact vectors."""
        return self._examiner.compact_channels

    def compact(self, embeddings: Embedding) -> Embedding:
        """Embeddings (n, C) as short vectors (n, D), whose angles order marks nearly as the log odds do."""
        return self._examiner.compact(torch.from_numpy(embeddings)).numpy()

    def provenance(self, settings: dict[str, str]) -> Provenance:
        """What is needed to repeat what was made with these settings."""
        return self._examiner.provenance(settings, ("marks are framed and embedded as they are for a comparison",))

    def _embed(self, images: Sequence[Tensor]) -> Tensor:
        return self._examiner.embed(images).float().cpu()
