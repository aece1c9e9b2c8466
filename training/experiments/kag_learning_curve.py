"""Accuracy over the number of training items, with and without each of KAG-MTLN's ideas.

Source: KAG-MTLN paper, Fig. 10 (100 to 20% of the leather tags) and Table 7 (the auxiliary task), beside our reference
and key-area warps. One run a variant, size and seed; a finished run is not run again, an interrupted one continues.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from inference.files import csv_bytes, write_whole
from inference.models.card import Card
from inference.models.catalogue import read_card
from training.authenticity import train as authenticity
from training.authenticity.settings import PRESETS, AuthenticitySettings, ReferenceSettings
from training.figures.metrics import over_seeds
from training.figures.plots import png_of
from training.fitting.fit import finished_once
from training.fitting.run_folder import require_setting

logger = logging.getLogger(__name__)

_SINGLE_TASK = {"alpha": 1.0, "disturbed_share": 0.0, "warped_share": 0.0}
_SWAPS = {"disturbed_share": 1 / 3, "warped_share": 0.0}
_WARPS = {"disturbed_share": 0.0, "warped_share": 0.5}
VARIANTS: dict[str, dict[str, Any]] = {
    "photo, single task": {"view": "photo", **_SINGLE_TASK},
    "photo, patch swaps": {"view": "photo", **_SWAPS},
    "photo, key-area warps": {"view": "photo", **_WARPS},
    "reference, single task": {"view": "reference", **_SINGLE_TASK},
    "reference, patch swaps": {"view": "reference", **_SWAPS},
    "reference, key-area warps": {"view": "reference", **_WARPS},
    "reference, genuine only": {"view": "reference", **_WARPS, "genuine_only": True},
}
"""What each variant sets. Single task: no auxiliary task, and no disturbed images. Genuine only: key-area warps, and no
counterfeit in training."""

CAUSES: dict[str, dict[str, Any]] = {
    f"reference, {idea}{change}": {"view": "reference", **settings, **changed}
    for idea, settings in (("patch swaps", _SWAPS), ("key-area warps", _WARPS))
    for change, changed in (
        (" on half as many", {name: share / 2 for name, share in settings.items()}),
        (", no auxiliary task", {"alpha": 1.0}),
        (", auxiliary task alone", {"disturbed_are_counterfeits": False}),
    )
} | {"reference, patch swaps of 16 x 16": {"view": "reference", **_SWAPS, "segment_degree": 16}}
"""One thing changed in a variant, to find out why it helps or does not: how many photos are disturbed; that there are
two tasks; that disturbed photos count as counterfeits; that a grid of 20 x 20 resamples pictures of 224 x 160 pixels,
and one of 16 x 16 does not. Run where they are named."""

FIGURES = {
    "class accuracy": ("class_accuracy",),
    "authenticity accuracy": ("accuracy",),
    "authenticity AUC": ("auc",),
    "AUC on unseen counterfeiters": ("auc", "unseen counterfeiters"),
    "unseen counterfeiters found": ("found", "unseen counterfeiters"),
    "found when hardly visible": ("found", "known counterfeiters", "hardly visible"),
    "AUC of the score": ("score_auc",),
    "AUC of the score, unseen counterfeiters": ("score_auc", "unseen counterfeiters"),
}
"""What is tabled of each run, where its card states it: the column, and the figure's key and what it is of.
The score is what is weighed: beside a reference it counts the deviation from genuine parts, too."""


@dataclass(frozen=True)
class KagLearningCurve:
    """Accuracy over the number of training items, with and without each of KAG-MTLN's ideas."""

    data: Path
    """A set as for `python -m training authenticity`, best with counterfeiters and severities."""
    out: Path
    """Folder of the runs, the table and its figure."""
    shares: tuple[float, ...] = (1.0, 0.8, 0.6, 0.4, 0.2)
    """Shares of the training items."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds; each repeats every run."""
    variants: tuple[str, ...] = tuple(VARIANTS)
    """Variants to run, of the default ones and of `CAUSES`."""
    epochs: int = 10
    """Epochs with all items; a smaller share takes more epochs, so that every run takes the same number of steps."""
    size: int = 320
    """Side of the input of the view `photo`, and long side of the view `reference`, in pixels."""
    reference: ReferenceSettings = field(default_factory=ReferenceSettings)
    """Settings of the view `reference`; its long side is `size`."""

    def __post_init__(self) -> None:
        unknown = sorted({*self.variants} - {*VARIANTS, *CAUSES})
        require_setting(not unknown, f"There is no variant {unknown}; there are {'; '.join((*VARIANTS, *CAUSES))}.")
        require_setting(bool(self.shares and self.seeds and self.variants), "Name at least one of each to vary.")


