"""The pages of a report: one for each examination, in the order a forensic report is read, and an appendix.

A4, readable in black and white, the same bytes for the same input.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from reportlab.lib.colors import Color, black
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    Image,
    KeepTogether,
    PageBreak,
    PageTemplate,
    Spacer,
)

from inference.authenticity import AuthenticityExaminer
from inference.casework.facts import CaseFacts
from inference.casework.log import Head
from inference.casework.report_plots import draw, held_out_plots
from inference.casework.stated import map_sha256, utc
from inference.casework.typesetting import (
    BODY_WIDTH,
    GREY,
    HAIRLINE,
    LATIN,
    OUTCOME,
    SMALL,
    TEXT_WIDTH,
    TITLE,
    boxed,
    keyed,
    section,
    side_by_side,
    text,
)
from inference.correspondence import ringed
from inference.evidence import as_ratio
from inference.examiner import Examiner
from inference.files import png_bytes
from inference.heatmap import DIFFERENCE_FULL_SCALE, colours, difference_picture, overlay
from inference.local_features import in_two_colours, lay_over
from inference.records import (
    Comparison,
    Crop,
    Evidence,
    Exhibit,
    Heatmap,
    PartFinding,
    ReferenceView,
    ScopeCheck,
    Verdict,
)
from inference.trademarks import TrademarkExaminer
from inference.weights import Card, Metric

_MARGIN, _TOP, _BOTTOM = 16 * mm, 17 * mm, 15 * mm
_PICTURE_PIXELS = 640
_THUMBNAIL, _THUMBNAIL_COLUMN = 17 * mm, 32 * mm
_PICTURE_HEIGHT, _GAP = 44 * mm, 2 * mm
_BAR_WIDTH = 13 * mm
_EXIF_SHOWN = ("Make", "Model", "DateTimeOriginal", "DateTime", "Software")
# Shown elsewhere, or parts of a figure that is shown; the JSON twin holds them all.
_NOT_ON_THE_PAGE = ("heatmap", "scope, ", "found when ", "Cllr, known ", "several photos")
_NOT_AN_IDENTIFICATION = (
    "This is not an identification. A model weighed the findings; the examiner decides, and answers for the conclusion."
)
_PARTS_BY_THEMSELVES = (
    "Photos of one part are weighed together; different parts stand beside each other, and nothing is said of them "
    "together: how far their findings depend on each other is not known."
)
_OF_THE_FINDINGS = (
    "A likelihood ratio is about the probability of the findings given each proposition, never about the probability "
    "of a proposition. It rests on a score and leaves aside how typical the features are."
)

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Imprint:
    """What every page of a report states of the report itself.

    Attributes:
        id: The report's id.
        run_id: What the findings depend on, as a SHA-256.
        twin_sha256: SHA-256 of the JSON twin.
        facts: What is said of the case.
        made: When, in local time with its zone.
        log_head: The end of the case's log when the report was made.
    """

    id: str
    run_id: str
    twin_sha256: str
    facts: CaseFacts
    made: datetime
    log_head: Head | None


@dataclass(frozen=True)
class _Wording:
    """What is said differently of parts and of marks."""

    subject: str
    examiner: type[Examiner]
    limit: str


_AUTHENTICITY = _Wording(
    "Authenticity of a part",
    AuthenticityExaminer,
    "It speaks of the part that was examined as it is photographed, not of the whole item.",
)
_TRADEMARK = _Wording(
    "Visual similarity of two signs",
    TrademarkExaminer,
    "It speaks of the visual similarity of the signs, never of infringement or likelihood of confusion.",
)


def draw_pages(
    imprint: Imprint,
    records: Sequence[Verdict | Comparison],
    cards: Mapping[str, Card],
    parts: Sequence[PartFinding] = (),
) -> bytes:
    """The PDF of a report.

    Args:
        imprint: What it states of itself.
        records: The examinations, in the order of the pages.
        cards: The card of each model that was used, by the model's name.
        parts: What photos of one item come to, part by part; they stand on the first page.
    """
    story: list[Flowable] = []
    if parts:
        story += [*_item(imprint, parts, records, cards), PageBreak()]
    for record in records:
        story += [*_examination(imprint, record, cards[record.provenance.model]), PageBreak()]
    story.pop()
    for card in _used(records, cards):
        story += _appendix(card)
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
    """Pages that know how many there are: each is finished when the last one is known."""

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


class _ColourBar(Flowable):
    """A fixed colour scale from 0 to full scale, with a mark at what was reached."""

    def __init__(self, height: float, full_scale: float, reached: float) -> None:
        super().__init__()
        self._full_scale, self._reached = full_scale, reached
        self.width, self.height = _BAR_WIDTH, height

    def draw(self) -> None:
        """Draw the bar, its ends and the mark."""
        steps, wide = 64, 3 * mm
        ramp = colours(np.linspace(0, 1, steps, dtype=np.float32)[:, None])[:, 0]
        for step, colour in enumerate(ramp):
            self.canv.setFillColor(Color(*(colour / 255)))
            # Each strip reaches under the next one, so that no gap shows between them.
            tall = self.height / steps * (2 if step < steps - 1 else 1)
            self.canv.rect(0, step * self.height / steps, wide, tall, stroke=0, fill=1)
        self.canv.setFillColor(black)
        self.canv.setFont(LATIN, 5.6)
        for height, value in ((self.height - 4.5, self._full_scale), (0, 0)):
            self.canv.drawString(wide + 6, height, f"{value:.3g}")
        at = min(self._reached / self._full_scale, 1) * self.height
        mark = self.canv.beginPath()
        mark.moveTo(wide + 0.5, at)
        mark.lineTo(wide + 4.5, at + 2)
        mark.lineTo(wide + 4.5, at - 2)
        mark.close()
        self.canv.drawPath(mark, stroke=0, fill=1)
        if 8 < at < self.height - 11:
            self.canv.drawString(wide + 6, at - 2, f"{self._reached:.2g}")


def _item(
    imprint: Imprint,
    parts: Sequence[PartFinding],
    records: Sequence[Verdict | Comparison],
    cards: Mapping[str, Card],
) -> Iterator[Flowable]:
    """The parts of one item below each other, each by itself, with the photos that were weighed together."""
    numbers = {id(record): number for number, record in enumerate(records, 1)}
    yield text("Authenticity of the parts of one item", TITLE)
    yield Spacer(1, 0.5 * mm)
    yield section("Case", _case(imprint.facts))
    for part in parts:
        h1, h2 = part.evidence.propositions if part.evidence else AuthenticityExaminer.propositions
        content = [
            text(f"{cards[part.model].title}; photos: {len(part.verdicts)}, copies counted once: {part.distinct}"),
            text(f"H1: {h1}. H2: {h2}."),
            boxed([*_finding(part, _AUTHENTICITY)], BODY_WIDTH - 4),
            text(part.rule),
            *_measured_together(cards[part.model]),
        ]
        width = BODY_WIDTH - _THUMBNAIL_COLUMN
        for number, (verdict, counts_as) in enumerate(zip(part.verdicts, part.counts_as, strict=True), 1):
            thumbnail = _image(verdict.exhibit.crop(verdict.crop), _THUMBNAIL_COLUMN - _GAP, _THUMBNAIL)
            facts = _photo(number, verdict, counts_as, numbers[id(verdict)])
            content.append(side_by_side([keyed(facts, width), thumbnail], (width, _THUMBNAIL_COLUMN)))
        yield section("Part", content)
    limits = (_NOT_AN_IDENTIFICATION, _PARTS_BY_THEMSELVES, _OF_THE_FINDINGS)
    yield section("Limits", [*map(text, limits)])
    yield _closing(imprint)


def _measured_together(card: Card) -> list[Flowable]:
    """What is known of a model's findings on several photos; nothing where nothing is."""
    named = [(name, metric) for name, metric in card.metrics.items() if name.startswith("several photos: ")]
    figures = "; ".join(f"{name.removeprefix('several photos: ')} {_figure(metric)}" for name, metric in named)
    return [text(f"Of test items, by how many of their photos were weighed together: {figures}.")] if named else []


