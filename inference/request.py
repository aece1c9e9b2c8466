"""What is asked of an examination: the same from the page, the API, the command line and a verification."""

from __future__ import annotations

from dataclasses import dataclass

from inference.records import Crop, Exhibit, Located, Refusal


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


@dataclass(frozen=True)
class Means:
    """By what photos are examined: a model, a reference collection, or what there is for each part that is found.

    Attributes:
        model: Name of an authenticity model; None for the first one.
        references: Name of a reference collection, or `best-fit`; None to examine by a model.
        locate: Whether the parts are located first, and each is examined by its own model or collections.
        series: The series, if the examiner fixed it.

    Raises:
        Refusal: if one leaves nothing to another.
    """

    model: str | None = None
    references: str | None = None
    locate: bool = False
    series: str | None = None

    def __post_init__(self) -> None:
        if self.references is not None and (self.model is not None or self.locate):
            msg = "With --references no model is asked; leave out --model and --locate."
            raise Refusal(msg)
        if self.locate and self.model is not None:
            msg = "With --locate, models follow from the parts that are found; leave out --model."
            raise Refusal(msg)

    def __str__(self) -> str:
        if self.locate:
            by = "each part that is found, by its model or collections"
        elif self.references is not None:
            by = f"beside the reference collection {self.references}"
        else:
            by = f"by the model {self.model}" if self.model else "by the first model"
        return f"{by}, series {self.series}" if self.series else by
