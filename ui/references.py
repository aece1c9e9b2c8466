"""The tab where genuine photos of one part become a reference collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.events import Dependency

from inference.bench import Bench
from inference.collections.collection import LEAST_PHOTOS, Collection, EnrolledPhoto, name_of
from inference.collections.enrolling import Enrolment, KnownPhoto
from inference.intake.exhibit import read_exhibit
from inference.progress import Progress, untold
from inference.records import Refusal, WitnessName, as_json
from ui.answers import QUEUE, answer, answer_api, api_endpoint
from ui.case_photos import CasePhotos
from ui.cases_in_use import CasesInUse
from ui.file_names import files_input, given_name
from ui.markup import render
from ui.pictures import png_address
from ui.verdict_card import waiting_card

FAR = 3.0
"""Standard deviations above the others from which a genuine photo is pointed out."""
Files = Sequence[str] | None
Listed = Sequence[Sequence[Any]]
"""The names of photos and of the items that they show, row by row."""


class EnrolledRow(NamedTuple):
    """What the page says of a photo that was handed in; an enrolled one has a picture and its scores by witness."""

    name: str
    item: str
    fit: float
    left_out: str
    picture: str = ""
    scores: tuple[tuple[WitnessName, float], ...] = ()

    @property
    def is_far(self) -> bool:
        """Whether a witness sees it deviate far from the others."""
        return any(score > FAR for _, score in self.scores)


def _rows(
    photos: Sequence[EnrolledPhoto], scores: Mapping[WitnessName, Sequence[float]], pictures: Iterable[str] = ()
) -> list[EnrolledRow]:
    """Photos with their scores by witness and pictures; both are of those that fit, in their order."""
    own, shown = zip(*([(name, one) for one in each] for name, each in scores.items()), strict=True), iter(pictures)
    return [
        EnrolledRow(photo.name, photo.item, photo.fit, photo.left_out)
        if photo.left_out
        else EnrolledRow(photo.name, photo.item, photo.fit, "", next(shown, ""), next(own))
        for photo in photos
    ]


class References:
    """The actions of the tab."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def wait(self) -> str:
        """The card before photos are enrolled, and the collections that there are."""
        card = waiting_card(
            "No collection yet",
            f"Name the part and its series, drop {LEAST_PHOTOS} or more genuine photos of it, and press Enrol. "
            "Photos of many items, flat, whole and sharp, serve best.",
        )
        return card + self.listed()

    def listed(self) -> str:
        """The collections as they stand, as HTML."""
        found = self._bench.collections
        return render("collections.html", cards=found.cards, refusals=found.refusals)

    def named_items(self, files: Files, counterfeits: Files = None) -> list[list[str]]:
        """The photos by name and by what they are, each as an item of its own until the examiner says otherwise."""
        return [
            [name, name.rpartition(".")[0] or name, known_as]
            for known_as, handed_in in (("genuine", files), ("counterfeit", counterfeits))
            for name in map(given_name, handed_in or ())
        ]

    def enrolled(
        self,
        files: Files,
        counterfeits: Files,
        items: Listed,
        part: str,
        series: str,
        bends: bool,
        progress: Progress = untold,
    ) -> Collection:
        """The collection of the photos; it is not kept yet.

        Raises:
            Refusal: if a file is no picture, part or series is not named, fewer than five genuine photos fit each
                other, or a photo is handed in as genuine and as a counterfeit.
        """
        if not name_of(part, "") or not name_of("", series):
            msg = "A collection is named by its part and its series; fill in both."
            raise Refusal(msg)
        if not files:
            msg = f"There are no photos; add {LEAST_PHOTOS} genuine ones or more."
            raise Refusal(msg)
        every = [*files, *(counterfeits or ())]
        if len(every) != len(items):
            msg = f"There are {len(every)} photos and {len(items)} items; name the item of each photo again."
            raise Refusal(msg)
        photos = [
            KnownPhoto(read_exhibit(Path(file), given_name(file)), str(row[1]).strip() or given_name(file))
            for file, row in zip(every, items, strict=True)
        ]
        genuine, forged = photos[: len(files)], photos[len(files) :]
        enrolment = Enrolment(part.strip(), series.strip(), genuine, forged, bends=bends, keep_pictures=True)
        return self._bench.enrol(enrolment, progress)

    def page(self, collection: Collection) -> str:
        """The page of a collection that was enrolled, before it is kept."""
        pictures = map(png_address, collection.pictures.pixels if collection.pictures else ())
        return render(
            "enrolled.html",
            collection=collection,
            rows=_rows(collection.photos, self._bench.scores_left_out(collection), pictures),
            counterfeits=_rows(collection.counterfeits, self._bench.scores_of_counterfeits(collection)),
            reference=png_address(collection.reference.picture),
            replaces=self._bench.collections.cards.get(collection.name),
        )

    def keep(self, collection: Collection | None, with_pictures: bool) -> str:
        """Keep a collection, with or without the registered photos, and say where.

        Raises:
            Refusal: if there is none, or it cannot be written.
        """
        if collection is None:
            msg = "Nothing is enrolled; enrol photos first."
            raise Refusal(msg)
        path = self._bench.keep(_held(collection, with_pictures))
        words = (
            f"The collection {collection.name} is kept in {path.parent}: {path.name} and {path.stem}.safetensors. "
            "Choose it in the tab Authenticate, under Model."
        )
        return render("done.html", sentence=words)

    def enrol(
        self,
        files: Files,
        part: str,
        series: str,
        items: str = "",
        bends: bool = False,
        with_pictures: bool = False,
        counterfeits: Files = None,
    ) -> dict[str, Any]:
        """Enrol genuine photos of one part, keep the collection, and return its card, which says what is left out.

        Args:
            files: The photos; their bytes are enrolled as they are.
            part: The part that they show.
            series: Its series.
            items: The item of each photo, one a line, those of counterfeits last; empty where each shows an item of
                its own.
            bends: Whether the items bend: paper, cloth, thin leather.
            with_pictures: Whether the collection holds the registered photos.
            counterfeits: Photos of known counterfeits.
        """

        def make() -> dict[str, Any]:
            rows = [[item] * 2 for item in items.splitlines()] or self.named_items(files, counterfeits)
            collection = _held(self.enrolled(files, counterfeits, rows, part, series, bends), with_pictures)
            self._bench.keep(collection)
            return as_json(collection.card)

        return answer_api(make)


