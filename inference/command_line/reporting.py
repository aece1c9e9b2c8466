"""`report`: what is examined goes into a case folder and is reported there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.casework.case import CaseFolder
from inference.casework.cases import add_to_case, issue_report
from inference.casework.custody import REPORTS
from inference.casework.facts import CaseFacts
from inference.command_line.choices import crops, grounds
from inference.command_line.models import verbal_scale
from inference.command_line.options import ReportOptions
from inference.command_line.parts import Parts
from inference.grounds import read_laid_on
from inference.records import Comparison, Crop, Exhibit, PartFinding, Refusal, Verdict
from inference.trademarks import TrademarkExaminer
from inference.weights import Card, read_catalogue


def report(options: ReportOptions) -> None:
    """Examine, log and report; print where the report lies.

    All is examined before anything is written, so that a refusal leaves nothing in the case folder.
    """
    facts = CaseFacts(
        options.case_number,
        options.examiner,
        options.item,
        options.laboratory,
        options.request,
        options.remarks,
        options.reviewer,
    )
    asked = _asked(options)
    found = _compared(options, asked) if _are_marks(options, asked) else _examined(options, asked)
    case = CaseFolder.open(options.case, options.case_number, options.time)
    originals = [(picture.path, picture.exhibit) for picture in asked]
    add_to_case(case, originals, found.records, options.time, found.parts)
    issued = issue_report(case, facts, found.records, found.cards, options.time, found.parts)
    for ending in (".pdf", ".json"):
        print(case.path / REPORTS / f"{issued.id}{ending}")


@dataclass(frozen=True)
class _Picture:
    """One that is named, what was read from it, the model that is named for it, and the part to examine."""

    path: Path
    exhibit: Exhibit
    model: str | None
    crop: Crop | None


@dataclass(frozen=True)
class _Found:
    """What goes into a report."""

    records: Sequence[Verdict | Comparison]
    cards: dict[str, Card]
    parts: Sequence[PartFinding]


def _asked(options: ReportOptions) -> list[_Picture]:
    models = read_catalogue(options.weights).cards.keys()
    count = len(options.pictures)
    chosen = zip(options.pictures, crops(options.crop, count), grounds(options.ground, count), strict=True)
    asked = []
    for named, crop, ground in chosen:
        prefix, equals, rest = named.partition("=")
        path, model = (Path(rest), prefix) if equals and prefix in models else (Path(named), options.model)
        asked.append(_Picture(path, read_laid_on(path, ground), model, crop))
    return asked


def _are_marks(options: ReportOptions, asked: Sequence[_Picture]) -> bool:
    marks = read_catalogue(options.weights).names("trademark")
    return any(picture.model in marks for picture in asked)


def _compared(options: ReportOptions, asked: Sequence[_Picture]) -> _Found:
    models = {picture.model for picture in asked}
    if len(asked) != 2 or len(models) > 1 or options.series or options.one_item or options.locate:
        name = next(model for model in models if model)
        msg = f"{name} compares two marks, without a series and of no one item; name two pictures."
        raise Refusal(msg)
    name, scale = str(*models), verbal_scale(options.verbal_scale)
    examiner = TrademarkExaminer.load(name, options.weights, options.device, scale)
    first, second = asked
    comparison = examiner.compare(first.exhibit, second.exhibit, (first.crop, second.crop))
    return _Found([comparison], {name: examiner.card}, [])


def _examined(options: ReportOptions, asked: Sequence[_Picture]) -> _Found:
    """A verdict on each photo or each part of it, and what those of one item come to together."""
    if options.one_item and options.locate:
        msg = "--one-item weighs photos of one part, and --locate may find two on a photo; leave out one of them."
        raise Refusal(msg)
    parts = Parts(options)
    verdicts = [verdict for each in asked for verdict in parts.verdicts(each.exhibit, each.model, each.crop)]
    return _Found(verdicts, parts.cards, parts.combined(verdicts) if options.one_item else [])
