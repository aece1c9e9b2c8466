"""What `--crop` and `--ground` say of each picture that is named beside them."""

from __future__ import annotations

from collections.abc import Sequence

from inference.records import Crop, Refusal


def crops(values: Sequence[str], pictures: int) -> tuple[Crop | None, ...]:
    """The part of each picture that is examined; None for all of it. See `of_each`.

    Raises:
        Refusal: if a value is no crop, or it is not said of which picture.
    """
    return tuple(None if text is None else Crop.parse(text) for text in of_each("--crop", values, pictures))


def grounds(values: Sequence[str], pictures: int) -> list[str | None]:
    """What each picture is to be laid on where it is transparent; None where that is left open. See `of_each`."""
    return of_each("--ground", values, pictures)


def of_each(option: str, values: Sequence[str], pictures: int) -> list[str | None]:
    """What an option says of each picture, in their order; None of a picture that it says nothing of.

    Args:
        option: Its name.
        values: `N=VALUE` for the picture with that number, from 1; VALUE alone where there is one picture.
        pictures: How many there are.

    Raises:
        Refusal: if a value names no picture, one that is not there, or one that another value names as well.
    """
    said: list[str | None] = [None] * pictures
    for value in values:
        number, equals, text = value.partition("=")
        if not equals:
            number, text = "1", value
        if not equals and pictures > 1:
            msg = (
                f"{option} {value} does not say of which picture; write {option} N={value}, where N is a number from 1 "
                f"to {pictures}, in their order."
            )
            raise Refusal(msg)
        if number not in {str(known) for known in range(1, pictures + 1)}:
            named = "one picture is named" if pictures == 1 else f"{pictures} pictures are named"
            msg = f"{option} {value} is for picture {number!r}, and {named}, which are counted from 1."
            raise Refusal(msg)
        if said[int(number) - 1] is not None:
            msg = f"{option} is given twice for picture {number}; leave one of them out."
            raise Refusal(msg)
        said[int(number) - 1] = text
    return said