def _photo(number: int, verdict: Verdict, counts_as: int | None, examination: int) -> list[tuple[str, str]]:
    """A photo of a part, by its number there and that of its examination, in a few lines."""
    evidence, exhibit = verdict.evidence, verdict.exhibit
    weight = f"log10 LR {evidence.log10_lr:+.2f} (LR {as_ratio(evidence.log10_lr)})" if evidence else "not weighed"
    counts = f"a copy of photo {counts_as}: the two count once"
    if counts_as is None:
        counts = "out of scope: it does not count"
    elif counts_as == number:
        counts = "it counts"
    return [
        (f"Photo {number}", f"{exhibit.name}, SHA-256 {exhibit.sha256[:16]}…, examination {examination}"),
        ("By itself", f"{verdict.outcome}; score {verdict.score:+.3f}, {weight}; {counts}"),
    ]


def _examination(imprint: Imprint, record: Verdict | Comparison, card: Card) -> Iterator[Flowable]:
    """One examination, in the order of the sections of the page."""
    wording = _AUTHENTICITY if isinstance(record, Verdict) else _TRADEMARK
    yield text(wording.subject, TITLE)
    yield Spacer(1, 0.5 * mm)
    yield section("Case", _case(imprint.facts))
    for label, exhibit, examined in _exhibits(record):
        yield section(label, [_exhibit(exhibit, examined)])
    h1, h2 = record.evidence.propositions if record.evidence else wording.examiner.propositions
    yield section("Propositions", [text(f"H1: {h1}."), text(f"H2: {h2}.")])
    yield section("Finding", [boxed([*_finding(record, wording)], BODY_WIDTH - 4)])
    yield section("Evidence", _pictures(record, card))
    yield section("Scope", [*_checks(record)])
    yield section("Validation", _validation(card))
    limits = [_NOT_AN_IDENTIFICATION, wording.limit, *([_OF_THE_FINDINGS] if record.evidence else []), *card.limits]
    yield section("Limits", [*map(text, limits)])
    yield section("Method", [_method(record, card)])
    yield _closing(imprint)