def _held(collection: Collection, with_pictures: bool) -> Collection:
    """A collection as it is kept, with or without the registered photos."""
    return collection if with_pictures else replace(collection, pictures=None)


def references_tab(bench: Bench, in_use: CasesInUse, shown: Sequence[Any] = ()) -> None:
    """Lay out the tab inside a `gr.Blocks`.

    Args:
        bench: The comparator and the collections.
        in_use: The cases to take photos from.
        shown: The events on which the tab is shown, when collections are read again.
    """
    tab = References(bench)
    with gr.Row(equal_height=False, elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="inputs"):
            part = gr.Textbox(label="Part (required)", info="Such as leather tag, or note.", elem_id="enrol-part")
            series = gr.Textbox(label="Series (required)", elem_id="enrol-series")
            files = files_input(label="Genuine photos: drop or browse", height=150, elem_id="enrol-files")
            counterfeits = files_input(label="Known counterfeits (optional)", height=110, elem_id="enrol-counterfeits")
            if in_use.offered:
                _photos_of_cases(in_use, {"genuine": files, "counterfeit": counterfeits}, shown)
            items = gr.Dataframe(
                headers=["photo", "item", "is"],
                static_columns=[0, 2],
                column_count=3,
                datatype="str",
                type="array",
                label="Items: photos of one item get one name",
                visible=False,
                elem_id="enrol-items",
            )
            bends = gr.Checkbox(
                label="The item bends: paper, cloth, thin leather",
                info="Photos are laid onto each other by a smooth bend, too. It hides alterations as smooth as it is.",
                elem_id="enrol-bends",
            )
            enrol = gr.Button("Enrol", variant="primary", elem_id="enrol")
        with gr.Column(scale=7, min_width=320):
            done = gr.HTML("", elem_id="enrol-done", elem_classes="result-area")
            result = gr.HTML(tab.wait(), elem_id="enrolled", elem_classes="result-area")
            with gr.Column(visible=False, elem_id="enrol-keeping", elem_classes="report-form") as keeping:
                pictures = gr.Checkbox(
                    label="Keep the registered photos with it",
                    info="Key areas then show the nearest one. Without, it holds no photo, and judges alike.",
                    elem_id="enrol-pictures",
                )
                keep = gr.Button("Keep this collection", variant="primary", elem_id="enrol-keep")
    made = gr.State(None)

    def named(genuine: Files, forged: Files) -> list[Any]:
        rows = tab.named_items(genuine, forged)
        return [gr.Dataframe(value=rows, visible=bool(rows)), *nothing()]

    def nothing() -> list[Any]:
        return ["", tab.wait(), gr.Column(visible=False), None]

    def run(*inputs: Any, progress: gr.Progress = gr.Progress()) -> list[Any]:  # noqa: B008 - Gradio finds it there
        def told(what: str, share: float) -> None:
            progress(share, what)

        found = answer(tab.enrolled, *inputs, told, refused="Not enrolled")
        if isinstance(found, str):
            return ["", found, gr.Column(visible=False), None]
        return ["", tab.page(found), gr.Column(visible=True), found]

    def kept(collection: Collection | None, with_pictures: bool) -> list[Any]:
        return [answer(tab.keep, collection, with_pictures, refused="Not kept"), *nothing()[1:]]

    def on(event: Any, does: Any, inputs: list[Any], outputs: list[Any], **options: Any) -> Dependency:
        return event(does, inputs, outputs, **{**QUEUE, **options})

    shows = [done, result, keeping, made]
    for handed_in in (files, counterfeits):
        on(handed_in.change, named, [files, counterfeits], [items, *shows], show_progress="hidden")
    on(enrol.click, run, [files, counterfeits, items, part, series, bends], shows)
    on(keep.click, kept, [made, pictures], shows)
    api_endpoint(
        tab.enrol,
        "enrol",
        [
            files_input(render=False, label="files"),
            *(gr.Textbox("", render=False, label=label) for label in ("part", "series", "items")),
            *(gr.Checkbox(False, render=False, label=label) for label in ("bends", "with_pictures")),
            files_input(render=False, label="counterfeits"),
        ],
    )
    for event in shown:
        on(event, lambda collection: gr.skip() if collection else tab.wait(), [made], [result], show_progress="hidden")


