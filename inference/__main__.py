"""The command line: `locate`, `examine` and `compare` print what they find, `report` issues it, `verify` checks it.

`sign-off` logs a review of a report, and `delete` empties a case folder.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image

from inference.authenticity import AuthenticityExaminer
from inference.case import REPORTS, CaseFacts, CaseFolder, verify_log
from inference.cases import add_to_case, issue_report
from inference.correspondence import ringed
from inference.evidence import ENFSI_2015, VerbalScale, as_ratio
from inference.examiner import as_probability
from inference.exhibit import read_exhibit
from inference.heatmap import difference_picture, overlay, picture
from inference.local_features import in_two_colours, lay_over
from inference.location import Locator
from inference.records import (
    Comparison,
    Crop,
    Evidence,
    Exhibit,
    Find,
    Heatmap,
    PartFinding,
    ReferenceView,
    Refusal,
    Verdict,
    as_json,
)
from inference.trademarks import TrademarkExaminer
from inference.verification import verify_report
from inference.weights import WEIGHTS_FOLDER, Card, Task, WeightsRefused, read_catalogue

logger = logging.getLogger(__name__)

_DIFFERS, _REFUSED, _INTERRUPTED = 1, 2, 130


@dataclass(frozen=True)
class ExamineOptions:
    """Examine a photo: is the part genuine or counterfeit."""

    photo: tyro.conf.Positional[Path]
    """JPEG, PNG, WebP, TIFF or BMP."""
    model: str | None = None
    """Name of an authenticity model; the first one there is, in alphabetical order, or with --locate the part's."""
    series: str | None = None
    """The series that the part is meant to be; left open, the one that fits best is taken where that is clear."""
    crop: Annotated[str | None, tyro.conf.arg(metavar="x,y,w,h[,turn]")] = None
    """The part to examine, in pixels of the upright picture, and by how many degrees clockwise it is turned."""
    locate: bool = False
    """Find the parts on a photo of whole goods, and examine each with the model for it."""
    json: bool = False
    """Print the whole record as JSON."""
    heatmaps: Path | None = None
    """Folder to write the heatmap and its overlay to, as PNG, and the registered part, reference and difference."""
    verbal_scale: Path | None = None
    """JSON file of your laboratory's words for likelihood ratios; without it those of ENFSI 2015."""
    weights: Path = WEIGHTS_FOLDER
    """Folder of the models."""
    device: str = "cpu"
    """cpu, cuda or mps."""


@dataclass(frozen=True)
class LocateOptions:
    """List the parts on a photo of whole goods: what to examine, and where it is."""

    photo: tyro.conf.Positional[Path]
    """JPEG, PNG, WebP, TIFF or BMP."""
    model: str | None = None
    """Name of a locator; the first one there is, in alphabetical order."""
    json: bool = False
    """Print the finds as JSON."""
    weights: Path = WEIGHTS_FOLDER
    """Folder of the models."""
    device: str = "cpu"
    """cpu, cuda or mps."""


@dataclass(frozen=True)
class CompareOptions:
    """Compare two marks: are the signs visually similar."""

    first: tyro.conf.Positional[Path]
    """JPEG, PNG, WebP, TIFF or BMP."""
    second: tyro.conf.Positional[Path]
    """The other mark."""
    model: str | None = None
    """Name of a trademark model; the first one there is, in alphabetical order."""
    json: bool = False
    """Print the whole record as JSON."""
    heatmaps: Path | None = None
    """Folder to write to, as PNG: both heatmaps, their overlays, both marks with their answering parts numbered, one
    laid over the other where points of them agree (red: dark in the first alone, cyan: in the second alone)."""
    verbal_scale: Path | None = None
    """JSON file of your laboratory's words for likelihood ratios; without it those of ENFSI 2015."""
    weights: Path = WEIGHTS_FOLDER
    """Folder of the models."""
    device: str = "cpu"
    """cpu, cuda or mps."""


