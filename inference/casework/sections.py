"""The sections of a page: case, exhibit, finding, scope, validation, method, signatures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Spacer

from inference.casework.facts import CaseFacts
from inference.casework.page_pictures import GAP, figure, image
from inference.casework.sheets import Imprint
from inference.casework.stated import utc
from inference.casework.typesetting import BODY_WIDTH, OUTCOME, SMALL, TEXT_WIDTH, keyed, section, side_by_side, text
from inference.casework.wording import Wording
from inference.evidence.calibration import as_ratio
from inference.models.card import Card, Metric
from inference.records import (
    Comparison,
    Crop,
    Deviation,
    Evidence,
    Exhibit,
    PartFinding,
    Provenance,
    Record,
    ScopeCheck,
    Verdict,
    WitnessName,
)

THUMBNAIL, THUMBNAIL_COLUMN = 17 * mm, 32 * mm
_EXIF_SHOWN = ("Make", "Model", "DateTimeOriginal", "DateTime", "Software")


def photo(number: int, verdict: Verdict, counts_as: int | None, examination: int) -> list[tuple[str, str]]:
    """A few lines on a photo of a part, under its number in the part and that of its examination."""
    evidence, exhibit = verdict.evidence, verdict.exhibit
    weight = f"log10 LR {evidence.log10_lr:+.2f} (LR {as_ratio(evidence.log10_lr)})" if evidence else "not weighed"
    counts = f"a copy of photo {counts_as}: the two count once"
    if counts_as is None:
        counts = "out of scope, so that it does not count"
    elif counts_as == number:
        counts = "it counts"
    return [
        (f"Photo {number}", f"{exhibit.name}, SHA-256 {exhibit.sha256[:16]}…, examination {examination}"),
        ("By itself", f"{verdict.outcome}; score {verdict.score:+.3f}, {weight}; {counts}"),
    ]


def case(facts: CaseFacts) -> list[Flowable]:
    """The facts of the case."""
    left = [("Case number", facts.case_number), ("Item", facts.item)]
    right = [("Examiner", facts.examiner), ("Laboratory", facts.laboratory)]
    width = BODY_WIDTH / 2
    short = [keyed([(key, value or "not stated") for key, value in pairs], width) for pairs in (left, right)]
    content: list[Flowable] = [side_by_side(short, (width, width))]
    for key, value in (("Request", facts.request), ("Remarks", facts.remarks)):
        content += [
            keyed([(key if not index else "", line)], BODY_WIDTH)
            for index, line in enumerate(filter(str.strip, value.splitlines()))
        ]
    return content


def exhibits(record: Record) -> list[tuple[str, Exhibit, str]]:
    """Title, exhibit, and the crop that was examined, in words."""
    if isinstance(record, Comparison):
        pairs = zip(record.exhibits, record.crops, strict=True)
        return [(f"Mark {number}", exhibit, part_of(crop)) for number, (exhibit, crop) in enumerate(pairs, 1)]
    return [("Exhibit", record.exhibit, part_of(record.crop) + _choice(record))]


def exhibit_facts(exhibit: Exhibit, examined: str) -> Flowable:
    """A file in a few lines, beside its thumbnail."""
    shown = [f"{tag} {exhibit.exif[tag]}" for tag in _EXIF_SHOWN if tag in exhibit.exif]
    others = len(exhibit.exif) - len(shown)
    if others:
        shown.append(f"{others} further {'tag' if others == 1 else 'tags'} in the JSON twin")
    pairs = [
        ("File", f"{exhibit.name}, {exhibit.size_bytes:,} bytes, {exhibit.format} ({exhibit.mode})"),
        ("SHA-256", exhibit.sha256),
        ("Picture", f"{exhibit.width} x {exhibit.height} pixels; examined: {examined}"),
        ("EXIF", f"{'; '.join(shown)} (as stated by the file, unverified)" if shown else "The file states none."),
        ("Converted", " ".join(exhibit.conversions) or "Nothing: the pixels are examined as they are stored."),
    ]
    pairs += [("Note", " ".join(exhibit.warnings))] if exhibit.warnings else []
    width = BODY_WIDTH - THUMBNAIL_COLUMN
    thumbnail = image(exhibit.pixels, THUMBNAIL_COLUMN - GAP, THUMBNAIL)
    return side_by_side([keyed(pairs, width), thumbnail], (width, THUMBNAIL_COLUMN))


def part_of(crop: Crop | None) -> str:
    """What of a picture was examined, in words."""
    if crop is None:
        return "all of it"
    turned = f", turned by {crop.turn} degrees clockwise" if crop.turn else ""
    return f"{crop.width} x {crop.height} pixels from ({crop.x}, {crop.y}){turned}"


def _choice(verdict: Verdict | Deviation) -> str:
    """Who chose the box, and the locator's proposal if the examiner chose another."""
    chosen = "" if verdict.crop is None else f"; the box was chosen by the {verdict.box}"
    if verdict.located is None:
        return chosen
    detection, whose = verdict.located.find, f"{verdict.located.locator} {verdict.located.weights_sha256[:12]}…"
    proposed = f"{whose} proposed {detection.part}, score {detection.score:.3f}"
    if detection.close_up:
        proposed += ", as a close-up"
    return f"{chosen}; {proposed}" + ("" if verdict.box == "locator" else f", {part_of(detection.crop)}")


