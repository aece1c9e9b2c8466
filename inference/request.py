"""What one examination of a part is asked: the same from the page, the API, the command line and a verification."""

from __future__ import annotations

from dataclasses import dataclass

from inference.records import Crop, Exhibit, Located


@dataclass(frozen=True)
class Request:
    """One part of an exhibit to examine.

    Attributes:
        exhibit: What is examined.
        series: The series, where the examiner fixed it.
        crop: What of it is examined; None for the whole picture.
        located: The locator's proposal that the crop is, or was made of; it is recorded and changes nothing.
    """

    exhibit: Exhibit
    series: str | None = None
    crop: Crop | None = None
    located: Located | None = None

    @classmethod
    def of_proposal(cls, exhibit: Exhibit, located: Located, series: str | None = None) -> Request:
        """A locator's proposal as it is: a close-up is the whole picture."""
        return cls(exhibit, series, None if located.find.close_up else located.find.crop, located)