@dataclass(frozen=True)
class ReportOptions:
    """Examine photos, or compare two marks, log it in a case folder and issue a report there: a PDF and its JSON twin.

    A model for marks compares two; one for parts examines each photo by itself, a page a photo or a part of it.
    """

    pictures: tyro.conf.Positional[tuple[str, ...]]
    """JPEG, PNG, WebP, TIFF or BMP; MODEL=PICTURE for a photo of a part that another model is for."""
    case: Path
    """The case's folder; made if it is not there."""
    case_number: str
    """The laboratory's number of the case."""
    examiner: str
    """Who answers for the report."""
    one_item: bool = False
    """The photos show one item: those of the same part are weighed together, different parts stand by themselves."""
    item: str = ""
    """What was handed in."""
    laboratory: str = ""
    """Name and address."""
    request: str = ""
    """What was asked, by whom."""
    remarks: str = ""
    """Whatever else belongs into the report."""
    reviewer: str = ""
    """Who is to review it."""
    model: str | None = None
    """Name of a model; the first one for parts, in alphabetical order, or with --locate the part's."""
    series: str | None = None
    """The series that the parts are meant to be; see `examine`."""
    crop: Annotated[str | None, tyro.conf.arg(metavar="x,y,w,h[,turn]")] = None
    """The part to examine of a single photo, in pixels of the upright picture, and by how many degrees clockwise it is
    turned."""
    locate: bool = False
    """Find the parts on photos of whole goods, and examine each with the model for it."""
    time: Annotated[datetime, tyro.conf.arg(metavar="ISO-TIME", help_behavior_hint="(default: now)")] = field(
        default_factory=lambda: _now()
    )
    """When the report is made, local time with its zone, such as 2026-11-22T16:30:05+08:00."""
    verbal_scale: Path | None = None
    """JSON file of your laboratory's words for likelihood ratios; without it those of ENFSI 2015."""
    weights: Path = WEIGHTS_FOLDER
    """Folder of the models."""
    device: str = "cpu"
    """cpu, cuda or mps."""


@dataclass(frozen=True)
class SignOffOptions:
    """Log that a person has reviewed a report of a case, and what they say of it."""

    report: tyro.conf.Positional[str]
    """The id printed on its pages."""
    case: Path
    """The case's folder."""
    reviewer: str
    """Who reviewed it."""
    remark: str
    """What they say of it."""


@dataclass(frozen=True)
class DeleteOptions:
    """Remove all exhibits and reports of a case; its log stays, and says what was removed, by whom and why."""

    case: Path
    """The case's folder."""
    by: str
    """Who removes them."""
    reason: str
    """Why."""
    confirm: Annotated[str, tyro.conf.arg(metavar="CASE-NUMBER")]
    """The number of the case, so that no other one is emptied."""


@dataclass(frozen=True)
class VerifyOptions:
    """Verify a report by its JSON twin, making its findings again; or verify the log of a case."""

    issued: tyro.conf.Positional[Path]
    """The .json of a report, or a log.jsonl."""
    images: tuple[Path, ...] = ()
    """Folders that hold the images; those in the report's own case folder are found without."""
    verbal_scale: Path | None = None
    """The verbal scale that the report was made with; without it that of ENFSI 2015."""
    weights: Path = WEIGHTS_FOLDER
    """Folder of the models."""
    device: str = "cpu"
    """cpu, cuda or mps."""


def locate(options: LocateOptions) -> None:
    """Print the parts that are found on a photo, best first."""
    exhibit = read_exhibit(options.photo)
    locator = Locator.load(_chosen(options.model, "locator", options.weights), options.weights, options.device)
    finds = locator.locate(exhibit)
    if options.json:
        print(_json(finds))
    else:
        print("\n".join(map(_find_text, finds)) or _nothing_found(locator, exhibit))


