"""The request for one examination: the same from the page, the API, the command line and a verification."""

from __future__ import annotations

from dataclasses import dataclass

from inference.records import Crop, Exhibit, Located


@dataclass(frozen=True)
class Request:
    """One part of an exhibit to examine.

    Attributes:
        exhibit: The exhibit.
        series: The series, if the examiner fixed it.
        crop: The crop to examine; None for the whole picture.
        located: The locator's proposal that the crop is or was drawn from; it is recorded and changes no finding.
    """

    exhibit: Exhibit
    series: str | None = None
    crop: Crop | None = None
    located: Located | None = None

    @classmethod
    def of_proposal(cls, exhibit: Exhibit, located: Located, series: str | None = None) -> Request:
        """The request for a locator's proposal as it is; a close-up is examined whole."""
        return cls(exhibit, series, None if located.find.close_up else located.find.crop, located)
