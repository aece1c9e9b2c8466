"""What a trademark model says of pictures of real marks of which only the owners are known.

Marks of two owners are mostly unrelated, and those of one owner mostly similar; neither is certain, so that the most
telling pairs are drawn for the eye, on sheets.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageOps
from tqdm import tqdm

from inference.files import csv_bytes, png_bytes, write_whole
from inference.intake.exhibit import ExhibitRefused, read_exhibit
from inference.models.card import Metric
from inference.models.weights import load_model
from inference.records import SimilarityOutcome
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.mark_view import MarkView
from inference.trademark.scores import EmbeddedMark
from training.assessment.finished import FinishedModelSettings
from training.assessment.tables import Table, json_bytes_of
from training.data.set_files import PICTURES, DataRefused
from training.figures.metrics import share_by_source, share_of_pairs
from training.fitting.run_folder import require_setting

logger = logging.getLogger(__name__)

_BLANK = "contrast"
"""The scope check that refuses a blank picture."""
_OUTCOMES: tuple[SimilarityOutcome, ...] = ("similar", "dissimilar", "inconclusive")
_CELL, _CAPTION, _COLUMNS, _SHOWN = 96, 14, 6, 48
"""Of a sheet: side of a mark and height of a caption in pixels, pairs in a row, and pairs in all."""


@dataclass(frozen=True)
class OwnedMarksSettings(FinishedModelSettings):
    """Compare real marks whose owners are known: how many are refused, and what is said of pairs of two owners."""

    data: Path
    """Folder of pictures. A mark's owner is the folder it lies in; where no folder tells, the first word of its name,
    so that acme-paris.png and acme.com.png are of one owner."""
    out: Path
    """Folder for the figures, the table of pairs, and the sheets of the pairs and marks to look at."""
    limit: int = 440
    """Most pictures, drawn at random."""
    pairs: int = 4000
    """Pairs of two owners, drawn at random, and most pairs of one owner."""
    seed: int = 0
    """Seed of the draws."""


class OwnedMark(NamedTuple):
    """A mark, its owner, and what is known of it."""

    path: Path
    owner: str
    view: MarkView
    embedded: EmbeddedMark

    @property
    def refused_for(self) -> str:
        """The scope check that refuses it by itself; empty if none does."""
        return next((check.name for check in self.view.checks if check.status == "refuse"), "")


class Compared(NamedTuple):
    """A pair of marks, its outcome, and what was weighed."""

    first: OwnedMark
    second: OwnedMark
    outcome: SimilarityOutcome
    score: float
    log10_lr: float | None


def owner_of(path: Path, data: Path) -> str:
    """The owner of a mark: the folder it lies in below `data`, or else the first word of its name."""
    if path.parent != data:
        return str(path.parent.relative_to(data))
    return re.split(r"[-_. ]", path.stem.lower().removeprefix("www."), maxsplit=1)[0]


def assess_owned_marks(settings: OwnedMarksSettings) -> Table:
    """The figures, which are also written into the folder, with the pairs and sheets of those to look at.

    Raises:
        Refusal: if the model is not one of trademarks, or the folder holds no marks of two owners.
    """
    require_setting(min(settings.limit, settings.pairs) > 0, "Compare at least one mark and one pair.")
    model = load_model(settings.model, settings.weights)
    examiner, rng = TrademarkExaminer(model), np.random.default_rng(settings.seed)
    marks = _read(examiner, settings, rng)
    apart, together = _pairs_of_owners(marks, settings, rng)
    two, one = _compared(examiner, apart), _compared(examiner, together)
    table = {"marks": _refusals(marks), "pairs of two owners": _outcomes(two), "pairs of one owner": _outcomes(one)}
    write_whole(settings.out / "owned_marks.json", json_bytes_of(model, "figures", table))
    write_whole(settings.out / "owned_marks.csv", _listed([*two, *one], settings.data))
    for name, sheet in _sheets(marks, two, one).items():
        write_whole(settings.out / f"{name}.png", png_bytes(sheet))
    return table


def _read(examiner: TrademarkExaminer, settings: OwnedMarksSettings, rng: np.random.Generator) -> list[OwnedMark]:
    paths = [path for path in sorted(settings.data.rglob("*")) if path.suffix.lower() in PICTURES]
    drawn = sorted(rng.permutation(len(paths))[: settings.limit].tolist())
    views: dict[Path, MarkView] = {}
    for path in tqdm([paths[place] for place in drawn], "viewing marks", unit="mark", leave=False):
        try:
            views[path] = examiner.view(read_exhibit(path))
        except ExhibitRefused as refusal:
            logger.info("Left out: %s", refusal)
    owners = [owner_of(path, settings.data) for path in views]
    if len({*owners}) < 2:
        msg = f"{settings.data} holds no marks of two owners; name a folder of them, with a folder for each owner."
        raise DataRefused(msg)
    embedded = examiner.embedded([*views.values()])
    return [OwnedMark(*one) for one in zip(views, owners, views.values(), embedded, strict=True)]


def _pairs_of_owners(
    marks: Sequence[OwnedMark], settings: OwnedMarksSettings, rng: np.random.Generator
) -> tuple[list[tuple[OwnedMark, OwnedMark]], list[tuple[OwnedMark, OwnedMark]]]:
    """Random pairs of two owners, each once, and of one owner."""
    sides: dict[bool, list[tuple[OwnedMark, OwnedMark]]] = {False: [], True: []}
    for pair in combinations(marks, 2):
        sides[pair[0].owner == pair[1].owner].append(pair)
    chosen = {side: rng.permutation(len(pairs))[: settings.pairs].tolist() for side, pairs in sides.items()}
    apart, together = ([sides[side][place] for place in chosen[side]] for side in (False, True))
    return apart, together


def _compared(examiner: TrademarkExaminer, pairs: Sequence[tuple[OwnedMark, OwnedMark]]) -> list[Compared]:
    found = []
    for first, second in tqdm(pairs, "comparing", unit="pair", leave=False):
        scored = examiner.score(first.embedded, second.embedded)
        outcome, _, evidence = examiner.outcome(scored)
        log10_lr = evidence.log10_lr if evidence else None
        found.append(Compared(first, second, outcome, examiner.combined(scored), log10_lr))
    return found


def _refusals(marks: Sequence[OwnedMark]) -> dict[str, Metric]:
    """The share of marks that each scope check refuses, and of those that are not blank that any does."""
    reasons = [mark.refused_for for mark in marks]
    drawn = [mark for mark in marks if mark.refused_for != _BLANK]
    return {
        f"refused for {check}": share_by_source(
            [reason == check for reason in reasons], [mark.owner for mark in marks], "marks"
        ).named("scope_refused", check)
        for check in sorted({*reasons} - {""})
    } | {
        "refused of those that are not blank": share_by_source(
            [bool(mark.refused_for) for mark in drawn], [mark.owner for mark in drawn], "marks that are not blank"
        ).named("false_refusals")
    }


def _outcomes(compared: Sequence[Compared]) -> dict[str, Metric]:
    """The share of each outcome among pairs in scope."""
    seen = [one for one in compared if one.outcome != "out of scope"]
    if not seen:
        return {}
    owners = [one.first.owner for one in seen], [one.second.owner for one in seen]
    return {
        outcome: share_of_pairs([one.outcome == outcome for one in seen], *owners, "pairs in scope")
        for outcome in _OUTCOMES
    }


def _listed(compared: Sequence[Compared], data: Path) -> bytes:
    rows = [
        (
            *(one.path.relative_to(data).as_posix() for one in pair[:2]),
            *(one.owner for one in pair[:2]),
            pair.outcome,
            f"{pair.score:.3f}",
            "" if pair.log10_lr is None else f"{pair.log10_lr:.3f}",
        )
        for pair in compared
    ]
    return csv_bytes(("first", "second", "first owner", "second owner", "outcome", "score", "log10 LR"), rows)


def _sheets(marks: Sequence[OwnedMark], two: Sequence[Compared], one: Sequence[Compared]) -> dict[str, Image.Image]:
    """What is worth looking at: marks refused, and the pairs whose owners speak most against what was weighed."""
    refused = [((mark,), mark.refused_for) for mark in marks if mark.refused_for]
    seen = [[pair for pair in side if pair.outcome != "out of scope"] for side in (two, one)]
    apart = sorted(seen[0], key=lambda pair: -pair.score)
    together = sorted(seen[1], key=lambda pair: pair.score)
    return {
        "refused": _sheet(refused),
        "two_owners_most_similar": _sheet([(pair[:2], f"{pair.outcome} {pair.score:.1f}") for pair in apart]),
        "one_owner_least_similar": _sheet([(pair[:2], f"{pair.outcome} {pair.score:.1f}") for pair in together]),
    }


def _sheet(cells: Sequence[tuple[Sequence[OwnedMark], str]]) -> Image.Image:
    """Marks side by side, each cell with its caption."""
    shown = cells[:_SHOWN]
    width, height = 2 * _CELL, _CELL + _CAPTION
    sheet = Image.new("RGB", (_COLUMNS * width, max(1, -(-len(shown) // _COLUMNS)) * height), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (marks, caption) in enumerate(shown):
        left, top = place % _COLUMNS * width, place // _COLUMNS * height
        pen.text((left + 2, top + 1), caption, fill="black")
        for side, mark in enumerate(marks):
            small = ImageOps.contain(Image.fromarray(mark.view.mark.shown), (_CELL - 6, _CELL - 6))
            sheet.paste(small, (left + side * _CELL + 2, top + _CAPTION))
    return sheet