def examine(options: ExamineOptions) -> None:
    """Print a verdict, or one for each part that is found, and write its heatmap where asked."""
    verdicts = _Parts(options).verdicts(read_exhibit(options.photo), options.model)
    for number, verdict in enumerate(verdicts, 1):
        if options.heatmaps:
            stem = f"{options.photo.stem}.{number}" if options.locate else options.photo.stem
            _write_heatmap(verdict.heatmap, verdict.seen, options.heatmaps, stem)
            if verdict.reference:
                _write_reference(verdict.reference, options.heatmaps, stem)
    if options.json:
        print(_json(verdicts if options.locate else verdicts[0]))
    else:
        print("\n\n".join(map(_verdict_text, verdicts)))


class _Parts:
    """What a command has to examine parts with: each model is loaded when it is first needed."""

    def __init__(self, options: ExamineOptions | ReportOptions) -> None:
        self._options = options
        self._crop = Crop.parse(options.crop) if options.crop is not None else None
        self._scale = _scale(options.verbal_scale)
        self._examiners: dict[str, AuthenticityExaminer] = {}
        self._locator: Locator | None = None

    @property
    def cards(self) -> dict[str, Card]:
        """The cards of the models that were used."""
        return {name: examiner.card for name, examiner in self._examiners.items()}

    def verdicts(self, exhibit: Exhibit, model: str | None) -> list[Verdict]:
        """The verdict on a photo by the model named for it, or on each part that is found on it, best first.

        Raises:
            Refusal: if a crop or a model is named for what is still to be found, or nothing is found that a model is
                there for.
        """
        options = self._options
        if options.locate and (self._crop is not None or model is not None):
            msg = "With --locate the crops and models follow from what is found; leave out --crop and --model."
            raise Refusal(msg)
        if not options.locate:
            examiner = self._examiner(_chosen(model, "authenticity", options.weights))
            return [examiner.examine(exhibit, options.series, self._crop)]
        if self._locator is None:
            self._locator = Locator.load(_chosen(None, "locator", options.weights), options.weights, options.device)
        finds = self._locator.locate(exhibit)
        if not finds:
            raise Refusal(_nothing_found(self._locator, exhibit))
        verdicts = []
        for find in finds:
            names = read_catalogue(options.weights).names("authenticity", find.part)
            if names:
                proposal = self._locator.located(find)
                verdicts.append(self._examiner(names[0]).examine(exhibit, options.series, find.crop, proposal))
            else:
                logger.warning("There is no model for %s in %s: not examined.", _find_text(find), options.weights)
        if not verdicts:
            msg = (
                f"There is no model in {options.weights} for anything that was found on {exhibit.name}; put one there."
            )
            raise WeightsRefused(msg)
        return verdicts

    def combined(self, verdicts: Sequence[Verdict]) -> list[PartFinding]:
        """What photos of one item come to together, part by part: each part has its model."""
        by_model: dict[str, list[Verdict]] = {}
        for verdict in verdicts:
            by_model.setdefault(verdict.provenance.model, []).append(verdict)
        return [self._examiner(name).combine(own) for name, own in by_model.items()]

    def _examiner(self, name: str) -> AuthenticityExaminer:
        if name not in self._examiners:
            options = self._options
            self._examiners[name] = AuthenticityExaminer.load(name, options.weights, options.device, self._scale)
        return self._examiners[name]


def compare(options: CompareOptions) -> None:
    """Print a comparison, and write both heatmaps where asked."""
    scale = _scale(options.verbal_scale)
    pair = read_exhibit(options.first), read_exhibit(options.second)
    name = _chosen(options.model, "trademark", options.weights)
    comparison = TrademarkExaminer.load(name, options.weights, options.device, scale).compare(*pair)
    if options.heatmaps:
        for index, (heatmap, seen) in enumerate(zip(comparison.heatmaps, comparison.seen, strict=True)):
            stem = f"mark_{index + 1}"
            _write_heatmap(heatmap, seen, options.heatmaps, stem)
            numbered = ringed(seen, comparison.correspondences, index)
            Image.fromarray(numbered).save(options.heatmaps / f"{stem}.parts.png")
        laid = lay_over(*comparison.compared, comparison.agreement)
        if laid is not None:
            Image.fromarray(in_two_colours(comparison.compared[0], laid)).save(options.heatmaps / "laid_over.png")
    print(_json(comparison) if options.json else _comparison_text(comparison))


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
    name, scale = str(*models), _scale(options.verbal_scale)
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
    parts = _Parts(options)
    verdicts = [verdict for exhibit, model in exhibits for verdict in parts.verdicts(exhibit, model)]
    return _Found(verdicts, parts.cards, parts.combined(verdicts) if options.one_item else [])


