"""JSON files that state what a file of arrays beside them holds: the card of a model, the list of a collection."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from inference.models.card_numbers import LARGEST_CARD, require_numbers
from inference.records import Refusal

logger = logging.getLogger(__name__)
Stated = TypeVar("Stated")


@dataclass(frozen=True)
class StatedFile(Generic[Stated]):
    """One kind of such files.

    Attributes:
        adapter: Reads what it states.
        noun: What it is called in a refusal.
        beside: What lies beside it.
        format_key: The key that states its format.
        latest: The latest format that this Assay reads.
        refused: What is raised where one cannot be read.
    """

    adapter: TypeAdapter[Stated]
    noun: str
    beside: str
    format_key: str
    latest: int
    refused: type[Refusal]

    def content(self, path: Path) -> bytes:
        """The bytes of a file.

        Raises:
            Refusal: if it cannot be read, or is larger than any.
        """
        if path.is_file() and path.stat().st_size > LARGEST_CARD:
            size = f"{path.stat().st_size:,} bytes"
            msg = f"{path.name} is larger than any {self.noun} ({size}); restore it with its {self.beside}."
            raise self.refused(msg)
        return self.bytes_of(path)

    def bytes_of(self, path: Path) -> bytes:
        """The bytes of a file, or of the one beside it.

        Raises:
            Refusal: if it cannot be read.
        """
        try:
            return path.read_bytes()
        except OSError as error:
            msg = f"{path.name} cannot be read in {path.parent}; choose one that is there."
            raise self.refused(msg) from error

    def parse(self, path: Path, content: bytes) -> Stated:
        """What the bytes of a file state.

        Raises:
            Refusal: if they are damaged, of another kind, or newer than this Assay.
        """
        restore = f"restore it with its {self.beside}"
        try:
            stated = json.loads(content)
        except (ValueError, RecursionError) as error:
            msg = f"{path.name} is damaged: it is not readable JSON; {restore}."
            raise self.refused(msg) from error
        try:
            require_numbers(stated)
        except ValueError as error:
            msg = f"{path.name} is damaged: {error}; {restore}."
            raise self.refused(msg) from error
        number = stated.get(self.format_key) if isinstance(stated, dict) else None
        if type(number) is not int or number < 1:
            msg = (
                f"{path.name} is not a {self.noun} of Assay, since it states no {self.noun} format; remove it from the "
                "folder."
            )
            raise self.refused(msg)
        if number > self.latest:
            msg = (
                f"{path.name} is written in {self.noun} format {number}, and this Assay reads formats up to "
                f"{self.latest}; update Assay."
            )
            raise self.refused(msg)
        try:
            return self.adapter.validate_json(content, strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(step) for step in first["loc"]) or f"the {self.noun}"
            logger.info("%s", path, exc_info=True)
            why = first["msg"].removeprefix("Value error, ")
            msg = f"{path.name} is damaged: {where}: {why}; {restore}."
            raise self.refused(msg) from error
