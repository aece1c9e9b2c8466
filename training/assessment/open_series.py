"""The series rule: when the best fit may decide a series that the examiner left open.

Authenticity is weighed for the series that a part claims to be. A photo can fit two references of one house nearly
equally, and a genuine part looks altered beside the wrong one. So the best fit is taken only if it leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inference.intake.exhibit import read_exhibit
from inference.models.card import Metric, SeriesRule
from inference.reference.reference import Reference
from inference.reference.registration import register_best
from training.data.photos.photo import Photo, PhotoSet
from training.data.processes import worker_processes
from training.figures.metrics import share_by_source

MOST_MISTAKEN = 0.02


@dataclass(frozen=True)
class OpenFits:
    """The fits of photos when every reference is tried; photos that fit none are left out.

    Attributes:
        items: The item of each photo (n,).
        own: Whether the reference of its own series fits best (n,).
        lead: Lead of the best fit over the runner-up (n,), >= 0.
    """

    items: NDArray[np.str_]
    own: NDArray[np.bool_]
    lead: NDArray[np.float64]


def left_open(photos: PhotoSet, references: Sequence[Reference]) -> tuple[SeriesRule | None, dict[str, Metric]]:
    """The rule from validation photos, and its figures on test photos; none with a single reference."""
    if len(references) < 2:
        return None, {}
    rule = series_rule(open_fits(photos.of("val"), references))
    return rule, series_metrics(open_fits(photos.of("test"), references), rule)


def open_fits(photos: Sequence[Photo], references: Sequence[Reference]) -> OpenFits:
    """The fits of photos to each of several references, as in an examination with the series left open."""
    with worker_processes() as pool:
        found = pool.map(_fit, photos, repeat(tuple(references)), chunksize=8)
        bar = tqdm(found, "leaving the series open", total=len(photos), unit="photo", leave=False)
        kept = [(photo.item, *fit) for photo, fit in zip(photos, bar, strict=True) if fit is not None]
    items, own, lead = zip(*kept, strict=True) if kept else ((), (), ())
    return OpenFits(np.array(items, np.str_), np.array(own, np.bool_), np.array(lead, np.float64))


def _fit(photo: Photo, references: tuple[Reference, ...]) -> tuple[bool, float] | None:
    """Whether a photo fits the reference of its own series best, and the lead of the best fit; None for a bad fit."""
    best, second, *_ = register_best(read_exhibit(photo.path).pixels, references)
    least = next(reference.least_score for reference in references if reference.series == best.series)
    return None if best.score < least else (best.series == photo.series, best.score - second.score)


def series_rule(validation: OpenFits) -> SeriesRule:
    """The least lead with which at most 2% of the validation photos are taken for another series."""
    mistaken = np.sort(validation.lead[~validation.own])[::-1]
    allowed = int(MOST_MISTAKEN * len(validation.lead))
    least = float(np.nextafter(mistaken[allowed], np.inf)) if len(mistaken) > allowed else 0.0
    rule = (
        f"the least with which at most {MOST_MISTAKEN:.0%} of {len(validation.lead)} validation photos are laid over "
        f"the reference of a series that is not theirs; with none, {np.mean(~validation.own):.1%} would be"
    )
    return SeriesRule(least, rule)


def series_metrics(test: OpenFits, rule: SeriesRule) -> dict[str, Metric]:
    """How often the series must be stated, and how often a wrong series is taken without asking."""
    asked = test.lead < rule.least_lead
    return {
        "series open: asked for": share_by_source(
            asked, test.items, "photos that fit two references too much alike to be judged without their series"
        ).named("series_asked_for"),
        "series open: mistaken": share_by_source(
            ~test.own & ~asked, test.items, "photos laid over the reference of another series, unasked"
        ).named("series_mistaken"),
    }