def _case(facts: CaseFacts) -> list[Flowable]:
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


def _exhibits(record: Verdict | Comparison) -> list[tuple[str, Exhibit, str]]:
    """Title, exhibit, and what of it was examined, in words."""
    if isinstance(record, Verdict):
        return [("Exhibit", record.exhibit, _part(record.crop) + _choice(record))]
    pairs = zip(record.exhibits, record.crops, strict=True)
    return [(f"Mark {number}", exhibit, _part(crop)) for number, (exhibit, crop) in enumerate(pairs, 1)]


def _exhibit(exhibit: Exhibit, examined: str) -> Flowable:
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
    width = BODY_WIDTH - _THUMBNAIL_COLUMN
    thumbnail = _image(exhibit.pixels, _THUMBNAIL_COLUMN - _GAP, _THUMBNAIL)
    return side_by_side([keyed(pairs, width), thumbnail], (width, _THUMBNAIL_COLUMN))


def _part(crop: Crop | None) -> str:
    if crop is None:
        return "all of it"
    turned = f", turned by {crop.turn} degrees clockwise" if crop.turn else ""
    return f"{crop.width} x {crop.height} pixels from ({crop.x}, {crop.y}){turned}"


def _choice(verdict: Verdict) -> str:
    """Who chose the box, and what the locator had proposed where the examiner chose another."""
    chosen = "" if verdict.crop is None else f"; the box was chosen by the {verdict.box}"
    if verdict.located is None:
        return chosen
    find, whose = verdict.located.find, f"{verdict.located.locator} {verdict.located.weights_sha256[:12]}…"
    proposed = f"{whose} proposed {find.part}, score {find.score:.3f}"
    if find.close_up:
        proposed += ", as a close-up"
    return f"{chosen}; {proposed}" + ("" if verdict.box == "locator" else f", {_part(find.crop)}")


def _finding(record: Verdict | Comparison | PartFinding, wording: _Wording) -> Iterator[Flowable]:
    yield text(record.outcome.capitalize(), OUTCOME)
    if record.evidence is not None:
        yield from _weight(record.evidence, wording)
    yield text(record.reason)
    if record.evidence is None and record.outcome == "out of scope":
        yield text("No likelihood ratio: what is out of scope is not weighed.")
    elif record.evidence is None:
        yield text("No likelihood ratio: this model is not calibrated. Its probabilities order exhibits, no more.")


