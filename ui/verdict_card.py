"""The page of a result: outcome, findings, evidence, file, provenance."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from inference.drawing import DIFFERENCE_FULL_SCALE
from inference.models.card import Task
from inference.records import Comparison, Verdict, as_json
from ui.markup import render, spoken
from ui.pictures import OPACITY, element_addresses, evidence_pictures, laid_over, reference_pictures, scale_strip


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


def verdicts_page(verdicts: Sequence[Verdict]) -> str:
    """Several verdicts on parts of one photo side by side, as HTML."""
    parts = [spoken(verdict.located.find.part) if verdict.located else "part" for verdict in verdicts]
    told = ", ".join(f"{part} {verdict.outcome}" for part, verdict in zip(parts, verdicts, strict=True))
    pages = [verdict_page(verdict) for verdict in verdicts]
    return render("verdicts.html", pages=pages, announcement=f"{len(verdicts)} verdicts: {told}.")


def comparison_page(comparison: Comparison) -> str:
    """The page of a comparison, as HTML."""
    marks = zip(comparison.seen, comparison.heatmaps, strict=True)
    return render(
        "comparison.html",
        comparison=comparison,
        pictures=[evidence_pictures(seen, heatmap) for seen, heatmap in marks],
        laid=laid_over(comparison),
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


def _shared(record: Verdict | Comparison) -> dict[str, Any]:
    text = json.dumps(as_json(record), indent=1, ensure_ascii=False) + "\n"
    return {
        "record": "data:application/json;base64," + base64.b64encode(text.encode()).decode(),
        "opacity": round(100 * OPACITY),
        "scale": scale_strip(),
    }
