"""The scoreboard: rows on how far a model's findings can be trusted, each with its bar and whether it is met.

It collects the figures of the card and those that the commands `evaluate` and `robustness` wrote into the folder, and
runs the replay and the shortcut audit. A row without a measurement says so, and is never met. The bars are a proposal;
met on rendered sets, they prove the machinery and no more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure

from inference.bench import examiner_of
from inference.casework.report import run_id
from inference.casework.stated import stated
from inference.files import write_whole
from inference.intake.exhibit import read_exhibit
from inference.models.card import Card, Metric
from inference.models.weights import Model, load_model
from inference.records import Comparison, Verdict
from inference.trademark.examiner import TrademarkExaminer
from training.assessment.finished import FinishedModelSettings
from training.assessment.robustness import CLEAN, cell
from training.assessment.tables import Figures, by_key, read_figures
from training.data.audit import CHANCE, audit
from training.data.corruptions import CORRUPTIONS, SEVERITIES
from training.data.marks.mark_set import read_mark_set
from training.data.photos.photo_set import read_photo_set
from training.figures.plots import png_of

Standing = Literal["met", "not met", "reported", "not measured"]

_REPLAYED = 3
_COSTS = ("cllr", "cllr_min", "cllr_cal", "cllr_cross_validated")
_BASELINES = ("centre prior", "edge map", "random map", "random weights")


@dataclass(frozen=True)
class ScoreboardSettings(FinishedModelSettings):
    """Collect the scoreboard: how far a model's findings can be trusted, row by row, with bars."""

    out: Path
    """Folder for the scoreboard; the results of `evaluate`, `evaluate --heatmaps` and `robustness` are read from it."""


@dataclass(frozen=True)
class Row:
    """One line of the scoreboard.

    Attributes:
        id: A to J, and K for marks.
        measure: What is measured.
        found: The result, in words and figures.
        bar: The requirement.
        standing: Whether the bar is met; a row without a bar is only reported.
    """

    id: str
    measure: str
    found: str
    bar: str
    standing: Standing


def make_scoreboard(settings: ScoreboardSettings) -> tuple[Row, ...]:
    """The rows, which are also written as scoreboard.json, scoreboard.md and scoreboard.png.

    Raises:
        Refusal: if the model or the data cannot be used.
    """
    model = load_model(settings.model, settings.weights)
    card = model.card
    maps = read_figures(settings.out / "heatmaps.json", card, "maps")
    marks = read_figures(settings.out / "marks.json", card, "figures")
    rows = (
        calibration_row(card),
        misleading_row(card),
        risk_row(card),
        scope_row(card),
        (heatmap_row if card.task == "authenticity" else mark_heatmap_row)(maps),
        corruption_row(_cells(settings.out, card)),
        Row(
            "G",
            "hostile files",
            "run by the tests of the decoder: tests/inference/intake/test_hostile_files.py",
            "",
            "reported",
        ),
        replay_row(_replay(model, settings.data)),
        marks_row(marks) if card.task == "trademark" else NO_MARKS,
        mark_shortcut_row(marks) if card.task == "trademark" else shortcut_row(settings.data),
        *([groups_row(marks)] if card.task == "trademark" else []),
    )
    content = {"model": card.name, "weights_sha256": card.weights_sha256, "rows": [asdict(row) for row in rows]}
    write_whole(settings.out / "scoreboard.json", (json.dumps(content, indent=1) + "\n").encode())
    write_whole(settings.out / "scoreboard.md", page(card, rows).encode())
    draw(card, settings.out / "scoreboard.png")
    return rows


def calibration_row(card: Card) -> Row:
    """A: the cost of the likelihood ratios, in all and in every subgroup."""
    measure, bar = "Cllr, Cllr min, Cllr cal", "Cllr cal at most .05; Cllr below 1 in each subgroup"
    whole, least, cal = (card.figure(key) for key in ("cllr", "cllr_min", "cllr_cal"))
    if whole is None or least is None or cal is None:
        return _unmeasured("A", measure, bar)
    costs = {name: metric for name, metric in card.metrics.items() if metric.key == "cllr"}
    worst = max(costs, key=lambda name: costs[name].value)
    met = cal.value <= 0.05 and costs[worst].value < 1
    shown = [_said("Cllr", whole), _said("Cllr min", least), _said("Cllr cal", cal)]
    return Row("A", measure, "; ".join([*shown, _said(f"worst: {worst}", costs[worst])]), bar, _met(met))


