"""Assesses a finished locator on scenes with known parts: alone, after corruptions, and with authenticity models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tqdm import tqdm

from inference.authenticity.examiner import AuthenticityExaminer
from inference.files import jpeg_bytes, write_whole
from inference.intake.exhibit import read_exhibit
from inference.locator.examiner import Locator
from inference.models.card import Metric
from inference.models.catalogue import read_catalogue
from inference.preprocessing import resize
from inference.records import Crop, Detection, Verdict
from training.assessment.detections import detect_all, truth
from training.assessment.finished import FinishedModelSettings
from training.assessment.tables import Table, json_bytes
from training.data.corruptions import CORRUPTIONS, Corruption
from training.data.photos.photo import Split
from training.data.scenes.scene_set import LabelledScene, SceneSet, read_scene_set
from training.data.set_files import DataRefused
from training.figures.average_precision import SceneBoxes, detection_metrics, precision_metrics
from training.figures.metrics import auc, auc_metric, share_by_source

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

_MILD = (1, 2)
_DRAWS = 2000
_SHOWN, _COLUMNS, _TILE, _INK = 12, 4, (320, 240), (255, 240, 0)


@dataclass(frozen=True)
class LocatorAssessmentSettings(FinishedModelSettings):
    """Measure a finished locator on scenes whose parts are known."""

    model: tyro.conf.Positional[str]
    """Name of a locator."""
    data: Path
    """The scenes, as for training."""
    out: Path
    """Folder for the figures, and for a sheet of the first scenes with their detections."""
    split: Split = "test"
    """Split of the scenes: choose on val, report on test."""
    corruptions: bool = False
    """Measure after mild corruptions instead: compression, scaling, blur, noise, light, screens and messengers."""
    end_to_end: bool = False
    """Examine the parts instead, at true and at located boxes, with the model of each part."""
    limit: int = 10_000
    """Most scenes; the first ones are taken."""


def assess_locator(settings: LocatorAssessmentSettings) -> Table:
    """The figures, which are also written into the folder.

    Raises:
        Refusal: if the model or the data cannot be used.
    """
    locator = Locator.load(settings.model, settings.weights)
    scenes = read_scene_set(settings.data)
    if scenes.parts != locator.card.classes:
        shown, known = ", ".join(scenes.parts), ", ".join(locator.card.classes)
        msg = f"{settings.data} shows {shown}, but {settings.model} detects {known}; name scenes with these parts."
        raise DataRefused(msg)
    chosen = scenes.of(settings.split)[: settings.limit]
    if settings.end_to_end:
        table = end_to_end(locator, chosen, settings.weights)
    elif settings.corruptions:
        table = _after_corruptions(locator, scenes, chosen)
    else:
        table = {"as photographed": _figures(locator, scenes, chosen, detect_all(locator, chosen))}
        write_whole(settings.out / "finds.jpg", draw_detections(locator, chosen[:_SHOWN]))
    write_whole(settings.out / "figures.json", json_bytes(table))
    return table


def _figures(
    locator: Locator, scenes: SceneSet, chosen: Sequence[LabelledScene], found: Sequence[SceneBoxes]
) -> dict[str, Metric]:
    known = [truth(scenes, scene) for scene in chosen]
    return precision_metrics(found, known, scenes.parts) | detection_metrics(found, known, locator.rule.least_score)


def _after_corruptions(locator: Locator, scenes: SceneSet, chosen: Sequence[LabelledScene]) -> Table:
    table: Table = {"as photographed": _figures(locator, scenes, chosen, detect_all(locator, chosen))}
    for name, corruption in CORRUPTIONS.items():
        # Corruptions that move things would move the true boxes too.
        for severity in () if corruption.moves else _MILD:
            rng = np.random.default_rng(severity)
            found = detect_all(
                locator, chosen, partial(_of_its_size, corruption=corruption, severity=severity, rng=rng)
            )
            table[f"{name}, severity {severity}"] = _figures(locator, scenes, chosen, found)
    return table


def _of_its_size(pixels: Pixels, corruption: Corruption, severity: int, rng: np.random.Generator) -> Pixels:
    """A corrupted picture, scaled back to the size in which its boxes are stated."""
    return resize(corruption(pixels, severity, rng), pixels.shape[1], pixels.shape[0])


def draw_detections(locator: Locator, scenes: Sequence[LabelledScene]) -> bytes:
    """A JPEG of scenes with the detections on each: the proposed crop, the part and its score."""
    sheet = Image.new("RGB", (_COLUMNS * _TILE[0], -(-len(scenes) // _COLUMNS) * _TILE[1]), "white")
    for index, scene in enumerate(scenes):
        exhibit = read_exhibit(scene.path)
        small = Image.fromarray(exhibit.pixels).resize(_TILE, Image.Resampling.LANCZOS)
        draw = ImageDraw.Draw(small)
        zoom = _TILE[0] / exhibit.width, _TILE[1] / exhibit.height
        for find in locator.locate(exhibit):
            crop = find.crop
            left, top = crop.x * zoom[0], crop.y * zoom[1]
            box = (left, top, left + crop.width * zoom[0] - 1, top + crop.height * zoom[1] - 1)
            draw.rectangle(box, outline=_INK, width=2)
            caption = f"{find.part} {find.score:.2f}{', close-up' if find.close_up else ''}"
            draw.text((left + 4, top + 3), caption, _INK, stroke_width=1, stroke_fill=(0, 0, 0))
        sheet.paste(small, (index % _COLUMNS * _TILE[0], index // _COLUMNS * _TILE[1]))
    return jpeg_bytes(sheet, 85)


@dataclass(frozen=True)
class Pair:
    """One part, examined at its true and at its located box.

    Attributes:
        scene: Its scene.
        genuine: The truth.
        true: The verdict on its true box.
        located: The verdict on the locator's proposal; None if no proposal covers the part.
    """

    scene: str
    genuine: bool
    true: Verdict
    located: Verdict | None


def end_to_end(locator: Locator, chosen: Sequence[LabelledScene], weights: Path) -> Table:
    """Authenticity at true and at located boxes, for each part that has a model; the series is stated.

    Raises:
        DataRefused: if no scene has a labelled part with a model.
    """
    catalogue = read_catalogue(weights)
    table: Table = {}
    for part in locator.card.classes:
        for name in catalogue.names("authenticity", part):
            pairs = _pairs(locator, AuthenticityExaminer.load(name, weights), chosen, part)
            if pairs:
                table[f"{part}, {name}"] = pair_metrics(pairs)
    if not table:
        msg = f"No model in {weights} examines a labelled part of these scenes; put one there."
        raise DataRefused(msg)
    return table


def _pairs(locator: Locator, examiner: AuthenticityExaminer, chosen: Sequence[LabelledScene], part: str) -> list[Pair]:
    pairs = []
    for scene in tqdm(chosen, f"examining {part}", unit="scene", leave=False):
        parts = [one for one in scene.parts if one.part == part and one.series in examiner.card.series]
        if not parts:
            continue
        exhibit = read_exhibit(scene.path)
        detections = [find for find in locator.locate(exhibit) if find.part == part]
        for one in parts:
            true = locator.proposed_crop(exhibit, one.box)
            near = _nearest(detections, true)
            located = examiner.examine(exhibit, one.series, near.crop, locator.located(near)) if near else None
            at_true = examiner.examine(exhibit, one.series, true)
            pairs.append(Pair(scene.path.name, one.label == "genuine", at_true, located))
    return pairs


def _nearest(detections: Sequence[Detection], crop: Crop) -> Detection | None:
    """The detection that covers a crop best, if it covers half of it."""

    def shared(find: Detection) -> float:
        other = find.crop
        across = min(crop.x + crop.width, other.x + other.width) - max(crop.x, other.x)
        down = min(crop.y + crop.height, other.y + other.height) - max(crop.y, other.y)
        return max(0, across) * max(0, down) / (crop.width * crop.height)

    best = max(detections, key=shared, default=None)
    return best if best is not None and shared(best) >= 0.5 else None


def pair_metrics(pairs: Sequence[Pair]) -> dict[str, Metric]:
    """Figures of the verdicts at located boxes and at true boxes, with intervals by scene."""
    every = np.array([pair.scene for pair in pairs])
    both = [(pair, pair.located) for pair in pairs if pair.located is not None]
    found = [pair.located is not None for pair in pairs]
    metrics = {"parts found": share_by_source(found, every, "parts with a detection that covers half of them")}
    if not both:
        return metrics
    scenes = np.array([pair.scene for pair, _ in both])
    genuine = np.array([pair.genuine for pair, _ in both])
    verdicts = {"true": [pair.true for pair, _ in both], "located": [found for _, found in both]}
    same = [one.outcome == other.outcome for one, other in zip(*verdicts.values(), strict=True)]
    metrics["same outcome"] = share_by_source(same, scenes, "found parts whose outcome is that at their true box")
    scores = {where: np.array([verdict.score for verdict in given]) for where, given in verdicts.items()}
    for where, given in verdicts.items():
        inside = np.array([verdict.outcome != "out of scope" for verdict in given])
        metrics |= {
            f"out of scope at {where} boxes": share_by_source(~inside, scenes, "found parts that are refused"),
            **_aucs(f"authenticity AUC at {where} boxes", scores[where], genuine, scenes, "found parts"),
            **_aucs(
                f"authenticity AUC at {where} boxes, in scope",
                scores[where][inside],
                genuine[inside],
                scenes[inside],
                "found parts that no check refuses",
            ),
            **_misjudged(where, given, genuine, scenes),
        }
    if _both_sides(genuine):
        difference = _auc_difference(scores["located"], scores["true"], genuine, scenes)
        metrics["AUC at located less AUC at true boxes"] = difference
    return metrics


def _misjudged(
    where: str, given: Sequence[Verdict], genuine: NDArray[np.bool_], scenes: NDArray[np.str_]
) -> dict[str, Metric]:
    """The share of each side's parts in scope that is judged to be of the other side."""
    outcomes = np.array([verdict.outcome for verdict in given])
    metrics = {}
    for side, other, own in (("genuine", "counterfeit", genuine), ("counterfeit", "genuine", ~genuine)):
        judged = own & (outcomes != "out of scope")
        if judged.any():
            over = f"{side} found parts that no check refuses"
            wrong = outcomes[judged] == other
            metrics[f"{side} called {other} at {where} boxes"] = share_by_source(wrong, scenes[judged], over)
    return metrics


