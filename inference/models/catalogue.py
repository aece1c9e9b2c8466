"""The models of a folder: their cards, read and checked."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from inference.models.card import CARD_FORMAT, Card, Task, WeightsRefused
from inference.models.format_2 import with_keys
from inference.models.stated_files import StatedFile
from inference.places import WEIGHTS_FOLDER

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Catalogue:
    """The models of a folder, by name, and a sentence for each card that could not be read."""

    cards: dict[str, Card]
    refusals: tuple[str, ...]

    def names(self, task: Task, part: str | None = None) -> tuple[str, ...]:
        """Names of the models for a task, in alphabetical order; only those for a part if one is named."""
        return tuple(name for name, card in self.cards.items() if card.task == task and part in (None, card.part))

    def title(self, name: str) -> str:
        """A model's title in a list, with its name if another title reads the same."""
        title = self.cards[name].title
        others = [other for other in self.cards.values() if other.name != name]
        taken = {_read_as(text) for other in others for text in (other.title, f"{other.title} ({other.name})")}
        return f"{title} ({name})" if _read_as(title) in taken else title


def _read_as(title: str) -> str:
    """A title without differences of case and spaces."""
    return " ".join(title.casefold().split())


CARD_FILE = StatedFile(TypeAdapter(Card), "card", "weights", "assay_card", CARD_FORMAT, WeightsRefused)


def read_catalogue(folder: Path = WEIGHTS_FOLDER) -> Catalogue:
    """The cards of a folder; one bad card hides no other."""
    cards, refusals = {}, []
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stem):
        try:
            cards[path.stem] = read_card(path)
        except WeightsRefused as refusal:
            logger.warning("%s", refusal)
            refusals.append(str(refusal))
    return Catalogue(cards, tuple(refusals))


def read_card(path: Path) -> Card:
    """A card from its JSON file.

    Raises:
        WeightsRefused: if it is missing, damaged, not a card of Assay, newer than this Assay, or
            named differently from its file.
    """
    return parse_card(path, CARD_FILE.content(path))


def parse_card(path: Path, content: bytes) -> Card:
    """The card that the bytes of a file hold; see `read_card`."""
    card = CARD_FILE.parse(path, content)
    if card.name != path.stem:
        msg = f"{path.name} is the card of {card.name!r}; rename the card and its weights to that name."
        raise WeightsRefused(msg)
    return card if card.assay_card > 2 else replace(card, metrics=with_keys(card.metrics))