def misleading_row(card: Card) -> Row:
    """B: misleading evidence: its share, and its strongest case."""
    measure, bar = "misleading evidence", "none above the bounds of the calibration"
    strongest = card.figure("strongest_misleading_evidence")
    if strongest is None or card.calibration is None:
        return _unmeasured("B", measure, bar)
    rates = [_said(name, metric) for name, metric in card.metrics.items() if metric.key == "misleading_evidence"]
    reach = max(-card.calibration.least, card.calibration.greatest)
    found = f"{'; '.join(rates)}; strongest log10 LR {strongest.value:.2f} of at most {reach:.2f}"
    return Row("B", measure, found, bar, _met(strongest.value <= reach + 1e-9))


def risk_row(card: Card) -> Row:
    """C: the error share when the least confident findings are left out."""
    wanted = {"error at 3% abstention": "error_at_abstention", "AURC": "aurc"}
    found = [_said(name, metric) for name, key in wanted.items() if (metric := card.figure(key))]
    bar = "reported; beside 99.71% right at 3.06% rejected of Garcia-Cotte et al. 2024, on other goods"
    return Row("C", "risk and coverage", "; ".join(found), bar, "reported") if found else _unmeasured("C", "risk", bar)


def scope_row(card: Card) -> Row:
    """D: what the scope gate passes, and what it refuses of its own kind."""
    measure = "scope gate"
    bar = "AUC: near at least .90, far at least .99; far passing at most 2%; false refusals at most 5%, or 5% inside"
    wanted = {
        "scope, near: AUC": ("scope_auc", "near"),
        "scope, far: AUC": ("scope_auc", "far"),
        "scope, far: false positives at 95% true": ("scope_false_positives", "far"),
        "scope: false refusals": ("false_refusals",),
    }
    found = {name: metric for name, at in wanted.items() if (metric := card.figure(*at))}
    if len(found) < len(wanted):
        known = "; ".join(_said(name, metric) for name, metric in found.items())
        lacking = ", ".join(name for name in wanted if name not in found)
        return Row("D", measure, f"{known + '; ' if known else ''}not measured: {lacking}", bar, "not measured")
    near, far, passing, refusals = found.values()
    least = refusals.low if refusals.low is not None else refusals.value
    met = near.value >= 0.9 and far.value >= 0.99 and passing.value <= 0.02 and least <= 0.05
    return Row("D", measure, "; ".join(_said(name, metric) for name, metric in found.items()), bar, _met(met))


def heatmap_row(maps: Figures | None) -> Row:
    """E: whether heatmaps point at the alteration better than uninformed maps."""
    measure = "heatmaps against masks"
    bar = (
        "lift at least 3; pointing at least .6 and above every baseline; pixel AUC at least .8; rank correlation below "
        ".3 with head and last stage random, at least .8 under JPEG 90 and a shift of 2 pixels"
    )
    if maps is None:
        return _unmeasured("E", measure, bar)
    lift, pointing, pixel_auc = (maps[f"heatmap_{name}",].value for name in ("lift", "pointing", "pixel_auc"))
    best = max(maps["heatmap_pointing", name].value for name in _BASELINES)
    randomised, *disturbed = (
        maps["heatmap_rank_correlation", name].value
        for name in ("head and last stage randomised", "JPEG quality 90", "shifted by 2 pixels")
    )
    met = lift >= 3 and pointing >= 0.6 and pointing > best and pixel_auc >= 0.8
    met = met and abs(randomised) < 0.3 and min(disturbed) >= 0.8
    found = (
        f"lift {lift:.2f}; pointing {pointing:.2f}, best baseline {best:.2f}; pixel AUC {pixel_auc:.2f}; rank "
        f"correlation {randomised:.2f} randomised, {min(disturbed):.2f} disturbed"
    )
    return Row("E", measure, found, bar, _met(met))


def mark_heatmap_row(maps: Figures | None) -> Row:
    """E, for marks: whether heatmaps show what the score rests on, and depend on the weights."""
    measure = "heatmaps against hiding"
    bar = "hiding what a map claims costs the score more than hiding another part; rank correlation below .3 randomised"
    if maps is None:
        return _unmeasured("E", measure, bar)
    falls = maps["heatmap_claimed_falls_more",]
    low = falls.value if falls.low is None else falls.low
    blind = {", ".join(of): one.value for (key, *of), one in maps.items() if key == "heatmap_rank_correlation"}
    found = f"in {falls.value:.3f} of the pairs, at least {low:.3f}; " + "; ".join(
        f"{name} {value:.2f}" for name, value in blind.items()
    )
    return Row("E", measure, found, bar, _met(low > 0.5 and all(abs(value) < 0.3 for value in blind.values())))