def sign_off(options: SignOffOptions) -> None:
    """Log a review."""
    case = CaseFolder(options.case)
    case.sign_off(options.report, options.reviewer, options.remark, _now())
    print(f"The review of {options.report} by {options.reviewer} is line {case.head.sequence} of {case.log}.")


def delete(options: DeleteOptions) -> None:
    """Empty a case folder, and print what was removed."""
    case = CaseFolder(options.case)
    if case.number != options.confirm:
        msg = f"{options.case} is the folder of case {case.number}, not of {options.confirm}; nothing was removed."
        raise Refusal(msg)
    print("\n".join(case.delete(options.by, options.reason, _now())))


def verify(options: VerifyOptions) -> int:
    """Print what agrees and what does not; exit status 1 if anything differs."""
    if options.issued.suffix == ".jsonl":
        findings = verify_log(options.issued)
        sound = "The log is whole, as far as a chain tells; its end is checked by a report."
        print("\n".join(map(str, findings)) or sound)
        return _DIFFERS if findings else 0
    scale = _scale(options.verbal_scale)
    lines = verify_report(options.issued, options.images, options.weights, options.device, scale)
    differs = sum(line.status == "differs" for line in lines)
    print(*lines, f"{differs} of {len(lines)} lines differ." if differs else "All agrees.", sep="\n")
    return _DIFFERS if differs else 0


def _now() -> datetime:
    return datetime.now().astimezone()


def _scale(path: Path | None) -> VerbalScale:
    return ENFSI_2015 if path is None else VerbalScale.read(path)


def _chosen(name: str | None, task: Task, folder: Path) -> str:
    names = read_catalogue(folder).names(task)
    if name is None and not names:
        msg = f"There is no model for {task} in {folder}; put its .safetensors and .json there."
        raise WeightsRefused(msg)
    if name is not None and name not in names:
        msg = f"There is no model {name!r} for {task} in {folder}; there are: {', '.join(names) or 'none'}."
        raise WeightsRefused(msg)
    return name or names[0]


def _write_heatmap(heatmap: Heatmap, seen: NDArray[np.uint8], folder: Path, stem: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    height, width = seen.shape[:2]
    Image.fromarray(picture(heatmap, width, height)).save(folder / f"{stem}.heatmap.png")
    Image.fromarray(overlay(heatmap, seen)).save(folder / f"{stem}.overlay.png")


def _write_reference(view: ReferenceView, folder: Path, stem: str) -> None:
    pictures = {
        "registered": view.registered,
        "reference": view.reference,
        "difference": difference_picture(view),
    }
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"{stem}.{name}.png")


def _json(record: Verdict | Comparison | Sequence[Verdict] | Sequence[Find]) -> str:
    return json.dumps(as_json(record), indent=1, ensure_ascii=False)


def _find_text(find: Find) -> str:
    where = "the whole picture, a close-up" if find.close_up else f"at {find.crop}"
    return f"{find.part} {where}, score {find.score:.3f}"


def _nothing_found(locator: Locator, exhibit: Exhibit) -> str:
    return (
        f"No part ({', '.join(locator.card.classes)}) was found on {exhibit.name}; where you see one, examine it with "
        "--crop x,y,w,h, in pixels of the upright picture."
    )


def _box_text(verdict: Verdict) -> str:
    text = str(verdict.crop) if verdict.crop else "whole picture"
    if verdict.crop:
        text += f", chosen by the {verdict.box}"
    located = verdict.located
    return text if located is None else f"{text}; {located.locator} proposed {_find_text(located.find)}"