def _photos_of_cases(in_use: CasesInUse, into: Mapping[str, gr.File], shown: Sequence[Any]) -> None:
    """The section that takes photos from the cases into the files of genuine items, or of counterfeits."""
    photos = CasePhotos(in_use)
    with gr.Accordion("Take photos from a case", open=False, visible=False, elem_id="enrol-from-case") as section:
        chosen = gr.Dropdown([], multiselect=True, label="Exhibits of the cases", elem_id="enrol-case-photos")
        with gr.Row():
            buttons = {
                known_as: gr.Button(f"As {known_as}", size="md", elem_id=f"enrol-case-{known_as}") for known_as in into
            }

    def take(handed_in: Files, exhibits: Sequence[str] | None, files: gr.File) -> list[Any]:
        try:
            taken = photos.taken(exhibits or (), files.GRADIO_CACHE)
        except Refusal as refusal:
            raise gr.Error(str(refusal), print_exception=False) from refusal
        return [[*(handed_in or ()), *taken], []]

    for known_as, files in into.items():
        buttons[known_as].click(partial(take, files=files), [files, chosen], [files, chosen], **QUEUE)

    def look_again() -> list[Any]:
        return [gr.Accordion(visible=in_use.cases is not None), gr.Dropdown(choices=photos.choices())]

    for event in shown:
        event(look_again, [], [section, chosen], show_progress="hidden", **QUEUE)