def _aucs(
    name: str, scores: Floats, genuine: NDArray[np.bool_], scenes: NDArray[np.str_], over: str
) -> dict[str, Metric]:
    """The AUC of scores of parts under a name; none if only one side is there."""
    if not _both_sides(genuine):
        return {}
    counts = f"score, {genuine.sum()} genuine against {(~genuine).sum()} counterfeit {over}"
    return {name: auc_metric(scores[genuine], scores[~genuine], scenes[genuine], scenes[~genuine], counts)}


def _both_sides(genuine: NDArray[np.bool_]) -> bool:
    return bool(genuine.any() and not genuine.all())


def _auc_difference(first: Floats, second: Floats, genuine: NDArray[np.bool_], scenes: NDArray[np.str_]) -> Metric:
    """Difference of the AUCs of two scores of the same parts, with a bootstrap that draws whole scenes."""

    def difference(chosen: NDArray[np.intp]) -> float:
        kind = genuine[chosen]
        one, other = first[chosen], second[chosen]
        return auc(one[kind], one[~kind]) - auc(other[kind], other[~kind])

    names, index = np.unique(scenes, return_inverse=True)
    members = [np.flatnonzero(index == number) for number in range(len(names))]
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(_DRAWS):
        chosen = np.concatenate([members[number] for number in rng.integers(len(names), size=len(names))])
        if genuine[chosen].any() and not genuine[chosen].all():
            drawn.append(difference(chosen))
    low, high = np.quantile(drawn, [0.025, 0.975])
    over = f"the same {len(genuine)} parts; bootstrap by scene, {_DRAWS} draws"
    return Metric(difference(np.arange(len(genuine))), float(low), float(high), over)
