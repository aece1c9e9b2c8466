"""Heatmaps against the truth: do they point at the alteration better than uninformed maps?

With a mask of each alteration, a heatmap can be scored by its energy inside the altered area, its peak and its ranking
of pixels. A centre prior, an edge map, a random map and the heatmap of a network with random weights get the same
scores for comparison.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.stats import spearmanr
from torch import nn
from tqdm import tqdm

from inference.authenticity.examiner import AuthenticityExaminer, View
from inference.drawing import overlay
from inference.files import jpeg_bytes, write_whole
from inference.heatmap import CamMethod, over_part
from inference.intake.exhibit import exhibit_from_pixels, read_exhibit
from inference.models.card import Metric
from inference.models.weights import Model
from inference.networks import build_network
from inference.preprocessing import at_most, resize
from inference.records import Exhibit, Verdict
from inference.request import Request
from training.assessment.tables import Table, json_bytes_of
from training.data.photos.photo import Photo
from training.figures.metrics import auc, mean_by_source, share_by_source
from training.fitting.run_folder import require_setting

logger = logging.getLogger(__name__)

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

_LONG_SIDE = 448
_JPEG_QUALITY, _SHIFT = 90, 2
_LAYERS = (0, 2, 4, 6)


@dataclass(frozen=True)
class MapScore:
    """Scores of one map against the truth.

    Attributes:
        lift: Energy inside the altered area over the area's share of the frame; 1 is chance.
        pointing: Whether the peak lies in the altered area, widened by one cell.
        pixel_auc: Probability that an altered pixel ranks above another one.
    """

    lift: float
    pointing: float
    pixel_auc: float


def score_map(values: Plane, mask: Mask, reach: float) -> MapScore:
    """Score a map (h, w), >= 0, against the altered area, bool (h, w).

    Args:
        values: The map.
        mask: The altered area; neither empty nor the whole frame.
        reach: Pixels from the area within which a peak still counts: one cell of the feature map.
    """
    total = float(values.sum())
    lift = float(values[mask].sum()) / total / float(mask.mean()) if total > 0 else 0.0
    near = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) <= reach
    pointing = float(near.ravel()[int(values.argmax())]) if total > 0 else 0.0
    return MapScore(lift, pointing, auc(values[mask].astype(np.float64), values[~mask].astype(np.float64)))


def rank_correlation(first: Plane, second: Plane) -> float:
    """Spearman's correlation of two maps, ties at their mean rank; NaN if one of them is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(spearmanr(first.ravel(), second.ravel()).statistic)


@dataclass(frozen=True)
class Flagged:
    """A counterfeit that was found, with the truth in the frame of its heatmap.

    Attributes:
        photo: The photo as the set states it.
        view: Its view.
        verdict: Its verdict.
        mask: The altered area, bool (h, w), at a long side of at most `_LONG_SIDE` pixels.
    """

    photo: Photo
    view: View
    verdict: Verdict
    mask: Mask

    @property
    def values(self) -> Plane:
        """The heatmap, float32 (h, w)."""
        return over_part(self.verdict.heatmap, self.mask.shape[1], self.mask.shape[0])

    @property
    def cell(self) -> float:
        """Side of a cell of the feature map in pixels of the mask."""
        heatmap = self.verdict.heatmap
        return self.mask.shape[1] / (heatmap.placement.width * heatmap.raw.shape[1])


def measure(model: Model, photos: Sequence[Photo], out: Path, choices: bool, limit: int) -> Table:
    """Score a model's heatmaps; write the contact sheet and heatmaps.json, which names the model.

    Args:
        model: An authenticity model.
        photos: Photos of one split; those with a mask are scored.
        out: Folder to write to.
        choices: Score every layer and method instead of the model's own.
        limit: Most counterfeits, evenly spaced.

    Raises:
        Refusal: if no photo has a mask, or no counterfeit with a mask is found.
    """
    forged = [photo for photo in photos if photo.truth.mask is not None]
    require_setting(
        bool(forged),
        "The data names no mask for any of these photos, so that there is no truth to score by; add masks.",
    )
    forged = [forged[i] for i in np.unique(np.linspace(0, len(forged) - 1, min(len(forged), limit)).astype(int))]
    table = _choices(model, forged) if choices else _report(model, forged, photos, out)
    write_whole(out / "heatmaps.json", json_bytes_of(model, "maps", table))
    return table


def _choices(model: Model, photos: Sequence[Photo]) -> Table:
    """Scores of every layer and method on the same photos."""
    table: Table = {}
    views = _views(AuthenticityExaminer(model), photos)
    for steps, method in product(_LAYERS, get_args(CamMethod)):
        flagged = _find(AuthenticityExaminer(_with_map(model, steps, method)), photos, views)
        row = f"{method}, {steps} steps in the head"
        table[row] = _scores(flagged, lambda one: one.values, row)
    return table


