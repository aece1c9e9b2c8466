"""`report`: examinations are logged in a case folder and reported there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.bench import Bench
from inference.casework.case import CaseFolder
from inference.casework.cases import add_to_case, issue_report
from inference.casework.custody import REPORTS
from inference.casework.facts import CaseFacts
from inference.command_line.benches import bench_for, means_of
from inference.command_line.choices import crops, grounds
from inference.command_line.options import ReportOptions
from inference.intake.grounds import read_laid_on
from inference.models.card import Card
from inference.records import Crop, Exhibit, PartFinding, Record, Refusal, Verdict


def report(options: ReportOptions) -> None:
    """Examine, log and report; print the path of the report.

    Everything is examined before anything is written, so that a refusal leaves nothing in the case folder.
    """
    # Made here and not by tyro, which would show a refusal as an error of its own.
    facts = CaseFacts(
        options.case_number,
        options.examiner,
        options.item,
        options.laboratory,
        options.request,
        options.remarks,
        options.reviewer,
    )
    bench = bench_for(options)
    asked = _asked(options, bench)
    are_marks = any(picture.model in bench.catalogue.names("trademark") for picture in asked)
    found = (_compared if are_marks else _examined)(options, asked, bench)
    case = CaseFolder.open(options.case, options.case_number, options.time)
    add_to_case(case, [picture.exhibit for picture in asked], found.records, options.time, found.parts)
    issued = issue_report(case, facts, found.records, found.cards, options.time, found.parts)
    for ending in (".pdf", ".json"):
        print(case.path / REPORTS / f"{issued.id}{ending}")


@dataclass(frozen=True)
class _Picture:
    """A named picture as it was read, the model named for it, and its crop."""

    exhibit: Exhibit
    model: str | None
    crop: Crop | None


@dataclass(frozen=True)
class _Found:
    """What goes into a report."""

    records: Sequence[Record]
    cards: dict[str, Card]
    parts: Sequence[PartFinding]


def _asked(options: ReportOptions, bench: Bench) -> list[_Picture]:
    models = bench.catalogue.cards.keys()
    count = len(options.pictures)
    chosen = zip(options.pictures, crops(options.crop, count), grounds(options.ground, count), strict=True)
    asked = []
    for named, crop, ground in chosen:
        prefix, equals, rest = named.partition("=")
        path, model = (Path(rest), prefix) if equals and prefix in models else (Path(named), options.model)
        asked.append(_Picture(read_laid_on(path, ground), model, crop))
    return asked


def _compared(options: ReportOptions, asked: Sequence[_Picture], bench: Bench) -> _Found:
    models = {picture.model for picture in asked}
    if len(asked) != 2 or len(models) > 1 or options.series or options.one_item or options.locate:
        name = next(model for model in models if model)
        msg = f"{name} compares two marks; name two pictures and no --series, --one-item or --locate."
        raise Refusal(msg)
    first, second = asked
    comparison = bench.compare(first.exhibit, second.exhibit, first.model, (first.crop, second.crop))
    return _Found([comparison], bench.cards(comparison), [])


def _examined(options: ReportOptions, asked: Sequence[_Picture], bench: Bench) -> _Found:
    """The examination of each photo or each part on it, and the part findings of photos of one item."""
    if options.one_item and (options.locate or options.references):
        msg = (
            "--one-item weighs verdicts on one part: --locate may find two parts on a photo, and --references gives no "
            "verdict; leave out one option."
        )
        raise Refusal(msg)
    found = [one for each in asked for one in bench.examine_by(means_of(options, each.model), each.exhibit, each.crop)]
    verdicts = [one for one in found if isinstance(one, Verdict)]
    return _Found(found, bench.cards(*found), bench.combine(verdicts) if options.one_item else [])