def corruption_row(cells: Figures | None) -> Row:
    """F: the effect of corruptions on likelihood ratios."""
    measure, bar = "corruption matrix", "verdicts flipped at most 1% up to severity 2; Cllr below 1 in every cell"
    if cells is None:
        return _unmeasured("F", measure, bar)
    flips, costs = (
        {", ".join(of) or CLEAN: one.value for (key, *of), one in cells.items() if key == asked}
        for asked in ("flips", "cllr")
    )
    mild = {cell(corruption, severity) for corruption in CORRUPTIONS for severity in SEVERITIES[:2]}
    flips = {name: share for name, share in flips.items() if name in mild}
    if not flips or not costs:
        return _unmeasured("F", measure, bar)
    flipped, costly = max(flips, key=flips.__getitem__), max(costs, key=costs.__getitem__)
    count = 1 + len(CORRUPTIONS) * len(SEVERITIES)
    found = (
        f"most flips {flips[flipped]:.3f} ({flipped}); greatest Cllr {costs[costly]:.2f} ({costly}); "
        f"{count - len(costs)} of {count} cells weigh too little for a Cllr"
    )
    return Row("F", measure, found, bar, _met(flips[flipped] <= 0.01 and costs[costly] < 1))


def replay_row(replays: Sequence[bool]) -> Row:
    """H: whether the same bytes give the same run id, outcome and log odds twice."""
    measure, bar = "replay of the same bytes", "same run id, outcome and log odds, always"
    if not replays:
        return _unmeasured("H", measure, bar)
    return Row("H", measure, f"{sum(replays)} of {len(replays)} replays alike", bar, _met(all(replays)))


def marks_row(figures: Figures | None) -> Row:
    """I: pairs, retrieval and invariance of marks."""
    measure = "marks"
    bar = "random pairs: AUC at least .999, accuracy at least .9897; hard pairs: AUC at least .97; the rest is reported"
    shown = {
        "AUC, random pairs": ("auc", "random pairs"),
        "accuracy, random pairs": ("accuracy", "random pairs"),
        "AUC, hard pairs": ("auc", "hard pairs"),
        "TPR at TNR 0.90, hard pairs": ("tpr_at_tnr_90", "hard pairs"),
        "TPR at TNR 0.95, hard pairs": ("tpr_at_tnr_95", "hard pairs"),
    }
    asked = {"AUC, random pairs": 0.999, "accuracy, random pairs": 0.9897, "AUC, hard pairs": 0.97}
    pairs = {name: figures[at] for name, at in shown.items() if at in figures} if figures else {}
    if figures is None or len(pairs) < len(shown):
        return _unmeasured("I", measure, bar)
    search = {at[1]: figure for at, figure in figures.items() if at[0] == "retrieval"}
    moved = {at[1]: one.value for at, one in figures.items() if (at[0], at[-1]) == ("score_change", "similar")}
    most = max(moved, key=lambda name: abs(moved[name]))
    found = [
        *(f"{name} {pairs[name].value:.4f}" for name in shown),
        *(f"{name} {figure.value:.3f}" for name, figure in search.items()),
        f"most invariance lost: {most}, by {moved[most]:.1f} nats",
    ]
    met = all(pairs[name].value >= least for name, least in asked.items())
    return Row("I", measure, "; ".join(found), bar, _met(met))


NO_MARKS = Row("I", "marks", "this model is for parts", "reported", "reported")
"""I, for a model for parts."""


def shortcut_row(data: Path) -> Row:
    """J: whether size, file and compression alone separate the sides."""
    measure, bar = "shortcut audit", f"AUC between {CHANCE[0]} and {CHANCE[1]}"
    if data.suffix != ".csv":
        return _unmeasured("J", measure, bar)
    found = audit(data)
    return Row("J", measure, str(found), bar, _met(found.passed))


def mark_shortcut_row(figures: Figures | None) -> Row:
    """J, for marks: whether the sides of pairs can be guessed without comparing their marks."""
    measure, bar = "shortcut audit", f"AUC between {CHANCE[0]} and {CHANCE[1]}, of marks that are not compared"
    if figures is None:
        return _unmeasured("J", measure, bar)
    asked = ("random pairs", "hard pairs")
    found = {f"AUC, {of}": figures["shortcut_auc", of] for of in asked if ("shortcut_auc", of) in figures}
    if len(found) < len(asked):
        return _unmeasured("J", measure, bar)
    said = "; ".join(_said(name, auc) for name, auc in found.items())
    return Row("J", measure, said, bar, _met(all(CHANCE[0] <= auc.value <= CHANCE[1] for auc in found.values())))