def _with_map(model: Model, steps: int, method: CamMethod) -> Model:
    """The same model with its heatmap taken at another layer or by another method."""
    card = replace(model.card, arguments={**model.card.arguments, "steps_in_head": steps}, heatmap_method=method)
    network = build_network(card.network, card.arguments)
    network.load_state_dict(model.network.state_dict())
    return replace(model, card=card, network=network.eval())


def _report(model: Model, forged: Sequence[Photo], photos: Sequence[Photo], out: Path) -> Table:
    """The model's own heatmap beside uninformed maps, and its dependence on weights and on small disturbances."""
    examiner = AuthenticityExaminer(model)
    flagged = _find(examiner, forged, _views(examiner, forged))
    rng = np.random.default_rng(0)
    blind = AuthenticityExaminer(randomised(model, lambda _: True))
    others: dict[str, Callable[[Flagged], Plane]] = {
        "centre prior": lambda one: _centre(one.mask.shape),
        "edge map": _edges,
        "random map": lambda one: _noise(one, rng),
        "random weights": lambda one: _same(blind, one),
    }
    view = flagged[0].verdict.reference
    if view is not None:
        others[f"difference map, of {view.measured}"] = _difference
    table = {"heatmap": _scores(flagged, lambda one: one.values)}
    table |= {name: _scores(flagged, values, name) for name, values in others.items()}
    headless = AuthenticityExaminer(randomised(model, _in_head_or_last_stage))
    items = [one.photo.item for one in flagged]

    def agreement(name: str, other: Callable[[Flagged], Plane]) -> None:
        values = np.array([rank_correlation(one.values, other(one)) for one in flagged])
        metric = mean_by_source(values, items, "Spearman, map by map").named("heatmap_rank_correlation", name)
        table[name] = {"rank correlation": metric}

    agreement("head and last stage randomised", lambda one: _same(headless, one))
    agreement(f"JPEG quality {_JPEG_QUALITY}", lambda one: _of(examiner, _recompressed(one.verdict.exhibit), one))
    agreement(f"shifted by {_SHIFT} pixels", lambda one: _of(examiner, _shifted(one.verdict.exhibit), one))
    twins = [one for one in flagged if one.photo.truth.twin is not None]
    if twins:
        cleared = [
            examiner.examine(read_exhibit(one.photo.truth.twin), one.photo.series).probability_genuine > 0.5
            for one in tqdm(twins, "twins", leave=False)
            if one.photo.truth.twin
        ]
        named = [one.photo.item for one in twins]
        table["their genuine twins"] = {
            "taken for genuine": share_by_source(cleared, named, "the same photo without the alteration")
        }
    write_whole(out / "contact_sheet.jpg", contact_sheet(examiner, flagged, photos))
    return table


def _views(examiner: AuthenticityExaminer, photos: Sequence[Photo]) -> list[View]:
    """The view of each photo, made once, since registration takes longer than judging."""
    return [
        examiner.view(Request(read_exhibit(photo.path), photo.series))
        for photo in tqdm(photos, "reading photos", leave=False)
    ]


def _find(examiner: AuthenticityExaminer, photos: Sequence[Photo], views: Sequence[View]) -> list[Flagged]:
    """The counterfeits that the examiner finds, with P(genuine) below a half.

    Raises:
        TrainingRefused: if it finds none.
    """
    flagged = []
    for photo, view in zip(photos, tqdm(views, "examining", leave=False), strict=True):
        verdict = examiner.judge([view])[0]
        mask = in_frame(read_mask(photo), verdict)
        found = verdict.outcome != "out of scope" and verdict.probability_genuine < 0.5
        if found and mask.any() and not mask.all():
            flagged.append(Flagged(photo, view, verdict, mask))
    require_setting(
        bool(flagged),
        "The model finds none of the counterfeits, so that there is no heatmap to score; name other photos.",
    )
    logger.info("%d of %d counterfeits were found", len(flagged), len(photos))
    return flagged


def read_mask(photo: Photo) -> NDArray[np.uint8]:
    """The mask of a photo (H, W); values above 127 are altered."""
    with Image.open(str(photo.truth.mask)) as picture:
        return np.asarray(picture.convert("L"))


def in_frame(mask: NDArray[np.uint8], verdict: Verdict) -> Mask:
    """A photo's mask in the frame of its heatmap, bool, at a long side of at most `_LONG_SIDE` pixels."""
    height, width = verdict.seen.shape[:2]
    if verdict.reference is not None:
        mask = np.asarray(cv2.warpPerspective(mask, np.array(verdict.reference.homography), (width, height)), np.uint8)
    return at_most(mask, _LONG_SIDE) > 127


