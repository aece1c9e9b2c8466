"""The tab where marks are taken into a register, and it is searched for those that a mark resembles."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from threading import Event, Lock
from typing import Any

import gradio as gr
from gradio.events import Dependency

from inference.bench import Bench
from inference.casework.facts import CaseFacts
from inference.intake.exhibit import read_exhibit
from inference.progress import Progress
from inference.records import Exhibit, FoundMark, MarkSearch, Refusal, as_json
from inference.register.opening import is_register
from inference.register.register import Register, parsed_filters
from ui.answers import QUEUE, answer, answer_api, api_endpoint
from ui.examination import Examination
from ui.exhibit_input import ExhibitInput, handed_in, parse_crop
from ui.file_names import file_input
from ui.markup import data_address, render
from ui.pictures import png_address, reduced
from ui.report_desk import Examined, Issued, ReportDesk
from ui.report_form import ReportForm
from ui.verdict_card import comparison_page, record_address, waiting_card

_MISSING = "The mark is missing; add it."
_MOST = 20
Filters = Sequence[Sequence[str]] | None
"""Rows of a column and the text that it must hold."""

# Runs in the browser: the mark of the button that was pressed becomes the value of a hidden field.
_CHOICE = """element.addEventListener("click", event => {
    const button = event.target.closest("button[data-mark]");
    if (button) trigger("select", {mark: button.dataset.mark});
});"""
_TO_PAIR = """() => document.querySelector("#register-pair").scrollIntoView({behavior: "smooth"})"""


class Registered:
    """The actions of the tab.

    Args:
        bench: The models.
        desk: Makes the reports.
        place: Folder or address of the register.
        takes_in: Whether the page may read files of this machine.
    """

    def __init__(self, bench: Bench, desk: ReportDesk, place: str, takes_in: bool) -> None:
        self._bench = bench
        self._desk = desk
        self._place = place
        self._takes_in = takes_in
        self._opened: Register | None = None
        self._lock = Lock()
        self._stopped = Event()

    @property
    def is_there(self) -> bool:
        """Whether there is a register; looking for one makes none."""
        return self._opened is not None or is_register(self._place)

    @property
    def is_missing(self) -> bool:
        """Whether there is none yet; not where that cannot be told, so that the page opens and says why."""
        try:
            return not self.is_there
        except Refusal:
            return False

    def wait(self) -> str:
        """The card before a search: what the register holds, and what to do.

        Raises:
            Refusal: if there is a register that cannot be read.
        """
        if not self.is_there:
            here = "Take marks in under the search" if self._takes_in else "Take marks in on the machine of Assay"
            return waiting_card("No register yet", f"{here}: a folder, a ZIP or a CSV. Then search it.")
        store = self._register.store
        return render(
            "register.html",
            marks=len(store),
            columns=store.columns,
            version=store.version,
            refused=[(str(source / path), why) for source, path, why in store.refused()],
        )

    def filters(self, rows: Filters = None) -> list[list[str]]:
        """A row for each column of the register, with the text that it must hold.

        Raises:
            Refusal: if there is a register that cannot be read.
        """
        held = _asked(rows)
        columns = self._register.store.columns if self.is_there else ()
        return [[column, held.get(column, "")] for column in columns]

    def searched(
        self, file: str | None, crop: str | None, ground: str | None, most: float | None, filters: dict[str, str]
    ) -> MarkSearch:
        """The marks that the file at a path resembles most.

        Raises:
            Refusal: if there is no register, or the mark cannot be searched for.
        """
        exhibit = handed_in(file, ground, _MISSING)
        if not self.is_there:
            msg = "There is no register yet; take marks in first."
            raise Refusal(msg)
        return self._register.search(exhibit, parse_crop(crop), int(most or 0), filters)

    def page(self, found: MarkSearch) -> str:
        """The page of a search, as HTML."""
        return render(
            "found_marks.html",
            search=found,
            query=png_address(reduced(found.exhibit.crop(found.crop))),
            rankings=[(ranking.name, _by_rank(ranking.marks)) for ranking in found.rankings],
            thumbnail=partial(data_address, "image/jpeg"),
            record=record_address(found),
        )

    def search(
        self, file: str | None, crop: str, ground: str, most: float | None, rows: Filters
    ) -> tuple[str, MarkSearch]:
        """A search with the filters of the page, and its page.

        Raises:
            Refusal: if there is no register, or the mark cannot be searched for.
        """
        found = self.searched(file, crop, ground, most, _asked(rows))
        return self.page(found), found

    def report(self, facts: CaseFacts, found: MarkSearch | None) -> Issued:
        """The report on a search that the page shows.

        Raises:
            Refusal: if none is shown, or the case's folder cannot be used.
        """
        if found is None:
            msg = "No search is shown; search first, then make the report."
            raise Refusal(msg)
        return self._desk.report_search(found, self._bench.catalogue.cards[found.provenance.model], facts)

    def examined(self, file: str | None, crop: str | None, ground: str | None, chosen: str | None) -> Examined:
        """The comparison of the mark with the registered one of that SHA-256.

        Raises:
            Refusal: if it is not compared.
        """
        exhibit = handed_in(file, ground, _MISSING)
        comparison = self._bench.compare(exhibit, self._exhibit(chosen), None, (parse_crop(crop), None))
        return Examined(comparison_page(comparison), [comparison], comparison.exhibits, self._bench.cards(comparison))

    def no_pair(self, *_: str | None) -> str:
        """What stands in the place of a comparison before one is asked for: nothing."""
        return ""

    def take_in(self, places: str, progress: Progress) -> str:
        """Take in folders, ZIPs and CSVs, one a line, and say what came of it.

        Raises:
            Refusal: if one cannot be taken in, or it was stopped.
        """
        self._stopped.clear()

        def told(what: str, share: float) -> None:
            progress(what, share)
            if self._stopped.is_set():
                msg = f"Stopped after {what}. They are kept: take the same in again, and it goes on there."
                raise Refusal(msg)

        named = [Path(place.strip()).expanduser() for place in places.splitlines() if place.strip()]
        if not named:
            msg = "Nothing is named; give the path of a folder, a ZIP or a CSV."
            raise Refusal(msg)
        said = [f"{place.name}: {self._register.take_in(place, told)}." for place in named]
        return render("done.html", sentence=" ".join(said))

    def stop(self) -> None:
        """Stop what is being taken in after its present batch."""
        self._stopped.set()

    def search_register(
        self, file: str | None, crop: str = "", ground: str = "", most: float = _MOST, filters: str = ""
    ) -> dict[str, Any]:
        """Search the register for the marks that a mark resembles most, and return the record.

        Args:
            file: The mark; its bytes are searched for as they are.
            crop: What of it, as x,y,width,height in pixels; empty for the whole picture.
            ground: Ground under transparent areas: white, black or grey; empty for the one from which it stands out
                most.
            most: How many pictures of each ranking.
            filters: Text that a column must hold, as COLUMN=TEXT, one a line; empty to look at all marks.
        """
        lines = [line for line in filters.splitlines() if line.strip()]
        return answer_api(lambda: as_json(self.searched(file, crop, ground, most, parsed_filters(lines))))

    @property
    def _register(self) -> Register:
        with self._lock:
            if self._opened is None:
                self._opened = self._bench.register(self._place)
            return self._opened

    def _exhibit(self, chosen: str | None) -> Exhibit:
        name, data = self._register.file_of(chosen or "")
        return read_exhibit(data, name)


def _asked(rows: Filters) -> dict[str, str]:
    return {column: text.strip() for column, text in rows or () if text and text.strip()}


def _by_rank(marks: Sequence[FoundMark]) -> list[list[FoundMark]]:
    """The marks of each picture."""
    return [list(same) for _, same in groupby(marks, lambda mark: mark.rank)]


def register_tab(
    bench: Bench, desk: ReportDesk, place: str, takes_in: bool, shown: Sequence[Any] = ()
) -> tuple[ReportForm, ReportForm]:
    """Lay out the tab inside a `gr.Blocks`; gives the forms for a report on a pair, and on a search.

    Args:
        bench: The models.
        desk: Makes the reports.
        place: Folder or address of the register.
        takes_in: Whether the page may read files of this machine.
        shown: The events on which the tab is shown, when the register is looked at again.
    """
    tab = Registered(bench, desk, place, takes_in)
    with gr.Row(equal_height=False, elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="inputs"):
            mark = ExhibitInput("Mark", "register")
            filters = gr.Dataframe(
                headers=["column", "holds"],
                static_columns=[0],
                column_count=2,
                datatype="str",
                type="array",
                label="Only marks whose columns hold this text",
                visible=False,
                elem_id="register-filters",
            )
            most = gr.Number(_MOST, label="Marks of each ranking", precision=0, minimum=1, elem_id="register-most")
            search = gr.Button("Search", variant="primary", elem_id="register-search")
            if takes_in:
                took = _taking_in(tab)
        with gr.Column(scale=7, min_width=320):
            pair = gr.HTML("", elem_id="register-pair", elem_classes="result-area")
            form = ReportForm(desk, "register")
            found = gr.HTML("", js_on_load=_CHOICE, elem_id="register-found", elem_classes="result-area")
            search_form = ReportForm(desk, "search", "Report on the search", "the search and its rows")
    standing = gr.State(None)
    chosen = gr.Textbox("", visible="hidden", label="Registered mark of the shown pair")

    examination = Examination(tab.no_pair, [mark.file, mark.crop, mark.ground, chosen], pair, form)
    examination.on_shown()
    mark.file.change(mark.show, mark.file, mark.shown, show_progress="hidden", **QUEUE)
    examination.on_exhibit(mark)

    def searched(*inputs: Any) -> list[Any]:
        made = answer(tab.search, *inputs, refused="Not searched")
        page, search = (made, None) if isinstance(made, str) else made
        return [page, "", search, gr.Column(visible=search is not None), ""]

    def forget() -> list[Any]:
        return [answer(tab.wait, refused="No search"), "", None, gr.Column(visible=False), ""]

    def looked_at(rows: Filters, stands: MarkSearch | None) -> list[Any]:
        try:
            held = tab.filters(rows)
        except Refusal:
            held = []  # The card says why.
        kept = [gr.skip()] * len(shows) if stands else forget()
        return [gr.Dataframe(value=held, visible=bool(held)), *kept]

    inputs = [mark.file, mark.crop, mark.ground, most, filters]
    shows = [found, chosen, standing, search_form.panel, search_form.issued]
    search_form.on_click(tab.report, [standing])
    examination.on_change(search.click(searched, inputs, shows, **QUEUE).then)
    for event in (mark.file.upload, mark.file.clear, mark.cropped.then, mark.ground.change):
        event(forget, None, shows, show_progress="hidden", trigger_mode="multiple", **QUEUE)
    examination.on_filled(found.select, tab.examined, _chosen, [], [chosen])
    found.select(None, js=_TO_PAIR)
    looks = [*shown, took.then] if takes_in else shown
    for event in looks:
        event(looked_at, [filters, standing], [filters, *shows], show_progress="hidden", **QUEUE)
    api_endpoint(
        tab.search_register,
        "search_register",
        [
            file_input(render=False, label="file"),
            *(gr.Textbox("", render=False, label=label) for label in ("crop", "ground")),
            gr.Number(_MOST, render=False, label="most", precision=0),
            gr.Textbox("", render=False, label="filters"),
        ],
    )
    return form, search_form


def _taking_in(tab: Registered) -> Dependency:
    """The section that takes marks in; gives the event of its end."""
    with gr.Accordion("Take marks in", open=tab.is_missing, elem_id="register-taking-in"):
        places = gr.Textbox(
            label="Folders, ZIPs or CSVs on this machine",
            info="A path a line. A CSV names files in its column path; its other columns can be filtered by.",
            lines=2,
            elem_id="register-places",
        )
        with gr.Row():
            take = gr.Button("Take in", elem_id="register-take-in")
            stop = gr.Button("Stop", elem_id="register-stop")
        done = gr.HTML("", elem_id="register-done")

    def run(named: str, progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008 - Gradio finds it there
        def told(what: str, share: float) -> None:
            progress(share, what)

        return answer(tab.take_in, named, told, refused="Not taken in")

    # Not in the queue of the models: an hour of it must not keep an examination waiting.
    taking = take.click(run, places, done, concurrency_id="register", api_visibility="private")
    stop.click(tab.stop, queue=False, show_progress="hidden", api_visibility="private")
    return taking


def _chosen(event: gr.EventData) -> str:
    """The SHA-256 of the registered mark whose button was pressed."""
    return str(event.mark)
