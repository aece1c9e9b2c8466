"""A connection to Milvus, and whether a register is kept there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from pymilvus import MilvusClient, MilvusException

from inference.register.store import RegisterRefused

COLLECTION = "assay_register"
TOKEN = "ASSAY_MILVUS_TOKEN"  # noqa: S105 - the variable's name
"""The variable of the environment that holds the token, or user:password, of a server."""
MOST_READ = 1000
"""Entities that are read together."""

Row = dict[str, Any]


def is_register_at(address: str) -> bool:
    """Whether there is a register at an address; looking for one makes none.

    Raises:
        RegisterRefused: if it cannot be reached.
    """
    if address.endswith(".db") and not Path(address).exists():
        return False
    with closing(Client(address)) as client:
        return bool(client.ask("has_collection", COLLECTION))


class Client:
    """A connection, whose failures are refusals.

    Args:
        address: http://HOST:PORT/DATABASE of a server, or NAME.db, the file of the small edition.

    Raises:
        RegisterRefused: if it cannot be reached; by each call, if that fails.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        try:
            self._client = MilvusClient(address, token=os.environ.get(TOKEN, ""))
        except MilvusException as error:
            msg = f"{address} cannot be reached ({error.message}); check the address, the server, and {TOKEN}."
            raise RegisterRefused(msg) from error

    def ask(self, call: str, *arguments: Any, **named: Any) -> Any:
        """What a call of the client gives."""
        with self._answered(call):
            return getattr(self._client, call)(*arguments, **named)

    def rows(self, where: str, fields: Sequence[str]) -> list[Row]:
        """All entities of which a condition is true, with these fields."""
        found = list(self.ask("query", COLLECTION, where, output_fields=[*fields], limit=MOST_READ))
        if len(found) < MOST_READ:
            return found
        found = []
        with self._answered("query"):
            named = {"filter": where, "batch_size": MOST_READ, "output_fields": [*fields]}
            iterator = self._client.query_iterator(COLLECTION, **named)
            while batch := iterator.next():
                found += batch
            iterator.close()
        return found

    @contextmanager
    def _answered(self, call: str) -> Iterator[None]:
        try:
            yield
        except MilvusException as error:
            msg = f"{self._address} did not do it ({call}: {error.message}); check the server, then try again."
            raise RegisterRefused(msg) from error

    def close(self) -> None:
        """End the connection."""
        self._client.close()
