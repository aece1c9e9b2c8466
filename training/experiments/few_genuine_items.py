"""What a genuine reference finds without any network, over the number of genuine items behind it.

An examiner often holds a handful of genuine items and no counterfeit. Here only the deviation of a registered photo
from the mean of genuine ones judges: no counterfeit is seen, and nothing is learned.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import numpy as np

from inference.files import write_whole
from inference.models.card import Metric
from inference.reference.difference import anomaly, difference
from inference.reference.reference import Reference
from inference.reference.stack import ReferenceStack
from training.assessment.photos import unseen_counterfeiters
from training.assessment.tables import Table, json_bytes
from training.authenticity.settings import ReferenceSettings
from training.authenticity.views import RegisteredView, Seen, build_references
from training.data.photos.photo import PhotoSet, Split
from training.data.photos.photo_set import read_photo_set
from training.figures.metrics import auc_metric
from training.fitting.run_folder import require_setting

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FewGenuineItems:
    """What a genuine reference finds without any network, over the number of genuine items behind it."""

    data: Path
    """A set as for `python -m training authenticity`, best with counterfeiters."""
    out: Path
    """Folder for the table."""
    items: tuple[int, ...] = (5, 10, 20, 40)
    """Numbers of genuine training items for each series."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds; each draws other items."""
    split: Split = "test"
    """Split of the judged photos."""
    reference: ReferenceSettings = field(default_factory=ReferenceSettings)
    """Size of the references, and the folder that keeps them and registrations."""

    def __post_init__(self) -> None:
        require_setting(bool(self.items and self.seeds), "Name at least one of each to vary.")
        require_setting(min(self.items, default=1) >= 1, "A reference is made of at least one item.")


def run(study: FewGenuineItems) -> Table:
    """Build references of so many items, judge, and write few_genuine_items.json.

    Returns:
        The figures, a row a number of items and seed.

    Raises:
        Refusal: if the photos cannot be used, or so few do not make a reference.
    """
    photos = read_photo_set(study.data)
    table: Table = {}
    for count, seed in product(study.items, study.seeds):
        row = f"{count} genuine items a series, seed {seed}"
        logger.info("%s", row)
        beside = study.reference
        references = build_references(some_genuine(photos, count, seed), beside.long_side, beside.cache)
        table[row] = _figures(photos, references, study)
        write_whole(study.out / "few_genuine_items.json", json_bytes(table))
    return table


def some_genuine(photos: PhotoSet, count: int, seed: int) -> PhotoSet:
    """The set with so many genuine training items a series, all their photos, and no other training photo."""
    kept: set[tuple[str, str]] = set()
    for series in photos.series:
        items = {p.item for p in photos.of("train") if p.label == "genuine" and p.series == series}
        ordered = sorted(items, key=lambda item: hashlib.sha256(f"{seed} {item}".encode()).digest())
        kept |= {(series, item) for item in ordered[:count]}
    chosen = tuple(
        p for p in photos.photos if p.split != "train" or (p.label == "genuine" and (p.series, p.item) in kept)
    )
    return replace(photos, photos=chosen)


def _figures(photos: PhotoSet, references: tuple[Reference, ...], study: FewGenuineItems) -> dict[str, Metric]:
    judged = photos.of(study.split)
    stack = ReferenceStack.around(references, study.reference.channels)
    by_series = {reference.series: reference for reference in references}
    seen = RegisteredView(references, stack, study.reference.cache).read(judged)
    away = np.array([_deviation(one, by_series) for one in seen])
    items = np.array([photo.item for photo in judged])
    forged = np.array([photo.label == "counterfeit" for photo in judged])
    unseen = unseen_counterfeiters(photos, study.split)
    groups = {"known counterfeiters, AUC": forged & ~unseen, "unseen counterfeiters, AUC": forged & unseen}
    return {
        name: auc_metric(away[chosen], away[~forged], items[chosen], items[~forged], "deviation, no network")
        for name, chosen in groups.items()
        if chosen.any()
    }


def _deviation(seen: Seen, references: dict[str, Reference]) -> float:
    if seen.registration is None or seen.covered is None:
        msg = "a photo beside its reference says how it was registered"
        raise ValueError(msg)
    return anomaly(difference(seen.pixels, seen.covered, references[seen.registration.series]), seen.covered)
