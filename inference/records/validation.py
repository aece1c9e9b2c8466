"""What guards a record's fields, and how an examination is refused."""

from __future__ import annotations


class Refusal(ValueError):  # noqa: N818 - a refusal is the field's word, and it is not our error
    """Something that is not examined, loaded or trained on, said in one sentence a person can act on."""


def require(condition: bool, message: str) -> None:
    """Guard a record's field.

    Raises:
        ValueError: with `message`, if `condition` does not hold.
    """
    if not condition:
        raise ValueError(message)