def groups_row(figures: Figures | None) -> Row:
    """K, for marks: the outcomes of each group of pairs, and its Cllr."""
    measure = "groups of marks"
    bar = (
        "in each group: similar pairs taken as dissimilar at most 10%, out of scope at most 8%; strangers taken as "
        "similar at most 1%; Cllr below 1"
    )
    shares = {at[1:]: one.value for at, one in (figures or {}).items() if at[0] == "outcome_share"}
    groups = [of for of, side, outcome in shares if (side, outcome) == ("similar pairs", "dissimilar")]
    if figures is None or not groups:
        return _unmeasured("K", measure, bar)
    met, found = True, []
    for of in groups:
        missed, refused = (shares[of, "similar pairs", outcome] for outcome in ("dissimilar", "out of scope"))
        mistaken, cost = shares[of, "strangers", "similar"], figures.get(("cllr", of))
        met = met and missed <= 0.1 and refused <= 0.08 and mistaken <= 0.01 and (cost is None or cost.value < 1)
        stated = f", Cllr {cost.value:.2f}" if cost else ""
        found.append(f"{of}: dissimilar {missed:.3f}, out of scope {refused:.3f}, strangers {mistaken:.3f}{stated}")
    for (of, side, outcome), share in shares.items():
        if (side, outcome) == ("labelled pairs", "similar"):
            found.append(f"{of}, labelled dissimilar: similar {share:.3f}")
    return Row("K", measure, "; ".join(found), bar, _met(met))


def page(card: Card, rows: Sequence[Row]) -> str:
    """The scoreboard in Markdown."""
    lines = [
        f"# Scoreboard of {card.title}",
        "",
        f"Weights SHA-256 {card.weights_sha256}; {card.data}.",
        "Met on rendered data, a bar says that the machinery works; it says nothing of casework.",
        "",
        "| row | measure | found | bar | |",
        "|---|---|---|---|---|",
        *(f"| {row.id} | {row.measure} | {row.found} | {row.bar} | **{row.standing}** |" for row in rows),
        "",
    ]
    return "\n".join(lines)


def draw(card: Card, path: Path) -> None:
    """Every Cllr of a card with its interval, against its bar, as a PNG."""
    named = [(name, metric) for name, metric in card.metrics.items() if metric.key in _COSTS]
    figure = Figure(figsize=(7, 1 + 0.35 * max(1, len(named))), layout="constrained")
    axes = figure.add_subplot()
    for height, (_, metric) in enumerate(reversed(named)):
        low, high = (metric.value if end is None else end for end in (metric.low, metric.high))
        axes.plot((low, high), (height, height), color="black", linewidth=1)
        axes.plot((metric.value,), (height,), "o", color="black", markersize=4)
    axes.axvline(1, color="grey", linestyle=":", linewidth=1)
    axes.set_yticks(range(len(named)), [name for name, _ in reversed(named)], fontsize=7)
    axes.set(xlabel="bits; 1 is what saying nothing costs", title=card.name)
    write_whole(path, png_of(figure, 130))


def _replay(model: Model, data: Path) -> list[bool]:
    """Whether a few test samples, examined twice from their bytes by two examiners, give the same."""
    samples: list[tuple[Path, ...]]
    if model.card.task == "authenticity":
        photos = read_photo_set(data, seed=model.card.seed).of("test")
        samples = [(photo.path,) for photo in photos]
    else:
        marks = read_mark_set(data, seed=model.card.seed).marks
        samples = [(one.path, other.path) for one, other in zip(marks[::2], marks[1::2], strict=False)]
    return [_alike(_examined(model, files), _examined(model, files)) for files in samples[:_REPLAYED]]


def _examined(model: Model, files: Sequence[Path]) -> Verdict | Comparison:
    examiner, (first, *rest) = examiner_of(model), [read_exhibit(file) for file in files]
    return examiner.compare(first, rest[0]) if isinstance(examiner, TrademarkExaminer) else examiner.examine(first)


def _alike(first: Verdict | Comparison, again: Verdict | Comparison) -> bool:
    same = first.outcome == again.outcome and first.log_odds == again.log_odds
    return same and run_id([stated(first)]) == run_id([stated(again)])


def _cells(folder: Path, card: Card) -> Figures | None:
    """The figures of every cell that `robustness` left; in format 1 its run alone says whose they are."""
    file, run = folder / "robustness_figures.json", folder / "robustness.json"
    if not (file.exists() and run.exists()):
        return None
    stated, about = json.loads(file.read_bytes()), json.loads(run.read_bytes())["run"]
    if "format" not in stated and about["weights_sha256"] == card.weights_sha256:
        return by_key(stated, 1)
    return read_figures(file, card, "cells")


def _unmeasured(row: str, measure: str, bar: str) -> Row:
    return Row(row, measure, "not measured", bar, "not measured")


def _met(met: bool) -> Standing:
    return "met" if met else "not met"


def _said(name: str, metric: Metric) -> str:
    interval = "" if metric.low is None or metric.high is None else f" [{metric.low:.3f}, {metric.high:.3f}]"
    return f"{name} {metric.value:.3f}{interval}"
