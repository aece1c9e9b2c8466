"""`report`: what is examined goes into a case folder and is reported there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.case import REPORTS, CaseFacts, CaseFolder
from inference.cases import add_to_case, issue_report
from inference.command_line.models import verbal_scale
from inference.command_line.options import ReportOptions
from inference.command_line.parts import Parts
from inference.exhibit import read_exhibit
from inference.records import Comparison, Exhibit, PartFinding, Refusal, Verdict
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
    exhibits = [(read_exhibit(path), model) for path, model in asked]
    found = _compared(options, exhibits) if _is_of_marks(options, asked) else _examined(options, exhibits)
    case = CaseFolder.open(options.case, options.case_number, options.time)
    originals = [(path, exhibit) for (path, _), (exhibit, _) in zip(asked, exhibits, strict=True)]
    add_to_case(case, originals, found.records, options.time, found.parts)
    issued = issue_report(case, facts, found.records, found.cards, options.time, found.parts)
    for ending in (".pdf", ".json"):
        print(case.path / REPORTS / f"{issued.id}{ending}")


@dataclass(frozen=True)
class _Found:
    """What goes into a report."""

    records: Sequence[Verdict | Comparison]
    cards: dict[str, Card]
    parts: Sequence[PartFinding]


def _asked(options: ReportOptions) -> list[tuple[Path, str | None]]:
    """Each picture and the model that is named for it."""
    models = read_catalogue(options.weights).cards.keys()
    asked: list[tuple[Path, str | None]] = []
    for named in options.pictures:
        model, equals, path = named.partition("=")
        asked.append((Path(path), model) if equals and model in models else (Path(named), options.model))
    return asked


def _is_of_marks(options: ReportOptions, asked: Sequence[tuple[Path, str | None]]) -> bool:
    marks = read_catalogue(options.weights).names("trademark")
    return any(model in marks for _, model in asked)


def _compared(options: ReportOptions, exhibits: Sequence[tuple[Exhibit, str | None]]) -> _Found:
    models = {model for _, model in exhibits}
    if len(exhibits) != 2 or len(models) > 1 or options.series or options.crop or options.one_item or options.locate:
        name = next(model for model in models if model)
        msg = f"{name} compares two marks, whole, without a series and of no one item; name two pictures."
        raise Refusal(msg)
    name, scale = str(*models), verbal_scale(options.verbal_scale)
    examiner = TrademarkExaminer.load(name, options.weights, options.device, scale)
    return _Found([examiner.compare(exhibits[0][0], exhibits[1][0])], {name: examiner.card}, [])


def _examined(options: ReportOptions, exhibits: Sequence[tuple[Exhibit, str | None]]) -> _Found:
    """A verdict on each photo or each part of it, and what those of one item come to together."""
    if options.crop is not None and len(exhibits) > 1:
        msg = "A crop belongs to one photo; report each cropped photo by itself."
        raise Refusal(msg)
    if options.one_item and options.locate:
        msg = "--one-item weighs photos of one part, and --locate may find two on a photo; leave out one of them."
        raise Refusal(msg)
    parts = Parts(options)
    verdicts = [verdict for exhibit, model in exhibits for verdict in parts.verdicts(exhibit, model)]
    return _Found(verdicts, parts.cards, parts.combined(verdicts) if options.one_item else [])
