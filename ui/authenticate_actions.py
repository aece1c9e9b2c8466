"""What the tab does where a photo of a part is examined: for the page, and for clients of the API."""

from __future__ import annotations

from typing import Any

from inference.bench import Bench
from inference.records import Detection, Deviation, Exhibit, Refusal, Verdict, as_json
from inference.request import Request
from ui.answers import answer_api
from ui.choices import BESIDE, Choices
from ui.exhibit_input import handed_in, parse_crop
from ui.markup import render
from ui.report_desk import Examined, ReportDesk
from ui.report_form import issued_files, stated_facts
from ui.verdict_card import examined_page, examined_parts_page, no_model_card, waiting_card

NO_PHOTO = "There is no photo to examine; add one."


class Authenticate(Choices):
    """The actions of the tab."""

    def __init__(self, bench: Bench, desk: ReportDesk) -> None:
        super().__init__(bench)
        self._desk = desk

    def examined(
        self,
        file: str | None,
        model: str | None,
        series: str | None,
        crop: str | None,
        find: str | None,
        ground: str | None = None,
    ) -> Examined:
        """The examination of the file at a path.

        Args:
            file: The path.
            model: Name of the model, or `references/` and the name of a reference collection; the first model where
                none is named.
            series: The series, where it is known.
            crop: As `Crop.parse` reads it; empty for the whole picture.
            find: Number from 1 of the detection that the crop is or was drawn from; empty for none.
            ground: Ground under transparent areas; empty leaves the choice to Assay.

        Raises:
            Refusal: if the file is not examined.
        """
        return self._on_one(self._verdict(handed_in(file, ground, NO_PHOTO), model, series, crop, find))

    def all_examined(
        self,
        file: str | None,
        _model: str | None,
        _series: str | None,
        _crop: str | None,
        _find: str | None,
        ground: str | None,
    ) -> Examined:
        """The examination of every detected part on the file at a path, each by its model or beside its collections.

        Raises:
            Refusal: if no part is detected that can be examined.
        """
        exhibit = handed_in(file, ground, NO_PHOTO)
        found = self._bench.examine_found(exhibit)
        return Examined(examined_parts_page(found), found, [exhibit], self._bench.cards(*found))

    def wait(self, file: str | None, *_: str | None) -> str:
        """The card before a verdict: what to do.

        Raises:
            Refusal: if the file is not examined.
        """
        if not self.choices():
            return no_model_card("authenticity")
        if not file:
            return waiting_card(
                "No photo yet", "Drop a photo of the part, draw a box around the part, and press Examine."
            )
        exhibit = handed_in(file, None, NO_PHOTO)
        return waiting_card(
            "Ready", f"{exhibit.name} is read, {exhibit.width} × {exhibit.height} pixels. Press Examine."
        )

    def detections(self, file: str | None, ground: str | None = None) -> tuple[Detection, ...]:
        """The detections on the file at a path, on a ground, best first; none without a readable photo.

        Raises:
            Refusal: if the locator cannot be loaded.
        """
        try:
            exhibit = handed_in(file, ground, NO_PHOTO) if file else None
        except Refusal:
            # `wait` states it.
            return ()
        return self._bench.detections(exhibit) if exhibit else ()

    def found(self, file: str | None, ground: str | None = None) -> str:
        """The detections on the file at a path, in words, as HTML; empty without a photo or a locator."""
        detections = self.detections(file, ground)
        if not file or not self._bench.finds_parts:
            return ""
        without_model = dict.fromkeys(find.part for find in detections if not self._bench.model_for(find.part))
        parts = [(part, self._bench.beside_for(part) is not None) for part in without_model]
        close_up = len(detections) == 1 and detections[0].close_up
        return render("found.html", detections=detections, close_up=close_up, without_model=parts)

    def locate(self, file: str | None, ground: str = "") -> list[dict[str, Any]]:
        """Locate the parts on a photo of whole goods; return each with its box and score, best first.

        Args:
            file: The photo.
            ground: Ground under its transparent areas: white, black or grey; empty for the one from which it
                stands out most.
        """
        return answer_api(lambda: as_json(self._bench.detections(handed_in(file, ground, NO_PHOTO))))

    def examine(
        self, file: str | None, model: str, series: str, crop: str, find: str, ground: str = ""
    ) -> dict[str, Any]:
        """Examine a photo for authenticity and return the record of the verdict.

        Args:
            file: The photo; its bytes are examined as they are.
            model: Name of an authenticity model, or `references/` and the name of a reference collection or
                `best-fit`; empty for the model or the collections of the detection's part, or else the first model.
            series: The series, where it is known; empty if not.
            crop: Crop to examine, as x,y,width,height or x,y,width,height,turn in pixels of the upright picture and
                degrees clockwise; empty for that of the detection, or else for the whole picture.
            find: Number from 1 of the detection to examine, in the order of `/locate`; empty for none.
            ground: Ground under transparent areas: white, black or grey; empty for the one from which the photo stands
                out most.
        """

        def make() -> dict[str, Any]:
            exhibit = handed_in(file, ground, NO_PHOTO)
            return as_json(self._verdict(exhibit, *self._completed(exhibit, model, series, crop, find)))

        return answer_api(make)

    def report(
        self,
        file: str | None,
        model: str,
        series: str,
        crop: str,
        find: str,
        ground: str,
        case_number: str,
        examiner: str,
        item: str,
        laboratory: str,
        request: str,
        remarks: str,
        reviewer: str,
    ) -> tuple[dict[str, Any], str, str]:
        """Examine a photo for authenticity and report it; return the report's ids, its PDF and its JSON twin.

        Where the app has a case folder, the photo, the examination and the report are added to the case.

        Args:
            file: The photo; its bytes are examined as they are.
            model: Name of an authenticity model, or `references/` and the name of a reference collection or
                `best-fit`; empty for the model or the collections of the detection's part, or else the first model.
            series: The series, where it is known; empty if not.
            crop: Crop to examine, as x,y,width,height or x,y,width,height,turn; empty for that of the detection, or
                else for the whole picture.
            find: Number from 1 of the detection to examine, in the order of `/locate`; empty for none.
            ground: Ground under transparent areas: white, black or grey; empty for the one from which the photo stands
                out most.
            case_number: The laboratory's number of the case; required.
            examiner: Who answers for the report; required.
            item: What was handed in.
            laboratory: Name and address.
            request: What was asked, and by whom.
            remarks: Anything else that belongs in the report.
            reviewer: Who is to review it.
        """
        texts = (case_number, examiner, item, laboratory, request, remarks, reviewer)

        def make() -> tuple[dict[str, Any], str, str]:
            facts = stated_facts(*texts)
            exhibit = handed_in(file, ground, NO_PHOTO)
            verdict = self._verdict(exhibit, *self._completed(exhibit, model, series, crop, find))
            return issued_files(self._desk.report(self._on_one(verdict), facts))

        return answer_api(make)

    def _on_one(self, found: Verdict | Deviation) -> Examined:
        return Examined(examined_page(found), [found], [found.exhibit], self._bench.cards(found))

    def _verdict(
        self, exhibit: Exhibit, model: str | None, series: str | None, crop: str | None, number: str | None
    ) -> Verdict | Deviation:
        request = Request(exhibit, series or None, parse_crop(crop), self._bench.proposal(exhibit, number))
        if model and model.startswith(BESIDE):
            return self._bench.examine_beside(request, model.removeprefix(BESIDE))
        return self._bench.examine(request, model)

    def _completed(
        self, exhibit: Exhibit, model: str, series: str, crop: str, number: str
    ) -> tuple[str | None, str, str, str]:
        """The inputs; where they are open, they are taken from the detection."""
        located = self._bench.proposal(exhibit, number)
        if located is None:
            return model, series, crop, number
        find = located.find
        return model or self.choice_for(find.part), series, crop or box_of(find), number


def box_of(find: Detection) -> str:
    """The crop of a detection; empty, which is the whole picture, for a close-up."""
    return "" if find.close_up else str(find.crop)
