"""What the tab of batches does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from gradio.utils import get_upload_folder

from inference.batches.batch import Batch
from inference.batches.batches import Batches
from inference.bench import Bench
from inference.casework.facts import CaseFacts
from inference.records import Refusal, RowOrder
from ui.choices import EACH_PART, Choices, means_of
from ui.file_names import NamedPath, given_name
from ui.markup import data_address, render
from ui.report_desk import Examined, Issued, ReportDesk
from ui.served_files import served_file
from ui.verdict_card import examined_page, waiting_card

PAGE = 50
"""Rows that are shown at once."""


class Batching(Choices):
    """The actions of the tab.

    Args:
        bench: The models and collections.
        desk: Makes the reports.
        folder: The folder of the batches.
        reads_files: Whether the page may read files of this machine.
    """

    def __init__(self, bench: Bench, desk: ReportDesk, folder: Path, reads_files: bool) -> None:
        super().__init__(bench)
        self._desk = desk
        self._reads_files = reads_files
        self.batches = Batches(folder, bench)

    def choices(self) -> list[tuple[str, str]]:
        """By what photos can be examined, in words and by name."""
        found = super().choices()
        parts = [("Each part that is found, by its model or collections", EACH_PART)]
        return [*found, *(parts if self._bench.finds_parts else [])]

    def begin(
        self, files: Sequence[NamedPath] | None, places: str, model: str | None, series: str | None, name: str
    ) -> Batch:
        """Begin a batch of handed-in files, and of the places of this machine.

        Raises:
            Refusal: if it cannot be begun.
        """
        named = [Path(place.strip()).expanduser() for place in places.splitlines() if place.strip()]
        handed_in = [(given_name(file), Path(file)) for file in files or ()]
        return self.batches.begin(name, means_of(model, series), named if self._reads_files else [], handed_in)

    def card(self, name: str | None) -> str:
        """How far a batch is; what to do where there is none."""
        if not name:
            where = "a folder, a ZIP or a CSV of this machine" if self._reads_files else "a ZIP"
            return waiting_card("No batch yet", f"Hand in photos or name {where}, and press Start.")
        told = self.batches.told
        ours = told.name == name
        state = self.batches.batch(name).state
        return render("batch.html", state=state, running=ours and told.running, told=told.text if ours else "")

    def rows(self, name: str | None, outcome: str, text: str, order: RowOrder, start: int) -> str:
        """The rows of a batch that are asked for, a page of them from `start`."""
        if not name:
            return ""
        store = self.batches.batch(name).store
        rows = store.rows(outcome, text, order, start, PAGE)
        return render(
            "batch_rows.html",
            rows=rows,
            start=start,
            count=store.count(outcome, text),
            page=PAGE,
            thumbnail=partial(data_address, "image/jpeg"),
        )

    def examined(self, name: str | None, row: str | None) -> Examined:
        """The whole examination of a row.

        Raises:
            Refusal: if it is not made again.
        """
        found = self.batches.batch(name).examined_again(row or "")
        return Examined(examined_page(found), [found], [found.exhibit], self._bench.cards(found))

    def no_row(self, *_: str | None) -> str:
        """What stands in the place of an opened row before one is opened: nothing."""
        return ""

    def csv(self, name: str | None) -> str:
        """The path of a batch's rows as a CSV file.

        Raises:
            Refusal: if there is no such batch.
        """
        batch = self.batches.batch(name)
        return served_file(batch.csv(), f"{batch.store.folder.name}.csv", get_upload_folder())

    def report(self, facts: CaseFacts, name: str | None) -> Issued:
        """The report on all examinations of a batch.

        Raises:
            Refusal: if it cannot be made, or the batch still runs.
        """
        batch = self.batches.batch(name)
        if self.runs(name):
            msg = f"The batch {name} still runs; report it when it is done, or pause it."
            raise Refusal(msg)
        return self._desk.report_batch(batch, facts)

    def runs(self, name: str | None) -> bool:
        """Whether a batch runs."""
        told = self.batches.told
        return told.running and told.name == name

    def known(self, name: str | None) -> str | None:
        """That batch, or the one that runs, or else the last one; None without any."""
        names = self.batches.names
        return (
            name if name in names else self.batches.told.name if self.batches.told.running else next(iter(names), None)
        )
