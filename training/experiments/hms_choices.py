"""What each choice behind the trademark model is worth: one is changed at a time and judged on validation brands alone.

There are fewer training brands than for a shipped model, so that many choices can be tried. All choices have the same
brands and validation pairs. A finished run is not repeated; an interrupted one continues.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from inference.files import csv_bytes, write_whole
from inference.models.card import Metric
from training.assessment.mark_trials import frozen_embeddings, nearest_negatives, read_pictures, trial_pairs
from training.assessment.marks import pair_figures
from training.data.marks.mark_set import MarkSet, read_mark_set
from training.data.pictures import Pictures
from training.experiments.hms_cells import judged_in_epoch, read_judged, stated_pairs
from training.experiments.hms_tables import stated_cell
from training.fitting.fit import Diverged, EpochSampler, Scores, accelerator_for, finished_once, fit
from training.fitting.run_folder import RunFolder, require_setting
from training.trademark.learner import SiameseLearner, log_odds_in_epoch, mean_auc
from training.trademark.samples import TrainingPairs
from training.trademark.settings import PRESETS, TrademarkSettings

logger = logging.getLogger(__name__)

CHOICES: dict[str, dict[str, Any]] = {
    "the preset": {},
    "random start": {"pretrained": False},
    "ResNet18": {"backbone": "resnet18"},
    "96 pixels": {"size": 96},
    "160 pixels": {"size": 160},
    "224 pixels": {"size": 224},
    "colour not varied": {"vary_colour": False},
    "nothing degraded": {"degraded_share": 0.0},
    "nothing varied": {"augment": False},
    "s = 4": {"scale": 4.0},
    "s = 16": {"scale": 16.0},
    "s = 90": {"scale": 90.0},
    "no margins": {"method": "softmax"},
    "margins ten times as wide": {"angular_margin": 0.03, "additive_margin": 0.06},
    "a hundred times as wide": {"angular_margin": 0.3, "additive_margin": 0.6},
    "no hard negatives": {"hardest": False},
    "no edits": {"kinds": ("redrawn", "another version")},
    "concatenated embeddings": {"pair_feature": "concat"},
}
"""What each changes in the preset `small`; `size` is that of its preprocessing."""

FIGURES = ("AUC, random pairs", "AUC, hard pairs", "AUC, labelled pairs", "TPR at TNR 0.95, hard pairs")
"""What is tabled of each, where the set has such pairs."""


@dataclass(frozen=True)
class HmsChoices:
    """Measure what each choice behind the trademark model is worth, on validation brands."""

    data: Path
    """A mark set as for `python -m training trademark`."""
    out: Path
    """Folder of the runs and their table."""
    choices: tuple[str, ...] = tuple(CHOICES)
    """Choices to try, of `CHOICES`."""
    seeds: tuple[int, ...] = (0,)
    """Seeds; each repeats every run."""
    brands: float = 0.25
    """Share of the training brands, above 0 and at most 1."""
    epochs: int = 8
    """Passes over the training pairs."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device."""

    def __post_init__(self) -> None:
        unknown = sorted({*self.choices} - {*CHOICES})
        require_setting(not unknown, f"There is no choice {unknown}; there are {'; '.join(CHOICES)}.")
        require_setting(bool(self.choices and self.seeds), "Name at least one of each to vary.")
        require_setting(0 < self.brands <= 1, f"--brands is above 0 and at most 1, not {self.brands}.")


Table = dict[str, list[dict[str, Metric]]]


def run(study: HmsChoices) -> list[str]:
    """Run whatever is not finished; write choices.csv and choices.md after every run; the Markdown's lines."""
    bench = _Bench(study)
    table: Table = {}
    for choice, seed in product(study.choices, study.seeds):
        file = study.out / _name(choice, seed) / "validation.json"
        if file.exists():
            bench.require_same(choice, seed)
        else:
            write_whole(file, json.dumps(bench.validated(choice, seed)).encode())
        judged = read_judged(file)
        table.setdefault(choice, []).extend([pair_figures(judged, None)] if judged else [])
        _write(study, table)
    return list(lines(table))


