"""Records as printed text."""

from __future__ import annotations

import json
from collections.abc import Sequence

from inference.authenticity.examiner import AuthenticityExaminer
from inference.evidence.calibration import as_ratio
from inference.examiner import as_probability
from inference.records import Comparison, Detection, Evidence, Exhibit, Verdict, as_json
from inference.trademark.examiner import TrademarkExaminer


def json_text(record: Verdict | Comparison | Sequence[Verdict] | Sequence[Detection]) -> str:
    """A record, or several, as JSON."""
    return json.dumps(as_json(record), indent=1, ensure_ascii=False)


def detection_text(detection: Detection) -> str:
    """A detection and its place, in words."""
    where = "the whole picture, a close-up" if detection.close_up else f"at {detection.crop}"
    return f"{detection.part} {where}, score {detection.score:.3f}"


def _box_text(verdict: Verdict) -> str:
    text = str(verdict.crop) if verdict.crop else "whole picture"
    if verdict.crop:
        text += f", chosen by the {verdict.box}"
    located = verdict.located
    return text if located is None else f"{text}; {located.locator} proposed {detection_text(located.find)}"


def verdict_text(verdict: Verdict) -> str:
    """A verdict, the outcome first."""
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