@dataclass(frozen=True)
class Run:
    """One run of the experiment."""

    variant: str
    share: float
    seed: int

    @property
    def name(self) -> str:
        """Its folder and model."""
        words = "".join(letter if letter.isalnum() else " " for letter in self.variant).split()
        return f"{'_'.join(words)}_{round(100 * self.share)}_{self.seed}"

    def settings(self, study: KagLearningCurve) -> AuthenticitySettings:
        """What `python -m training authenticity` would be given."""
        small = PRESETS["small"]
        epochs = round(study.epochs / self.share)
        fitting = finished_once(small.fit, study.out / self.name, self.seed, epochs=epochs)
        return replace(
            small,
            data=study.data,
            name=self.name,
            fit=fitting,
            preprocessing=replace(small.preprocessing, size=study.size),
            reference=replace(study.reference, long_side=study.size),
            training_share=self.share,
            **(VARIANTS | CAUSES)[self.variant],
        )


def run(study: KagLearningCurve) -> list[tuple[Run, Card]]:
    """Run whatever is not finished, then write learning_curve.csv, .md and .png."""
    results = []
    for variant, share, seed in product(study.variants, study.shares, study.seeds):
        one = Run(variant, share, seed)
        card_path = study.out / one.name / f"{one.name}.json"
        if not card_path.exists():
            logger.info("%s: %d%% of the items, seed %d", variant, round(100 * share), seed)
            authenticity.train(one.settings(study), for_examiners=False)
        results.append((one, read_card(card_path)))
        _write(study, results)
    return results


def _write(study: KagLearningCurve, results: list[tuple[Run, Card]]) -> None:
    columns = ["variant", "share", "seed", *(f"{name}{end}" for name in FIGURES for end in ("", " low", " high"))]
    rows = []
    for one, card in results:
        row: list[Any] = [one.variant, one.share, one.seed]
        for at in FIGURES.values():
            metric = card.figure(*at)
            row += [metric.value, metric.low, metric.high] if metric else ["", "", ""]
        rows.append(row)
    write_whole(study.out / "learning_curve.csv", csv_bytes(columns, rows))
    write_whole(study.out / "learning_curve.md", ("\n".join(lines(results)) + "\n").encode())
    write_whole(study.out / "learning_curve.png", _drawn(results))


def lines(results: list[tuple[Run, Card]]) -> Iterator[str]:
    """The table in Markdown, one row a variant and share, means over seeds and their span."""
    yield f"| variant | items | seeds | {' | '.join(FIGURES)} |"
    yield "|---" * (3 + len(FIGURES)) + "|"
    for (variant, share), cards in _grouped(results).items():
        cells = [over_seeds([metric for card in cards if (metric := card.figure(*at))]) for at in FIGURES.values()]
        yield f"| {variant} | {share:.0%} | {len(cards)} | {' | '.join(cells)} |"


def _grouped(results: list[tuple[Run, Card]]) -> dict[tuple[str, float], list[Card]]:
    grouped: dict[tuple[str, float], list[Card]] = {}
    for one, card in results:
        grouped.setdefault((one.variant, one.share), []).append(card)
    return grouped


def _drawn(results: list[tuple[Run, Card]]) -> bytes:
    """Authenticity accuracy over the share of items, one line a variant, seeds as points."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for variant in dict.fromkeys(one.variant for one, _ in results):
        own = [(100 * one.share, card.figure("accuracy")) for one, card in results if one.variant == variant]
        points = [(share, metric.value) for share, metric in own if metric]
        shares = sorted({share for share, _ in points})
        means = [sum(v for s, v in points if s == share) / sum(s == share for s, _ in points) for share in shares]
        (line,) = axes.plot(shares, means, label=variant)
        axes.plot(*zip(*points, strict=True), ".", color=line.get_color())
    axes.set(xlabel="training items, %", ylabel="authenticity accuracy")
    figure.legend(loc="outside right upper", fontsize="small")
    return png_of(figure, 120)
