"""The page of a result: outcome, findings, evidence, file, provenance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from inference.drawing import DIFFERENCE_FULL_SCALE
from inference.models.card import Task
from inference.records import Comparison, Deviation, MarkSearch, Record, Verdict, as_json
from ui.markup import data_address, render, spoken
from ui.pictures import (
    OPACITY,
    area_pictures,
    element_addresses,
    evidence_pictures,
    laid_over,
    numbered_pictures,
    original_name,
    reference_pictures,
    scale_strip,
    shown_reduced,
)


def examined_page(found: Verdict | Deviation) -> str:
    """The page of a verdict, or of an examination beside a reference collection, as HTML."""
    return verdict_page(found) if isinstance(found, Verdict) else deviation_page(found)


def verdict_page(verdict: Verdict) -> str:
    """The page of a verdict, as HTML."""
    return render(
        "verdict.html",
        verdict=verdict,
        pictures=[evidence_pictures(verdict.seen, verdict.heatmap)],
        beside=reference_pictures(verdict),
        deviation_scale=DIFFERENCE_FULL_SCALE,
        **_shared(verdict),
    )


def examined_parts_page(found: Sequence[Verdict | Deviation]) -> str:
    """Several parts of one photo side by side, as HTML."""
    parts = [spoken(one.located.find.part) if one.located else "part" for one in found]
    told = ", ".join(f"{part} {one.outcome}" for part, one in zip(parts, found, strict=True))
    return render("verdicts.html", pages=map(examined_page, found), announcement=f"{len(found)} findings: {told}.")


def deviation_page(deviation: Deviation) -> str:
    """The page of an examination beside a reference collection, as HTML."""
    registered = deviation.reference.registered
    maps = [evidence_pictures(registered, finding.heatmap) for finding in deviation.witnesses]
    return render(
        "deviation.html",
        deviation=deviation,
        pictures=numbered_pictures(deviation),
        areas=area_pictures(deviation),
        photo=shown_reduced(deviation.exhibit.crop(deviation.crop)),
        witnesses=[*zip(deviation.witnesses, maps, strict=True)],
        **_shared(deviation),
    )


def comparison_page(comparison: Comparison) -> str:
    """The page of a comparison, as HTML."""
    marks = zip(comparison.seen, comparison.heatmaps, strict=True)
    return render(
        "comparison.html",
        comparison=comparison,
        pictures=[evidence_pictures(seen, heatmap) for seen, heatmap in marks],
        laid=laid_over(comparison),
        photos=[shown_reduced(one.crop(crop)) for one, crop in zip(comparison.exhibits, comparison.crops, strict=True)],
        elements=element_addresses(comparison),
        **_shared(comparison),
    )


def refusal_card(sentence: str, title: str = "Not examined") -> str:
    """The card of a refusal: what was not done, and why."""
    return render("card.html", kind="refused", title=title, sentence=sentence, alert=True)


def fault_card(title: str = "Not examined") -> str:
    """The card of a fault in Assay itself."""
    return refusal_card(
        "Assay met a fault of its own and reached no result; the terminal it was started from shows the details.",
        title,
    )


def waiting_card(title: str, sentence: str) -> str:
    """The card before an examination: what to do."""
    return render("card.html", kind="waiting", title=title, sentence=sentence, alert=False)


def no_model_card(task: Task) -> str:
    """The card without a model for a task: what to do about it."""
    sentence = f"The weights folder holds no {task} model; put its .safetensors and .json there and restart Assay."
    return waiting_card("No model", sentence)


def record_address(record: Record | MarkSearch) -> str:
    """A record as a file to save, as an address."""
    text = json.dumps(as_json(record), indent=1, ensure_ascii=False) + "\n"
    return data_address("application/json", text.encode())


def _shared(record: Record) -> dict[str, Any]:
    return {
        "original_name": original_name,
        "record": record_address(record),
        "opacity": round(100 * OPACITY),
        "scale": scale_strip(),
    }