def _weight(evidence: Evidence, wording: _Wording) -> Iterator[Flowable]:
    bounds = f"bounds of the calibration {evidence.least:+.2f} to {evidence.greatest:+.2f}"
    yield text(
        f"log10 LR {evidence.log10_lr:+.2f} (LR {as_ratio(evidence.log10_lr)}), "
        f"95% interval {evidence.low:+.2f} to {evidence.high:+.2f}, {bounds}"
    )
    yield text(f"{evidence.words} ({evidence.scale})")
    if evidence.at_bound:
        yield text("The calibration data, not the finding, limit this value.")
    if evidence.low <= 0 <= evidence.high:
        yield text("Which proposition the findings support is not resolved at the 95% level.")
    sources = " and ".join(
        f"{count} {side}" for count, side in zip(evidence.sources, wording.examiner.sides, strict=True)
    )
    yield text(f"Calibrated on {sources} sources: {evidence.population}", SMALL)


def _pictures(record: Verdict | Comparison, card: Card) -> list[Flowable]:
    """Each examined part beside its heatmap, the reference where there is one, and what is known of such maps."""
    if isinstance(record, Verdict):
        part = "registered part" if record.reference else "examined part"
        shown = _look(part, record.seen, record.heatmap)
        shown += _reference(record.reference) if record.reference else []
        heatmap = record.heatmap
    else:
        shown = [*_look_at_mark(record, 0), *_look_at_mark(record, 1), *_laid_over(record)]
        heatmap = max(record.heatmaps, key=lambda map_: map_.peak)
    content: list[Flowable] = [_row(shown, heatmap)]
    measured = [(name, metric) for name, metric in card.metrics.items() if name.startswith("heatmap")]
    figures = "; ".join(f"{name} {_figure(metric)}" for name, metric in measured)
    content.append(
        text(
            f"Heatmap: evidence for {heatmap.target}, at the {heatmap.layer}; its scale is fixed for the model. "
            + (f"Measured: {figures}." if measured else "How well such maps point has not been measured.")
        )
    )
    if isinstance(record, Comparison):
        content.append(text(_answering(record)))
        content.append(text(f"Laid over each other (SIFT points): {record.weighed}"))
        scores = "; ".join(f"{s.name} {s.log_odds:+.2f} ({s.view})" for s in record.sub_scores)
        content.append(text(f"Log odds in nats, not calibrated, and no verdict: {scores}."))
    if record.outcome == "genuine":
        content.append(
            text("What makes a part genuine has no one place: such a map cannot be checked against an alteration.")
        )
    return content


def _row(shown: Sequence[tuple[Pixels, str]], heatmap: Heatmap) -> Flowable:
    """Pictures beside each other, each with its caption, and the colour scale of their heatmaps."""
    width = (BODY_WIDTH - _BAR_WIDTH) / len(shown)
    images = [_image(pixels, width - _GAP, _PICTURE_HEIGHT) for pixels, _ in shown]
    columns = [[image, text(caption, SMALL)] for image, (_, caption) in zip(images, shown, strict=True)]
    bar = _ColourBar(max(image.drawHeight for image in images), heatmap.full_scale, heatmap.peak)
    return side_by_side([*columns, bar], (*(width,) * len(shown), _BAR_WIDTH))


def _look(name: str, seen: Pixels, heatmap: Heatmap) -> list[tuple[Pixels, str]]:
    small = _reduced(seen)
    peak = f"peak {heatmap.peak:.3g} of {heatmap.full_scale:.3g}"
    shown = peak if heatmap.shows_evidence else f"it shows no evidence ({peak})"
    raw = f"raw map {' x '.join(map(str, heatmap.raw.shape))}, SHA-256 {map_sha256(heatmap.raw)[:8]}…"
    return [(small, name.capitalize()), (overlay(heatmap, small), f"Heatmap over it: {shown}; {raw}")]


def _look_at_mark(record: Comparison, index: int) -> list[tuple[Pixels, str]]:
    """One of two marks with its answering parts numbered, and its heatmap."""
    (plain, name), heat = _look(f"mark {index + 1}", record.seen[index], record.heatmaps[index])
    return [(ringed(plain, record.correspondences, index), name), heat]


