"""Reports on searches of a register of marks: their pages, their twin, and their verification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing as closed_after
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Spacer

from inference.bench import Bench
from inference.casework.case import CaseFolder
from inference.casework.facts import CaseFacts
from inference.casework.lines import Line, compared, engine_line, file_line, image_line, stated_again, versions_line
from inference.casework.page_pictures import thumbnail
from inference.casework.report import Report, assembled
from inference.casework.sections import case as case_section
from inference.casework.sections import closing, exhibit_facts, method, part_of
from inference.casework.sheets import Imprint, bound
from inference.casework.twin import StatedSearch
from inference.casework.typesetting import BODY_WIDTH, LABEL, SMALL, TEXT_WIDTH, TITLE, keyed, listed, section, text
from inference.casework.wording import NOT_AN_IDENTIFICATION
from inference.intake.exhibit import read_exhibit
from inference.models.card import Card
from inference.models.provenance import code_version, library_versions
from inference.records import FoundMark, MarkSearch, Refusal, as_json
from inference.register.opening import is_register

_LIMITS = (
    "The scores order marks and are no evidence: a pair is weighed by a comparison of its own.",
    "A search speaks of the visual similarity of the signs, never of infringement or likelihood of confusion. It finds "
    "nothing that the register does not hold. In a large register vectors choose what is ranked, and may miss a mark.",
)
_WIDTHS = (10 * mm, 18 * mm, TEXT_WIDTH - 96 * mm, 20 * mm, 48 * mm)
_HEADS = ("Rank", "Mark", "File, and what the register says", "Log odds", "Seen as")


def make_search_report(
    facts: CaseFacts, search: MarkSearch, card: Card, made: datetime, case: CaseFolder | None = None
) -> Report:
    """The report on a search; in a case, mark and search are kept and logged first, and it is issued there.

    Args:
        facts: What the report states of the case.
        search: The search.
        card: The card of the model that ranked the marks.
        made: When, in local time with its zone.
        case: The case; None for a report that only is handed out.

    Raises:
        CaseRefused: if the case cannot be written.
    """
    if case is not None:
        case.add_exhibit(search.exhibit, made)
        case.add_search(search, made)
    report = assembled(
        facts,
        [],
        {search.provenance.model: card},
        made,
        case.head if case else None,
        lambda imprint: _draw(imprint, search, card),
        searches=[as_json(search)],
    )
    if case is not None:
        case.add_report(report.id, report.run_id, report.pdf, report.json, made)
    return report


def verify_search(
    then: StatedSearch, found: Mapping[str, list[Path]], bench: Bench, register: str | None
) -> Iterator[Line]:
    """Make a stated search again.

    Args:
        then: The search.
        found: SHA-256 to the image files that have it.
        bench: The models.
        register: Folder or address of the register.
    """
    name, expected = then.exhibit
    inputs = [
        image_line(name, expected, found),
        file_line("weights", bench.weights / f"{then.model}.safetensors", then.weights_sha256),
        file_line("card", bench.weights / f"{then.model}.json", then.card_sha256),
    ]
    yield from inputs
    yield versions_line("code", {"Assay": then.code_version}, {"Assay": code_version()})
    yield versions_line("libraries", then.libraries, library_versions(then.engine))
    if register is None or not is_register(register):
        where = f"there is none in {register}" if register else "none is named"
        yield Line("differs", "register", f"{where}; name it with --register.")
        return
    if any(line.status == "differs" for line in inputs):
        yield Line("differs", "rankings", "they were not made again: an input is not as stated.")
        return
    try:
        with closed_after(bench.by_engine(then.engine).register(register, then.model)) as opened:
            yield compared("register", opened.store.version, then.register, "the report")
            exhibit = read_exhibit(found[expected][0], name, then.ground)
            now = StatedSearch.read(as_json(opened.search(exhibit, then.crop, then.most, then.filters)))
            yield engine_line(then.engine, now.engine)
    except Refusal as refusal:
        yield Line("differs", "rankings", f"they were not made again: {refusal}")
        return
    for ranking, marks in then.rankings.items():
        yield stated_again(f"ranking {ranking}", marks, now.rankings.get(ranking))


def _draw(imprint: Imprint, search: MarkSearch, card: Card) -> bytes:
    story: list[Flowable] = [
        text("Search of a register of marks", TITLE),
        Spacer(1, 0.5 * mm),
        section("Case", case_section(imprint.facts)),
        section("Mark", [exhibit_facts(search.exhibit, part_of(search.crop))]),
        section("Search", [keyed(_settings(search), BODY_WIDTH)]),
        section("Limits", [*map(text, (NOT_AN_IDENTIFICATION, *_LIMITS, *card.limits))]),
        section("Method", [method(search.provenance, card)]),
        Spacer(1, 2 * mm),
    ]
    for ranking in search.rankings:
        story += [text(f"Ranking: {ranking.name}", LABEL), _rows(ranking.marks), Spacer(1, 3 * mm)]
    return bound(imprint, [*story, closing(imprint)])


def _settings(search: MarkSearch) -> list[tuple[str, str]]:
    filters = "; ".join(f"{column} holds {words}" for column, words in search.filters.items())
    return [
        ("Register", f"{search.marks:,} marks; SHA-256 of its content {search.register}"),
        ("Looked at", f"{search.looked_at:,} marks" + (f", where {filters}" if filters else ", all of them")),
        ("Ranked", f"{search.candidates:,} views or more that vectors found for each view of the mark, or all"),
        ("Rows", f"the first {search.most} pictures of each ranking"),
    ]


def _rows(marks: Sequence[FoundMark]) -> Flowable:
    of_one_picture = [[*same] for _, same in groupby(marks, key=lambda mark: mark.rank)]
    return listed([[text(head, LABEL) for head in _HEADS], *map(_cells, of_one_picture)], _WIDTHS)


def _cells(same: Sequence[FoundMark]) -> list[Any]:
    first = same[0]
    said = [text(_said(mark)) for mark in same]
    return [
        text(str(first.rank)),
        thumbnail(first.thumbnail),
        [*said, text(f"SHA-256 {first.sha256[:16]}…", SMALL)],
        text(f"{first.log_odds:+.2f}"),
        text(first.how, SMALL),
    ]


def _said(mark: FoundMark) -> str:
    return "; ".join([mark.path, *(f"{column} {words}" for column, words in mark.columns.items() if words)])
