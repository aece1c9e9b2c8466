"""The sheets of a report: A4, numbered, with the report's id at the head and foot of each."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reportlab.lib.colors import black
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate

from inference.casework.facts import CaseFacts
from inference.casework.log import Head
from inference.casework.typesetting import GREY, HAIRLINE, LATIN, TEXT_WIDTH

_MARGIN, _TOP, _BOTTOM = 16 * mm, 17 * mm, 15 * mm


@dataclass(frozen=True)
class Imprint:
    """What every page of a report states of the report itself.

    Attributes:
        id: The report's id.
        run_id: SHA-256 over what the findings depend on.
        twin_sha256: SHA-256 of the JSON twin.
        facts: What the report states of the case.
        made: When, in local time with its zone.
        log_head: The head of the case's log when the report was made.
    """

    id: str
    run_id: str
    twin_sha256: str
    facts: CaseFacts
    made: datetime
    log_head: Head | None


def bound(imprint: Imprint, story: list[Flowable]) -> bytes:
    """The PDF of a report from its content, page by page."""
    file = io.BytesIO()
    frame = Frame(_MARGIN, _BOTTOM, TEXT_WIDTH, A4[1] - _TOP - _BOTTOM, 0, 0, 0, 0)
    document = BaseDocTemplate(
        file,
        pagesize=A4,
        invariant=1,
        title=f"Examination report {imprint.id}",
        author="Assay",
        subject=f"run {imprint.run_id}",
        keywords=f"JSON twin SHA-256 {imprint.twin_sha256}",
        lang="en-GB",
    )
    document.addPageTemplates(PageTemplate(frames=[frame]))
    document.build(story, canvasmaker=lambda *args, **options: _NumberedCanvas(imprint.id, *args, **options))
    return file.getvalue()


class _NumberedCanvas(Canvas):
    """Pages that state their total number: each is finished when the last one is known."""

    def __init__(self, report_id: str, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._report_id = report_id
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        """Keep the page until the last one is known."""
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Number the pages and write them."""
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self._frame_page(f"page {number} of {len(self._pages)}")
            if number == len(self._pages):
                self._mark_end()
            super().showPage()
        super().save()

    def _mark_end(self) -> None:
        words, middle, height = f"End of report {self._report_id}", A4[0] / 2, 5.5 * mm
        self.setFillColor(black)
        self.setStrokeColor(black)
        self.drawCentredString(middle, height, words)
        gap = self.stringWidth(words, LATIN, 6.6) / 2 + 3 * mm
        for start, end in ((_MARGIN, middle - gap), (middle + gap, A4[0] - _MARGIN)):
            self.line(start, height + 2, end, height + 2)

    def _frame_page(self, number: str) -> None:
        right = A4[0] - _MARGIN
        self.setFont(LATIN, 6.6)
        self.setFillColor(GREY)
        self.drawString(_MARGIN, A4[1] - 12 * mm, "Assay  ·  Examination report")
        self.drawRightString(right, A4[1] - 12 * mm, f"Report {self._report_id}")
        self.drawString(
            _MARGIN, 10 * mm, "Results relate only to the items examined. Reproduce this report only as a whole."
        )
        self.drawRightString(right, 10 * mm, f"Report {self._report_id}  ·  {number}")
        self.setStrokeColor(HAIRLINE)
        self.setLineWidth(0.4)
        for height in (A4[1] - 14 * mm, 13.5 * mm):
            self.line(_MARGIN, height, right, height)