def _laid_over(record: Comparison) -> Iterator[tuple[Pixels, str]]:
    """One mark laid over the other, if any point of them agrees."""
    laid = lay_over(*record.compared, record.agreement)
    if laid is not None:
        whose = "mark 2 as a negative" if record.agreement.negative else "mark 2"
        caption = f"Laid over each other. Red: dark in mark 1 alone; cyan: in {whose} alone; black: in both"
        yield _reduced(in_two_colours(record.compared[0], laid)), caption


def _answering(record: Comparison) -> str:
    shown = f"The maps show {record.maps_show}. "
    if not record.correspondences:
        return shown + "No part of one mark answers to a part of the other."
    strengths = "; ".join(f"{part.number}: {part.strength:.2f}" for part in record.correspondences)
    return f"{shown}Rings of one number mark parts that answer to each other (strengths {strengths})."


def _reference(view: ReferenceView) -> list[tuple[Pixels, str]]:
    scale = f"black 0 to bright {DIFFERENCE_FULL_SCALE:g} standard deviations"
    away = f"Difference of {view.measured}, {scale}; most deviating areas {view.deviation:.1f}"
    return [
        (view.reference, f"Genuine reference of {view.series}, mean of {view.photos} photos; fit {view.score:.2f}"),
        (difference_picture(view), away),
    ]


def _checks(record: Verdict | Comparison) -> Iterator[Flowable]:
    """A line a check; of two marks the checks that hold share one, so that the page stays one page."""
    if isinstance(record, Verdict):
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


def _validation(card: Card) -> list[Flowable]:
    figures = [
        (name, _figure(metric)) for name, metric in card.metrics.items() if not name.startswith(_NOT_ON_THE_PAGE)
    ]
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


def _figure(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return f"{metric.value:.2f}"
    return f"{metric.value:.2f} [{metric.low:.2f}, {metric.high:.2f}]"


def _method(record: Verdict | Comparison, card: Card) -> Flowable:
    provenance = record.provenance
    settings = "; ".join(f"{name}: {value}" for name, value in provenance.settings.items())
    libraries = ", ".join(f"{name} {version}" for name, version in provenance.libraries.items())
    pairs = [
        ("Tool", f"Assay {provenance.code_version}, device {provenance.device}"),
        ("Model", f"{provenance.model} ({card.title}), made {card.made}"),
        ("Weights SHA-256", provenance.weights_sha256),
        ("Card SHA-256", f"{provenance.card_sha256} (calibration and figures with it)"),
        ("Data SHA-256", card.data_sha256),
        ("Settings", settings),
        ("Pixels", "; ".join(provenance.preprocessing)),
        ("Libraries", libraries),
    ]
    return keyed(pairs, BODY_WIDTH)


def _closing(imprint: Imprint) -> Flowable:
    """What the report is found again by, and below it, never without it, the signatures."""
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


def _used(records: Sequence[Verdict | Comparison], cards: Mapping[str, Card]) -> list[Card]:
    return [cards[name] for name in dict.fromkeys(record.provenance.model for record in records)]


def _appendix(card: Card) -> list[Flowable]:
    """How the likelihood ratios of a calibrated model did on held-out samples; nothing where there were none."""
    if card.calibration is None or not all(card.calibration.held_out):
        return []
    wording = _AUTHENTICITY if card.task == "authenticity" else _TRADEMARK
    first, second = (np.array(side) for side in card.calibration.held_out)
    plots = [draw(plot) for plot in held_out_plots((first, second), wording.examiner.sides)]
    width = TEXT_WIDTH / 2
    return [
        PageBreak(),
        text(f"Appendix: likelihood ratios of {card.title}", TITLE),
        text(f"On samples that neither training nor calibration saw. Population: {card.calibration.population}"),
        Spacer(1, 4 * mm),
        side_by_side(plots[:2], (width, width)),
        Spacer(1, 4 * mm),
        side_by_side(plots[2:], (width,)),
    ]


def _reduced(pixels: Pixels) -> Pixels:
    """At most 640 pixels on the long side, which is what a page shows."""
    scale = _PICTURE_PIXELS / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _image(pixels: Pixels, most_wide: float, most_high: float) -> Image:
    """A picture as large as fits."""
    file = io.BytesIO(png_bytes(PillowImage.fromarray(_reduced(pixels))))
    scale = min(most_wide / pixels.shape[1], most_high / pixels.shape[0])
    return Image(file, pixels.shape[1] * scale, pixels.shape[0] * scale, hAlign="LEFT")
