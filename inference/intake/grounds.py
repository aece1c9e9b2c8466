"""The ground that an examiner chooses for a transparent picture, on the page, by the API or by an option."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from inference.intake.exhibit import ExhibitRefused, read_exhibit
from inference.records import Exhibit, Ground


def read_laid_on(source: Path, ground: str | None, name: str | None = None) -> Exhibit:
    """One picture as an exhibit, its transparent areas on the chosen ground; see `read_exhibit`.

    Args:
        source: The file.
        ground: white, black or grey; None leaves the choice to Assay.
        name: File name as given; by default that of `source`.

    Raises:
        Refusal: if the file is not examined, there is no such ground, or the picture has no transparent areas.
    """
    exhibit = read_exhibit(source, name, cast("Ground | None", ground))
    if ground is not None and exhibit.ground is None:
        msg = f"{exhibit.name} has no transparent areas to lay on {ground}; leave its ground open."
        raise ExhibitRefused(msg)
    return exhibit
