"""The pages of a report on a batch: what was found in figures, then a row for each examination."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Spacer

from inference.casework.page_pictures import thumbnail
from inference.casework.sections import case, closing
from inference.casework.sheets import Imprint, bound
from inference.casework.typesetting import BODY_WIDTH, LABEL, SMALL, TEXT_WIDTH, TITLE, keyed, listed, section, text
from inference.casework.wording import NOT_AN_IDENTIFICATION, OF_STATED, OF_THE_FINDINGS
from inference.evidence.calibration import as_ratio
from inference.records import BatchRow, BatchState

_WIDTHS = (8 * mm, 16 * mm, 42 * mm, 34 * mm, TEXT_WIDTH - 100 * mm)
_HEADS = ("No.", "Photo", "File", "Finding", "Why")


def draw_batch(
    imprint: Imprint, state: BatchState, rows: Sequence[BatchRow], examinations: Sequence[dict[str, Any]]
) -> bytes:
    """The PDF of a report on a batch.

    Args:
        imprint: What the report states of itself.
        state: How far the batch is.
        rows: Its rows, in their order.
        examinations: Its examinations as a report states them; at least one.
    """
    return bound(imprint, [*_overview(imprint, state, examinations), _rows(rows), Spacer(1, 3 * mm), closing(imprint)])


def _overview(imprint: Imprint, state: BatchState, examinations: Sequence[dict[str, Any]]) -> Iterator[Flowable]:
    yield text(f"Examination of {state.photos:,} photos, one by one", TITLE)
    yield Spacer(1, 0.5 * mm)
    yield section("Case", case(imprint.facts))
    counted = [(outcome, f"{count:,}") for outcome, count in state.outcomes.items()]
    waiting = state.photos - state.done
    yield section("Outcomes", [keyed([*counted, *([("waiting", f"{waiting:,}")] if waiting else [])], BODY_WIDTH)])
    wordings = [OF_STATED[task] for task in dict.fromkeys(str(one["task"]) for one in examinations)]
    said = [f"H1: {h1}. H2: {h2}." for h1, h2 in (wording.propositions for wording in wordings)]
    yield section("Propositions", [*map(text, said)])
    limits = [NOT_AN_IDENTIFICATION, *(wording.limit for wording in wordings), OF_THE_FINDINGS]
    yield section("Limits", [*map(text, limits)])
    yield section("Method", [keyed([("Examined", state.means), *_models(examinations)], BODY_WIDTH)])
    yield Spacer(1, 2 * mm)


def _models(examinations: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Each model, collection and version that examined, once."""
    provenances = [one["record"]["provenance"] for one in examinations]
    tools = dict.fromkeys(
        f"Assay {one['code_version']}, device {one['device']}, engine {one.get('engine', 'torch')}"
        for one in provenances
    )
    models = dict.fromkeys(
        f"{one['model']}, weights SHA-256 {one['weights_sha256']}, card SHA-256 {one['card_sha256']}"
        for one in provenances
    )
    settings = [one["settings"] for one in provenances]
    collections = dict.fromkeys(
        f"{one['collection']}, SHA-256 {one['collection_sha256']}" for one in settings if "collection" in one
    )
    for kind, told in (("Tool", tools), ("Model", models), ("Collection", collections)):
        for each in told:
            yield kind, each


def _rows(rows: Sequence[BatchRow]) -> Flowable:
    return listed([[text(head, LABEL) for head in _HEADS], *map(_cells, rows)], _WIDTHS)


def _cells(row: BatchRow) -> list[Any]:
    number = f"{row.photo}.{row.part}" if row.part > 1 else str(row.photo)
    said = "; ".join(f"{column} {told}" for column, told in row.columns.items())
    found = [text(row.outcome.capitalize(), LABEL)]
    if row.log10_lr is not None:
        value, low, high = row.log10_lr
        found.append(text(f"log10 LR {value:+.2f} (LR {as_ratio(value)}), 95% {low:+.2f} to {high:+.2f}", SMALL))
    found += [text(f"{row.by}; {row.box}", SMALL)] if row.by else []
    file = [text(row.path), *([text(said, SMALL)] if said else []), text(f"SHA-256 {row.sha256[:16]}…", SMALL)]
    return [text(number, SMALL), thumbnail(row.thumbnail), file, found, text(row.reason)]
