"""What an examiner asks a transparent picture to be laid on, from a page, a client of the API or an option."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from inference.intake.exhibit import ExhibitRefused, read_exhibit
from inference.records import Exhibit, Ground


def read_laid_on(source: Path, ground: str | None, name: str | None = None) -> Exhibit:
    """One picture as an exhibit, its transparent parts on the ground that is asked for; see `read_exhibit`.

    Args:
        source: The file.
        ground: white, black or grey; None leaves it to Assay.
        name: File name as given; that of the file where it is not given.

    Raises:
        Refusal: if the file is not examined, there is no such ground, or nothing of the picture would show it.
    """
    exhibit = read_exhibit(source, name, cast("Ground | None", ground))
    if ground is not None and exhibit.ground is None:
        msg = f"{exhibit.name} has no transparent parts to lay on {ground}; leave its ground open."
        raise ExhibitRefused(msg)
    return exhibit
