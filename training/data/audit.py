"""The shortcut audit: can a label be guessed without seeing the part?

A small network sees only traces of photography: size of picture and file, JPEG tables, colour statistics and noise. If
it beats chance, something other than the alterations separates the sides, and no figure on the set means what it says.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from inference.models.card import Metric
from training.figures.metrics import auc_metric

CHANCE = (0.45, 0.55)
"""AUC between which a set counts as free of shortcuts."""

_FOLDS = 5
_STEPS = 300


@dataclass(frozen=True)
class Audit:
    """The result of the audit.

    Attributes:
        auc: AUC of genuine against counterfeit within a series, out of fold, folds by item.
        photos: Number of photos.
    """

    auc: Metric
    photos: int

    @property
    def passed(self) -> bool:
        """Whether the AUC is that of chance."""
        return CHANCE[0] <= self.auc.value <= CHANCE[1]

    @property
    def finding(self) -> str:
        """The finding in words; with few photos there may be none."""
        if self.passed:
            return "no shortcut found"
        low, high = self.auc.low, self.auc.high
        unsure = low is not None and high is not None and low <= CHANCE[1] and high >= CHANCE[0]
        return "too few photos to tell" if unsure else "A SHORTCUT WAS FOUND"

    def __str__(self) -> str:
        return f"shortcut audit: AUC {self.auc.value:.3f} [{self.auc.low:.3f}, {self.auc.high:.3f}], {self.finding}"

    def page(self) -> str:
        """The finding in Markdown."""
        return f"""# Shortcut audit
{self}.

A network of one hidden layer saw, of each of {self.photos} photos, only its size, the size of its file, its JPEG
tables, statistics of its colours and an estimate of its noise, each standardised within its series. It was trained on
four fifths of the items and judged on the others, five times ({self.auc.over}). An AUC between {CHANCE[0]} and
{CHANCE[1]} counts as chance.
"""


def audit(manifest: Path, seed: int = 0) -> Audit:
    """Audit the set of a manifest with the columns path, series, label and item.

    Args:
        manifest: A CSV file; paths are relative to it.
        seed: Draws the folds and the network's start, >= 0.
    """
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    traces = np.array([photographic_traces(manifest.parent / row["path"]) for row in rows])
    genuine = np.array([row["label"] == "genuine" for row in rows])
    series, items = np.array([row["series"] for row in rows]), np.array([row["item"] for row in rows])
    standard = within(series, traces, standardised)
    scores, folds = guessed_out_of_fold(standard[:, None], genuine, items[:, None], seed)
    # Ranks within the series: series with more counterfeits than others are no shortcut. And within the fold: each
    # fold has a network of its own, whose scores have an offset of their own.
    group = np.array([f"{name} {fold}" for name, fold in zip(series, folds, strict=True)])
    ranks = ranks_within(group, scores)
    auc = auc_metric(
        ranks[genuine], ranks[~genuine], items[genuine], items[~genuine], "photographic traces, out of fold by item"
    )
    return Audit(auc, len(rows))


def guessed_out_of_fold(
    traces: NDArray[np.float64], positive: NDArray[np.bool_], sources: NDArray[np.str_], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The scores of each case by small networks that learned from cases without a common source.

    Each place in a case has a network of its own, and their scores are added, so that the pictures of a case are never
    compared. A case whose sources lie in several folds is not scored, since one of them would have been learned.

    Args:
        traces: Standardised traces of the k pictures of each case, (n, k, d).
        positive: The side each case is on, (n,).
        sources: The source of each picture, (n, k); a source lies in one fold.
        seed: Draws the folds and the network's start, >= 0.

    Returns:
        Log odds of positive, rounded to a millionth, (n,), NaN for a case of several folds, and the fold of each
        case's first picture, (n,).
    """
    folds = np.array([[zlib.crc32(f"{seed} {source}".encode()) % _FOLDS for source in case] for case in sources])
    scores = np.full(len(traces), np.nan)
    for fold in range(_FOLDS):
        inside = folds == fold
        learned, out = ~inside.any(axis=1), inside.all(axis=1)
        scores[out] = _guess(traces[learned], positive[learned], traces[out], seed)
    return scores.round(6), folds[:, 0]