def finding(record: Record | PartFinding, wording: Wording) -> Iterator[Flowable]:
    """Outcome, weight and reason."""
    found = record.found if isinstance(record, Comparison) else record.outcome
    yield text(found.capitalize(), OUTCOME)
    if record.evidence is not None:
        yield from _weight(record.evidence, wording)
    yield text(record.reason)
    if isinstance(record, Deviation):
        yield text(f"{record.typicality}.")
        if record.power:
            listed = "; ".join(map(str, record.power))
            yield text(f"How many photos this collection says deviate, its own altered in a known way: {listed}.")
    if isinstance(record, Comparison) and record.whole is not None:
        yield text(_both_findings(record.whole, record))
    if record.evidence is None and record.outcome == "out of scope":
        yield text("There is no likelihood ratio: an exhibit out of scope is not weighed.")
    elif record.evidence is None:
        yield text("There is no likelihood ratio: this model is not calibrated. Its probabilities only order exhibits.")


def _both_findings(whole: Evidence, record: Comparison) -> str:
    found = [f"as wholes {_ratio(whole)}"]
    if record.element is not None and record.element.evidence is not None:
        found.append(f"one in the other ({record.element.relation}) {_ratio(record.element.evidence)}")
    return f"Based on {record.basis}. Each finding by itself: {'; '.join(found)}."


def _ratio(evidence: Evidence) -> str:
    return f"log10 LR {evidence.log10_lr:+.2f} (LR {as_ratio(evidence.log10_lr)})"


def _weight(evidence: Evidence, wording: Wording) -> Iterator[Flowable]:
    bounds = f"bounds of the calibration {evidence.least:+.2f} to {evidence.greatest:+.2f}"
    yield text(f"{_ratio(evidence)}, 95% interval {evidence.low:+.2f} to {evidence.high:+.2f}, {bounds}")
    yield text(f"{evidence.words} ({evidence.scale})")
    if evidence.at_bound:
        yield text("The calibration data limit this value, not the finding.")
    if evidence.low <= 0 <= evidence.high:
        yield text("At the 95% level, it is not resolved which proposition the findings support.")
    sources = " and ".join(f"{count} {side}" for count, side in zip(evidence.sources, wording.sides, strict=True))
    yield text(f"Calibrated on {sources} sources: {evidence.population}", SMALL)


