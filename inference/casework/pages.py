"""The pages of a report: one for each examination, in the order of a forensic report, and an appendix.

They are A4, readable in black and white, and the same bytes for the same input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, PageBreak, Spacer

from inference.casework.page_pictures import GAP, figure, image, pictures
from inference.casework.plots import draw, held_out_plots
from inference.casework.sections import (
    THUMBNAIL,
    THUMBNAIL_COLUMN,
    case,
    checks,
    closing,
    exhibit_facts,
    exhibits,
    finding,
    method,
    photo,
    validation,
)
from inference.casework.sheets import Imprint, bound
from inference.casework.typesetting import BODY_WIDTH, TEXT_WIDTH, TITLE, boxed, keyed, section, side_by_side, text
from inference.casework.wording import (
    AUTHENTICITY,
    NOT_AN_IDENTIFICATION,
    OF_TASKS,
    OF_THE_FINDINGS,
    PARTS_BY_THEMSELVES,
    wording_of,
)
from inference.models.card import Card
from inference.records import PartFinding, Record

_TOGETHER = {"cllr_together": "Cllr of {}", "cllr_together_read_as_one": "Cllr of {}, read as one"}
"""Names of the figures on several photos of one item, by key."""


def draw_pages(
    imprint: Imprint,
    records: Sequence[Record],
    cards: Mapping[str, Card],
    parts: Sequence[PartFinding] = (),
) -> bytes:
    """The PDF of a report.

    Args:
        imprint: What the report states of itself.
        records: The examinations, in the order of the pages.
        cards: The card of each model that was used, by the model's name.
        parts: The part findings of several photos of one item, one a part; they stand on the first page.
    """
    story: list[Flowable] = []
    if parts:
        story += [*_item(imprint, parts, records, cards), PageBreak()]
    for record in records:
        story += [*_examination(imprint, record, cards[record.provenance.model]), PageBreak()]
    story.pop()
    for card in _used(records, cards):
        story += _appendix(card)
    return bound(imprint, story)


def _item(
    imprint: Imprint,
    parts: Sequence[PartFinding],
    records: Sequence[Record],
    cards: Mapping[str, Card],
) -> Iterator[Flowable]:
    """The parts of one item, one below the other, each with the photos that were weighed together."""
    numbers = {id(record): number for number, record in enumerate(records, 1)}
    yield text("Authenticity of the parts of one item", TITLE)
    yield Spacer(1, 0.5 * mm)
    yield section("Case", case(imprint.facts))
    for part in parts:
        h1, h2 = part.evidence.propositions if part.evidence else AUTHENTICITY.propositions
        content = [
            text(f"{cards[part.model].title}; photos: {len(part.verdicts)}, copies counted once: {part.distinct}"),
            text(f"H1: {h1}. H2: {h2}."),
            boxed([*finding(part, AUTHENTICITY)], BODY_WIDTH - 4),
            text(part.rule),
            *_measured_together(cards[part.model]),
        ]
        width = BODY_WIDTH - THUMBNAIL_COLUMN
        for number, (verdict, counts_as) in enumerate(zip(part.verdicts, part.counts_as, strict=True), 1):
            thumbnail = image(verdict.exhibit.crop(verdict.crop), THUMBNAIL_COLUMN - GAP, THUMBNAIL)
            facts = photo(number, verdict, counts_as, numbers[id(verdict)])
            content.append(side_by_side([keyed(facts, width), thumbnail], (width, THUMBNAIL_COLUMN)))
        yield section("Part", content)
    limits = (NOT_AN_IDENTIFICATION, PARTS_BY_THEMSELVES, OF_THE_FINDINGS)
    yield section("Limits", [*map(text, limits)])
    yield closing(imprint)


def _measured_together(card: Card) -> list[Flowable]:
    """The figures of a model on several photos of one item; empty if there are none."""
    measured = [metric for metric in card.metrics.values() if metric.key in _TOGETHER]
    figures = "; ".join(f"{_TOGETHER[metric.key].format(*metric.of)} {figure(metric)}" for metric in measured)
    return [text(f"Test items, by the number of photos that were weighed together: {figures}.")] if measured else []


def _examination(imprint: Imprint, record: Record, card: Card) -> Iterator[Flowable]:
    """One examination, in the order of the sections of the page."""
    wording = wording_of(record)
    yield text(wording.subject, TITLE)
    yield Spacer(1, 0.5 * mm)
    yield section("Case", case(imprint.facts))
    for label, exhibit, examined in exhibits(record):
        yield section(label, [exhibit_facts(exhibit, examined)])
    h1, h2 = record.evidence.propositions if record.evidence else wording.propositions
    yield section("Propositions", [text(f"H1: {h1}."), text(f"H2: {h2}.")])
    yield section("Finding", [boxed([*finding(record, wording)], BODY_WIDTH - 4)])
    yield section("Evidence", pictures(record, card))
    yield section("Scope", [*checks(record)])
    yield section("Validation", validation(card))
    limits = [NOT_AN_IDENTIFICATION, wording.limit, *([OF_THE_FINDINGS] if record.evidence else []), *card.limits]
    yield section("Limits", [*map(text, limits)])
    yield section("Method", [method(record.provenance, card)])
    yield closing(imprint)


def _used(records: Sequence[Record], cards: Mapping[str, Card]) -> list[Card]:
    return [cards[name] for name in dict.fromkeys(record.provenance.model for record in records)]


def _appendix(card: Card) -> list[Flowable]:
    """The likelihood ratios of a calibrated model on held-out samples; empty if there are none."""
    if card.calibration is None or not all(card.calibration.held_out):
        return []
    first, second = (np.array(side) for side in card.calibration.held_out)
    plots = [draw(plot) for plot in held_out_plots((first, second), OF_TASKS[card.task].sides)]
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