def ranks_within(groups: NDArray[Any], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of a group's scores below each score, ties counted half: (n,), inside 0 to 1."""
    return within(groups, scores[:, None], _ranks)[:, 0]


def standardised(traces: NDArray[np.float64]) -> NDArray[np.float64]:
    """The traces (n, ..., d) with mean 0 and standard deviation 1 over the cases."""
    centred: NDArray[np.float64] = (traces - traces.mean(0)) / (traces.std(0) + 1e-9)
    return centred


def within(
    groups: NDArray[Any], values: NDArray[np.float64], change: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Apply a change to the rows of each group by itself.

    Args:
        groups: The group of each row, (n,).
        values: The rows, (n, d).
        change: From the rows of one group, (m, d), to as many new ones.

    Returns:
        The changed rows, (n, d), in the order of `values`.
    """
    changed = np.empty_like(values)
    for group in np.unique(groups):
        changed[groups == group] = change(values[groups == group])
    return changed


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the rows (n, 1) below each, those equal to it counted half: float64 (n, 1), inside 0 to 1."""
    ordered = np.sort(values[:, 0])
    return (np.searchsorted(ordered, values, side="left") + np.searchsorted(ordered, values, side="right")) / (
        2 * len(values)
    )


def photographic_traces(path: Path) -> NDArray[np.float64]:
    """Size, JPEG, colour statistics and noise of a photo, float64 (29,), without any position."""
    with Image.open(path) as photo:
        tables = [float(np.sum(table)) for table in getattr(photo, "quantization", {}).values()]
        pixels = np.asarray(photo.convert("RGB"))
    height, width = pixels.shape[:2]
    levels = np.arange(256) / 255
    counts = np.stack([np.bincount(pixels[..., channel].ravel(), minlength=256) for channel in range(3)])
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ levels
    spread = np.sqrt(np.maximum(shares @ levels**2 - mean**2, 0))
    skew = (shares * (levels - mean[:, None]) ** 3).sum(1) / (spread**3 + 1e-6)
    quantiles = [levels[(shares.cumsum(1) < share).sum(1).clip(max=255)] for share in (0.01, 0.25, 0.75, 0.99)]
    colours: Sequence[NDArray[np.float64]] = (mean, spread, skew, *quantiles)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    laplacian = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    noise = [float(np.median(laplacian)), float(laplacian.mean()), float(np.quantile(laplacian, 0.1))]
    size = [width, height, path.stat().st_size / (width * height)]
    return np.array([*size, sum(tables[:1]), sum(tables[1:]), *np.concatenate(colours), *noise])


def _guess(
    seen: NDArray[np.float64], positive: NDArray[np.bool_], unseen: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    """Log odds of positive for the unseen cases (m, k, d), learned from the seen ones (n, k, d): float64 (m,)."""
    places, size = seen.shape[1:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        networks = nn.ModuleList(nn.Sequential(nn.Linear(size, 16), nn.ReLU(), nn.Linear(16, 1)) for _ in range(places))

    def score(cases: Tensor) -> Tensor:
        return torch.stack([network(cases[:, place])[:, 0] for place, network in enumerate(networks)]).sum(0)

    optimiser = torch.optim.AdamW(networks.parameters(), 0.01, weight_decay=0.1)
    inputs, labels = torch.tensor(seen, dtype=torch.float32), torch.tensor(positive, dtype=torch.float32)
    for _ in range(_STEPS):
        loss: Tensor = functional.binary_cross_entropy_with_logits(score(inputs), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        return score(torch.tensor(unseen, dtype=torch.float32)).double().numpy()