class _Bench:
    """The marks of a study, which all its runs share."""

    def __init__(self, study: HmsChoices) -> None:
        self._study = study
        self._marks = fewer_brands(read_mark_set(study.data), study.brands)
        self._pictures = cache(self._read)
        small = PRESETS["small"].preprocessing
        self._embedding = frozen_embeddings(self._pictures(small.size), small.size, torch.device("cpu"))
        self._trials = trial_pairs(self._marks, self._embedding, "val")

    def require_same(self, choice: str, seed: int) -> None:
        """Check a finished run.

        Raises:
            TrainingRefused: if it was trained with other settings or on other brands.
        """
        settings = _settings(self._study, choice, seed)
        RunFolder(settings.fit.out, settings, self._marks.manifest, resume=True, owner=False)

    def validated(self, choice: str, seed: int) -> dict[str, Any]:
        """What a choice makes of the validation pairs, as JSON holds it."""
        settings = _settings(self._study, choice, seed)
        try:
            learner = self._trained(settings)
        except Diverged as diverged:
            logger.warning("%s: %s", choice, diverged)
            return {"diverged": str(diverged)}
        log_odds = log_odds_in_epoch(learner.network, *self._shown(learner, settings))
        return stated_pairs(judged_in_epoch(self._marks, self._trials, log_odds))

    def _trained(self, settings: TrademarkSettings) -> SiameseLearner:
        logger.info("%s", settings.fit.out.name)
        accelerator = accelerator_for(settings.fit)
        run_folder = RunFolder(settings.fit.out, settings, self._marks.manifest, resume=settings.fit.resume)
        torch.manual_seed(settings.fit.seed)
        learner, _ = settings.build_learner()
        pictures = self._pictures(settings.preprocessing.size)
        training = TrainingPairs(self._marks, pictures, nearest_negatives(self._marks, self._embedding), settings)

        def validate(_: torch.nn.Module) -> Scores:
            return mean_auc(learner.validated(*self._shown(learner, settings)))

        sampler = EpochSampler(training.draw, len(training), settings.fit.seed)
        fit(learner, training, sampler, validate, settings.fit, run_folder, accelerator)
        return learner.eval()

    def _shown(self, learner: SiameseLearner, settings: TrademarkSettings) -> tuple[Any, ...]:
        """What a learner is judged by: pictures, pairs, preprocessing and device."""
        device = next(learner.parameters()).device
        return self._pictures(settings.preprocessing.size), self._trials, settings.preprocessing, device

    def _read(self, size: int) -> Pictures:
        return read_pictures(self._marks.marks, replace(PRESETS["small"].preprocessing, size=size))


def fewer_brands(marks: MarkSet, share: float) -> MarkSet:
    """The validation marks of a set, and those of a share of its training brands, drawn with seed 0."""
    brands = sorted({marks.marks[index].family for index in marks.of("train")})
    kept = max(1, round(share * len(brands)))
    chosen = {brands[place] for place in np.random.default_rng(0).permutation(len(brands))[:kept].tolist()}
    training = [index for index in marks.of("train") if marks.marks[index].family in chosen]
    return marks.subset([*training, *marks.of("val")])


def _name(choice: str, seed: int) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in choice).lower().split()
    return f"{'_'.join(words)}_{seed}"


def _settings(study: HmsChoices, choice: str, seed: int) -> TrademarkSettings:
    """What `python -m training trademark` would be given."""
    small = PRESETS["small"]
    changed = {"size": small.preprocessing.size} | CHOICES[choice]
    size = changed.pop("size")
    out = study.out / _name(choice, seed)
    fitting = finished_once(small.fit, out, seed, epochs=study.epochs, device=study.device)
    return replace(
        small, data=study.data, fit=fitting, preprocessing=replace(small.preprocessing, size=size), **changed
    )


def _write(study: HmsChoices, table: Table) -> None:
    rows = [
        [choice, name, metric.value, metric.low, metric.high]
        for choice, runs in table.items()
        for figures in runs
        for name, metric in figures.items()
    ]
    write_whole(study.out / "choices.csv", csv_bytes(["choice", "figure", "value", "low", "high"], rows))
    write_whole(study.out / "choices.md", ("\n".join(lines(table)) + "\n").encode())


def lines(table: Table) -> Iterator[str]:
    """The table in Markdown, one row a choice."""
    yield f"| choice | {' | '.join(FIGURES)} |"
    yield "|---" * (1 + len(FIGURES)) + "|"
    for choice, runs in table.items():
        cells = [stated_cell([figures[name] for figures in runs if name in figures]) for name in FIGURES]
        yield f"| {choice} | {' | '.join(cells)} |"
