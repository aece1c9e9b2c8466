"""The values of `--crop` and `--ground` for each named picture."""

from __future__ import annotations

from collections.abc import Sequence

from inference.records import Crop, Refusal


def crops(values: Sequence[str], pictures: int) -> tuple[Crop | None, ...]:
    """The crop of each picture; None for the whole picture. See `of_each`.

    Raises:
        Refusal: if a value is not a crop, or does not name its picture.
    """
    return tuple(None if text is None else Crop.parse(text) for text in of_each("--crop", values, pictures))


def grounds(values: Sequence[str], pictures: int) -> list[str | None]:
    """The ground for the transparent areas of each picture; None where it is left open. See `of_each`."""
    return of_each("--ground", values, pictures)


def of_each(option: str, values: Sequence[str], pictures: int) -> list[str | None]:
    """The value of an option for each picture, in their order; None for a picture without one.

    Args:
        option: Its name.
        values: `N=VALUE` for the picture with that number, from 1; VALUE alone for a single picture.
        pictures: Number of pictures.

    Raises:
        Refusal: if a value names no picture, a picture that does not exist, or one that another value names too.
    """
    said: list[str | None] = [None] * pictures
    for value in values:
        number, equals, text = value.partition("=")
        if not equals:
            number, text = "1", value
        if not equals and pictures > 1:
            msg = (
                f"{option} {value} does not name its picture; write {option} N={value}, where N is the number of the "
                f"picture, from 1 to {pictures}."
            )
            raise Refusal(msg)
        if number not in {str(known) for known in range(1, pictures + 1)}:
            named = "one picture is named" if pictures == 1 else f"{pictures} pictures are named"
            msg = f"{option} {value} is for picture {number!r}, but {named}; count the pictures from 1."
            raise Refusal(msg)
        if said[int(number) - 1] is not None:
            msg = f"{option} is given twice for picture {number}; give it once."
            raise Refusal(msg)
        said[int(number) - 1] = text
    return said