def checks(record: Record) -> Iterator[Flowable]:
    """A line for each check; of two marks, passed checks share a line, so that the page stays one page."""
    if not isinstance(record, Comparison):
        yield from (_check("", check) for check in record.scope_checks)
        return
    for number, checks in enumerate(record.scope_checks, 1):
        whose = f"Mark {number}: "
        yield from (_check(whose, check) for check in checks if check.status != "ok")
        holding = " ".join(f"{check.text} [{check.value:.4g}]" for check in checks if check.status == "ok")
        if holding:
            yield keyed([("ok", whose + holding)], BODY_WIDTH)


def _check(whose: str, check: ScopeCheck) -> Flowable:
    return keyed([(f"{check.status} · {check.name}", f"{whose}{check.text} [{check.value:.4g}]")], BODY_WIDTH)


def validation(card: Card) -> list[Flowable]:
    """The figures of a model."""
    figures = [(name, figure(metric)) for name, metric in card.metrics.items() if _is_on_the_page(metric)]
    rows, width = -(-len(figures) // 3), BODY_WIDTH / 3
    columns = [keyed(figures[start : start + rows], width, 26 * mm) for start in range(0, len(figures), rows or 1)]
    content: list[Flowable] = [
        text(f"On data the model has not trained on ({card.made}): {card.data}. {card.split_rule}")
    ]
    if card.calibration:
        first, second = card.calibration.held_out
        content.append(text(f"Held out of calibration: {len(first)} and {len(second)} samples; see the appendix."))
    if not columns:
        return [*content, text("No figures: this model has not been validated.")]
    return [*content, side_by_side(columns, (width,) * len(columns))]


def _is_on_the_page(metric: Metric) -> bool:
    """Whether the page lists a figure: one that is not shown elsewhere. The card holds them all."""
    if metric.topic in ("heatmaps", "several photos"):
        return False
    if metric.topic == "scope gate":
        return not metric.of
    by_severity = metric.key == "found" and len(metric.of) > 1
    of_one_witness = {*metric.of} & {*get_args(WitnessName)}
    return not by_severity and not of_one_witness and (metric.key, *metric.of[:1]) != ("cllr", "known counterfeiters")


def method(provenance: Provenance, card: Card) -> Flowable:
    """What an examination or a search was made with."""
    settings = "; ".join(f"{name}: {value}" for name, value in provenance.settings.items())
    libraries = ", ".join(f"{name} {version}" for name, version in provenance.libraries.items())
    pairs = [
        ("Tool", f"Assay {provenance.code_version}, device {provenance.device}, engine {provenance.engine}"),
        ("Model", f"{provenance.model} ({card.title}), made {card.made}"),
        ("Weights SHA-256", provenance.weights_sha256),
        ("Card SHA-256", f"{provenance.card_sha256} (calibration and figures with it)"),
        ("Data SHA-256", card.data_sha256),
        ("Settings", settings),
        ("Pixels", "; ".join(provenance.preprocessing)),
        ("Libraries", libraries),
    ]
    return keyed(pairs, BODY_WIDTH)


def closing(imprint: Imprint) -> Flowable:
    """The ids and hashes of the report, with the signatures below them on the same page."""
    head = imprint.log_head
    pairs = [
        ("Run id", imprint.run_id),
        ("JSON twin", f"SHA-256 {imprint.twin_sha256}"),
        ("Case log", f"line {head.sequence}, SHA-256 {head.sha256}" if head else "No log was kept."),
        ("Made", f"{utc(imprint.made)} (UTC); local time {imprint.made.isoformat(sep=' ', timespec='seconds')}"),
    ]
    ids = section("Record", [keyed(pairs, BODY_WIDTH)])
    return KeepTogether([ids, Spacer(1, 1 * mm), _signatures(imprint.facts)])


def _signatures(facts: CaseFacts) -> Flowable:
    line, width = "_" * 62, TEXT_WIDTH / 2
    people = (("Examiner", facts.examiner), ("Reviewer", facts.reviewer))
    columns = [
        [Spacer(1, 4 * mm), text(line, SMALL), text(f"{f'{role} {name}'.strip()}, signature and date")]
        for role, name in people
    ]
    return side_by_side(columns, (width, width))
