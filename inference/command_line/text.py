"""Records as printed text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby

from inference.authenticity.examiner import AuthenticityExaminer
from inference.collections.collection import Collection
from inference.evidence.calibration import as_ratio
from inference.evidence.collection_rule import SIDES
from inference.examiner import as_probability
from inference.records import (
    BatchRow,
    BatchState,
    Comparison,
    Detection,
    Deviation,
    Evidence,
    Exhibit,
    FoundMark,
    MarkSearch,
    Provenance,
    Record,
    Verdict,
    as_json,
)
from inference.trademark.examiner import TrademarkExaminer


def json_text(
    record: Record | MarkSearch | Sequence[Verdict | Deviation] | Sequence[Detection] | Sequence[BatchRow],
) -> str:
    """A record, or several, as JSON."""
    return json.dumps(as_json(record), indent=1, ensure_ascii=False)


def detection_text(detection: Detection) -> str:
    """A detection and its place, in words."""
    where = "the whole picture, a close-up" if detection.close_up else f"at {detection.crop}"
    return f"{detection.part} {where}, score {detection.score:.3f}"


def _box_text(found: Verdict | Deviation) -> str:
    text = str(found.crop) if found.crop else "whole picture"
    if found.crop:
        text += f", chosen by the {found.box}"
    located = found.located
    return text if located is None else f"{text}; {located.locator} proposed {detection_text(located.find)}"


def examined_text(found: Verdict | Deviation) -> str:
    """A verdict, or an examination beside a collection, the outcome first."""
    return _verdict_text(found) if isinstance(found, Verdict) else _deviation_text(found)


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
            _exhibit_text(verdict.exhibit),
        ]
    )


def collection_text(collection: Collection) -> str:
    """A collection: its photos, and why some are left out."""
    out = [photo for photo in (*collection.photos, *collection.counterfeits) if photo.left_out]
    return "\n".join(
        [
            f"{collection.name}: {_counted(len(collection.enrolled), 'genuine photo')} of "
            f"{_counted(len(collection.card.items), 'item')} of {collection.part}, {collection.series}",
            *(f"in          {photo.name}, {photo.item}, fit {photo.fit:.2f}" for photo in collection.enrolled),
            *(
                f"counterfeit {photo.name}, {photo.item}, fit {photo.fit:.2f}"
                for photo in collection.known_counterfeits
            ),
            *(f"left out    {photo.name}: {photo.left_out}" for photo in out),
            *(f"finds       {one}" for one in collection.power),
            *(f"calibrated  by {one.population}" for one in (collection.calibration,) if one),
        ]
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _deviation_text(found: Deviation) -> str:
    return "\n".join(
        [
            found.outcome.upper(),
            found.reason,
            "It speaks of deviation from the collection's genuine items, never of genuine or counterfeit.",
            "",
            *_evidence_text(found.evidence, SIDES),
            f"rarity      {found.typicality}",
            f"collection  {found.collection}, {found.reference.photos} photos",
            f"box         {_box_text(found)}",
            *(f"it finds    {one}" for one in found.power),
            *(f"{one.witness:<11} {one.score:+.1f} standard deviations of genuine photos" for one in found.witnesses),
            *(
                f"area {area.number}      at {area.box} of the registered part, {area.score:.1f} by the {area.witness}"
                for area in found.areas
            ),
            *_facts(found),
            _exhibit_text(found.exhibit),
        ]
    )


def comparison_text(comparison: Comparison) -> str:
    """A comparison, the outcome first."""
    return "\n".join(
        [
            comparison.found.upper(),
            comparison.reason,
            "It speaks of the visual similarity of the signs, never of infringement.",
            "",
            *_evidence_text(comparison.evidence, TrademarkExaminer.sides),
            *_findings_text(comparison),
            f"P(similar)  {as_probability(comparison.probability_similar)}  (uncalibrated)",
            f"maps show   {comparison.maps_show}",
            *_marks_text(comparison),
            *_parts_text(comparison),
            f"agreement   {comparison.weighed}",
            *(f"log odds    {score.log_odds:+.2f} {score.name}: {score.view}" for score in comparison.sub_scores),
            *_facts(comparison),
            *map(_exhibit_text, comparison.exhibits),
        ]
    )


def batch_text(state: BatchState, rows: Sequence[BatchRow]) -> str:
    """How many photos had each outcome, and those that were not examined."""
    return "\n".join(
        [
            f"{state.name}: {state.done:,} of {_counted(state.photos, 'photo')}, {state.means}",
            *(f"{count:>9,}  {outcome}" for outcome, count in state.outcomes.items()),
            *(f"not examined: {row.path}: {row.reason}" for row in rows if not row.part),
        ]
    )


def search_text(found: MarkSearch) -> str:
    """A search, each ranking under its name."""
    looked_at = f"{found.looked_at:,} of {found.marks:,} marks"
    filters = "".join(f", where {column} holds {text}" for column, text in found.filters.items())
    lines = [
        f"searched    {looked_at} of register {found.register[:12]}{filters}",
        f"ranked      {found.candidates:,} views or more that vectors found for each view of the mark, or all",
        "score       log odds of similar to dissimilar, in nats; they order marks and are no evidence: compare pairs",
    ]
    for ranking in found.rankings:
        of_one_picture = [[*marks] for _, marks in groupby(ranking.marks, key=lambda mark: mark.rank)]
        lines += [
            "",
            ranking.name.upper(),
            *(map(_found_picture_text, of_one_picture) if of_one_picture else ["nothing"]),
        ]
    return "\n".join([*lines, "", _model_text(found.provenance), _exhibit_text(found.exhibit)])


def _found_picture_text(marks: Sequence[FoundMark]) -> str:
    """The marks that show one picture: the first of them, and how many more."""
    first = marks[0]
    said = [f"{column} {text}" for column, text in first.columns.items()]
    more = [f"and {_counted(len(marks) - 1, 'more mark')} of the same picture"] if len(marks) > 1 else []
    return f"{first.rank:>4} {first.log_odds:+7.2f}  {'; '.join([first.path, *said, *more])}  ({first.how})"


def _findings_text(comparison: Comparison) -> list[str]:
    """What the wholes weigh, what one in the other weighs, and which of both decides."""
    if comparison.whole is None:
        return []
    lines = [f"based on    {comparison.basis}", f"wholes      {_weight(comparison.whole)}"]
    element = comparison.element
    if element is not None and element.evidence is not None:
        where = " and ".join(
            f"mark {number} at {place}" if place else f"all of mark {number}"
            for number, place in enumerate(element.places, 1)
        )
        lines.append(f"element     {element.relation} ({where}): {_weight(element.evidence)}")
    return lines


def _exhibit_text(exhibit: Exhibit) -> str:
    text = f"exhibit     {exhibit.name}, SHA-256 {exhibit.sha256}"
    return f"{text}, laid on {exhibit.ground}, chosen by {exhibit.ground_by}" if exhibit.ground else text


def _marks_text(comparison: Comparison) -> list[str]:
    """The crop of each mark, and how it was framed."""
    return [
        f"mark {number}      {f'{crop}, cropped by the examiner' if crop else 'whole picture'}; {mark.sentence}"
        for number, (crop, mark) in enumerate(zip(comparison.crops, comparison.marks, strict=True), 1)
    ]


def _parts_text(comparison: Comparison) -> list[str]:
    if not comparison.correspondences:
        return ["areas       none correspond"]
    return [
        f"area {part.number}      "
        + ", ".join(f"mark {mark} at {x:.0%} {y:.0%}" for mark, (x, y) in enumerate(part.places, 1))
        + f", strength {part.strength:.2f}"
        for part in comparison.correspondences
    ]


def _weight(evidence: Evidence) -> str:
    ratio = f"{evidence.log10_lr:.2f} (LR {as_ratio(evidence.log10_lr)})"
    return f"{ratio}, 95% interval {evidence.low:.2f} to {evidence.high:.2f}"


def _evidence_text(evidence: Evidence | None, sides: tuple[str, str]) -> list[str]:
    if evidence is None:
        return []
    h1, h2 = evidence.propositions
    sources = " and ".join(f"{count} {side}" for count, side in zip(evidence.sources, sides, strict=True))
    return [
        evidence.words,
        f"log10 LR    {_weight(evidence)}",
        f"bounds      {evidence.least:.2f} to {evidence.greatest:.2f}, all that the calibration data allow",
        f"H1          {h1}",
        f"H2          {h2}",
        f"words       {evidence.scale}; of the findings given H1 and H2, never the probability of either",
        f"calibrated  on {sources} sources: {evidence.population}",
        "",
    ]


def _facts(record: Record) -> list[str]:
    heatmaps, checks = (
        (record.heatmaps, sum(record.scope_checks, ()))
        if isinstance(record, Comparison)
        else (record.every_heatmap, record.scope_checks)
    )
    peaks = ", ".join(f"peak {heatmap.peak:.3g} of {heatmap.full_scale:.3g}" for heatmap in heatmaps)
    return [
        f"heatmap     {heatmaps[0].target}, {peaks}",
        *(f"scope       {check.status}: {check.text}" for check in checks),
        _model_text(record.provenance),
    ]


def _model_text(provenance: Provenance) -> str:
    weights = f"weights {provenance.weights_sha256[:12]}…"
    return f"model       {provenance.model}, {weights}, Assay {provenance.code_version}"
