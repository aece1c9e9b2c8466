"""The models of a folder: their cards, read and checked."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from inference.models.card import CARD_FORMAT, Card, Task, WeightsRefused
from inference.models.card_numbers import LARGEST_CARD, require_numbers
from inference.models.format_2 import with_keys

logger = logging.getLogger(__name__)
WEIGHTS_FOLDER = Path(__file__).parents[2] / "weights"


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


_CARD = TypeAdapter(Card)


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
    return parse_card(path, read_card_file(path))


def read_bytes(path: Path) -> bytes:
    """The bytes of a model's file.

    Raises:
        WeightsRefused: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"{path.name} cannot be read in {path.parent}; choose a model that is there."
        raise WeightsRefused(msg) from error


def read_card_file(path: Path) -> bytes:
    """The bytes of a card's file.

    Raises:
        WeightsRefused: if it cannot be read, or is larger than any card.
    """
    if path.is_file() and path.stat().st_size > LARGEST_CARD:
        msg = f"{path.name} is larger than any card ({path.stat().st_size:,} bytes); restore it with its weights."
        raise WeightsRefused(msg)
    return read_bytes(path)


def parse_card(path: Path, content: bytes) -> Card:
    """The card that the bytes of a file hold; see `read_card`."""
    try:
        stated = json.loads(content)
    except (ValueError, RecursionError) as error:
        msg = f"{path.name} is damaged: it is not readable JSON; restore it with its weights."
        raise WeightsRefused(msg) from error
    try:
        require_numbers(stated)
    except ValueError as error:
        msg = f"{path.name} is damaged: {error}; restore it with its weights."
        raise WeightsRefused(msg) from error
    if not isinstance(stated, dict) or type(stated.get("assay_card")) is not int or stated["assay_card"] < 1:
        msg = f"{path.name} is not a card of Assay, since it states no card format; remove it from the folder."
        raise WeightsRefused(msg)
    if stated["assay_card"] > CARD_FORMAT:
        msg = (
            f"{path.name} is written in card format {stated['assay_card']}, and this Assay reads formats up to "
            f"{CARD_FORMAT}; update Assay."
        )
        raise WeightsRefused(msg)
    try:
        card = _CARD.validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "the card"
        logger.info("%s", path, exc_info=True)
        why = first["msg"].removeprefix("Value error, ")
        msg = f"{path.name} is damaged: {where}: {why}; restore it with its weights."
        raise WeightsRefused(msg) from error
    if card.name != path.stem:
        msg = f"{path.name} is the card of {card.name!r}; rename the card and its weights to that name."
        raise WeightsRefused(msg)
    return card if card.assay_card > 2 else replace(card, metrics=with_keys(card.metrics))
