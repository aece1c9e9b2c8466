"""The robustness matrix: a finished model on corrupted photos and marks, each corruption at five severities.

Every sample is judged as it is, and once for each cell (a corruption at a severity) with random numbers of its own that
are the same in every run. Results are written after each cell, and an interrupted run continues from there.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from inference.authenticity.examiner import AuthenticityExaminer
from inference.bench import examiner_of
from inference.evidence.scale import NEUTRAL_LR
from inference.evidence.trials import trial
from inference.files import write_whole
from inference.heatmap import over_part
from inference.intake.exhibit import exhibit_from_pixels, read_exhibit
from inference.models.card import Metric
from inference.models.weights import Model, load_model
from inference.records import Exhibit, Verdict
from inference.trademark.examiner import TrademarkExaminer
from inference.trademark.scores import EmbeddedMark
from training.assessment.evaluate import read_photos_for
from training.assessment.finished import FinishedModelSettings
from training.assessment.heatmaps import in_frame, read_mask, score_map
from training.assessment.mark_trials import mark_embeddings, trial_pairs
from training.assessment.tables import Table, json_bytes_of
from training.data.corruptions import CORRUPTIONS, SEVERITIES, Corruption
from training.data.marks.mark_set import Mark, read_mark_set
from training.data.photos.photo import Photo
from training.figures.evidence import cllr_metric
from training.figures.metrics import mean_by_source, share_by_source
from training.figures.plots import png_of
from training.fitting.run_folder import TrainingRefused, require_setting

CLEAN = "as it is"
FIGURES = {
    "accuracy": "accuracy",
    "Cllr": "cllr",
    "abstained": "abstained",
    "flips": "flips",
    "heatmap lift": "heatmap_lift",
}
"""What a person reads of each cell, and its key."""
_FILE = "robustness.json"


@dataclass(frozen=True)
class RobustnessSettings(FinishedModelSettings):
    """Examine test samples of a set as they are and corrupted in fifteen ways, at five severities each."""

    out: Path
    """Folder for the figures, the table and the plot; an interrupted run in it continues."""
    limit: int = 100
    """Most samples, half of each side: one photo for each item, or one pair of marks for each family."""
    seed: int = 0
    """Seed of the samples and the corruptions."""


@dataclass(frozen=True)
class Judged:
    """An examiner's result on a sample.

    Attributes:
        log_odds: Log odds of the first side, in nats.
        log10_lr: The log10 LR; None if nothing was weighed.
        outcome: The outcome.
        lift: Lift of the heatmap, if a counterfeit with a mask was found.
    """

    log_odds: float
    log10_lr: float | None
    outcome: str
    lift: float | None = None


@dataclass(frozen=True)
class Sample:
    """A photo or a pair of marks whose truth is known.

    Attributes:
        source: The item or family it is of.
        of_first: Whether it is of the first side: genuine, or similar.
        judge: What the examiner says of it, corrupted at a severity with a seed, or as it is.
    """

    source: str
    of_first: bool
    judge: Callable[[Corruption | None, int, int], Judged]


def _photo_sample(examiner: AuthenticityExaminer, photo: Photo) -> Sample:
    def judge(corruption: Corruption | None, severity: int, seed: int) -> Judged:
        exhibit = _corrupted(read_exhibit(photo.path), corruption, severity, seed)
        verdict = examiner.examine(exhibit, photo.series)
        log10_lr = verdict.evidence.log10_lr if verdict.evidence else None
        lift = _lift(photo, verdict, corruption, severity, seed)
        return Judged(verdict.log_odds, log10_lr, verdict.outcome, lift)

    return Sample(photo.item, photo.label == "genuine", judge)


def _lift(photo: Photo, verdict: Verdict, corruption: Corruption | None, severity: int, seed: int) -> float | None:
    if photo.truth.mask is None or verdict.outcome == "out of scope" or verdict.probability_genuine >= 0.5:
        return None
    mask = read_mask(photo)
    if corruption is not None:
        mask = corruption.on_mask(mask, severity, np.random.default_rng(seed), verdict.exhibit.pixels.shape)
    framed = in_frame(mask, verdict)
    if not framed.any() or framed.all():
        return None
    return score_map(over_part(verdict.heatmap, framed.shape[1], framed.shape[0]), framed, 0).lift


def _pair_sample(examiner: TrademarkExaminer, first: Mark, second: Mark, of_first: bool) -> Sample:
    """A pair of marks, of which the second is corrupted; the first is read once."""

    @cache
    def as_it_is() -> EmbeddedMark:
        return _embedded(examiner, read_exhibit(first.path))

    def judge(corruption: Corruption | None, severity: int, seed: int) -> Judged:
        corrupted = _corrupted(read_exhibit(second.path), corruption, severity, seed)
        scored = examiner.score(as_it_is(), _embedded(examiner, corrupted))
        outcome, _, evidence = examiner.outcome(scored)
        return Judged(scored.whole.log_odds, evidence.log10_lr if evidence else None, outcome)

    return Sample(first.family, of_first, judge)


def _embedded(examiner: TrademarkExaminer, mark: Exhibit) -> EmbeddedMark:
    (embedded,) = examiner.embedded([examiner.view(mark)])
    return embedded


def _corrupted(exhibit: Exhibit, corruption: Corruption | None, severity: int, seed: int) -> Exhibit:
    if corruption is None:
        return exhibit
    pixels = corruption(exhibit.pixels, severity, np.random.default_rng(seed))
    return exhibit_from_pixels(np.ascontiguousarray(pixels), exhibit.name)


def measure_robustness(settings: RobustnessSettings) -> Table:
    """The figures of every cell, which are also written with their table and plot.

    Raises:
        Refusal: if the model or the data cannot be used, or the folder holds another run.
    """
    model = load_model(settings.model, settings.weights)
    samples = _samples(model, settings)
    run = {
        "model": model.card.name,
        "weights_sha256": model.card.weights_sha256,
        "calibrated": model.card.calibration is not None,
        "sources": [sample.source for sample in samples],
        "seed": settings.seed,
    }
    judged = judge_all(samples, settings.out / _FILE, run, settings.seed)
    sides = examiner_of(model).sides
    calibrated = model.card.calibration is not None
    table = {
        name: {
            figure: metric.named(FIGURES[figure], *() if name == CLEAN else (name,))
            for figure, metric in figures(samples, judged[CLEAN], found, sides, calibrated).items()
        }
        for name, found in judged.items()
    }
    write_whole(settings.out / "robustness_figures.json", json_bytes_of(model, "cells", table))
    write_whole(settings.out / "robustness.md", ("\n".join(table_lines(table)) + "\n").encode())
    draw_table(table, settings.out / "robustness.png")
    return table


def judge_all(samples: Sequence[Sample], file: Path, run: dict[str, Any], seed: int) -> dict[str, list[Judged]]:
    """The examiner's results on every sample, by cell; cells that the file holds are read from it.

    Raises:
        TrainingRefused: if the file belongs to another run.
    """
    content = json.loads(file.read_bytes()) if file.exists() else {"run": run, "cells": {}}
    if content["run"] != run:
        msg = f"{file} belongs to another model, other samples or another seed; choose another --out."
        raise TrainingRefused(msg)
    cells: list[tuple[str, Corruption | None, int]] = [(CLEAN, None, 0)]
    cells += [(cell(name, severity), CORRUPTIONS[name], severity) for name in CORRUPTIONS for severity in SEVERITIES]
    for name, corruption, severity in tqdm(cells, "corrupting", unit="cell", leave=False):
        if name not in content["cells"]:
            # A sample's random numbers do not depend on which others are drawn with it.
            seeds = [zlib.crc32(f"{seed} {name} {sample.source} {sample.of_first}".encode()) for sample in samples]
            found = [one.judge(corruption, severity, own) for one, own in zip(samples, seeds, strict=True)]
            content["cells"][name] = [list(astuple(one)) for one in found]
            write_whole(file, json.dumps(content).encode())
    return {name: [Judged(*stated) for stated in content["cells"][name]] for name, _, _ in cells}


def cell(corruption: str, severity: int) -> str:
    """The name of a cell."""
    return f"{corruption}, severity {severity}"


def figures(
    samples: Sequence[Sample],
    clean: Sequence[Judged],
    found: Sequence[Judged],
    sides: tuple[str, str],
    calibrated: bool,
) -> dict[str, Metric]:
    """The figures of a cell, as far as there are any.

    Args:
        samples: The samples (n,).
        clean: The result on each sample as it is.
        found: The result on each sample in this cell.
        sides: Names of the sides.
        calibrated: Whether the model has a calibration; without one there is neither Cllr nor a flip.
    """
    sources = np.array([sample.source for sample in samples])
    of_first = np.array([sample.of_first for sample in samples])
    log_odds = np.array([one.log_odds for one in found])
    inside = np.array([one.outcome != "out of scope" for one in found])
    abstained = [one.outcome not in sides for one in found]
    metrics = {"abstained": share_by_source(abstained, sources, "inconclusive or out of scope")}
    if inside.any():
        right = (log_odds > 0) == of_first
        metrics["accuracy"] = share_by_source(right[inside], sources[inside], "in scope, log odds on the right side")
    if calibrated:
        flips = [_side(one) * _side(other) < 0 for one, other in zip(clean, found, strict=True)]
        metrics["flips"] = share_by_source(flips, sources, f"LR above {NEUTRAL_LR:g} for one side, then for the other")
        log10_lrs = np.array([math.nan if one.log10_lr is None else one.log10_lr for one in found])
        weighed = np.isfinite(log10_lrs)
        tried = trial(log10_lrs[weighed], of_first[weighed], sources[weighed])
        if tried.is_whole:
            metrics["Cllr"] = cllr_metric(tried, "what was weighed")
    lifts = np.array([math.nan if one.lift is None else one.lift for one in found])
    if np.isfinite(lifts).any():
        metrics["heatmap lift"] = mean_by_source(lifts, sources, "counterfeits that were found")
    return {name: metrics[name] for name in FIGURES if name in metrics}


def _side(one: Judged) -> int:
    """1 if an LR above 2 supports the first side, -1 if it supports the second, else 0."""
    if one.log10_lr is None or abs(one.log10_lr) <= math.log10(NEUTRAL_LR):
        return 0
    return 1 if one.log10_lr > 0 else -1


def _samples(model: Model, settings: RobustnessSettings) -> list[Sample]:
    """The requested number of samples of each side, of sources drawn by the seed."""
    examiner = examiner_of(model)
    if isinstance(examiner, AuthenticityExaminer):
        photos = read_photos_for(model.card, settings.data).of("test")
        listed = [_photo_sample(examiner, photo) for photo in photos]
    else:
        every = read_mark_set(settings.data, seed=model.card.seed)
        marks = every.subset(every.of("test"))
        pairs = trial_pairs(marks, mark_embeddings(marks, model.card.preprocessing), "test")
        listed = [
            _pair_sample(examiner, marks.marks[a], marks.marks[b], kind == "similar")
            for kind in ("similar", "hard")
            for a, b in pairs[kind]
        ]
    require_setting(settings.limit >= 2, "--limit is at least 2, one sample of each side.")
    return [sample for first in (True, False) for sample in _drawn(listed, first, settings)]


def _drawn(samples: Iterable[Sample], first: bool, settings: RobustnessSettings) -> list[Sample]:
    by_source: dict[str, Sample] = {}
    for sample in samples:
        if sample.of_first == first:
            by_source.setdefault(sample.source, sample)
    order = sorted(by_source, key=lambda source: zlib.crc32(f"{settings.seed} {source}".encode()))
    return [by_source[source] for source in order[: settings.limit // 2]]


def table_lines(table: Table) -> Iterable[str]:
    """A table of each figure in Markdown: corruptions by severities."""
    for figure in FIGURES:
        if figure not in table[CLEAN]:
            continue
        yield f"**{figure}**; as it is {table[CLEAN][figure].value:.3f}"
        yield ""
        yield f"| corruption | {' | '.join(f'severity {severity}' for severity in SEVERITIES)} |"
        yield "|---" * (len(SEVERITIES) + 1) + "|"
        for name, found in zip(CORRUPTIONS, _in_cells(table, figure), strict=True):
            yield f"| {name} | {' | '.join('none' if one is None else f'{one.value:.3f}' for one in found)} |"
        yield ""


def draw_table(table: Table, path: Path) -> None:
    """Every figure as a shaded table, as a PNG."""
    shown = [figure for figure in FIGURES if figure in table[CLEAN]]
    drawing = Figure(figsize=(3.3 * len(shown) + 1.2, 5.2), layout="constrained")
    for number, (figure, axes) in enumerate(zip(shown, drawing.subplots(1, len(shown), squeeze=False)[0], strict=True)):
        values = np.array([[one.value if one else math.nan for one in row] for row in _in_cells(table, figure)])
        axes.imshow(values, cmap="Greys", aspect="auto", vmin=0, vmax=max(1.0, float(np.nanmax(values))) * 1.6)
        for (row, column), value in np.ndenumerate(values):
            axes.text(column, row, "–" if math.isnan(value) else f"{value:.2f}", ha="center", va="center", fontsize=7)
        axes.set_xticks(range(len(SEVERITIES)), SEVERITIES)
        axes.set_yticks(range(len(CORRUPTIONS)), list(CORRUPTIONS) if number == 0 else [""] * len(CORRUPTIONS))
        axes.set(title=f"{figure} (as it is {table[CLEAN][figure].value:.2f})", xlabel="severity")
        axes.title.set_fontsize(9)
    write_whole(path, png_of(drawing, 130))


def _in_cells(table: Table, figure: str) -> list[list[Metric | None]]:
    """A figure of every cell, a row a corruption and a column a severity; None where a cell has none."""
    return [[table[cell(name, severity)].get(figure) for severity in SEVERITIES] for name in CORRUPTIONS]