def _verdict_text(verdict: Verdict) -> str:
    return "\n".join(
        [
            verdict.outcome.upper(),
            verdict.reason,
            "",
            *_evidence_text(verdict.evidence, AuthenticityExaminer.sides),
            f"P(genuine)  {as_probability(verdict.probability_genuine)}  (uncalibrated)",
            f"series      {verdict.series} ({verdict.series_basis})",
            f"box         {_box_text(verdict)}",
            *_facts(verdict),
            f"exhibit     {verdict.exhibit.name}, SHA-256 {verdict.exhibit.sha256}",
        ]
    )


def _comparison_text(comparison: Comparison) -> str:
    return "\n".join(
        [
            comparison.outcome.upper(),
            comparison.reason,
            "It speaks of the visual similarity of the signs, never of infringement.",
            "",
            *_evidence_text(comparison.evidence, TrademarkExaminer.sides),
            f"P(similar)  {as_probability(comparison.probability_similar)}  (uncalibrated)",
            f"maps show   {comparison.maps_show}",
            *_parts_text(comparison),
            f"agreement   {comparison.weighed}",
            *(f"log odds    {score.log_odds:+.2f} {score.name}: {score.view}" for score in comparison.sub_scores),
            *_facts(comparison),
            *(f"exhibit     {exhibit.name}, SHA-256 {exhibit.sha256}" for exhibit in comparison.exhibits),
        ]
    )


def _parts_text(comparison: Comparison) -> list[str]:
    if not comparison.correspondences:
        return ["parts       none that answer to each other"]
    return [
        f"part {part.number}      "
        + ", ".join(f"mark {mark} at {x:.0%} {y:.0%}" for mark, (x, y) in enumerate(part.places, 1))
        + f", strength {part.strength:.2f}"
        for part in comparison.correspondences
    ]


def _evidence_text(evidence: Evidence | None, sides: tuple[str, str]) -> list[str]:
    if evidence is None:
        return []
    h1, h2 = evidence.propositions
    sources = " and ".join(f"{count} {side}" for count, side in zip(evidence.sources, sides, strict=True))
    return [
        evidence.words,
        f"log10 LR    {evidence.log10_lr:.2f} (LR {as_ratio(evidence.log10_lr)}), 95% interval {evidence.low:.2f} to "
        f"{evidence.high:.2f}",
        f"bounds      {evidence.least:.2f} to {evidence.greatest:.2f}, all that the calibration data allow",
        f"H1          {h1}",
        f"H2          {h2}",
        f"words       {evidence.scale}; of the findings given H1 and H2, never the probability of either",
        f"calibrated  on {sources} sources: {evidence.population}",
        "",
    ]


def _facts(record: Verdict | Comparison) -> list[str]:
    provenance = record.provenance
    heatmaps = (record.heatmap,) if isinstance(record, Verdict) else record.heatmaps
    checks = record.scope_checks if isinstance(record, Verdict) else sum(record.scope_checks, ())
    peaks = ", ".join(f"peak {heatmap.peak:.3g} of {heatmap.full_scale:.3g}" for heatmap in heatmaps)
    return [
        f"heatmap     {heatmaps[0].target}, {peaks}",
        *(f"scope       {check.status}: {check.text}" for check in checks),
        f"model       {provenance.model}, weights {provenance.weights_sha256[:12]}…, Assay {provenance.code_version}",
    ]


def main() -> int:
    """Run a command; a refusal is one sentence and exit status 2."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    commands: dict[str, Callable[..., Any]] = {
        "locate": locate,
        "examine": examine,
        "compare": compare,
        "report": report,
        "verify": verify,
        "sign-off": sign_off,
        "delete": delete,
    }
    try:
        status = tyro.extras.subcommand_cli_from_dict(
            commands, prog="python -m inference", config=(tyro.conf.OmitArgPrefixes,)
        )
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return _REFUSED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status or 0


if __name__ == "__main__":
    sys.exit(main())