def _scores(flagged: Sequence[Flagged], values: Callable[[Flagged], Plane], *of: str) -> dict[str, Metric]:
    """Mean scores of a map over the counterfeits that were found; `of` names one that is not the model's own."""
    scores = [score_map(values(one), one.mask, one.cell) for one in tqdm(flagged, "scoring", leave=False)]
    items = [one.photo.item for one in flagged]
    figures = {
        ("lift", "heatmap_lift"): [score.lift for score in scores],
        ("pointing", "heatmap_pointing"): [score.pointing for score in scores],
        ("pixel AUC", "heatmap_pixel_auc"): [score.pixel_auc for score in scores],
    }
    return {
        name: mean_by_source(np.array(values), items, "counterfeits that were found").named(key, *of)
        for (name, key), values in figures.items()
    }


def _centre(shape: tuple[int, ...]) -> Plane:
    down, across = (np.exp(-0.5 * (np.linspace(-1, 1, side) / 0.5) ** 2) for side in shape[:2])
    return np.outer(down, across).astype(np.float32)


def _edges(one: Flagged) -> Plane:
    height, width = one.mask.shape
    grey = cv2.cvtColor(resize(one.verdict.seen, width, height), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)).astype(np.float32)


def _noise(one: Flagged, rng: np.random.Generator) -> Plane:
    """Noise in the cells of the heatmap."""
    raw = rng.random(one.verdict.heatmap.raw.shape, np.float32)
    return over_part(replace(one.verdict.heatmap, raw=raw), one.mask.shape[1], one.mask.shape[0])


def _difference(one: Flagged) -> Plane:
    view = one.verdict.reference
    if view is None:
        msg = "only a registered part has a difference map"
        raise ValueError(msg)
    height, width = one.mask.shape
    return cv2.resize(view.difference, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)


def _same(examiner: AuthenticityExaminer, one: Flagged) -> Plane:
    """The heatmap of another network for the same view."""
    return over_part(examiner.judge([one.view])[0].heatmap, one.mask.shape[1], one.mask.shape[0])


def _of(examiner: AuthenticityExaminer, exhibit: Exhibit, one: Flagged) -> Plane:
    heatmap = examiner.examine(exhibit, one.photo.series).heatmap
    return over_part(heatmap, one.mask.shape[1], one.mask.shape[0])


def _recompressed(exhibit: Exhibit) -> Exhibit:
    return read_exhibit(jpeg_bytes(Image.fromarray(exhibit.pixels), _JPEG_QUALITY), exhibit.name)


def _shifted(exhibit: Exhibit) -> Exhibit:
    moved = np.roll(exhibit.pixels, (_SHIFT, _SHIFT), axis=(0, 1))
    return exhibit_from_pixels(moved, exhibit.name)


def randomised(model: Model, chosen: Callable[[str], bool]) -> Model:
    """The model with fresh random weights in the modules whose names are chosen."""
    network = copy.deepcopy(model.network)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for name, module in network.named_modules():
            if chosen(name) and isinstance(module, (nn.Conv2d, nn.Linear, nn.BatchNorm2d)):
                module.reset_parameters()
    return replace(model, network=network.eval())


def _in_head_or_last_stage(name: str) -> bool:
    """Whether a module belongs to the classifier or to the last stage of its backbone."""
    last = ("main", "backbone.body.conv_head", "backbone.body.bn2", "backbone.body.blocks.6", "backbone.body.layer4")
    return name.startswith(last)


def contact_sheet(examiner: AuthenticityExaminer, flagged: Sequence[Flagged], photos: Sequence[Photo]) -> bytes:
    """For each series a genuine photo, then two counterfeits, each with its twin, its mask and its heatmap, as JPEG."""
    width, height, caption = 250, 200, 34
    by_series = {name: [one for one in flagged if one.photo.series == name] for name in examiner.card.series}
    sheet = Image.new("RGB", (9 * width, len(by_series) * (height + caption)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)

    def put(row: int, column: int, pixels: NDArray[np.uint8], words: str) -> None:
        shown = Image.fromarray(pixels)
        shown.thumbnail((width - 6, height), Image.Resampling.LANCZOS)
        left, top = column * width, row * (height + caption)
        sheet.paste(shown, (left, top + caption))
        draw.text((left + 2, top + 2), words, "black", font)

    for row, (series, found) in enumerate(by_series.items()):
        genuine = next((photo for photo in photos if photo.series == series and photo.label == "genuine"), None)
        if genuine is not None:
            put(row, 0, read_exhibit(genuine.path).pixels, f"{series}\ngenuine")
        for number, one in enumerate([found[0], found[-1]] if len(found) > 1 else found):
            truth, left = one.photo.truth, 1 + 4 * number
            put(row, left, one.verdict.exhibit.pixels, f"{truth.counterfeiter}\n{truth.severity}")
            if truth.twin is not None:
                put(row, left + 1, read_exhibit(truth.twin).pixels, "its genuine twin")
            put(row, left + 2, np.where(one.mask, np.uint8(255), np.uint8(0)), "what is altered")
            put(row, left + 3, overlay(one.verdict.heatmap, one.verdict.seen), "heatmap")
    return jpeg_bytes(sheet, 88)
